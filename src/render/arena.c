/* SPDX-License-Identifier: MIT */
#include "render/arena.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define ARENA_BLOCK_SIZE 4096 /* the syntax tree of a short template, or one round of a loop */
#define ARENA_ALIGNMENT _Alignof(max_align_t)

struct arena_block {
	struct arena_block *older;
	size_t base; /* arena.used when the block was begun */
	size_t size;
	max_align_t memory[];
};

static void arena_pop(struct arena *arena)
{
	struct arena_block *older = arena->block->older;

	free(arena->block);
	arena->block = older;
}

void arena_done(struct arena *arena)
{
	while (arena->block)
		arena_pop(arena);
	arena->used = 0;
}

void *arena_alloc(struct arena *arena, size_t size)
{
	struct arena_block *block = arena->block;
	size_t at = block ? arena->used - block->base : 0;

	if (size > arena->size_max || arena->used > arena->size_max - size)
		return NULL;
	size = (size + ARENA_ALIGNMENT - 1) / ARENA_ALIGNMENT * ARENA_ALIGNMENT;
	if (!block || at > block->size || size > block->size - at) {
		size_t block_size = size > ARENA_BLOCK_SIZE ? size : ARENA_BLOCK_SIZE;

		block = mem_alloc(sizeof(*block) + block_size);
		*block = (struct arena_block){ arena->block, arena->used, block_size };
		arena->block = block;
		at = 0;
	}
	arena->used += size;
	return memset((char *)block->memory + at, 0, size);
}

int arena_copy(struct arena *arena, struct slice text, struct slice *ret_copy)
{
	char *copy = arena_alloc(arena, text.length + 1);

	if (!copy)
		return -ENOMEM;
	if (text.length > 0)
		memcpy(copy, text.data, text.length);
	*ret_copy = (struct slice){ copy, text.length };
	return 0;
}

void arena_release(struct arena *arena, size_t mark)
{
	/* The first block stays: a loop would else ask for it again and again. */
	while (arena->block && arena->block->older && arena->block->base >= mark)
		arena_pop(arena);
	arena->used = mark;
}
