/* SPDX-License-Identifier: MIT */
#include "worker/worker.h"

#include <poll.h>
#include <stdlib.h>

#include "base/config.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/time.h"
#include "http/server.h"
#include "worker/doctor.h"
#include "worker/internal.h"
#include "worker/notify.h"

#define CONNECTIONS_MAX 256 /* aither-web opens at most 64, the command line one each */
#define SECOND_MS 1000

static void on_messages(void *arg)
{
	struct worker *worker = arg;

	thread_queue_dispatch(worker->queue);
}

/* Sends mails again. The key is in memory only while it is needed: with nothing to do the process ends, and
 * systemd starts it again at the next connection. */
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
	if (!worker->options.may_leave || limit_s == 0 || server_is_draining(worker->server))
		return;
	if (now - worker->active_mono_ms >= limit_s * UINT64_C(1000) && server_leave_if_idle(worker->server))
		log_write(LOG_DEBUG, "nothing to do for %u s, leaving", limit_s);
}

static void load_history(struct worker *worker)
{
	struct error err = { 0 };

	if (sync_history_load(worker->options.config->sync.output_directory, &worker->history, &err) < 0)
		log_write(LOG_WARNING, "the past is not known: %s", err.message);
}

static unsigned refresh_interval_s(const struct config *config)
{
	unsigned seconds = config->web.live_ttl_s;

	if (seconds < WORKER_REFRESH_INTERVAL_MIN_S)
		return WORKER_REFRESH_INTERVAL_MIN_S;
	return seconds < WORKER_REFRESH_INTERVAL_MAX_S ? seconds : WORKER_REFRESH_INTERVAL_MAX_S;
}

int worker_new(struct worker **ret_worker, const struct worker_options *options, struct error *err)
{
	CLEANUP(worker_freep) struct worker *worker = mem_zalloc(sizeof(*worker));
	int result;

	worker->options = *options;
	worker->active_mono_ms = time_mono_ms();
	worker->router =
		(struct http_router){ .routes = worker_routes, .count = worker_route_count, .app = worker };
	worker->refreshes = (struct quota){ .burst = WORKER_REFRESH_BURST,
		.interval_ms = refresh_interval_s(options->config) * 1000 };
	budget_init(&worker->budget, options->config->hemera.requests_per_minute);
	result = thread_queue_new(&worker->queue, err);
	if (result < 0)
		return result;
	result = server_new(&worker->server,
		&(struct server_options){
			.router = &worker->router, .connections_max = CONNECTIONS_MAX, .may_wait = true },
		err);
	if (result < 0)
		return result;
	worker->notify = notify_new(worker);
	server_watch(worker->server, thread_queue_fd(worker->queue), on_messages, worker);
	doctor_init(worker);
	server_every(worker->server, SECOND_MS, on_second, worker);
	load_history(worker);
	statistics_load(worker);
	statistics_publish(worker);
	worker_show_status(worker);
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
	worker->options.may_leave = may_leave;
}

void worker_stop(void *arg)
{
	struct worker *worker = arg;

	worker->stopping = true;
	atomic_store(&worker->cancelled, true);
	doctor_stop(worker);
	notify_stop(worker->notify);
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
