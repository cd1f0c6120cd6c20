/* SPDX-License-Identifier: MIT */
#ifndef AITHER_WEB_SITE_H
#define AITHER_WEB_SITE_H

/*
 * The published files, read only: the homepage and the worker's state in memory, course pages from disk or
 * from a cache of those that were asked for lately. Directories are held by descriptor, so that no name from
 * outside is ever a path, and opened again when they were replaced. What is in memory is used only as long as
 * its file is the one that was read.
 *
 *	if (site_look(site, language))            one fstatat; reads the file when it has changed
 *		page = site_home(site, language, status);
 *	else
 *		page = site_fallback(site);
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "published/published.h"

struct error;
struct page;
struct site;
struct state;

#define SITE_FALLBACK_MAX (256u << 10)
#define SITE_REOPEN_MS 1000 /* how soon a replaced directory is noticed */
#define SITE_LOG_MS 60000   /* how often at most it is logged that a course page cannot be read */

/* The cache: compressing a page takes a hundred times as long as sending it, and slow clients share the
 * bytes. */
#define SITE_CACHED_MAX 512              /* pages; the largest Academy expected has 500 courses */
#define SITE_CACHED_BYTES_MAX (8u << 20) /* of files: 500 pages of 16 KiB */

/* Nothing needs to exist yet. The fallback page, fallback.html below `shipped_templates`, is read now. */
struct site *site_new(const char *output_directory, const char *shipped_templates); /* owned */
void site_freep(struct site **site);

/* Is there a homepage (in this language, else in the other one)? */
bool site_look(struct site *site, enum language language);

int64_t site_home_changed_ms(
	const struct site *site); /* when the newest that was read was written; 0: none */

/* After site_look: the homepage with `status_html` in place of the mark. Borrowed until the next site_look.
 */
struct page *site_home(struct site *site, enum language language, const char *status_html);

/* What visitors see as long as nothing was ever published. Borrowed. */
struct page *site_fallback(struct site *site);

/* The worker's state, one fstatat; NULL: none that can be read, which is logged once. Borrowed until the next
 * call. */
const struct state *site_state(struct site *site);

/* courses/NAME.html, for NAME with or without .html. ERROR_NOT_FOUND: -ENOENT, it is not there or not the
 * name of a page; -ELOOP, -EINVAL...: there is something, but no regular file. -EFBIG: it is too large, which
 * is logged. Another code: it may be there, but cannot be read now; that is logged. *ret_page is borrowed
 * until the next call. */
int site_course(struct site *site, const char *name, const char *static_language, struct page **ret_page,
	struct error *err);

#endif
