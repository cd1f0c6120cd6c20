/* SPDX-License-Identifier: MIT */
#ifndef AITHER_RENDER_PARSER_STATE_H
#define AITHER_RENDER_PARSER_STATE_H

/*
 * What parser.c (statements) and parser-call.c (what stands between the braces) share: the lexer with one
 * token of look-ahead. Private to parser*.c.
 */

#include <stddef.h>

#include "render/lexer.h"

struct call;
struct error;
struct operand;

struct parser {
	const struct source *source;
	struct arena *arena;
	struct lexer lexer;
	struct token token; /* the next one */
	unsigned nesting;   /* blocks and parentheses around it */
	struct error *err;
};

/* Moves to the next token. */
int parser_advance(struct parser *parser);

/* "expected X, found Y" at the present token; returns -EBADMSG. */
int parser_unexpected(struct parser *parser, const char *expected);

int parser_expect(struct parser *parser, enum token_type type);

/* Around every recursion; parser_enter fails beyond TEMPLATE_NESTING_MAX. */
int parser_enter(struct parser *parser);
void parser_leave(struct parser *parser);

/* A path or literal, as it may stand in front: {{operand ...}}, {{/operand}}. */
int parser_callee(struct parser *parser, struct operand **ret_operand);

/* Operands and pairs up to what ends the tag, for a callee read before. */
int parser_arguments(struct parser *parser, struct call *call);

/* "(" callee arguments ")" */
int parser_subexpression(struct parser *parser, struct operand **ret_operand);

#endif
