/* SPDX-License-Identifier: MIT */
#ifndef AITHER_BASE_BUF_H
#define AITHER_BASE_BUF_H

/*
 * A growing byte buffer that knows its maximum size. Appending beyond the maximum fails with -E2BIG, drops
 * the bytes and marks the buffer as overflowed. All later appends fail as well. A writer can therefore append
 * many times and check once, and the content is always the beginning of the intended text.
 * Once something was appended, a NUL byte, which does not count, follows the content.
 *
 *	CLEANUP(buf_done) struct buf out = BUF_INIT(PAGE_SIZE_MAX);
 *	buf_append_text(&out, "<p>");
 *	if (buf_overflowed(&out)) ...
 */

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct buf {
	char *data; /* owned; NULL until something is appended */
	size_t length, capacity, size_max;
	bool overflowed;
};

#define BUF_INIT(max)             \
	{                         \
		.size_max = (max) \
	}

void buf_init(struct buf *buf, size_t size_max);
void buf_done(struct buf *buf);
void buf_clear(struct buf *buf); /* removes the content and the overflow mark, keeps the memory */

/* Makes room for `extra` more bytes, so that appending them does not move the content. 0 or -E2BIG. */
int buf_reserve(struct buf *buf, size_t extra);

/* 0 or -E2BIG. The bytes must not be the buffer's own. */
static inline int buf_append(struct buf *buf, const void *bytes, size_t length)
{
	if (buf->overflowed || length >= buf->capacity - buf->length) {
		int r = buf_reserve(buf, length);

		if (r < 0)
			return r;
	}
	if (length > 0)
		memcpy(buf->data + buf->length, bytes, length);
	buf->length += length;
	buf->data[buf->length] = '\0';
	return 0;
}

static inline int buf_append_text(struct buf *buf, const char *text)
{
	return buf_append(buf, text, strlen(text));
}

static inline int buf_append_char(struct buf *buf, char byte)
{
	return buf_append(buf, &byte, 1);
}

int buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Removes everything after the first `length` bytes, and the overflow mark. */
void buf_truncate(struct buf *buf, size_t length);

/* The content as a C string, "" when empty; borrowed, valid until the next change. */
const char *buf_text(const struct buf *buf);

/* Returns the memory (owned, NUL-terminated, never NULL) and leaves an empty buffer. */
char *buf_take(struct buf *buf);

static inline bool buf_overflowed(const struct buf *buf)
{
	return buf->overflowed;
}

#endif
