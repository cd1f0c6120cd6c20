/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/time.h"
#include "http/envelope.h"

static const struct json_limits limits = { .size_max = 1 << 20, .depth_max = 64, .node_max = 10000 };

/* Every envelope must be JSON, for any content. Owned. */
static struct json *parse_body(const struct http_response *response)
{
	struct json *root = NULL;
	struct error err = { 0 };

	assert_non_null(response->body);
	if (json_parse(&root, response->body->bytes, response->body->length, &limits, &err) < 0)
		fail_msg("%s: %s", err.message, response->body->bytes);
	assert_string_equal(response->content_type, "application/json");
	return root;
}

static const char *header_of(const struct http_response *response, const char *name)
{
	for (size_t i = 0; i < response->header_count; i++) {
		if (strcmp(response->headers[i].name, name) == 0)
			return response->headers[i].value;
	}
	return NULL;
}

static void assert_meta(const struct json *root, const char *request_id)
{
	const struct json *meta = json_get(root, "meta");
	int64_t when = 0;

	assert_string_equal(json_string(json_get(meta, "requestId")), request_id);
	assert_string_equal(json_string(json_get(meta, "version")), "1.0");
	assert_int_equal(time_parse(json_string(json_get(meta, "timestamp")), &when), 0);
	assert_true(time_now_ms() - when < 60000);
}

static void success_carries_its_data(void **state)
{
	struct http_response response = { 0 };
	struct json *data = json_new_object();

	(void)state;
	json_set_string(data, "status", "running");
	envelope_success(&response, "r\"1", 202, data);
	CLEANUP(json_freep) struct json *root = parse_body(&response);
	assert_int_equal(response.status, 202);
	assert_true(json_bool(json_get(root, "success"), false));
	assert_string_equal(json_string(json_get(json_get(root, "data"), "status")), "running");
	assert_null(json_get(root, "error"));
	assert_meta(root, "r\"1");
	assert_string_equal(header_of(&response, "cache-control"), "no-store");
	http_response_done(&response);
}

static void success_without_data_says_null(void **state)
{
	struct http_response response = { 0 };

	(void)state;
	envelope_success(&response, "r", 200, NULL);
	CLEANUP(json_freep) struct json *root = parse_body(&response);
	assert_int_equal(json_type(json_get(root, "data")), JSON_NULL);
	http_response_done(&response);
}

static void errors_have_code_message_and_retry_after(void **state)
{
	struct http_response response = { 0 };
	struct error err = { 0 };

	(void)state;
	error_fail(&err, ERROR_WORKER_UNAVAILABLE, -ECONNREFUSED, "a \"quoted\"\nreason");
	err.retry_after_s = 7;
	envelope_error(&response, "r", &err, NULL);
	CLEANUP(json_freep) struct json *root = parse_body(&response);
	assert_int_equal(response.status, 503);
	assert_false(json_bool(json_get(root, "success"), true));
	assert_string_equal(json_string(json_get(json_get(root, "error"), "code")), "WORKER_UNAVAILABLE");
	assert_string_equal(
		json_string(json_get(json_get(root, "error"), "message")), "a \"quoted\"\nreason");
	assert_null(json_get(root, "data"));
	assert_meta(root, "r");
	assert_string_equal(header_of(&response, "retry-after"), "7");
	http_response_done(&response);
}

static void an_answer_of_a_shutdown_says_when_to_retry(void **state)
{
	struct http_response response = { 0 };
	struct error err = { 0 };

	(void)state;
	error_fail(&err, ERROR_SHUTTING_DOWN, -ECANCELED, "it is shutting down");
	envelope_error(&response, "id", &err, NULL);
	assert_int_equal(response.status, 503);
	assert_string_equal(header_of(&response, "retry-after"), "1");
	http_response_done(&response);
	envelope_status(&response, "id", 503, "/");
	assert_string_equal(header_of(&response, "retry-after"), "1");
	http_response_done(&response);
	error_fail(&err, ERROR_NOT_CONFIGURED, -ENOKEY, "nobody knows when");
	envelope_error(&response, "id", &err, NULL);
	assert_null(header_of(&response, "retry-after"));
	http_response_done(&response);
}

static void a_failed_sync_has_its_report_too(void **state)
{
	struct http_response response = { 0 };
	struct error err = { 0 };
	struct json *data = json_new_object();

	(void)state;
	json_set_string(data, "status", "failed");
	error_fail(&err, ERROR_OUTPUT, -ENOSPC, "full");
	envelope_error(&response, "r", &err, data);
	CLEANUP(json_freep) struct json *root = parse_body(&response);
	assert_int_equal(response.status, 507);
	assert_string_equal(json_string(json_get(json_get(root, "data"), "status")), "failed");
	assert_null(header_of(&response, "retry-after"));
	http_response_done(&response);
}

/* Then the caller learns at least that the data was left out; an error is always sent. */
static void what_is_too_large_is_left_out(void **state)
{
	static char text[9 << 20];
	const struct error problem = { .errnum = -EIO, .code = ERROR_HEMERA_FAILED, .message = "broken" };

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	for (int failed = 0; failed < 2; failed++) {
		struct http_response response = { 0 };
		struct json *data = json_new_object();
		json_set_string(data, "text", text);
		if (failed)
			envelope_error(&response, "r1", &problem, data);
		else
			envelope_success(&response, "r1", 200, data);
		assert_int_equal(response.status, failed ? 502 : 500);
		CLEANUP(json_freep) struct json *root = parse_body(&response);
		assert_meta(root, "r1");
		assert_int_equal(json_type(json_get(root, "data")), JSON_MISSING);
		assert_non_null(strstr(json_string(json_get(json_get(root, "error"), "message")),
			failed ? "broken" : "larger than"));
		http_response_done(&response);
	}
}

static void statuses_have_their_codes(void **state)
{
	static const struct {
		int status;
		const char *code;
	} rows[] = {
		{ 400, "BAD_REQUEST" },
		{ 404, "NOT_FOUND" },
		{ 405, "METHOD_NOT_ALLOWED" },
		{ 413, "PAYLOAD_TOO_LARGE" },
		{ 414, "URI_TOO_LONG" },
		{ 417, "BAD_REQUEST" },
		{ 431, "HEADERS_TOO_LARGE" },
		{ 500, "INTERNAL_ERROR" },
		{ 503, "SHUTTING_DOWN" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct http_response response = { 0 };
		envelope_status(&response, "r", rows[i].status, "/a\"b");
		CLEANUP(json_freep) struct json *root = parse_body(&response);
		assert_int_equal(response.status, rows[i].status);
		assert_string_equal(json_string(json_get(json_get(root, "error"), "code")), rows[i].code);
		assert_meta(root, "r");
		http_response_done(&response);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(success_carries_its_data),
		cmocka_unit_test(success_without_data_says_null),
		cmocka_unit_test(errors_have_code_message_and_retry_after),
		cmocka_unit_test(an_answer_of_a_shutdown_says_when_to_retry),
		cmocka_unit_test(a_failed_sync_has_its_report_too),
		cmocka_unit_test(what_is_too_large_is_left_out),
		cmocka_unit_test(statuses_have_their_codes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
