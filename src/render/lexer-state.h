/* SPDX-License-Identifier: MIT */
#ifndef AITHER_RENDER_LEXER_STATE_H
#define AITHER_RENDER_LEXER_STATE_H

/*
 * What lexer.c (text, and how a tag begins) and lexer-inside.c (what stands in a tag) share. Private to
 * lexer*.c.
 */

#include "render/lexer.h"

/* What is left, `skip` bytes further on. */
struct slice lexer_rest(const struct lexer *lexer, size_t skip);

bool lexer_begins(struct slice text, const char *with);
size_t lexer_skip_space(struct slice text); /* bytes of whitespace at the beginning */

/* Takes `length` bytes as one token. */
void lexer_take(struct lexer *lexer, enum token_type type, size_t length, struct token *ret_token);

/* The next token inside of a tag, where something is left that is neither whitespace nor "{{". */
void lexer_inside(struct lexer *lexer, struct token *ret_token);

#endif
