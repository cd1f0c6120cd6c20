/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"

static const struct json_limits limits = { .size_max = 10000, .depth_max = 20, .node_max = 1000 };

/* Owned; fails the test if the text is not JSON. */
static struct json *parse(const char *text)
{
	struct json *json = NULL;
	struct error err = { 0 };

	if (json_parse(&json, text, strlen(text), &limits, &err) < 0)
		fail_msg("%s: %s", text, err.message);
	return json;
}

static void assert_written(const struct json *json, const char *expected)
{
	CLEANUP(buf_done) struct buf out = BUF_INIT(10000);

	json_write(&out, json);
	assert_string_equal(buf_text(&out), expected);
}

static void text_is_compact_and_keeps_the_order(void **state)
{
	CLEANUP(json_freep)
	struct json *json = parse(
		" { \"b\" : [ 1 , \"x\" , null , true , false , [ ] , { } ] , \"a\" : { \"c\" : 0 } } ");

	(void)state;
	assert_written(json, "{\"b\":[1,\"x\",null,true,false,[],{}],\"a\":{\"c\":0}}");
	assert_written(json_first(json), "[1,\"x\",null,true,false,[],{}]");
	assert_written(NULL, "null");
}

static void numbers_lose_no_digit(void **state)
{
	static const struct {
		const char *text, *written;
	} rows[] = {
		{ "0", "0" },
		{ "-0", "0" },
		{ "1.0", "1" },
		{ "1e3", "1000" },
		{ "-42", "-42" },
		{ "2147483648", "2147483648" },
		{ "1773529200000", "1773529200000" },
		{ "9007199254740991", "9007199254740991" },
		{ "9007199254740992", "9007199254740992" },
		{ "-9007199254740992", "-9007199254740992" },
		{ "9007199254740994", "9007199254740994" },
		{ "12345678901234567890", "1.2345678901234567e+19" },
		{ "0.1", "0.1" },
		{ "0.30000000000000004", "0.30000000000000004" },
		{ "3.141592653589793", "3.141592653589793" },
		{ "49.90", "49.9" },
		{ "1e21", "1e+21" },
		{ "-1.5e-9", "-1.5e-09" },
		{ "5e-324", "4.94065645841247e-324" },
		{ "1.7976931348623157e308", "1.7976931348623157e+308" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEANUP(json_freep) struct json *json = parse(rows[i].text);
		CLEANUP(buf_done) struct buf out = BUF_INIT(100);

		json_write(&out, json);
		if (strcmp(buf_text(&out), rows[i].written) != 0)
			fail_msg("%s: written as %s", rows[i].text, buf_text(&out));
		/* Nothing is lost when the text is read again. */
		assert_true(strtod(rows[i].text, NULL) == strtod(buf_text(&out), NULL));
	}
}

static void string_literals_are_escaped_and_always_valid(void **state)
{
	static const struct {
		const char *name, *text, *literal;
	} rows[] = {
		{ "nothing", NULL, "null" },
		{ "empty", "", "\"\"" },
		{ "quotes and backslashes", "a\"b\\c/d", "\"a\\\"b\\\\c/d\"" },
		{ "short escapes", "\b\f\n\r\t", "\"\\b\\f\\n\\r\\t\"" },
		{ "other controls", "\x01\x1f\x7f", "\"\\u0001\\u001f\x7f\"" },
		{ "characters of every length", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80",
			"\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"" },
		{ "a lone continuation", "a\x80z", "\"a\xef\xbf\xbdz\"" },
		{ "cut at the end", "a\xe2\x82", "\"a\xef\xbf\xbd\xef\xbf\xbd\"" },
		{ "cut, then good", "\xc3\xc3\xa4", "\"\xef\xbf\xbd\xc3\xa4\"" },
		{ "overlong slash", "\xc0\xaf", "\"\xef\xbf\xbd\xef\xbf\xbd\"" },
		{ "Latin-1", "K\xf6ln\n", "\"K\xef\xbf\xbdln\\n\"" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEANUP(buf_done) struct buf out = BUF_INIT(100);
		CLEANUP(json_freep) struct json *json = NULL;

		json_write_string(&out, rows[i].text);
		if (strcmp(buf_text(&out), rows[i].literal) != 0)
			fail_msg("%s: %s", rows[i].name, buf_text(&out));
		json = parse(buf_text(&out));
		assert_non_null(json);
	}
}

static void names_are_escaped_like_strings(void **state)
{
	CLEANUP(json_freep) struct json *json = json_new_object();

	(void)state;
	json_set_string(json, "a\"\n", "b\"\n");
	assert_written(json, "{\"a\\\"\\n\":\"b\\\"\\n\"}");
}

static void too_much_shows_in_the_buffer(void **state)
{
	CLEANUP(json_freep) struct json *json = parse("[1,2,3]");
	CLEANUP(buf_done) struct buf enough = BUF_INIT(7), small = BUF_INIT(6);

	(void)state;
	json_write(&enough, json);
	assert_false(buf_overflowed(&enough));
	json_write(&small, json);
	assert_true(buf_overflowed(&small));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_is_compact_and_keeps_the_order),
		cmocka_unit_test(numbers_lose_no_digit),
		cmocka_unit_test(string_literals_are_escaped_and_always_valid),
		cmocka_unit_test(names_are_escaped_like_strings),
		cmocka_unit_test(too_much_shows_in_the_buffer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
