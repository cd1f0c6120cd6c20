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
#include "base/file.h"
#include "base/mem.h"
#include "base/time.h"
#include "http/http.h"

#include "scratch.h"

static const struct phrases_options only_shipped = { .site_name = "Hemera Academy" };

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

	phrases_error_page(phrases, language, false, status, &response);
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

/* As if there were a single file of texts. */
static struct phrases *phrases_with(const char *name, const char *text)
{
	char directory[] = "/tmp/aither-test-XXXXXX";

	assert_non_null(mkdtemp(directory));
	CLEANUP(mem_freep) char *path = mem_printf("%s/%s", directory, name);
	FILE *file = fopen(path, "we");
	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
	struct phrases *phrases = phrases_new(
		&(struct phrases_options){ .template_directory = directory, .site_name = "Hemera Academy" });
	unlink(path);
	rmdir(directory);
	return phrases;
}

static void both_languages_have_words_for_every_error(void **state)
{
	static const int statuses[] = { 401, 403, 404, 405, 503, 500 };
	CLEANUP(phrases_freep)
	struct phrases *phrases = phrases_new(&(struct phrases_options){
		.template_directory = "/nonexistent", .site_name = "Hemera Academy" });

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
	CLEANUP(phrases_freep) struct phrases *phrases = phrases_new(&only_shipped);

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
	CLEANUP(phrases_freep) struct phrases *phrases = phrases_new(&only_shipped);

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
	assert_non_null(strstr(unknown, "last known"));
}

static void an_error_page_leads_home_in_the_chosen_language(void **state)
{
	CLEANUP(phrases_freep) struct phrases *phrases = phrases_new(&only_shipped);
	CLEANUP(http_response_done) struct http_response response = { 0 };
	CLEANUP(mem_freep) char *page = error_page(phrases, LANGUAGE_EN, 404);

	(void)state;
	assert_non_null(strstr(page, "<html lang=\"en\">"));
	assert_non_null(strstr(page, "<a href=\"/\">To the homepage</a>"));
	assert_null(strstr(page, "?lang="));
	phrases_error_page(phrases, LANGUAGE_EN, true, 404, &response);
	assert_non_null(strstr(response.body->bytes, "<a href=\"/?lang=en\">To the homepage</a>"));
}

static void staff_learn_what_to_do_at_a_page_that_is_closed(void **state)
{
	CLEANUP(phrases_freep) struct phrases *phrases = phrases_new(&only_shipped);

	(void)state;
	CLEANUP(mem_freep) char *de = text_of(phrases, LANGUAGE_DE, 401);
	assert_non_null(strstr(de, "Kursleitung"));
	assert_non_null(strstr(de, "Bitte laden Sie die Seite neu und geben Sie das Passwort"));
	CLEANUP(mem_freep) char *en = text_of(phrases, LANGUAGE_EN, 401);
	assert_non_null(strstr(en, "for staff. Please reload it and enter the password"));
}

static void the_fallback_is_in_one_language_and_leads_to_the_other(void **state)
{
	CLEANUP(phrases_freep) struct phrases *phrases = phrases_new(&only_shipped);
	CLEANUP(mem_freep) char *de = phrases_fallback_html(phrases, LANGUAGE_DE);
	CLEANUP(mem_freep) char *en = phrases_fallback_html(phrases, LANGUAGE_EN);
	CLEANUP(mem_freep) char *title_de = between(de, "<h1>", "</h1>");
	CLEANUP(mem_freep) char *title_en = between(en, "<h1>", "</h1>");

	(void)state;
	assert_string_equal(title_de, "Die Kurse sind zurzeit nicht erreichbar");
	assert_string_equal(title_en, "The courses cannot be reached at the moment");
	assert_non_null(strstr(de, "<a href=\"/?lang=en\" hreflang=\"en\" lang=\"en\">English</a>"));
	assert_non_null(strstr(en, "<a href=\"/?lang=de\" hreflang=\"de\" lang=\"de\">Deutsch</a>"));
	assert_non_null(strstr(de, "<a href=\"/?lang=de\">Noch einmal versuchen</a>"));
	assert_non_null(strstr(en, "<a href=\"/?lang=en\">Try again</a>"));
}

/* The error page and the fallback page have it in the same places. */
static void assert_on_both_pages(const struct phrases *phrases, const char *text, bool is_there)
{
	CLEANUP(mem_freep) char *error = error_page(phrases, LANGUAGE_DE, 404);
	CLEANUP(mem_freep) char *fallback = phrases_fallback_html(phrases, LANGUAGE_DE);

	if (!strstr(error, text) != !is_there || !strstr(fallback, text) != !is_there)
		fail_msg("%s:\n%s\n%s", text, error, fallback);
}

static void name_and_links_of_the_site_are_on_both_pages(void **state)
{
	CLEANUP(phrases_freep)
	struct phrases *phrases = phrases_new(&(struct phrases_options){ .site_name = "A & <B> \"C\"",
		.imprint_url = "https://a.example/imprint?a=1&b=2",
		.privacy_url = "/privacy.html" });
	CLEANUP(phrases_freep) struct phrases *bare = phrases_new(&only_shipped);
	CLEANUP(phrases_freep)
	struct phrases *imprint =
		phrases_new(&(struct phrases_options){ .site_name = "A", .imprint_url = "/imprint.html" });

	(void)state;
	assert_on_both_pages(phrases, " · A &amp; &lt;B&gt; &quot;C&quot;</title>", true);
	assert_on_both_pages(phrases, ">A &amp; &lt;B&gt; &quot;C&quot;</a></p>", true);
	assert_on_both_pages(phrases,
		"<p class=\"links\"><a href=\"https://a.example/imprint?a=1&amp;b=2\">Impressum</a> "
		"<a href=\"/privacy.html\">Datenschutz</a></p>\n</footer>",
		true);
	assert_on_both_pages(imprint, "<a href=\"/imprint.html\">Impressum</a></p>\n</footer>", true);
	assert_on_both_pages(bare, "<footer", false);
	assert_on_both_pages(bare, "<link rel=\"icon\" href=\"/favicon.svg\" ", true);
	assert_on_both_pages(bare, "<link rel=\"stylesheet\"", false);
	assert_on_both_pages(bare, "<img", false);
}

static void logo_and_style_of_the_operator_are_used_as_soon_as_they_are_there(void **state)
{
	static const char logo[] = "\"><img src=\"/logo.png\" alt=\"A&quot;\"></a></p>",
			  style[] = "<link rel=\"stylesheet\" href=\"/style.css\">";
	CLEANUP(phrases_freep)
	struct phrases *phrases =
		phrases_new(&(struct phrases_options){ .site_name = "A\"", .file_directory = scratch_path });

	(void)state;
	assert_on_both_pages(phrases, ">A&quot;</a></p>", true);
	assert_on_both_pages(phrases, style, false);
	scratch_put("logo.png", "x");
	scratch_put("style.css", "x");
	assert_on_both_pages(phrases, logo, true);
	assert_on_both_pages(phrases, style, true);
	/* After our own style, so that it can override it. */
	CLEANUP(mem_freep) char *page = error_page(phrases, LANGUAGE_DE, 404);
	assert_true(strstr(page, style) > strstr(page, "</style>"));
}

/* These pages include templates/style.hbs verbatim, without the template engine. */
static void the_style_is_ours_and_has_no_template_expression(void **state)
{
	CLEANUP(phrases_freep) struct phrases *phrases = phrases_new(&only_shipped);
	CLEANUP(buf_done) struct buf style = BUF_INIT(1 << 20);

	(void)state;
	assert_int_equal(file_read_path(AITHER_TEXTS_DIR "/style.hbs", &style, NULL), 0);
	assert_null(strstr(buf_text(&style), "{{"));
	assert_int_equal(strncmp(buf_text(&style), "<style>\n", 8), 0);
	assert_on_both_pages(phrases, buf_text(&style), true);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_languages_have_words_for_every_error),
		cmocka_unit_test(an_own_file_wins_key_by_key_and_is_text),
		cmocka_unit_test(a_damaged_own_file_is_not_used),
		cmocka_unit_test(a_moment_of_another_day_has_its_date_in_the_order_of_the_language),
		cmocka_unit_test(the_banner_names_the_day_only_when_it_is_another),
		cmocka_unit_test(an_error_page_leads_home_in_the_chosen_language),
		cmocka_unit_test(staff_learn_what_to_do_at_a_page_that_is_closed),
		cmocka_unit_test(the_fallback_is_in_one_language_and_leads_to_the_other),
		cmocka_unit_test(name_and_links_of_the_site_are_on_both_pages),
		SCRATCH_TEST(logo_and_style_of_the_operator_are_used_as_soon_as_they_are_there),
		cmocka_unit_test(the_style_is_ours_and_has_no_template_expression),
	};

	time_zone_set("Europe/Berlin");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
