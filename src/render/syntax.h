/* SPDX-License-Identifier: MIT */
#ifndef AITHER_RENDER_SYNTAX_H
#define AITHER_RENDER_SYNTAX_H

/*
 * The syntax tree: the parser builds it, whitespace control trims its contents, the evaluator runs it. It
 * belongs to the arena of its template and does not change after compilation, so threads may share it. Words
 * used all over the engine:
 *
 *	operand    a value as written: path, literal or call in parentheses
 *	call       what stands between the braces: a callee, operands, and key=operand pairs
 *	statement  content, comment, mustache, block or partial
 *	body       a list of statements: the template, or one branch of a block
 *	unit       a template or a partial
 */

#include <stdbool.h>
#include <stddef.h>

#include "render/helpers.h"
#include "render/slice.h"
#include "render/source.h"
#include "render/value.h"

enum operand_kind {
	OPERAND_PATH,
	OPERAND_LITERAL,
	OPERAND_CALL,
};

struct part {
	struct slice name;
	struct part *next;
};

enum path_origin {
	PATH_CONTEXT, /* depth levels up */
	PATH_DATA,    /* @name; depth loops up */
	PATH_PARAM,   /* block parameter `param` of the set that is `depth` sets up */
};

struct path {
	enum path_origin origin;
	unsigned depth, param;
	bool scoped;        /* begins with "." or names "this": never a helper nor a block parameter */
	struct part *parts; /* as written, without "..", "." and "this" */
	struct part *rest;  /* the parts to look up from the origin; with PATH_DATA, `name` is the first */
};

struct operand {
	enum operand_kind kind;
	size_t offset;
	struct slice original; /* as Handlebars compares and names it: "a.b", without [] and quotes */
	struct path path;      /* OPERAND_PATH; also of a literal, which is a key as the callee */
	struct value value;    /* OPERAND_LITERAL */
	struct call *call;     /* OPERAND_CALL */
	struct operand *next;
};

struct pair {
	struct slice key;
	struct operand *value;
	bool repeated; /* evaluated, but another pair with this key has the value that counts */
	struct pair *next;
};

enum call_kind {
	CALL_VALUE, /* no call: the value of the path */
	CALL_HELPER,
	CALL_DATA, /* arguments, but no helper of that name */
};

struct call {
	enum call_kind kind;
	enum helper helper; /* CALL_HELPER */
	struct operand *callee;
	struct operand *operands;
	size_t operand_count;
	struct pair *pairs; /* from the last to the first, the order in which Handlebars keeps them */
	size_t pair_count;
	size_t offset; /* of the tag or parenthesis */
};

struct strip { /* the "~" of one tag, or of the outer sides of a statement */
	bool left, right;
};

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
	size_t offset;
	struct strip strip; /* of comment, mustache and partial */
	struct call *call;  /* of mustache, block and partial */

	struct slice original, value; /* content: as written, and what whitespace control left of it */
	bool left_stripped, right_stripped;

	bool raw; /* mustache: not escaped */

	/* Partial. A callee of OPERAND_CALL computes its name. */
	struct slice indent;            /* alone on its line: the blanks in front of it */
	const struct unit *unit;        /* NULL: computed, or there is no such partial */
	struct statement *next_partial; /* of the same unit */

	/* Block. Either branch may be NULL, not both: {{^x}} has only an inverse. */
	struct body *body, *inverse;
	struct strip open_strip, inverse_strip, close_strip;
};

struct body {
	struct statement *first, *last;
	bool chained;    /* made by {{else if}}: its only statement is that block */
	bool has_params; /* its tag declares block parameters */
};

struct unit {
	struct slice name;    /* by which a partial is called; empty for the template itself */
	struct source source; /* name and text are in the arena of the template */
	struct body *body;
	struct statement *partials; /* all statements {{> ...}} in it */
	struct unit *next;
};

#endif
