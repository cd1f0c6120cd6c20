/* SPDX-License-Identifier: MIT */
#ifndef AITHER_WEB_PHRASES_H
#define AITHER_WEB_PHRASES_H

/*
 * The texts of aither-web itself: the homepage's banner, the error pages, and the fallback page that is shown
 * before anything has been published. The texts are those of templates/texts.de.json and texts.en.json, and
 * the style is that of templates/style.hbs. Both are built into the program, so that these pages do not
 * depend on files. A file of the same name in TemplateDirectory overrides the texts key by key; it is read at
 * start-up. The operator's logo and style sheet are used as soon as their files exist.
 */

#include <stdbool.h>
#include <stdint.h>

#include "web/negotiate.h"

struct http_response;
struct phrases;

struct phrases_options {                       /* borrowed until phrases_freep */
	const char *template_directory;        /* NULL: use only the built-in texts */
	const char *site_name;                 /* see published/texts.h */
	const char *imprint_url, *privacy_url; /* NULL: no link */
	const char *file_directory;            /* of logo and style sheet; NULL: none */
};

struct phrases *phrases_new(const struct phrases_options *options); /* owned */
void phrases_freep(struct phrases **phrases);

/* The sentence that replaces the mark in the homepage. It gives the time of the data; if the data is not
 * fresh, it also says, without alarming visitors, that Hemera does not answer. */
struct phrases_banner {
	bool is_fresh;
	int64_t data_ms; /* 0: unknown */
	int64_t now_ms;  /* the banner includes the date if the data is from another day */
};

/* HTML, owned. */
char *phrases_banner_html(
	const struct phrases *phrases, enum language language, const struct phrases_banner *banner);

/* Answers a browser's request with a small HTML page about the error. is_chosen: the visitor has chosen the
 * language with ?lang=, so the link to the homepage has that parameter too. */
void phrases_error_page(const struct phrases *phrases, enum language language, bool is_chosen, int status,
	struct http_response *response);

/* The page for the time before anything has been published; HTML, owned. */
char *phrases_fallback_html(const struct phrases *phrases, enum language language);

#endif
