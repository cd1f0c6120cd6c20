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

#include "base/mem.h"
#include "base/time.h"
#include "http/http.h"

/* The text between these tags, the first after `from`; owned. */
static char *between(const char *from, const char *start, const char *end)
{
	const char *text = strstr(from, start);

	assert_non_null(text);
	text += strlen(start);
	assert_non_null(strstr(text, end));
	return mem_strndup(text, (size_t)(strstr(text, end) - text));
}

static char *error_page(const struct phrases *phrases, enum language language, int status)
{
	CLEANUP(http_response_done) struct http_response response = { 0 };

	phrases_error_page(phrases, language, status, &response);
	assert_int_equal(response.status, status);
	return mem_strndup(response.body->bytes, response.body->length);
}

static char *title_of(const struct phrases *phrases, enum language language, int status)
{
	CLEANUP(mem_freep) char *page = error_page(phrases, language, status);

	return between(page, "<h1>", "</h1>");
}

static char *text_of(const struct phrases *phrases, enum language language, int status)
{
	CLEANUP(mem_freep) char *page = error_page(phrases, language, status);

	return between(page, "</h1>\n<p>", "</p>");
}

static char *banner_of(const struct phrases *phrases, enum language language, bool is_fresh, const char *data,
	const char *now)
{
	struct phrases_banner banner = { .is_fresh = is_fresh };

	if (data)
		assert_int_equal(time_parse(data, &banner.data_ms), 0);
	assert_int_equal(time_parse(now, &banner.now_ms), 0);
	return phrases_banner_html(phrases, language, &banner);
}

static char *moment_of(const struct phrases *phrases, enum language language, const char *moment)
{
	CLEANUP(mem_freep)
	char *html = banner_of(phrases, language, true, moment, "2026-03-14T12:05:00.000Z");

	return between(html, "<p class=\"status\">", "</p>");
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
	struct phrases *phrases = phrases_new(directory, "Academy");
	unlink(path);
	rmdir(directory);
	return phrases;
}

static void both_languages_have_words_for_every_error(void **state)
{
	static const int statuses[] = { 401, 403, 404, 405, 503, 500 };
	CLEANUP(phrases_freep) struct phrases *phrases = phrases_new("/nonexistent", "Academy");

	(void)state;
	for (int language = 0; language < LANGUAGES; language++) {
		for (size_t i = 0; i < ARRAY_SIZE(statuses); i++) {
			CLEANUP(mem_freep)
			char *page = error_page(phrases, (enum language)language, statuses[i]);
			CLEANUP(mem_freep) char *name = between(page, "class=\"brand\">", "</p>");
			CLEANUP(mem_freep) char *title = between(page, "<h1>", "</h1>");
			CLEANUP(mem_freep) char *text = between(page, "</h1>\n<p>", "</p>");
			CLEANUP(mem_freep) char *home = between(page, "<a href=\"/\">", "</a>");

			if (!name[0] || !title[0] || !text[0] || !home[0])
				fail_msg("%s: %s", language_name((enum language)language), page);
		}
	}
	CLEANUP(mem_freep) char *de = title_of(phrases, LANGUAGE_DE, 404);
	CLEANUP(mem_freep) char *en = title_of(phrases, LANGUAGE_EN, 404);
	CLEANUP(mem_freep) char *other = title_of(phrases, LANGUAGE_EN, 500);
	assert_string_equal(de, "Nicht gefunden");
	assert_string_equal(en, "Not found");
	assert_string_not_equal(other, en);
}

static void an_own_file_wins_key_by_key_and_is_text(void **state)
{
	CLEANUP(phrases_freep)
	struct phrases *phrases =
		phrases_with("texts.de.json", "{\"error.404.title\": \"<Weg> & \\\"fort\\\"\"}");

	(void)state;
	CLEANUP(mem_freep) char *own = title_of(phrases, LANGUAGE_DE, 404);
	assert_string_equal(own, "&lt;Weg&gt; &amp; &quot;fort&quot;");
	CLEANUP(mem_freep) char *shipped = text_of(phrases, LANGUAGE_DE, 404);
	assert_string_equal(shipped, "Unter dieser Adresse gibt es keine Seite.");
	CLEANUP(mem_freep) char *other = title_of(phrases, LANGUAGE_EN, 404);
	assert_string_equal(other, "Not found");
}

static void a_damaged_own_file_is_not_used(void **state)
{
	CLEANUP(phrases_freep)
	struct phrases *phrases = phrases_with("texts.en.json", "{\"error.404.title\": ");

	(void)state;
	CLEANUP(mem_freep) char *text = title_of(phrases, LANGUAGE_EN, 404);
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
	CLEANUP(phrases_freep) struct phrases *phrases = phrases_new(NULL, "Academy");

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

static void the_banner_names_the_day_only_when_it_is_another(void **state)
{
	static const char noon[] = "2026-03-14T12:05:00.000Z", later[] = "2026-03-14T12:06:00.000Z",
			  next_day[] = "2026-03-14T23:30:00.000Z"; /* half past midnight in Berlin */
	CLEANUP(phrases_freep) struct phrases *phrases = phrases_new(NULL, "Academy");

	(void)state;
	CLEANUP(mem_freep) char *de = banner_of(phrases, LANGUAGE_DE, true, noon, later);
	assert_string_equal(de, "<p class=\"status\">Stand: 13:05 Uhr</p>");
	CLEANUP(mem_freep) char *en = banner_of(phrases, LANGUAGE_EN, true, noon, later);
	assert_string_equal(en, "<p class=\"status\">As of 13:05</p>");
	CLEANUP(mem_freep) char *stale_de = banner_of(phrases, LANGUAGE_DE, false, noon, next_day);
	assert_non_null(strstr(stale_de, "<p class=\"notice\" role=\"status\">"));
	assert_non_null(strstr(stale_de, "14. März 2026, 13:05 Uhr"));
	CLEANUP(mem_freep) char *stale_en = banner_of(phrases, LANGUAGE_EN, false, noon, next_day);
	assert_non_null(strstr(stale_en, "14 March 2026, 13:05"));
	CLEANUP(mem_freep) char *unknown_de = banner_of(phrases, LANGUAGE_DE, false, NULL, noon);
	assert_non_null(strstr(unknown_de, "<p class=\"notice\" role=\"status\">"));
	CLEANUP(mem_freep) char *unknown = banner_of(phrases, LANGUAGE_EN, false, NULL, noon);
	assert_non_null(strstr(unknown, "known last"));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_languages_have_words_for_every_error),
		cmocka_unit_test(an_own_file_wins_key_by_key_and_is_text),
		cmocka_unit_test(a_damaged_own_file_is_not_used),
		cmocka_unit_test(a_moment_of_another_day_has_its_date_in_the_order_of_the_language),
		cmocka_unit_test(the_banner_names_the_day_only_when_it_is_another),
	};

	time_zone_set("Europe/Berlin");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
