/* SPDX-License-Identifier: MIT */
#include "render/feed.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/time.h"
#include "base/utf8.h"
#include "hemera/course.h"
#include "published/texts.h"
#include "render/page.h"

/* The address where the course is described, in the language of the feed; owned, NULL: not known. */
static char *feed_url(const struct feed *feed, const struct course *course)
{
	bool is_english = strcmp(texts_language(feed->texts), "en") == 0;

	return page_course_url(feed->site, course, is_english ? LANGUAGE_EN : LANGUAGE_DE);
}

/* The address of the course's public page, absolute if the site's address is known; owned, NULL: none. */
static char *feed_page(const struct feed *feed, const struct page_home_row *row)
{
	if (!row->href)
		return NULL;
	return feed->site->url ? mem_printf("%s/%s", feed->site->url, row->href) : mem_strdup(row->href);
}

/* ---- courses.json ---- */

static struct json *feed_course(const struct feed *feed, const struct page_entry *entry)
{
	static const char *const states[] = { [PAGE_RUNNING] = "running",
		[PAGE_UPCOMING] = "upcoming",
		[PAGE_UNDATED] = "undated",
		[PAGE_PAST] = "past" };
	const struct course *course = entry->row->course;
	CLEANUP(mem_freep) char *url = feed_url(feed, course);
	CLEANUP(mem_freep) char *page = feed_page(feed, entry->row);
	struct json *object = json_new_object();

	json_set_string(object, "id", course->id);
	json_set_string(object, "title", utf8_is_blank(course->title) ? NULL : course->title);
	json_set_string(object, "slug", course->slug[0] ? course->slug : NULL);
	json_set_string(object, "level", course->level);
	json_set_string(object, "startDate", course->start_date);
	json_set_string(object, "endDate", course->end_date);
	json_set_string(object, "state", states[entry->state]);
	json_set_integer(object, "participantCount", course->participant_count);
	json_set_string(object, "url", url);
	json_set_string(object, "page", page);
	return object;
}

void feed_json(struct buf *out, const struct feed *feed, int64_t now_ms)
{
	CLEANUP(mem_freep) struct page_entry *entries = page_sort(feed->rows, feed->count, now_ms);

	buf_append_text(out, "{\"site\":{\"name\":");
	json_write_string(out, feed->site->name);
	buf_append_text(out, ",\"url\":");
	json_write_string(out, feed->site->url);
	buf_append_text(out, "},\"courses\":[");
	for (size_t i = 0; i < feed->count; i++) {
		CLEANUP(json_freep) struct json *object = feed_course(feed, &entries[i]);

		buf_append_text(out, i ? ",\n" : "\n");
		json_write(out, object);
	}
	buf_append_text(out, "]}\n");
}

/* ---- courses.ics ---- */

#define CALENDAR_LINE_MAX 75 /* octets of a line without its line break (RFC 5545, 3.1) */

/* The first and the last day that can be used: their years, and the year of the next day, have four digits.
 */
#define CALENDAR_DAY_FIRST 10101
#define CALENDAR_DAY_LAST 99991230

/* Appends bytes that must stay together, on the next line when this one is full. */
static void calendar_put(struct buf *out, size_t *column, const char *bytes, size_t length)
{
	if (*column + length > CALENDAR_LINE_MAX) {
		buf_append_text(out, "\r\n ");
		*column = 1;
	}
	buf_append(out, bytes, length);
	*column += length;
}

static bool is_line_end(int32_t character)
{
	return character == '\n' || character == '\r' || character == 0x85 /* NEL */ || character == 0x2028 ||
	       character == 0x2029;
}

/* Appends a content line, folded. `name` includes the colon. A text is escaped (3.3.11); any other value must
 * need no escapes. Control characters are left out: the RFC does not allow them in a line, and no text can
 * begin another line. */
static void calendar_line(struct buf *out, const char *name, const char *value, bool is_text)
{
	const char *end = value + strlen(value);
	size_t column = strlen(name);

	buf_append_text(out, name);
	while (value < end) {
		const char *start = value;
		int32_t character = utf8_next(&value, end);
		const char escape[] = { '\\', (char)character };

		if (character == UTF8_NONE)
			calendar_put(out, &column, "\xef\xbf\xbd", 3); /* U+FFFD */
		else if (character == '\r' && *value == '\n')
			continue;
		else if (is_text && is_line_end(character))
			calendar_put(out, &column, "\\n", 2);
		else if (is_text && (character == '\\' || character == ';' || character == ','))
			calendar_put(out, &column, escape, 2);
		else if (!utf8_is_control(character) || (is_text && character == '\t'))
			calendar_put(out, &column, start, (size_t)(value - start));
	}
	buf_append_text(out, "\r\n");
}

static int calendar_day(int64_t unix_ms)
{
	int day = time_day(unix_ms);

	return day < CALENDAR_DAY_FIRST  ? CALENDAR_DAY_FIRST
	       : day > CALENDAR_DAY_LAST ? CALENDAR_DAY_LAST
					 : day;
}

static int calendar_next_day(int day)
{
	struct tm tm = {
		.tm_year = day / 10000 - 1900, .tm_mon = day / 100 % 100 - 1, .tm_mday = day % 100 + 1
	};

	timegm(&tm); /* the 32nd becomes the 1st */
	return (tm.tm_year + 1900) * 10000 + (tm.tm_mon + 1) * 100 + tm.tm_mday;
}

/* In a calendar without METHOD, DTSTAMP says when the event was last revised (3.8.7.2). */
static void calendar_stamp(struct buf *out, int64_t changed_ms)
{
	char text[TIME_TEXT_SIZE]; /* "2026-03-14T23:00:00.000Z" */

	time_format(changed_ms, text);
	buf_printf(out, "DTSTAMP:%.4s%.2s%.5s%.2s%.2sZ\r\n", text, text + 5, text + 8, text + 14, text + 17);
}

static const char *calendar_word(const struct texts *texts, const char *key, const char *otherwise)
{
	const char *word = texts_get(texts, key);

	return word ? word : otherwise;
}

static char *calendar_description(const struct course *course, const struct texts *texts)
{
	CLEANUP(mem_freep) char *level = mem_printf("level.%s", course->level);

	return mem_printf("%s: %s\n%s: %u", calendar_word(texts, "column.level", "level"),
		calendar_word(texts, level, course->level),
		calendar_word(texts, "column.participants", "participants"), course->participant_count);
}

static void calendar_event(struct buf *out, const struct feed *feed, size_t i, int64_t start_ms)
{
	const struct page_home_row *row = &feed->rows[i];
	const struct course *course = row->course;
	CLEANUP(mem_freep) char *description = calendar_description(course, feed->texts);
	CLEANUP(mem_freep) char *url = feed_url(feed, course);
	CLEANUP(mem_freep) char *page = feed->site->url ? feed_page(feed, row) : NULL;
	int first = calendar_day(start_ms), last = first;
	char uid[HASH_HEX_SIZE];
	int64_t end_ms;

	/* In Hemera's data a course can end before it begins: then only its start counts. */
	if (time_parse(course->end_date, &end_ms) == 0 && calendar_day(end_ms) > first)
		last = calendar_day(end_ms);
	hash_hex(course->id, strlen(course->id), uid);
	buf_append_text(out, "BEGIN:VEVENT\r\n");
	buf_printf(out, "UID:%s\r\n", uid);
	calendar_stamp(out, feed->changed_ms[i]);
	buf_printf(out, "DTSTART;VALUE=DATE:%08d\r\n", first);
	buf_printf(out, "DTEND;VALUE=DATE:%08d\r\n", calendar_next_day(last)); /* exclusive (3.6.1) */
	calendar_line(out, "SUMMARY:",
		utf8_is_blank(course->title) ? calendar_word(feed->texts, "title.missing", course->id)
					     : course->title,
		true);
	calendar_line(out, "DESCRIPTION:", description, true);
	if (url || page)
		calendar_line(out, "URL:", url ? url : page, false);
	buf_append_text(
		out, "TRANSP:TRANSPARENT\r\n"); /* a course on offer does not make its subscriber busy */
	buf_append_text(out, "END:VEVENT\r\n");
}

/* The file has no METHOD, because it is a snapshot for subscribers (3.7.2); PUBLISH would need an ORGANIZER
 * (RFC 5546, 3.2.1). NAME is from RFC 7986; programs that do not know it read X-WR-CALNAME. */
void feed_calendar(struct buf *out, const struct feed *feed)
{
	bool is_empty = true;
	int64_t start_ms;

	buf_append_text(out, "BEGIN:VCALENDAR\r\n"
			     "VERSION:2.0\r\n"
			     "PRODID:-//aither//aither//EN\r\n"
			     "CALSCALE:GREGORIAN\r\n");
	calendar_line(out, "NAME:", feed->site->name, true);
	calendar_line(out, "X-WR-CALNAME:", feed->site->name, true);
	for (size_t i = 0; i < feed->count; i++) {
		if (time_parse(feed->rows[i].course->start_date, &start_ms) < 0)
			continue;
		calendar_event(out, feed, i, start_ms);
		is_empty = false;
	}
	/* A calendar must have a component (3.6), and calendar programs do not show this one. */
	if (is_empty)
		buf_append_text(out, "BEGIN:VTIMEZONE\r\n"
				     "TZID:UTC\r\n"
				     "BEGIN:STANDARD\r\n"
				     "DTSTART:19700101T000000\r\n"
				     "TZOFFSETFROM:+0000\r\n"
				     "TZOFFSETTO:+0000\r\n"
				     "END:STANDARD\r\n"
				     "END:VTIMEZONE\r\n");
	buf_append_text(out, "END:VCALENDAR\r\n");
}
