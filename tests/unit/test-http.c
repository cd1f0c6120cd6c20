/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "http/http.h"

static void texts_are_decoded_once_or_refused(void **state)
{
	static const struct {
		const char *name, *text;
		bool form;
		const char *expected; /* NULL: refused */
	} rows[] = {
		{ "plain", "/a/b", false, "/a/b" },
		{ "space", "/a%20b", false, "/a b" },
		{ "upper and lower case digits", "/%4a%4A", false, "/JJ" },
		{ "once only", "/%2541", false, "/%41" },
		{ "umlaut", "/%C3%BC", false, "/\xc3\xbc" },
		{ "raw umlaut", "/\xc3\xbc", false, "/\xc3\xbc" },
		{ "plus in a path", "/a+b", false, "/a+b" },
		{ "plus in a form", "a+b", true, "a b" },
		{ "slash in a form", "a%2Fb", true, "a/b" },
		{ "slash in a path", "/a%2Fb", false, NULL },
		{ "NUL", "/a%00", false, NULL },
		{ "line feed", "a%0a", true, NULL },
		{ "DEL", "/%7f", false, NULL },
		{ "C1 control", "/%c2%85", false, NULL },
		{ "overlong slash", "/%c0%af", false, NULL },
		{ "surrogate", "/%ed%a0%80", false, NULL },
		{ "beyond Unicode", "/%f4%90%80%80", false, NULL },
		{ "cut sequence", "/%e2%82", false, NULL },
		{ "lone continuation", "/%80", false, NULL },
		{ "percent at the end", "/a%", false, NULL },
		{ "one digit at the end", "/a%4", false, NULL },
		{ "no digits", "/%zz", false, NULL },
	};
	char decoded[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int result = http_decode(
			rows[i].text, strlen(rows[i].text), rows[i].form, decoded, sizeof(decoded));
		if (result != (rows[i].expected ? 0 : -EBADMSG) ||
			(rows[i].expected && strcmp(decoded, rows[i].expected) != 0))
			fail_msg("%s: got %d", rows[i].name, result);
	}
	assert_int_equal(http_decode("abcd", 4, true, decoded, 4), -E2BIG);
	assert_int_equal(http_decode("abc", 3, true, decoded, 4), 0);
}

static void parameters_are_found_by_their_whole_name(void **state)
{
	static const struct {
		const char *name, *query;
		bool present;
		const char *value; /* NULL: not readable */
	} rows[] = {
		{ "only one", "force=1", true, "1" },
		{ "among others", "a=b&force=1&c", true, "1" },
		{ "first counts", "force=0&force=1", true, "0" },
		{ "without value", "force", true, "" },
		{ "empty value", "force=&a=1", true, "" },
		{ "absent", "a=force", false, NULL },
		{ "longer name", "enforce=1&force2=1", false, NULL },
		{ "empty query", "", false, NULL },
		{ "only separators", "&&&", false, NULL },
		{ "decoded", "force=%31", true, "1" },
		{ "broken escape", "force=%3", true, NULL },
		{ "too long", "force=123456789", true, NULL },
	};
	char value[8];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct http_request request = { .query = rows[i].query };
		bool read = http_request_parameter(&request, "force", value, sizeof(value));
		if (read != (rows[i].value != NULL) || (read && strcmp(value, rows[i].value) != 0))
			fail_msg("%s", rows[i].name);
		/* A parameter that is present but not a switch is an error; an absent one is not. */
		bool is_switch = read && (strcmp(value, "0") == 0 || strcmp(value, "1") == 0), on;
		int expected = is_switch || !rows[i].present ? 0 : -EINVAL;
		if (http_request_switch(&request, "force", &on) != expected)
			fail_msg("%s, as a switch", rows[i].name);
	}
}

static void headers_with_control_characters_are_dropped(void **state)
{
	struct http_response response = { 0 };

	(void)state;
	http_response_header(&response, "location", "/a\r\nset-cookie: x");
	http_response_header(&response, "location", "/a\tb");
	assert_int_equal(response.header_count, 0);
	http_response_header(&response, "location", "/a");
	assert_int_equal(response.header_count, 1);
	http_response_done(&response);
	assert_int_equal(response.header_count, 0);
}

static void a_body_lives_as_long_as_it_has_references(void **state)
{
	struct http_body *body = http_body_new(mem_strdup("abc"), 3);
	struct http_response response = { .body = http_body_ref(body) };

	(void)state;
	http_response_done(&response);
	assert_int_equal(body->references, 1);
	assert_string_equal(body->bytes, "abc");
	http_body_unref(body);
	http_body_unref(NULL);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_are_decoded_once_or_refused),
		cmocka_unit_test(parameters_are_found_by_their_whole_name),
		cmocka_unit_test(headers_with_control_characters_are_dropped),
		cmocka_unit_test(a_body_lives_as_long_as_it_has_references),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
