/* SPDX-License-Identifier: MIT */
#ifndef AITHER_BASE_UTF8_H
#define AITHER_BASE_UTF8_H

/*
 * UTF-8 (RFC 3629), read strictly: incomplete, overlong and surrogate sequences are invalid, and so are code
 * points beyond U+10FFFF.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UTF8_NONE (-1)

/* Returns the code point at *at, which is before `end`, and moves *at past it. If the bytes there are
 * invalid, returns UTF8_NONE and moves *at by one byte. */
int32_t utf8_next(const char **at, const char *end);

/* Is it a control character, which a terminal may obey: C0, DEL or C1? */
static inline bool utf8_is_control(int32_t code_point)
{
	return code_point < 0x20 || (code_point >= 0x7f && code_point < 0xa0);
}

/* Is it well-formed and without control characters? */
bool utf8_is_text(const char *text, size_t length);

/* The length of the byte order mark (U+FEFF) at the beginning of a file or body, 3 or 0. Windows editors and
 * some gateways write one. Every reader of a file or body skips it, because people could not see what is
 * wrong. */
size_t utf8_mark_length(const char *text, size_t length);

/* Is the text invisible: nothing but white space, control and format characters (soft hyphen, zero width,
 * direction), and letters that are blank by definition (Hangul fillers, the Braille blank)? Bytes that are
 * not UTF-8 are visible, because something is wrong with them. */
bool utf8_is_blank(const char *text);

/* Is it one of these invisible characters, other than white space? */
bool utf8_is_invisible(int32_t code_point);

/* Replaces control characters with '?', so that foreign text cannot control a terminal or begin a new line.
 */
void utf8_defuse(char *text);

/* Removes the last character of a text that was cut to size, unless it is ASCII: it may be incomplete. */
void utf8_trim(char *text);

#endif
