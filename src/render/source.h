/* SPDX-License-Identifier: MIT */
#ifndef AITHER_RENDER_SOURCE_H
#define AITHER_RENDER_SOURCE_H

/*
 * The name and the text of one template or partial, and the messages about mistakes in it:
 * "course.hbs:14:7: ...". Positions are byte offsets; lines and columns (in characters, from 1) are
 * counted only for a message.
 */

#include <stdarg.h>
#include <stddef.h>

#include "render/slice.h"

struct error;

struct source {
	const char *name; /* borrowed */
	struct slice text;
};

struct source_position {
	unsigned line, column;
};

struct source_position source_position(const struct source *source, size_t offset);

/* Fill *err with code ERROR_TEMPLATE and return -EBADMSG. */
int source_vfail(const struct source *source, size_t offset, struct error *err, const char *format,
	va_list arguments) __attribute__((format(printf, 4, 0)));
int source_fail(const struct source *source, size_t offset, struct error *err, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

#endif
