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

/* The code point at *at, which is before `end`, and moves behind it; or UTF8_NONE, then *at moves by one
 * byte. */
int32_t utf8_next(const char **at, const char *end);

/* Does a terminal obey it: C0, DEL, C1? */
static inline bool utf8_is_control(int32_t code_point)
{
	return code_point < 0x20 || (code_point >= 0x7f && code_point < 0xa0);
}

/* Well-formed, without control characters? */
bool utf8_is_text(const char *text, size_t length);

/* The bytes of the byte order mark (U+FEFF) that a file or body begins with, 3 or 0. Windows editors and some
 * gateways write one. Every reader of a file or body skips it, because nothing visible would be wrong there.
 */
size_t utf8_mark_length(const char *text, size_t length);

/* Is the text invisible: nothing but white space, control and format characters (soft hyphen, zero width,
 * direction), and letters that are blank by definition (Hangul fillers, the Braille blank)? Bytes that are
 * not UTF-8 are visible, because something is wrong with them. */
bool utf8_is_blank(const char *text);

/* Is this such a character, but not white space? */
bool utf8_is_invisible(int32_t code_point);

/* Control characters become '?', so that a terminal takes no command from foreign text, and the text stays in
 * its line. */
void utf8_defuse(char *text);

/* For a text that was cut to size: drops its last character unless it is ASCII, because it may be incomplete.
 */
void utf8_trim(char *text);

#endif
