/* SPDX-License-Identifier: MIT */
#ifndef AITHER_WEB_LIVE_H
#define AITHER_WEB_LIVE_H

/*
 * "Live from Hemera": the homepage is never older than ttl_ms if Hemera answers, and never late if it does
 * not. A visitor who finds the data too old makes aither-web ask the worker once; all who come meanwhile
 * share that question and wait for its answer, at most wait_ms from when it was asked. What they get is the
 * new page, the last known one with a notice, or the fallback page; always 200.
 *
 *	idle --too old--> asking --answer, failure--> idle
 *	            (a failure forbids asking for LIVE_BACK_OFF_MS)
 *
 * A sync publishes without asking us: an index newer than what we know counts as a look at Hemera.
 */

#include <stdbool.h>
#include <stdint.h>

#include "http/http.h"
#include "web/negotiate.h"

struct live;
struct server;
struct site;
struct thread_queue;
struct phrases;

#define LIVE_BACK_OFF_MS 10000
#define LIVE_FIRST_WAIT_MS 8000       /* once, as long as nothing has ever been published */
#define LIVE_REFRESH_TIMEOUT_MS 45000 /* for a worker that hangs; its own limits end it earlier */

struct live_options { /* all borrowed */
	struct server *server;
	struct thread_queue *queue;
	struct site *site;
	struct phrases *phrases;
	const char *socket_path; /* of the worker */
	unsigned ttl_ms, wait_ms;
	bool may_ask; /* false: the configuration is not usable */
};

struct live *live_new(const struct live_options *options); /* owned */
void live_freep(struct live **live);

/* GET / */
enum http_result live_home(struct live *live, const struct http_request *request,
	struct http_response *response, enum language language);

/* Wall-clock time of the last successful look at Hemera that is known; 0: none. */
int64_t live_last_look_ms(struct live *live);

struct live_figures { /* since the start */
	uint64_t refreshed, failed;
};

struct live_figures live_figures(const struct live *live);

/* Answers all who wait with what there is. */
void live_stop(struct live *live);

#endif
