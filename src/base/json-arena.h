/* SPDX-License-Identifier: MIT */
#ifndef AITHER_BASE_JSON_ARENA_H
#define AITHER_BASE_JSON_ARENA_H

/*
 * Memory for JSON values that live and die together, private to json*.c: a text gives thousands of nodes and
 * strings, and taking each from the heap and giving each back takes longer than reading the text. So while
 * cJSON parses or builds, its allocations come from blocks, which belong to the root.
 *
 *	json_arena_begin(block_size);
 *	node = cJSON_...;                 its malloc and free are json_arena_malloc and json_arena_free
 *	blocks = json_arena_end();
 *	...
 *	json_arena_release(blocks);
 *
 * Outside of begin and end, and in other threads, the two are malloc and free.
 */

#include <stddef.h>

struct json_block;

void *json_arena_malloc(size_t size);
void json_arena_free(void *memory);

#define JSON_ARENA_BLOCK_MAX (256 << 10) /* the last block of a large value is half empty */

void json_arena_begin(size_t block_size);           /* larger ones than JSON_ARENA_BLOCK_MAX are not made */
struct json_block *json_arena_end(void);            /* owned; NULL: nothing was allocated */
void json_arena_release(struct json_block *oldest); /* NULL: nothing */

/* The blocks that begin with this: the first allocation after json_arena_begin. */
struct json_block *json_arena_of(void *first);

#endif
