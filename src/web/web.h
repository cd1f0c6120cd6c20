/* SPDX-License-Identifier: MIT */
#ifndef AITHER_WEB_WEB_H
#define AITHER_WEB_WEB_H

/*
 * The public half: routes, published files, token check, calls to the worker.
 *
 *	web_new(&web, &options, err);           makes web->server, which then gets its sockets
 *	web_begin(web);                         see live_begin
 *	daemon_run(web->server, web_stop, web);
 *	web_freep(&web);
 *
 * It owns nothing worth stealing: it has no API key, connects only to the worker's socket, and can write no
 * file.
 *
 * GET /api/openapi.json serves data/openapi.json as it was when the program was built, so that program and
 * description never differ. Tests compare it with web_routes and with real responses.
 */

#include <stdbool.h>
#include <stdint.h>

#include "http/router.h"
#include "web/auth.h"

struct config;
struct error;
struct server;

#define WEB_ETAG_SIZE 35 /* quotes, 32 digits of a SHA-256, NUL */

struct web_options {
	const struct config
		*config; /* borrowed; if it is unusable, pages are served and calls get NOT_CONFIGURED */
	const char *shipped_site; /* borrowed; the directory of robots.txt */
};

struct web {
	struct web_options options;
	struct auth auth;
	uint64_t connections_refused; /* server_refused() at the end of the last minute */
	uint64_t gzip_pause_ms;       /* see page_answer */
	struct http_router router;
	struct server *server; /* owned, like all members below */
	struct thread_queue *queue;
	struct site *site;
	struct phrases *phrases;
	struct relay *relay;
	struct server_watch *patience; /* the server's timer; at the end of a stop, the relay gives up */
	struct live *live;
	int64_t call_failed_ms;    /* when the last call to aither-worker failed; 0: it was answered */
	int64_t start_ms;          /* when the process was started, wall clock */
	struct http_body *openapi; /* NULL before the first request */
	char openapi_etag[WEB_ETAG_SIZE];
};

int web_new(struct web **ret_web, const struct web_options *options, struct error *err); /* owned */
void web_freep(struct web **web);

void web_begin(struct web *web);

/* A daemon_stop; arg is the web: answers all waiting requests. */
void web_stop(void *arg);

/* In routes.c: the routes, and the functions for http_router.otherwise and .fail. All take the web as arg. */
extern const struct http_route web_routes[];
extern const size_t web_route_count;
enum http_result web_file(const struct http_request *request, struct http_response *response, void *arg);
void web_fail(const struct http_request *request, struct http_response *response, int status, void *arg);

/* Are course pages open to all visitors? They are private if the configuration is not usable. */
bool web_has_public_courses(const struct web *web);

#endif
