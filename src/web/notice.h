/* SPDX-License-Identifier: MIT */
#ifndef AITHER_WEB_NOTICE_H
#define AITHER_WEB_NOTICE_H

/*
 * The sentence that replaces the mark in the homepage: as of when the data is, or, calmly, that Hemera does
 * not answer and from when the data shown is. Also the sentences of error pages.
 */

#include <stdbool.h>
#include <stdint.h>

#include "web/negotiate.h"

struct http_response;

#define NOTICE_MARK "<!--aither:status-->"

/* HTML, owned. The date is added when it is not that of now_ms. data_ms 0: not known. */
char *notice_html(enum web_language language, bool is_fresh, int64_t data_ms, int64_t now_ms);

/* An error as a small HTML page for browsers. */
void notice_error_page(struct http_response *response, enum web_language language, int status);

#endif
