/* SPDX-License-Identifier: MIT */
#ifndef AITHER_SYNC_NAMES_H
#define AITHER_SYNC_NAMES_H

/*
 * The file name of a course's page is courses/<slug>.html if the slug is a valid name (published/published.h)
 * and does not look like course-<16 hex>. Any other course gets course-<first 16 hex of SHA-256(id)>.html. If
 * several courses have the same slug, only the course with the smallest id gets <slug>.html.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "published/published.h"

struct names_course {
	const char *id, *slug;          /* borrowed */
	const char *fixed;              /* borrowed; the name that its page has and must keep; NULL: none */
	char name[PUBLISHED_NAME_SIZE]; /* what names_plan decides */
};

/* Gives every course a name. As ids are unique, names are unique, too, so that no page overwrites another. */
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
void nameset_sort(struct nameset *set);                            /* by bytes; duplicate names stay */
bool nameset_has(const struct nameset *set, const char *name);     /* the set must be sorted */
ssize_t nameset_find(const struct nameset *set, const char *name); /* likewise; the name's index, or -1 */
void nameset_done(struct nameset *set);                            /* leaves an empty set */

#endif
