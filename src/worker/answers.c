/* SPDX-License-Identifier: MIT */
#include "worker/internal.h"

#include <errno.h>
#include <stdio.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/time.h"
#include "config/config.h"
#include "http/envelope.h"

#define STATUS_TARGET "/api/sync/status"

/* Whole seconds, rounded up; 0: nothing is waited for. */
static int64_t wait_s(const struct sync_progress *progress)
{
	uint64_t until_ms = atomic_load(&progress->limited_until_mono_ms), now_ms = time_mono_ms();

	return until_ms > now_ms ? (int64_t)((until_ms - now_ms + 999) / 1000) : 0;
}

/* The report of a sync that is still under way: counts are zero until it ends, progress is live. */
static struct json *running_report(const struct worker_sync *job)
{
	struct report report;
	struct json *json, *progress = json_new_object();

	report_init(&report, job->job_id);
	report.start_ms = job->start_ms;
	report.duration_ms = time_mono_ms() - job->start_mono_ms;
	report.dry_run = job->options.dry_run;
	json = report_to_json(&report);
	json_set_string(progress, "phase", sync_phase_name(atomic_load(&job->progress.phase)));
	json_set_integer(progress, "done", atomic_load(&job->progress.done));
	json_set_integer(progress, "total", atomic_load(&job->progress.total));
	json_set_integer(progress, "waitSec", wait_s(&job->progress));
	json_set(json, "progress", progress);
	report_done(&report);
	return json;
}

void answer_sync_running(
	struct http_response *response, const char *request_id, const struct worker_sync *job, int status)
{
	envelope_success(response, request_id, status, running_report(job));
	http_response_header(response, "location", STATUS_TARGET);
}

void answer_sync_ended(struct http_response *response, const char *request_id, const struct worker_sync *job)
{
	const struct report *report = &job->report;
	char timing[128];

	if (job->result < 0 && job->err.code == ERROR_SYNC_IN_PROGRESS) {
		/* Another process holds the directory. */
		answer_error(response, request_id, job->err.code, job->err.errnum, job->err.message);
		return;
	}
	if (job->result == 0)
		envelope_success(response, request_id, 200, report_to_json(report));
	else
		envelope_error(response, request_id, &job->err, report_to_json(report));
	snprintf(timing, sizeof(timing), "fetch;dur=%llu, render;dur=%llu, publish;dur=%llu",
		(unsigned long long)report->fetch_ms, (unsigned long long)report->render_ms,
		(unsigned long long)report->publish_ms);
	http_response_header(response, "server-timing", timing);
}

void answer_status(struct http_response *response, const char *request_id, const struct worker *worker)
{
	const struct sync_history *history = &worker->history;
	const struct worker_sync *running = worker->sync ? worker->sync : worker->next;
	struct json *report = NULL;

	if (running)
		report = running_report(running);
	else if (history->last_report)
		report = json_copy(history->last_report);
	if (!report) {
		answer_error(response, request_id, ERROR_NO_SYNC_JOB, -ENOENT,
			"no sync has run yet; start one: aither sync");
		return;
	}
	if (!json_get(report, "removed")) /* in a manifest of version 0.1.0 */
		json_set(report, "removed", json_new_array());
	json_set_time(report, "lastSuccessTime", history->last_success_ms);
	json_set_integer(report, "consecutiveFailures", history->consecutive_failures);
	json_set(report, "listKept", known_kept_to_json(&history->kept));
	envelope_success(response, request_id, 200, report);
}

void answer_refreshed(
	struct http_response *response, const char *request_id, int64_t fetched_at_ms, bool changed)
{
	struct json *data = json_new_object();

	json_set_time(data, "fetchedAt", fetched_at_ms);
	json_set_bool(data, "changed", changed);
	json_set_string(data, "error", NULL);
	envelope_success(response, request_id, 200, data);
}

bool answer_unable(struct http_response *response, const char *request_id, const struct worker *worker)
{
	CLEANUP(mem_freep) char *problems = NULL;

	if (worker->stopping) {
		answer_error(response, request_id, ERROR_SHUTTING_DOWN, -ESHUTDOWN,
			"aither-worker is shutting down; try again in a moment");
		return true;
	}
	if (config_is_usable(worker->options.config))
		return false;
	problems = config_problems_text(worker->options.config, "; ");
	answer_error(response, request_id, ERROR_NOT_CONFIGURED, -ENOKEY, problems);
	return true;
}

void answer_error(struct http_response *response, const char *request_id, enum error_code code, int errnum,
	const char *message)
{
	struct error error = { 0 };

	error_fail(&error, code, errnum, "%s", message);
	if (code == ERROR_SYNC_IN_PROGRESS)
		error.retry_after_s = 5;
	envelope_error(response, request_id, &error, NULL);
	if (code == ERROR_SYNC_IN_PROGRESS)
		http_response_header(response, "location", STATUS_TARGET);
}
