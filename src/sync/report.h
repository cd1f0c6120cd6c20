/* SPDX-License-Identifier: MIT */
#ifndef AITHER_SYNC_REPORT_H
#define AITHER_SYNC_REPORT_H

/*
 * The results of one sync, as GET /api/sync/status shows it and the manifest keeps it. The three file counts
 * count course pages only.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/hash.h"
#include "sync/known.h"

struct json;

#define REPORT_REMOVED_MAX 100
#define REPORT_ERRORS_MAX 100 /* the first ones, and what ended the sync; errors_total counts all */

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
	struct known_kept kept; /* rows on the homepage that Hemera's list lacks; not in the JSON */
	/* The manifest's state after this sync; for the worker's memory, not in the JSON. */
	unsigned courses_published, consecutive_failures;
	int64_t last_success_ms; /* wall clock, 0: never */
	/* For alerts, not in the JSON: the sync's end could not be written into the manifest, so that the
	 * next one will not know of it; the manifest was damaged and has been made anew. */
	bool manifest_unsaved, manifest_damaged;
	char *course_id; /* owned; next upcoming course, NULL: none (noUpcomingCourse) */
	struct report_error errors[REPORT_ERRORS_MAX];
	size_t errors_total;
	char **would_change; /* owned; dry run only: pages that would be written or removed */
	size_t would_change_count;
	char *removed[REPORT_REMOVED_MAX]; /* owned; the first of files_deleted pages */
};

void report_init(struct report *report, const char *job_id); /* running, from now */
void report_done(struct report *report);
void report_add_error(struct report *report, const char *entity, const struct error *problem);

/* The error that has ended a failed sync: always kept, as the last one. */
void report_add_end(struct report *report, const char *entity, const struct error *problem);
void report_add_removed(struct report *report, const char *path); /* counts it */
void report_add_change(struct report *report, const char *path);  /* dry run: "courses/x.html" would change */
const char *report_status_name(enum report_status status);        /* "success" */
struct json *report_to_json(const struct report *report);         /* owned */

/* Into the journal: a warning for each of the first problems, then the sync's own event with its counts as
 * fields. request_id may be NULL; *problem: what ended a failed sync. */
void report_log(const struct report *report, const char *request_id, const struct error *problem);

#endif
