/* SPDX-License-Identifier: MIT */
#ifndef AITHER_WEB_BANNER_H
#define AITHER_WEB_BANNER_H

/*
 * The sentence that replaces the mark in the homepage: as of when the data is, or, calmly, that Hemera does
 * not answer and from when the data shown is. Also error pages. The words are those of web/phrases.h.
 */

#include <stdbool.h>
#include <stdint.h>

#include "web/negotiate.h"

struct http_response;
struct phrases;

struct banner_state {
	bool is_fresh;
	int64_t data_ms; /* 0: not known */
	int64_t now_ms;  /* the date is added when it is another day */
};

/* HTML, owned. */
char *banner_html(const struct phrases *phrases, enum language language, const struct banner_state *state);

/* An error as a small HTML page for browsers. */
void banner_error_page(
	struct http_response *response, const struct phrases *phrases, enum language language, int status);

#endif
