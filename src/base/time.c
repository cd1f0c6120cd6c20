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
#define TIME_ZONE_SIZE_MAX (256 << 10) /* bytes; the largest file has 4 KiB */
#define TIME_ZONE_NAME_MAX 64          /* the longest name of the database has 32 characters */

#define UNIX_MS_MIN INT64_C(-62135596800000) /* 0001-01-01T00:00:00.000Z */
#define UNIX_MS_MAX INT64_C(253402300799999) /* 9999-12-31T23:59:59.999Z */

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

/* Rounded down, also before 1970. */
static time_t time_seconds(int64_t unix_ms)
{
	return (time_t)(unix_ms / 1000 - (unix_ms % 1000 < 0));
}

void time_format(int64_t unix_ms, char ret_text[static TIME_TEXT_SIZE])
{
	int64_t ms = time_clamp(unix_ms);
	time_t seconds = time_seconds(ms);
	char text[64]; /* the compiler does not know the range of each number */
	struct tm tm;

	gmtime_r(&seconds, &tm);
	snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900, tm.tm_mon + 1,
		tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(ms - seconds * INT64_C(1000)));
	memcpy(ret_text, text, TIME_TEXT_SIZE);
}

/* Returns -1 if a character is not a digit. */
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
	struct tm given = { 0 }, tm;
	time_t seconds;
	int ms;

	if (!text || strlen(text) != TIME_TEXT_SIZE - 1 || text[4] != '-' || text[7] != '-' ||
		text[10] != 'T' || text[13] != ':' || text[16] != ':' || text[19] != '.' || text[23] != 'Z')
		return -EBADMSG;
	given.tm_year = time_parse_digits(text, 4) - 1900;
	given.tm_mon = time_parse_digits(text + 5, 2) - 1;
	given.tm_mday = time_parse_digits(text + 8, 2);
	given.tm_hour = time_parse_digits(text + 11, 2);
	given.tm_min = time_parse_digits(text + 14, 2);
	given.tm_sec = time_parse_digits(text + 17, 2);
	ms = time_parse_digits(text + 20, 3);
	tm = given;
	seconds = timegm(&tm);
	/* timegm normalises a time that does not exist: 30 February, 24:00, and the -1 of a wrong digit. */
	if (given.tm_year < 1 - 1900 || ms < 0 || tm.tm_mon != given.tm_mon || tm.tm_mday != given.tm_mday ||
		tm.tm_hour != given.tm_hour || tm.tm_min != given.tm_min || tm.tm_sec != given.tm_sec)
		return -EBADMSG;
	*ret_unix_ms = seconds * INT64_C(1000) + ms;
	return 0;
}

/* tzset(3) silently falls back to UTC for a file it cannot use: check the magic number (RFC 8536). */
static bool time_zone_is_installed(const char *name)
{
	static const char permitted[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+/-";
	CLEANUP(mem_freep) char *path = mem_printf(TIME_ZONE_DIRECTORY "%s", name);
	CLEANUP(buf_done) struct buf content = BUF_INIT(TIME_ZONE_SIZE_MAX);
	size_t length = strspn(name, permitted); /* no dot is permitted, so ".." is impossible */

	return length > 0 && length <= TIME_ZONE_NAME_MAX && name[length] == '\0' && name[0] != '/' &&
	       file_read_path(path, &content, NULL) == 0 && strncmp(buf_text(&content), "TZif", 4) == 0;
}

int time_zone_check(const char *iana_name, struct error *err)
{
	size_t length = strlen(TIME_ZONE_COUNTING), directory = strlen(TIME_ZONE_DIRECTORY);

	if (strncmp(iana_name, TIME_ZONE_COUNTING, length) == 0 && time_zone_is_installed(iana_name + length))
		return error_set(err, -EINVAL,
			"shows times 27 seconds early, because Hemera's times do not count leap seconds; write %s",
			iana_name + length);
	if (strncmp(iana_name, TIME_ZONE_DIRECTORY, directory) == 0 &&
		time_zone_is_installed(iana_name + directory))
		return error_set(err, -EINVAL, "is the file of a time zone, not its name; write %s",
			iana_name + directory);
	if (strcmp(iana_name, "localtime") == 0 || strcmp(iana_name, "posixrules") == 0)
		return error_set(err, -EINVAL,
			"is not the same zone on every machine; write the zone's own name (like Europe/Berlin)");
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
	time_t seconds = time_seconds(time_clamp(unix_ms));
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

void time_format_mail(int64_t unix_ms, char ret_text[static TIME_MAIL_SIZE])
{
	struct tm tm = time_break_down(unix_ms);

	/* The names are English, because no program here calls setlocale(3). */
	strftime(ret_text, TIME_MAIL_SIZE, "%a, %d %b %Y %H:%M:%S %z", &tm);
}
