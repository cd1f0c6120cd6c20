/* SPDX-License-Identifier: MIT */
#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* No allocation and no lock here: a proper log message would need memory. */
static _Noreturn void mem_exhausted(void)
{
	static const char text[] = "out of memory\n";
	ssize_t ignored = write(STDERR_FILENO, text, sizeof(text) - 1);

	(void)ignored;
	abort();
}

void *mem_alloc(size_t size)
{
	return mem_resize(NULL, size, 1);
}

void *mem_zalloc(size_t size)
{
	void *memory = calloc(1, size > 0 ? size : 1);

	if (!memory)
		mem_exhausted();
	return memory;
}

void *mem_resize(void *memory, size_t count, size_t size)
{
	size_t total;
	void *resized;

	if (__builtin_mul_overflow(count, size, &total))
		mem_exhausted();
	resized = realloc(memory, total > 0 ? total : 1);
	if (!resized)
		mem_exhausted();
	return resized;
}

void *mem_grow(void *memory, size_t count, size_t size)
{
	if ((count & (count - 1)) != 0)
		return memory;
	return mem_resize(memory, count > 0 ? 2 * count : 1, size);
}

char *mem_strdup(const char *text)
{
	size_t size = strlen(text) + 1;

	return memcpy(mem_alloc(size), text, size);
}

char *mem_strndup(const char *text, size_t length_max)
{
	size_t length = strnlen(text, length_max);
	char *copy = mem_alloc(length + 1);

	memcpy(copy, text, length);
	copy[length] = '\0';
	return copy;
}

char *mem_printf(const char *format, ...)
{
	va_list arguments;
	char *text;
	int length;

	va_start(arguments, format);
	length = vasprintf(&text, format, arguments);
	va_end(arguments);
	if (length < 0)
		mem_exhausted();
	return text;
}

void mem_freep(void *variable)
{
	void *memory;

	/* A cleanup handler gets the address of a variable of any pointer type. Under strict aliasing, only
	 * memcpy may read it. */
	memcpy(&memory, variable, sizeof(memory));
	free(memory);
}
