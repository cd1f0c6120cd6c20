/* SPDX-License-Identifier: MIT */
#ifndef AITHER_WEB_PHRASES_H
#define AITHER_WEB_PHRASES_H

/*
 * The words of aither-web itself: the banner of the homepage, error pages, and the fallback page for the time
 * before anything was published. They are those of templates/texts.de.json and texts.en.json, and the pages
 * have the style of templates/style.hbs, as they were when the program was built, so that it has words
 * whatever is on disk. A file of the same name as the texts' in TemplateDirectory overrides them, key by key;
 * it is read at the start. The operator's logo and style sheet are used as soon as they are there.
 */

#include <stdbool.h>
#include <stdint.h>

#include "web/negotiate.h"

struct http_response;
struct phrases;

struct phrases_options {                       /* borrowed as long as the phrases live */
	const char *template_directory;        /* NULL: only the shipped texts */
	const char *site_name;                 /* see published/texts.h */
	const char *imprint_url, *privacy_url; /* NULL: no link */
	const char *file_directory;            /* of logo and style sheet; NULL: none */
};

struct phrases *phrases_new(const struct phrases_options *options); /* owned */
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

/* An error as a small HTML page for browsers. is_chosen: the visitor came with ?lang=, and so does the way
 * back. */
void phrases_error_page(const struct phrases *phrases, enum language language, bool is_chosen, int status,
	struct http_response *response);

/* The page while nothing has ever been published; HTML, owned. */
char *phrases_fallback_html(const struct phrases *phrases, enum language language);

#endif
