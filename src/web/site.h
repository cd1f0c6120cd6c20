/* SPDX-License-Identifier: MIT */
#ifndef AITHER_WEB_SITE_H
#define AITHER_WEB_SITE_H

/*
 * The files that aither-web serves, read only: homepage, private list and the worker's state in memory, all
 * others from disk or from the cache. Directories are held by descriptor, so that no name from outside is
 * ever a path, and opened again when they were replaced. With public course pages nothing but public/ is
 * opened for them; for visitors, nothing else ever is.
 *
 *	if (site_has_index(site, SITE_HOME, language))        reads the file when it has changed
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

#define SITE_FOLLOW_MS 1000 /* how often at most the path of the output directory is checked */
#define SITE_LOG_MS 60000   /* how often at most it is logged that a file cannot be read */

struct site_options {
	const char *output_directory;  /* copied; need not exist yet */
	const char *file_directory;    /* copied; the operator's files, need not exist; */
	const char *shipped_files;     /* copied; the same for those that are not there */
	const struct phrases *phrases; /* borrowed */
	enum language course_language; /* course pages exist once */
	bool are_courses_public;
};

struct site *site_new(const struct site_options *options); /* owned */
void site_freep(struct site **site);

/* The pages that exist in each language and have the mark. */
enum site_index {
	SITE_HOME,
	SITE_LIST, /* of private pages, for staff */
	SITE_INDEXES
};

/* Is there one (in this language, else in the other one)? */
bool site_has_index(struct site *site, enum site_index which, enum language language);

/* Is the homepage where version 0.1.0 had it, outside public/? It is not opened there. */
bool site_has_old_home(struct site *site);

/* When the newest homepage that was read was written; 0: none. */
int64_t site_home_changed_ms(const struct site *site);

/* After site_has_index: the page with the banner in place of the mark. Borrowed until the next
 * site_has_index. */
struct page *site_index(struct site *site, enum site_index which, enum language language,
	const struct phrases_banner *banner);

/* The page for visitors as long as nothing was ever published. Borrowed until the next call. */
struct page *site_fallback(struct site *site, enum language language);

/* The worker's state, one fstatat; NULL: none that can be read, which is logged once. Borrowed until the next
 * call. */
const struct state *site_state(struct site *site);

/* The functions below return pages that are borrowed until the next call. ERROR_NOT_FOUND: -ENOENT, the file
 * is not there or the name is not permitted; -ELOOP, -EINVAL...: there is something, but no regular file.
 * -EFBIG: it is too large, which is logged. Another code: it may be there, but cannot be read now; that is
 * logged. */

/* The page of a course, for NAME with or without .html: for staff, or with public pages for visitors.
 * link_language "de": its links to the homepage and the list keep that language; NULL: they do not. */
int site_course(struct site *site, const char *name, const char *static_link_language, struct page **ret_page,
	struct error *err);

/* PUBLISHED_JSON or PUBLISHED_CALENDAR. */
int site_feed(struct site *site, const char *file, struct page **ret_page, struct error *err);

/* "logo.svg", "fonts/a.woff2": a file of the operator's, else the shipped one. Its suffix must be of a type
 * that is known. */
int site_file(struct site *site, const char *path, struct page **ret_page, struct error *err);

#endif
