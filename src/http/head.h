/* SPDX-License-Identifier: MIT */
#ifndef AITHER_HTTP_HEAD_H
#define AITHER_HTTP_HEAD_H

/*
 * Checks of a request's head that the library does not make. A handler could not make them, because the
 * library has removed some fields by then. Most faults make the head ambiguous: a proxy in front of us may
 * read it differently and then disagree with us about where one request ends and the next begins (request
 * smuggling, RFC 9112 sections 2.2, 3.2, 6.1 and 11.2). The library parses chunks leniently (a bare LF,
 * "0x5", NUL, any trailer). No call needs a body, so chunked bodies are refused.
 */

#include <stddef.h>

/* `bytes` begin with a head, and more may follow. Returns 0 if the head is good or not complete yet, else the
 * status that refuses it:
 *	400  a line does not end in CR LF; Content-Length, Transfer-Encoding or Host occurs twice;
 *	     Content-Length and Transfer-Encoding occur together; Transfer-Encoding in HTTP/1.0; no Host in
 *	     HTTP/1.1
 *	411  Transfer-Encoding: chunked
 *	501  another Transfer-Encoding
 *
 * Call it before the library parses the head. The library acts on some fields before any handler is called.
 * head_check renames these fields, so that the library ignores them: Expect, Content-Length and
 * Transfer-Encoding in a refused head, and Expect in any HTTP/1.0 request (RFC 9110 section 10.1.1). */
int head_check(char *bytes, size_t length);

#endif
