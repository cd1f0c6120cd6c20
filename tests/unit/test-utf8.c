/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/utf8.h"

static void a_character_is_read_strictly(void **state)
{
	static const struct {
		const char *name, *text;
		int32_t code_point;
		ptrdiff_t length; /* by which the reader moves */
	} rows[] = {
		{ "ASCII", "a", 'a', 1 },
		{ "two bytes", "\xc3\xa4x", 0xe4, 2 },
		{ "three bytes", "\xe2\x82\xac", 0x20ac, 3 },
		{ "four bytes", "\xf0\x9f\x98\x80", 0x1f600, 4 },
		{ "the last one", "\xf4\x8f\xbf\xbf", 0x10ffff, 4 },
		{ "beyond", "\xf4\x90\x80\x80", UTF8_NONE, 1 },
		{ "cut", "\xe2\x82", UTF8_NONE, 1 },
		{ "no continuation", "\xc3(", UTF8_NONE, 1 },
		{ "a continuation alone", "\x80", UTF8_NONE, 1 },
		{ "overlong slash", "\xc0\xaf", UTF8_NONE, 1 },
		{ "overlong in three bytes", "\xe0\x80\xaf", UTF8_NONE, 1 },
		{ "a surrogate", "\xed\xa0\x80", UTF8_NONE, 1 },
		{ "a byte that never occurs", "\xff", UTF8_NONE, 1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *at = rows[i].text;

		if (utf8_next(&at, at + strlen(at)) != rows[i].code_point ||
			at - rows[i].text != rows[i].length)
			fail_msg("%s", rows[i].name);
	}
}

static void no_control_character_is_left_and_nothing_else_is_changed(void **state)
{
	char text[] = "a\tb\x1b[2Jc\x7f\n \xc2\x9b\xc3\x9b \xe2\x82\x9b \xff\xc2";

	(void)state;
	utf8_defuse(text);
	assert_string_equal(text, "a?b?[2Jc?? ??\xc3\x9b \xe2\x82\x9b \xff\xc2");
}

static void a_cut_text_ends_with_a_whole_character(void **state)
{
	static const struct {
		const char *cut, *rest;
	} rows[] = {
		{ "", "" },
		{ "abc", "abc" },
		{ "abc\xe2\x82", "abc" },
		{ "abc\xe2", "abc" },
		{ "ab\xc3\xa4", "ab" }, /* nobody knows that it was whole */
		{ "\x80\x80", "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char text[16];

		snprintf(text, sizeof(text), "%s", rows[i].cut);
		utf8_trim(text);
		assert_string_equal(text, rows[i].rest);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_character_is_read_strictly),
		cmocka_unit_test(no_control_character_is_left_and_nothing_else_is_changed),
		cmocka_unit_test(a_cut_text_ends_with_a_whole_character),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
