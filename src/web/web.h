/* SPDX-License-Identifier: MIT */
#ifndef AITHER_WEB_WEB_H
#define AITHER_WEB_WEB_H

/*
 * The public half: routes, published files, token check, calls to the worker.
 *
 *	web_new(&web, &options, err);           makes the server; sockets are given to web->server
 *	web_begin(web);                         see live_begin
 *	daemon_run(web->server, web_stop, web);
 *	web_freep(&web);
 *
 * It owns nothing worth taking: no API key, no connection of its own but to the worker's socket, no file it
 * could write.
 *
 * GET /api/openapi.json is data/openapi.json as it was when the program was built, so that program and
 * description never differ. Tests hold it against web_routes and against real answers.
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
		*config; /* borrowed; may be unusable: pages are served, calls answer NOT_CONFIGURED */
	const char *shipped_site; /* borrowed; where robots.txt is */
};

struct web {
	struct web_options options;
	struct auth auth;
	uint64_t connections_refused; /* up to the last minute */
	uint64_t gzip_pause_ms;       /* see page_answer */
	struct http_router router;
	struct server *server; /* owned, as all below */
	struct thread_queue *queue;
	struct site *site;
	struct phrases *phrases;
	struct relay *relay;
	struct server_watch *patience; /* the server's: until the relay gives up, when all stops */
	struct live *live;
	int64_t call_failed_ms;    /* when the last call to aither-worker got no answer; 0: it got one */
	int64_t start_ms;          /* of the process, wall clock */
	struct http_body *openapi; /* NULL before the first request */
	char openapi_etag[WEB_ETAG_SIZE];
};

int web_new(struct web **ret_web, const struct web_options *options, struct error *err); /* owned */
void web_freep(struct web **web);

void web_begin(struct web *web);

/* daemon_stop, arg is the web: answers all requests that wait. */
void web_stop(void *arg);

/* The routes, whose handlers take the web, and its http_router.otherwise and .fail; in routes.c. */
extern const struct http_route web_routes[];
extern const size_t web_route_count;
enum http_result web_file(const struct http_request *request, struct http_response *response, void *arg);
void web_fail(const struct http_request *request, struct http_response *response, int status, void *arg);

/* Are course pages for all visitors? With a configuration that is not usable they are private. */
bool web_has_public_courses(const struct web *web);

#endif
