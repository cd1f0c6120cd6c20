/* SPDX-License-Identifier: MIT */
#ifndef AITHER_HTTP_HEAD_H
#define AITHER_HTTP_HEAD_H

/*
 * Checks of a request's head that the library does not make; it removes the fields before a handler is
 * called. Most faults make the head ambiguous: a proxy in front of us may read it otherwise and then disagree
 * with us about where one request ends and the next begins (request smuggling, RFC 9112
 * sections 2.2, 3.2, 6.1 and 11.2). The library reads chunks leniently (a bare LF, "0x5", NUL, any trailer);
 * no call needs a body, so none may be sent in chunks.
 */

#include <stddef.h>

/* `bytes` begin with a head, and more may follow. Returns 0 for a good head, and for one that has not ended
 * yet, else the status that refuses it:
 *	400  a line does not end in CR LF; Content-Length, Transfer-Encoding or Host occurs twice, or the
 *	     first two together; Transfer-Encoding in HTTP/1.0; no Host in HTTP/1.1
 *	411  Transfer-Encoding: chunked
 *	501  another Transfer-Encoding
 *
 * Call it before the library parses the head. The library acts upon some fields before any handler is called;
 * this renames them so that it does not know them: Expect, Content-Length and Transfer-Encoding in a head
 * that is refused, Expect in any request in HTTP/1.0 (RFC 9110 section 10.1.1). */
int head_check(char *bytes, size_t length);

#endif
