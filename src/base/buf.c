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
	buf->length = 0;
	buf->overflowed = false;
	if (buf->data)
		buf->data[0] = '\0';
}

/* Makes room for `extra` bytes and the NUL behind them. */
static int buf_reserve(struct buf *buf, size_t extra)
{
	size_t needed, capacity;

	if (buf->overflowed || extra > buf->size_max - buf->length || extra >= SIZE_MAX - buf->length) {
		buf->overflowed = true;
		return -E2BIG;
	}
	needed = buf->length + extra + 1;
	if (needed <= buf->capacity)
		return 0;

	/* Doubling keeps appending linear; beyond the maximum nothing will ever be stored. */
	capacity = buf->capacity > SIZE_MAX / 2 ? SIZE_MAX : buf->capacity * 2;
	if (capacity < BUF_CAPACITY_MIN)
		capacity = BUF_CAPACITY_MIN;
	if (capacity - 1 > buf->size_max)
		capacity = buf->size_max + 1;
	if (capacity < needed)
		capacity = needed;
	buf->data = mem_resize(buf->data, capacity, 1);
	buf->capacity = capacity;
	return 0;
}

int buf_append(struct buf *buf, const void *bytes, size_t length)
{
	int r = buf_reserve(buf, length);

	if (r < 0)
		return r;
	if (length > 0)
		memcpy(buf->data + buf->length, bytes, length);
	buf->length += length;
	buf->data[buf->length] = '\0';
	return 0;
}

int buf_append_text(struct buf *buf, const char *text)
{
	return buf_append(buf, text, strlen(text));
}

int buf_append_char(struct buf *buf, char byte)
{
	return buf_append(buf, &byte, 1);
}

int buf_printf(struct buf *buf, const char *format, ...)
{
	va_list arguments;
	int length, r;

	va_start(arguments, format);
	length = vsnprintf(NULL, 0, format, arguments);
	va_end(arguments);
	if (length < 0) { /* more than INT_MAX bytes: longer than any buffer here */
		buf->overflowed = true;
		return -E2BIG;
	}
	r = buf_reserve(buf, (size_t)length);
	if (r < 0)
		return r;

	va_start(arguments, format);
	vsnprintf(buf->data + buf->length, (size_t)length + 1, format, arguments);
	va_end(arguments);
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
