/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/time.h"
#include "hemera-script.h"

#define EMPTY_LIST "{\"success\":true,\"data\":[],\"meta\":{}}"
#define ERROR_BODY(code) \
	"{\"success\":false,\"error\":{\"code\":\"" code "\",\"message\":\"Nachricht\"},\"meta\":{}}"
static void assert_list_fails(enum error_code code, struct error *err)
{
	struct hemera_list list = { .pages = 99 };

	*err = (struct error){ 0 };
	assert_true(script_read_list(&list, err) < 0);
	if (err->code != code)
		fail_msg("%s instead of %s: %s", error_code_name(err->code), error_code_name(code),
			err->message);
	assert_null(strstr(err->message, SCRIPT_KEY));
	assert_int_equal(list.pages, 99);
}

static const struct {
	const char *name;
	struct script_reply reply;
	enum error_code code;
	unsigned requests;
	const char *says;
} failures[] = {
	{ "HTML", { .status = 200, .type = "text/html", .body = "<html>" }, ERROR_HEMERA_BAD_DATA, 1,
		"text/html instead of application/json" },
	{ "JSON called HTML", { .status = 200, .type = "text/html", .body = EMPTY_LIST },
		ERROR_HEMERA_BAD_DATA, 1, "text/html" },
	{ "broken JSON", { .status = 200, .body = "{\"success\":true,\"data\":[" }, ERROR_HEMERA_BAD_DATA, 1,
		"line 1" },
	{ "no body", { .status = 200, .body = "" }, ERROR_HEMERA_BAD_DATA, 1, "" },
	{ "another API", { .status = 200, .body = "[]" }, ERROR_HEMERA_BAD_DATA, 1, "not Hemera's" },
	{ "success a string", { .status = 200, .body = "{\"success\":\"true\",\"data\":[]}" },
		ERROR_HEMERA_BAD_DATA, 1, "not Hemera's" },
	{ "no success", { .status = 200, .body = ERROR_BODY("X") }, ERROR_HEMERA_BAD_DATA, 1, "success" },
	{ "no data", { .status = 200, .body = "{\"success\":true}" }, ERROR_HEMERA_BAD_DATA, 1, "data" },
	{ "no rows", { .status = 200, .body = "{\"success\":true,\"data\":{}}" }, ERROR_HEMERA_BAD_DATA, 1,
		"array" },
	{ "wrong key", { .status = 401, .body = ERROR_BODY("UNAUTHORIZED") }, ERROR_HEMERA_AUTH_FAILED, 1,
		"401 UNAUTHORIZED" },
	{ "a proxy's 401", { .status = 401, .type = "text/html", .body = "" }, ERROR_HEMERA_AUTH_FAILED, 1,
		"not with Hemera's JSON" },
	{ "400", { .status = 400, .body = ERROR_BODY("VALIDATION_ERROR") }, ERROR_HEMERA_FAILED, 1,
		"answered 400 VALIDATION_ERROR" },
	{ "403", { .status = 403, .body = ERROR_BODY("FORBIDDEN") }, ERROR_HEMERA_FAILED, 1,
		"403 FORBIDDEN" },
	{ "404", { .status = 404, .type = "text/html", .body = "<html>" }, ERROR_HEMERA_FAILED, 1,
		"BaseURL" },
	{ "a hostile code", { .status = 400, .body = ERROR_BODY("<b>x</b>") }, ERROR_HEMERA_FAILED, 1,
		"answered 400" },
	{ "a redirect", { .status = 308, .body = "", .headers = "Location: /api/service/other\r\n" },
		ERROR_HEMERA_FAILED, 1, "aither follows no redirects" },
	{ "500 for ever", { .status = 500, .body = ERROR_BODY("INTERNAL_ERROR") }, ERROR_HEMERA_FAILED, 3,
		"500 INTERNAL_ERROR" },
	{ "502 of an edge", { .status = 502, .type = "text/html", .body = "" }, ERROR_HEMERA_FAILED, 3,
		"502, but not with Hemera's JSON: Hemera, or a proxy in front of it, is not available" },
	{ "503 of a proxy", { .status = 503, .type = "text/html", .body = "<html>" }, ERROR_HEMERA_FAILED, 3,
		"is not available" },
	{ "a body that is no gzip",
		{ .status = 200,
			.body = "no gzip, and longer than its head",
			.headers = "Content-Encoding: gzip\r\n" },
		ERROR_HEMERA_BAD_DATA, 1, "cannot read Hemera's answer" },
	{ "408", { .status = 408, .body = "" }, ERROR_HEMERA_FAILED, 3, "408" },
	{ "425", { .status = 425, .body = "" }, ERROR_HEMERA_FAILED, 3, "425" },
	{ "520 of an edge", { .status = 520, .type = "text/html", .body = "" }, ERROR_HEMERA_FAILED, 3,
		"520" },
	{ "530 of an edge", { .status = 530, .type = "text/html", .body = "" }, ERROR_HEMERA_FAILED, 3,
		"530" },
	{ "503 until a date",
		{ .status = 503,
			.body = "",
			.headers = "Date: Sun, 15 Mar 2026 00:00:00 GMT\r\n"
				   "Retry-After: Sun, 15 Mar 2026 00:10:00 GMT\r\n" },
		ERROR_HEMERA_FAILED, 1, "503" },
	{ "503 for longer than we may wait", { .status = 503, .body = "", .headers = "Retry-After: 120\r\n" },
		ERROR_HEMERA_FAILED, 1, "503" },
	{ "501 is no matter of time", { .status = 501, .body = "" }, ERROR_HEMERA_FAILED, 1, "501" },
	{ "connection closed", { .manner = SCRIPT_CLOSE }, ERROR_HEMERA_UNREACHABLE, 3, "broke" },
	{ "429 for longer than we may wait",
		{ .status = 429, .body = ERROR_BODY("RATE_LIMITED"), .headers = "Retry-After: 58\r\n" },
		ERROR_HEMERA_RATE_LIMITED, 1, "" },
};

static void every_failure_has_its_code(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(failures); i++) {
		struct script_reply reply = failures[i].reply;
		struct error err;

		if (i > 0) {
			script_teardown(state);
			script_setup(state);
		}
		reply.path = LIST_PATH;
		script_add(reply);
		assert_list_fails(failures[i].code, &err);
		if (script_count("") < failures[i].requests || script_count("") > failures[i].requests + 2 ||
			(failures[i].reply.manner == SCRIPT_ANSWER &&
				script_count("") != failures[i].requests))
			fail_msg("%s: %u requests", failures[i].name, script_count(""));
		if (!strstr(err.message, failures[i].says) || strstr(err.message, "Nachricht") ||
			strstr(err.message, "<b>"))
			fail_msg("%s: %s", failures[i].name, err.message);
	}
}

static void a_server_error_is_tried_again(void **state)
{
	CLEANUP(hemera_list_done) struct hemera_list list = { 0 };

	(void)state;
	script_add((struct script_reply){ .path = LIST_PATH, .status = 500, .body = "", .count = 1 });
	script_add((struct script_reply){ .path = LIST_PATH, .manner = SCRIPT_CLOSE, .count = 1 });
	script_add((struct script_reply){ .path = LIST_PATH, .status = 200, .body = script_list_body(0, 1) });
	assert_int_equal(script_read_list(&list, NULL), 0);
	assert_int_equal(list.count, 1);
}

static void a_429_is_waited_for_when_there_is_time(void **state)
{
	CLEANUP(hemera_list_done) struct hemera_list list = { 0 };
	uint64_t begin = time_mono_ms();

	(void)state;
	script_add((struct script_reply){
		.path = LIST_PATH, .status = 429, .body = "", .headers = "Retry-After: 1\r\n", .count = 1 });
	script_add((struct script_reply){ .path = LIST_PATH, .status = 200, .body = EMPTY_LIST });
	assert_int_equal(script_read_list(&list, NULL), 0);
	assert_true(time_mono_ms() - begin >= 1000);
	assert_int_equal(script_count(""), 2);
}

static void a_429_without_time_says_when_to_come_again(void **state)
{
	struct error err;

	(void)state;
	script_options.deadline_mono_ms = time_mono_ms() + 8000;
	script_add((struct script_reply){
		.path = LIST_PATH, .status = 429, .body = "", .headers = "Retry-After: 4\r\n" });
	assert_list_fails(ERROR_HEMERA_RATE_LIMITED, &err);
	assert_int_equal(err.retry_after_s, 4);
	assert_list_fails(ERROR_HEMERA_RATE_LIMITED, &err); /* and the next job sends no request */
	assert_int_equal(script_count(""), 1);
}

static void no_retry_after_makes_the_client_wait_for_ever(void **state)
{
	static const struct {
		const char *headers;
		unsigned seconds;
	} rows[] = {
		{ "Retry-After: 600\r\n", 600 }, { "Retry-After: 31536000\r\n", 3600 },
		{ "Retry-After: 4294967297\r\n", 3600 }, /* 2^32 + 1 */
	};
	struct error err;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (i > 0) {
			script_teardown(state);
			script_setup(state);
		}
		script_add((struct script_reply){
			.path = LIST_PATH, .status = 503, .body = "", .headers = rows[i].headers });
		assert_list_fails(ERROR_HEMERA_FAILED, &err);
		assert_int_equal(err.retry_after_s, rows[i].seconds);
		assert_int_equal(script_count(""), 1);
	}
}

static void a_silent_server_costs_the_request_timeout(void **state)
{
	struct error err;

	(void)state;
	script_options.request_timeout_s = 1;
	script_add((struct script_reply){ .path = LIST_PATH, .manner = SCRIPT_HANG });
	assert_list_fails(ERROR_HEMERA_TIMEOUT, &err);
	assert_int_equal(script_count(""), 1);
}

static void the_deadline_ends_everything(void **state)
{
	struct error err;
	uint64_t begin = time_mono_ms();

	(void)state;
	script_options.deadline_mono_ms = begin + 1000; /* enough time for the request to arrive */
	script_add((struct script_reply){ .path = LIST_PATH, .manner = SCRIPT_HANG });
	assert_list_fails(ERROR_HEMERA_TIMEOUT, &err);
	assert_true(time_mono_ms() - begin >= 1000);
	assert_list_fails(ERROR_HEMERA_TIMEOUT, &err);
	assert_int_equal(script_count(""), 1);
}

static void cancelling_ends_it_at_once(void **state)
{
	atomic_bool cancelled = true;
	struct error err;

	(void)state;
	script_options.cancelled = &cancelled;
	script_add((struct script_reply){ .path = LIST_PATH, .manner = SCRIPT_HANG });
	assert_list_fails(ERROR_SHUTTING_DOWN, &err);
	assert_int_equal(script_count(""), 0);
	atomic_store(&cancelled, false);
	script_on_request(&cancelled);
	assert_list_fails(ERROR_SHUTTING_DOWN, &err);
	assert_int_equal(script_count(""), 1);
}

static void a_hemera_that_is_down_is_detected_quickly(void **state)
{
	struct error err;
	uint64_t begin = time_mono_ms();

	(void)state;
	script_options.base_url = script_dead_origin();
	script_options.retries_max = 100;
	assert_list_fails(ERROR_HEMERA_UNREACHABLE, &err);
	assert_true(time_mono_ms() - begin < 10000); /* 100 retries would take minutes */
	assert_non_null(strstr(err.message, script_dead_origin()));
}

static void the_second_origin_serves_when_the_first_is_down(void **state)
{
	CLEANUP(hemera_list_done) struct hemera_list list = { 0 };

	(void)state;
	script_options.fallback_url = script_options.base_url;
	script_options.base_url = script_dead_origin();
	script_add((struct script_reply){ .path = LIST_PATH, .status = 200, .body = script_list_body(0, 1) });
	assert_int_equal(script_read_list(&list, NULL), 0);
	assert_int_equal(list.count, 1);
}

static void both_origins_are_named_when_both_are_down(void **state)
{
	struct error err;

	(void)state;
	script_options.base_url = "http://127.0.0.1:1";
	script_options.fallback_url = script_dead_origin();
	assert_list_fails(ERROR_HEMERA_UNREACHABLE, &err);
	assert_non_null(strstr(err.message, "http://127.0.0.1:1)"));
	assert_non_null(strstr(err.message, script_dead_origin()));
}

static void an_ailing_first_origin_is_not_left(void **state)
{
	struct error err;

	(void)state;
	script_options.fallback_url = script_dead_origin();
	script_add((struct script_reply){ .path = LIST_PATH, .status = 503, .body = "" });
	assert_list_fails(ERROR_HEMERA_FAILED, &err);
	assert_null(strstr(err.message, script_dead_origin()));
}

static void the_key_stands_in_one_header_and_nowhere_else(void **state)
{
	CLEANUP(hemera_list_done) struct hemera_list list = { 0 };
	const char *found;

	(void)state;
	script_add((struct script_reply){ .path = LIST_PATH, .status = 200, .body = EMPTY_LIST });
	assert_int_equal(script_read_list(&list, NULL), 0);
	found = strstr(script_heads(), "\r\nX-API-Key: " SCRIPT_KEY "\r\n");
	assert_non_null(found);
	assert_ptr_equal(strstr(script_heads(), SCRIPT_KEY), strstr(found, SCRIPT_KEY));
	assert_null(strstr(strstr(found, SCRIPT_KEY) + 1, SCRIPT_KEY));
	assert_non_null(strstr(script_heads(), "\r\nAccept: application/json\r\n"));
	assert_null(strstr(script_heads(), "Authorization"));
	assert_null(strstr(script_heads(), "Cookie"));
}

static void a_key_that_would_break_the_header_is_refused(void **state)
{
	static const char *const keys[] = { "secret\r\nX-Other: 1", "secret key", "secret\x7f", "secretä" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		struct hemera *client = NULL;
		struct error err = { 0 };

		script_options.key = keys[i];
		assert_int_equal(hemera_new(&client, &script_options, &err), -EINVAL);
		assert_null(client);
		assert_int_equal(err.code, ERROR_NOT_CONFIGURED);
		assert_null(strstr(err.message, "secretä"));
		assert_null(strstr(err.message, "X-Other"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRIPT_TEST(every_failure_has_its_code),
		SCRIPT_TEST(a_server_error_is_tried_again),
		SCRIPT_TEST(a_429_is_waited_for_when_there_is_time),
		SCRIPT_TEST(a_429_without_time_says_when_to_come_again),
		SCRIPT_TEST(no_retry_after_makes_the_client_wait_for_ever),
		SCRIPT_TEST(a_silent_server_costs_the_request_timeout),
		SCRIPT_TEST(the_deadline_ends_everything),
		SCRIPT_TEST(cancelling_ends_it_at_once),
		SCRIPT_TEST(a_hemera_that_is_down_is_detected_quickly),
		SCRIPT_TEST(the_second_origin_serves_when_the_first_is_down),
		SCRIPT_TEST(both_origins_are_named_when_both_are_down),
		SCRIPT_TEST(an_ailing_first_origin_is_not_left),
		SCRIPT_TEST(the_key_stands_in_one_header_and_nowhere_else),
		SCRIPT_TEST(a_key_that_would_break_the_header_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
