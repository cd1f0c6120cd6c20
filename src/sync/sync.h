/* SPDX-License-Identifier: MIT */
#ifndef AITHER_SYNC_SYNC_H
#define AITHER_SYNC_SYNC_H

/*
 * A sync fetches the list and the details that may have changed. Then it hashes, renders and publishes pages,
 * removes others, and reports. It blocks, and runs on a thread. Only one sync per output directory runs at
 * a time (flock on .sync.lock, which ends with the process).
 *
 * It writes .sync-manifest.json and the pages that published/published.h lists. Each file is whole, old or
 * new, whenever the process or the machine dies. Course pages of the audience that CoursePages does not name
 * are removed first.
 *
 * A sync that ends as "success" or "partial" (a course or template failed, or a removal was refused) sets
 * lastSuccessTime and ends a series of failures, because data was published. One that ends as "failed"
 * continues the series. A cancelled sync fails with SHUTTING_DOWN and does not count. A dry run takes the
 * lock, reads everything and changes no page and no manifest, so it does not call on_listed.
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
	atomic_ullong limited_until_mono_ms; /* the end of a wait for Hemera's rate limit; 0: not waiting */
	atomic_llong listed_at_ms;  /* wall clock; 0 until the list is read and the homepage published */
	atomic_bool listed_changed; /* the homepage's bytes changed */
};

struct sync_options {                  /* all borrowed */
	const struct config *config;   /* usable */
	const char *shipped_templates; /* directory of the templates that aither ships */
	const char *job_id;
	const char *request_id; /* of the HTTP request that started the sync, for the log; may be NULL */
	bool force, dry_run;
	struct budget *budget;
	struct sync_progress *progress;
	const atomic_bool *cancelled;
	struct metric_requests *statistics; /* may be NULL */
	void (*on_listed)(void *arg); /* may be NULL; on the job's thread when listed_at_ms has been set */
	void *on_listed_arg;
};

/* Fills *ret_report in any case; the caller calls report_init before and report_done afterwards. Returns 0
 * for success and partial, else the error that ended the sync, which is also in the report. SYNC_IN_PROGRESS:
 * another sync, usually of another process, holds the lock; no page was changed. */
int sync_run(const struct sync_options *options, struct report *ret_report, struct error *err);

struct sync_refreshed {
	int64_t fetched_at_ms; /* wall clock */
	bool changed;          /* the homepage's bytes changed */
	struct known_kept kept;
};

/* Reads only the list, without retries, and makes the homepage from it. When Hemera cannot be read, makes the
 * homepage from the known courses, because courses may have ended since it was last made, and returns the
 * error. */
int sync_refresh(const struct sync_options *options, struct sync_refreshed *ret_refreshed, struct error *err);

/* The manifest's record of earlier syncs. */
struct sync_history {
	struct json *last_report; /* owned; NULL: none */
	int64_t last_success_ms;  /* 0: never */
	unsigned consecutive_failures;
	unsigned courses;       /* published */
	size_t mails_unsent;    /* incident_unsent, at the time of loading */
	struct known_kept kept; /* known courses that Hemera's list lacks */
};

/* If nothing has been published yet, gives an empty history and no error. On failure *ret_history is
 * untouched. */
int sync_history_load(const char *output_directory, struct sync_history *ret_history, struct error *err);
void sync_history_done(struct sync_history *history);

/* Loads the manifest's incident (notify/incident.h); owned, NULL: none. *ret_courses: the courses named in
 * the incident that are also in the manifest, {"course c1":{"title","slug"}}; owned. On failure both are
 * untouched. */
int sync_incident_load(const char *output_directory, struct json **ret_incident, struct json **ret_courses,
	struct error *err);

/* Notes in the manifest that the mail with that id was sent (incident_sent). -EWOULDBLOCK with
 * SYNC_IN_PROGRESS: a sync holds the lock; try again when it has ended. Any other error is OUTPUT_ERROR: the
 * manifest cannot be read or written, and nothing was changed. A sync of this process that begins
 * meanwhile waits for this function. */
int sync_incident_sent(const char *output_directory, const char *message_id, int64_t now_ms,
	const struct incident_rest *rest, struct error *err);

#endif
