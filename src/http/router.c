/* SPDX-License-Identifier: MIT */
#include "http/router.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "http/envelope.h"

#define NAME_SHOWN_MAX 11 /* bytes; a longer name may be a misplaced secret and is not repeated */

const char *const router_no_parameters[] = { NULL };

void router_fail(const struct http_router *router, const struct http_request *request,
	struct http_response *response, int status)
{
	if (router->fail)
		router->fail(request, response, status, router->app);
	else
		envelope_status(response, request->request_id, status, request->path);
}

static int fail_unknown(const char *const *parameters, const char *name, size_t length, struct error *err)
{
	CLEANUP(buf_done) struct buf known = BUF_INIT(ERROR_MESSAGE_MAX);
	CLEANUP(mem_freep) char *shown = NULL;

	if (length <= NAME_SHOWN_MAX) {
		shown = mem_printf(" \"%.*s\"", (int)length, name);
		utf8_defuse(shown);
	}
	for (size_t i = 0; parameters[i]; i++)
		buf_printf(&known, "%s%s", i > 0 ? ", " : "", parameters[i]);
	return error_fail(err, ERROR_BAD_REQUEST, -EINVAL, "unknown query parameter%s; this call accepts %s",
		shown ? shown : "", known.length > 0 ? buf_text(&known) : "none");
}

/* Checks that each parameter is one of the route's and is given once. Names are compared without decoding:
 * ours have no character that needs a percent sign. */
static int check_query(const char *const *parameters, const char *query, struct error *err)
{
	unsigned seen = 0;

	for (const char *name = query + strspn(query, "&"); *name; name += strspn(name, "&")) {
		size_t length = strcspn(name, "&="), i = 0;

		while (parameters[i] &&
			(strlen(parameters[i]) != length || memcmp(name, parameters[i], length) != 0))
			i++;
		if (!parameters[i])
			return fail_unknown(parameters, name, length, err);
		if (seen & 1u << i)
			return error_fail(err, ERROR_BAD_REQUEST, -EINVAL,
				"query parameter \"%s\" is given twice", parameters[i]);
		seen |= 1u << i;
		name += strcspn(name, "&");
	}
	return 0;
}

enum http_result router_dispatch(
	const struct http_router *router, struct http_request *request, struct http_response *response)
{
	static const char *const allow[] = { "", "GET, HEAD", "POST", "GET, HEAD, POST" };
	unsigned wanted = request->method == HTTP_HEAD ? HTTP_GET : request->method;
	unsigned allowed = 0;

	for (size_t i = 0; i < router->count; i++) {
		const struct http_route *route = &router->routes[i];
		size_t length = strlen(route->path);
		struct error err = { 0 };

		if (strncmp(request->path, route->path, length) != 0 ||
			(!route->prefix && request->path[length] != '\0'))
			continue;
		allowed |= route->methods;
		if (!(route->methods & wanted))
			continue;
		if (request->peer == HTTP_PEER_WEB && !(route->methods & ROUTE_FOR_WEB)) {
			router_fail(router, request, response, 403);
			return HTTP_DONE;
		}
		request->tail = request->path + length;
		if (!route->parameters || check_query(route->parameters, request->query, &err) == 0)
			return route->handler(request, response, router->app);
		envelope_error(response, request->request_id, &err, NULL);
		return HTTP_DONE;
	}
	if (strcmp(request->path, "*") == 0) { /* OPTIONS about the server as a whole */
		response->status = 204;
		http_response_header(response, "allow", "GET, HEAD, POST");
	} else if (allowed) {
		router_fail(router, request, response, 405);
		http_response_header(response, "allow",
			allow[(allowed & HTTP_GET ? 1 : 0) | (allowed & HTTP_POST ? 2 : 0)]);
	} else if (router->otherwise && wanted == HTTP_GET) {
		request->tail = request->path + 1;
		return router->otherwise(request, response, router->app);
	} else {
		router_fail(router, request, response, 404);
	}
	return HTTP_DONE;
}
