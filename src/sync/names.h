/* SPDX-License-Identifier: MIT */
#ifndef AITHER_SYNC_NAMES_H
#define AITHER_SYNC_NAMES_H

/*
 * Which file a course's page has: courses/<slug>.html, where the slug is
 * [A-Za-z0-9][A-Za-z0-9._-]{0,127} and does not look like course-<16 hex>. Every other course, and all but
 * the smallest id of courses that share a slug, gets course-<first 16 hex of SHA-256(id)>.html. So
 * whatever Hemera says, a name is one harmless path component and a URL that needs no escaping.
 */

#include <stdbool.h>
#include <stddef.h>

#include "render/library.h"

#define NAMES_DIRECTORY "courses" /* below the output directory */
#define NAMES_SUFFIX ".html"
#define NAMES_SLUG_MAX 128 /* with suffix far below the 255 bytes of a file name */
#define NAMES_SIZE (NAMES_SLUG_MAX + sizeof(NAMES_SUFFIX))

extern const char *const names_homepage[LIBRARY_LANGUAGES]; /* "index.de.html" */

struct names_course {
	const char *id, *slug; /* borrowed */
	const char *fixed;     /* borrowed; the name that its page has and must keep, NULL: none */
	char name[NAMES_SIZE]; /* what names_plan decides */
};

/* Gives every course its name. Ids are unique; names are too, so that no page overwrites another. */
void names_plan(struct names_course *courses, size_t count);

bool names_is_page(const char *name); /* has a form that names_plan gives */

#endif
