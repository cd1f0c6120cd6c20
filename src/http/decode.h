/* SPDX-License-Identifier: MIT */
#ifndef AITHER_HTTP_DECODE_H
#define AITHER_HTTP_DECODE_H

/*
 * Percent-encoding and UTF-8 of input from clients (RFC 3986 section 2.1, RFC 3629). Each is decoded once,
 * and anything that has two readings is refused, so that no later check can be deceived.
 */

#include <stdbool.h>
#include <stddef.h>

/* Decodes text[0..length) into ret (size bytes, NUL-terminated). -EBADMSG: a bad escape, a NUL or control
 * character, not UTF-8; -E2BIG: too long. With `form`, '+' is a space; without, an encoded slash is refused
 * too: it would look like a border between two components. */
int decode_percent(const char *text, size_t length, bool form, char *ret, size_t size);

/* Well-formed UTF-8 without control characters (C0, DEL, C1)? */
bool decode_is_text(const char *text, size_t length);

#endif
