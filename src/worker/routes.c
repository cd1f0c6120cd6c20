/* SPDX-License-Identifier: MIT */
#include "worker/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/time.h"
#include "http/envelope.h"
#include "http/list.h"
#include "worker/doctor.h"
#include "worker/notify.h"

static enum http_result handle_sync(
	const struct http_request *request, struct http_response *response, void *app)
{
	struct worker *worker = app;
	bool force, dry_run;
	struct worker_sync *job;

	if (answer_unable(response, request->request_id, worker))
		return HTTP_DONE;
	if (http_request_switch(request, "force", &force) < 0 ||
		http_request_switch(request, "dryRun", &dry_run) < 0) {
		answer_error(response, request->request_id, ERROR_BAD_REQUEST, -EINVAL,
			"force and dryRun are 0 or 1");
		return HTTP_DONE;
	}
	if (force && request->peer == HTTP_PEER_WEB) {
		answer_error(
			response, request->request_id, ERROR_FORBIDDEN, -EPERM, ENVELOPE_FORCE_FORBIDDEN);
		return HTTP_DONE;
	}
	if (worker->sync || worker->next) {
		answer_error(response, request->request_id, ERROR_SYNC_IN_PROGRESS, -EALREADY,
			"a sync is running already; its state: GET /api/sync/status");
		return HTTP_DONE;
	}
	job = mem_zalloc(sizeof(*job));
	hash_uuid(job->job_id);
	memcpy(job->request_id, request->request_id, strlen(request->request_id) + 1);
	job->options.force = force;
	job->options.dry_run = dry_run;
	if (list_has(http_request_header(request, "prefer"), "respond-async")) { /* RFC 7240 */
		worker_start_sync(worker, job);
		answer_sync_running(response, request->request_id, job, 202);
		http_response_header(response, "preference-applied", "respond-async");
		return HTTP_DONE;
	}
	job->pending = http_later(request);
	worker_start_sync(worker, job);
	return HTTP_LATER;
}

static enum http_result handle_status(
	const struct http_request *request, struct http_response *response, void *app)
{
	answer_status(response, request->request_id, app);
	return HTTP_DONE;
}

static enum http_result handle_refresh(
	const struct http_request *request, struct http_response *response, void *app)
{
	struct worker *worker = app;

	if (answer_unable(response, request->request_id, worker))
		return HTTP_DONE;
	if (worker->sync && atomic_load(&worker->sync->progress.listed_at_ms)) {
		answer_refreshed(response, request->request_id,
			atomic_load(&worker->sync->progress.listed_at_ms),
			atomic_load(&worker->sync->progress.listed_changed));
		return HTTP_DONE;
	}
	if (worker->waiter_count == WORKER_REFRESH_WAITERS_MAX) {
		answer_error(response, request->request_id, ERROR_WORKER_UNAVAILABLE, -EBUSY,
			"too many calls wait for the homepage's refresh");
		return HTTP_DONE;
	}
	if (worker->slot == WORKER_IDLE && quota_take(&worker->refreshes, time_mono_ms()) > 0) {
		if (worker->look.err.errnum)
			envelope_error(response, request->request_id, &worker->look.err, NULL);
		else
			answer_refreshed(response, request->request_id, worker->look.fetched_at_ms, false);
		return HTTP_DONE;
	}
	worker_add_waiter(worker, request);
	if (worker->slot == WORKER_IDLE)
		worker_start_refresh(worker);
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

/* aither-web may make the calls that visitors and scripts make through it, and no others: if it were broken
 * into, it could otherwise send mail and have pages removed. */
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
