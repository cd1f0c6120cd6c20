/* SPDX-License-Identifier: MIT */
#ifndef AITHER_WEB_PHRASES_H
#define AITHER_WEB_PHRASES_H

/*
 * The words of aither-web itself: the banner of the homepage and error pages. They are those of
 * templates/texts.de.json and texts.en.json as they were when the program was built, so that it has words
 * whatever is on disk. A file of the same name in TemplateDirectory overrides them, key by key; it is read at
 * the start.
 */

#include <stdbool.h>
#include <stdint.h>

#include "web/negotiate.h"

struct http_response;
struct phrases;

/* template_directory NULL: only the shipped texts. Owned. */
struct phrases *phrases_new(const char *template_directory, const char *site_name);
void phrases_freep(struct phrases **phrases);

/* The sentence that replaces the mark in the homepage: the time of its data, or, calmly, that Hemera does not
 * answer and how old the data is. */
struct phrases_banner {
	bool is_fresh;
	int64_t data_ms; /* 0: not known */
	int64_t now_ms;  /* the date is added when it is another day */
};

/* HTML, owned. */
char *phrases_banner_html(
	const struct phrases *phrases, enum language language, const struct phrases_banner *banner);

/* An error as a small HTML page for browsers. */
void phrases_error_page(
	const struct phrases *phrases, enum language language, int status, struct http_response *response);

#endif
