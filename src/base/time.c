/* SPDX-License-Identifier: MIT */
#include "base/time.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"

#define TIME_ZONE_DIRECTORY "/usr/share/zoneinfo/"
#define TIME_ZONE_SIZE_MAX (256 << 10) /* the largest has 4 KiB */
#define TIME_ZONE_NAME_MAX 64          /* the longest name of the database has 32 characters */

#define DAY_MS INT64_C(86400000)
#define UNIX_MS_MIN INT64_C(-62135596800000) /* 0001-01-01T00:00:00.000Z */
#define UNIX_MS_MAX INT64_C(253402300799999) /* 9999-12-31T23:59:59.999Z */

struct date {
	int year, month, day;
};

static bool time_is_leap_year(int year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* Of a year that is no leap year. */
static int time_days_before_month(int month)
{
	static const int days[] = { 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334 };

	return days[month - 1];
}

static int time_days_in_month(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	return month == 2 && time_is_leap_year(year) ? 29 : days[month - 1];
}

/* Days from 0001-01-01 to 1 January of a year >= 1. */
static int time_days_before_year(int year)
{
	int past = year - 1;

	return past * 365 + past / 4 - past / 100 + past / 400;
}

/* Days from 1970-01-01. No timegm: it would accept and normalise 30 February. */
static int64_t time_days_from_date(const struct date *date)
{
	int days = time_days_before_year(date->year) - time_days_before_year(1970);

	return days + time_days_before_month(date->month) +
	       (date->month > 2 && time_is_leap_year(date->year)) + date->day - 1;
}

static struct date time_date_from_days(int64_t unix_days)
{
	int days = (int)unix_days + time_days_before_year(1970); /* since 0001-01-01 */
	struct date date = { .year = days / 366 + 1, .month = 1 };

	/* The estimate is never too late, and 20 years too early at most. */
	while (days >= time_days_before_year(date.year + 1))
		date.year++;
	days -= time_days_before_year(date.year);
	while (days >= time_days_in_month(date.year, date.month))
		days -= time_days_in_month(date.year, date.month++);
	date.day = days + 1;
	return date;
}

static int64_t time_clamp(int64_t unix_ms)
{
	return unix_ms < UNIX_MS_MIN ? UNIX_MS_MIN : unix_ms > UNIX_MS_MAX ? UNIX_MS_MAX : unix_ms;
}

uint64_t time_mono_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

int64_t time_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void time_put_digits(char *text, int digits, unsigned value)
{
	while (digits > 0) {
		text[--digits] = (char)('0' + value % 10);
		value /= 10;
	}
}

void time_format(int64_t unix_ms, char ret_text[static TIME_TEXT_SIZE])
{
	int64_t ms = time_clamp(unix_ms);
	int64_t days = ms / DAY_MS - (ms % DAY_MS < 0); /* rounded down, also before 1970 */
	unsigned rest = (unsigned)(ms - days * DAY_MS);
	struct date date = time_date_from_days(days);

	memcpy(ret_text, "0000-00-00T00:00:00.000Z", TIME_TEXT_SIZE);
	time_put_digits(ret_text, 4, (unsigned)date.year);
	time_put_digits(ret_text + 5, 2, (unsigned)date.month);
	time_put_digits(ret_text + 8, 2, (unsigned)date.day);
	time_put_digits(ret_text + 11, 2, rest / 3600000);
	time_put_digits(ret_text + 14, 2, rest / 60000 % 60);
	time_put_digits(ret_text + 17, 2, rest / 1000 % 60);
	time_put_digits(ret_text + 20, 3, rest % 1000);
}

/* -1: not all of them are digits. */
static int time_parse_digits(const char *text, int digits)
{
	int value = 0;

	for (int i = 0; i < digits; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -1;
		value = value * 10 + (text[i] - '0');
	}
	return value;
}

int time_parse(const char *text, int64_t *ret_unix_ms)
{
	struct date date;
	int hour, minute, second, ms;

	if (!text || strlen(text) != TIME_TEXT_SIZE - 1 || text[4] != '-' || text[7] != '-' ||
		text[10] != 'T' || text[13] != ':' || text[16] != ':' || text[19] != '.' || text[23] != 'Z')
		return -EBADMSG;
	date.year = time_parse_digits(text, 4);
	date.month = time_parse_digits(text + 5, 2);
	date.day = time_parse_digits(text + 8, 2);
	hour = time_parse_digits(text + 11, 2);
	minute = time_parse_digits(text + 14, 2);
	second = time_parse_digits(text + 17, 2);
	ms = time_parse_digits(text + 20, 3);
	if (date.year < 1 || date.month < 1 || date.month > 12 || date.day < 1 ||
		date.day > time_days_in_month(date.year, date.month))
		return -EBADMSG;
	if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59 || ms < 0)
		return -EBADMSG;

	*ret_unix_ms = time_days_from_date(&date) * DAY_MS +
		       ((hour * INT64_C(60) + minute) * 60 + second) * INT64_C(1000) + ms;
	return 0;
}

static bool time_zone_name_is_safe(const char *name)
{
	static const char permitted[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+/-";
	size_t length = strspn(name, permitted); /* without the dot there is no ".." either */

	return length > 0 && length <= TIME_ZONE_NAME_MAX && name[length] == '\0' && name[0] != '/';
}

/* tzset(3) silently falls back to UTC for a file it cannot use, so look at the magic number (RFC 8536). */
static bool time_zone_is_installed(const char *name)
{
	CLEANUP(mem_freep) char *path = mem_printf(TIME_ZONE_DIRECTORY "%s", name);
	CLEANUP(buf_done) struct buf content = BUF_INIT(TIME_ZONE_SIZE_MAX);

	return time_zone_name_is_safe(name) && file_read_path(path, &content, NULL) == 0 &&
	       strncmp(buf_text(&content), "TZif", 4) == 0;
}

int time_zone_check(const char *iana_name, struct error *err)
{
	size_t length = strlen(TIME_ZONE_COUNTING), directory = strlen(TIME_ZONE_DIRECTORY);

	if (strncmp(iana_name, TIME_ZONE_COUNTING, length) == 0 && time_zone_is_installed(iana_name + length))
		return error_set(err, -EINVAL,
			"shows times some 27 seconds early, because Hemera's do not count leap seconds; "
			"write %s",
			iana_name + length);
	if (strncmp(iana_name, TIME_ZONE_DIRECTORY, directory) == 0 &&
		time_zone_is_installed(iana_name + directory))
		return error_set(err, -EINVAL, "the file of a time zone, not its name; write %s",
			iana_name + directory);
	if (strcmp(iana_name, "localtime") == 0 || strcmp(iana_name, "posixrules") == 0)
		return error_set(err, -EINVAL,
			"not the same zone on each machine; write the zone's own name (like Europe/Berlin)");
	if (strncmp(iana_name, TIME_ZONE_COUNTING, length) == 0 || !time_zone_is_installed(iana_name))
		return error_set(
			err, -EINVAL, "not a time zone in " TIME_ZONE_DIRECTORY " (like Europe/Berlin)");
	return 0;
}

int time_zone_set(const char *iana_name)
{
	int r = time_zone_check(iana_name, NULL);
	CLEANUP(mem_freep) char *zone = r < 0 ? mem_strdup("UTC0") : mem_printf(":%s", iana_name);

	if (setenv("TZ", zone, 1) < 0)
		return -errno;
	tzset();
	return r;
}

const char *time_zone(void)
{
	return getenv("TZ");
}

static struct tm time_break_down(int64_t unix_ms)
{
	int64_t ms = time_clamp(unix_ms);
	time_t seconds = (time_t)(ms / 1000 - (ms % 1000 < 0));
	struct tm tm = { 0 };

	localtime_r(&seconds, &tm);
	return tm;
}

struct time_local time_local(int64_t unix_ms)
{
	struct tm tm = time_break_down(unix_ms);

	return (struct time_local){
		.year = tm.tm_year + 1900,
		.month = tm.tm_mon + 1,
		.day = tm.tm_mday,
		.hour = tm.tm_hour,
		.minute = tm.tm_min,
		.weekday = tm.tm_wday,
	};
}

int time_day(int64_t unix_ms)
{
	struct time_local date = time_local(unix_ms);

	return date.year * 10000 + date.month * 100 + date.day;
}

/* Not by strftime: its names depend on the locale. */
void time_format_mail(int64_t unix_ms, char ret_text[static TIME_MAIL_SIZE])
{
	static const char days[][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
	static const char months[][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep",
		"Oct", "Nov", "Dec" };
	struct tm tm = time_break_down(unix_ms);
	unsigned offset_min = (unsigned)labs(tm.tm_gmtoff / 60) % 6000; /* 14 hours at most, in fact */

	snprintf(ret_text, TIME_MAIL_SIZE, "%s, %02d %s %04d %02d:%02d:%02d %c%02u%02u", days[tm.tm_wday],
		tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec,
		tm.tm_gmtoff < 0 ? '-' : '+', offset_min / 60, offset_min % 60);
}
