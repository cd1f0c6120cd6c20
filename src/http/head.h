/* SPDX-License-Identifier: MIT */
#ifndef AITHER_HTTP_HEAD_H
#define AITHER_HTTP_HEAD_H

/*
 * What the library overlooks in the head of a request, and takes away before a handler could see it. Each of
 * these has two readings, and a proxy in front of us may take the other one: then its idea of where one
 * request ends and the next begins is not ours (request smuggling, RFC 9112 sections 2.2, 3.2, 6.1 and 11.2).
 */

#include <stdbool.h>
#include <stddef.h>

/* `bytes` begin with a head that the library has parsed; more may follow. False: a line that does not end in
 * CR LF; Content-Length, Transfer-Encoding or Host twice, or the first two together; Transfer-Encoding in
 * HTTP/1.0; no Host in HTTP/1.1. */
bool head_has_one_reading(const char *bytes, size_t length, bool is_http_1_0);

#endif
