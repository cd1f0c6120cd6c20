/* SPDX-License-Identifier: MIT */
#ifndef AITHER_RENDER_PAGE_H
#define AITHER_RENDER_PAGE_H

/*
 * The data for templates: builds the JSON data of a course page and of the homepage from courses and
 * participants, and adds labels and dates in words. aither-templates(7) documents every member.
 *
 * A page's fingerprint covers exactly the input of the page: the members that it shows, the template with its
 * partials, the texts, and PAGE_RENDERER_VERSION. It is computed for every page in every sync; the data is
 * built only for pages that have changed. Both follow the member tables of hemera/course.h, so that a page
 * and its fingerprint cannot disagree.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "published/published.h"

struct course;
struct json;
struct participants;
struct template;
struct texts;

/* Raise it when the same input gives other bytes than before, so that every page is written again. */
#define PAGE_RENDERER_VERSION "4"

/* The data of the site that all pages show; borrowed, NULL: not configured. */
struct page_site {
	const char *name, *url, *imprint_url, *privacy_url; /* as configured */
	const char *course_url;                             /* with {id}, {slug}, {lang} */
	const char *logo, *style;                           /* paths of the operator's files: "/logo.svg" */
	enum language page_language;                        /* of course pages */
	bool is_public; /* course pages are for visitors: their data has nothing about participants */
};

/* Builds the data of a course page. participants NULL: not known yet (participantsPending). The data of a
 * public page never has participants (participantsHidden). generated_at_ms 0: without generatedAt. Owned. */
struct json *page_course_data(const struct course *course, const struct participants *participants,
	const struct page_site *site, const struct texts *texts, int64_t generated_at_ms);

/* SHA-256 over the whole input of the page, in a canonical form; for the arguments see page_course_data. The
 * members from which labels and participantsByStatus are made cover these, too. */
void page_fingerprint(const struct course *course, const struct participants *participants,
	const struct page_site *site, const struct template *tmpl, const struct texts *texts,
	char ret_hex[static HASH_HEX_SIZE]);

struct page_home_row { /* borrowed */
	const struct course *course;
	const char *href; /* "courses/x.html": its page, if the homepage may link to it; else NULL */
};

/* A course is running from the day of its start in the site's time zone. It is past when its last day is
 * over; a course without an end date has only its first day. */
enum page_state { PAGE_RUNNING, PAGE_UPCOMING, PAGE_UNDATED, PAGE_PAST };

struct page_entry {
	const struct page_home_row *row; /* borrowed */
	enum page_state state;
	int64_t start_ms; /* 0: no start */
};

/* Sorts the rows in the order of the homepage: by state, past courses from the latest, other courses by
 * start, and courses with the same start by title in the order of base/collate.h. Returns `count` entries,
 * owned. */
struct page_entry *page_sort(const struct page_home_row *rows, size_t count, int64_t now_ms);

/* Builds the data of the homepage and of the course list for staff: lang, site, pageLang, courseCount,
 * currentCount, next, current[] (running and upcoming), currentMonths[], undated[], past[], each in the order
 * of page_sort. Owned. */
struct json *page_home_data(const struct page_home_row *rows, size_t count, const struct page_site *site,
	const struct texts *texts, int64_t now_ms);

/* SHA-256 over the whole input of the homepages, the course lists for staff and the feeds: the rows and the
 * times of their last changes, the site, and `templates`, a text that changes with the templates and the
 * languages' texts. The day of now_ms is included, because it decides which courses are past. */
void page_home_fingerprint(const struct page_home_row *rows, const int64_t *changed_ms, size_t count,
	const struct page_site *site, const char *templates, int64_t now_ms,
	char ret_hex[static HASH_HEX_SIZE]);

/* The address where the course is described: the site's course_url with the course's id, slug and the
 * language filled in, escaped according to RFC 3986; owned. NULL: the site has no course_url, or the address
 * would lead to another page, because the slug is empty, "." or "..". */
char *page_course_url(const struct page_site *site, const struct course *course, enum language language);

#endif
