/* SPDX-License-Identifier: MIT */
#ifndef AITHER_NET_WORKERCLIENT_H
#define AITHER_NET_WORKERCLIENT_H

/*
 * Sends one HTTP/1.1 request to aither-worker over its unix socket and blocks until the answer; for
 * aither-web (on a thread) and the command line. Supports our own server only: Content-Length, no chunked
 * bodies. libcurl could do this (CURLOPT_UNIX_SOCKET_PATH), but aither-web, which faces the Internet, must
 * neither link nor load it.
 */

#include <stdatomic.h>
#include <stddef.h>

#include "base/buf.h"

struct error;

#define WORKERCLIENT_BODY_MAX (8 << 20) /* as in http/envelope.c: a dry run names every page */

struct workerclient_request {
	const char *socket_path;
	const char *method;     /* "GET" */
	const char *target;     /* "/api/sync?force=1" */
	const char *request_id; /* sent as X-Request-Id; NULL: none */
	const char *prefer;     /* sent as Prefer; NULL: none */
	unsigned timeout_ms;    /* for the whole call; 0: no limit */
	/* Set once the request has been sent and the worker will get it, even if the call fails later; may
	 * be NULL. */
	atomic_bool *ret_sent;
};

struct workerclient_response {
	int status;
	char content_type[64];
	char retry_after[16], location[128], server_timing[256]; /* "" when absent */
	struct buf body;                                         /* owned */
};

/* -ECONNREFUSED, -ENOENT, -EACCES: the worker cannot be reached; -ETIMEDOUT; -ECONNRESET: the worker closed
 * the connection before the answer was complete; -EMFILE...: cannot create a socket; -EBADMSG: the answer is
 * not from our server; -EINVAL: there is a blank or line break in target or request_id. All have the code
 * ERROR_WORKER_UNAVAILABLE. `ret_response` is written on success only; then release it with
 * workerclient_response_done. */
int workerclient_call(const struct workerclient_request *request, struct workerclient_response *ret_response,
	struct error *err);
void workerclient_response_done(struct workerclient_response *response);

#endif
