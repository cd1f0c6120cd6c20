/* SPDX-License-Identifier: MIT */
#ifndef AITHER_HTTP_LIST_H
#define AITHER_HTTP_LIST_H

/*
 * Headers that are lists (RFC 9110 section 5.6.1): Accept, Accept-Encoding, Accept-Language, Connection and
 * Prefer. http_request_header has already joined repeated lines to one list. Blanks around an element are not
 * part of it. A comma within a quoted string separates nothing.
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

/* The next element; false: there is none. *list (NULL is accepted) moves to the rest of the list. */
bool list_next(const char **list, struct list_item *ret_item);

bool list_item_is(const struct list_item *item, const char *token); /* ignores case */

/* Does the list contain this token? NULL is accepted. */
bool list_has(const char *list, const char *token);

#endif
