/* SPDX-License-Identifier: MIT */
#include "http/router.h"

#include <string.h>

#include "http/envelope.h"

void router_fail(const struct http_router *router, const struct http_request *request,
	struct http_response *response, int status)
{
	if (router->fail)
		router->fail(request, response, status, router->app);
	else
		envelope_status(response, request->request_id, status, request->path);
}

/* What follows the route's path ("" for an exact one); NULL: it does not match. */
static const char *route_match(const struct http_route *route, const char *path)
{
	size_t length = strlen(route->path);

	if (strncmp(path, route->path, length) != 0)
		return NULL;
	return route->prefix || path[length] == '\0' ? path + length : NULL;
}

static void fail_method(const struct http_router *router, const struct http_request *request,
	struct http_response *response, unsigned allowed)
{
	static const char *const allow[] = { "", "GET, HEAD", "POST", "GET, HEAD, POST" };
	unsigned index = (allowed & HTTP_GET ? 1 : 0) | (allowed & HTTP_POST ? 2 : 0);

	router_fail(router, request, response, 405);
	http_response_header(response, "allow", allow[index]);
}

enum http_result router_dispatch(
	const struct http_router *router, struct http_request *request, struct http_response *response)
{
	unsigned wanted = request->method == HTTP_HEAD ? HTTP_GET : request->method;
	unsigned allowed = 0;

	for (size_t i = 0; i < router->count; i++) {
		const char *tail = route_match(&router->routes[i], request->path);
		if (tail && (router->routes[i].methods & wanted)) {
			request->tail = tail;
			return router->routes[i].handler(request, response, router->app);
		}
		if (tail)
			allowed |= router->routes[i].methods;
	}
	if (strcmp(request->path, "*") == 0) { /* of OPTIONS, about the server as a whole */
		response->status = 204;
		http_response_header(response, "allow", "GET, HEAD, POST");
	} else if (allowed)
		fail_method(router, request, response, allowed);
	else
		router_fail(router, request, response, 404);
	return HTTP_DONE;
}
