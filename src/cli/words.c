/* SPDX-License-Identifier: MIT */
#include "cli/words.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/utf8.h"

char *words_count(int64_t count, const char *one, const char *many)
{
	return mem_printf("%" PRId64 " %s", count, count == 1 ? one : many);
}

char *words_span(int64_t seconds)
{
	if (seconds < 120)
		return mem_printf("%" PRId64 " s", seconds < 0 ? 0 : seconds);
	if (seconds < 2 * 3600)
		return mem_printf("%" PRId64 " min", seconds / 60);
	if (seconds < 2 * 86400)
		return mem_printf("%" PRId64 " h", seconds / 3600);
	return mem_printf("%" PRId64 " days", seconds / 86400);
}

__attribute__((format(printf, 3, 0))) static void print_line(
	FILE *out, const char *beginning, const char *format, va_list arguments)
{
	CLEANUP(mem_freep) char *text = NULL;

	if (vasprintf(&text, format, arguments) < 0)
		abort(); /* no memory, as in base/mem.c */
	utf8_defuse(text);
	fprintf(out, "%s%s\n", beginning, text);
}

void words_print(FILE *out, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	print_line(out, "", format, arguments);
	va_end(arguments);
}

void words_complain(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	print_line(stderr, "aither: ", format, arguments);
	va_end(arguments);
}
