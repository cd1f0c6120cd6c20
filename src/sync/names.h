/* SPDX-License-Identifier: MIT */
#ifndef AITHER_SYNC_NAMES_H
#define AITHER_SYNC_NAMES_H

/*
 * Which file a course's page has: courses/<slug>.html, where the slug may be a name (published/published.h)
 * and does not look like course-<16 hex>. Every other course, and all but the smallest id of courses that
 * share a slug, gets course-<first 16 hex of SHA-256(id)>.html.
 */

#include <stddef.h>

#include "published/published.h"

struct names_course {
	const char *id, *slug;          /* borrowed */
	const char *fixed;              /* borrowed; the name that its page has and must keep, NULL: none */
	char name[PUBLISHED_NAME_SIZE]; /* what names_plan decides */
};

/* Gives every course its name. Ids are unique; names are too, so that no page overwrites another. */
void names_plan(struct names_course *courses, size_t count);

#endif
