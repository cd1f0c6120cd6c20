/* SPDX-License-Identifier: MIT */
#ifndef AITHER_WEB_PHRASES_H
#define AITHER_WEB_PHRASES_H

/*
 * The words of aither-web's own pages, as HTML: templates/texts.de.json and texts.en.json as they were when
 * the program was built, so that it has words whatever is on disk. A file of the same name in
 * TemplateDirectory wins, key by key; it is read at the start.
 *
 *	phrases = phrases_new(config->site.template_directory);
 *	phrases_append(&html, phrases, LANGUAGE_DE, "error.404.title");
 */

#include <stdbool.h>
#include <stdint.h>

#include "web/negotiate.h"

struct buf;
struct phrases;

struct phrases *phrases_new(const char *template_directory); /* owned */
void phrases_freep(struct phrases **phrases);

bool phrases_has(const struct phrases *phrases, enum language language, const char *key);

/* Appends the text as HTML; of a key that is not there, nothing. */
void phrases_append(struct buf *html, const struct phrases *phrases, enum language language, const char *key);

/* The same with "{time}" replaced by the hour of a moment, and its day if that is not the day of now_ms. */
void phrases_append_with_time(struct buf *html, const struct phrases *phrases, enum language language,
	const char *key, const int64_t moment_and_now_ms[static 2]);

#endif
