/* SPDX-License-Identifier: MIT */
#ifndef AITHER_HTTP_LIST_H
#define AITHER_HTTP_LIST_H

/*
 * Headers that are lists (RFC 9110 section 5.6.1): Accept, Accept-Encoding, Accept-Language, Connection and
 * Prefer. Repeated lines are one list already (http_request_header); blanks around an element are no part of
 * it; a comma within a quoted string separates nothing.
 *
 *	while (list_next(&list, &item))
 *		if (list_item_is(&item, "gzip"))
 *			quality = item.quality;
 *
 * Entity tags are quoted, but not quoted strings: web/negotiate.h has If-None-Match.
 */

#include <stdbool.h>
#include <stddef.h>

#define LIST_QUALITY_MAX 1000

struct list_item {
	const char *name; /* without parameters, value and blanks; not NUL-terminated */
	size_t length;
	unsigned quality; /* the parameter q in thousandths, 1000 without it; 0 when it is malformed */
};

/* The next element; false: there is none. *list (NULL is accepted) moves on. */
bool list_next(const char **list, struct list_item *ret_item);

bool list_item_is(const struct list_item *item, const char *token); /* letters of any case */

/* Does the list name this token? NULL is accepted. */
bool list_has(const char *list, const char *token);

#endif
