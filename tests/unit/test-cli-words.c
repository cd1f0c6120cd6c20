/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "cli/words.h"

static void assert_text(char *owned, const char *expected)
{
	CLEANUP(mem_freep) char *text = owned;

	assert_string_equal(text, expected);
}

static void one_is_singular(void **state)
{
	(void)state;
	assert_text(words_count(0, "page", "pages"), "0 pages");
	assert_text(words_count(1, "page", "pages"), "1 page");
	assert_text(words_count(2, "page", "pages"), "2 pages");
	assert_text(words_count(INT64_C(5000000000), "page", "pages"), "5000000000 pages");
}

static void spans_are_rounded_down_in_a_fitting_unit(void **state)
{
	static const struct {
		int64_t seconds;
		const char *text;
	} rows[] = {
		{ -1, "0 s" },
		{ 0, "0 s" },
		{ 119, "119 s" },
		{ 120, "2 min" },
		{ 7199, "119 min" },
		{ 7200, "2 h" },
		{ 172799, "47 h" },
		{ 172800, "2 days" },
		{ 86400 * 400, "400 days" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_text(words_span(rows[i].seconds), rows[i].text);
}

static void foreign_text_cannot_command_the_terminal(void **state)
{
	static const struct {
		const char *name, *text, *harmless;
	} rows[] = {
		{ "plain", "Grüße, 日本 €", "Grüße, 日本 €" },
		{ "escape", "a\033[2Jb", "a?[2Jb" },
		{ "carriage return and line feed", "a\r\nb", "a??b" },
		{ "bell, backspace, delete", "\a\b\177", "???" },
		{ "C1 in UTF-8",
			"a\xc2\x9b"
			"2Jb",
			"a??2Jb" },
		{ "the first after C1",
			"a\xc2\xa0"
			"b",
			"a\xc2\xa0"
			"b" },
		{ "cut in the middle", "a\xc2", "a\xc2" },
		{ "empty", "", "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEANUP(mem_freep) char *line = mem_printf("%s\n", rows[i].harmless), *printed = NULL;
		size_t length;
		FILE *out = open_memstream(&printed, &length);

		words_print(out, "%s", rows[i].text);
		fclose(out);
		if (strcmp(printed, line) != 0)
			fail_msg("%s: %s", rows[i].name, printed);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_is_singular),
		cmocka_unit_test(spans_are_rounded_down_in_a_fitting_unit),
		cmocka_unit_test(foreign_text_cannot_command_the_terminal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
