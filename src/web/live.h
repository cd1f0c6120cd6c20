/* SPDX-License-Identifier: MIT */
#ifndef AITHER_WEB_LIVE_H
#define AITHER_WEB_LIVE_H

/*
 * "Live from Hemera": the homepage is never older than ttl_ms if Hemera answers, and never late if it does
 * not. If the data is too old for a visitor, aither-web asks the worker once to refresh it; all visitors that
 * come meanwhile share that refresh and wait for its end, at most wait_ms from its start. They get the new
 * page, the last known one with a banner, or the fallback page; always 200.
 *
 *	idle --too old--> refreshing --success, failure--> idle
 *	            (a failure forbids another for LIVE_BACK_OFF_MS)
 *
 * The age of the data is in the worker's state (published/state.h); without a state, the time of the
 * homepage's file counts.
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
#define LIVE_QUIET_MS 3600000         /* a Hemera that fails now and then costs two lines in this time */
#define LIVE_FIRST_WAIT_MS 8000       /* once, as long as nothing has ever been published */
#define LIVE_REFRESH_TIMEOUT_MS 45000 /* for a worker that hangs; its own limits end it earlier */

struct live_options { /* all borrowed */
	struct server *server;
	struct thread_queue *queue;
	struct site *site;
	const char *socket_path; /* of the worker */
	int64_t *ret_failed_ms;  /* as for relay_new */
	unsigned ttl_ms, wait_ms;
	bool may_refresh; /* false: the configuration is not usable */
};

struct live *live_new(const struct live_options *options); /* owned */
void live_freep(struct live **live);

/* GET /, or the list of private pages for staff, which is handled in the same way. */
enum http_result live_index(struct live *live, const struct http_request *request,
	struct http_response *response, enum site_index which, enum language language);

/* For what is made from the same list: starts a refresh if it is time, and does not wait for it. */
void live_touch(struct live *live);

/* Wall-clock time as of which the homepage's data is; 0: not known. */
int64_t live_data_ms(struct live *live);

struct live_statistics { /* since the start */
	uint64_t refreshed, failed;
};

struct live_statistics live_statistics(const struct live *live);

/* When aither-web starts: asks for a refresh if the homepage is where version 0.1.0 had it (the worker moves
 * it to public/; a proxy that waits for /readyz sends no visitor who would bring that about), or if the state
 * calls the configuration unusable, which aither-web has just read and found good: a worker that starts says
 * whether that is so. */
void live_begin(struct live *live);

/* Answers all visitors that wait with the page that there is. */
void live_stop(struct live *live);

#endif
