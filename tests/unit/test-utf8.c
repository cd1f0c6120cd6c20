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
		ptrdiff_t length; /* the number of bytes that the reader advances */
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
		{ "ab\xc3\xa4", "ab" }, /* it might have been incomplete */
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

static void only_a_whole_byte_order_mark_at_the_beginning_is_one(void **state)
{
	(void)state;
	assert_int_equal(utf8_mark_length("\xef\xbb\xbf", 3), 3);
	assert_int_equal(utf8_mark_length("\xef\xbb\xbf\xef\xbb\xbf", 6), 3);
	assert_int_equal(utf8_mark_length("\xef\xbb\xbf", 2), 0);
	assert_int_equal(utf8_mark_length("a\xef\xbb\xbf", 4), 0);
	assert_int_equal(utf8_mark_length(NULL, 0), 0);
}

static void a_text_of_which_nothing_is_seen_is_blank(void **state)
{
	static const struct {
		const char *name, *text;
		bool blank;
	} rows[] = {
		{ "nothing", "", true },
		{ "white space", " \t\r\n", true },
		{ "spaces of Unicode", "\u00a0\u1680\u2000\u200a\u2028\u2029\u202f\u205f\u3000", true },
		{ "soft hyphen", "\u00ad", true },
		{ "zero width", "\u200b\u200c\u200d\u2060\ufeff", true },
		{ "directions", "\u200e\u200f\u061c\u202a\u202e\u2066\u2069", true },
		{ "Hangul fillers", "\u115f\u1160\u3164\uffa0", true },
		{ "Braille blank", "\u2800", true },
		{ "variation selectors and tags", "\ufe0f\U000e0020\U000e01ef", true },
		{ "combining grapheme joiner", "\u034f", true },
		{ "next line, a control character", "\xc2\x85\x01", true },
		{ "a letter between them", "\u200bx\u200b", false },
		{ "beside a range", "\u2010", false },
		{ "a Braille letter", "\u2801", false },
		{ "a Hangul letter", "\u3131", false },
		{ "the sign for no character", "\ufffd", false },
		{ "no UTF-8", "\xff", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (utf8_is_blank(rows[i].text) != rows[i].blank)
			fail_msg("%s", rows[i].name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_character_is_read_strictly),
		cmocka_unit_test(no_control_character_is_left_and_nothing_else_is_changed),
		cmocka_unit_test(a_cut_text_ends_with_a_whole_character),
		cmocka_unit_test(only_a_whole_byte_order_mark_at_the_beginning_is_one),
		cmocka_unit_test(a_text_of_which_nothing_is_seen_is_blank),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
