/* SPDX-License-Identifier: MIT */
#ifndef AITHER_BASE_TIME_H
#define AITHER_BASE_TIME_H

/*
 * Two clocks and one text form. Deadlines, intervals and ages are measured by the monotonic clock. Times of
 * the wall clock are milliseconds since 1970-01-01 UTC, and are used only for people and in files.
 * The text form is RFC 3339 in UTC with milliseconds, as Hemera writes it: "2026-03-14T23:00:00.000Z".
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;

#define TIME_TEXT_SIZE 25 /* 24 characters and NUL */

uint64_t time_mono_ms(void);
int64_t time_now_ms(void);

/* Years 0001 to 9999; a time beyond them is shown as the nearest time within. */
void time_format(int64_t unix_ms, char ret_text[static TIME_TEXT_SIZE]);

/* Strict: exactly the 24 characters above, an existing day. -EBADMSG otherwise, and for NULL. */
int time_parse(const char *text, int64_t *ret_unix_ms);

#define TIME_ZONE_COUNTING "right/" /* zones of clocks that count leap seconds */

/* 0 for an IANA name ("Europe/Berlin") whose zone is in /usr/share/zoneinfo; else -EINVAL with a sentence.
 * Zones below right/ are refused: they count leap seconds, unlike all times here. */
int time_zone_check(const char *iana_name, struct error *err);

/* Sets the zone of all later time_local and time_day calls. -EINVAL: it failed time_zone_check; then the zone
 * is UTC, whatever /etc/localtime says. Call it once, before threads start. */
int time_zone_set(const char *iana_name);
const char *time_zone(void); /* the zone in use, in the form of TZ; NULL: the machine's own */

struct time_local {
	int year, month, day; /* month 1..12 */
	int hour, minute;
	int weekday; /* 0 = Sunday */
};

struct time_local time_local(int64_t unix_ms);
int time_day(int64_t unix_ms); /* the day as a number that orders days: 20260315 */

#define TIME_MAIL_SIZE 40 /* 31 characters, and room for a year that RFC 5322 does not permit */

/* As in the headers of mails (RFC 5322, 3.3), in the zone set: "Sat, 14 Mar 2026 23:00:00 +0100". */
void time_format_mail(int64_t unix_ms, char ret_text[static TIME_MAIL_SIZE]);

#endif
