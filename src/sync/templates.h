/* SPDX-License-Identifier: MIT */
#ifndef AITHER_SYNC_TEMPLATES_H
#define AITHER_SYNC_TEMPLATES_H

/*
 * Which template makes a course's page: Hemera's for that course, else Hemera's for all courses, in both
 * cases the highest version, else the library's course.hbs. Each is compiled once, when it is first needed;
 * one that does not compile, or gives no page from sample data, is reported once and the library's is used
 * instead.
 */

#include <stdbool.h>
#include <stddef.h>

#include "hemera/client.h"
#include "render/library.h"

struct template;
struct texts;

struct templates_item {
	const struct hemera_template *source; /* borrowed from `fetched` */
	struct template *compiled;            /* owned; NULL: not yet or not possible */
	bool tried;                           /* compiled, with success or without */
};

struct templates {
	struct hemera_template *fetched; /* owned */
	size_t fetched_count;
	struct templates_item
		*items; /* owned; best first for each course id, those for all courses at the front */
	size_t count;
	const struct library *library; /* borrowed */
	library_problem *problem;
	void *arg;
};

/* Takes over what hemera_templates gave; (NULL, 0): only the library's. */
void templates_init(struct templates *templates, const struct library *library,
	struct hemera_template *fetched, size_t count, library_problem *problem, void *arg);
void templates_done(struct templates *templates);

/* Borrowed; NULL: Hemera has one that cannot be read. `texts`: of the pages' language. */
const struct template *templates_for(
	struct templates *templates, const char *course_id, const struct texts *texts);

#endif
