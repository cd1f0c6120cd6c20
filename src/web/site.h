/* SPDX-License-Identifier: MIT */
#ifndef AITHER_WEB_SITE_H
#define AITHER_WEB_SITE_H

/*
 * The published files, read only: the homepage in memory, course pages from disk. Both directories are held
 * by descriptor, so that no name from outside is ever a path, and opened again when they were replaced.
 *
 *	if (site_look(site, language, &changed_ms))        one fstatat; reads the file when it has changed
 *		page = site_home(site, language, status);
 *	else
 *		page = site_fallback(site);
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "web/negotiate.h"

struct error;
struct page;
struct site;

#define SITE_FALLBACK_MAX (256u << 10)
#define SITE_REOPEN_MS 1000 /* how soon a replaced directory is noticed */
#define SITE_TELL_MS 60000  /* how often at most it is logged that a course page cannot be read */

/* Nothing needs to exist yet. The fallback page, fallback.html below `shipped_templates`, is read now. */
struct site *site_new(const char *output_directory, const char *shipped_templates); /* owned */
void site_freep(struct site **site);

/* Is there a homepage (in this language, else in the other one)? *ret_changed_ms: its modification time. */
bool site_look(struct site *site, enum language language, int64_t *ret_changed_ms);

/* After site_look: the homepage with `status_html` in place of the mark. Borrowed until the next site_look.
 */
struct page *site_home(struct site *site, enum language language, const char *status_html);

/* What visitors see as long as nothing was ever published. Borrowed. */
struct page *site_fallback(struct site *site);

/* courses/NAME.html, for NAME with or without .html. ERROR_NOT_FOUND: -ENOENT, it is not there or not the
 * name of a page; -ELOOP, -EINVAL...: there is something, but no regular file. -EFBIG: it is too large, which
 * is logged. Another code: it may be there, but cannot be read now; that is logged. *ret_page is borrowed
 * until the next call. */
int site_course(struct site *site, const char *name, const char *static_language, struct page **ret_page,
	struct error *err);

#endif
