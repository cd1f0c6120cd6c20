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

/* Raise it when the same input gives other bytes than before, so that every page is made again. */
#define PAGE_RENDERER_VERSION "4"

/* The site, as all of its pages show it: borrowed, NULL where there is none. */
struct page_site {
	const char *name, *url, *imprint_url, *privacy_url; /* as configured */
	const char *course_url;                             /* with {id}, {slug}, {lang} */
	const char *logo, *style;                           /* paths of the operator's files: "/logo.svg" */
	enum language page_language;                        /* of course pages */
	bool is_public; /* course pages are for visitors: nothing of a participant is in their data */
};

/* Data of a course page. participants NULL: not known yet (participantsPending). Of a public page they are
 * never in the data (participantsHidden). generated_at_ms 0: without generatedAt. Owned. */
struct json *page_course_data(const struct course *course, const struct participants *participants,
	const struct page_site *site, const struct texts *texts, int64_t generated_at_ms);

/* SHA-256 over everything that shapes the page, in a canonical form; the arguments are those of
 * page_course_data. Labels and participantsByStatus are covered by their source members. */
void page_fingerprint(const struct course *course, const struct participants *participants,
	const struct page_site *site, const struct template *tmpl, const struct texts *texts,
	char ret_hex[static HASH_HEX_SIZE]);

struct page_home_row { /* borrowed */
	const struct course *course;
	const char *href; /* "courses/x.html": its page, where it may be linked; else NULL */
};

/* A course runs from the day of its start in the site's zone, and is past when its last day (its first,
 * without an end) is over. */
enum page_state { PAGE_RUNNING, PAGE_UPCOMING, PAGE_UNDATED, PAGE_PAST };

struct page_entry {
	const struct page_home_row *row; /* borrowed */
	enum page_state state;
	int64_t start_ms; /* 0: no start */
};

/* The rows in the order of the homepage: by state, the past ones from the latest, the others by start, those
 * of one start by title as base/collate.h has it. `count` entries, owned. */
struct page_entry *page_sort(const struct page_home_row *rows, size_t count, int64_t now_ms);

/* Data of the homepage and of the private list: lang, site, pageLang, courseCount, currentCount, next,
 * current[] (running and upcoming), currentMonths[], undated[], past[], each in the order of page_sort.
 * Owned. */
struct json *page_home_data(const struct page_home_row *rows, size_t count, const struct page_site *site,
	const struct texts *texts, int64_t now_ms);

/* SHA-256 over everything that the homepages, the private lists and the feeds are made from: the rows and
 * when each last changed, the site, and `templates`, a text that changes with the templates and the
 * language's texts. The day of now_ms counts, for it decides which courses are past. */
void page_home_fingerprint(const struct page_home_row *rows, const int64_t *changed_ms, size_t count,
	const struct page_site *site, const char *templates, int64_t now_ms,
	char ret_hex[static HASH_HEX_SIZE]);

/* Where the course is described: the site's course_url with the course's id, slug and the language in place,
 * escaped as RFC 3986 has it; owned. NULL: the site has none, or the address would be that of another page,
 * because the slug is empty, "." or "..". */
char *page_course_url(const struct page_site *site, const struct course *course, enum language language);

#endif
