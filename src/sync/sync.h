/* SPDX-License-Identifier: MIT */
#ifndef AITHER_SYNC_SYNC_H
#define AITHER_SYNC_SYNC_H

/*
 * One sync: fetch the list and what changed, hash, render, publish, remove, report.
 * Blocks; runs on a thread; one at a time per output directory (flock on .sync.lock, which dies with the
 * process).
 *
 * Published: the files of published/published.h and .sync-manifest.json, each whole, old or new, whenever the
 * process or the machine dies. Course pages of the audience that CoursePages does not name are removed first.
 *
 * success and partial (a course or template failed, or a deletion was refused) set lastSuccessTime and end a
 * row of failures, for data were published. failed adds to the row; a sync that was cancelled fails with
 * SHUTTING_DOWN and does not count. A dry run takes the lock, reads everything and writes nothing, so it
 * calls no on_listed.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "sync/known.h"
#include "sync/report.h"

struct budget;
struct config;
struct error;
struct metric_requests;
struct incident_rest;
struct json;

enum sync_phase { SYNC_PHASE_LIST, SYNC_PHASE_FETCH, SYNC_PHASE_RENDER, SYNC_PHASE_PUBLISH };

const char *sync_phase_name(enum sync_phase phase); /* "fetch" */

/* Written by the job's thread, read by the loop. */
struct sync_progress {
	atomic_int phase;
	atomic_uint done, total;             /* courses of the phase */
	atomic_ullong limited_until_mono_ms; /* Hemera's rate limit is waited for; 0: it is not */
	atomic_llong listed_at_ms;  /* wall clock; not 0 once the list is read and the homepage published */
	atomic_bool listed_changed; /* the homepage's bytes changed */
};

struct sync_options {                  /* all borrowed */
	const struct config *config;   /* usable */
	const char *shipped_templates; /* directory of the templates that aither ships */
	const char *job_id;
	const char *request_id; /* of the HTTP request that started it, for the log; may be NULL */
	bool force, dry_run;
	struct budget *budget;
	struct sync_progress *progress;
	const atomic_bool *cancelled;
	struct metric_requests *statistics; /* may be NULL */
	void (*on_listed)(void *arg); /* may be NULL; on the job's thread when listed_at_ms has been set */
	void *on_listed_arg;
};

/* Fills *ret_report in any case (init and done are the caller's: report_init was called). Returns 0 for
 * success and partial; else the error that ended it, which is also in the report; SYNC_IN_PROGRESS when
 * another process holds the lock: then nothing was touched. */
int sync_run(const struct sync_options *options, struct report *ret_report, struct error *err);

struct sync_refreshed {
	int64_t fetched_at_ms; /* wall clock */
	bool changed;          /* the homepage's bytes changed */
	struct known_kept kept;
};

/* The list only, and the homepage from it; no retries. When Hemera cannot be read the homepage is made from
 * the known courses, for the day may have changed since, and the error is returned. */
int sync_refresh(const struct sync_options *options, struct sync_refreshed *ret_refreshed, struct error *err);

/* The manifest's record of the past. */
struct sync_history {
	struct json *last_report; /* owned; NULL: none */
	int64_t last_success_ms;  /* 0: never */
	unsigned consecutive_failures;
	unsigned courses;       /* published */
	size_t mails_unsent;    /* as of when it was loaded: incident_unsent */
	struct known_kept kept; /* of the known courses */
};

/* Nothing published yet: an empty history, no error. On failure *ret_history is untouched. */
int sync_history_load(const char *output_directory, struct sync_history *ret_history, struct error *err);
void sync_history_done(struct sync_history *history);

/* The manifest's incident (notify/incident.h); owned, NULL: none. ret_courses: the courses that it names, as
 * far as the manifest knows them, {"course c1":{"title","slug"}}; owned. On failure both are untouched. */
int sync_incident_load(const char *output_directory, struct json **ret_incident, struct json **ret_courses,
	struct error *err);

/* Notes in the manifest that the mail with that id was sent (incident_sent). -EWOULDBLOCK with
 * SYNC_IN_PROGRESS: a sync holds the lock, try again when it has ended; else OUTPUT_ERROR: there is no
 * manifest that can be read and written, nothing was changed. A sync of this process that begins meanwhile
 * waits for it. */
int sync_incident_sent(const char *output_directory, const char *message_id, int64_t now_ms,
	const struct incident_rest *rest, struct error *err);

#endif
