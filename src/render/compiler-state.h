/* SPDX-License-Identifier: MIT */
#ifndef AITHER_RENDER_COMPILER_STATE_H
#define AITHER_RENDER_COMPILER_STATE_H

/*
 * What compiler.c (statements, units) and compiler-call.c (expressions) share. Private to compiler*.c.
 */

#include <stdbool.h>
#include <stddef.h>

#include "render/program.h"
#include "render/syntax.h"

struct error;
struct template_partials;

struct compiler_params { /* block parameters in sight, innermost first */
	const struct body *body;
	const struct compiler_params *outer;
};

struct compiler {
	struct program *program;
	const struct template_partials *partials;
	struct source source; /* of the unit being compiled; a copy, as the table of units may move */
	const struct compiler_params *params;
	struct error *err;
};

enum callee {
	CALLEE_VALUE, /* a path: its value */
	CALLEE_HELPER,
	CALLEE_DATA, /* arguments, but no helper of that name */
};

/* What `call` calls; *ret_helper for CALLEE_HELPER. `parenthesised`: a call even without arguments. */
enum callee compiler_callee(const struct compiler *compiler, const struct call *call, bool parenthesised,
	enum helper *ret_helper);

void compiler_emit(struct compiler *compiler, enum opcode op, uint32_t operand, size_t offset);
void compiler_emit_fail(struct compiler *compiler, size_t offset, const char *sentence);

/* Code that leaves one value on the stack. */
int compiler_operand(struct compiler *compiler, const struct operand *operand);
int compiler_call(struct compiler *compiler, const struct call *call, bool parenthesised);

/* Code that leaves the values of all pairs; their keys go to the program's table. */
int compiler_pairs(
	struct compiler *compiler, const struct call *call, uint32_t *ret_key_first, uint32_t *ret_key_count);

#endif
