/* SPDX-License-Identifier: MIT */
#ifndef AITHER_SYNC_NAMES_H
#define AITHER_SYNC_NAMES_H

/*
 * Which file a course's page has: courses/<slug>.html, where the slug may be a name (published/published.h)
 * and does not look like course-<16 hex>. Every other course, and all but the smallest id of courses that
 * share a slug, gets course-<first 16 hex of SHA-256(id)>.html.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "published/published.h"

struct names_course {
	const char *id, *slug;          /* borrowed */
	const char *fixed;              /* borrowed; the name that its page has and must keep, NULL: none */
	char name[PUBLISHED_NAME_SIZE]; /* what names_plan decides */
};

/* Gives every course its name. Ids are unique; names are too, so that no page overwrites another. */
void names_plan(struct names_course *courses, size_t count);

/*
 * A set of file names: filled, sorted once, then searched often.
 *
 *	CLEANUP(nameset_done) struct nameset names = {0};
 *	nameset_add(&names, "a.html");
 *	nameset_sort(&names);
 *	if (nameset_has(&names, "a.html")) ...
 */
struct nameset {
	char **items; /* owned */
	size_t count;
};

void nameset_add(struct nameset *set, const char *name);           /* copies */
void nameset_sort(struct nameset *set);                            /* by bytes; repeated names stay */
bool nameset_has(const struct nameset *set, const char *name);     /* only when sorted */
ssize_t nameset_find(const struct nameset *set, const char *name); /* the same; its index, or -1 */
void nameset_done(struct nameset *set);                            /* leaves an empty set */

#endif
