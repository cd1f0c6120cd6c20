/* SPDX-License-Identifier: MIT */
#include "render/arena.h"

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

void arena_done(struct arena *arena)
{
	while (arena->block) {
		struct arena_block *older = arena->block->older;

		free(arena->block);
		arena->block = older;
	}
	arena->used = 0;
}

static void arena_grow(struct arena *arena, size_t size)
{
	size_t block_size = size > ARENA_BLOCK_SIZE ? size : ARENA_BLOCK_SIZE;
	struct arena_block *block = mem_alloc(sizeof(*block) + block_size);

	block->older = arena->block;
	block->base = arena->used;
	block->size = block_size;
	arena->block = block;
}

static void *arena_take(struct arena *arena, size_t size)
{
	char *memory;

	if (size > arena->size_max || arena->used > arena->size_max - size)
		return NULL;
	size = (size + ARENA_ALIGNMENT - 1) / ARENA_ALIGNMENT * ARENA_ALIGNMENT;
	if (!arena->block || arena->used - arena->block->base > arena->block->size ||
		size > arena->block->size - (arena->used - arena->block->base))
		arena_grow(arena, size);
	memory = (char *)arena->block->memory + (arena->used - arena->block->base);
	arena->used += size;
	return memory;
}

void *arena_alloc(struct arena *arena, size_t size)
{
	void *memory = arena_take(arena, size);

	return memory ? memset(memory, 0, size) : NULL;
}

char *arena_text(struct arena *arena, size_t length)
{
	return arena_take(arena, length);
}

size_t arena_mark(const struct arena *arena)
{
	return arena->used;
}

void arena_release(struct arena *arena, size_t mark)
{
	/* The first block stays: a loop would else ask for it again and again. */
	while (arena->block && arena->block->older && arena->block->base >= mark) {
		struct arena_block *older = arena->block->older;

		free(arena->block);
		arena->block = older;
	}
	arena->used = mark;
}
