/* SPDX-License-Identifier: MIT */
#include "http/server-internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "http/router.h"

struct http_pending {
	struct http_call *call; /* NULL: the client has gone */
	char request_id[HTTP_REQUEST_ID_SIZE];
};

/* Required by the grammar of HTTP/1.1, read by people only. */
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

	/* As a plain name, not as one of the library's tokens: it rewrites Vary for old browsers. */
	h2o_add_header_by_str(
		&req->pool, &req->res.headers, name, strlen(name), 0, NULL, copy.base, copy.len);
}

/* Takes the response's body. */
static void fill_response(struct http_call *call, struct http_response *response)
{
	h2o_req_t *req = call->req;

	if (response->status == 0)
		response->status = 500;
	call->body = STEAL(response->body);
	req->res.status = response->status;
	req->res.reason = reason_of(response->status);
	server_count(call->connection->server, call->method, response->status);
	/* Without a length the library would send chunks or close, but for answers that have no body by
	 * definition. */
	if (response->status != 304 && response->status != 204 && !response->without_length)
		req->res.content_length = call->body ? call->body->length : 0;
	memset(&req->res.headers, 0, sizeof(req->res.headers));
	if (response->content_type)
		add_header(req, "content-type", response->content_type);
	for (size_t i = 0; i < response->header_count; i++)
		add_header(req, response->headers[i].name, response->headers[i].value);
	add_header(req, "x-request-id", call->request_id);
	/* Nothing we send is another type than it says, whatever it looks like. */
	add_header(req, "x-content-type-options", "nosniff");
	if (response->close || call->connection->server->state != SERVER_RUNNING ||
		connections_are_scarce(call->connection->server))
		req->http1_is_persistent = 0;
}

static h2o_iovec_t body_to_send(const struct http_call *call)
{
	if (call->method == HTTP_HEAD || !call->body || call->req->res.content_length == SIZE_MAX)
		return (h2o_iovec_t){ NULL, 0 };
	return h2o_iovec_init(call->body->bytes, call->body->length);
}

void call_respond(struct http_call *call, struct http_response *response)
{
	static h2o_generator_t generator = { NULL, NULL };
	h2o_req_t *req = call->req;

	fill_response(call, response);
	connection_enter(call->connection, CONNECTION_WRITING);
	h2o_iovec_t body = body_to_send(call);
	if (body.len > 0 && call->body->file >= 0) {
		call_send_file(call);
		return;
	}
	h2o_start_response(req, &generator);
	/* The request, and with it the call, may be gone when this returns. */
	h2o_send(req, &body, body.len > 0 ? 1 : 0, H2O_SEND_STATE_FINAL);
}

void call_detach(struct http_call *call)
{
	if (call->pending)
		call->pending->call = NULL;
	call->pending = NULL;
}

/* The library closes a connection only at the end of a response, so there must be one. */
void call_abort(struct http_call *call)
{
	struct http_response response = { .status = 503, .close = true };

	call_detach(call);
	call_respond(call, &response);
}

struct http_pending *http_later(const struct http_request *request)
{
	struct http_pending *pending = mem_zalloc(sizeof(*pending));

	pending->call = request->call;
	memcpy(pending->request_id, request->request_id, strlen(request->request_id) + 1);
	request->call->pending = pending;
	return pending;
}

const char *http_pending_request_id(const struct http_pending *pending)
{
	return pending->request_id;
}

void http_complete(struct http_pending *pending, struct http_response *response)
{
	struct http_call *call = pending->call;

	if (call) {
		call_detach(call);
		call_respond(call, response);
	}
	free(pending);
	http_response_done(response);
}

struct replacement {
	h2o_ostream_t super;
	h2o_iovec_t body;
};

static void replacement_send(
	h2o_ostream_t *stream, h2o_req_t *req, h2o_iovec_t *buffers, size_t count, h2o_send_state_t state)
{
	struct replacement *replacement = (struct replacement *)stream;

	(void)buffers;
	(void)count;
	h2o_ostream_send_next(stream, req, &replacement->body, replacement->body.len > 0 ? 1 : 0, state);
}

/* The library refuses some requests before any handler sees them (413, a broken chunk, an unknown
 * expectation). Status and end of connection stay; the rest becomes ours, request id and envelope. */
void call_on_setup_ostream(h2o_filter_t *filter, h2o_req_t *req, h2o_ostream_t **slot)
{
	struct connection *connection = connection_of(req);

	(void)filter;
	if (connection->phase == CONNECTION_READING) {
		struct http_call *call = call_new(req);
		struct http_response response = { 0 };
		struct http_request request;

		call_fill_request(call, &request);
		int refusal =
			call_check_head(call); /* a coding that the library cannot decode is refused anyway */
		int status = refusal ? refusal : req->res.status;
		router_fail(connection->server->router, &request, &response, status);
		response.status = status;
		response.close = true;
		fill_response(call, &response);
		http_response_done(&response);
		connection_enter(connection, CONNECTION_WRITING);
		connection_linger(connection);

		struct replacement *replacement = (void *)h2o_add_ostream(req, sizeof(*replacement), slot);
		replacement->super.do_send = replacement_send;
		replacement->body = body_to_send(call);
		slot = &replacement->super.next;
	}
	h2o_setup_next_ostream(req, slot);
}
