/* SPDX-License-Identifier: MIT */
#include "render/arena.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct arena_block {
	struct arena_block *older;
	size_t size; /* this head included, so that size_max also limits a great number of small blocks */
	max_align_t memory[];
};

void arena_done(struct arena *arena)
{
	arena_release(arena, 0);
}

void *arena_alloc(struct arena *arena, size_t size)
{
	size_t left = arena->size_max - arena->used;
	struct arena_block *block;

	if (left < sizeof(*block) || size > left - sizeof(*block))
		return NULL;
	size += sizeof(*block);
	block = mem_zalloc(size);
	block->older = arena->block;
	block->size = size;
	arena->block = block;
	arena->used += size;
	return block->memory;
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
	while (arena->used > mark) {
		struct arena_block *block = arena->block;

		arena->block = block->older;
		arena->used -= block->size;
		free(block);
	}
}
