/* SPDX-License-Identifier: MIT */
#include "worker/worker.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/time.h"
#include "config/config.h"
#include "http/daemon.h"
#include "http/envelope.h"
#include "http/list.h"
#include "http/server.h"
#include "worker/doctor.h"
#include "worker/internal.h"
#include "worker/notify.h"

#define CONNECTIONS_MAX 256 /* aither-web opens at most 64; each command opens one */
#define SECOND_MS 1000
#define STATUS_TARGET "/api/sync/status"

static void start_sync(struct worker *worker, struct worker_sync *job);

/* Sets the status line that systemctl status shows. */
static void show_status(const struct worker *worker)
{
	const struct sync_history *history = &worker->history;
	const struct config *config = worker->options.config;
	char when[TIME_TEXT_SIZE];

	if (!config_is_usable(config)) {
		daemon_status("not configured: %s", config->problems.text[config->problems.first_required]);
	} else if (worker->slot == WORKER_SYNCING) {
		daemon_status("%u courses, a sync is running", history->courses);
	} else if (history->last_success_ms) {
		time_format(history->last_success_ms, when);
		daemon_status("%u courses, last success %s, failures since: %u", history->courses, when,
			history->consecutive_failures);
	} else {
		daemon_status("no sync has succeeded yet");
	}
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

/* ---- answers ---- */

/* The report of a sync that is still running: the counts are zero until it ends, the progress is live. */
static struct json *running_report(const struct worker_sync *job)
{
	struct json *json, *progress = json_new_object();
	uint64_t until_ms = atomic_load(&job->progress.limited_until_mono_ms), now_ms = time_mono_ms();
	struct report report;

	report_init(&report, job->job_id);
	report.start_ms = job->start_ms;
	report.duration_ms = now_ms - job->start_mono_ms;
	report.dry_run = job->options.dry_run;
	json = report_to_json(&report);
	json_set_string(progress, "phase", sync_phase_name(atomic_load(&job->progress.phase)));
	json_set_integer(progress, "done", atomic_load(&job->progress.done));
	json_set_integer(progress, "total", atomic_load(&job->progress.total));
	json_set_integer(
		progress, "waitSec", until_ms > now_ms ? (int64_t)((until_ms - now_ms + 999) / 1000) : 0);
	json_set(json, "progress", progress);
	report_done(&report);
	return json;
}

static void answer_sync_ended(
	struct http_response *response, const char *request_id, const struct worker_sync *job)
{
	const struct report *report = &job->report;
	char timing[128];

	if (job->result < 0 && job->err.code == ERROR_SYNC_IN_PROGRESS) {
		/* another process holds the output directory */
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

static void answer_list(
	struct http_response *response, const char *request_id, const struct worker_list *list)
{
	if (list->err.errnum) {
		envelope_error(response, request_id, &list->err, NULL);
		return;
	}
	struct json *data = json_new_object();
	json_set_time(data, "fetchedAt", list->fetched_at_ms);
	json_set_bool(data, "changed", list->changed);
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

/* ---- refresh of the homepage ---- */

/* Call when Hemera's list has been fetched, or could not be fetched. First publishes the state, then sends
 * the same answer to all callers that wait for the refresh, because aither-web reads the state after the
 * answer. */
static void answer_waiters(struct worker *worker, const struct worker_list *list)
{
	worker->last_list = *list;
	worker->last_list.changed = false; /* later callers are not told of this change again */
	if (!list->err.errnum)
		worker->state.values[STATE_DATA_MS] = list->fetched_at_ms;
	statistics_publish(worker);
	while (worker->waiter_count > 0) {
		struct http_pending *pending = worker->waiters[--worker->waiter_count];
		struct http_response response = { 0 };

		answer_list(&response, http_pending_request_id(pending), list);
		http_complete(pending, &response);
	}
}

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
	if (worker->next) {
		/* The waiters stay: they are answered when the sync has read the list. */
		start_sync(worker, STEAL(worker->next));
		return;
	}
	if (refresh->result == 0)
		worker->history.kept = refresh->refreshed.kept;
	struct worker_list list = { .fetched_at_ms = refresh->refreshed.fetched_at_ms,
		.changed = refresh->refreshed.changed };
	if (refresh->result < 0)
		list.err = refresh->err;
	/* A failure is logged by aither-web and not here. While Hemera is down, visitors cause a refresh
	 * every ten seconds, and this process may exit in between: only aither-web knows whether the previous
	 * refresh failed too. */
	answer_waiters(worker, &list);
}

static void start_refresh(struct worker *worker)
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

/* The list that a running sync has already published; fetched_at_ms 0: none. */
static struct worker_list listed_by(const struct worker_sync *job)
{
	return (struct worker_list){
		.fetched_at_ms = atomic_load(&job->progress.listed_at_ms),
		.changed = atomic_load(&job->progress.listed_changed),
	};
}

static void listed_done(struct thread_job *message)
{
	const struct worker_sync *job = ((struct worker_listed *)message)->sync;
	const struct worker_list list = listed_by(job);

	answer_waiters(job->worker, &list);
}

/* Called on the sync's thread when the homepage is published: callers that wait for it need not wait for the
 * other pages. */
static void on_listed(void *arg)
{
	struct worker_sync *job = arg;

	job->listed.sync = job;
	thread_post(job->worker->queue, &job->listed.message, listed_done);
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

static void worker_sync_done(struct thread_job *thread_job)
{
	CLEANUP(worker_sync_freep) struct worker_sync *job = (struct worker_sync *)thread_job;
	struct worker_list list = listed_by(job);
	bool met_lock = job->result < 0 && job->err.code == ERROR_SYNC_IN_PROGRESS; /* of another process */
	bool leaves_trace = !job->report.dry_run && !met_lock;
	struct worker *worker = job->worker;
	struct sync_history *history = &worker->history;

	worker->slot = WORKER_IDLE;
	worker->sync = NULL;
	if (leaves_trace) {
		json_free(history->last_report);
		history->last_report = report_to_json(&job->report);
		history->last_success_ms = job->report.last_success_ms;
		history->consecutive_failures = job->report.consecutive_failures;
		history->courses = job->report.courses_published;
		if (list.fetched_at_ms)
			history->kept = job->report.kept;
		statistics_add_sync(worker, job);
		notify_sync_ended(worker->notify, job);
	}
	/* A dry run publishes no homepage, and a sync that met a lock has read nothing. Neither can answer
	 * the callers that wait for the list, so start a refresh for them. */
	if (list.fetched_at_ms || (job->result < 0 && !met_lock)) {
		if (!list.fetched_at_ms)
			list.err = job->err;
		answer_waiters(worker, &list);
	} else {
		statistics_publish(worker);
		if (worker->waiter_count > 0)
			start_refresh(worker);
	}
	if (job->pending) {
		struct http_response response = { 0 };

		answer_sync_ended(&response, http_pending_request_id(job->pending), job);
		http_complete(STEAL(job->pending), &response);
	}
	show_status(worker);
}

/* Reports a sync that could not be started: without a thread, sync_run() cannot do it. */
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

/* Even if the job cannot be started, the loop reports its end later: the caller may still use the job in its
 * answer. */
static void start_sync(struct worker *worker, struct worker_sync *job)
{
	worker->slot = WORKER_SYNCING;
	worker->sync = job;
	atomic_store(&worker->cancelled, worker->stopping);
	if (thread_start(worker->queue, &job->job, worker_sync_run, worker_sync_done, &job->err) < 0) {
		fail_to_start(worker, job);
		thread_post(worker->queue, &job->job, worker_sync_done);
	}
	statistics_publish(worker);
	show_status(worker);
}

/* ---- calls ---- */

static enum http_result handle_sync(
	const struct http_request *request, struct http_response *response, void *app)
{
	bool is_async = list_has(http_request_header(request, "prefer"), "respond-async"); /* RFC 7240 */
	struct worker *worker = app;
	bool force, dry_run;

	if (answer_unable(response, request->request_id, worker))
		return HTTP_DONE;
	if (http_request_switch(request, "force", &force) < 0 ||
		http_request_switch(request, "dryRun", &dry_run) < 0) {
		answer_error(response, request->request_id, ERROR_BAD_REQUEST, -EINVAL,
			"force and dryRun must be 0 or 1");
		return HTTP_DONE;
	}
	if (force && request->peer == HTTP_PEER_WEB) {
		answer_error(
			response, request->request_id, ERROR_FORBIDDEN, -EPERM, ENVELOPE_FORCE_FORBIDDEN);
		return HTTP_DONE;
	}
	if (worker->sync || worker->next) {
		answer_error(response, request->request_id, ERROR_SYNC_IN_PROGRESS, -EALREADY,
			"a sync is running already");
		return HTTP_DONE;
	}
	struct worker_sync *job = mem_zalloc(sizeof(*job));
	job->worker = worker;
	hash_uuid(job->job_id);
	memcpy(job->request_id, request->request_id, strlen(request->request_id) + 1);
	job->start_ms = time_now_ms();
	job->start_mono_ms = time_mono_ms();
	report_init(&job->report, job->job_id);
	job->report.dry_run = dry_run;
	fill_options(worker, &job->options, &job->progress);
	job->options.force = force;
	job->options.dry_run = dry_run;
	job->options.job_id = job->job_id;
	job->options.request_id = job->request_id;
	job->options.on_listed = on_listed;
	job->options.on_listed_arg = job;
	if (!is_async)
		job->pending = http_later(request);
	if (worker->slot == WORKER_REFRESHING) {
		worker->next = job;
		atomic_store(&worker->cancelled, true);
	} else {
		start_sync(worker, job);
	}
	if (!is_async)
		return HTTP_LATER;
	envelope_success(response, request->request_id, 202, running_report(job));
	http_response_header(response, "location", STATUS_TARGET);
	http_response_header(response, "preference-applied", "respond-async");
	return HTTP_DONE;
}

static enum http_result handle_status(
	const struct http_request *request, struct http_response *response, void *app)
{
	const struct worker *worker = app;
	const struct sync_history *history = &worker->history;
	const struct worker_sync *running = worker->sync ? worker->sync : worker->next;
	struct json *report = NULL;

	if (running)
		report = running_report(running);
	else if (history->last_report)
		report = json_copy(history->last_report);
	if (!report && !config_is_usable(worker->options.config)) {
		answer_unable(response, request->request_id, worker);
		return HTTP_DONE;
	}
	if (!report) {
		answer_error(response, request->request_id, ERROR_NO_SYNC_JOB, -ENOENT,
			"no sync has run yet; start one: aither sync");
		return HTTP_DONE;
	}
	if (!json_get(report, "removed")) /* a report from a manifest of version 0.1.0 lacks it */
		json_set(report, "removed", json_new_array());
	json_set_time(report, "lastSuccessTime", history->last_success_ms);
	json_set_integer(report, "consecutiveFailures", history->consecutive_failures);
	json_set(report, "listKept", known_kept_to_json(&history->kept));
	envelope_success(response, request->request_id, 200, report);
	return HTTP_DONE;
}

static enum http_result handle_refresh(
	const struct http_request *request, struct http_response *response, void *app)
{
	struct worker *worker = app;

	if (answer_unable(response, request->request_id, worker))
		return HTTP_DONE;
	struct worker_list list = { 0 };
	if (worker->sync)
		list = listed_by(worker->sync);
	else if (worker->slot == WORKER_IDLE && quota_take(&worker->refreshes, time_mono_ms()) > 0)
		list = worker->last_list;
	if (list.fetched_at_ms || list.err.errnum) {
		answer_list(response, request->request_id, &list);
		return HTTP_DONE;
	}
	if (worker->waiter_count == WORKER_REFRESH_WAITERS_MAX) {
		answer_error(response, request->request_id, ERROR_WORKER_UNAVAILABLE, -EBUSY,
			"too many requests are waiting for the homepage's refresh");
		return HTTP_DONE;
	}
	worker->waiters[worker->waiter_count++] = http_later(request);
	if (worker->slot == WORKER_IDLE)
		start_refresh(worker);
	return HTTP_LATER;
}

static enum http_result handle_health(
	const struct http_request *request, struct http_response *response, void *app)
{
	(void)request;
	(void)app;
	http_response_text(response, 200, "application/health+json", "{\"status\":\"pass\"}\n");
	return HTTP_DONE;
}

static enum http_result handle_metrics(
	const struct http_request *request, struct http_response *response, void *app)
{
	CLEANUP(buf_done) struct buf out = BUF_INIT(METRIC_SIZE_MAX);
	struct worker *worker = app;

	(void)request;
	statistics_write(&out, worker);
	http_response_text(response, 200, METRIC_CONTENT_TYPE, buf_text(&out));
	http_response_header(response, "cache-control", "no-store");
	return HTTP_DONE;
}

static const char *const sync_parameters[] = { "dryRun", "force", NULL };

/* aither-web may make only the calls that it needs for visitors and scripts: an attacker who has taken it
 * over must not be able to send mail or have pages removed. */
const struct http_route worker_routes[] = {
	{ "/api/sync", false, HTTP_GET | ROUTE_FOR_WEB, handle_status, router_no_parameters },
	{ "/api/sync", false, HTTP_POST | ROUTE_FOR_WEB, handle_sync, sync_parameters }, /* without force */
	{ "/api/sync/status", false, HTTP_GET | ROUTE_FOR_WEB, handle_status, router_no_parameters },
	{ "/internal/refresh", false, HTTP_POST | ROUTE_FOR_WEB, handle_refresh, router_no_parameters },
	{ "/internal/doctor", false, HTTP_GET, doctor_handle, router_no_parameters },
	{ "/internal/test-mail", false, HTTP_POST, notify_handle_mail, router_no_parameters },
	{ "/internal/test-rollbar", false, HTTP_POST, notify_handle_item, router_no_parameters },
	{ "/healthz", false, HTTP_GET | ROUTE_FOR_WEB, handle_health, NULL },
	{ "/metrics", false, HTTP_GET, handle_metrics, router_no_parameters },
};

const size_t worker_route_count = ARRAY_SIZE(worker_routes);

/* ---- the worker ---- */

static void on_messages(void *arg)
{
	struct worker *worker = arg;

	thread_queue_dispatch(worker->queue);
}

/* Retries mails, and ends an idle process. systemd starts the process again at the next connection; until
 * then the API key is not in memory. */
static void on_second(void *arg)
{
	struct worker *worker = arg;
	unsigned limit_s = worker->options.config->worker.idle_exit_s;
	uint64_t now = time_mono_ms(), requests = server_requests(worker->server);

	notify_tick(worker->notify);
	if (requests != worker->requests_seen || worker->slot != WORKER_IDLE ||
		notify_pending(worker->notify) || server_connections(worker->server)) {
		worker->requests_seen = requests;
		worker->active_mono_ms = now;
		return;
	}
	if (!worker->may_leave || limit_s == 0 || server_is_draining(worker->server))
		return;
	if (now - worker->active_mono_ms >= limit_s * UINT64_C(1000) && server_leave_if_idle(worker->server))
		log_write(LOG_DEBUG, "idle for %u s, exiting", limit_s);
}

int worker_new(struct worker **ret_worker, const struct worker_options *options, struct error *err)
{
	CLEANUP(worker_freep) struct worker *worker = mem_zalloc(sizeof(*worker));
	const struct config *config = options->config;
	unsigned interval_s = config->web.live_ttl_s;
	struct error history_err = { 0 };

	worker->options = *options;
	worker->active_mono_ms = time_mono_ms();
	worker->router =
		(struct http_router){ .routes = worker_routes, .count = worker_route_count, .app = worker };
	if (interval_s < WORKER_REFRESH_INTERVAL_MIN_S)
		interval_s = WORKER_REFRESH_INTERVAL_MIN_S;
	if (interval_s > WORKER_REFRESH_INTERVAL_MAX_S)
		interval_s = WORKER_REFRESH_INTERVAL_MAX_S;
	worker->refreshes = (struct quota){ .burst = WORKER_REFRESH_BURST, .interval_ms = interval_s * 1000 };
	budget_init(&worker->budget, config->hemera.requests_per_minute);
	int r = thread_queue_new(&worker->queue, err);
	if (r < 0)
		return r;
	r = server_new(&worker->server,
		&(struct server_options){ .router = &worker->router, .connections_max = CONNECTIONS_MAX },
		err);
	if (r < 0)
		return r;
	server_watch(worker->server, thread_queue_fd(worker->queue), on_messages, worker);
	doctor_init(worker);
	server_every(worker->server, SECOND_MS, on_second, worker);
	if (sync_history_load(config->sync.output_directory, &worker->history, &history_err) < 0)
		log_write(LOG_WARNING, "cannot read the results of earlier syncs: %s", history_err.message);
	worker->notify = notify_new(worker);
	statistics_load(worker);
	statistics_publish(worker);
	show_status(worker);
	*ret_worker = STEAL(worker);
	return 0;
}

void worker_freep(struct worker **worker)
{
	if (!*worker)
		return;
	server_freep(&(*worker)->server);
	notify_freep(&(*worker)->notify);
	thread_queue_freep(&(*worker)->queue);
	sync_history_done(&(*worker)->history);
	free(*worker);
	*worker = NULL;
}

struct server *worker_server(struct worker *worker)
{
	return worker->server;
}

void worker_set_may_leave(struct worker *worker, bool may_leave)
{
	worker->may_leave = may_leave;
}

void worker_stop(void *arg)
{
	struct worker *worker = arg;

	worker->stopping = true;
	atomic_store(&worker->cancelled, true);
	doctor_stop(worker);
	notify_stop(worker->notify);
	statistics_publish(worker);
}

bool worker_finish(struct worker *worker, unsigned timeout_ms)
{
	uint64_t deadline = time_mono_ms() + timeout_ms, now;

	while (thread_queue_pending(worker->queue) > 0 && (now = time_mono_ms()) < deadline) {
		struct pollfd poll_fd = { .fd = thread_queue_fd(worker->queue), .events = POLLIN };

		if (poll(&poll_fd, 1, (int)(deadline - now)) > 0)
			thread_queue_dispatch(worker->queue);
	}
	return thread_queue_pending(worker->queue) == 0;
}
