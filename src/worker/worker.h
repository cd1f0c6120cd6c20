/* SPDX-License-Identifier: MIT */
#ifndef AITHER_WORKER_WORKER_H
#define AITHER_WORKER_WORKER_H

/*
 * The private half: routes of the unix socket, the one running job, idle exit.
 *
 *	worker_new(&worker, &options, err);      makes the server; sockets are given to worker_server()
 *	daemon_run(worker_server(worker), worker_stop, worker);
 *	worker_freep(&worker);
 *
 * One job at a time: a sync (POST /api/sync) or a refresh of the homepage (POST /internal/refresh). A refresh
 * never makes a sync fail: a sync that is requested during a refresh cancels it and starts when it has ended;
 * a refresh that is requested during a sync is answered from that sync's list.
 */

#include <stdbool.h>

struct config;
struct error;
struct server;
struct worker;

struct worker_options {
	const struct config *config;   /* borrowed; may be unusable: then calls answer NOT_CONFIGURED */
	const char *shipped_templates; /* borrowed */
};

int worker_new(
	struct worker **ret_worker, const struct worker_options *options, struct error *err); /* owned */
void worker_freep(struct worker **worker);

struct server *worker_server(struct worker *worker); /* borrowed */

/* May the worker exit when it is idle? Only when systemd holds the socket. */
void worker_set_may_leave(struct worker *worker, bool may_leave);

/* daemon_stop, arg is the worker: cancels the running job, so that its caller is answered within the drain
 * time. */
void worker_stop(void *arg);

/* After the loop has ended: waits at most `timeout_ms` for threads. False: one still runs and uses worker and
 * configuration, so that neither may be freed. */
bool worker_finish(struct worker *worker, unsigned timeout_ms);

#endif
