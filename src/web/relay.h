/* SPDX-License-Identifier: MIT */
#ifndef AITHER_WEB_RELAY_H
#define AITHER_WEB_RELAY_H

/*
 * API calls go to aither-worker, each on a thread of its own; what the worker says goes back as it is.
 * Nothing of the client's request gets there but what the route has checked: target, request id, Prefer.
 */

#include <stdbool.h>
#include <stdint.h>

#include "http/http.h"

struct relay;
struct thread_queue;

#define RELAY_CALLS_MAX 64 /* threads that wait for the worker; more callers get 503 */
#define RELAY_RETRY_AFTER_S 5
#define RELAY_STATUS_TIMEOUT_MS 10000  /* answered from the worker's memory */
#define RELAY_SYNC_EXTRA_MS 30000      /* beside TimeLimitSec: to write 5 000 pages to a slow disk */
#define RELAY_STOPPING_TIMEOUT_MS 1000 /* of DAEMON_DRAIN_MS; idle connections are given as much */

struct relay_order {
	const char *method, *target; /* copied */
	const char *prefer;          /* copied; NULL: none */
	unsigned timeout_ms;
	bool is_sync; /* goes on in the worker when this process is told to end */
};

struct relay *relay_new(struct thread_queue *borrowed_queue, const char *socket_path); /* owned */
void relay_freep(struct relay **relay);

/* HTTP_LATER, or at once 503 when too many wait. */
enum http_result relay_call(struct relay *relay, const struct http_request *request,
	struct http_response *response, const struct relay_order *order);

/* Before the process ends: a sync that has been handed over is answered with 202 and where its state is, and
 * so is one that is asked for afterwards. What the worker can still tell at once may be waited for until
 * RELAY_STOPPING_TIMEOUT_MS later; then relay_give_up answers the rest, with 503 SHUTTING_DOWN where the
 * worker knows of nothing yet. */
void relay_stop(struct relay *relay);
void relay_give_up(struct relay *relay);

#endif
