/* SPDX-License-Identifier: MIT */
#include "render/source.h"

#include <errno.h>
#include <stdio.h>

#include "base/error.h"

#define SOURCE_SENTENCE_MAX 512 /* bytes of a message with names from the template, which may be long */

struct source_position source_position(const struct source *source, size_t offset)
{
	struct source_position position = { .line = 1, .column = 1 };

	for (size_t i = 0; i < offset && i < source->text.length; i++) {
		unsigned char byte = (unsigned char)source->text.data[i];

		if (byte == '\n') {
			position.line++;
			position.column = 1;
		} else if ((byte & 0xc0) != 0x80) {
			position.column++;
		}
	}
	return position;
}

int source_vfail(
	const struct source *source, size_t offset, struct error *err, const char *format, va_list arguments)
{
	struct source_position position = source_position(source, offset);
	char sentence[SOURCE_SENTENCE_MAX];

	vsnprintf(sentence, sizeof(sentence), format, arguments);
	return error_fail(err, ERROR_TEMPLATE, -EBADMSG, "%s:%u:%u: %s", source->name, position.line,
		position.column, sentence);
}

int source_fail(const struct source *source, size_t offset, struct error *err, const char *format, ...)
{
	va_list arguments;
	int r;

	va_start(arguments, format);
	r = source_vfail(source, offset, err, format, arguments);
	va_end(arguments);
	return r;
}
