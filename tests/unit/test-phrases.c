/* SPDX-License-Identifier: MIT */
#include "web/phrases.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/time.h"

static char *text_of(const struct phrases *phrases, enum language language, const char *key)
{
	CLEANUP(buf_done) struct buf html = BUF_INIT(4096);

	phrases_append(&html, phrases, language, key);
	return buf_take(&html);
}

static char *moment_of(const struct phrases *phrases, enum language language, const char *moment)
{
	CLEANUP(buf_done) struct buf html = BUF_INIT(4096);
	int64_t times[2];

	assert_int_equal(time_parse(moment, &times[0]), 0);
	assert_int_equal(time_parse("2026-03-14T12:05:00.000Z", &times[1]), 0);
	phrases_append_with_time(&html, phrases, language, "notice.fresh", times);
	return buf_take(&html);
}

/* As if there were one file of texts. */
static struct phrases *phrases_with(const char *name, const char *text)
{
	char directory[] = "/tmp/aither-test-XXXXXX";

	assert_non_null(mkdtemp(directory));
	CLEANUP(mem_freep) char *path = mem_printf("%s/%s", directory, name);
	FILE *file = fopen(path, "we");
	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
	struct phrases *phrases = phrases_new(directory);
	unlink(path);
	rmdir(directory);
	return phrases;
}

static void both_languages_have_all_that_is_said(void **state)
{
	static const char *const keys[] = { "site.name", "error.home", "notice.fresh", "notice.stale",
		"notice.unknown", "date.format", "month.1", "month.12", "error.401.title", "error.401.text",
		"error.403.title", "error.403.text", "error.404.title", "error.404.text", "error.405.title",
		"error.405.text", "error.503.title", "error.503.text", "error.other.title",
		"error.other.text" };
	CLEANUP(phrases_freep) struct phrases *phrases = phrases_new("/nonexistent");

	(void)state;
	for (int language = 0; language < LANGUAGES; language++) {
		for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
			if (!phrases_has(phrases, (enum language)language, keys[i]))
				fail_msg("%s: %s", language_name((enum language)language), keys[i]);
		}
	}
	CLEANUP(mem_freep) char *de = text_of(phrases, LANGUAGE_DE, "error.404.title");
	CLEANUP(mem_freep) char *en = text_of(phrases, LANGUAGE_EN, "error.404.title");
	assert_string_equal(de, "Nicht gefunden");
	assert_string_equal(en, "Not found");
	assert_false(phrases_has(phrases, LANGUAGE_DE, "nothing"));
	CLEANUP(mem_freep) char *nothing = text_of(phrases, LANGUAGE_DE, "nothing");
	assert_string_equal(nothing, "");
}

static void an_own_file_wins_key_by_key_and_is_text(void **state)
{
	CLEANUP(phrases_freep)
	struct phrases *phrases =
		phrases_with("texts.de.json", "{\"error.404.title\": \"<Weg> & \\\"fort\\\"\"}");

	(void)state;
	CLEANUP(mem_freep) char *own = text_of(phrases, LANGUAGE_DE, "error.404.title");
	assert_string_equal(own, "&lt;Weg&gt; &amp; &quot;fort&quot;");
	CLEANUP(mem_freep) char *shipped = text_of(phrases, LANGUAGE_DE, "error.404.text");
	assert_string_equal(shipped, "Unter dieser Adresse gibt es keine Seite.");
	CLEANUP(mem_freep) char *other = text_of(phrases, LANGUAGE_EN, "error.404.title");
	assert_string_equal(other, "Not found");
}

static void a_damaged_own_file_is_not_used(void **state)
{
	CLEANUP(phrases_freep)
	struct phrases *phrases = phrases_with("texts.en.json", "{\"error.404.title\": ");

	(void)state;
	CLEANUP(mem_freep) char *text = text_of(phrases, LANGUAGE_EN, "error.404.title");
	assert_string_equal(text, "Not found");
}

static void a_moment_of_another_day_has_its_date_in_the_order_of_the_language(void **state)
{
	static const struct {
		const char *name;
		enum language language;
		const char *moment, *expected;
	} rows[] = {
		{ "today", LANGUAGE_DE, "2026-03-14T08:05:00.000Z", "Stand: 09:05 Uhr" },
		{ "today", LANGUAGE_EN, "2026-03-14T08:05:00.000Z", "As of 09:05" },
		{ "yesterday there, today here", LANGUAGE_DE, "2026-03-13T23:30:00.000Z",
			"Stand: 00:30 Uhr" },
		{ "yesterday", LANGUAGE_DE, "2026-03-13T22:30:00.000Z", "Stand: 13. März 2026, 23:30 Uhr" },
		{ "the same day of another month", LANGUAGE_EN, "2026-02-14T08:05:00.000Z",
			"As of 14 February 2026, 09:05" },
		{ "the same day of another year", LANGUAGE_EN, "2025-03-14T08:05:00.000Z",
			"As of 14 March 2025, 09:05" },
	};
	CLEANUP(phrases_freep) struct phrases *phrases = phrases_new(NULL);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEANUP(mem_freep) char *text = moment_of(phrases, rows[i].language, rows[i].moment);
		if (strcmp(text, rows[i].expected) != 0)
			fail_msg("%s: %s", rows[i].name, text);
	}
	CLEANUP(phrases_freep)
	struct phrases *own = phrases_with("texts.en.json",
		"{\"notice.fresh\": \"{time}, {time} <{x}>\", \"date.format\": \"{year}/{day}/{month}\","
		" \"month.2\": \"<2>\"}");
	CLEANUP(mem_freep) char *text = moment_of(own, LANGUAGE_EN, "2026-02-14T08:05:00.000Z");
	assert_string_equal(text, "2026/14/&lt;2&gt;, 09:05, 2026/14/&lt;2&gt;, 09:05 &lt;{x}&gt;");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_languages_have_all_that_is_said),
		cmocka_unit_test(an_own_file_wins_key_by_key_and_is_text),
		cmocka_unit_test(a_damaged_own_file_is_not_used),
		cmocka_unit_test(a_moment_of_another_day_has_its_date_in_the_order_of_the_language),
	};

	time_zone_set("Europe/Berlin");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
