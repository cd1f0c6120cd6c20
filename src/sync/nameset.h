/* SPDX-License-Identifier: MIT */
#ifndef AITHER_SYNC_NAMESET_H
#define AITHER_SYNC_NAMESET_H

/*
 * A set of file names: filled, sorted once, then asked often.
 *
 *	CLEANUP(nameset_done) struct nameset names = {0};
 *	nameset_add(&names, "a.html");
 *	nameset_sort(&names);
 *	if (nameset_has(&names, "a.html")) ...
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct nameset {
	char **items; /* owned */
	size_t count, capacity;
};

void nameset_add(struct nameset *set, const char *name);           /* copies */
void nameset_sort(struct nameset *set);                            /* by bytes; repeated names stay */
bool nameset_has(const struct nameset *set, const char *name);     /* only when sorted */
ssize_t nameset_find(const struct nameset *set, const char *name); /* the same; its index, or -1 */
void nameset_done(struct nameset *set);                            /* leaves an empty set */

#endif
