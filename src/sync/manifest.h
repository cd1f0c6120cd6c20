/* SPDX-License-Identifier: MIT */
#ifndef AITHER_SYNC_MANIFEST_H
#define AITHER_SYNC_MANIFEST_H

/*
 * The manifest keeps what aither must remember from one sync to the next: output/.sync-manifest.json (0600).
 *
 *	{"version":1, "lastSyncAt", "durationMs", "lastSync":{report}, "lastSuccessTime",
 *	 "consecutiveFailures", "incident", "hemeraTemplates", "roundStartedAt",
 *	 "site":{"public/index.de.html":{"hash","size","modifiedUs"},...}, "orphans":["x.html"],
 *	 "list":{the known courses, see known.h},
 *	 "entities":{"courses":{"<id>":{"hash","updatedAt","outputPath","size","modifiedUs","seenAt",
 *	 "deferred","missing","course":{list row}}}}}
 *
 * hemeraTemplates, roundStartedAt, deferred and missing are left out when they are not set. outputPath is
 * "courses/NAME.html", with CoursePages=public below public/. A course has an entry once its page has been
 * published; a page without an entry was published before the manifest was lost. Times are RFC 3339. Any
 * damage makes the whole file unusable, because none of it can be trusted any more. Then all pages are
 * written again and the history is lost, but no page is ever wrong.
 *
 *	manifest_load(directory, &manifest, err);      -ENOENT, -EBADMSG: start with an empty one
 *	manifest_save(directory, &manifest, err);
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "hemera/course.h"
#include "sync/known.h"
#include "sync/names.h"

struct buf;
struct error;
struct json;

#define MANIFEST_NAME ".sync-manifest.json"
#define MANIFEST_BAD_NAME MANIFEST_NAME ".bad"
#define MANIFEST_VERSION 1           /* raise it when an old reader would misunderstand the file */
#define MANIFEST_SIZE_MAX (48 << 20) /* 50 000 courses need 45 MB, and six times as much as a tree */
#define MANIFEST_DEPTH_MAX 16        /* an entry's list row is at level 5, the report's errors at 4 */
#define MANIFEST_NODES_MAX 2000000   /* 50 000 courses of 29 values, and the report */

struct manifest_entry {
	struct course course;      /* owned; the row of the list that the page was made from */
	char hash[HASH_HEX_SIZE];  /* page_fingerprint of what the page was made from */
	char *name;                /* owned; in courses/ */
	int64_t size, modified_us; /* of the file as written; a file that differs was not written by aither */
	int64_t updated_ms;        /* when the page was written */
	int64_t seen_ms;           /* when its participants were last read; 0: never, and the page says so */
	bool deferred;             /* the last sync did not get to it */
	unsigned missing;          /* number of listings in a row that lacked it */
	/* Of the current sync, not stored: it is in the list; its page has the planned name already; the file
	 * `name` holds its page; the entry is to be removed. */
	bool listed, at_home, owner, gone;
};

/* The files that are made from the known courses. The course lists are for staff only. */
enum manifest_site_file {
	MANIFEST_HOMEPAGE_DE,
	MANIFEST_HOMEPAGE_EN,
	MANIFEST_LIST_DE,
	MANIFEST_LIST_EN,
	MANIFEST_JSON,
	MANIFEST_CALENDAR,
	MANIFEST_SITE_FILES
};

struct manifest_site {
	char hash[HASH_HEX_SIZE]; /* page_home_fingerprint; "": the file has to be made */
	int64_t size, modified_us;
};

/* Does Hemera have templates? */
enum manifest_templates { MANIFEST_TEMPLATES_UNKNOWN, MANIFEST_TEMPLATES_NONE, MANIFEST_TEMPLATES_SOME };

struct manifest {
	int64_t last_sync_ms, last_success_ms; /* 0: never */
	int64_t round_ms; /* start of the first of the syncs that together read every course; 0: all are read
			   */
	uint64_t duration_ms;
	unsigned consecutive_failures;
	struct json *last_sync, *incident;        /* owned; NULL: none */
	enum manifest_templates hemera_templates; /* as of Hemera's last answer */
	struct manifest_site site[MANIFEST_SITE_FILES];
	struct nameset orphans;          /* files of no course that the last sync left in place */
	struct known known;              /* the courses that the homepage shows */
	struct manifest_entry **entries; /* owned */
	size_t count;
};

void manifest_done(struct manifest *manifest);

/* Borrowed; NULL: none. The entries must be sorted, as they are after manifest_load. */
struct manifest_entry *manifest_find(const struct manifest *manifest, const char *id);
struct manifest_entry *manifest_add(
	struct manifest *manifest, const struct course *course); /* at the end, with a copy of the course */
void manifest_sort(struct manifest *manifest);                   /* by id */
void manifest_drop_gone(struct manifest *manifest);              /* removes the entries marked `gone` */

/* -EBADMSG: damaged, and err describes the damage; *ret_manifest is untouched. */
int manifest_parse(struct manifest *ret_manifest, const char *text, size_t length, struct error *err);
void manifest_write(
	struct buf *out, const struct manifest *manifest); /* appends; check for overflow: buf_overflowed */

/* Returns 0; -ENOENT: there is none; -EBADMSG: damaged or not readable; -EMFILE, -ENFILE, -ENOMEM: it may be
 * good but cannot be read now. On failure *ret_manifest is untouched. */
int manifest_load(int directory, struct manifest *ret_manifest, struct error *err);

int manifest_save(
	int directory, struct manifest *manifest, struct error *err); /* sorts; atomic and durable */

#endif
