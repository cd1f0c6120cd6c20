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

#include "base/error.h"
#include "base/mem.h"
#include "base/time.h"

#define YEAR_1_MS INT64_C(-62135596800000)
#define YEAR_9999_END_MS INT64_C(253402300799999)

static const struct {
	const char *name, *text;
	int64_t unix_ms;
} instants[] = {
	{ "epoch", "1970-01-01T00:00:00.000Z", 0 },
	{ "just before the epoch", "1969-12-31T23:59:59.999Z", -1 },
	{ "a day before the epoch", "1969-12-31T00:00:00.000Z", -86400000 },
	{ "Hemera's example", "2026-03-14T23:00:00.000Z", INT64_C(1773529200000) },
	{ "leap day", "2024-02-29T12:34:56.789Z", INT64_C(1709210096789) },
	{ "leap day of 2000", "2000-02-29T00:00:00.000Z", INT64_C(951782400000) },
	{ "after 2038", "2038-01-19T03:14:08.000Z", INT64_C(2147483648000) },
	{ "first", "0001-01-01T00:00:00.000Z", YEAR_1_MS },
	{ "last", "9999-12-31T23:59:59.999Z", YEAR_9999_END_MS },
};

static void instants_are_written_and_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(instants); i++) {
		char text[TIME_TEXT_SIZE];
		int64_t parsed = 42;

		time_format(instants[i].unix_ms, text);
		if (strcmp(text, instants[i].text) != 0)
			fail_msg("%s: written as %s", instants[i].name, text);
		if (time_parse(instants[i].text, &parsed) < 0 || parsed != instants[i].unix_ms)
			fail_msg("%s: read as %jd", instants[i].name, (intmax_t)parsed);
	}
}

/* Compares with libc: every 11th day of all the years, at varying times of the day. */
static void all_years_agree_with_libc(void **state)
{
	const int64_t step_ms = INT64_C(11) * 86400000 + 3723001;

	(void)state;
	for (int64_t ms = YEAR_1_MS; ms <= YEAR_9999_END_MS; ms += step_ms) {
		time_t seconds = (time_t)((ms - YEAR_1_MS) / 1000 + YEAR_1_MS / 1000);
		char text[TIME_TEXT_SIZE], expected[80];
		int64_t parsed = 0;
		struct tm tm;

		assert_non_null(gmtime_r(&seconds, &tm));
		snprintf(expected, sizeof(expected), "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900,
			tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
			(int)((ms - YEAR_1_MS) % 1000));
		time_format(ms, text);
		assert_string_equal(text, expected);
		assert_int_equal(time_parse(text, &parsed), 0);
		assert_true(parsed == ms);
	}
}

static void instants_beyond_the_calendar_are_shown_as_its_ends(void **state)
{
	char text[TIME_TEXT_SIZE];

	(void)state;
	time_format(YEAR_1_MS - 1, text);
	assert_string_equal(text, "0001-01-01T00:00:00.000Z");
	time_format(INT64_MIN, text);
	assert_string_equal(text, "0001-01-01T00:00:00.000Z");
	time_format(YEAR_9999_END_MS + 1, text);
	assert_string_equal(text, "9999-12-31T23:59:59.999Z");
	time_format(INT64_MAX, text);
	assert_string_equal(text, "9999-12-31T23:59:59.999Z");
}

static void anything_else_is_refused(void **state)
{
	static const char *const texts[] = {
		"",
		"2026",
		"2026-03-14",
		"2026-03-14T23:00:00Z", /* no milliseconds */
		"2026-03-14T23:00:00.00Z",
		"2026-03-14T23:00:00.0000Z",
		"2026-03-14T23:00:00.000",
		"2026-03-14T23:00:00.000Z ",
		" 2026-03-14T23:00:00.000Z",
		"2026-03-14t23:00:00.000z",
		"2026-03-14 23:00:00.000Z",
		"2026-03-14T23:00:00,000Z",
		"2026-03-14T23:00:00.000+01:00",
		"2026/03/14T23:00:00.000Z",
		"-026-03-14T23:00:00.000Z",
		"+026-03-14T23:00:00.000Z",
		"2026-+3-14T23:00:00.000Z",
		"2026- 3-14T23:00:00.000Z",
		"2026-0x-14T23:00:00.000Z",
		"0000-01-01T00:00:00.000Z",
		"2026-00-14T23:00:00.000Z",
		"2026-13-14T23:00:00.000Z",
		"2026-03-00T23:00:00.000Z",
		"2026-03-32T23:00:00.000Z",
		"2026-04-31T23:00:00.000Z",
		"2026-02-29T23:00:00.000Z",
		"1900-02-29T23:00:00.000Z",
		"2024-02-30T23:00:00.000Z",
		"2026-03-14T24:00:00.000Z",
		"2026-03-14T23:60:00.000Z",
		"2016-12-31T23:59:60.000Z", /* a leap second has no Unix time of its own */
		"2026-03-14T23:00:00.000\xc3",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		int64_t parsed = 42;

		if (time_parse(texts[i], &parsed) != -EBADMSG || parsed != 42)
			fail_msg("\"%s\" was accepted", texts[i]);
	}
	assert_int_equal(time_parse(NULL, &(int64_t){ 0 }), -EBADMSG);
}

static void clocks_tell_the_time(void **state)
{
	uint64_t before = time_mono_ms(), after = time_mono_ms();
	int64_t now = time_now_ms(), seconds = (int64_t)time(NULL);

	(void)state;
	assert_true(before > 0 && after >= before && after - before < 60000);
	assert_true(now / 1000 - seconds <= 1 && seconds - now / 1000 <= 60);
}

static void assert_local(int64_t unix_ms, const char *expected)
{
	struct time_local local = time_local(unix_ms);
	char text[100];

	snprintf(text, sizeof(text), "%d-%02d-%02d %02d:%02d %d", local.year, local.month, local.day,
		local.hour, local.minute, local.weekday);
	assert_string_equal(text, expected);
}

static void local_times_follow_the_zone_and_its_summer_time(void **state)
{
	(void)state;
	assert_int_equal(time_zone_set("Europe/Berlin"), 0);
	assert_local(INT64_C(1773529200000), "2026-03-15 00:00 0");
	assert_local(INT64_C(1774745999999), "2026-03-29 01:59 0");
	assert_local(INT64_C(1774746000000), "2026-03-29 03:00 0");
	assert_local(INT64_C(1792890000000), "2026-10-25 02:00 0"); /* the second two o'clock */
	assert_local(-1, "1970-01-01 00:59 4");

	assert_int_equal(time_zone_set("America/Argentina/Buenos_Aires"), 0);
	assert_local(0, "1969-12-31 21:00 3");
	assert_int_equal(time_zone_set("Etc/GMT+12"), 0);
	assert_local(0, "1969-12-31 12:00 3");
	assert_int_equal(time_zone_set("UTC"), 0);
	assert_local(0, "1970-01-01 00:00 4");
	assert_local(-1, "1969-12-31 23:59 3");
	assert_local(INT64_MAX, "9999-12-31 23:59 5");
	assert_local(INT64_MIN, "1-01-01 00:00 1");
}

static void without_a_zone_of_that_name_times_are_in_utc(void **state)
{
	static const char *const names[] = {
		"",
		"Mars/Olympus_Mons",
		"Europe",      /* a directory */
		"leapseconds", /* a file, but not a time zone */
		"/usr/share/zoneinfo/Europe/Berlin",
		"/etc/hostname",
		"/Europe/Berlin", /* glibc would look for it in the root directory because of the slash */
		"../zoneinfo/Europe/Berlin",
		"Europe/../Europe/Berlin",
		"Europe/Berlin ",
		"Europe/Berlin\n",
		"europe berlin",
		":Europe/Berlin",
		"right/Europe/Berlin",
		"localtime",
		"posixrules",
		"CET-1CEST,M3.5.0,M10.5.0/3",
		"Europe/Berlinaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		assert_int_equal(time_zone_set("Asia/Tokyo"), 0);
		if (time_zone_set(names[i]) != -EINVAL)
			fail_msg("\"%s\" was accepted", names[i]);
		assert_local(0, "1970-01-01 00:00 4");
	}
}

static void messages_about_zones_name_the_remedy(void **state)
{
	static const struct {
		const char *name, *problem;
	} rows[] = {
		{ "right/Europe/Berlin", "shows times 27 seconds early, because Hemera's times do not count "
					 "leap seconds; write Europe/Berlin" },
		{ "right/Mars", "not a time zone in /usr/share/zoneinfo/ (like Europe/Berlin)" },
		{ "/usr/share/zoneinfo/Asia/Tokyo",
			"is the file of a time zone, not its name; write Asia/Tokyo" },
		{ "/usr/share/zoneinfo/../../../etc/localtime",
			"not a time zone in /usr/share/zoneinfo/ (like Europe/Berlin)" },
		{ "localtime",
			"is not the same zone on every machine; write the zone's own name (like Europe/Berlin)" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct error err = { 0 };

		assert_int_equal(time_zone_check(rows[i].name, &err), -EINVAL);
		assert_string_equal(err.message, rows[i].problem);
	}
}

static void mails_have_times_of_their_own_form(void **state)
{
	static const struct {
		const char *zone, *instant, *text;
	} rows[] = {
		{ "Europe/Berlin", "2026-03-14T23:00:09.999Z", "Sun, 15 Mar 2026 00:00:09 +0100" },
		{ "Europe/Berlin", "2026-07-01T10:00:00.000Z", "Wed, 01 Jul 2026 12:00:00 +0200" },
		{ "America/St_Johns", "2026-01-02T02:00:00.000Z", "Thu, 01 Jan 2026 22:30:00 -0330" },
		{ "Asia/Kathmandu", "2026-12-31T18:15:00.000Z", "Fri, 01 Jan 2027 00:00:00 +0545" },
		{ "UTC", "1969-12-31T23:59:59.500Z", "Wed, 31 Dec 1969 23:59:59 +0000" },
		{ "UTC", "9999-12-31T23:59:59.999Z", "Fri, 31 Dec 9999 23:59:59 +0000" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char text[TIME_MAIL_SIZE];
		int64_t unix_ms;

		assert_int_equal(time_zone_set(rows[i].zone), 0);
		assert_int_equal(time_parse(rows[i].instant, &unix_ms), 0);
		time_format_mail(unix_ms, text);
		assert_string_equal(text, rows[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(instants_are_written_and_read),
		cmocka_unit_test(all_years_agree_with_libc),
		cmocka_unit_test(instants_beyond_the_calendar_are_shown_as_its_ends),
		cmocka_unit_test(anything_else_is_refused),
		cmocka_unit_test(clocks_tell_the_time),
		cmocka_unit_test(local_times_follow_the_zone_and_its_summer_time),
		cmocka_unit_test(mails_have_times_of_their_own_form),
		cmocka_unit_test(messages_about_zones_name_the_remedy),
		cmocka_unit_test(without_a_zone_of_that_name_times_are_in_utc),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
