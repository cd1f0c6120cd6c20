/* SPDX-License-Identifier: MIT */
/*
 * Any text as a date, and any moment as a text. The input serves as both: the whole of it is a text, and its
 * first eight bytes are milliseconds since 1970.
 *
 * These rules must hold:
 *  - an accepted text is the same as the text of its moment;
 *  - a moment that is written and read is the same, or the nearest one that has a text;
 *  - the texts of moments are in the order of time;
 *  - the C library agrees about the same moment in UTC, and the date of a mail is the same moment.
 */
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/time.h"

#define MS_MIN INT64_C(-62135596800000) /* 0001-01-01T00:00:00.000Z */
#define MS_MAX INT64_C(253402300799999) /* 9999-12-31T23:59:59.999Z */

const char fuzz_corpus[] = "time";

static int64_t nearest(int64_t unix_ms)
{
	return unix_ms < MS_MIN ? MS_MIN : unix_ms > MS_MAX ? MS_MAX : unix_ms;
}

static int64_t whole_seconds(int64_t unix_ms)
{
	return unix_ms / 1000 - (unix_ms % 1000 < 0);
}

static void check_text(const char *text)
{
	char again[TIME_TEXT_SIZE];
	int64_t unix_ms = -1;
	int r = time_parse(text, &unix_ms);

	if (r < 0) {
		FUZZ_CHECK(r == -EBADMSG && unix_ms == -1, "%d, %lld", r, (long long)unix_ms);
		return;
	}
	time_format(unix_ms, again);
	FUZZ_CHECK(r == 0 && strcmp(text, again) == 0, "\"%s\" comes back as \"%s\"", text, again);
}

static void check_utc(int64_t unix_ms, const char *text)
{
	time_t seconds = (time_t)whole_seconds(unix_ms);
	struct tm tm;
	char expected[64];

	FUZZ_CHECK(gmtime_r(&seconds, &tm), "%lld", (long long)unix_ms);
	snprintf(expected, sizeof(expected), "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900,
		tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
		(int)(unix_ms - seconds * INT64_C(1000)));
	FUZZ_CHECK(strcmp(text, expected) == 0, "%s, not %s", text, expected);
}

/* Local time minus its offset is the moment; offsets before 1900 have seconds, which mails cannot
 * express. */
static void check_mail(int64_t unix_ms)
{
	char text[TIME_MAIL_SIZE], sign = 0;
	struct time_local local = time_local(unix_ms);
	struct tm tm = { .tm_year = local.year - 1900, .tm_mon = local.month - 1, .tm_mday = local.day };
	unsigned hours = 0, minutes = 0;
	int day = 0, year = 0;

	time_format_mail(unix_ms, text);
	FUZZ_CHECK(sscanf(text, "%*3s, %d %*3s %d %d:%d:%d %c%2u%2u", &day, &year, &tm.tm_hour, &tm.tm_min,
			   &tm.tm_sec, &sign, &hours, &minutes) == 8,
		"%s", text);
	FUZZ_CHECK(day == local.day && year == local.year && tm.tm_hour == local.hour &&
			   tm.tm_min == local.minute,
		"%s", text);
	int64_t offset = (int64_t)(hours * 60 + minutes) * (sign == '-' ? -60 : 60);
	int64_t difference = (int64_t)timegm(&tm) - offset - whole_seconds(unix_ms);
	FUZZ_CHECK(difference > -60 && difference < 60, "%s: %lld s off", text, (long long)difference);
	FUZZ_CHECK(tm.tm_wday == local.weekday, "%s", text);
}

static void check_moment(int64_t given_ms)
{
	int64_t unix_ms = nearest(given_ms), again = 0;
	char text[TIME_TEXT_SIZE], later[TIME_TEXT_SIZE];

	time_format(given_ms, text);
	FUZZ_CHECK(strlen(text) == TIME_TEXT_SIZE - 1, "%s", text);
	FUZZ_CHECK(time_parse(text, &again) == 0 && again == unix_ms, "%s", text);
	time_format(unix_ms + 1, later);
	FUZZ_CHECK(unix_ms == MS_MAX ? strcmp(later, text) == 0 : strcmp(later, text) > 0, "%s", later);
	check_utc(unix_ms, text);
	check_mail(unix_ms);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static int zone = 1;
	CLEANUP(mem_freep) char *text = mem_strndup((const char *)bytes, size);
	int64_t unix_ms = 0;

	if (zone > 0)
		zone = time_zone_set("Europe/Berlin");
	FUZZ_CHECK(zone == 0, "no time zones here");
	memcpy(&unix_ms, bytes, size < sizeof(unix_ms) ? size : sizeof(unix_ms));
	check_text(text);
	check_moment(unix_ms);
	check_moment(unix_ms % MS_MAX); /* most numbers are beyond any date */
	return 0;
}
