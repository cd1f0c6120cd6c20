/* SPDX-License-Identifier: MIT */
#ifndef AITHER_SYNC_PUBLISH_H
#define AITHER_SYNC_PUBLISH_H

/*
 * The output directory: who may write (the lock), pages that are written beside the published ones and
 * then take their places all together, and what leaves.
 *
 *	publish_open(&out, path, is_public, err);      creates what is missing, takes the lock
 *	publish_list(&out, true, &names, err);         what is there; removes what a crash left
 *	publish_add(&out, "x.html", bytes, length, &index, err);     .tmp-N, any number
 *	publish_commit(&out, err);                     durable, then renamed, one by one
 *	publish_remove(&out, "y.html", err);
 *	publish_sync(&out, err);                       the names are durable, too
 *	publish_close(&out);                           drops what was not committed, and the lock
 *
 * The directories are opened once; every name is one path component and no symlink is followed, so
 * nothing outside is ever touched. One lock (flock, which dies with its process) for everything but the
 * homepage, whose files are replaced one at a time.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sync/names.h"

struct buf;
struct error;

#define PUBLISH_LOCK_NAME ".sync.lock"
#define PUBLISH_PAGE_MODE 0640 /* the group is aither, which aither-web has */
#define PUBLISH_DIRECTORY_MODE 0750
#define PUBLISH_SYNCFS_FROM 33 /* from so many files on one syncfs is cheaper than an fdatasync for each */

struct publish_page {
	char name[PUBLISHED_NAME_SIZE];
	bool published;
};

struct publish {
	int root, public, courses, lock; /* descriptors, -1: not open, not held; courses: in public or root */
	bool is_public;                  /* course pages are for visitors */
	bool brief;                      /* publish_open waits for us, see publish_open_briefly */
	struct publish_page *pages;      /* owned; each in .tmp-INDEX until it is published */
	size_t count;
};

#define PUBLISH_INIT                                                \
	{                                                           \
		.root = -1, .public = -1, .courses = -1, .lock = -1 \
	}

/* Opens, or creates, the output directory, public/ in it, and the courses/ of this audience, without the
 * lock; its parent must exist. A homepage that version 0.1.0 left in the output directory moves to public/.
 * OUTPUT_ERROR, with the unit's drop-in to create when this process may not write there. */
int publish_open_unlocked(struct publish *publish, const char *path, bool is_public, struct error *err);

/* The same and the lock. -EWOULDBLOCK with SYNC_IN_PROGRESS: a sync, of another process in most cases,
 * holds it. */
int publish_open(struct publish *publish, const char *path, bool is_public, struct error *err);

/* The lock alone, for a moment, of a directory that must exist: only `root` is opened. publish_open in
 * another thread waits until this one is closed, so that no sync is refused because a mail is noted. */
int publish_open_briefly(struct publish *publish, const char *path, struct error *err);
void publish_close(struct publish *publish);

/* Writes a page's temporary file. Errors: OUTPUT_ERROR. */
int publish_add(struct publish *publish, const char *name, const void *bytes, size_t length,
	size_t *ret_index, struct error *err);

/* Removes the temporary files of what is not published. */
void publish_drop(struct publish *publish);

/* A name that something else than a file occupies costs its page alone: `published` stays false. */
int publish_commit(struct publish *publish, struct error *err);

/* False and no error when there was nothing of that name. */
int publish_remove(const struct publish *publish, const char *name, bool *ret_removed, struct error *err);
int publish_sync(const struct publish *publish, struct error *err);

/* Replaces a file of the site, unless it says the same already. */
int publish_file(
	int directory, const char *name, const struct buf *text, bool *ret_changed, struct error *err);

/* Removes the course pages, and the private list, of the other audience: those that another setting of
 * CoursePages or version 0.1.0 has left. Adds the names of the pages to `removed`. */
int publish_remove_other(const struct publish *publish, struct nameset *removed, struct error *err);

/* Is there a regular file of that name in `directory`, one of publish's? */
bool publish_stat(int directory, const char *name, int64_t *ret_size, int64_t *ret_modified_us);

/* Adds the names of all pages in courses/: files and symlinks whose name a page may have. With `clean` it
 * removes the temporary files of both directories on the way. */
int publish_list(const struct publish *publish, bool clean, struct nameset *names, struct error *err);

#endif
