/* SPDX-License-Identifier: MIT */
#include "published/texts.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/time.h"

#define MONTHS                                                                                        \
	"\"month.1\":\"a\",\"month.2\":\"b\",\"month.3\":\"c\",\"month.4\":\"d\",\"month.5\":\"e\","  \
	"\"month.6\":\"f\",\"month.7\":\"g\",\"month.8\":\"h\",\"month.9\":\"i\",\"month.10\":\"j\"," \
	"\"month.11\":\"k\",\"month.12\":\"l\""

static void read_shipped(const char *language, struct buf *text)
{
	const char *source = getenv("top_srcdir");
	CLEANUP(mem_freep)
	char *path = mem_printf("%s/templates/texts.%s.json", source ? source : ".", language);

	assert_int_equal(file_read_path(path, text, NULL), 0);
}

static struct texts *shipped(const char *language)
{
	CLEANUP(buf_done) struct buf text = BUF_INIT(1 << 20);
	struct texts *texts = NULL;
	struct error err = { 0 };

	read_shipped(language, &text);
	if (texts_parse(&texts, "Akademie", language, buf_text(&text), text.length, &err) < 0)
		fail_msg("%s", err.message);
	return texts;
}

/* `other` has all keys of the shipped file. */
static void assert_same_keys(const char *language, const struct texts *other)
{
	static const struct json_limits limits = { .size_max = 1 << 20, .depth_max = 2, .node_max = 1000 };
	CLEANUP(buf_done) struct buf text = BUF_INIT(1 << 20);
	CLEANUP(json_freep) struct json *object = NULL;

	read_shipped(language, &text);
	assert_int_equal(json_parse(&object, buf_text(&text), text.length, &limits, NULL), 0);
	JSON_FOREACH (member, object)
		if (!texts_get(other, json_name(member)))
			fail_msg("%s: %s is missing", texts_language(other), json_name(member));
}

static void dates_are_written_for_the_day_in_the_sites_zone(void **state)
{
	static const struct {
		const char *name, *language, *date, *expected;
	} rows[] = {
		{ "winter: midnight is 23:00 UTC", "de", "2026-03-14T23:00:00.000Z", "15. März 2026" },
		{ "summer: midnight is 22:00 UTC", "de", "2026-07-31T22:00:00.000Z", "1. August 2026" },
		{ "a second before midnight", "de", "2026-07-31T21:59:59.000Z", "31. Juli 2026" },
		{ "new year", "en", "2025-12-31T23:00:00.000Z", "1 January 2026" },
		{ "December", "en", "2026-12-05T12:00:00.000Z", "5 December 2026" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEANUP(texts_freep) struct texts *texts = shipped(rows[i].language);
		CLEANUP(buf_done) struct buf out = BUF_INIT(100);

		assert_int_equal(texts_append_date(texts, rows[i].date, &out), 0);
		assert_string_equal(buf_text(&out), rows[i].expected);
	}
}

static void ranges_are_as_short_as_the_language_permits(void **state)
{
	static const struct {
		const char *name, *start, *end, *de, *en;
	} rows[] = {
		{ "one month", "2026-12-07T23:00:00.000Z", "2026-12-08T23:00:00.000Z", "8.–9. Dezember 2026",
			"8–9 December 2026" },
		{ "two months", "2026-03-29T22:00:00.000Z", "2026-04-01T22:00:00.000Z",
			"30. März – 2. April 2026", "30 March – 2 April 2026" },
		{ "two years", "2026-12-29T23:00:00.000Z", "2027-01-01T23:00:00.000Z",
			"30. Dezember 2026 – 2. Januar 2027", "30 December 2026 – 2 January 2027" },
		{ "the same month of two years", "2026-12-07T23:00:00.000Z", "2027-12-08T23:00:00.000Z",
			"8. Dezember 2026 – 9. Dezember 2027", "8 December 2026 – 9 December 2027" },
		{ "the end of the first day", "2026-12-07T23:00:00.000Z", "2026-12-08T22:59:59.000Z",
			"8. Dezember 2026", "8 December 2026" },
		{ "the beginning of the next one", "2026-12-07T23:00:00.000Z", "2026-12-08T23:00:00.000Z",
			"8.–9. Dezember 2026", "8–9 December 2026" },
		{ "the end before the start", "2026-12-07T23:00:00.000Z", "2026-12-01T23:00:00.000Z",
			"8. Dezember 2026", "8 December 2026" },
		{ "no end", "2026-12-07T23:00:00.000Z", NULL, "8. Dezember 2026", "8 December 2026" },
		{ "an end that is no date", "2026-12-07T23:00:00.000Z", "soon", "8. Dezember 2026",
			"8 December 2026" },
	};
	CLEANUP(texts_freep) struct texts *de = shipped("de"), *en = shipped("en");
	CLEANUP(buf_done) struct buf nothing = BUF_INIT(100);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEANUP(buf_done) struct buf german = BUF_INIT(100), english = BUF_INIT(100);

		assert_int_equal(texts_append_range(de, rows[i].start, rows[i].end, &german), 0);
		assert_int_equal(texts_append_range(en, rows[i].start, rows[i].end, &english), 0);
		assert_string_equal(buf_text(&german), rows[i].de);
		assert_string_equal(buf_text(&english), rows[i].en);
	}
	assert_int_equal(texts_append_range(de, NULL, "2026-12-01T23:00:00.000Z", &nothing), -EBADMSG);
	assert_int_equal(texts_append_range(de, "soon", NULL, &nothing), -EBADMSG);
	assert_int_equal(nothing.length, 0);
}

static void months_are_those_of_the_sites_zone(void **state)
{
	CLEANUP(texts_freep) struct texts *texts = shipped("de");
	CLEANUP(buf_done) struct buf march = BUF_INIT(100), april = BUF_INIT(100);
	int64_t ms = 0;

	(void)state;
	assert_int_equal(time_parse("2026-03-31T21:59:59.000Z", &ms), 0);
	texts_append_month(texts, ms, &march);
	texts_append_month(texts, ms + 1000, &april);
	assert_string_equal(buf_text(&march), "März 2026");
	assert_string_equal(buf_text(&april), "April 2026");
}

static void the_sites_name_takes_the_place_of_its_mark(void **state)
{
	static const char own[] = "{\"a\":\"{site}: {site}{site\",\"b\":\"{SITE}\",\"c\":\"x {site}\"}";
	CLEANUP(buf_done) struct buf text = BUF_INIT(1 << 20);
	CLEANUP(texts_freep) struct texts *texts = NULL, *other = NULL;

	(void)state;
	read_shipped("de", &text);
	assert_int_equal(texts_parse(&texts, "A & B", "t", buf_text(&text), text.length, NULL), 0);
	assert_string_equal(texts_get(texts, "site.name"), "A & B");
	assert_int_equal(texts_override(texts, "own", own, strlen(own), NULL), 0);
	assert_string_equal(texts_get(texts, "a"), "A & B: A & B{site");
	assert_string_equal(texts_get(texts, "b"), "{SITE}");
	assert_string_equal(texts_get(texts, "c"), "x A & B");
	/* A name that looks like the mark is still a name. */
	assert_int_equal(texts_parse(&other, "{site}", "t", buf_text(&text), text.length, NULL), 0);
	assert_string_equal(texts_get(other, "site.name"), "{site}");
	assert_string_not_equal(texts_hash(other), texts_hash(texts));
}

static void a_text_that_is_no_date_appends_nothing(void **state)
{
	static const char *const rows[] = { "", "2026-03-14", "2026-02-30T00:00:00.000Z", "soon" };
	CLEANUP(texts_freep) struct texts *texts = shipped("de");
	CLEANUP(buf_done) struct buf out = BUF_INIT(100);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(texts_append_date(texts, rows[i], &out), -EBADMSG);
	assert_int_equal(out.length, 0);
}

static void both_languages_have_the_same_keys(void **state)
{
	CLEANUP(texts_freep) struct texts *de = shipped("de");
	CLEANUP(texts_freep) struct texts *en = shipped("en");

	(void)state;
	assert_same_keys("de", en);
	assert_same_keys("en", de);
	assert_string_equal(texts_language(de), "de");
	assert_string_equal(texts_language(en), "en");
	assert_string_not_equal(texts_hash(de), texts_hash(en));
	assert_string_equal(texts_get(de, "level.INTERMEDIATE"), "Fortgeschritten");
	assert_string_equal(texts_get(en, "level.BEGINNER"), "Beginner");
	assert_null(texts_get(de, "nope"));
}

static void a_bad_file_is_refused_by_name(void **state)
{
	static const struct {
		const char *name, *json, *message;
	} rows[] = {
		{ "no JSON", "{", "t.json: line 1" },
		{ "no object", "[]", "t.json: not a JSON object" },
		{ "not a text", "{\"language\":\"de\",\"a\":1}", "\"a\" is not a string" },
		{ "no language", "{\"date.format\":\"\"," MONTHS "}", "\"language\" is missing" },
		{ "no months", "{\"language\":\"de\",\"date.format\":\"\"}", "\"month.1\" is missing" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct texts *texts = NULL;
		struct error err = { 0 };

		assert_true(texts_parse(&texts, "Akademie", "t.json", rows[i].json, strlen(rows[i].json),
				    &err) < 0);
		assert_null(texts);
		assert_int_equal(err.code, ERROR_TEMPLATE);
		if (!strstr(err.message, rows[i].message))
			fail_msg("%s: %s", rows[i].name, err.message);
	}
}

static void unknown_words_of_the_format_stay(void **state)
{
	static const char json[] =
		"\xef\xbb\xbf{\"language\":\"x\",\"date.format\":\"{year}/{day} {hour} {\"," MONTHS "}";
	CLEANUP(texts_freep) struct texts *texts = NULL;
	CLEANUP(buf_done) struct buf out = BUF_INIT(100);

	(void)state;
	assert_int_equal(texts_parse(&texts, "Akademie", "t", json, strlen(json), NULL), 0);
	assert_int_equal(texts_append_date(texts, "2026-01-05T12:00:00.000Z", &out), 0);
	assert_string_equal(buf_text(&out), "2026/5 {hour} {");
}

static void the_operators_words_win_key_by_key(void **state)
{
	static const char own[] = "{\"level.BEGINNER\":\"Leicht\",\"new\":\"neu\"}";
	CLEANUP(texts_freep) struct texts *texts = shipped("de");
	CLEANUP(texts_freep) struct texts *untouched = shipped("de");
	struct error err = { 0 };

	(void)state;
	assert_int_equal(texts_override(texts, "own", own, strlen(own), NULL), 0);
	assert_string_equal(texts_get(texts, "level.BEGINNER"), "Leicht");
	assert_string_equal(texts_get(texts, "new"), "neu");
	assert_string_equal(texts_get(texts, "level.INTERMEDIATE"), "Fortgeschritten");
	assert_string_not_equal(texts_hash(texts), texts_hash(untouched));
	/* A file with a mistake has no effect. */
	assert_int_equal(texts_override(untouched, "own", "{\"a\":1}", 7, &err), -EBADMSG);
	assert_string_equal(err.message, "own: \"a\" is not a string");
	assert_string_equal(texts_get(untouched, "level.BEGINNER"), "Grundkurs");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dates_are_written_for_the_day_in_the_sites_zone),
		cmocka_unit_test(ranges_are_as_short_as_the_language_permits),
		cmocka_unit_test(months_are_those_of_the_sites_zone),
		cmocka_unit_test(the_sites_name_takes_the_place_of_its_mark),
		cmocka_unit_test(a_text_that_is_no_date_appends_nothing),
		cmocka_unit_test(both_languages_have_the_same_keys),
		cmocka_unit_test(a_bad_file_is_refused_by_name),
		cmocka_unit_test(unknown_words_of_the_format_stay),
		cmocka_unit_test(the_operators_words_win_key_by_key),
	};

	time_zone_set("Europe/Berlin");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
