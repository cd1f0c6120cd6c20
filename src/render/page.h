/* SPDX-License-Identifier: MIT */
#ifndef AITHER_RENDER_PAGE_H
#define AITHER_RENDER_PAGE_H

/*
 * The data of templates: builds the JSON data of a course page and of the homepage from courses and
 * participants, adds labels and dates in words. aither-templates(7) documents every member.
 *
 * A page's fingerprint covers exactly what it is made from: the members that it shows, the template with its
 * partials, the texts, and PAGE_RENDERER_VERSION. It is computed for every page at every sync; the data are
 * built only for pages that changed. Both follow the member tables of hemera/course.h, so that a page and its
 * fingerprint cannot disagree.
 */

#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"

struct course;
struct json;
struct participants;
struct template;
struct texts;

/* Raise it when the same input gives other bytes than before, so that every page is made again. */
#define PAGE_RENDERER_VERSION "3"

/* Data of a course page. participants NULL: not known yet (participantsPending). generated_at_ms 0: without
 * generatedAt. Owned. */
struct json *page_course_data(const struct course *course, const struct participants *participants,
	const struct texts *texts, int64_t generated_at_ms);

/* SHA-256 over everything that shapes the page, in a canonical form; the arguments are those of
 * page_course_data. Labels and participantsByStatus are covered by their source members. */
void page_fingerprint(const struct course *course, const struct participants *participants,
	const struct template *tmpl, const struct texts *texts, char ret_hex[static HASH_HEX_SIZE]);

struct page_home_row { /* borrowed */
	const struct course *course;
	const char *href; /* "courses/x.html" when the page is public, else NULL */
};

/* Data of the homepage: lang, courseCount, current[] (running and upcoming, by start), undated[], past[]
 * (latest first); each {title, titleMissing, level, levelLabel, startDate, startDateText, endDate,
 * endDateText, participantCount, href}, those of one day by title as base/collate.h has it. A course is past
 * when its last day (its first, without an end) is over in the site's zone at now_ms. Owned. */
struct json *page_home_data(
	const struct page_home_row *rows, size_t count, const struct texts *texts, int64_t now_ms);

#endif
