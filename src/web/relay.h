/* SPDX-License-Identifier: MIT */
#ifndef AITHER_WEB_RELAY_H
#define AITHER_WEB_RELAY_H

/*
 * API calls go to aither-worker, each on a thread of its own; its answer goes back unchanged. Nothing of the
 * client's request reaches the worker but what the route has checked: target, request id, Prefer.
 */

#include <stdbool.h>
#include <stdint.h>

#include "http/http.h"

struct relay;
struct thread_queue;

#define RELAY_CALLS_MAX 64 /* threads that wait for the worker; further calls get 503 */
#define RELAY_RETRY_AFTER_S 5
#define RELAY_STATUS_TIMEOUT_MS 10000  /* answered from the worker's memory */
#define RELAY_SYNC_EXTRA_MS 30000      /* beside TimeLimitSec: to write 5 000 pages to a slow disk */
#define RELAY_STOPPING_TIMEOUT_MS 1000 /* of DAEMON_DRAIN_MS; idle connections are given as much */

struct relay_order {
	const char *method, *target; /* static */
	const char *prefer;          /* static; NULL: none */
	unsigned timeout_ms;
	bool is_sync; /* goes on in the worker when this process ends */
};

/* Owned. *ret_failed_ms, which must outlive it, is set when a call has ended: to the wall clock when
 * aither-worker gave no answer, else to 0. */
struct relay *relay_new(struct thread_queue *borrowed_queue, const char *socket_path, int64_t *ret_failed_ms);
void relay_freep(struct relay **relay);

/* HTTP_LATER, or at once 503 when too many wait. */
enum http_result relay_call(struct relay *relay, const struct http_request *request,
	struct http_response *response, const struct relay_order *order);

/* Before the process ends: a sync that the worker has received, now or later, is answered with 202 and the
 * address of its status. Calls that the worker answers at once are waited for; RELAY_STOPPING_TIMEOUT_MS
 * later, relay_give_up answers the rest, with 503 SHUTTING_DOWN if the worker has not received the call. */
void relay_stop(struct relay *relay);
void relay_give_up(void *relay); /* a server_callback */

#endif
