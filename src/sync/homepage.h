/* SPDX-License-Identifier: MIT */
#ifndef AITHER_SYNC_HOMEPAGE_H
#define AITHER_SYNC_HOMEPAGE_H

/*
 * index.de.html and index.en.html from the known courses (sync/known.h). They say nothing of when they were
 * made, so the same courses give the same bytes, and a file is written only if its bytes on disk differ: then
 * aither-web keeps what it has in memory. They are not even rendered while the manifest says that the files
 * on disk were made from the same.
 *
 * A course is linked only where pages are public and its page is there.
 */

#include <stdbool.h>

#include "render/library.h"

struct error;
struct known;
struct manifest;
struct publish;
struct sync_options;

struct homepage { /* all borrowed */
	const struct sync_options *options;
	const struct publish *out;
	const struct library *library;
	const struct known *known;
	struct manifest *manifest; /* its `site` is brought up to date */
	/* Told once when the operator's homepage.hbs cannot be used and the shipped one is; may be NULL. */
	library_problem *problem;
	void *arg;
};

/* Both files, or an error and at most one of them. ERROR_TEMPLATE: the templates, also the shipped ones, make
 * no page of these courses, and the old files stay. A dry run only finds out whether they do. */
int homepage_publish(const struct homepage *homepage, bool *ret_changed, struct error *err);

#endif
