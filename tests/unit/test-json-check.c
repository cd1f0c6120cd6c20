/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <math.h>
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

static const struct json_limits limits = { .size_max = 100000, .depth_max = 8, .node_max = 1000 };

/* In a buffer of exactly this size, so that a sanitizer detects a read past the end. */
static int check(const char *text, size_t length, const struct json_limits *within, struct error *err)
{
	CLEANUP(mem_freep) char *exact = mem_alloc(length);
	CLEANUP(json_freep) struct json *json = NULL;

	memcpy(exact, text, length);
	return json_parse(&json, exact, length, within, err);
}

#define TEXT(literal) literal, sizeof(literal) - 1

static void good_texts_are_accepted_and_cjson_reads_them(void **state)
{
	static const struct {
		const char *name, *text;
		size_t length;
	} rows[] = {
		{ "null", TEXT("null") },
		{ "true and white space", TEXT(" \t\r\n true \t\r\n ") },
		{ "false", TEXT("false") },
		{ "empty array", TEXT("[]") },
		{ "empty array with space", TEXT("[ \n ]") },
		{ "empty object", TEXT("{}") },
		{ "array", TEXT("[1 , \"a\", null,true,[],{}]") },
		{ "object", TEXT("{\"a\" : 1,\"b\":{ \"a\":2 } }") },
		{ "empty name", TEXT("{\"\":1}") },
		{ "names that differ in case", TEXT("{\"a\":1,\"A\":2}") },
		{ "names that begin alike", TEXT("{\"a\":1,\"ab\":2,\"\":3}") },
		{ "same name in different objects",
			TEXT("[{\"a\":1},{\"a\":{\"a\":1}},{\"b\":{\"a\":1},\"a\":2}]") },
		{ "zero", TEXT("0") },
		{ "minus zero", TEXT("-0") },
		{ "integer", TEXT("1234567890") },
		{ "fraction", TEXT("-0.0510") },
		{ "exponents", TEXT("[1e5,1E+05,1.5e-007,0e0,-0.0E-0]") },
		{ "largest double", TEXT("1.7976931348623157e308") },
		{ "too small for double", TEXT("1e-400") },
		{ "63 digits", TEXT("123456789012345678901234567890123456789012345678901234567890123") },
		{ "empty string", TEXT("\"\"") },
		{ "all short escapes", TEXT("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"") },
		{ "unicode escapes", TEXT("\"\\u0001\\u00e4\\u20AC\\uFFFF\"") },
		{ "surrogate pair", TEXT("\"\\ud83d\\uDE00\"") },
		{ "lowest and highest pair", TEXT("\"\\ud800\\udc00\\udbff\\udfff\"") },
		{ "UTF-8 of every length",
			TEXT("\"\x7f \xc2\x80 \xdf\xbf \xe0\xa0\x80 \xef\xbf\xbf \xf0\x90\x80\x80\"") },
		{ "around the surrogates", TEXT("\"\xed\x9f\xbf\xee\x80\x80\"") },
		{ "last code point", TEXT("\"\xf4\x8f\xbf\xbf\"") },
		{ "eight levels", TEXT("[[[[{\"a\":[[[]]]}]]]]") },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEANUP(json_freep) struct json *json = NULL;
		struct error err = { 0 };

		if (json_parse(&json, rows[i].text, rows[i].length, &limits, &err) < 0)
			fail_msg("%s: %s", rows[i].name, err.message);
	}
}

struct refusal {
	const char *text;
	size_t length;
	const char *message;
};

static void assert_refused(const struct refusal *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct error err = { 0 };
		int r = check(rows[i].text, rows[i].length, &limits, &err);

		if (r != -EBADMSG || err.errnum != -EBADMSG || strcmp(err.message, rows[i].message) != 0)
			fail_msg("%s: %d \"%s\"", rows[i].text, r, err.message);
	}
}

static void bad_structure_is_refused_where_it_is(void **state)
{
	static const struct refusal rows[] = {
		{ TEXT(""), "line 1, column 1: unexpected end of the text" },
		{ TEXT(" \n "), "line 2, column 2: unexpected end of the text" },
		{ TEXT("\xef\xbb\xbf\xef\xbb\xbf{}"),
			"line 1, column 1: expected a value" }, /* a second byte order mark */
		{ TEXT("\0"), "line 1, column 1: expected a value" },
		{ TEXT("[1]\0"), "line 1, column 4: unexpected text after the value" },
		{ TEXT("[1]\v"), "line 1, column 4: unexpected text after the value" },
		{ TEXT("[\f1]"), "line 1, column 2: expected a value" },
		{ TEXT("[1] 2"), "line 1, column 5: unexpected text after the value" },
		{ TEXT("{}}"), "line 1, column 3: unexpected text after the value" },
		{ TEXT("["), "line 1, column 2: unexpected end of the text" },
		{ TEXT("[1"), "line 1, column 3: expected ',' or ']'" },
		{ TEXT("[1,"), "line 1, column 4: unexpected end of the text" },
		{ TEXT("[1,]"), "line 1, column 4: expected a value" },
		{ TEXT("[,1]"), "line 1, column 2: expected a value" },
		{ TEXT("[1 2]"), "line 1, column 4: expected ',' or ']'" },
		{ TEXT("[1}"), "line 1, column 3: expected ',' or ']'" },
		{ TEXT("]"), "line 1, column 1: expected a value" },
		{ TEXT("{"), "line 1, column 2: expected a member name in quotes" },
		{ TEXT("{a:1}"), "line 1, column 2: expected a member name in quotes" },
		{ TEXT("{'a':1}"), "line 1, column 2: expected a member name in quotes" },
		{ TEXT("{1:1}"), "line 1, column 2: expected a member name in quotes" },
		{ TEXT("{\"a\"}"), "line 1, column 5: expected ':'" },
		{ TEXT("{\"a\""), "line 1, column 5: expected ':'" },
		{ TEXT("{\"a\":}"), "line 1, column 6: expected a value" },
		{ TEXT("{\"a\":1"), "line 1, column 7: expected ',' or '}'" },
		{ TEXT("{\"a\":1]"), "line 1, column 7: expected ',' or '}'" },
		{ TEXT("{\"a\":1,}"), "line 1, column 8: expected a member name in quotes" },
		{ TEXT("{\"a\":1,,\"b\":2}"), "line 1, column 8: expected a member name in quotes" },
		{ TEXT("{\"a\":1 \"b\":2}"), "line 1, column 8: expected ',' or '}'" },
		{ TEXT("{\n  \"\xc3\xa4\": 1,\n  \"\xe2\x82\xac\": tru\n}"),
			"line 3, column 8: expected a value" },
		{ TEXT("// comment\n1"), "line 1, column 1: expected a value" },
		{ TEXT("[1/**/]"), "line 1, column 3: expected ',' or ']'" },
	};

	(void)state;
	assert_refused(rows, ARRAY_SIZE(rows));
}

static void bad_words_and_numbers_are_refused(void **state)
{
	static const struct refusal rows[] = {
		{ TEXT("nul"), "line 1, column 1: expected a value" },
		{ TEXT("True"), "line 1, column 1: expected a value" },
		{ TEXT("nulll"), "line 1, column 5: unexpected text after the value" },
		{ TEXT("undefined"), "line 1, column 1: expected a value" },
		{ TEXT("NaN"), "line 1, column 1: expected a value" },
		{ TEXT("Infinity"), "line 1, column 1: expected a value" },
		{ TEXT("-Infinity"), "line 1, column 2: invalid number" },
		{ TEXT("+1"), "line 1, column 1: expected a value" },
		{ TEXT(".5"), "line 1, column 1: expected a value" },
		{ TEXT("-"), "line 1, column 2: invalid number" },
		{ TEXT("--1"), "line 1, column 2: invalid number" },
		{ TEXT("-.5"), "line 1, column 2: invalid number" },
		{ TEXT("01"), "line 1, column 2: unexpected text after the value" },
		{ TEXT("-01"), "line 1, column 3: unexpected text after the value" },
		{ TEXT("00"), "line 1, column 2: unexpected text after the value" },
		{ TEXT("0x10"), "line 1, column 2: unexpected text after the value" },
		{ TEXT("1."), "line 1, column 3: invalid number" },
		{ TEXT("1.e5"), "line 1, column 3: invalid number" },
		{ TEXT("1e"), "line 1, column 3: invalid number" },
		{ TEXT("1e+"), "line 1, column 4: invalid number" },
		{ TEXT("1e-+5"), "line 1, column 4: invalid number" },
		{ TEXT("1e5.5"), "line 1, column 4: unexpected text after the value" },
		{ TEXT("1,000"), "line 1, column 2: unexpected text after the value" },
		{ TEXT("[1e309]"), "line 1, column 2: number too large" },
		{ TEXT("[-1E309]"), "line 1, column 2: number too large" },
		{ TEXT("[1234567890123456789012345678901234567890123456789012345678901234]"),
			"line 1, column 2: number with too many digits" },
		{ TEXT("0.0000000000000000000000000000000000000000000000000000000000000"),
			"line 1, column 1: number with too many digits" },
	};

	(void)state;
	assert_refused(rows, ARRAY_SIZE(rows) - 1);
	/* The last number has 63 characters, the most that are accepted. */
	assert_int_equal(rows[ARRAY_SIZE(rows) - 1].length, JSON_NUMBER_MAX);
	assert_int_equal(check(rows[ARRAY_SIZE(rows) - 1].text, JSON_NUMBER_MAX, &limits, NULL), 0);
}

static void bad_strings_are_refused(void **state)
{
	static const struct refusal rows[] = {
		{ TEXT("\""), "line 1, column 1: unterminated string" },
		{ TEXT("[\"a]"), "line 1, column 2: unterminated string" },
		{ TEXT("\"a\\\""), "line 1, column 1: unterminated string" },
		{ TEXT("\"a\\"), "line 1, column 3: invalid escape sequence" },
		{ TEXT("\"\\x41\""), "line 1, column 2: invalid escape sequence" },
		{ TEXT("\"\\'\""), "line 1, column 2: invalid escape sequence" },
		{ TEXT("\"\\\0\""), "line 1, column 2: invalid escape sequence" },
		{ TEXT("\"\\u\""), "line 1, column 2: invalid escape sequence" },
		{ TEXT("\"\\u123\""), "line 1, column 2: invalid escape sequence" },
		{ TEXT("\"\\u12g4\""), "line 1, column 2: invalid escape sequence" },
		{ TEXT("\"\\u+123\""), "line 1, column 2: invalid escape sequence" },
		{ TEXT("\"\\u00"), "line 1, column 2: invalid escape sequence" },
		{ TEXT("\"\\U0041\""), "line 1, column 2: invalid escape sequence" },
		{ TEXT("\"a\\u0000b\""), "line 1, column 3: \\u0000 is not permitted" },
		{ TEXT("{\"a\\u0000b\":1}"), "line 1, column 4: \\u0000 is not permitted" },
		{ TEXT("\"\\ud83d\""), "line 1, column 2: half of a surrogate pair" },
		{ TEXT("\"\\ud83dx\""), "line 1, column 2: half of a surrogate pair" },
		{ TEXT("\"\\ud83d\\n\""), "line 1, column 2: half of a surrogate pair" },
		{ TEXT("\"\\ud83d\\u0041\""), "line 1, column 2: half of a surrogate pair" },
		{ TEXT("\"\\ud83d\\ud83d\""), "line 1, column 2: half of a surrogate pair" },
		{ TEXT("\"\\ude00\""), "line 1, column 2: half of a surrogate pair" },
		{ TEXT("\"\\ude00\\ud83d\""), "line 1, column 2: half of a surrogate pair" },
		{ TEXT("\"\\ud83d\\ude0"), "line 1, column 2: half of a surrogate pair" },
		{ TEXT("\"a\0b\""), "line 1, column 3: control character in a string" },
		{ TEXT("\"a\nb\""), "line 1, column 3: control character in a string" },
		{ TEXT("\"a\tb\""), "line 1, column 3: control character in a string" },
		{ TEXT("\"\x1f\""), "line 1, column 2: control character in a string" },
		{ TEXT("\"\x80\""), "line 1, column 2: invalid UTF-8" },
		{ TEXT("\"\xbf\""), "line 1, column 2: invalid UTF-8" },
		{ TEXT("\"\xff\""), "line 1, column 2: invalid UTF-8" },
		{ TEXT("\"K\xf6ln\""), "line 1, column 3: invalid UTF-8" }, /* Latin-1 */
		{ TEXT("\"\xc3\""), "line 1, column 2: invalid UTF-8" },
		{ TEXT("\"\xc3"), "line 1, column 2: invalid UTF-8" },
		{ TEXT("\"\xe2\x82\""), "line 1, column 2: invalid UTF-8" },
		{ TEXT("\"\xf0\x9f\x98\""), "line 1, column 2: invalid UTF-8" },
		{ TEXT("\"\xc0\x80\""), "line 1, column 2: invalid UTF-8" }, /* overlong */
		{ TEXT("\"\xc1\xbf\""), "line 1, column 2: invalid UTF-8" },
		{ TEXT("\"\xe0\x9f\xbf\""), "line 1, column 2: invalid UTF-8" },
		{ TEXT("\"\xf0\x8f\xbf\xbf\""), "line 1, column 2: invalid UTF-8" },
		{ TEXT("\"\xed\xa0\x80\""), "line 1, column 2: invalid UTF-8" }, /* surrogates */
		{ TEXT("\"\xed\xbf\xbf\""), "line 1, column 2: invalid UTF-8" },
		{ TEXT("\"\xf4\x90\x80\x80\""), "line 1, column 2: invalid UTF-8" }, /* beyond U+10FFFF */
		{ TEXT("\"\xf8\x88\x80\x80\x80\""), "line 1, column 2: invalid UTF-8" },
	};

	(void)state;
	assert_refused(rows, ARRAY_SIZE(rows));
}

static void limits_are_exact(void **state)
{
	static const struct {
		const char *name, *text;
		struct json_limits within;
		const char *message; /* NULL: accepted */
	} rows[] = {
		{ "size", "[1,2]", { 5, 1, 3, false, false }, NULL },
		{ "size + 1", "[1,2]", { 4, 1, 3, false, false }, "more than 4 bytes" },
		{ "no size", "1", { 0, 1, 3, false, false }, "more than 0 bytes" },
		{ "depth of arrays", "[[1]]", { 99, 2, 99, false, false }, NULL },
		{ "depth of arrays + 1", "[[1]]", { 99, 1, 99, false, false },
			"line 1, column 2: nested too deeply" },
		{ "depth of objects", "{\"a\":{}}", { 99, 2, 99, false, false }, NULL },
		{ "depth of objects + 1", "{\"a\":{}}", { 99, 1, 99, false, false },
			"line 1, column 6: nested too deeply" },
		{ "depth goes down again", "[[],[],[]]", { 99, 2, 99, false, false }, NULL },
		{ "no depth, a scalar", "1", { 99, 0, 99, false, false }, NULL },
		{ "no depth, an array", "[]", { 99, 0, 99, false, false },
			"line 1, column 1: nested too deeply" },
		{ "nodes", "[1,{\"a\":2}]", { 99, 9, 4, false, false }, NULL },
		{ "nodes + 1", "[1,{\"a\":2}]", { 99, 9, 3, false, false },
			"line 1, column 9: too many values" },
		{ "no nodes", "1", { 99, 9, 0, false, false }, "line 1, column 1: too many values" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct error err = { 0 };
		int r = check(rows[i].text, strlen(rows[i].text), &rows[i].within, &err);

		if (r != (rows[i].message ? -E2BIG : 0) ||
			strcmp(err.message, rows[i].message ? rows[i].message : "") != 0)
			fail_msg("%s: %d \"%s\"", rows[i].name, r, err.message);
	}
}

static void numbers_beyond_double_are_infinite_on_request(void **state)
{
	static const struct json_limits lenient = {
		.size_max = 1000, .depth_max = 8, .node_max = 10, .infinite_numbers = true
	};
	static const char good[] = "[1e400,-1E+309,1.5]", bad[] = "[1e400,1e]";
	CLEANUP(json_freep) struct json *json = NULL;
	struct error err = { 0 };

	(void)state;
	assert_int_equal(json_parse(&json, good, strlen(good), &limits, NULL), -EBADMSG);
	assert_int_equal(json_parse(&json, good, strlen(good), &lenient, &err), 0);
	assert_true(json_number(json_first(json), 0) == INFINITY);
	assert_true(json_number(json_next(json_first(json)), 0) == -INFINITY);
	assert_int_equal(json_integer(json_first(json), -1), -1);
	assert_int_equal(check(bad, strlen(bad), &lenient, &err), -EBADMSG);
	assert_string_equal(err.message, "line 1, column 10: invalid number");
}

static void depth_beyond_cjson_is_refused_whatever_the_limit(void **state)
{
	static const struct json_limits generous = {
		.size_max = 10000, .depth_max = 5000, .node_max = 10000
	};
	char text[2 * (JSON_NESTING_MAX + 1)];
	CLEANUP(json_freep) struct json *json = NULL;
	struct error err = { 0 };

	(void)state;
	memset(text, '[', sizeof(text) / 2);
	memset(text + sizeof(text) / 2, ']', sizeof(text) / 2);
	assert_int_equal(json_parse(&json, text, sizeof(text), &generous, &err), -E2BIG);
	assert_string_equal(err.message, "line 1, column 1001: nested too deeply");
	assert_int_equal(json_parse(&json, text + 1, sizeof(text) - 2, &generous, &err), 0);
}

static const char sample[] =
	"{\"data\":[{\"id\":\"c1\",\"title\":\"K\xc3\xb6ln \\\"A\\\" \\ud83d\\ude00\",\"price\":-12.50e+1,"
	"\"free\":false,\"tags\":[],\"next\":null}, true ],\n\"meta\":{\"id\":0}}";

static void every_beginning_of_a_text_is_refused(void **state)
{
	(void)state;
	for (size_t length = 0; length < sizeof(sample) - 1; length++)
		assert_int_equal(check(sample, length, &limits, NULL), -EBADMSG);
	assert_int_equal(check(sample, sizeof(sample) - 1, &limits, NULL), 0);
}

/* Every byte is replaced by every other. If the check accepts the result, cJSON must be able to read it,
 * and writing it and reading it again must give the same value. */
static void accepted_text_survives_cjson(void **state)
{
	char text[sizeof(sample)];
	size_t accepted = 0;

	(void)state;
	for (size_t at = 0; at < sizeof(sample) - 1; at++) {
		memcpy(text, sample, sizeof(text));
		for (int byte = 0; byte < 256; byte++) {
			CLEANUP(buf_done) struct buf first = BUF_INIT(1000), second = BUF_INIT(1000);
			CLEANUP(json_freep) struct json *json = NULL, *again = NULL;
			struct error err = { 0 };

			text[at] = (char)byte;
			if (json_parse(&json, text, sizeof(text) - 1, &limits, &err) < 0) {
				if (strstr(err.message, "cJSON"))
					fail_msg("byte %zu = %d: %s", at, byte, err.message);
				continue;
			}
			accepted++;
			json_write(&first, json);
			if (json_parse(&again, first.data, first.length, &limits, &err) < 0)
				fail_msg("byte %zu = %d: written, then %s", at, byte, err.message);
			json_write(&second, again);
			assert_string_equal(buf_text(&first), buf_text(&second));
		}
	}
	assert_true(accepted > sizeof(sample)); /* the original once per byte, and many changed texts */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_texts_are_accepted_and_cjson_reads_them),
		cmocka_unit_test(bad_structure_is_refused_where_it_is),
		cmocka_unit_test(bad_words_and_numbers_are_refused),
		cmocka_unit_test(bad_strings_are_refused),
		cmocka_unit_test(limits_are_exact),
		cmocka_unit_test(numbers_beyond_double_are_infinite_on_request),
		cmocka_unit_test(depth_beyond_cjson_is_refused_whatever_the_limit),
		cmocka_unit_test(every_beginning_of_a_text_is_refused),
		cmocka_unit_test(accepted_text_survives_cjson),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
