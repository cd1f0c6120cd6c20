/* SPDX-License-Identifier: MIT */
#ifndef AITHER_HTTP_ROUTER_H
#define AITHER_HTTP_ROUTER_H

/*
 * Routing is data: a const table of path, methods, permitted peers, query parameters and handler. The
 * dispatcher alone decides 403, 404 and 405 (with Allow), refuses parameters that a call does not have (400),
 * gives HEAD to GET handlers, and answers in the envelope, or in HTML where the route is for browsers.
 * Several rows may share a path, each with other methods; Allow names them all.
 *
 * A call with a misspelt "dryRun" must not be run without it. Pages ignore unknown parameters, because other
 * sites append some to links.
 */

#include "http/http.h"

typedef enum http_result http_handler(
	const struct http_request *request, struct http_response *response, void *app);

#define ROUTE_FOR_WEB (1u << 8) /* among the methods: HTTP_PEER_WEB may call it, too; else it gets 403 */

struct http_route {
	const char *path; /* "/api/sync"; with `prefix` "/courses/" matches all below */
	bool prefix;
	unsigned methods; /* HTTP_GET | HTTP_POST, HEAD comes with GET; | ROUTE_FOR_WEB */
	http_handler *handler;
	const char *const *parameters; /* of the query, NULL-terminated; NULL: any others are ignored */
};

extern const char *const router_no_parameters[]; /* of a call that has none */

struct http_router {
	const struct http_route *routes;
	size_t count;
	/* Gets GET and HEAD of a path that no route has, which is `tail` without its slash. It answers 404
	 * itself when it has nothing there; other methods get 404. NULL: there is nothing else. */
	http_handler *otherwise;
	/* Fills an error response that is no handler's (403, 404, 405, 413...); decides envelope or HTML.
	 * NULL: envelope. */
	void (*fail)(
		const struct http_request *request, struct http_response *response, int status, void *app);
	void *app; /* for handlers and fail */
};

/* `request->tail` is set for prefix routes. */
enum http_result router_dispatch(
	const struct http_router *router, struct http_request *request, struct http_response *response);

/* The router's answer to a request that no handler gets. */
void router_fail(const struct http_router *router, const struct http_request *request,
	struct http_response *response, int status);

#endif
