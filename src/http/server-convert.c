/* SPDX-License-Identifier: MIT */
#include "http/server-convert.h"

#include <string.h>
#include <strings.h>

#include "base/hash.h"
#include "base/mem.h"
#include "http/http.h"
#include "http/server.h"

#define METHOD_CHARACTERS /* RFC 9110 section 5.6.2 */ \
	"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

/* The client's X-Request-Id if it is visible ASCII and not too long, else a new id. */
static const char *choose_id(h2o_req_t *req)
{
	ssize_t i = h2o_find_header_by_str(&req->headers, H2O_STRLIT("x-request-id"), -1);
	h2o_iovec_t given = i < 0 ? (h2o_iovec_t){ NULL, 0 } : req->headers.entries[i].value;
	bool is_good = given.len > 0 && given.len < HTTP_REQUEST_ID_SIZE;

	for (size_t k = 0; is_good && k < given.len; k++)
		is_good = given.base[k] >= '!' && given.base[k] <= '~';
	if (is_good)
		return h2o_strdup(&req->pool, given.base, given.len).base;
	char *id = h2o_mem_alloc_pool(&req->pool, HASH_UUID_SIZE);
	hash_uuid(id);
	return id;
}

static enum http_method method_of(h2o_iovec_t name)
{
	if (h2o_memis(name.base, name.len, H2O_STRLIT("GET")))
		return HTTP_GET;
	if (h2o_memis(name.base, name.len, H2O_STRLIT("HEAD")))
		return HTTP_HEAD;
	return h2o_memis(name.base, name.len, H2O_STRLIT("POST")) ? HTTP_POST : HTTP_OTHER;
}

/* Splits "http://host/path" (RFC 9112 section 3.2.2), which takes precedence over Host; "https" comes from a
 * proxy that ends TLS. An empty path is "/". A target without a host, or with a user, becomes empty. */
static h2o_iovec_t split_target(h2o_req_t *req, h2o_iovec_t *authority)
{
	h2o_iovec_t target = req->input.path;
	size_t scheme = strncasecmp(target.base, "http://", 7) == 0    ? 7
			: strncasecmp(target.base, "https://", 8) == 0 ? 8
								       : 0;

	if (scheme == 0)
		return target;
	const char *host = target.base + scheme;
	size_t length = 0;
	while (scheme + length < target.len && !strchr("/?#", host[length]))
		length++;
	if (length == 0 || memchr(host, '@', length))
		return (h2o_iovec_t){ NULL, 0 };
	*authority = h2o_iovec_init(host, length);
	h2o_iovec_t rest = h2o_iovec_init(host + length, target.len - scheme - length);
	return rest.len > 0 && rest.base[0] == '/' ? rest
						   : h2o_concat(&req->pool, h2o_iovec_init("/", 1), rest);
}

static bool is_same_name(const h2o_header_t *a, const h2o_header_t *b)
{
	return h2o_memis(a->name->base, a->name->len, b->name->base, b->name->len);
}

/* Joins all lines of one name to one list (RFC 9110 section 5.3). The list is allocated once, because partial
 * lists would stay in memory until the response is sent. NULL: an earlier line has this name. */
static const char *join_lines(h2o_req_t *req, size_t first)
{
	const h2o_header_t *lines = req->headers.entries;
	size_t size = 0, length = 0;

	for (size_t i = 0; i < first; i++) {
		if (is_same_name(&lines[i], &lines[first]))
			return NULL;
	}
	for (size_t i = first; i < req->headers.size; i++)
		size += is_same_name(&lines[i], &lines[first]) ? lines[i].value.len + 2 : 0;
	char *list = h2o_mem_alloc_pool(&req->pool, size);
	for (size_t i = first; i < req->headers.size; i++) {
		if (!is_same_name(&lines[i], &lines[first]))
			continue;
		if (i > first) {
			memcpy(list + length, ", ", 2);
			length += 2;
		}
		memcpy(list + length, lines[i].value.base, lines[i].value.len);
		length += lines[i].value.len;
	}
	list[length] = '\0';
	return list;
}

static int convert_fields(h2o_req_t *req, h2o_iovec_t authority, struct http_request *request)
{
	const h2o_headers_t *headers = &req->headers;
	struct http_field *fields = h2o_mem_alloc_pool(&req->pool, sizeof(*fields) * (headers->size + 1));
	size_t count = 0, size = authority.len;

	for (size_t i = 0; i < headers->size; i++)
		size += headers->entries[i].name->len + headers->entries[i].value.len + 4;
	if (size > SERVER_HEADERS_MAX)
		return 431;
	/* The library keeps Host apart, and invents one if the client sent none. */
	if (authority.base && authority.base != req->hostconf->authority.hostport.base)
		fields[count++] = (struct http_field){ .name = "host",
			.value = h2o_strdup(&req->pool, authority.base, authority.len).base };
	for (size_t i = 0; i < headers->size; i++) {
		const h2o_iovec_t *name = headers->entries[i].name;
		if (name->len == 0) /* a folded line (RFC 9112 section 5.2) arrives without a name */
			return 400;
		const char *value = join_lines(req, i);
		if (value)
			fields[count++] = (struct http_field){
				.name = h2o_strdup(&req->pool, name->base, name->len).base, .value = value
			};
	}
	request->fields = fields;
	request->field_count = count;
	return 0;
}

static int convert_target(h2o_req_t *req, h2o_iovec_t target, struct http_request *request)
{
	if (h2o_memis(target.base, target.len, H2O_STRLIT("*")) &&
		strcmp(request->method_name, "OPTIONS") == 0) {
		request->path = "*";
		return 0;
	}
	if (target.len == 0 || target.base[0] != '/')
		return 400;
	const char *mark = memchr(target.base, '?', target.len);
	size_t length = mark ? (size_t)(mark - target.base) : target.len;
	char *path = h2o_mem_alloc_pool(&req->pool, length + 1);
	if (http_decode(target.base, length, false, path, length + 1) < 0)
		return 400;
	request->path = path;
	if (mark)
		request->query = h2o_strdup(&req->pool, mark + 1, target.len - length - 1).base;
	return 0;
}

int convert_request(h2o_req_t *req, struct http_request *ret_request)
{
	h2o_iovec_t authority = req->input.authority, method = req->input.method;

	*ret_request = (struct http_request){
		.method = method_of(method),
		.method_name = h2o_strdup(&req->pool, method.base, method.len).base,
		.path = "/", /* until it is known to be good */
		.query = "",
		.tail = "",
		.body = req->entity.base ? req->entity.base : "",
		.body_length = req->entity.base ? req->entity.len : 0,
		.request_id = choose_id(req),
		.is_http_1_0 = req->version < 0x101,
	};
	if (req->input.path.len > SERVER_URL_MAX)
		return 414;
	if (strspn(ret_request->method_name, METHOD_CHARACTERS) != method.len)
		return 400;
	h2o_iovec_t target = split_target(req, &authority);
	int status = convert_fields(req, authority, ret_request);
	return status ? status : convert_target(req, target, ret_request);
}

/* The reason phrase, which the grammar of HTTP/1.1 requires; only people read it. */
static const char *reason_of(int status)
{
	static const struct {
		int status;
		const char *reason;
	} rows[] = {
		{ 200, "OK" },
		{ 202, "Accepted" },
		{ 204, "No Content" },
		{ 304, "Not Modified" },
		{ 400, "Bad Request" },
		{ 401, "Unauthorized" },
		{ 403, "Forbidden" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 409, "Conflict" },
		{ 411, "Length Required" },
		{ 413, "Content Too Large" },
		{ 414, "URI Too Long" },
		{ 417, "Expectation Failed" },
		{ 429, "Too Many Requests" },
		{ 431, "Request Header Fields Too Large" },
		{ 500, "Internal Server Error" },
		{ 501, "Not Implemented" },
		{ 502, "Bad Gateway" },
		{ 503, "Service Unavailable" },
		{ 504, "Gateway Timeout" },
		{ 507, "Insufficient Storage" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (rows[i].status == status)
			return rows[i].reason;
	}
	return "Unknown";
}

static void add_header(h2o_req_t *req, const char *name, const char *value)
{
	h2o_iovec_t copy = h2o_strdup(&req->pool, value, SIZE_MAX);

	/* The header is added by its plain name, not as one of the library's tokens, because the library
	 * rewrites Vary for old browsers. */
	h2o_add_header_by_str(
		&req->pool, &req->res.headers, name, strlen(name), 0, NULL, copy.base, copy.len);
}

void convert_response(h2o_req_t *req, const struct http_response *response, const char *request_id)
{
	int status = response->status ? response->status : 500;

	req->res.status = status;
	req->res.reason = reason_of(status);
	/* Without a length, the library would send chunks or close the connection, except for responses that
	 * have no body by definition. */
	if (status != 304 && status != 204 && !response->without_length)
		req->res.content_length = response->body ? response->body->length : 0;
	memset(&req->res.headers, 0, sizeof(req->res.headers));
	if (response->content_type)
		add_header(req, "content-type", response->content_type);
	for (size_t i = 0; i < response->header_count; i++)
		add_header(req, response->headers[i].name, response->headers[i].value);
	add_header(req, "x-request-id", request_id);
	/* A browser must not guess another type than the declared one. */
	add_header(req, "x-content-type-options", "nosniff");
}
