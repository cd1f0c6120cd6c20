/* SPDX-License-Identifier: MIT */
#include "http/envelope.h"

#include <errno.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/time.h"
#include "net/workerclient.h"

#define RESTART_S 1 /* Retry-After of SHUTTING_DOWN: systemd keeps the socket and starts the next process */
#define ENVELOPE_SIZE_MAX (8u << 20) /* a dry run's report: 100 errors and a list of 50 000 long names */
_Static_assert(ENVELOPE_SIZE_MAX <= WORKERCLIENT_BODY_MAX, "aither-web and aither could not read the answer");

static void append_meta(struct buf *out, const char *request_id)
{
	char now[TIME_TEXT_SIZE];

	time_format(time_now_ms(), now);
	buf_append_text(out, ",\"meta\":{\"requestId\":");
	json_write_string(out, request_id);
	buf_printf(out, ",\"timestamp\":\"%s\",\"version\":\"1.0\"}}\n", now);
}

static void envelope_finish(struct http_response *response, int status, struct buf *out)
{
	size_t length = out->length;

	response->status = status;
	response->content_type = "application/json";
	http_body_unref(response->body);
	response->body = http_body_new(buf_take(out), length);
	http_response_header(response, "cache-control", "no-store");
}

void envelope_success(
	struct http_response *response, const char *request_id, int status, struct json *owned_data)
{
	CLEANUP(json_freep) struct json *data = owned_data;
	CLEANUP(buf_done) struct buf out = BUF_INIT(ENVELOPE_SIZE_MAX);

	buf_append_text(&out, "{\"success\":true,\"data\":");
	json_write(&out, data);
	append_meta(&out, request_id);
	if (!buf_overflowed(&out)) {
		envelope_finish(response, status, &out);
		return;
	}
	struct error too_large;
	error_set(&too_large, -E2BIG, "the answer is larger than %u bytes", ENVELOPE_SIZE_MAX);
	envelope_error(response, request_id, &too_large, NULL);
}

static void append_error(struct buf *out, const char *code, const char *message)
{
	buf_printf(out, "{\"success\":false,\"error\":{\"code\":\"%s\",\"message\":", code);
	json_write_string(out, message);
	buf_append_char(out, '}');
}

void envelope_error(struct http_response *response, const char *request_id, const struct error *error,
	struct json *owned_data)
{
	CLEANUP(json_freep) struct json *data = owned_data;
	CLEANUP(buf_done) struct buf out = BUF_INIT(ENVELOPE_SIZE_MAX);
	unsigned seconds = error->retry_after_s;
	char text[16];

	append_error(&out, error_code_name(error->code), error->message);
	if (data) {
		buf_append_text(&out, ",\"data\":");
		json_write(&out, data);
	}
	append_meta(&out, request_id);
	if (buf_overflowed(&out)) { /* drop the data: the error matters more */
		buf_clear(&out);
		append_error(&out, error_code_name(error->code), error->message);
		append_meta(&out, request_id);
	}
	envelope_finish(response, error_http_status(error), &out);
	if (seconds == 0 && error->code == ERROR_SHUTTING_DOWN)
		seconds = RESTART_S;
	if (seconds > 0) {
		snprintf(text, sizeof(text), "%u", seconds);
		http_response_header(response, "retry-after", text);
	}
}

void envelope_status(struct http_response *response, const char *request_id, int status, const char *path)
{
	static const struct {
		int status;
		enum error_code code;
		const char *message;
	} rows[] = {
		{ 400, ERROR_BAD_REQUEST, "the request is malformed" },
		{ 403, ERROR_FORBIDDEN, "this call is not permitted on this socket" },
		{ 405, ERROR_METHOD_NOT_ALLOWED,
			"this path does not permit this method; the Allow header lists the methods that it permits" },
		{ 411, ERROR_BAD_REQUEST,
			"Transfer-Encoding is not accepted; send Content-Length, or no body" },
		{ 413, ERROR_PAYLOAD_TOO_LARGE, "the request body is too large" },
		{ 414, ERROR_URI_TOO_LONG, "the request URL is too long" },
		{ 417, ERROR_BAD_REQUEST, "the expectation is unknown; only 100-continue is supported" },
		{ 431, ERROR_HEADERS_TOO_LARGE, "the request headers are too large" },
		{ 501, ERROR_BAD_REQUEST,
			"this Transfer-Encoding is unknown; send Content-Length, or no body" },
		{ 503, ERROR_SHUTTING_DOWN, "the service is shutting down" },
	};
	struct error err;

	if (status == 404)
		error_fail(&err, ERROR_NOT_FOUND, -ENOENT, "there is nothing at %s", path);
	else
		error_set(&err, -EIO, "internal error");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (rows[i].status == status)
			error_fail(&err, rows[i].code, -EINVAL, "%s", rows[i].message);
	}
	envelope_error(response, request_id, &err, NULL);
	response->status = status; /* several statuses share a code */
}
