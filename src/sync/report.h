/* SPDX-License-Identifier: MIT */
#ifndef AITHER_SYNC_REPORT_H
#define AITHER_SYNC_REPORT_H

/*
 * The result of one sync, as GET /api/sync/status returns it and the manifest keeps it. The three file counts
 * include course pages only.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/hash.h"
#include "sync/known.h"

struct json;

#define REPORT_REMOVED_MAX 100
#define REPORT_ERRORS_MAX 100 /* the first, and the one that ended the sync; errors_total counts all */

enum report_status { REPORT_RUNNING, REPORT_SUCCESS, REPORT_PARTIAL, REPORT_FAILED };

struct report_error {
	char *entity, *message; /* owned; entity: "course c123", "template t1", "list", "output"... */
	enum error_code code;
	int64_t time_ms;
};

struct report {
	char job_id[HASH_UUID_SIZE];
	enum report_status status;
	int64_t start_ms, end_ms;                 /* wall clock; end_ms 0 while running */
	uint64_t duration_ms;                     /* monotonic */
	uint64_t fetch_ms, render_ms, publish_ms; /* for Server-Timing */
	unsigned courses_fetched, participants_fetched, templates_fetched;
	unsigned files_generated, files_skipped, files_deleted;
	unsigned courses_deferred, retry_after_s;
	bool homepage_changed, dry_run;
	struct known_kept kept; /* courses on the homepage that Hemera's list lacks; not in the JSON */
	/* The manifest's state after this sync, for the worker's statistics; not in the JSON. */
	unsigned courses_published, consecutive_failures;
	int64_t last_success_ms; /* wall clock, 0: never */
	/* For alerts, not in the JSON. manifest_unsaved: the manifest could not be written, so the next sync
	 * will not know of this one. manifest_damaged: the manifest was damaged and has been replaced. */
	bool manifest_unsaved, manifest_damaged;
	char *course_id; /* owned; next upcoming course, NULL: none (noUpcomingCourse) */
	struct report_error errors[REPORT_ERRORS_MAX];
	size_t errors_total;
	char **would_change; /* owned; dry run only: pages that would be written or removed */
	size_t would_change_count;
	char *removed[REPORT_REMOVED_MAX]; /* owned; the first of the files_deleted pages */
};

void report_init(struct report *report, const char *job_id); /* the sync starts now */
void report_done(struct report *report);
void report_add_error(struct report *report, const char *entity, const struct error *problem);

/* Adds the error that has ended a failed sync. It is always kept, as the last error. */
void report_add_end(struct report *report, const char *entity, const struct error *problem);
void report_add_removed(struct report *report, const char *path); /* counts it */
void report_add_change(struct report *report, const char *path);  /* for a dry run: "courses/x.html" */
const char *report_status_name(enum report_status status);        /* "success" */
struct json *report_to_json(const struct report *report);         /* owned */

/* Writes to the journal: a warning for each of the first problems, then the sync's own event with its counts
 * as fields. request_id may be NULL; *problem: the error that ended a failed sync. */
void report_log(const struct report *report, const char *request_id, const struct error *problem);

#endif
