/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "http/router.h"

/* Each handler answers with its own status, which shows which handler was called. */
static enum http_result on_get(const struct http_request *request, struct http_response *response, void *app)
{
	(void)request;
	(void)app;
	response->status = 201;
	return HTTP_DONE;
}

static enum http_result on_post(const struct http_request *request, struct http_response *response, void *app)
{
	(void)request;
	(void)app;
	response->status = 202;
	return HTTP_DONE;
}

static enum http_result on_below(
	const struct http_request *request, struct http_response *response, void *app)
{
	(void)app;
	response->status = 203;
	http_response_header(response, "x-tail", request->tail);
	return HTTP_LATER;
}

/* It has one file. */
static enum http_result on_other(
	const struct http_request *request, struct http_response *response, void *app)
{
	(void)app;
	response->status = strcmp(request->tail, "file") == 0 ? 204 : 404;
	return HTTP_DONE;
}

static const char *const parameters[] = { "dryRun", "force", NULL };

static const struct http_route routes[] = {
	{ "/", false, HTTP_GET, on_get, NULL },
	{ "/sync", false, HTTP_GET | ROUTE_FOR_WEB, on_get, NULL },
	{ "/sync", false, HTTP_POST, on_post, parameters },
	{ "/post", false, HTTP_POST, on_post, router_no_parameters },
	{ "/below/", true, HTTP_GET, on_below, NULL },
};

static const char *header_of(const struct http_response *response, const char *name)
{
	for (size_t i = 0; i < response->header_count; i++) {
		if (strcmp(response->headers[i].name, name) == 0)
			return response->headers[i].value;
	}
	return NULL;
}

static void each_path_and_method_has_its_answer(void **state)
{
	static const struct {
		const char *name;
		enum http_method method;
		const char *path;
		int status;
		const char *allow;
	} rows[] = {
		{ "root", HTTP_GET, "/", 201, NULL },
		{ "root is not a prefix", HTTP_GET, "/x", 404, NULL },
		{ "GET", HTTP_GET, "/sync", 201, NULL },
		{ "HEAD goes with GET", HTTP_HEAD, "/sync", 201, NULL },
		{ "POST of the same path", HTTP_POST, "/sync", 202, NULL },
		{ "other method", HTTP_OTHER, "/sync", 405, "GET, HEAD, POST" },
		{ "POST only", HTTP_GET, "/post", 405, "POST" },
		{ "no HEAD without GET", HTTP_HEAD, "/post", 405, "POST" },
		{ "GET only", HTTP_POST, "/below/x", 405, "GET, HEAD" },
		{ "longer path", HTTP_GET, "/sync/", 404, NULL },
		{ "shorter path", HTTP_GET, "/syn", 404, NULL },
		{ "prefix without its slash", HTTP_GET, "/below", 404, NULL },
		{ "case matters", HTTP_GET, "/Sync", 404, NULL },
	};
	const struct http_router router = { .routes = routes, .count = ARRAY_SIZE(routes) };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct http_request request = { .method = rows[i].method,
			.path = rows[i].path,
			.request_id = "id",
			.query = "",
			.tail = "" };
		struct http_response response = { 0 };
		router_dispatch(&router, &request, &response);
		const char *allow = header_of(&response, "allow");
		if (response.status != rows[i].status || !allow != !rows[i].allow ||
			strcmp(allow ?: "", rows[i].allow ?: "") != 0)
			fail_msg("%s: status %d, allow %s", rows[i].name, response.status,
				allow ? allow : "none");
		http_response_done(&response);
	}
}

/* By default aither-web may not use a route: a new route must be permitted explicitly. */
static void aither_web_gets_only_the_routes_that_are_for_it(void **state)
{
	static const struct {
		enum http_method method;
		const char *path;
		int status;
	} rows[] = {
		{ HTTP_GET, "/sync", 201 },
		{ HTTP_HEAD, "/sync", 201 },
		{ HTTP_POST, "/sync", 403 },
		{ HTTP_OTHER, "/sync", 405 },
		{ HTTP_POST, "/post", 403 },
		{ HTTP_GET, "/below/x", 403 },
		{ HTTP_GET, "/nowhere", 404 },
	};
	const struct http_router router = { .routes = routes, .count = ARRAY_SIZE(routes) };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct http_request request = { .method = rows[i].method,
			.path = rows[i].path,
			.request_id = "id",
			.query = "",
			.tail = "",
			.peer = HTTP_PEER_WEB };
		struct http_response response = { 0 };
		router_dispatch(&router, &request, &response);
		if (response.status != rows[i].status)
			fail_msg("%s: status %d, not %d", rows[i].path, response.status, rows[i].status);
		http_response_done(&response);
	}
}

static void prefix_routes_get_the_rest_of_the_path(void **state)
{
	const struct http_router router = { .routes = routes, .count = ARRAY_SIZE(routes) };
	struct http_request request = {
		.method = HTTP_GET, .path = "/below/a/b", .request_id = "id", .query = ""
	};
	struct http_response response = { 0 };

	(void)state;
	assert_int_equal(router_dispatch(&router, &request, &response), HTTP_LATER);
	assert_string_equal(header_of(&response, "x-tail"), "a/b");
	http_response_done(&response);
}

static void a_call_has_its_parameters_and_no_others(void **state)
{
	static const char unknown[] = "unknown query parameter ", both[] = "; this call accepts dryRun, force",
			  twice[] = "query parameter \\\"force\\\" is given twice";
	static const struct {
		const char *path, *query;
		enum http_method method;
		int status;
		const char *before, *shown, *after;
	} rows[] = {
		{ "/sync", "", HTTP_POST, 202, NULL, NULL, NULL },
		{ "/sync", "&&", HTTP_POST, 202, NULL, NULL, NULL },
		{ "/sync", "dryRun=1&&force=0&", HTTP_POST, 202, NULL, NULL, NULL },
		{ "/sync", "force", HTTP_POST, 202, NULL, NULL, NULL },
		{ "/sync", "dryrun=1", HTTP_POST, 400, unknown, "\\\"dryrun\\\"", both },
		{ "/sync", "force=1&dry_run=1", HTTP_POST, 400, unknown, "\\\"dry_run\\\"", both },
		{ "/sync", "dryRu=1", HTTP_POST, 400, unknown, "\\\"dryRu\\\"", both },
		{ "/sync", "dryRun%20=1", HTTP_POST, 400, unknown, "\\\"dryRun%20\\\"", both },
		{ "/sync", "%64ryRun=1", HTTP_POST, 400, unknown, "\\\"%64ryRun\\\"", both },
		{ "/sync", "=1", HTTP_POST, 400, unknown, "\\\"\\\"", both },
		{ "/sync", "a?b", HTTP_POST, 400, unknown, "\\\"a?b\\\"", both },
		{ "/sync", "x\x1b[1mx", HTTP_POST, 400, unknown, "\\\"x?[1mx\\\"", both },
		{ "/sync", "dry-run-now=1", HTTP_POST, 400, unknown, "\\\"dry-run-now\\\"", both },
		{ "/sync", "a-password-1", HTTP_POST, 400, "unknown query parameter", "", both },
		{ "/sync", "force=1&dryRun=0&force=1", HTTP_POST, 400, twice, "", "" },
		{ "/sync", "force&force=0", HTTP_POST, 400, twice, "", "" },
		{ "/post", "x", HTTP_POST, 400, unknown, "\\\"x\\\"", "; this call accepts none" },
		{ "/sync", "utm_source=mail&utm_source=x", HTTP_GET, 201, NULL, NULL, NULL },
		{ "/post", "x", HTTP_GET, 405, NULL, NULL, NULL },
	};
	const struct http_router router = { .routes = routes, .count = ARRAY_SIZE(routes) };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct http_request request = { .method = rows[i].method,
			.path = rows[i].path,
			.request_id = "id",
			.query = rows[i].query,
			.tail = "" };
		struct http_response response = { 0 };

		router_dispatch(&router, &request, &response);
		if (response.status != rows[i].status)
			fail_msg("%s?%s: status %d", rows[i].path, rows[i].query, response.status);
		if (rows[i].before) {
			CLEANUP(mem_freep)
			char *message = mem_printf(
				"\"message\":\"%s%s%s\"", rows[i].before, rows[i].shown, rows[i].after);

			if (!strstr(response.body->bytes, message))
				fail_msg("%s instead of %s", response.body->bytes, message);
		}
		http_response_done(&response);
	}
}

static void own_fail(
	const struct http_request *request, struct http_response *response, int status, void *app)
{
	assert_string_equal(request->path, "/nowhere");
	http_response_text(response, status, "text/html", app);
}

static void the_application_words_its_failures(void **state)
{
	char text[] = "<p>not here";
	const struct http_router router = {
		.routes = routes, .count = ARRAY_SIZE(routes), .fail = own_fail, .app = text
	};
	struct http_request request = {
		.method = HTTP_GET, .path = "/nowhere", .request_id = "id", .query = ""
	};
	struct http_response response = { 0 };

	(void)state;
	assert_int_equal(router_dispatch(&router, &request, &response), HTTP_DONE);
	assert_int_equal(response.status, 404);
	assert_string_equal(response.body->bytes, "<p>not here");
	http_response_done(&response);
}

static void paths_without_a_route_have_one_more_place(void **state)
{
	static const struct {
		enum http_method method;
		const char *path;
		int status;
	} rows[] = {
		{ HTTP_GET, "/file", 204 },
		{ HTTP_HEAD, "/file", 204 },
		{ HTTP_GET, "/nothing", 404 },
		/* A method is wrong only where a file exists; otherwise the answer would reveal which files
		 * exist. */
		{ HTTP_POST, "/file", 404 },
		{ HTTP_OTHER, "/file", 404 },
		{ HTTP_POST, "/nothing", 404 },
		{ HTTP_GET, "/sync", 201 },
		{ HTTP_GET, "/post", 405 },
	};
	const struct http_router router = {
		.routes = routes, .count = ARRAY_SIZE(routes), .otherwise = on_other
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct http_request request = {
			.method = rows[i].method,
			.path = rows[i].path,
			.request_id = "id",
			.query = "",
			.tail = "",
		};
		CLEANUP(http_response_done) struct http_response response = { 0 };
		router_dispatch(&router, &request, &response);
		if (response.status != rows[i].status)
			fail_msg("%s: %d", rows[i].path, response.status);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_path_and_method_has_its_answer),
		cmocka_unit_test(paths_without_a_route_have_one_more_place),
		cmocka_unit_test(aither_web_gets_only_the_routes_that_are_for_it),
		cmocka_unit_test(prefix_routes_get_the_rest_of_the_path),
		cmocka_unit_test(a_call_has_its_parameters_and_no_others),
		cmocka_unit_test(the_application_words_its_failures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
