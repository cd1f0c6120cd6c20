/* SPDX-License-Identifier: MIT */
#ifndef AITHER_WORKER_INTERNAL_H
#define AITHER_WORKER_INTERNAL_H

/*
 * The state of the worker. Only the loop's thread uses it, except for the atomics. The slot is a small state
 * machine:
 *
 *	IDLE --refresh--> REFRESHING --its end--> IDLE
 *	IDLE --sync-----> SYNCING    --its end--> IDLE
 *	REFRESHING --sync: cancel the refresh, keep the sync as `next`--> REFRESHING --its end--> SYNCING
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/quota.h"
#include "base/thread.h"
#include "hemera/budget.h"
#include "http/router.h"
#include "published/state.h"
#include "sync/sync.h"
#include "worker/worker.h"

struct buf;
struct doctor;
struct notify;
struct server_watch;

#define WORKER_REFRESH_WAITERS_MAX 64 /* aither-web makes one call for all its visitors */

/* Refreshes must not use up Hemera's rate limit (100 requests a minute), however often they are requested:
 * after a burst, one refresh runs per LiveTTLSec, within these bounds. Other calls get the last result. */
#define WORKER_REFRESH_BURST 10
#define WORKER_REFRESH_INTERVAL_MIN_S 1
#define WORKER_REFRESH_INTERVAL_MAX_S 5

enum worker_slot { WORKER_IDLE, WORKER_REFRESHING, WORKER_SYNCING };

struct worker_sync;

struct worker_listed {             /* the message that a sync has read Hemera's list */
	struct thread_job message; /* must be first: its receiver casts back */
	struct worker_sync *sync;
};

struct worker_sync {
	struct thread_job job; /* must be first: the thread casts back */
	struct worker_listed listed;
	struct worker *worker;
	struct sync_options options;
	struct sync_progress progress;
	char job_id[HASH_UUID_SIZE];
	char request_id[HTTP_REQUEST_ID_SIZE]; /* of the call that started the sync */
	int64_t start_ms;
	uint64_t start_mono_ms;
	struct http_pending *pending; /* the call that waits for the sync to end; NULL: none */
	struct report report;         /* output, with `result` and `err` */
	struct error err;
	int result;
};

struct worker_refresh {
	struct thread_job job;
	struct worker *worker;
	struct sync_options options;
	struct sync_progress progress;
	struct sync_refreshed refreshed; /* output, with `result` and `err` */
	struct error err;
	int result;
};

struct worker_list { /* the last fetch of Hemera's list, by a refresh or a sync */
	int64_t fetched_at_ms;
	bool changed;     /* the homepage has changed */
	struct error err; /* errnum 0: success */
};

struct worker {
	struct worker_options options;
	struct http_router router;
	struct server *server;      /* owned */
	struct thread_queue *queue; /* owned */
	struct notify *notify;      /* owned */
	struct budget budget;       /* lent to the one running job */
	atomic_bool cancelled;      /* tells the running job to end */
	bool stopping, may_leave;
	enum worker_slot slot;
	struct worker_sync *sync, *next; /* the running sync; a sync that waits for a refresh to end */
	struct http_pending *waiters[WORKER_REFRESH_WAITERS_MAX]; /* of a refresh */
	size_t waiter_count;
	struct quota refreshes;
	struct worker_list last_list;
	struct sync_history history;
	uint64_t active_mono_ms, requests_seen; /* to exit when idle */
	struct state state;
	int64_t former_cpu_ms; /* used by earlier processes */
	bool state_failed;     /* the last write of the state failed, and this was logged */
	struct doctor *doctor; /* whose callers are waiting; NULL: none */
	unsigned doctors;      /* all, including those whose threads hang */
	struct server_watch *doctor_timer;
};

/* statistics.c: the state that aither-web reads */
void statistics_load(struct worker *worker); /* call after loading the history */
void statistics_add_sync(struct worker *worker, const struct worker_sync *job); /* a sync has ended */
void statistics_publish(struct worker *worker);
void statistics_write(struct buf *out, struct worker *worker); /* for GET /metrics */

/* worker.c */
/* If no job can run now, fills the response with the reason and returns true. */
bool answer_unable(struct http_response *response, const char *request_id, const struct worker *worker);
void answer_error(struct http_response *response, const char *request_id, enum error_code code, int errnum,
	const char *message);

extern const struct http_route worker_routes[];
extern const size_t worker_route_count;

#endif
