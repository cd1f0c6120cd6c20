/* SPDX-License-Identifier: MIT */
#ifndef AITHER_WEB_LIVE_H
#define AITHER_WEB_LIVE_H

/*
 * "Live from Hemera": the homepage is never older than ttl_ms if Hemera answers, and never late if it does
 * not. If the data is too old when a visitor comes, aither-web asks the worker for a refresh. All visitors
 * who come in the meantime share that refresh. They wait for its end, for at most wait_ms after its start,
 * and get the new page, the last known page with a banner, or the fallback page; always 200.
 *
 *	idle --too old--> refreshing --success, failure--> idle
 *	            (a failure forbids another for LIVE_BACK_OFF_MS)
 *
 * The time of the data is in the worker's state (published/state.h). Without a state, the modification time
 * of the homepage's file is used.
 */

#include <stdbool.h>
#include <stdint.h>

#include "http/http.h"
#include "web/negotiate.h"
#include "web/site.h"

struct live;
struct server;
struct thread_queue;

#define LIVE_BACK_OFF_MS 10000
#define LIVE_QUIET_MS 3600000         /* if Hemera fails now and then, two lines are logged in this time */
#define LIVE_FIRST_WAIT_MS 8000       /* once, while nothing has ever been published */
#define LIVE_REFRESH_TIMEOUT_MS 45000 /* for a worker that hangs; its own limits end a refresh earlier */

struct live_options { /* all borrowed */
	struct server *server;
	struct thread_queue *queue;
	struct site *site;
	const char *socket_path; /* of the worker */
	int64_t *ret_failed_ms;  /* see relay_new */
	unsigned ttl_ms, wait_ms;
	bool may_refresh; /* false: the configuration is not usable */
};

struct live *live_new(const struct live_options *options); /* owned */
void live_freep(struct live **live);

/* Answers GET /, or the course list for staff, which is handled in the same way. */
enum http_result live_index(struct live *live, const struct http_request *request,
	struct http_response *response, enum site_index which, enum language language);

/* For files made from the same list: starts a refresh if the data is too old, and does not wait for it. */
void live_touch(struct live *live);

/* The time of the homepage's data, wall clock; 0: not known. */
int64_t live_data_ms(struct live *live);

struct live_statistics { /* numbers of refreshes since the start */
	uint64_t refreshed, failed;
};

struct live_statistics live_statistics(const struct live *live);

/* To be called when aither-web starts. Asks the worker for a refresh in two cases:
 *  - the homepage is where version 0.1.0 had it. The worker then moves it to public/. No visitor would cause
 *    this refresh behind a proxy that waits for /readyz.
 *  - the state says that the configuration is unusable, but aither-web has just read it and found it good.
 *    The worker starts for the refresh, reads the configuration again, and writes its state. */
void live_begin(struct live *live);

/* Answers all waiting visitors with the page as it is now. */
void live_stop(struct live *live);

#endif
