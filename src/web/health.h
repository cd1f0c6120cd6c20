/* SPDX-License-Identifier: MIT */
#ifndef AITHER_WEB_HEALTH_H
#define AITHER_WEB_HEALTH_H

/*
 * GET /healthz, which says that the process serves, and GET /readyz, which says that there is something to
 * show and that it is recent. What aither-web sees itself comes first. Only when that is old the worker is
 * asked: a sync that changed nothing leaves no trace elsewhere. One question at a time, shared by all who
 * come meanwhile, so that monitors take no place from the callers of the API, and nobody waits longer than
 * HEALTH_WAIT_MS.
 */

#include <stdint.h>

#include "http/http.h"

struct health;
struct live;
struct site;
struct thread_queue;

#define HEALTH_AGE_MAX_MS (2 * 24 * 3600 * 1000LL) /* two days: the daily sync has failed twice */
#define HEALTH_WAIT_MS 2000 /* the worker tells its state at once; monitors wait seconds, not minutes */
#define HEALTH_RETRY_AFTER_S 5

struct health_options { /* all borrowed */
	struct thread_queue *queue;
	struct live *live;
	struct site *site;
	const char *socket_path; /* of the worker */
};

struct health *health_new(const struct health_options *options); /* owned */
void health_freep(struct health **health);

void health_answer_alive(struct http_response *response);
enum http_result health_answer_ready(
	struct health *health, const struct http_request *request, struct http_response *response);

/* Answers all who wait with 503 SHUTTING_DOWN. */
void health_stop(struct health *health);

#endif
