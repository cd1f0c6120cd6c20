/* SPDX-License-Identifier: MIT */
#include "base/buf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define BUF_CAPACITY_MIN 64 /* most buffers hold a header line or more */

void buf_init(struct buf *buf, size_t size_max)
{
	*buf = (struct buf)BUF_INIT(size_max);
}

void buf_done(struct buf *buf)
{
	free(buf->data);
	buf->data = NULL;
	buf->length = 0;
	buf->capacity = 0;
	buf->overflowed = false;
}

void buf_clear(struct buf *buf)
{
	buf_truncate(buf, 0);
}

void buf_truncate(struct buf *buf, size_t length)
{
	buf->length = length;
	buf->overflowed = false;
	if (buf->data)
		buf->data[length] = '\0';
}

int buf_reserve(struct buf *buf, size_t extra)
{
	size_t needed, capacity;

	if (buf->overflowed || extra > buf->size_max - buf->length || extra >= SIZE_MAX - buf->length) {
		buf->overflowed = true;
		return -E2BIG;
	}
	needed = buf->length + extra + 1; /* with the NUL */
	if (needed <= buf->capacity)
		return 0;

	/* Doubling keeps appending linear. Memory beyond the maximum would never be used. */
	capacity = buf->capacity > SIZE_MAX / 2 ? SIZE_MAX : buf->capacity * 2;
	if (capacity < BUF_CAPACITY_MIN)
		capacity = BUF_CAPACITY_MIN;
	if (capacity - 1 > buf->size_max)
		capacity = buf->size_max + 1;
	if (capacity < needed)
		capacity = needed;
	buf->data = mem_resize(buf->data, capacity, 1);
	buf->capacity = capacity;
	buf->data[buf->length] = '\0';
	return 0;
}

int buf_printf(struct buf *buf, const char *format, ...)
{
	size_t room = buf->overflowed ? 0 : buf->capacity - buf->length;
	va_list arguments;
	int length, r;

	va_start(arguments, format);
	length = vsnprintf(room > 0 ? buf->data + buf->length : NULL, room, format, arguments);
	va_end(arguments);
	if (length < 0) { /* more than INT_MAX bytes: longer than any buffer here */
		buf_truncate(buf, buf->length);
		buf->overflowed = true;
		return -E2BIG;
	}
	if ((size_t)length >= room) {
		if (room > 0)
			buf->data[buf->length] = '\0';
		r = buf_reserve(buf, (size_t)length);
		if (r < 0)
			return r;
		va_start(arguments, format);
		vsnprintf(buf->data + buf->length, (size_t)length + 1, format, arguments);
		va_end(arguments);
	}
	buf->length += (size_t)length;
	return 0;
}

const char *buf_text(const struct buf *buf)
{
	return buf->data ? buf->data : "";
}

char *buf_take(struct buf *buf)
{
	char *text = buf->data ? STEAL(buf->data) : mem_strdup("");

	buf_done(buf);
	return text;
}
