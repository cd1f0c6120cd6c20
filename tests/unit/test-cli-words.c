/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/time.h"
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
		{ -1, "0 seconds" },
		{ 0, "0 seconds" },
		{ 1, "1 second" },
		{ 119, "119 seconds" },
		{ 120, "2 minutes" },
		{ 7199, "119 minutes" },
		{ 7200, "2 hours" },
		{ 172799, "47 hours" },
		{ 172800, "2 days" },
		{ 86400 * 400, "400 days" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_text(words_span(rows[i].seconds), rows[i].text);
}

static int64_t ms_of(const char *text)
{
	int64_t ms;

	assert_int_equal(time_parse(text, &ms), 0);
	return ms;
}

static void times_are_those_of_the_local_calendar(void **state)
{
	static const struct {
		const char *zone, *now, *then, *text;
	} rows[] = {
		{ "UTC", "2026-11-30T14:15:00.000Z", "2026-11-30T14:03:00.000Z",
			"today 14:03, 12 minutes ago" },
		{ "UTC", "2026-11-30T14:15:00.000Z", "2026-11-30T14:15:00.000Z",
			"today 14:15, 0 seconds ago" },
		{ "UTC", "2026-11-30T22:12:00.000Z", "2026-12-01T03:12:30.000Z",
			"tomorrow 03:12, in 5 hours" },
		{ "UTC", "2026-11-30T00:05:00.000Z", "2026-11-29T23:55:00.000Z",
			"yesterday 23:55, 10 minutes ago" },
		{ "UTC", "2026-11-30T10:30:00.000Z", "2026-11-23T10:00:00.000Z", "23 Nov 10:00, 7 days ago" },
		{ "UTC", "2026-01-02T10:00:00.000Z", "2025-12-31T09:00:00.000Z",
			"31 Dec 2025 09:00, 2 days ago" },
		{ "UTC", "2026-01-01T00:00:00.000Z", "2025-12-31T23:00:00.000Z",
			"yesterday 23:00, 60 minutes ago" },
		{ "Europe/Berlin", "2026-11-30T22:55:00.000Z", "2026-11-30T23:05:00.000Z",
			"tomorrow 00:05, in 10 minutes" },
		/* Summer time begins: the day has 23 hours. */
		{ "Europe/Berlin", "2026-03-28T22:30:00.000Z", "2026-03-29T21:30:00.000Z",
			"tomorrow 23:30, in 23 hours" },
		/* Summer time ends: 02:30 occurs twice. */
		{ "Europe/Berlin", "2026-10-25T01:35:00.000Z", "2026-10-25T00:30:00.000Z",
			"today 02:30, 65 minutes ago" },
		{ "UTC", "1970-01-01T00:00:00.000Z", "1969-12-31T00:00:00.000Z",
			"yesterday 00:00, 24 hours ago" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(time_zone_set(rows[i].zone), 0);
		assert_text(words_time(ms_of(rows[i].then), ms_of(rows[i].now)), rows[i].text);
	}
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
		cmocka_unit_test(times_are_those_of_the_local_calendar),
		cmocka_unit_test(foreign_text_cannot_command_the_terminal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
