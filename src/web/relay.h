/* SPDX-License-Identifier: MIT */
#ifndef AITHER_WEB_RELAY_H
#define AITHER_WEB_RELAY_H

/*
 * Passes API calls to aither-worker, each on a thread of its own, and the worker's answer back, unchanged.
 * Only those parts of a request reach the worker that the route has checked: target, request id and Prefer.
 */

#include <stdbool.h>
#include <stdint.h>

#include "http/http.h"

struct relay;
struct thread_queue;

#define RELAY_CALLS_MAX 64 /* threads that wait for the worker; further calls get 503 */
#define RELAY_RETRY_AFTER_S 5
#define RELAY_STATUS_TIMEOUT_MS 10000  /* answered from the worker's memory */
#define RELAY_SYNC_EXTRA_MS 30000      /* added to TimeLimitSec: to write 5 000 pages to a slow disk */
#define RELAY_STOPPING_TIMEOUT_MS 1000 /* part of DAEMON_DRAIN_MS; idle connections get as much */

struct relay_order {
	const char *method, *target; /* static */
	const char *prefer;          /* static; NULL: none */
	unsigned timeout_ms;
	bool is_sync; /* a sync continues in the worker when this process ends */
};

/* Owned. *ret_failed_ms must outlive the relay. It is set when a call has ended: to the wall-clock time if
 * aither-worker gave no answer, else to 0. */
struct relay *relay_new(struct thread_queue *borrowed_queue, const char *socket_path, int64_t *ret_failed_ms);
void relay_freep(struct relay **relay);

/* HTTP_LATER; or HTTP_DONE with 503 if too many calls wait. */
enum http_result relay_call(struct relay *relay, const struct http_request *request,
	struct http_response *response, const struct relay_order *order);

/* To be called before the process ends. A sync that the worker has received, now or later, is answered with
 * 202 and the address of its status. Other calls still have RELAY_STOPPING_TIMEOUT_MS to be answered by the
 * worker. Then relay_give_up has to be called, which answers the remaining calls: with 503 SHUTTING_DOWN if
 * the call is not a sync that the worker has received, else with 202. */
void relay_stop(struct relay *relay);
void relay_give_up(void *relay); /* a server_callback */

#endif
