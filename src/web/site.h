/* SPDX-License-Identifier: MIT */
#ifndef AITHER_WEB_SITE_H
#define AITHER_WEB_SITE_H

/*
 * The files that aither-web serves, read only. The homepage, the course list and the worker's state are in
 * memory; all others come from disk or from the cache. Directories are held by descriptor, so that a name
 * from outside is never used as a path; they are opened again when they were replaced. All published pages
 * for visitors, including public course pages, are read from public/ only.
 *
 *	if (site_has_index(site, SITE_HOME, language))        reads the file if it has changed
 *		page = site_index(site, SITE_HOME, language, &banner);
 *	else
 *		page = site_fallback(site, language);
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "published/published.h"

struct error;
struct page;
struct phrases;
struct phrases_banner;
struct site;
struct state;

#define SITE_FOLLOW_MS 1000 /* shortest time between two checks of the output directory's path */
#define SITE_LOG_MS 60000   /* shortest time between two lines about files that cannot be read */

struct site_options {
	const char *output_directory;  /* copied; need not exist yet */
	const char *file_directory;    /* copied; the operator's files; need not exist */
	const char *shipped_files;     /* copied; aither's own, for names that file_directory lacks */
	const struct phrases *phrases; /* borrowed */
	enum language course_language; /* of the course pages, which exist in one language */
	bool are_courses_public;
};

struct site *site_new(const struct site_options *options); /* owned */
void site_freep(struct site **site);

/* The pages that exist in each language and have the mark. */
enum site_index {
	SITE_HOME,
	SITE_LIST, /* the course list, for staff */
	SITE_INDEXES
};

/* Is there such a page, in this language or else in the other one? */
bool site_has_index(struct site *site, enum site_index which, enum language language);

/* Is the homepage where version 0.1.0 had it, outside public/? It is not served from there. */
bool site_has_old_home(struct site *site);

/* When the homepage was written, the newer one if both languages were read; 0: none was read. */
int64_t site_home_changed_ms(const struct site *site);

/* After site_has_index: the page with the banner in place of the mark. Borrowed until the next
 * site_has_index. */
struct page *site_index(struct site *site, enum site_index which, enum language language,
	const struct phrases_banner *banner);

/* The page for visitors while nothing has ever been published. Borrowed until the next call. */
struct page *site_fallback(struct site *site, enum language language);

/* The worker's state; costs one fstatat. NULL: there is none, or it cannot be read, which is logged once.
 * Borrowed until the next call. */
const struct state *site_state(struct site *site);

/* The functions below return pages that are borrowed until the next call. Errors with ERROR_NOT_FOUND:
 * -ENOENT, there is no such file, or the name is not permitted; -ELOOP, -EINVAL...: it is not a regular file;
 * -EFBIG: it is too large, which is logged. Other errors: the file may exist, but cannot be read now, which
 * is logged. */

/* The page of a course, for NAME with or without .html: for staff, or for visitors if pages are public.
 * link_language "de": its links to the homepage and the course list keep that language; NULL: they do not. */
int site_course(struct site *site, const char *name, const char *static_link_language, struct page **ret_page,
	struct error *err);

/* PUBLISHED_JSON or PUBLISHED_CALENDAR. */
int site_feed(struct site *site, const char *file, struct page **ret_page, struct error *err);

/* For "logo.svg" or "fonts/a.woff2": the operator's file, else the shipped one. Its suffix must be one that
 * is served. */
int site_file(struct site *site, const char *path, struct page **ret_page, struct error *err);

#endif
