/* SPDX-License-Identifier: MIT */
#ifndef AITHER_PUBLISHED_PUBLISHED_H
#define AITHER_PUBLISHED_PUBLISHED_H

/*
 * The published site, as aither-worker writes it and aither-web reads it: names, sizes and the mark. Both
 * halves know them from here only.
 *
 *	OUTPUT/index.de.html, index.en.html    the homepage, with one PUBLISHED_STATUS_MARK
 *	OUTPUT/courses/NAME.html               one page for each course
 *	OUTPUT/.state.json                     the worker's state, see published/state.h
 *
 * NAME is [A-Za-z0-9][A-Za-z0-9._-]{0,127}: one path component, neither hidden nor "..", and a URL that needs
 * no escaping.
 */

#include <stdbool.h>
#include <stddef.h>

enum language { LANGUAGE_DE, LANGUAGE_EN, LANGUAGES };

const char *language_name(enum language language); /* "de" */

#define PUBLISHED_COURSES "courses" /* below the output directory */
#define PUBLISHED_SUFFIX ".html"
#define PUBLISHED_NAME_MAX 128 /* bytes without suffix; far below the 255 of a file name */
#define PUBLISHED_NAME_SIZE (PUBLISHED_NAME_MAX + sizeof(PUBLISHED_SUFFIX))

extern const char *const published_homepage[LANGUAGES]; /* "index.de.html" */

bool published_is_name(const char *text, size_t length); /* without suffix */
bool published_is_page(const char *file);                /* with suffix */

/* aither-web replaces it in the homepage by the age of the data; exactly one. */
#define PUBLISHED_STATUS_MARK "<!--aither:status-->"

/* The worker writes nothing larger, so aither-web can serve everything that was written. A template that
 * makes more is a TEMPLATE_ERROR of the report, and the old page stays. */
#define PUBLISHED_COURSE_MAX (4 << 20)   /* bytes of a page; 30 participants with full texts make 200 KB */
#define PUBLISHED_HOMEPAGE_MAX (8 << 20) /* in each of two languages; 5 000 courses make 2 MB */

/* All course pages together; with the homepages 256 MiB. 5 000 pages have 50 KB each, but one template cannot
 * fill the disk. */
#define PUBLISHED_COURSES_MAX (240 << 20)

#endif
