/* SPDX-License-Identifier: MIT */
#ifndef AITHER_PUBLISHED_PUBLISHED_H
#define AITHER_PUBLISHED_PUBLISHED_H

/*
 * The contract between aither-worker, which writes the published site, and aither-web, which serves it:
 * names, sizes and the mark.
 *
 *	OUTPUT/public/index.de.html, index.en.html    the homepage, with one PUBLISHED_STATUS_MARK
 *	OUTPUT/public/courses.json, courses.ics       the same courses for programs and calendars
 *	OUTPUT/public/courses/NAME.html               CoursePages=public: a page for each course
 *	OUTPUT/courses/NAME.html                      CoursePages=private: the same, with participants
 *	OUTPUT/courses.de.html, courses.en.html       the course list, which links to them; also with the mark
 *	OUTPUT/.state.json                            the worker's state, see published/state.h
 *
 * Visitors get only the files in public/, which never contain data of participants. The pages with
 * participants are elsewhere, so that no change of CoursePages can serve a page to the wrong audience.
 *
 * NAME is [A-Za-z0-9][A-Za-z0-9._-]{0,127}: one path component, neither hidden nor "..", and a URL that needs
 * no escaping.
 */

#include <stdbool.h>
#include <stddef.h>

enum language { LANGUAGE_DE, LANGUAGE_EN, LANGUAGES };

const char *language_name(enum language language); /* "de" */

#define PUBLISHED_PUBLIC "public"   /* below the output directory */
#define PUBLISHED_COURSES "courses" /* below that, or below the output directory */
#define PUBLISHED_SUFFIX ".html"
#define PUBLISHED_NAME_MAX 128 /* bytes without suffix; far below the 255 of a file name */
#define PUBLISHED_NAME_SIZE (PUBLISHED_NAME_MAX + sizeof(PUBLISHED_SUFFIX))

extern const char *const published_homepage[LANGUAGES]; /* "index.de.html", in public/ */
extern const char *const published_list[LANGUAGES];     /* "courses.de.html", for staff */
#define PUBLISHED_JSON "courses.json"
#define PUBLISHED_CALENDAR "courses.ics"

/* The operator's own files ([Site] FileDirectory): regular files, no links. */
#define PUBLISHED_FILE_MAX (4 << 20) /* bytes; a font has 300 KB, a photograph 1 MB */

/* "/logo.svg", "/logo.png" or "/logo.webp", and "/style.css", if the operator has such a file; static, or
 * NULL. */
const char *published_logo(const char *file_directory);
const char *published_style(const char *file_directory);

bool published_is_name(const char *text, size_t length); /* without suffix */
bool published_is_page(const char *file);                /* with suffix */

/* Occurs once in each homepage and course list; aither-web replaces it with the age of the data. */
#define PUBLISHED_STATUS_MARK "<!--aither:status-->"

/* The worker writes no larger page, so aither-web can serve every page. If a template makes a larger one, the
 * report has a TEMPLATE_ERROR and the old page stays. */
#define PUBLISHED_COURSE_MAX (4 << 20)   /* bytes of a page; 30 participants with full texts make 200 KB */
#define PUBLISHED_HOMEPAGE_MAX (8 << 20) /* each of six files; 5 000 courses make 3.4 MB */

/* Bytes of all course pages together; with the files above, 288 MiB. Enough for 5 000 pages of 50 KB, but no
 * template can fill the disk. */
#define PUBLISHED_COURSES_MAX (240 << 20)

#endif
