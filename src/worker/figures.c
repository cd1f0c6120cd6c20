/* SPDX-License-Identifier: MIT */
#include "worker/internal.h"

#include "base/buf.h"
#include "base/config.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/time.h"
#include "worker/notices.h"

static const char *const result_names[WORKER_RESULTS] = {
	[WORKER_SUCCESS] = "success",
	[WORKER_PARTIAL] = "partial",
	[WORKER_FAILED] = "failed",
	[WORKER_CANCELLED] = "cancelled",
};

void figures_init(struct worker_figures *figures)
{
	*figures = (struct worker_figures){
		.start_ms = time_now_ms(),
		.durations.bounds_ms = { 100, 500, 1000, 2500, 5000, 10000, 20000, 30000, 60000, 120000,
			300000, 600000 },
	};
	hemera_figures_init(&figures->hemera);
}

static enum worker_result result_of(const struct worker_sync *job)
{
	if (job->result < 0)
		return job->err.code == ERROR_SHUTTING_DOWN ? WORKER_CANCELLED : WORKER_FAILED;
	return job->report.status == REPORT_PARTIAL ? WORKER_PARTIAL : WORKER_SUCCESS;
}

void figures_add_sync(struct worker_figures *figures, const struct worker_sync *job)
{
	figures->runs[result_of(job)]++;
	figures->generated += job->report.files_generated;
	figures->skipped += job->report.files_skipped;
	figures->deleted += job->report.files_deleted;
	metric_observe(&figures->durations, job->report.duration_ms);
}

static void write_label(struct buf *out, const char *name, const char *label, const char *text, double value)
{
	const struct metric_label one = { label, text };

	metric_sample(out, name, &one, 1, value);
}

static void write_counters(struct buf *out, const struct worker_figures *figures)
{
	const char *runs = "aither_sync_runs_total", *pages = "aither_sync_pages_total";

	metric_family(out, runs, METRIC_COUNTER,
		"Syncs that have ended, by result; cancelled: the worker was told to end. Dry runs do not "
		"count.");
	for (int i = 0; i < WORKER_RESULTS; i++)
		write_label(out, runs, "result", result_names[i], (double)figures->runs[i]);
	metric_histogram(out, "aither_sync_duration_seconds", "How long syncs took.", &figures->durations);
	metric_family(out, pages, METRIC_COUNTER,
		"Course pages that syncs have written, left as they were, and removed.");
	write_label(out, pages, "action", "generated", (double)figures->generated);
	write_label(out, pages, "action", "skipped", (double)figures->skipped);
	write_label(out, pages, "action", "deleted", (double)figures->deleted);
}

static double seconds_of(const struct json *time_text)
{
	int64_t unix_ms = 0;

	(void)time_parse(json_string(time_text), &unix_ms);
	return (double)unix_ms / 1000.0;
}

static void write_notice_counts(struct buf *out, const struct notices *notices)
{
	static const char *const channels[NOTICES_CHANNELS] = {
		[NOTICES_BY_MAIL] = "mail",
		[NOTICES_BY_ROLLBAR] = "rollbar",
	};
	static const char *const results[NOTICES_RESULTS] = {
		[NOTICES_SENT] = "sent",
		[NOTICES_FAILED] = "failed",
		[NOTICES_DROPPED] = "dropped",
	};
	const char *name = "aither_notifications_total";

	metric_family(out, name, METRIC_COUNTER,
		"Mails to the operator and items for Rollbar; failed: tried in vain; dropped: given up.");
	for (int i = 0; i < NOTICES_CHANNELS * NOTICES_RESULTS; i++) {
		int channel = i / NOTICES_RESULTS, result = i % NOTICES_RESULTS;
		const struct metric_label labels[] = {
			{ "channel", channels[channel] },
			{ "result", results[result] },
		};
		uint64_t count =
			notices_count(notices, (enum notices_channel)channel, (enum notices_result)result);

		metric_sample(out, name, labels, ARRAY_SIZE(labels), (double)count);
	}
}

static void write_notices(struct buf *out, const struct notices *notices)
{
	metric_gauge(out, "aither_notifications_pending", "Mails and items that are under way or wait.",
		(double)notices_pending(notices));
	write_notice_counts(out, notices);
}

/* From the manifest, so that they are right from the start on. */
static void write_state(struct buf *out, const struct worker *worker)
{
	const struct sync_history *history = &worker->history;
	const struct json *last = history->last_report;
	const char *courses = "aither_courses";

	metric_gauge(out, "aither_sync_in_progress", "1 while a sync runs, else 0.",
		worker->sync || worker->next ? 1 : 0);
	metric_gauge(out, "aither_sync_consecutive_failures",
		"Failed syncs since the last one that did not fail.", history->consecutive_failures);
	metric_gauge(out, "aither_sync_last_success_timestamp_seconds",
		"End of the last sync that did not fail, in seconds since 1970; 0: there was none.",
		(double)history->last_success_ms / 1000.0);
	metric_gauge(out, "aither_sync_last_attempt_timestamp_seconds",
		"Start of the last sync that has ended, in seconds since 1970; 0: there was none.",
		seconds_of(json_get(last, "startTime")));
	metric_gauge(out, "aither_sync_last_duration_seconds", "How long the last sync took.",
		json_number(json_get(last, "durationMs"), 0) / 1000.0);
	metric_gauge(out, "aither_sync_last_errors", "Problems that the last sync reports (errorsTotal).",
		json_number(json_get(last, "errorsTotal"), 0));
	metric_family(out, courses, METRIC_GAUGE,
		"Courses that have a page, and those whose participants wait for the next sync (deferred).");
	write_label(out, courses, "state", "published", history->courses);
	write_label(out, courses, "state", "deferred", json_number(json_get(last, "coursesDeferred"), 0));
}

void figures_write(struct buf *out, const struct worker *worker)
{
	write_state(out, worker);
	write_counters(out, &worker->figures);
	write_notices(out, worker->notices);
	hemera_figures_write(out, &worker->figures.hemera);
	metric_gauge(out, "aither_worker_configured", "1 when the worker's configuration is usable, else 0.",
		config_is_usable(worker->options.config) ? 1 : 0);
	metric_process(out, "aither_worker", worker->figures.start_ms);
}
