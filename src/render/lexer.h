/* SPDX-License-Identifier: MIT */
#ifndef AITHER_RENDER_LEXER_H
#define AITHER_RENDER_LEXER_H

/*
 * Cuts a template into tokens. Outside of mustaches everything is CONTENT up to the next
 * "{{"; a backslash before it makes it text ("\{{x}}"), two make one backslash and a mustache. Inside,
 * whitespace only separates tokens.
 *
 * Handlebars' lexer decides many things by what follows a name, and templates depend on it: "{{a.0}}" is an
 * error but "{{a.0.b}}" is not, "{{else-x}}" is one but "{{elsewhere}}" is a name. lexer.c keeps these
 * rules in the order in which Handlebars tries them.
 */

#include <stdbool.h>
#include <stddef.h>

#include "render/slice.h"

struct arena;

enum token_type {
	TOKEN_END,
	TOKEN_CONTENT, /* text: what goes to the output */
	TOKEN_COMMENT,
	TOKEN_OPEN,         /* {{ */
	TOKEN_OPEN_RAW,     /* {{{ or {{& : printed without escaping */
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
	TOKEN_INVALID,      /* no token begins like this; the parser says where */
};

struct token {
	enum token_type type;
	struct slice text; /* of the template or of the arena */
	size_t offset;
	bool strip_left, strip_right; /* "{{~" and "~}}" */
	const char *problem;          /* the message about a tag that is refused, or NULL */
};

struct lexer { /* begins with text and arena, all else zero */
	struct slice text;
	struct arena *arena;
	size_t at;
	enum { LEXER_CONTENT, LEXER_ESCAPED, LEXER_MUSTACHE } mode;
};

/* Raw blocks, partial blocks, decorators and a comment without end are tokens with a problem; nothing can be
 * read behind them. */
struct token lexer_next(struct lexer *lexer);

/* A character of words as regular expressions have it: \w. */
bool lexer_is_word(char c);

#endif
