/* SPDX-License-Identifier: MIT */
#ifndef AITHER_PUBLISHED_PUBLISHED_H
#define AITHER_PUBLISHED_PUBLISHED_H

/*
 * The contract between aither-worker, which writes the published site, and aither-web, which serves it:
 * names, sizes and the mark.
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

/* Once in each homepage; aither-web replaces it by the age of the data. */
#define PUBLISHED_STATUS_MARK "<!--aither:status-->"

/* The worker writes no larger page, so aither-web can serve every page. A template that makes more is a
 * TEMPLATE_ERROR in the report, and the old page stays. */
#define PUBLISHED_COURSE_MAX (4 << 20)   /* bytes of a page; 30 participants with full texts make 200 KB */
#define PUBLISHED_HOMEPAGE_MAX (8 << 20) /* in each of two languages; 5 000 courses make 2 MB */

/* All course pages together; with the homepages 256 MiB. Enough for 5 000 pages of 50 KB, but no template can
 * fill the disk. */
#define PUBLISHED_COURSES_MAX (240 << 20)

#endif
