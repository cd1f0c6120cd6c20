/* SPDX-License-Identifier: MIT */
#ifndef AITHER_RENDER_LIBRARY_H
#define AITHER_RENDER_LIBRARY_H

/*
 * The templates that pages are made from, read once per sync: homepage.hbs, courses.hbs (the staff's course
 * list), course.hbs, every other *.hbs as a partial of that name (without .hbs), texts.de.json and
 * texts.en.json. A file in the operator's directory ([Site] TemplateDirectory) replaces the file of the same
 * name in /usr/share/aither/templates. If an operator's file does not compile, it is reported and the shipped
 * file is used instead, so that a typing error never takes the site down.
 */

#include <stdbool.h>
#include <stddef.h>

#include "published/published.h"

struct error;
struct library_file;
struct page_site;
struct template;
struct template_partial;
struct texts;

/* The places of the templates; borrowed. */
struct library_source {
	const char *own;     /* the operator's directory; NULL or missing: only the shipped files */
	const char *shipped; /* directory */
	const char *site_name;
};

struct library {
	struct template *homepage, *list, *course; /* owned */
	struct texts *texts[LANGUAGES];            /* owned */
	struct library_file *files;                /* owned, sorted by name */
	size_t file_count;
	struct template_partial *partials; /* owned; borrowed from the files */
	size_t partial_count;
};

/* Called for each file that is replaced by the shipped file; `entity` is its path. NULL: no reports. */
typedef void library_problem(void *arg, const char *entity, const struct error *problem);

/* Returns -errno if a shipped file is missing or bad. */
int library_load(struct library *ret_library, const struct library_source *source, library_problem *problem,
	void *arg, struct error *err);
void library_done(struct library *library);

/* Loads only the texts of one language. Owned. */
int library_load_texts(struct texts **ret_texts, enum language language, const struct library_source *source,
	library_problem *problem, void *arg, struct error *err);

/* Makes a page of this site from the sample data with which templates are tried; for checks. Owned; NULL: the
 * template makes no page. */
char *library_sample(const struct library *library, const struct template *tmpl, const struct page_site *site,
	enum language language);

/* The path of the operator's file that contains this text; NULL: none. Borrowed. */
const char *library_find_text(const struct library *library, const char *text, size_t length);

/* Compiles a course's template that does not come from the library (Hemera's) with the library's partials,
 * and tries it with sample data, like the library's own. Owned. */
int library_compile(const struct library *library, const char *name, const char *text,
	const struct texts *texts, struct template **ret_template, struct error *err);

#endif
