/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "http/router.h"

/* Handlers answer with a status of their own, so that it shows who was called. */
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

static const struct http_route routes[] = {
	{ "/", false, HTTP_GET, on_get },
	{ "/sync", false, HTTP_GET, on_get },
	{ "/sync", false, HTTP_POST, on_post },
	{ "/post", false, HTTP_POST, on_post },
	{ "/below/", true, HTTP_GET, on_below },
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

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_path_and_method_has_its_answer),
		cmocka_unit_test(prefix_routes_get_the_rest_of_the_path),
		cmocka_unit_test(the_application_words_its_failures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
