/* SPDX-License-Identifier: MIT */
#include "sync/job.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/time.h"
#include "config/config.h"
#include "notify/incident.h"
#include "sync/manifest.h"
#include "sync/publish.h"
#include "sync/sync.h"

#define OUTCOME_WARNINGS_MAX 20 /* lines in the journal; the report has more */
#define OUTCOME_NUMBER_SIZE 21
#define OUTCOME_RECENT_MS (INT64_C(24) * 3600 * 1000)
#define OUTCOME_CODE_SIZE 32 /* the longest has 22 characters */

static const char *outcome_entity(const struct error *problem)
{
	switch ((int)problem->code) {
	case ERROR_OUTPUT:
		return "output";
	case ERROR_TEMPLATE:
		return "templates";
	case ERROR_SHUTTING_DOWN:
	case ERROR_INTERNAL:
		return "sync";
	default:
		return "hemera";
	}
}

static void outcome_end(struct sync_job *job, int result, const struct error *problem)
{
	struct report *report = job->report;
	uint64_t made_ms;

	report->courses_deferred = (unsigned)job->lost;
	for (size_t i = 0; i < job->count; i++)
		report->courses_deferred += job->courses[i].deferred;
	if (result < 0)
		report_add_end(report, outcome_entity(problem), problem);
	if (result < 0 && problem->retry_after_s)
		report->retry_after_s = problem->retry_after_s;
	report->status = result < 0                 ? REPORT_FAILED
			 : report->errors_total > 0 ? REPORT_PARTIAL
						    : REPORT_SUCCESS;
	report->end_ms = time_now_ms();
	report->duration_ms = time_mono_ms() - job->start_mono_ms;
	made_ms = report->render_ms + report->publish_ms;
	report->fetch_ms = report->duration_ms > made_ms ? report->duration_ms - made_ms : 0;
}

/* Enters the sync into the manifest's history, and which mail is due: both go into the same write. */
static void outcome_enter(struct sync_job *job, enum error_code code)
{
	struct manifest *manifest = &job->manifest;
	const struct report *report = job->report;
	bool has_failed = report->status == REPORT_FAILED;
	bool is_recent =
		manifest->last_success_ms && report->end_ms - manifest->last_success_ms < OUTCOME_RECENT_MS;
	/* A sync that was cancelled does not say that something is wrong, nor one that found the minute's
	 * requests used up while another one has succeeded within a day. */
	bool says_nothing = has_failed &&
			    (code == ERROR_SHUTTING_DOWN || (code == ERROR_HEMERA_RATE_LIMITED && is_recent));
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
}

/* Nothing may be written, but what was before is still true if it can be read. */
static void outcome_recall(struct sync_job *job)
{
	CLEANUP(sync_history_done) struct sync_history history = { 0 };

	job->report->manifest_unsaved = !job->options->dry_run;
	if (sync_history_load(job->options->config->sync.output_directory, &history, NULL) < 0)
		return;
	job->report->last_success_ms = history.last_success_ms;
	job->report->consecutive_failures = history.consecutive_failures + 1;
	job->report->courses_published = history.courses;
}

/* The manifest comes last: whatever it says is on disk already. When it cannot be saved the sync has failed,
 * and the last success is the one before. */
static void outcome_save(struct sync_job *job, int result, struct error *problem)
{
	struct report *report = job->report;
	struct manifest *manifest = &job->manifest;
	int64_t last_success_ms = manifest->last_success_ms;
	unsigned failures = manifest->consecutive_failures;
	struct error unsaved = { 0 };

	outcome_enter(job, problem->code);
	report->last_success_ms = manifest->last_success_ms;
	report->consecutive_failures = manifest->consecutive_failures;
	report->courses_published = (unsigned)manifest->count;
	if (manifest_save(job->out.root, manifest, &unsaved) == 0)
		return;
	report->manifest_unsaved = true;
	if (result == 0)
		*problem = unsaved;
	report_add_end(report, "output", &unsaved);
	if (report->status != REPORT_FAILED) {
		report->last_success_ms = last_success_ms;
		report->consecutive_failures = failures + 1;
	}
	report->status = REPORT_FAILED;
}

/* What ended a failed sync is the last entry, and is said by the event of the sync itself. */
static void outcome_log_errors(const struct report *report)
{
	size_t count = report->errors_total - (report->status == REPORT_FAILED);

	for (size_t i = 0; i < count && i < OUTCOME_WARNINGS_MAX; i++) {
		const struct report_error *problem = &report->errors[i];
		const struct log_field fields[] = {
			{ "AITHER_JOB_ID", report->job_id },
			{ "AITHER_ERROR_CODE", error_code_name(problem->code) },
		};
		bool refused = problem->code == ERROR_MASS_DELETE_REFUSED;

		log_event(LOG_WARNING, refused ? LOG_EVENT_MASS_DELETE_REFUSED : NULL, fields,
			ARRAY_SIZE(fields), "%s: %s", problem->entity, problem->message);
	}
	if (count > OUTCOME_WARNINGS_MAX)
		log_write(LOG_WARNING, "%zu more problems are in the report", count - OUTCOME_WARNINGS_MAX);
}

/* "sync done: 12 pages written, 488 unchanged, 0 removed in 1.8 s, 3 problems"; owned. */
static char *outcome_sentence(const struct report *report, const struct error *problem)
{
	double seconds = (double)report->duration_ms / 1000;
	CLEANUP(mem_freep) char *deferred = mem_printf(", %u deferred", report->courses_deferred);
	CLEANUP(mem_freep)
	char *problems =
		mem_printf(", %zu problem%s", report->errors_total, report->errors_total == 1 ? "" : "s");

	if (report->status == REPORT_FAILED)
		return mem_printf("%s failed after %.1f s: %s", report->dry_run ? "dry run" : "sync", seconds,
			problem->message);
	if (report->dry_run)
		return mem_printf("dry run done: %zu page%s would change, in %.1f s%s",
			report->would_change_count, report->would_change_count == 1 ? "" : "s", seconds,
			report->errors_total ? problems : "");
	return mem_printf("sync done: %u page%s written, %u unchanged, %u removed%s in %.1f s%s",
		report->files_generated, report->files_generated == 1 ? "" : "s", report->files_skipped,
		report->files_deleted, report->courses_deferred ? deferred : "", seconds,
		report->errors_total ? problems : "");
}

/* Every code of the report once, "HEMERA_BAD_DATA TEMPLATE_ERROR"; owned. */
static char *outcome_codes(const struct report *report)
{
	struct buf codes = BUF_INIT(ERROR_CODES * OUTCOME_CODE_SIZE);
	bool seen[ERROR_CODES] = { false };

	for (size_t i = 0; i < report->errors_total && i < REPORT_ERRORS_MAX; i++) {
		enum error_code code = report->errors[i].code;
		if (!seen[code])
			buf_printf(&codes, "%s%s", codes.length ? " " : "", error_code_name(code));
		seen[code] = true;
	}
	return buf_take(&codes);
}

/* The sync's own event, with its counts as fields. */
static void outcome_log(const struct sync_job *job, const struct error *problem)
{
	const struct report *report = job->report;
	CLEANUP(mem_freep) char *codes = outcome_codes(report), *sentence = outcome_sentence(report, problem);
	const struct {
		const char *name;
		uint64_t value;
	} numbers[] = {
		{ "AITHER_DURATION_MS", report->duration_ms },
		{ "AITHER_COURSES_FETCHED", report->courses_fetched },
		{ "AITHER_PARTICIPANTS_FETCHED", report->participants_fetched },
		{ "AITHER_TEMPLATES_FETCHED", report->templates_fetched },
		{ "AITHER_FILES_GENERATED", report->files_generated },
		{ "AITHER_FILES_SKIPPED", report->files_skipped },
		{ "AITHER_FILES_DELETED", report->files_deleted },
		{ "AITHER_COURSES_DEFERRED", report->courses_deferred },
		{ "AITHER_ERRORS", report->errors_total },
	};
	char texts[ARRAY_SIZE(numbers)][OUTCOME_NUMBER_SIZE];
	struct log_field fields[ARRAY_SIZE(numbers) + 5];
	bool failed = report->status == REPORT_FAILED;
	const char *event = LOG_EVENT_SYNC_DONE;
	int priority = LOG_INFO;
	size_t count = 0;

	fields[count++] = (struct log_field){ "AITHER_JOB_ID", report->job_id };
	fields[count++] = (struct log_field){ "REQUEST_ID", job->options->request_id };
	fields[count++] = (struct log_field){ "AITHER_STATUS", report_status_name(report->status) };
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		snprintf(texts[i], sizeof(texts[i]), "%" PRIu64, numbers[i].value);
		fields[count++] = (struct log_field){ numbers[i].name, texts[i] };
	}
	fields[count++] =
		(struct log_field){ "AITHER_ERROR_CODE", failed ? error_code_name(problem->code) : NULL };
	fields[count++] = (struct log_field){ "AITHER_ERROR_CODES", report->errors_total > 0 ? codes : NULL };
	if (failed) {
		/* The catalog has another remedy for a refused key than for other failures. */
		event = problem->code == ERROR_HEMERA_AUTH_FAILED ? LOG_EVENT_KEY_REFUSED
								  : LOG_EVENT_SYNC_FAILED;
		priority = problem->code == ERROR_SHUTTING_DOWN ? LOG_NOTICE : LOG_ERR;
	}
	log_event(priority, event, fields, count, "%s", sentence);
}

void job_finish(struct sync_job *job, int result, struct error *problem)
{
	bool busy = result < 0 && problem->code == ERROR_SYNC_IN_PROGRESS;

	if (result == 0)
		*problem = (struct error){ 0 };
	else if (problem->errnum == 0)
		problem->errnum = result;
	outcome_end(job, result, problem);
	/* The directory is another process's, or was never ours. */
	if (busy)
		return;
	if (job->out.lock < 0 || job->manifest_unread)
		outcome_recall(job);
	else if (!job->options->dry_run)
		outcome_save(job, result, problem);
	outcome_log_errors(job->report);
	outcome_log(job, problem);
}

/* ---- what the manifest says of the past ---- */

int sync_history_load(const char *output_directory, struct sync_history *ret_history, struct error *err)
{
	CLEANUP(manifest_done) struct manifest manifest = { 0 };
	int r = manifest_load_from(output_directory, &manifest, err);

	if (r < 0)
		return r;
	*ret_history = (struct sync_history){
		.last_success_ms = manifest.last_success_ms,
		.consecutive_failures = manifest.consecutive_failures,
		.courses = (unsigned)manifest.count,
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

int sync_incident_load(const char *output_directory, struct json **ret_incident, struct error *err)
{
	CLEANUP(manifest_done) struct manifest manifest = { 0 };
	int r = manifest_load_from(output_directory, &manifest, err);

	if (r < 0)
		return r;
	*ret_incident = STEAL(manifest.incident);
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
