/* SPDX-License-Identifier: MIT */
#ifndef AITHER_WORKER_INTERNAL_H
#define AITHER_WORKER_INTERNAL_H

/*
 * The state of the private half. All of it belongs to the loop's thread, except atomics. The slot is a small
 * state machine:
 *
 *	IDLE --refresh--> REFRESHING --its end--> IDLE
 *	IDLE --sync-----> SYNCING    --its end--> IDLE
 *	REFRESHING --sync: cancel, remember it as `next`--> REFRESHING --its end--> SYNCING
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

#define WORKER_REFRESH_WAITERS_MAX 64 /* aither-web shares one refresh among all visitors */

/* Refreshes must not use up Hemera's budget (100 requests a minute), however often they are called: a burst,
 * then one per LiveTTLSec, within these bounds. All other calls get the result of the last refresh. */
#define WORKER_REFRESH_BURST 10
#define WORKER_REFRESH_INTERVAL_MIN_S 1
#define WORKER_REFRESH_INTERVAL_MAX_S 5

enum worker_slot { WORKER_IDLE, WORKER_REFRESHING, WORKER_SYNCING };

struct worker_sync;

struct worker_listed {             /* the message that the list of a sync has been read */
	struct thread_job message; /* first: its receiver casts back */
	struct worker_sync *sync;
};

struct worker_sync {
	struct thread_job job; /* first: the thread's side casts back */
	struct worker_listed listed;
	struct worker *worker;
	struct sync_options options;
	struct sync_progress progress;
	char job_id[HASH_UUID_SIZE];
	char request_id[HTTP_REQUEST_ID_SIZE]; /* of the call that started it */
	int64_t start_ms;
	uint64_t start_mono_ms;
	struct http_pending *pending; /* the call that waits for the end; NULL: none */
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

struct worker_list { /* the last completed fetch of Hemera's list, by a refresh or a sync */
	int64_t fetched_at_ms;
	bool changed;     /* the homepage */
	struct error err; /* errnum 0: success */
};

struct worker {
	struct worker_options options;
	struct http_router router;
	struct server *server;      /* owned */
	struct thread_queue *queue; /* owned */
	struct notify *notify;      /* owned */
	struct budget budget;       /* lent to the one running job */
	atomic_bool cancelled;      /* asks the running job to end */
	bool stopping, may_leave;
	enum worker_slot slot;
	struct worker_sync *sync, *next; /* the running sync; the one that waits for a refresh to end */
	struct http_pending *waiters[WORKER_REFRESH_WAITERS_MAX]; /* of a refresh */
	size_t waiter_count;
	struct quota refreshes;
	struct worker_list last_list;
	struct sync_history history;
	uint64_t active_mono_ms, requests_seen; /* for the idle exit */
	struct state state;
	int64_t former_cpu_ms; /* of earlier processes */
	bool state_failed;     /* the last write of the state; it has been logged */
	struct doctor *doctor; /* with waiting callers; NULL: none */
	unsigned doctors;      /* all, including those with a thread that hangs */
	struct server_watch *doctor_timer;
};

/* statistics.c: the state that aither-web reads */
void statistics_load(struct worker *worker);                                    /* after the history */
void statistics_add_sync(struct worker *worker, const struct worker_sync *job); /* it has ended */
void statistics_publish(struct worker *worker);
void statistics_write(struct buf *out, struct worker *worker); /* for GET /metrics */

/* worker.c */
/* Fills the response with the reason why no job can run now; false: there is none. */
bool answer_unable(struct http_response *response, const char *request_id, const struct worker *worker);
void answer_error(struct http_response *response, const char *request_id, enum error_code code, int errnum,
	const char *message);

extern const struct http_route worker_routes[];
extern const size_t worker_route_count;

#endif
