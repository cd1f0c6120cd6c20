/* SPDX-License-Identifier: MIT */
#ifndef AITHER_RENDER_FEED_H
#define AITHER_RENDER_FEED_H

/*
 * The courses of the homepage for programs: courses.json for scripts, courses.ics for calendars.
 * aither-api(7) documents both. The same courses give the same bytes, because neither file says when it was
 * made. Only courses.json also changes with the day, because a course is first upcoming, then running, then
 * past.
 *
 *	const struct feed feed = { &site, texts, rows, changed_ms, count };
 *	CLEANUP(buf_done) struct buf out = BUF_INIT(PUBLISHED_HOMEPAGE_MAX);
 *
 *	feed_calendar(&out, &feed);
 *	if (buf_overflowed(&out)) ...
 */

#include <stddef.h>
#include <stdint.h>

struct buf;
struct page_home_row;
struct page_site;
struct texts;

struct feed { /* borrowed */
	const struct page_site *site;
	const struct texts *texts; /* in the site's language, which also replaces {lang} in course_url */
	const struct page_home_row *rows; /* with href where visitors may open the page */
	const int64_t *changed_ms;        /* wall clock: when the course of each row last changed */
	size_t count;
};

/* Appends courses.json: {"site":{"name","url"},"courses":[{"id","title","slug","level","startDate","endDate",
 * "state","participantCount","url","page"}]}, the courses in the order of page_sort. `state` is running,
 * upcoming, undated or past at now_ms. Title and slug are null if they are empty, and the title also if none
 * of it is visible. `page` is absolute if the site's address is known, else relative to the address of
 * courses.json. */
void feed_json(struct buf *out, const struct feed *feed, int64_t now_ms);

/* Appends courses.ics (RFC 5545): an event of whole days in the site's time zone for each course with a start
 * date, in the order of the rows. The UID is made from the course's id alone, so that the event remains the
 * same when the site moves to another address. DTSTAMP is changed_ms. */
void feed_calendar(struct buf *out, const struct feed *feed);

#endif
