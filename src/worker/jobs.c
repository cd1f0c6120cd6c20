/* SPDX-License-Identifier: MIT */
#include "worker/internal.h"

#include <errno.h>
#include <stdlib.h>

#include "base/config.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/time.h"
#include "http/daemon.h"
#include "http/envelope.h"
#include "worker/notify.h"

static void start_sync_now(struct worker *worker, struct worker_sync *job);

/* A look at the list has ended: gives every refresh that waits the same answer, a fetch time or else the
 * error. */
static void answer_waiters(
	struct worker *worker, int64_t fetched_at_ms, bool changed, const struct error *problem)
{
	int64_t *data_ms = &worker->state.values[STATE_DATA_MS];
	bool is_new = !problem && *data_ms != fetched_at_ms;

	worker->look = (struct worker_look){ .fetched_at_ms = fetched_at_ms };
	if (problem)
		worker->look.err = *problem;
	else
		*data_ms = fetched_at_ms;
	if (is_new || worker->waiter_count > 0)
		statistics_publish(worker); /* before the answers, upon which aither-web reads it */
	while (worker->waiter_count > 0) {
		struct http_pending *pending = worker->waiters[--worker->waiter_count];
		const char *request_id = http_pending_request_id(pending);
		struct http_response response = { 0 };

		if (problem)
			envelope_error(&response, request_id, problem, NULL);
		else
			answer_refreshed(&response, request_id, fetched_at_ms, changed);
		http_complete(pending, &response);
	}
}

void worker_add_waiter(struct worker *worker, const struct http_request *request)
{
	worker->waiters[worker->waiter_count++] = http_later(request);
}

void worker_show_status(const struct worker *worker)
{
	const struct sync_history *history = &worker->history;
	const struct config *config = worker->options.config;

	if (!config_is_usable(config)) {
		daemon_status("not configured: %s", config->problems.text[config->problems.first_required]);
	} else if (worker->slot == WORKER_SYNCING) {
		daemon_status("%u courses, a sync is running", history->courses);
	} else if (history->last_success_ms) {
		char when[TIME_TEXT_SIZE];

		time_format(history->last_success_ms, when);
		daemon_status("%u courses, last success %s, failures since: %u", history->courses, when,
			history->consecutive_failures);
	} else {
		daemon_status("no sync has succeeded yet");
	}
}

/* ---- refresh of the homepage ---- */

static void refresh_run(struct thread_job *job)
{
	struct worker_refresh *refresh = (struct worker_refresh *)job;

	refresh->result = sync_refresh(&refresh->options, &refresh->refreshed, &refresh->err);
}

static void refresh_done(struct thread_job *job)
{
	CLEANUP(mem_freep) struct worker_refresh *refresh = (struct worker_refresh *)job;
	struct worker *worker = refresh->worker;

	worker->slot = WORKER_IDLE;
	worker->active_mono_ms = time_mono_ms();
	if (worker->next) {
		/* The waiters stay: the sync's own list answers them. */
		start_sync_now(worker, STEAL(worker->next));
		return;
	}
	if (refresh->result == 0)
		worker->history.kept = refresh->refreshed.kept;
	answer_waiters(worker, refresh->refreshed.fetched_at_ms, refresh->refreshed.changed,
		refresh->result == 0 ? NULL : &refresh->err);
	/* Visitors may ask every ten seconds while Hemera is out of order. */
	if (refresh->result < 0 && !worker->refresh_failed)
		log_write(LOG_WARNING, "homepage not refreshed: %s", refresh->err.message);
	worker->refresh_failed = refresh->result < 0;
}

static void fill_options(struct worker *worker, struct sync_options *options, struct sync_progress *progress)
{
	options->config = worker->options.config;
	options->shipped_templates = worker->options.shipped_templates;
	options->budget = &worker->budget;
	options->progress = progress;
	options->cancelled = &worker->cancelled;
	options->statistics = &worker->state.hemera;
}

void worker_start_refresh(struct worker *worker)
{
	struct worker_refresh *refresh = mem_zalloc(sizeof(*refresh));

	refresh->worker = worker;
	fill_options(worker, &refresh->options, &refresh->progress);
	worker->slot = WORKER_REFRESHING;
	atomic_store(&worker->cancelled, worker->stopping);
	if (thread_start(worker->queue, &refresh->job, refresh_run, refresh_done, &refresh->err) < 0) {
		refresh->result = refresh->err.errnum;
		thread_post(worker->queue, &refresh->job, refresh_done);
	}
}

/* ---- sync ---- */

struct listed_message {
	struct thread_job message;
	struct worker *worker;
	int64_t listed_at_ms;
	bool changed;
};

static void listed_done(struct thread_job *message)
{
	CLEANUP(mem_freep) struct listed_message *listed = (struct listed_message *)message;

	answer_waiters(listed->worker, listed->listed_at_ms, listed->changed, NULL);
}

/* On the sync's thread: the homepage is there, whoever waits for it need not wait for the pages. */
static void on_listed(void *arg)
{
	struct worker_sync *job = arg;
	struct listed_message *listed = mem_zalloc(sizeof(*listed));

	listed->worker = job->worker;
	listed->listed_at_ms = atomic_load(&job->progress.listed_at_ms);
	listed->changed = atomic_load(&job->progress.listed_changed);
	thread_post(job->worker->queue, &listed->message, listed_done);
}

static void worker_sync_run(struct thread_job *job)
{
	struct worker_sync *sync = (struct worker_sync *)job;

	sync->result = sync_run(&sync->options, &sync->report, &sync->err);
}

static void worker_sync_freep(struct worker_sync **job)
{
	if (*job)
		report_done(&(*job)->report);
	free(*job);
}

/* A dry run and a sync that met another process's lock leave no trace. */
static void remember(struct worker *worker, const struct worker_sync *job)
{
	struct sync_history *history = &worker->history;

	if (job->report.dry_run || (job->result < 0 && job->err.code == ERROR_SYNC_IN_PROGRESS))
		return;
	json_free(history->last_report);
	history->last_report = report_to_json(&job->report);
	history->last_success_ms = job->report.last_success_ms;
	history->consecutive_failures = job->report.consecutive_failures;
	history->courses = job->report.courses_published;
	if (atomic_load(&job->progress.listed_at_ms))
		history->kept = job->report.kept;
	statistics_add_sync(worker, job);
}

/* Who still waits came before the list was read. A dry run publishes no homepage, and one that met another
 * process's lock read nothing: they have no answer for them, so they get a refresh of their own. */
static void end_waiting(struct worker *worker, const struct worker_sync *job)
{
	int64_t listed_at_ms = atomic_load(&job->progress.listed_at_ms);

	if (listed_at_ms)
		answer_waiters(worker, listed_at_ms, atomic_load(&job->progress.listed_changed), NULL);
	else if (job->result < 0 && job->err.code != ERROR_SYNC_IN_PROGRESS)
		answer_waiters(worker, 0, false, &job->err);
	else if (worker->waiter_count > 0)
		worker_start_refresh(worker);
}

static void worker_sync_done(struct thread_job *thread_job)
{
	CLEANUP(worker_sync_freep) struct worker_sync *job = (struct worker_sync *)thread_job;
	struct worker *worker = job->worker;

	worker->slot = WORKER_IDLE;
	worker->sync = NULL;
	worker->active_mono_ms = time_mono_ms();
	remember(worker, job);
	notify_sync_ended(worker->notify, job);
	statistics_publish(worker);
	if (job->pending) {
		struct http_response response = { 0 };

		answer_sync_ended(&response, http_pending_request_id(job->pending), job);
		http_complete(STEAL(job->pending), &response);
	}
	end_waiting(worker, job);
	worker_show_status(worker);
}

/* No thread, so sync_run() does not tell what became of it. What was before is still true. */
static void fail_to_start(struct worker *worker, struct worker_sync *job)
{
	struct report *report = &job->report;
	const struct log_field fields[] = {
		{ "AITHER_JOB_ID", job->job_id },
		{ "REQUEST_ID", job->request_id },
		{ "AITHER_STATUS", report_status_name(REPORT_FAILED) },
		{ "AITHER_DURATION_MS", "0" },
		{ "AITHER_ERROR_CODE", error_code_name(job->err.code) },
	};

	job->result = job->err.errnum;
	report->status = REPORT_FAILED;
	report->end_ms = time_now_ms();
	report_add_error(report, "sync", &job->err);
	report->last_success_ms = worker->history.last_success_ms;
	report->courses_published = worker->history.courses;
	report->consecutive_failures = worker->history.consecutive_failures + 1;
	log_event(LOG_ERR, LOG_EVENT_SYNC_FAILED, fields, ARRAY_SIZE(fields), "sync failed: %s",
		job->err.message);
}

/* The job lives until its end comes back by the loop, even if it could not be started: the caller may still
 * answer with it. */
static void start_sync_now(struct worker *worker, struct worker_sync *job)
{
	worker->slot = WORKER_SYNCING;
	worker->sync = job;
	atomic_store(&worker->cancelled, worker->stopping);
	if (thread_start(worker->queue, &job->job, worker_sync_run, worker_sync_done, &job->err) < 0) {
		fail_to_start(worker, job);
		thread_post(worker->queue, &job->job, worker_sync_done);
	}
	statistics_publish(worker);
	worker_show_status(worker);
}

void worker_start_sync(struct worker *worker, struct worker_sync *owned_job)
{
	owned_job->worker = worker;
	owned_job->start_ms = time_now_ms();
	owned_job->start_mono_ms = time_mono_ms();
	report_init(&owned_job->report, owned_job->job_id);
	owned_job->report.dry_run = owned_job->options.dry_run;
	fill_options(worker, &owned_job->options, &owned_job->progress);
	owned_job->options.job_id = owned_job->job_id;
	owned_job->options.request_id = owned_job->request_id;
	owned_job->options.on_listed = on_listed;
	owned_job->options.on_listed_arg = owned_job;
	if (worker->slot == WORKER_REFRESHING) {
		worker->next = owned_job;
		atomic_store(&worker->cancelled, true);
		return;
	}
	start_sync_now(worker, owned_job);
}
