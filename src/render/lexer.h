/* SPDX-License-Identifier: MIT */
#ifndef AITHER_RENDER_LEXER_H
#define AITHER_RENDER_LEXER_H

/*
 * Cuts a template into tokens. Outside mustaches, everything up to the next "{{" is CONTENT. With a backslash
 * before it, "{{" is text ("\{{x}}"); two backslashes are one backslash and a mustache. Inside mustaches,
 * whitespace only separates tokens.
 *
 * Handlebars' lexer decides many things by the characters that follow a name, and templates depend on it:
 * "{{a.0}}" is an error but "{{a.0.b}}" is not; "{{else-x}}" begins with else but "{{elsewhere}}" is a name.
 * lexer.c applies these rules in the same order as Handlebars.
 */

#include <stdbool.h>
#include <stddef.h>

#include "render/slice.h"

struct arena;

enum token_type {
	TOKEN_END,
	TOKEN_CONTENT, /* text: printed as it is */
	TOKEN_COMMENT,
	TOKEN_OPEN,         /* {{ */
	TOKEN_OPEN_RAW,     /* {{{ or {{&, printed without escaping */
	TOKEN_OPEN_BLOCK,   /* {{# */
	TOKEN_OPEN_END,     /* {{/ */
	TOKEN_OPEN_INVERSE, /* {{^ */
	TOKEN_OPEN_ELSE,    /* {{else, with more to come */
	TOKEN_ELSE,         /* {{else}} or {{^}} */
	TOKEN_OPEN_PARTIAL, /* {{> */
	TOKEN_CLOSE,        /* }} */
	TOKEN_CLOSE_RAW,    /* }}} */
	TOKEN_OPEN_CALL,    /* ( */
	TOKEN_CLOSE_CALL,   /* ) */
	TOKEN_EQUALS,
	TOKEN_ID,        /* text: the name, [brackets] included, their escapes undone */
	TOKEN_SEPARATOR, /* . or / */
	TOKEN_STRING,    /* text: without quotes, escapes undone */
	TOKEN_NUMBER,
	TOKEN_TRUE,
	TOKEN_FALSE,
	TOKEN_UNDEFINED,
	TOKEN_NULL,
	TOKEN_DATA,         /* @ */
	TOKEN_OPEN_PARAMS,  /* as | */
	TOKEN_CLOSE_PARAMS, /* | */
	TOKEN_INVALID,      /* no token begins like this, or a token with a problem */
};

struct token {
	enum token_type type;
	struct slice text; /* points into the template or into the arena */
	size_t offset;
	bool strip_left, strip_right; /* "{{~" and "~}}" */
	const char *problem;          /* not supported, or a comment without an end; or NULL */
};

struct lexer { /* set text and arena; everything else begins as zero */
	struct slice text;
	struct arena *arena;
	size_t at;
	enum { LEXER_CONTENT, LEXER_ESCAPED, LEXER_MUSTACHE } mode;
};

/* Raw blocks, partial blocks, decorators and a comment without an end are tokens with a problem; stop reading
 * after such a token. */
struct token lexer_next(struct lexer *lexer);

/* An ASCII letter, a digit or "_", as \w of regular expressions? */
bool lexer_is_word(char c);

#endif
