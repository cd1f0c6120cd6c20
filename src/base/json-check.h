/* SPDX-License-Identifier: MIT */
#ifndef AITHER_BASE_JSON_CHECK_H
#define AITHER_BASE_JSON_CHECK_H

/*
 * The strict check of JSON text before cJSON reads it; used by json.c only. json.h says what it refuses and
 * why.
 */

#include <stddef.h>

struct buf;
struct error;
struct json_limits;

/* The first byte of a string that stands for a broken value: UTF-8 has no such byte. What is wrong follows.
 */
#define JSON_CHECK_MARK '\xff'

/* Returns 0 if text[0..length) is one JSON value within the limits, else -EBADMSG or -E2BIG and a message
 * that begins with the position; columns count characters.
 *
 * With keeps_broken, if there are broken values, `repaired` receives the text with a marked string in the
 * place of each, and with a name made up for each broken name; else it stays empty.
 *
 * Duplicate names are easier to find in the tree. If `repeated` is not 0, the value of this index (in the
 * order of the text, the root is 0) is known to be a member whose name the object has already: an error at
 * this name. */
int json_check(const char *text, size_t length, const struct json_limits *limits, size_t repeated,
	struct buf *repaired, struct error *err);

#endif
