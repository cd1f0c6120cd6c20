/* SPDX-License-Identifier: MIT */
#ifndef AITHER_WEB_METRICS_H
#define AITHER_WEB_METRICS_H

/*
 * GET /metrics: our own figures and the worker's.
 *
 * The worker leaves when it is idle, so that the API key is in memory only while it is needed; a monitor that
 * asks every 15 s must not keep it there, or bring it back. So the worker is asked only when there may be
 * something new, and that is while it is there anyway:
 *
 *	nothing is known of it yet, or it did not answer last time
 *	a call of ours (a sync, its status, a refresh of the homepage) has come back since it was asked
 *	something was written into the output directory since: a sync that others have started has ended
 *	it said that a sync is running, or a mail or an item for Rollbar under way
 *
 * Else what it said last is repeated, which is still true. It has METRICS_WAIT_MS to answer; all who come
 * meanwhile share its answer. Without one the rest is told nevertheless, and aither_worker_up is 0.
 */

#include "http/http.h"

struct live;
struct metrics;
struct relay;
struct server;
struct thread_queue;

#define METRICS_WAIT_MS 2000 /* Prometheus gives up after 10 s */

struct metrics_options { /* all borrowed */
	const struct server *server;
	struct thread_queue *queue;
	struct live *live;
	const struct relay *relay;
	const char *socket_path; /* of the worker */
	const char *output_directory;
};

struct metrics *metrics_new(const struct metrics_options *options); /* owned */
void metrics_freep(struct metrics **metrics);

enum http_result metrics_answer(
	struct metrics *metrics, const struct http_request *request, struct http_response *response);

/* Answers all who wait with what there is. */
void metrics_stop(struct metrics *metrics);

#endif
