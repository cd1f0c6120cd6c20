/* SPDX-License-Identifier: MIT */
#ifndef AITHER_WEB_SITE_H
#define AITHER_WEB_SITE_H

/*
 * The published files, read only: the homepage and the worker's state in memory, course pages from disk or
 * from a cache of those that were requested lately. Directories are held by descriptor, so that no name from
 * outside is ever a path, and opened again when they were replaced. A cached page is used only as long as its
 * file is the one that was read.
 *
 *	if (site_has_home(site, language))        reads the file when it has changed
 *		page = site_home(site, language, &banner);
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
#define SITE_LOG_MS 60000   /* how often at most it is logged that a course page cannot be read */

/* The cache of course pages, emptied when it is full and when a page is published or removed. Compressing a
 * page takes a hundred times as long as sending it, and slow clients share the bytes. */
#define SITE_CACHED_MAX 512              /* pages; the largest Academy expected has 500 courses */
#define SITE_CACHED_BYTES_MAX (8u << 20) /* of files: 500 pages of 16 KiB */

struct site_options {
	const char *output_directory;  /* copied; need not exist yet */
	const struct phrases *phrases; /* borrowed */
	enum language course_language; /* course pages exist once */
	bool are_courses_sandboxed;    /* see page_sandbox */
};

struct site *site_new(const struct site_options *options); /* owned */
void site_freep(struct site **site);

/* Is there a homepage (in this language, else in the other one)? */
bool site_has_home(struct site *site, enum language language);

/* When the newest homepage that was read was written; 0: none. */
int64_t site_home_changed_ms(const struct site *site);

/* After site_has_home: the homepage with the banner in place of the mark. Borrowed until the next
 * site_has_home. */
struct page *site_home(struct site *site, enum language language, const struct phrases_banner *banner);

/* The page for visitors as long as nothing was ever published. Borrowed until the next call. */
struct page *site_fallback(struct site *site, enum language language);

/* The worker's state, one fstatat; NULL: none that can be read, which is logged once. Borrowed until the next
 * call. */
const struct state *site_state(struct site *site);

/* courses/NAME.html, for NAME with or without .html. ERROR_NOT_FOUND: -ENOENT, it is not there or not the
 * name of a page; -ELOOP, -EINVAL...: there is something, but no regular file. -EFBIG: it is too large, which
 * is logged. Another code: it may be there, but cannot be read now; that is logged. *ret_page is borrowed
 * until the next call. */
int site_course(struct site *site, const char *name, struct page **ret_page, struct error *err);

#endif
