/* SPDX-License-Identifier: MIT */
#include "sync/job.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/time.h"
#include "config/config.h"
#include "notify/incident.h"

#define HISTORY_RECENT_MS (INT64_C(24) * 3600 * 1000)

/* ---- earlier syncs ---- */

/* Returns 0 and an empty manifest if there is none. */
static int history_load_manifest(
	const char *output_directory, struct manifest *ret_manifest, struct error *err)
{
	CLEANUP(file_closep) int directory = -1;
	int r = file_open_directory(AT_FDCWD, output_directory, &directory, err);

	if (r == 0)
		r = manifest_load(directory, ret_manifest, err);
	return r == -ENOENT ? 0 : r;
}

int sync_history_load(const char *output_directory, struct sync_history *ret_history, struct error *err)
{
	CLEANUP(manifest_done) struct manifest manifest = { 0 };
	int r = history_load_manifest(output_directory, &manifest, err);

	if (r < 0)
		return r;
	*ret_history = (struct sync_history){
		.last_success_ms = manifest.last_success_ms,
		.consecutive_failures = manifest.consecutive_failures,
		.courses = (unsigned)manifest.count,
		.mails_unsent = incident_unsent(manifest.incident),
		.kept = manifest.known.kept,
	};
	ret_history->last_report = STEAL(manifest.last_sync);
	return 0;
}

void sync_history_done(struct sync_history *history)
{
	json_free(history->last_report);
	*history = (struct sync_history){ 0 };
}

/* The course as the homepage shows it, else as it was when its page was written; NULL: not known. */
static const struct course *history_find_course(const struct manifest *manifest, const char *id)
{
	const struct manifest_entry *entry = manifest_find(manifest, id);

	for (size_t i = 0; i < manifest->known.count; i++)
		if (strcmp(manifest->known.courses[i].id, id) == 0)
			return &manifest->known.courses[i];
	return entry ? &entry->course : NULL;
}

int sync_incident_load(const char *output_directory, struct json **ret_incident, struct json **ret_courses,
	struct error *err)
{
	static const char prefix[] = "course ";
	CLEANUP(manifest_done) struct manifest manifest = { 0 };
	CLEANUP(json_freep) struct json *courses = json_new_object();
	int r = history_load_manifest(output_directory, &manifest, err);

	if (r < 0)
		return r;
	JSON_FOREACH (item, json_get(manifest.incident, "courses")) {
		const char *entity = json_string(json_get(item, "entity"));
		const struct course *course =
			entity && strncmp(entity, prefix, strlen(prefix)) == 0
				? history_find_course(&manifest, entity + strlen(prefix))
				: NULL;

		if (!course || json_get(courses, entity))
			continue;
		struct json *names = json_new_object();
		json_set_string(names, "title", course->title);
		json_set_string(names, "slug", course->slug);
		json_set(courses, entity, names);
	}
	*ret_incident = STEAL(manifest.incident);
	*ret_courses = STEAL(courses);
	return 0;
}

int sync_incident_sent(const char *output_directory, const char *message_id, int64_t now_ms,
	const struct incident_rest *rest, struct error *err)
{
	CLEANUP(publish_close) struct publish out = PUBLISH_INIT;
	CLEANUP(manifest_done) struct manifest manifest = { 0 };
	struct error problem = { 0 };
	struct json *incident;
	int r = publish_open_briefly(&out, output_directory, err);

	if (r < 0)
		return r;
	r = manifest_load(out.root, &manifest, &problem);
	if (r < 0)
		return error_fail(err, ERROR_OUTPUT, r, "%s", problem.message);
	incident = incident_sent(manifest.incident, message_id, now_ms, rest);
	json_free(manifest.incident);
	manifest.incident = incident;
	return manifest_save(out.root, &manifest, err);
}

/* ---- the end of a sync ---- */

static void history_end_report(struct sync_job *job, int result, const struct error *problem)
{
	struct report *report = job->report;
	uint64_t made_ms = report->render_ms + report->publish_ms;

	report->courses_deferred = (unsigned)job->lost;
	for (size_t i = 0; i < job->count; i++)
		report->courses_deferred += job->courses[i].deferred;
	if (result < 0) {
		bool is_own = problem->code == ERROR_SHUTTING_DOWN || problem->code == ERROR_INTERNAL;

		report_add_end(report,
			problem->code == ERROR_OUTPUT     ? "output"
			: problem->code == ERROR_TEMPLATE ? "templates"
			: is_own                          ? "sync"
							  : "hemera",
			problem);
		if (problem->retry_after_s)
			report->retry_after_s = problem->retry_after_s;
	}
	report->status = result < 0                 ? REPORT_FAILED
			 : report->errors_total > 0 ? REPORT_PARTIAL
						    : REPORT_SUCCESS;
	report->end_ms = time_now_ms();
	report->duration_ms = time_mono_ms() - job->start_mono_ms;
	report->fetch_ms = report->duration_ms > made_ms ? report->duration_ms - made_ms : 0;
}

/* Enters the sync and the mail that is due into the manifest, with one write for both. The manifest is
 * written last, when everything that it describes is on disk. If it cannot be saved, the sync has failed, and
 * the last success remains the earlier one. */
static void history_save(struct sync_job *job, int result, struct error *problem)
{
	struct report *report = job->report;
	struct manifest *manifest = &job->manifest;
	int64_t last_success_ms = manifest->last_success_ms;
	unsigned failures = manifest->consecutive_failures;
	bool has_failed = report->status == REPORT_FAILED;
	bool is_recent = last_success_ms && report->end_ms - last_success_ms < HISTORY_RECENT_MS;
	/* A cancelled sync is no sign of a fault. Neither is a sync that found the minute's requests used up,
	 * if another sync has succeeded within a day. */
	bool says_nothing = has_failed && (problem->code == ERROR_SHUTTING_DOWN ||
						  (problem->code == ERROR_HEMERA_RATE_LIMITED && is_recent));
	struct error unsaved = { 0 };
	struct incident_sync sync;
	struct json *incident;

	json_free(manifest->last_sync);
	manifest->last_sync = report_to_json(report);
	manifest->last_sync_ms = report->start_ms;
	manifest->duration_ms = report->duration_ms;
	if (!has_failed) {
		manifest->last_success_ms = report->end_ms;
		manifest->consecutive_failures = 0;
		manifest->round_ms = report->courses_deferred > 0 ? job->round_ms : 0;
	} else if (!says_nothing) {
		manifest->consecutive_failures++;
	}
	sync = (struct incident_sync){
		.report = manifest->last_sync,
		.consecutive_failures = manifest->consecutive_failures,
		.threshold = job->options->config->notify.failure_threshold,
		.says_nothing = says_nothing,
		.now_ms = report->end_ms,
	};
	incident = incident_advance(manifest->incident, &sync);
	json_free(manifest->incident);
	manifest->incident = incident;

	report->last_success_ms = manifest->last_success_ms;
	report->consecutive_failures = manifest->consecutive_failures;
	report->courses_published = (unsigned)manifest->count;
	if (manifest_save(job->out.root, manifest, &unsaved) == 0)
		return;
	report->manifest_unsaved = true;
	if (result == 0)
		*problem = unsaved;
	report_add_end(report, "output", &unsaved);
	if (!has_failed) {
		report->last_success_ms = last_success_ms;
		report->consecutive_failures = failures + 1;
	}
	report->status = REPORT_FAILED;
}

void job_finish(struct sync_job *job, int result, struct error *problem)
{
	bool busy = result < 0 && problem->code == ERROR_SYNC_IN_PROGRESS;
	struct report *report = job->report;

	if (result == 0)
		*problem = (struct error){ 0 };
	else if (problem->errnum == 0)
		problem->errnum = result;
	history_end_report(job, result, problem);
	/* Another process is writing to the directory. */
	if (busy)
		return;
	if (job->out.lock < 0 || job->manifest_unread) {
		/* The manifest must not be written, but if it can be read, its history is still true. */
		CLEANUP(sync_history_done) struct sync_history history = { 0 };

		report->manifest_unsaved = !job->options->dry_run;
		if (sync_history_load(job->options->config->sync.output_directory, &history, NULL) == 0) {
			report->last_success_ms = history.last_success_ms;
			report->consecutive_failures = history.consecutive_failures + 1;
			report->courses_published = history.courses;
		}
	} else if (!job->options->dry_run) {
		history_save(job, result, problem);
	}
	report_log(report, job->options->request_id, problem);
}
