/* SPDX-License-Identifier: MIT */
#include "render/texts.h"

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
#include "base/mem.h"
#include "base/time.h"

#define MONTHS                                                                                        \
	"\"month.1\":\"a\",\"month.2\":\"b\",\"month.3\":\"c\",\"month.4\":\"d\",\"month.5\":\"e\","  \
	"\"month.6\":\"f\",\"month.7\":\"g\",\"month.8\":\"h\",\"month.9\":\"i\",\"month.10\":\"j\"," \
	"\"month.11\":\"k\",\"month.12\":\"l\""

static struct texts *shipped(const char *language)
{
	const char *source = getenv("top_srcdir");
	CLEANUP(mem_freep)
	char *path = mem_printf("%s/templates/texts.%s.json", source ? source : ".", language);
	CLEANUP(buf_done) struct buf text = BUF_INIT(1 << 20);
	struct texts *texts = NULL;
	struct error err = { 0 };

	if (file_read_path(path, &text, &err) < 0 ||
		texts_parse(&texts, path, buf_text(&text), text.length, &err) < 0)
		fail_msg("%s", err.message);
	return texts;
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

static void what_is_no_date_appends_nothing(void **state)
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
	assert_null(texts_missing_key(de, en));
	assert_null(texts_missing_key(en, de));
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
		{ "not a text", "{\"language\":\"de\",\"a\":1}", "\"a\" is not a text" },
		{ "no language", "{\"date.format\":\"\"," MONTHS "}", "\"language\" or" },
		{ "no months", "{\"language\":\"de\",\"date.format\":\"\"}", "\"month.1\" is missing" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct texts *texts = NULL;
		struct error err = { 0 };

		assert_true(texts_parse(&texts, "t.json", rows[i].json, strlen(rows[i].json), &err) < 0);
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
	assert_int_equal(texts_parse(&texts, "t", json, strlen(json), NULL), 0);
	assert_int_equal(texts_append_date(texts, "2026-01-05T12:00:00.000Z", &out), 0);
	assert_string_equal(buf_text(&out), "2026/5 {hour} {");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dates_are_written_for_the_day_in_the_sites_zone),
		cmocka_unit_test(what_is_no_date_appends_nothing),
		cmocka_unit_test(both_languages_have_the_same_keys),
		cmocka_unit_test(a_bad_file_is_refused_by_name),
		cmocka_unit_test(unknown_words_of_the_format_stay),
	};

	time_zone_set("Europe/Berlin");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
