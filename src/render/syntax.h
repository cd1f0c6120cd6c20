/* SPDX-License-Identifier: MIT */
#ifndef AITHER_RENDER_SYNTAX_H
#define AITHER_RENDER_SYNTAX_H

/*
 * The internals of the template language: the syntax tree, and the steps that build it and run it.
 *
 *	lexer_next          cuts the text into tokens (lexer.h)
 *	parser_parse        builds a syntax tree from the tokens
 *	whitespace_control  removes whitespace from the tree's contents
 *	evaluator_run       walks the tree and fills it with data
 *
 * The tree belongs to the arena of its template and does not change after compilation, so threads may share
 * it. These words are used in all of these files:
 *
 *	operand    a value as it is written: path, literal or call in parentheses
 *	call       the text between the braces: a callee, operands, and key=operand pairs
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

struct arena;
struct buf;
struct error;
struct json;
struct template_stop;
struct texts;

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
	PATH_PARAM,   /* block parameter number `param` of the block `depth` levels up */
};

struct path {
	enum path_origin origin;
	unsigned depth, param;
	bool scoped;        /* begins with "." or contains "this": neither a helper nor a block parameter */
	struct part *parts; /* as written, without "..", "." and "this" */
	struct part *rest;  /* the parts to look up from the origin; with PATH_DATA, the first is the name
			       after @ */
};

struct operand {
	enum operand_kind kind;
	size_t offset;
	struct slice original; /* its text in comparisons and messages: "a.b", without [] and quotes */
	struct path path;   /* OPERAND_PATH; also set for a literal, which as a callee is looked up as a key:
			       {{12}} */
	struct value value; /* OPERAND_LITERAL */
	struct call *call;  /* OPERAND_CALL */
	struct operand *next;
};

struct pair {
	struct slice key;
	struct operand *value;
	bool repeated; /* evaluated, but the value of another pair with this key is used */
	struct pair *next;
};

enum call_kind {
	CALL_VALUE, /* not a call: the value of the path */
	CALL_HELPER,
	CALL_DATA, /* has arguments, but there is no helper of that name */
};

struct call {
	enum call_kind kind;
	enum helper helper; /* CALL_HELPER */
	struct operand *callee;
	struct operand *operands;
	size_t operand_count;
	struct pair *pairs; /* from the last to the first, the order in which Handlebars keeps them */
	size_t pair_count;
	size_t offset; /* of the tag or the parenthesis */
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

	struct slice original, value; /* content: as written, and after whitespace control */
	bool left_stripped, right_stripped;

	bool raw; /* mustache: not escaped */

	/* Partial. A callee of OPERAND_CALL computes its name. */
	struct slice indent;            /* the blanks before it, if it is alone on its line */
	const struct unit *unit;        /* NULL: the name is computed, or there is no such partial */
	struct statement *next_partial; /* of the same unit */

	/* Block. Either branch may be NULL, not both: {{^x}} has only an inverse. */
	struct body *body, *inverse;
	struct strip open_strip, inverse_strip, close_strip;
};

struct body {
	struct statement *first, *last;
	bool chained;    /* from {{else if}}: its only statement is that block */
	bool has_params; /* its tag declares block parameters */
};

struct unit {
	struct slice name;    /* of a partial; empty for the template itself */
	struct source source; /* name and text are in the arena of the template */
	struct body *body;
	struct statement *partials; /* all {{> ...}} statements in it */
	struct unit *next;
};

/* Parses by recursive descent over Handlebars' grammar: fills in body and partials from the unit's source.
 * The parser also decides what a name means (helper, block parameter or data), as far as Handlebars decides
 * this before it sees the data. A syntax error is reported with its position and, for a block that is closed
 * wrongly, with the position where the block was opened. The tree is stored in the arena, which must have no
 * size limit. */
int parser_parse(struct unit *unit, struct arena *arena, struct error *err);

/* Removes whitespace from the contents of a syntax tree, as Handlebars does.
 *
 * - "~" at a tag removes all whitespace on that side, line breaks included.
 * - When a block tag, else, comment or partial is alone on its line, the rest of the line is removed, too. To
 * decide this, all of JavaScript's whitespace in the text as written is ignored, but only blanks, tabs and
 * one line break are removed. The beginning and end of the template count as line ends, those of a branch do
 * not.
 * - The indentation of a partial that is alone on its line is kept, and is put before every line of its
 * output. */
void whitespace_control(struct body *root);

#define EVALUATOR_MEMORY_MAX (64 << 20) /* for values made while rendering; a course page needs a few KB */

/* Nested blocks and partials, across all partials. Each level takes 1.1 KB of the C stack, or 6 KB without
 * optimisation and with sanitizers: see THREAD_STACK_SIZE. Real templates have fewer than 20 levels. */
#define EVALUATOR_DEPTH_MAX 250

/* Renders `units`, the template and its partials. Steps, memory, depth and the size of the output are
 * limited, so that endless work ends with an error. Appends to *out; after an error *out holds a part of the
 * page, which the caller must remove. */
int evaluator_run(const struct unit *units, const struct json *data, const struct texts *texts,
	const struct template_stop *stop, struct buf *out, struct error *err);

#endif
