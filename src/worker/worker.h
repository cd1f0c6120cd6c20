/* SPDX-License-Identifier: MIT */
#ifndef AITHER_WORKER_WORKER_H
#define AITHER_WORKER_WORKER_H

/*
 * The worker: the routes of its unix sockets, the running job, and the exit when idle.
 *
 *	worker_new(&worker, &options, err);      makes the server; pass the sockets to worker_server()
 *	daemon_run(worker_server(worker), worker_stop, worker);
 *	worker_freep(&worker);
 *
 * One job runs at a time: a sync (POST /api/sync) or a refresh of the homepage (POST /internal/refresh). A
 * refresh never makes a sync fail. A sync that is requested during a refresh cancels the refresh and starts
 * when it has ended. A refresh that is requested during a sync is answered from that sync's list.
 */

#include <stdbool.h>

struct config;
struct error;
struct server;
struct worker;

struct worker_options {
	const struct config *config;   /* borrowed; if it is unusable, calls answer NOT_CONFIGURED */
	const char *shipped_templates; /* borrowed */
};

int worker_new(
	struct worker **ret_worker, const struct worker_options *options, struct error *err); /* owned */
void worker_freep(struct worker **worker);

struct server *worker_server(struct worker *worker); /* borrowed */

/* Permits the worker to exit when it is idle. Only if systemd holds the sockets: it starts the worker again.
 */
void worker_set_may_leave(struct worker *worker, bool may_leave);

/* A daemon_stop function; `arg` is the worker. Cancels the running job, so that its caller gets an answer
 * while the server drains. */
void worker_stop(void *arg);

/* Call after the loop has ended: waits at most `timeout_ms` for threads. False: a thread is still running and
 * using the worker and its configuration, so neither may be freed. */
bool worker_finish(struct worker *worker, unsigned timeout_ms);

#endif
