/* SPDX-License-Identifier: MIT */
#ifndef AITHER_HTTP_ROUTER_H
#define AITHER_HTTP_ROUTER_H

/*
 * Routing is data: a const table of path, methods, permitted peers, query parameters and handler. The
 * dispatcher alone decides 403, 404 and 405 (with Allow), refuses parameters that a call does not have (400),
 * gives HEAD to GET handlers, and answers in the envelope, or in HTML where the route is for browsers.
 * Several rows may share a path, each with other methods; Allow names them all.
 *
 * A call with a misspelt "dryRun" must not be run as if it had none. Pages ignore unknown parameters, because
 * other sites append some to links.
 */

#include "http/http.h"

typedef enum http_result http_handler(
	const struct http_request *request, struct http_response *response, void *app);

#define ROUTE_FOR_WEB (1u << 8) /* in `methods`: HTTP_PEER_WEB may call the route; else it gets 403 */

struct http_route {
	const char *path; /* "/api/sync"; with `prefix`, "/courses/" matches all paths below */
	bool prefix;
	unsigned methods; /* HTTP_GET | HTTP_POST, | ROUTE_FOR_WEB; HTTP_GET includes HEAD */
	http_handler *handler;
	const char *const *parameters; /* of the query, NULL-terminated; NULL: unknown ones are ignored */
};

extern const char *const router_no_parameters[]; /* for a call without parameters */

struct http_router {
	const struct http_route *routes;
	size_t count;
	/* Handles GET and HEAD of paths that no route has; `tail` is the path without its first slash. It has
	 * to answer 404 itself if there is nothing at the path. Other methods get 404. NULL: no other path
	 * exists. */
	http_handler *otherwise;
	/* Fills an error response that comes from no handler (403, 404, 405, 413...), as envelope or HTML.
	 * NULL: always an envelope. */
	void (*fail)(
		const struct http_request *request, struct http_response *response, int status, void *app);
	void *app; /* for handlers and fail */
};

/* `request->tail` is set for prefix routes. */
enum http_result router_dispatch(
	const struct http_router *router, struct http_request *request, struct http_response *response);

/* Answers a request that no handler gets. */
void router_fail(const struct http_router *router, const struct http_request *request,
	struct http_response *response, int status);

#endif
