/* SPDX-License-Identifier: MIT */
#include "base/json-arena.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/mem.h"

#define JSON_ARENA_ALIGNMENT _Alignof(max_align_t)
#define JSON_ARENA_BLOCK_MIN 512

struct json_block {
	struct json_block *older; /* owned by the newer one; NULL: this is the oldest, which stands for all */
	struct json_block *newest; /* owned; in the oldest, once parsing has ended */
	size_t used, size;
	max_align_t memory[];
};

static _Thread_local struct {
	bool active;
	size_t block_size;
	struct json_block *newest, *oldest;
} json_arena;

static void json_arena_grow(size_t size)
{
	size_t block_size = size > json_arena.block_size ? size : json_arena.block_size;
	struct json_block *block = mem_alloc(sizeof(*block) + block_size);

	*block = (struct json_block){ .older = json_arena.newest, .size = block_size };
	json_arena.newest = block;
	if (!json_arena.oldest)
		json_arena.oldest = block;
}

void *json_arena_malloc(size_t size)
{
	struct json_block *block = json_arena.newest;
	void *memory;

	if (!json_arena.active)
		return mem_alloc(size);
	size = (size + JSON_ARENA_ALIGNMENT - 1) / JSON_ARENA_ALIGNMENT * JSON_ARENA_ALIGNMENT;
	if (!block || size > block->size - block->used) {
		json_arena_grow(size);
		block = json_arena.newest;
	}
	memory = (char *)block->memory + block->used;
	block->used += size;
	return memory;
}

void json_arena_free(void *memory)
{
	if (!json_arena.active)
		free(memory);
}

void json_arena_begin(size_t block_size)
{
	if (json_arena.active) /* a programming error */
		abort();
	json_arena.active = true;
	json_arena.block_size = block_size < JSON_ARENA_BLOCK_MIN   ? JSON_ARENA_BLOCK_MIN
				: block_size > JSON_ARENA_BLOCK_MAX ? JSON_ARENA_BLOCK_MAX
								    : block_size;
	json_arena.newest = json_arena.oldest = NULL;
}

struct json_block *json_arena_end(void)
{
	struct json_block *oldest = json_arena.oldest;

	if (oldest)
		oldest->newest = json_arena.newest;
	json_arena.active = false;
	json_arena.newest = json_arena.oldest = NULL;
	return oldest;
}

void json_arena_release(struct json_block *oldest)
{
	struct json_block *block = oldest ? oldest->newest : NULL;

	while (block) {
		struct json_block *older = block->older;

		free(block);
		block = older;
	}
}

struct json_block *json_arena_of(void *first)
{
	return (struct json_block *)((char *)first - offsetof(struct json_block, memory));
}
