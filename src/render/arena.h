/* SPDX-License-Identifier: MIT */
#ifndef AITHER_RENDER_ARENA_H
#define AITHER_RENDER_ARENA_H

/*
 * Memory that is freed all at once: that of a compiled template, and of the values that a render makes.
 * Memory allocated since a mark can be released, so that a loop needs the memory of one round
 * only.
 *
 *	size_t mark = arena_mark(&arena);
 *	...
 *	arena_release(&arena, mark);
 *
 * size_max limits the memory that a hostile template can use: arena_alloc returns NULL beyond it.
 */

#include <stddef.h>

#include "render/slice.h"

struct arena_block;

struct arena {
	struct arena_block *block; /* owned; the newest, linked to the older ones */
	size_t used, size_max;     /* bytes of all blocks */
};

void arena_done(struct arena *arena);

/* Zeroed, aligned for anything; NULL: over size_max. Borrowed from the arena. */
void *arena_alloc(struct arena *arena, size_t size);

/* A copy of the text, followed by a NUL that does not count: 0, or -ENOMEM: over size_max. */
int arena_copy(struct arena *arena, struct slice text, struct slice *ret_copy);

static inline size_t arena_mark(const struct arena *arena)
{
	return arena->used;
}

void arena_release(struct arena *arena, size_t mark);

#endif
