/* SPDX-License-Identifier: MIT */
#ifndef AITHER_BASE_MEM_H
#define AITHER_BASE_MEM_H

/*
 * The only allocator. Running out of memory ends the process: every size that a stranger controls is capped
 * before it is allocated, libh2o aborts in the same situation, and systemd keeps the sockets and restarts the
 * daemon. So callers never check for NULL.
 *
 * Ownership: a variable that owns something is declared with CLEANUP and leaves the function by
 * `*ret_x = STEAL(x)`:
 *
 *	CLEANUP(mem_freep) char *name = mem_strdup("x");
 *	...
 *	*ret_name = STEAL(name);
 */

#include <stddef.h>

#define CLEANUP(free_function) __attribute__((cleanup(free_function)))

#define STEAL(pointer)                           \
	({                                       \
		__auto_type stolen_ = (pointer); \
		(pointer) = NULL;                \
		stolen_;                         \
	})

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

/* All return memory owned by the caller, to be released with free() or mem_freep(). */
void *mem_alloc(size_t size);
void *mem_zalloc(size_t size);

/* Grows or shrinks to `count` elements of `size` bytes; aborts when the product overflows. */
void *mem_resize(void *memory, size_t count, size_t size);

/* Makes room for one more element in an array of `count` elements (NULL if there are none), which must be
 * allocated by this function only. Doubles the array whenever the count is a power of two, so that callers
 * need not keep the capacity. */
void *mem_grow(void *memory, size_t count, size_t size);

char *mem_strdup(const char *text);
char *mem_strndup(const char *text, size_t length_max);
char *mem_printf(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* For CLEANUP: frees the memory that the variable points to. NULL is accepted. */
void mem_freep(void *variable);

#endif
