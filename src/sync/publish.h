/* SPDX-License-Identifier: MIT */
#ifndef AITHER_SYNC_PUBLISH_H
#define AITHER_SYNC_PUBLISH_H

/*
 * The output directory. A lock decides which process may write to it. New pages are first written to
 * temporary files next to the published pages. When all of them are on disk, they are renamed, one by one,
 * over the old pages. Pages can also be removed.
 *
 *	publish_open(&out, path, is_public, err);      creates what is missing, takes the lock
 *	publish_list(&out, true, &names, err);         existing pages; removes leftovers of a crash
 *	publish_add(&out, "x.html", bytes, length, &index, err);     writes .tmp-N; any number of times
 *	publish_commit(&out, err);                     written to disk, then renamed one by one
 *	publish_remove(&out, "y.html", err);
 *	publish_sync(&out, err);                       the names are on disk, too
 *	publish_close(&out);                           drops uncommitted pages, and the lock
 *
 * The directories are opened once, every name is a single path component, and symbolic links are not
 * followed. So nothing outside the output directory is ever changed. One lock (flock, which ends with its
 * process) protects everything but the homepage, whose files are replaced one at a time.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sync/names.h"

struct buf;
struct error;

#define PUBLISH_LOCK_NAME ".sync.lock"
#define PUBLISH_PAGE_MODE 0640 /* the group is aither, to which aither-web belongs */
#define PUBLISH_DIRECTORY_MODE 0750
#define PUBLISH_SYNCFS_FROM \
	33 /* from this number of files on, one syncfs is cheaper than that many calls of fdatasync */

struct publish_page {
	char name[PUBLISHED_NAME_SIZE];
	bool published;
};

struct publish {
	int root, public, courses, lock; /* descriptors, -1: not open, not held; courses: in public or root */
	bool is_public;                  /* course pages are public */
	bool brief;                 /* a publish_open in another thread waits: see publish_open_briefly */
	struct publish_page *pages; /* owned; each in .tmp-INDEX until it is published */
	size_t count;
};

#define PUBLISH_INIT                                                \
	{                                                           \
		.root = -1, .public = -1, .courses = -1, .lock = -1 \
	}

/* Opens or creates the output directory, its public/, and the courses/ of the audience that is_public names
 * (all visitors, or staff), without the lock.
 * The parent directory must exist. Moves a homepage that version 0.1.0 left in the output directory to
 * public/. Error: OUTPUT_ERROR; if this process may not write to the directory, the message says how
 * to permit it in the unit. */
int publish_open_unlocked(struct publish *publish, const char *path, bool is_public, struct error *err);

/* Like publish_open_unlocked, and takes the lock. -EWOULDBLOCK with SYNC_IN_PROGRESS: a sync holds the lock,
 * usually one of another process. */
int publish_open(struct publish *publish, const char *path, bool is_public, struct error *err);

/* Takes the lock for a short time and opens `root`, but not the other directories. The output directory must
 * exist. publish_open in another thread waits for publish_close, which must be called even on failure, so
 * that no sync is refused while a sent mail is noted in the manifest. */
int publish_open_briefly(struct publish *publish, const char *path, struct error *err);
void publish_close(struct publish *publish);

/* Writes a page's temporary file. Errors: OUTPUT_ERROR. */
int publish_add(struct publish *publish, const char *name, const void *bytes, size_t length,
	size_t *ret_index, struct error *err);

/* Removes the temporary files of pages that are not published. */
void publish_drop(struct publish *publish);

/* Publishes all added pages. If a directory has the name of a page, only this page fails: its `published`
 * stays false. */
int publish_commit(struct publish *publish, struct error *err);

/* *ret_removed is false, without an error, if there was no page of that name. */
int publish_remove(const struct publish *publish, const char *name, bool *ret_removed, struct error *err);
int publish_sync(const struct publish *publish, struct error *err);

/* Replaces a file of the site, unless its content is the same already. */
int publish_file(
	int directory, const char *name, const struct buf *text, bool *ret_changed, struct error *err);

/* Removes the course pages and the course list that were left for the other audience by an earlier setting of
 * CoursePages or by version 0.1.0. Adds the names of the pages to `removed`. */
int publish_remove_other(const struct publish *publish, struct nameset *removed, struct error *err);

/* Is there a regular file of that name in `directory`, one of the opened directories? */
bool publish_stat(int directory, const char *name, int64_t *ret_size, int64_t *ret_modified_us);

/* Adds the names of all pages in courses/: files and symbolic links whose name is a valid name of a page.
 * With `clean`, also removes temporary files in all opened directories. */
int publish_list(const struct publish *publish, bool clean, struct nameset *names, struct error *err);

#endif
