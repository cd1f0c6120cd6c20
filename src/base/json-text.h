/* SPDX-License-Identifier: MIT */
#ifndef AITHER_BASE_JSON_TEXT_H
#define AITHER_BASE_JSON_TEXT_H

/*
 * Characters inside JSON strings, decoded strictly; private to json*.c.
 */

#include <stddef.h>
#include <stdint.h>

#include "base/utf8.h"

enum json_text_fault {
	JSON_TEXT_BAD_UTF8 = UTF8_NONE,
	JSON_TEXT_CONTROL = -2, /* U+0000 to U+001F not escaped */
	JSON_TEXT_BAD_ESCAPE = -3,
	JSON_TEXT_NUL = -4, /* \u0000: C strings end there, so it would change what follows */
	JSON_TEXT_LONE_SURROGATE = -5,
};

/* Bytes at the beginning that stand for themselves inside of quotes: ASCII without control characters, quote
 * and backslash. Nearly all of every text. */
size_t json_text_plain(const char *at, const char *end);

/* The character of a string literal at *at, which is before `end`, escaped or not, and moves behind it.
 * Returns the code point or a json_text_fault, then *at does not move. Does not know the closing quote: the
 * caller stops there. */
int32_t json_text_next(const char **at, const char *end);

#endif
