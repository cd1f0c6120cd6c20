/* SPDX-License-Identifier: MIT */
#ifndef AITHER_HTTP_HEAD_H
#define AITHER_HTTP_HEAD_H

/*
 * What the library overlooks in the head of a request, and takes away before a handler could see it. Most of
 * it has two readings, and a proxy in front of us may take the other one: then its idea of where one request
 * ends and the next begins is not ours (request smuggling, RFC 9112 sections 2.2, 3.2, 6.1 and 11.2). The
 * library reads chunks leniently (a bare LF, "0x5", NUL, any trailer); no call needs a body, so none may be
 * sent in chunks.
 */

#include <stddef.h>

/* `bytes` begin with a head that the library has parsed, or is about to; more may follow. 0, or the status
 * of the refusal:
 *	400  a line does not end in CR LF; Content-Length, Transfer-Encoding or Host occurs twice, or the
 *	     first two together; Transfer-Encoding in HTTP/1.0; no Host in HTTP/1.1
 *	411  Transfer-Encoding: chunked
 *	501  another Transfer-Encoding */
int head_check(const char *bytes, size_t length);

/* Before the library parses it: gives fields that it would act upon before any handler is called a name that
 * it does not know. Of a head that is refused, these are all that announce a body; of a request in HTTP/1.0
 * it is Expect (RFC 9110 section 10.1.1). Returns what head_check says; 0 also for a head that has not ended
 * yet. */
int head_disarm(char *bytes, size_t length);

#endif
