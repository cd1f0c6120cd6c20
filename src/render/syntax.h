/* SPDX-License-Identifier: MIT */
#ifndef AITHER_RENDER_SYNTAX_H
#define AITHER_RENDER_SYNTAX_H

/*
 * The syntax tree: what the parser makes, whitespace control changes and the compiler reads. It lives in one
 * arena and is gone when the template is compiled. Words used all over the engine:
 *
 *	operand    a value as written: path, literal or call in parentheses
 *	call       what stands between the braces: a callee, operands, and key=operand pairs
 *	statement  content, comment, mustache, block or partial
 *	body       a list of statements: the template, or one branch of a block
 */

#include <stdbool.h>
#include <stddef.h>

#include "render/slice.h"

enum operand_kind {
	OPERAND_PATH,
	OPERAND_STRING,
	OPERAND_NUMBER,
	OPERAND_TRUE,
	OPERAND_FALSE,
	OPERAND_NULL,
	OPERAND_UNDEFINED,
	OPERAND_CALL,
};

struct path {
	bool data;      /* @name */
	bool scoped;    /* begins with "." or names "this": never a helper nor a block parameter */
	unsigned depth; /* number of ".." */
	struct slice *parts;
	size_t part_count;
};

struct operand {
	enum operand_kind kind;
	size_t offset;
	struct slice original; /* as Handlebars compares and names it: "a.b", without [] and quotes */
	struct path path;      /* OPERAND_PATH; a literal in front gets one, too: it is a key then */
	double number;
	struct call *call; /* OPERAND_CALL */
	struct operand *next;
};

struct pair {
	struct slice key;
	struct operand *value;
	struct pair *next;
};

struct call {
	struct operand *callee;
	struct operand *operands;
	size_t operand_count;
	struct pair *pairs;
	size_t pair_count;
	size_t offset; /* of the tag */
};

struct strip { /* the "~" of one tag, or of the outer sides of a statement */
	bool left, right;
};

struct body;

enum statement_kind {
	STATEMENT_CONTENT,
	STATEMENT_COMMENT,
	STATEMENT_MUSTACHE,
	STATEMENT_BLOCK,
	STATEMENT_PARTIAL,
};

struct statement {
	enum statement_kind kind;
	struct statement *previous, *next;
	struct strip strip; /* of comment, mustache and partial */
	struct call *call;  /* of mustache, block and partial */

	struct slice original, value; /* content: as written, and what whitespace control left of it */
	bool left_stripped, right_stripped;

	bool raw;            /* mustache: not escaped */
	struct slice indent; /* partial alone on its line: what stands in front of it */

	/* Block. Either branch may be NULL, not both: {{^x}} has only an inverse. */
	struct body *body, *inverse;
	struct strip open_strip, inverse_strip, close_strip;
};

struct body {
	struct statement *first, *last;
	bool chained;         /* made by {{else if}}: its only statement is that block */
	struct slice *params; /* block parameters */
	size_t param_count;
};

#endif
