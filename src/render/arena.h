/* SPDX-License-Identifier: MIT */
#ifndef AITHER_RENDER_ARENA_H
#define AITHER_RENDER_ARENA_H

/*
 * Memory that is freed all at once: the memory of a compiled template, and of the values that a render makes.
 * Memory allocated since a mark can be released, so that a loop needs only the memory of one round.
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
	size_t used, size_max;     /* in bytes, for all blocks */
};

void arena_done(struct arena *arena);

/* Returns zeroed memory, aligned for any type; NULL: size_max would be exceeded. Borrowed from the arena. */
void *arena_alloc(struct arena *arena, size_t size);

/* Copies the text and adds a NUL that its length does not include. Returns 0, or -ENOMEM: size_max would be
 * exceeded. */
int arena_copy(struct arena *arena, struct slice text, struct slice *ret_copy);

static inline size_t arena_mark(const struct arena *arena)
{
	return arena->used;
}

void arena_release(struct arena *arena, size_t mark);

#endif
