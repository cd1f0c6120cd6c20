/* SPDX-License-Identifier: MIT */
#ifndef AITHER_RENDER_LIBRARY_FILES_H
#define AITHER_RENDER_LIBRARY_FILES_H

/*
 * The files of a library before they are compiled: of every name the operator's and the shipped one, and
 * which of them is in use. Private to library*.c.
 */

#include <stddef.h>

#include "base/buf.h"
#include "render/library.h"
#include "render/template.h"

struct library_version {
	char *path;      /* owned; NULL: there is no such file */
	struct buf text; /* owned */
};

struct library_file {
	char *name;                          /* owned; "course" for course.hbs */
	struct library_version own, shipped; /* own: the operator's; gone as soon as it is found bad */
};

struct library_files {
	struct library_file *items; /* owned, sorted by name */
	size_t count;
};

/* Reads all *.hbs of both directories. A file of the operator's that cannot be read is a problem. */
int library_files_read(struct library_files *ret_files, const char *directory, const char *shipped_directory,
	library_problem *problem, void *arg, struct error *err);
void library_files_done(struct library_files *files);

/* The version in use; NULL when the file is gone altogether. */
const struct library_version *library_file_version(const struct library_file *file);

/* Gives the operator's version up. */
void library_file_reject(struct library_file *file);

/* Partials: everything but homepage and course. `items` is owned by the caller; the texts are borrowed from
 * the files. */
struct template_partials library_files_partials(
	const struct library_files *files, struct template_partial **ret_items);

/* Reads directory/name: 0 or -errno; -ENOENT also when directory is NULL. *ret_version is filled on success.
 */
int library_version_read(
	struct library_version *ret_version, const char *directory, const char *name, struct error *err);
void library_version_done(struct library_version *version);

#endif
