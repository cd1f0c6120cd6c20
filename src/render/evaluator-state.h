/* SPDX-License-Identifier: MIT */
#ifndef AITHER_RENDER_EVALUATOR_STATE_H
#define AITHER_RENDER_EVALUATOR_STATE_H

/*
 * What evaluator.c (instructions, values, partials) and evaluator-block.c (blocks) share. Private to
 * evaluator*.c.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "render/program.h"
#include "render/value.h"

struct buf;
struct error;
struct template_stop;
struct texts;

struct evaluator {
	const struct program *program;
	const struct texts *texts;
	const struct template_stop *stop; /* NULL: never */
	unsigned clock_steps;
	struct buf *out; /* the page, or the lines of an indented partial, which has the room that is left */
	size_t size_max; /* of the page */
	struct work work;
	struct value root;
	struct value *stack; /* owned */
	size_t stack_count, stack_capacity;
	uint32_t unit; /* whose instructions run: for messages */
	unsigned depth, partial_depth;
	struct error *err;
};

/* Contexts for "../", innermost first. A block over the context that it has already adds none, so the first
 * of them may differ from the present context. */
struct context_link {
	struct value context;
	const struct context_link *outer;
};

struct params_link { /* block parameters, innermost first */
	bool given;  /* no: the block that declares them gives none, using one is an error */
	struct value values[2];
	const struct params_link *outer;
};

struct loop_link {
	struct value key;
	double index;
	bool first, last;
	const struct loop_link *outer;
};

struct scope {
	struct value context;
	const struct context_link *contexts;
	const struct params_link *params;
	const struct loop_link *loop;
};

/* Turns what a function of value.h returned into a message; `what` for -EBADMSG. */
int evaluator_explain(const struct evaluator *evaluator, size_t offset, int r, const char *what);

/* Runs instructions start..end. */
int evaluator_range(struct evaluator *evaluator, uint32_t start, uint32_t end, const struct scope *scope);

/* Runs the block whose argument and pairs are on the stack. */
int evaluator_block(struct evaluator *evaluator, const struct program_block *block, size_t offset,
	const struct scope *scope);

#endif
