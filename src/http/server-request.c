/* SPDX-License-Identifier: MIT */
#include "http/server-internal.h"

#include <string.h>

#include "base/hash.h"
#include "http/decode.h"
#include "http/head.h"
#include "http/list.h"
#include "http/router.h"

#define METHOD_CHARACTERS /* RFC 9110 section 5.6.2 */ \
	"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

static bool is_request_id(h2o_iovec_t text)
{
	if (text.len == 0 || text.len >= HTTP_REQUEST_ID_SIZE)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		if (text.base[i] < '!' || text.base[i] > '~')
			return false;
	}
	return true;
}

static void call_choose_id(struct http_call *call)
{
	const h2o_headers_t *headers = &call->req->headers;

	for (size_t i = 0; i < headers->size; i++) {
		const h2o_header_t *header = &headers->entries[i];
		if (!h2o_memis(header->name->base, header->name->len, H2O_STRLIT("x-request-id")))
			continue;
		if (!is_request_id(header->value))
			break;
		memcpy(call->request_id, header->value.base, header->value.len);
		call->request_id[header->value.len] = '\0';
		return;
	}
	hash_uuid(call->request_id);
}

/* The library releases the request: it was answered, or the connection has ended. */
static void call_dispose(void *arg)
{
	struct http_call *call = arg;

	if (call->is_waiting)
		TAILQ_REMOVE(&call->connection->server->waiting, call, link);
	call_detach(call);
	http_body_unref(call->body);
	call->connection->call = NULL;
	connection_enter(call->connection, CONNECTION_READING);
	connection_check_next(call->connection);
	connection_unhook(call->connection);
}

static enum http_method method_of(h2o_iovec_t name)
{
	if (h2o_memis(name.base, name.len, H2O_STRLIT("GET")))
		return HTTP_GET;
	if (h2o_memis(name.base, name.len, H2O_STRLIT("HEAD")))
		return HTTP_HEAD;
	return h2o_memis(name.base, name.len, H2O_STRLIT("POST")) ? HTTP_POST : HTTP_OTHER;
}

struct http_call *call_new(h2o_req_t *req)
{
	struct http_call *call = h2o_mem_alloc_shared(&req->pool, sizeof(*call), call_dispose);

	*call = (struct http_call){ .req = req, .connection = connection_of(req) };
	call->method = method_of(req->input.method);
	call_choose_id(call);
	call->connection->call = call;
	call->connection->server->requests++;
	return call;
}

static char *pool_copy(h2o_req_t *req, h2o_iovec_t text)
{
	char *copy = h2o_mem_alloc_pool(&req->pool, text.len + 1);

	memcpy(copy, text.base, text.len);
	copy[text.len] = '\0';
	return copy;
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

/* The library keeps Host apart, and invents one where the client sent none. */
static bool has_authority(const h2o_req_t *req, h2o_iovec_t authority)
{
	return authority.base && authority.base != req->hostconf->authority.hostport.base;
}

static bool is_same_name(const h2o_header_t *a, const h2o_header_t *b)
{
	return h2o_memis(a->name->base, a->name->len, b->name->base, b->name->len);
}

/* Several lines of one name are one list (RFC 9110 section 5.3). It is made in one piece, because all pieces
 * would stay in memory until the answer is sent. NULL: an earlier line has brought this one, too. */
static const char *join_lines(h2o_req_t *req, size_t first)
{
	const h2o_header_t *lines = req->headers.entries;
	size_t size = 0;

	for (size_t i = 0; i < first; i++) {
		if (is_same_name(&lines[i], &lines[first]))
			return NULL;
	}
	for (size_t i = first; i < req->headers.size; i++)
		size += is_same_name(&lines[i], &lines[first]) ? lines[i].value.len + 2 : 0;
	char *list = h2o_mem_alloc_pool(&req->pool, size);
	size_t length = 0;
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

static int fill_fields(h2o_req_t *req, h2o_iovec_t authority, struct http_request *request)
{
	struct http_field *fields = h2o_mem_alloc_pool(&req->pool, sizeof(*fields) * (req->headers.size + 1));
	size_t count = 0;
	size_t size = authority.len;

	for (size_t i = 0; i < req->headers.size; i++)
		size += req->headers.entries[i].name->len + req->headers.entries[i].value.len + 4;
	if (size > SERVER_HEADERS_MAX)
		return 431;
	if (has_authority(req, authority))
		fields[count++] = (struct http_field){ .name = "host", .value = pool_copy(req, authority) };
	for (size_t i = 0; i < req->headers.size; i++) {
		const h2o_header_t *header = &req->headers.entries[i];
		/* A folded line (RFC 9112 section 5.2) arrives without a name. */
		if (header->name->len == 0)
			return 400;
		const char *value = join_lines(req, i);
		if (value)
			fields[count++] =
				(struct http_field){ .name = pool_copy(req, *header->name), .value = value };
	}
	request->fields = fields;
	request->field_count = count;
	return 0;
}

static int fill_target(h2o_req_t *req, h2o_iovec_t target, struct http_request *request)
{
	if (h2o_memis(target.base, target.len, H2O_STRLIT("*")) &&
		strcmp(request->method_name, "OPTIONS") == 0) {
		request->path = "*";
		return 0;
	}
	if (target.len == 0 || target.base[0] != '/')
		return 400;
	const char *mark = memchr(target.base, '?', target.len);
	size_t path_length = mark ? (size_t)(mark - target.base) : target.len;
	char *path = h2o_mem_alloc_pool(&req->pool, path_length + 1);
	if (decode_percent(target.base, path_length, false, path, path_length + 1) < 0)
		return 400;
	request->path = path;
	if (mark)
		request->query = pool_copy(req, h2o_iovec_init(mark + 1, target.len - path_length - 1));
	return 0;
}

int call_fill_request(struct http_call *call, struct http_request *ret_request)
{
	h2o_req_t *req = call->req;
	h2o_iovec_t authority = req->input.authority;

	*ret_request = (struct http_request){
		.method = call->method,
		.method_name = pool_copy(req, req->input.method),
		.path = "/", /* until it is known to be good */
		.query = "",
		.tail = "",
		.body = req->entity.base ? req->entity.base : "",
		.body_length = req->entity.base ? req->entity.len : 0,
		.request_id = call->request_id,
		.peer = call->connection->peer,
		.is_http_1_0 = req->version < 0x101,
		.call = call,
	};
	if (req->input.path.len > SERVER_URL_MAX)
		return 414;
	if (strspn(ret_request->method_name, METHOD_CHARACTERS) != req->input.method.len)
		return 400;
	h2o_iovec_t target = split_target(req, &authority);
	int status = fill_fields(req, authority, ret_request);
	return status ? status : fill_target(req, target, ret_request);
}

/* The head still stands in the library's buffer, with what it has taken out of its list of headers. */
int call_check_head(const struct http_call *call)
{
	const h2o_buffer_t *input = call->connection->socket->input;

	return call->connection->refusal ? call->connection->refusal : head_check(input->bytes, input->size);
}

static void call_handle(struct http_call *call)
{
	const struct http_router *router = call->connection->server->router;
	struct http_response response = { 0 };
	struct http_request request;
	enum http_result result = HTTP_DONE;

	call->connection->turn = call->connection->server->turn;
	int status = call_fill_request(call, &request);
	if (status == 0)
		status = call_check_head(call);
	/* The library honours only "close" alone. */
	if (list_has(http_request_header(&request, "connection"), "close"))
		call->req->http1_is_persistent = 0;
	if (status == 0)
		connection_keep_size(call->connection, request.body_length);
	if (status) {
		router_fail(router, &request, &response, status);
		response.close = true; /* it is not certain where the next request would begin */
		connection_linger(call->connection);
	} else {
		result = router_dispatch(router, &request, &response);
	}
	/* After HTTP_LATER the call may be answered and gone already. */
	if (result == HTTP_DONE)
		call_respond(call, &response);
	http_response_done(&response);
}

/* The library handles pipelined requests of one connection until there are none left, and only then returns
 * to the loop. Each connection gets one answer in a turn, so that the others do not wait for that. */
int call_on_request(h2o_handler_t *handler, h2o_req_t *req)
{
	struct http_call *call = call_new(req);
	struct server *server = call->connection->server;

	(void)handler;
	connection_enter(call->connection, CONNECTION_HANDLING);
	if (call->connection->turn == server->turn) {
		TAILQ_INSERT_TAIL(&server->waiting, call, link);
		call->is_waiting = true;
	} else {
		call_handle(call);
	}
	return 0;
}

void calls_take_turns(struct server *server)
{
	struct http_call *call;

	while ((call = TAILQ_FIRST(&server->waiting)) && call->connection->turn != server->turn) {
		TAILQ_REMOVE(&server->waiting, call, link);
		call->is_waiting = false;
		call_handle(call);
	}
}
