/* SPDX-License-Identifier: MIT */
#ifndef AITHER_RENDER_SLICE_H
#define AITHER_RENDER_SLICE_H

/*
 * A borrowed piece of text: part of a template, of the data, or of an arena. The template engine copies texts
 * only where it must.
 */

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct slice {
	const char *data;
	size_t length;
};

/* Only for string literals. */
#define SLICE(literal) ((struct slice){ (literal), sizeof(literal) - 1 })

static inline struct slice slice_from_text(const char *text)
{
	return (struct slice){ text, strlen(text) };
}

static inline bool slice_equal(struct slice a, struct slice b)
{
	return a.length == b.length && (a.length == 0 || memcmp(a.data, b.data, a.length) == 0);
}

static inline bool slice_equal_text(struct slice a, const char *text)
{
	return slice_equal(a, slice_from_text(text));
}

/* Whitespace as in JavaScript's \s: ASCII whitespace, and also U+00A0, U+FEFF, U+2028 and others. Each
 * function returns a number of bytes: of one such character at the beginning, of all such characters at the
 * beginning, or at the end. */
size_t slice_space_at(struct slice text);
size_t slice_space_begin(struct slice text);
size_t slice_space_end(struct slice text);

/* Is the whole text valid UTF-8 without NUL? If not, *ret_offset is the position of the first bad byte. */
bool slice_is_text(struct slice text, size_t *ret_offset);

#endif
