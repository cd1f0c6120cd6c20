/* SPDX-License-Identifier: MIT */
#ifndef AITHER_RENDER_LIBRARY_CHECK_H
#define AITHER_RENDER_LIBRARY_CHECK_H

/*
 * Is a template good enough to make pages from it? It must compile, find its partials, and homepage and
 * course must give a page from sample data in every language, the homepage one with exactly one
 * PUBLISHED_STATUS_MARK. So a mistyped {{t "key"}} is found here and not on every page. Private to
 * library*.c.
 */

#include "render/library.h"

struct error;
struct library_files;
struct library_version;
struct template;
struct template_partials;
struct texts;

/* The form of every file by itself, so that a mistake is found in the file that has it: bad ones of the
 * operator's are reported and given up. */
int library_check_alone(struct library_files *files, library_problem *problem, void *arg, struct error *err);

/* One file together with all partials; the compiled template, owned, points into the version's text. */
int library_check(const char *name, const struct library_version *version,
	const struct template_partials *partials, struct texts *const texts[static LANGUAGES],
	struct template **ret_template, struct error *err);

/* A course's template, with the sample data; `path` stands in messages. */
int library_check_course(
	const struct template *tmpl, const char *path, const struct texts *texts, struct error *err);

#endif
