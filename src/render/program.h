/* SPDX-License-Identifier: MIT */
#ifndef AITHER_RENDER_PROGRAM_H
#define AITHER_RENDER_PROGRAM_H

/*
 * The compiled form of a template with all its partials: one flat array of instructions and the tables that
 * they index. Nothing in it changes after it was built, so threads may share it.
 *
 * Expressions are in postfix order on a stack of values. The branches of a block follow its instruction, and
 * it says where they end:
 *
 *	{{#each a}}x{{else}}y{{/each}}
 *
 *	0 PUSH_PATH  a
 *	1 BLOCK      each, body 2..3, inverse 3..4        continues at 4
 *	2 TEXT       "x"
 *	3 TEXT       "y"
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "render/arena.h"
#include "render/helpers.h"
#include "render/source.h"
#include "render/value.h"

#define PROGRAM_NONE UINT32_MAX

enum opcode {
	OP_TEXT,       /* texts[operand] to the output */
	OP_PUSH_PATH,  /* the value of paths[operand] */
	OP_PUSH_VALUE, /* constants[operand] */
	OP_CALL,       /* calls[operand]: takes its arguments, pushes the result of a helper */
	OP_CALL_DATA,  /* the same for a name that is no helper: its value is on top of the stack */
	OP_PRINT,      /* pops and prints, escaped */
	OP_PRINT_RAW,
	OP_BLOCK,   /* blocks[operand] */
	OP_PARTIAL, /* partials[operand] */
	OP_FAIL,    /* ends the render with the sentence texts[operand] */
};

struct instruction {
	enum opcode op;
	uint32_t operand;
	uint32_t offset; /* in the source of its unit, for messages */
};

enum path_origin {
	PATH_CONTEXT, /* depth levels up */
	PATH_DATA,    /* @name; depth loops up */
	PATH_PARAM,   /* block parameter `param` of the set that is `depth` sets up */
};

struct program_path {
	enum path_origin origin;
	uint32_t depth, param;
	uint32_t part_first, part_count; /* in parts */
};

/* Values on the stack: the arguments, then those of all pairs. */
struct program_call {
	enum helper helper;
	uint32_t argument_count, pair_count;
	uint32_t key_first, key_count; /* in keys; a repeated key and "= undefined" have none */
	struct slice name;             /* as in messages */
};

struct program_key {
	struct slice name;
	uint32_t slot; /* which of the pairs */
};

enum block_kind {
	BLOCK_IF,
	BLOCK_UNLESS,
	BLOCK_EACH,
	BLOCK_WITH,
	BLOCK_SECTION, /* {{#name}} */
};

struct program_branch {
	uint32_t start, end; /* in instructions */
	bool has_params;
};

struct program_block {
	enum block_kind kind;
	uint32_t pair_count;   /* on the stack, above the one argument */
	uint32_t include_zero; /* slot of this pair, or PROGRAM_NONE */
	struct program_branch body, inverse;
};

struct program_partial {
	struct slice name; /* of a fixed one */
	bool dynamic;      /* the name is on the stack, below the context */
	uint32_t unit;     /* PROGRAM_NONE: there is no such partial */
	uint32_t pair_count, key_first, key_count;
	struct slice indent;
};

struct program_unit {         /* the template itself or one partial */
	struct slice name;    /* by which a partial is called */
	struct source source; /* name and text are in the program's arena */
	uint32_t start, end;
};

struct program_table { /* of any of the structs above */
	void *items;   /* owned */
	size_t count, capacity;
};

struct program {
	struct arena arena; /* of all texts and names */
	struct program_table instructions, texts, constants, paths, parts, calls, keys, blocks, partials,
		units;
};

/* Every item of a table at its place: PROGRAM_ITEM(program, paths, struct program_path, index) */
#define PROGRAM_ITEM(program, table, type, index) (&((type *)(program)->table.items)[index])

struct program *program_new(void); /* owned */
void program_free(struct program *program);
void program_freep(struct program **program);

/* Adds a copy of *item, `size` bytes; returns its index. */
uint32_t program_add(struct program_table *table, const void *item, size_t size);

#define PROGRAM_ADD(table, item) program_add(table, item, sizeof(*(item)))

/* A copy of the text in the program's arena, followed by NUL. */
struct slice program_keep(struct program *program, struct slice text);

/* Index of the unit with this name among the partials, or PROGRAM_NONE. */
uint32_t program_find_unit(const struct program *program, struct slice name);

#endif
