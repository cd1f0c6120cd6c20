/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"

static const struct json_limits limits = { .size_max = 1000, .depth_max = 20, .node_max = 100 };

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

static void parsing_reads_no_further_than_the_length(void **state)
{
	CLEANUP(json_freep) struct json *json = NULL;

	(void)state;
	assert_int_equal(json_parse(&json, "123456", 3, &limits, NULL), 0);
	assert_int_equal(json_integer(json, 0), 123);
}

static void a_refused_text_leaves_the_result_untouched(void **state)
{
	struct json *json = NULL;
	struct error err = { 0 };

	(void)state;
	assert_int_equal(json_parse(&json, "[1,}", 4, &limits, &err), -EBADMSG);
	assert_null(json);
	assert_string_equal(err.message, "line 1, column 4: expected a value");
	assert_int_equal(json_parse(&json, "[1,}", 4, &limits, NULL), -EBADMSG);
}

static void every_value_has_its_type(void **state)
{
	static const struct {
		const char *text;
		enum json_type type;
		const char *name;
	} rows[] = {
		{ "null", JSON_NULL, "null" },
		{ "true", JSON_BOOL, "a boolean" },
		{ "false", JSON_BOOL, "a boolean" },
		{ "0", JSON_NUMBER, "a number" },
		{ "\"\"", JSON_STRING, "a string" },
		{ "[]", JSON_ARRAY, "an array" },
		{ "{}", JSON_OBJECT, "an object" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEANUP(json_freep) struct json *json = parse(rows[i].text);

		assert_int_equal(json_type(json), rows[i].type);
		assert_string_equal(json_type_name(rows[i].type), rows[i].name);
	}
	assert_int_equal(json_type(NULL), JSON_MISSING);
	assert_string_equal(json_type_name(JSON_MISSING), "missing");
}

static void a_path_is_followed_without_checks(void **state)
{
	CLEANUP(json_freep)
	struct json *json = parse("{\"meta\":{\"requestId\":\"r1\"},\"list\":[7],\"text\":\"x\"}");
	size_t seen;

	(void)state;
	assert_string_equal(json_string(json_get(json_get(json, "meta"), "requestId")), "r1");
	assert_null(json_get(json_get(json_get(json, "nothing"), "here"), "either"));
	assert_null(json_get(json_get(json, "list"), "requestId"));
	assert_null(json_get(json_get(json, "text"), "x"));
	assert_null(json_get(json, "Meta")); /* names are exact */
	assert_null(json_get(json, "met"));
	assert_null(json_get(json, ""));
	assert_non_null(json_find(json, "metaphor", 4, &seen)); /* only the first four bytes are the name */
	assert_null(json_find(json, "met", 3, &seen));
	assert_int_equal(seen, json_count(json));
	assert_null(json_find(json_get(json, "list"), "a", 1, &seen));
	assert_int_equal(seen, 0);
}

static void a_byte_order_mark_before_the_value_is_skipped_once(void **state)
{
	static const char one[] = "\xef\xbb\xbf{\"a\":[\"\\ud800\",1]}", two[] = "\xef\xbb\xbf\xef\xbb\xbf{}";
	const struct json_limits keeping = {
		.size_max = 100, .depth_max = 5, .node_max = 10, .keeps_broken = true
	};
	CLEANUP(json_freep) struct json *json = NULL;
	struct json *none = NULL;

	(void)state;
	assert_int_equal(json_parse(&json, one, strlen(one), &keeping, NULL), 0);
	assert_string_equal(json_fault(json_first(json_get(json, "a"))), "half of a surrogate pair");
	assert_int_equal(json_integer(json_next(json_first(json_get(json, "a"))), -1), 1);
	assert_int_equal(json_parse(&none, two, strlen(two), &keeping, NULL), -EBADMSG);
	assert_int_equal(json_parse(&none, one, 3, &keeping, NULL), -EBADMSG);
}

/* Each row: the results of every accessor for a value of another type. */
static void accessors_are_total(void **state)
{
	static const struct {
		const char *text, *string;
		double number;
		int64_t integer;
		bool boolean_or_true, boolean_or_false;
	} rows[] = {
		{ "null", NULL, -1, -1, true, false },
		{ "true", NULL, -1, -1, true, true },
		{ "false", NULL, -1, -1, false, false },
		{ "12", NULL, 12, 12, true, false },
		{ "1.5", NULL, 1.5, -1, true, false },
		{ "\"12\"", "12", -1, -1, true, false },
		{ "[12]", NULL, -1, -1, true, false },
		{ "{\"a\":12}", NULL, -1, -1, true, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEANUP(json_freep) struct json *json = parse(rows[i].text);
		const char *string = json_string(json);

		if (!string != !rows[i].string || strcmp(string ?: "", rows[i].string ?: "") != 0 ||
			json_number(json, -1) != rows[i].number ||
			json_integer(json, -1) != rows[i].integer ||
			json_bool(json, true) != rows[i].boolean_or_true ||
			json_bool(json, false) != rows[i].boolean_or_false)
			fail_msg("%s", rows[i].text);
	}
	assert_null(json_string(NULL));
	assert_true(json_number(NULL, 2.5) == 2.5);
	assert_int_equal(json_integer(NULL, 5), 5);
	assert_true(json_bool(NULL, true));
	assert_null(json_get(NULL, "a"));
	assert_null(json_first(NULL));
	assert_null(json_next(NULL));
	assert_null(json_name(NULL));
	assert_int_equal(json_count(NULL), 0);
	assert_null(json_copy(NULL));
	json_free(NULL);
}

static void integers_are_exact_or_refused(void **state)
{
	static const struct {
		const char *text;
		int64_t value;
	} rows[] = {
		{ "0", 0 },
		{ "-0", 0 },
		{ "1e3", 1000 },
		{ "120.0", 120 },
		{ "4294967296", INT64_C(4294967296) },
		{ "9007199254740991", INT64_C(9007199254740991) },
		{ "9007199254740992", INT64_C(9007199254740992) },
		{ "-9007199254740992", -INT64_C(9007199254740992) },
		{ "9007199254740994", -7 },
		{ "-9007199254740994", -7 },
		{ "9223372036854775808", -7 },
		{ "1e300", -7 },
		{ "0.5", -7 },
		{ "-1e-300", -7 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEANUP(json_freep) struct json *json = parse(rows[i].text);

		if (json_integer(json, -7) != rows[i].value)
			fail_msg("%s", rows[i].text);
	}
}

static void strings_are_decoded(void **state)
{
	CLEANUP(json_freep)
	struct json *json = parse("{\"\\u00e4\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u20ac\\ud83d\\ude00\"}");

	(void)state;
	assert_string_equal(json_name(json_first(json)), "\xc3\xa4");
	assert_string_equal(
		json_string(json_get(json, "\xc3\xa4")), "\"\\/\b\f\n\r\t\xe2\x82\xac\xf0\x9f\x98\x80");
}

static void iteration_keeps_the_order(void **state)
{
	CLEANUP(json_freep) struct json *json = parse("{\"b\":1,\"a\":[2,3],\"c\":\"x\"}");
	char names[10] = "";
	int64_t sum = 0;

	(void)state;
	JSON_FOREACH (member, json) {
		strncat(names, json_name(member), 2);
		JSON_FOREACH (element, member) {
			assert_null(json_name(element));
			sum = sum * 10 + json_integer(element, 0);
		}
	}
	assert_string_equal(names, "bac");
	assert_int_equal(sum, 23);
	assert_int_equal(json_count(json), 3);
	assert_int_equal(json_count(json_get(json, "a")), 2);
	assert_int_equal(json_count(json_get(json, "c")), 0);
}

static void values_are_built_in_order(void **state)
{
	CLEANUP(json_freep) struct json *json = json_new_object();
	struct json *list = json_new_array();

	(void)state;
	json_append(list, json_new_integer(-1));
	json_append(list, json_new_string("x"));
	json_append(list, json_new_string(NULL));
	json_append(list, NULL);
	json_set(json, "list", list);
	json_set_string(json, "text", "y");
	json_set_string(json, "none", NULL);
	json_set(json, "nothing", NULL);
	json_set_integer(json, "large", INT64_C(9007199254740992));
	json_set_integer(json, "small", -INT64_C(9007199254740991));
	json_set_bool(json, "yes", true);
	json_set_bool(json, "no", false);
	json_set_time(json, "then", INT64_C(1773529200000));
	json_set_time(json, "never", 0);
	assert_written(json,
		"{\"list\":[-1,\"x\",null,null],\"text\":\"y\",\"none\":null,\"nothing\":null,"
		"\"large\":9007199254740992,\"small\":-9007199254740991,\"yes\":true,\"no\":false,"
		"\"then\":\"2026-03-14T23:00:00.000Z\",\"never\":null}");
}

static void names_are_copied(void **state)
{
	CLEANUP(json_freep) struct json *json = json_new_object();
	char name[] = "before";

	(void)state;
	json_set_bool(json, name, true);
	memcpy(name, "after!", sizeof(name));
	assert_written(json, "{\"before\":true}");
}

static void a_copy_is_deep_and_has_no_owner(void **state)
{
	struct json *json = parse("{\"a\":{\"b\":[1,\"x\"]},\"c\":2}");
	CLEANUP(json_freep) struct json *copy = json_copy(json_get(json, "a"));
	CLEANUP(json_freep) struct json *list = json_new_array();

	(void)state;
	json_free(json);
	assert_null(json_name(copy));
	assert_null(json_next(copy));
	json_append(list, STEAL(copy));
	assert_written(list, "[{\"b\":[1,\"x\"]}]");
}

static void a_shared_value_stays_with_its_owner(void **state)
{
	struct json *owner = json_new_array(), *other = json_new_array();

	(void)state;
	json_append(owner, json_new_object());
	json_set_string((struct json *)json_first(owner), "name", "A");
	json_append_shared(other, json_first(owner));
	assert_written(other, "[{\"name\":\"A\"}]");
	json_free(other);
	assert_written(owner, "[{\"name\":\"A\"}]");
	json_free(owner);
}

/* A quadratic step anywhere would take minutes. */
static void large_values_take_linear_time(void **state)
{
	enum { COUNT = 200000 };
	static const struct json_limits large = { .size_max = 20000000, .depth_max = 3, .node_max = 1000000 };
	CLEANUP(json_freep) struct json *json = json_new_object(), *parsed = NULL;
	CLEANUP(buf_done) struct buf text = BUF_INIT(20000000);
	struct json *list = json_new_array();
	clock_t start = clock();
	char name[20];
	int count = 0;

	(void)state;
	for (int i = 0; i < COUNT; i++) {
		snprintf(name, sizeof(name), "c%d", i);
		json_set_integer(json, name, i);
		json_append(list, json_new_integer(i));
	}
	json_set(json, "list", list);
	json_write(&text, json);
	assert_int_equal(json_parse(&parsed, text.data, text.length, &large, NULL), 0);
	assert_int_equal(json_count(json_get(parsed, "list")), COUNT);
	JSON_FOREACH (member, parsed) {
		if (json_type(member) != JSON_NUMBER)
			continue; /* the list */
		snprintf(name, sizeof(name), "c%d", (int)json_integer(member, -1));
		assert_string_equal(json_name(member), name);
		count++;
	}
	assert_int_equal(count, COUNT);
	assert_true((clock() - start) / CLOCKS_PER_SEC < 20);
}

/* ---- duplicate names ---- */

static void a_name_twice_in_an_object_is_refused_however_it_is_spelled(void **state)
{
	static const struct {
		const char *text, *message;
	} rows[] = {
		{ "{\"a\":1,\"a\":2}", "line 1, column 8: duplicate member name" },
		{ "{\"a\":1,\"a\":2,\"a\":3}", "line 1, column 8: duplicate member name" },
		{ "{\"a\":1,\"b\":{\"c\":1,\"c\":2},\"a\":3}", "line 1, column 19: duplicate member name" },
		{ "{\"\":1,\"\":2}", "line 1, column 7: duplicate member name" },
		{ "{\"a\":1,\"\\u0061\":2}", "line 1, column 8: duplicate member name" },
		{ "{\"\\u002f\":1,\"\\/\":2}", "line 1, column 13: duplicate member name" },
		{ "{\"\\n\":1,\"\\u000A\":2}", "line 1, column 9: duplicate member name" },
		{ "{\"\xc3\xa4\":1,\"\\u00e4\":2}", "line 1, column 8: duplicate member name" },
		{ "{\"\xf0\x9f\x98\x80\":1,\"\\uD83D\\uDE00\":2}",
			"line 1, column 8: duplicate member name" },
		{ "{\"a\":{\"a\":[{\"a\":1}]},\n\"b\":1, \"a\":2}",
			"line 2, column 8: duplicate member name" },
		{ "[{\"a\":1},{\"b\":1,\"b\":2}]", "line 1, column 17: duplicate member name" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct json *json = NULL;
		struct error err = { 0 };
		int r = json_parse(&json, rows[i].text, strlen(rows[i].text), &limits, &err);

		if (r != -EBADMSG || err.errnum != r || json || strcmp(err.message, rows[i].message) != 0)
			fail_msg("%s: %d \"%s\"", rows[i].text, r, err.message);
	}
}

/* Objects with this many members, the last of which has the same name as the member `copied`; -1: a name of
 * its own. Each member holds an object with the same names. */
static int parse_members(int count, int copied)
{
	static const struct json_limits many = { .size_max = 100000, .depth_max = 3, .node_max = 10000 };
	CLEANUP(buf_done) struct buf text = BUF_INIT(100000);
	CLEANUP(json_freep) struct json *json = NULL;

	buf_append_text(&text, "{\"m0\":{\"m0\":0,\"m1\":{}}");
	for (int i = 1; i < count - 1; i++)
		buf_printf(&text, ",\"m%d\":{\"m%d\":0}", i, i);
	buf_printf(&text, ",\"%s%d\":0}", copied % 2 ? "m" : "\\u006d", copied < 0 ? count : copied);
	return json_parse(&json, buf_text(&text), text.length, &many, NULL);
}

static void duplicates_are_found_in_objects_of_every_size(void **state)
{
	(void)state;
	for (int count = 2; count < 140; count++) {
		assert_int_equal(parse_members(count, -1), 0);
		for (int copied = 0; copied < count - 1; copied++)
			assert_int_equal(parse_members(count, copied), -EBADMSG);
	}
}

/* A quadratic search would take minutes. Half of the names are spelled with escapes. */
static void many_members_take_linear_time(void **state)
{
	static const struct json_limits many = { .size_max = 10000000, .depth_max = 2, .node_max = 1000000 };
	CLEANUP(buf_done) struct buf text = BUF_INIT(10000000);
	CLEANUP(json_freep) struct json *json = NULL;
	struct json *none = NULL;
	struct error err = { 0 };
	clock_t start;

	(void)state;
	buf_append_char(&text, '{');
	for (int i = 0; i < 200000; i++)
		buf_printf(&text, "\"%s%d\":%d,", i % 2 ? "\\u0063" : "c", i, i);
	buf_append_text(&text, "\"c\":0}");
	start = clock();
	assert_int_equal(json_parse(&json, text.data, text.length, &many, &err), 0);
	text.length--;
	buf_append_text(&text, ",\"c1\":0}");
	assert_int_equal(json_parse(&none, text.data, text.length, &many, &err), -EBADMSG);
	assert_non_null(strstr(err.message, "duplicate member name"));
	assert_true((clock() - start) / CLOCKS_PER_SEC < 20);
}

/* ---- values that cannot be JSON ---- */

static const struct json_limits tolerant = {
	.size_max = 1000, .depth_max = 20, .node_max = 100, .keeps_broken = true
};

static void a_value_that_is_no_json_costs_itself_alone(void **state)
{
	static const struct {
		const char *value, *fault;
	} rows[] = {
		{ "\"half \\ud83d\"", "half of a surrogate pair" },
		{ "\"\\udc00\"", "half of a surrogate pair" },
		{ "\"a\\u0000b\"", "\\u0000 is not permitted" },
		{ "\"Gr\xfc\xdf"
		  "e\"",
			"invalid UTF-8" },
		{ "\"\xc3\"", "invalid UTF-8" },
		{ "\"a\nb\"", "control character in a string" },
		{ "\"\\x41\"", "invalid escape sequence" },
		{ "\"\\u12\"", "invalid escape sequence" },
		{ "\"\\ud83d\\\"\\ud83d\"", "half of a surrogate pair" },
		{ "1e400", "number too large" },
		{ "-1e400", "number too large" },
		{ "1234567890123456789012345678901234567890123456789012345678901234",
			"number with too many digits" },
		{ "01", "invalid value" },
		{ "-", "invalid number" },
		{ "+1", "expected a value" },
		{ ".5", "expected a value" },
		{ "0x10", "invalid value" },
		{ "NaN", "expected a value" },
		{ "-Infinity", "invalid number" },
		{ "undefined", "expected a value" },
		{ "truest", "invalid value" },
		{ "{\"a\":1,\"a\":2}", "duplicate member name" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEANUP(mem_freep)
		char *text =
			mem_printf("[{\"id\":\"c1\",\"deep\":[1,{\"x\":null}],\"value\":%s,\"after\":[7]},"
				   "{\"id\":\"c2\",\"value\":%s}]",
				rows[i].value, rows[i].value);
		CLEANUP(json_freep) struct json *json = NULL, *strict = NULL;
		struct error err = { 0 };
		const struct json *row, *value;

		assert_int_equal(json_parse(&strict, text, strlen(text), &limits, NULL), -EBADMSG);
		if (json_parse(&json, text, strlen(text), &tolerant, &err) < 0)
			fail_msg("%s: %s", rows[i].value, err.message);
		row = json_first(json);
		value = json_get(row, "value");
		if (json_type(value) != JSON_BROKEN || strcmp(json_fault(value), rows[i].fault) != 0)
			fail_msg("%s: %s", rows[i].value, json_fault(value) ?: "taken");
		assert_string_equal(json_string(json_get(row, "id")), "c1");
		assert_null(json_string(value));
		assert_int_equal(json_integer(value, 5), 5);
		assert_int_equal(json_integer(json_first(json_get(row, "after")), 0), 7);
		row = json_next(row);
		assert_string_equal(json_string(json_get(row, "id")), "c2");
		assert_int_equal(json_type(json_get(row, "value")), JSON_BROKEN);
		assert_int_equal(json_type(row), JSON_OBJECT);
	}
}

static void a_name_that_is_no_text_costs_its_member(void **state)
{
	static const char text[] = "{\"a\\ud83d\":1,\"b\":2,\"\\u0000\":{\"c\":3},\"d\":4}";
	CLEANUP(json_freep) struct json *json = NULL, *again = NULL;
	CLEANUP(buf_done) struct buf out = BUF_INIT(1000);

	(void)state;
	assert_int_equal(json_parse(&json, text, strlen(text), &tolerant, NULL), 0);
	assert_int_equal(json_type(json), JSON_OBJECT);
	assert_int_equal(json_integer(json_get(json, "b"), 0), 2);
	assert_int_equal(json_integer(json_get(json, "d"), 0), 4);
	assert_null(json_get(json, "a"));
	json_write(&out, json); /* the two names that are not valid text have not become the same name */
	assert_int_equal(json_parse(&again, buf_text(&out), out.length, &limits, NULL), 0);
}

static void the_members_of_an_object_with_a_repeated_name_can_be_looked_up(void **state)
{
	static const char text[] = "[{\"id\":\"c1\",\"x\":1,\"x\":2,\"x\":3},{\"y\":1}]";
	CLEANUP(json_freep) struct json *json = NULL;

	(void)state;
	assert_int_equal(json_parse(&json, text, strlen(text), &tolerant, NULL), 0);
	assert_string_equal(json_fault(json_first(json)), "duplicate member name");
	assert_string_equal(json_string(json_get(json_first(json), "id")), "c1");
	assert_int_equal(json_type(json_next(json_first(json))), JSON_OBJECT);
	assert_written(json, "[null,{\"y\":1}]");
}

static void a_text_without_structure_is_always_refused(void **state)
{
	static const char *const texts[] = { "", "[", "[1", "[1,]", "[1 2]", "{\"a\"}", "{\"a\":}",
		"{\"a\" 1}", "{1:2}", "\"never ends", "\"\\ud83d", "[\"a]", "1 2", "[NaN", "]",
		"{\"a\":\"\\" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct json *json = NULL;

		if (json_parse(&json, texts[i], strlen(texts[i]), &tolerant, NULL) == 0)
			fail_msg("%s is taken", texts[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parsing_reads_no_further_than_the_length),
		cmocka_unit_test(a_refused_text_leaves_the_result_untouched),
		cmocka_unit_test(every_value_has_its_type),
		cmocka_unit_test(a_path_is_followed_without_checks),
		cmocka_unit_test(a_byte_order_mark_before_the_value_is_skipped_once),
		cmocka_unit_test(accessors_are_total),
		cmocka_unit_test(integers_are_exact_or_refused),
		cmocka_unit_test(strings_are_decoded),
		cmocka_unit_test(iteration_keeps_the_order),
		cmocka_unit_test(values_are_built_in_order),
		cmocka_unit_test(names_are_copied),
		cmocka_unit_test(a_copy_is_deep_and_has_no_owner),
		cmocka_unit_test(a_shared_value_stays_with_its_owner),
		cmocka_unit_test(large_values_take_linear_time),
		cmocka_unit_test(a_name_twice_in_an_object_is_refused_however_it_is_spelled),
		cmocka_unit_test(duplicates_are_found_in_objects_of_every_size),
		cmocka_unit_test(many_members_take_linear_time),
		cmocka_unit_test(a_value_that_is_no_json_costs_itself_alone),
		cmocka_unit_test(a_name_that_is_no_text_costs_its_member),
		cmocka_unit_test(the_members_of_an_object_with_a_repeated_name_can_be_looked_up),
		cmocka_unit_test(a_text_without_structure_is_always_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
