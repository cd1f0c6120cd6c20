/* SPDX-License-Identifier: MIT */
#include "http/router.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "http/envelope.h"

#define NAME_SHOWN_MAX 11 /* bytes; a longer name may be a secret in the wrong place, and is not repeated */

const char *const router_no_parameters[] = { NULL };

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

/* The next name of the query, raw: what is written with percent signs is none of ours. NULL: there is none.
 */
static const char *next_name(const char **query, size_t *ret_length)
{
	const char *name = *query + strspn(*query, "&");

	*ret_length = strcspn(name, "&=");
	*query = name + strcspn(name, "&");
	return *name ? name : NULL;
}

static bool is_name(const char *name, size_t length, const char *known)
{
	return strlen(known) == length && memcmp(name, known, length) == 0;
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
	return error_fail(err, ERROR_BAD_REQUEST, -EINVAL, "unknown query parameter%s; this call has %s",
		shown ? shown : "", known.length > 0 ? buf_text(&known) : "none");
}

/* Each parameter is one of the route's, and there once. */
static int check_query(const char *const *parameters, const char *query, struct error *err)
{
	const char *name;
	size_t length;

	while ((name = next_name(&query, &length))) {
		const char *rest = query, *other;
		size_t i = 0, other_length;

		while (parameters[i] && !is_name(name, length, parameters[i]))
			i++;
		if (!parameters[i])
			return fail_unknown(parameters, name, length, err);
		while ((other = next_name(&rest, &other_length)))
			if (is_name(other, other_length, parameters[i]))
				return error_fail(err, ERROR_BAD_REQUEST, -EINVAL,
					"query parameter \"%s\" is there twice", parameters[i]);
	}
	return 0;
}

static enum http_result call(const struct http_route *route, const struct http_request *request,
	struct http_response *response, void *app)
{
	struct error err = { 0 };

	if (!route->parameters || check_query(route->parameters, request->query, &err) == 0)
		return route->handler(request, response, app);
	envelope_error(response, request->request_id, &err, NULL);
	return HTTP_DONE;
}

enum http_result router_dispatch(
	const struct http_router *router, struct http_request *request, struct http_response *response)
{
	unsigned wanted = request->method == HTTP_HEAD ? HTTP_GET : request->method;
	unsigned allowed = 0;

	for (size_t i = 0; i < router->count; i++) {
		const char *tail = route_match(&router->routes[i], request->path);
		if (tail && (router->routes[i].methods & wanted)) {
			if (request->peer == HTTP_PEER_WEB && !(router->routes[i].methods & ROUTE_FOR_WEB)) {
				router_fail(router, request, response, 403);
				return HTTP_DONE;
			}
			request->tail = tail;
			return call(&router->routes[i], request, response, router->app);
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
