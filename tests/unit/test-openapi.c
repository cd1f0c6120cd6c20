/* SPDX-License-Identifier: MIT */
/* data/openapi.json against the programs' tables: routes, methods and error codes, in both directions. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "http/router.h"
#include "web/web.h"
#include "worker/internal.h"

#define FILE_MAX (1u << 20)

static struct buf text = BUF_INIT(FILE_MAX);
static struct json *document;

static int load(void **state)
{
	static const struct json_limits limits = { FILE_MAX, JSON_DEPTH_MAX, 100000, false, false };
	const char *top = getenv("top_srcdir");
	CLEANUP(mem_freep) char *path = mem_printf("%s/data/openapi.json", top ? top : ".");
	struct error err = { 0 };

	(void)state;
	if (file_read_path(path, &text, &err) == 0 &&
		json_parse(&document, text.data, text.length, &limits, &err) == 0)
		return 0;
	fprintf(stderr, "%s: %s\n", path, err.message);
	return -1;
}

static int unload(void **state)
{
	(void)state;
	json_freep(&document);
	buf_done(&text);
	return 0;
}

/* The operations under a path, written as in the route tables: "/courses/" for "/courses/{name}". */
static const struct json *find_path(const char *wanted, bool prefix)
{
	JSON_FOREACH (path, json_get(document, "paths")) {
		const char *name = json_name(path);
		size_t length = strcspn(name, "{");
		bool is_prefix = name[length] == '{';
		if (is_prefix == prefix && length == strlen(wanted) && strncmp(name, wanted, length) == 0)
			return path;
	}
	return NULL;
}

static bool is_served_by(const struct json *operation, const char *program)
{
	JSON_FOREACH (name, json_get(operation, "x-served-by")) {
		if (strcmp(json_string(name), program) == 0)
			return true;
	}
	return false;
}

static const char *method_name(unsigned method)
{
	return method == HTTP_GET ? "get" : "post";
}

/* The query parameters of a call. For a page, the document may name only some of those that the route
 * accepts. */
static void assert_parameters(const struct http_route *route, const struct json *operation)
{
	size_t described = 0, known = 0;

	while (route->parameters && route->parameters[known])
		known++;
	JSON_FOREACH (parameter, json_get(operation, "parameters")) {
		const char *name = strrchr(json_string(json_get(parameter, "$ref")), '/') + 1;
		const struct json *entry =
			json_get(json_get(json_get(document, "components"), "parameters"), name);

		if (strcmp(json_string(json_get(entry, "in")), "query") != 0)
			continue;
		for (size_t i = 0; i < known; i++)
			described += strcmp(route->parameters[i], json_string(json_get(entry, "name"))) == 0;
		if (route->parameters && described == 0)
			fail_msg("%s has no parameter %s", route->path, name);
	}
	if (described != known)
		fail_msg("%s has %zu parameters, and %zu are described", route->path, known, described);
}

static void assert_described(const struct http_route *route, const char *program)
{
	for (unsigned method = HTTP_GET; method <= HTTP_POST; method <<= 1) {
		if (!(route->methods & method))
			continue;
		const struct json *path = find_path(route->path, route->prefix);
		if (!is_served_by(json_get(path, method_name(method)), program))
			fail_msg("%s has %s %s, the document has not", program, method_name(method),
				route->path);
		assert_parameters(route, json_get(path, method_name(method)));
	}
}

static void every_route_is_described(void **state)
{
	(void)state;
	for (size_t i = 0; i < web_route_count; i++)
		assert_described(&web_routes[i], "aither-web");
	for (size_t i = 0; i < worker_route_count; i++)
		assert_described(&worker_routes[i], "aither-worker");
}

static bool has_route(
	const struct http_route *routes, size_t count, const char *path, const char *operation_method)
{
	size_t length = strcspn(path, "{");

	/* Files that web_file serves have no route, so that an unknown path is 404 for every method. */
	if (routes == web_routes && strcmp(path, "/{file}") == 0)
		return strcmp(operation_method, "get") == 0;
	for (size_t i = 0; i < count; i++) {
		if (routes[i].prefix == (path[length] == '{') && strlen(routes[i].path) == length &&
			strncmp(routes[i].path, path, length) == 0 &&
			(routes[i].methods & (strcmp(operation_method, "get") == 0 ? HTTP_GET : HTTP_POST)))
			return true;
	}
	return false;
}

static void every_described_operation_is_a_route(void **state)
{
	unsigned operations = 0;

	(void)state;
	JSON_FOREACH (path, json_get(document, "paths")) {
		JSON_FOREACH (operation, path) {
			const char *method = json_name(operation);
			assert_true(strcmp(method, "get") == 0 || strcmp(method, "post") == 0);
			bool by_web = is_served_by(operation, "aither-web");
			bool by_worker = is_served_by(operation, "aither-worker");
			assert_true(by_web || by_worker);
			if (by_web != has_route(web_routes, web_route_count, json_name(path), method) ||
				by_worker !=
					has_route(worker_routes, worker_route_count, json_name(path), method))
				fail_msg("%s %s is not what the programs do", method, json_name(path));
			operations++;
		}
	}
	assert_in_range(operations, 8, 100);
}

static void the_error_codes_are_those_of_the_program(void **state)
{
	const struct json *schemas = json_get(json_get(document, "components"), "schemas");
	const struct json *names = json_get(json_get(schemas, "ErrorCode"), "enum");
	int code = 0;

	(void)state;
	JSON_FOREACH (name, names)
		assert_string_equal(json_string(name), error_code_name((enum error_code)code++));
	assert_int_equal(code, ERROR_CODES);
}

static void the_version_is_that_of_the_program(void **state)
{
	(void)state;
	assert_string_equal(json_string(json_get(json_get(document, "info"), "version")), PACKAGE_VERSION);
}

static void it_is_served_as_it_is_and_once_to_a_client_that_keeps_it(void **state)
{
	CLEANUP(http_response_done) struct http_response first = { 0 }, second = { 0 };
	struct http_request request = { .method = HTTP_GET, .path = "/api/openapi.json", .query = "" };
	struct web web = { 0 };
	const struct http_router router = { .routes = web_routes, .count = web_route_count, .app = &web };

	(void)state;
	router_dispatch(&router, &request, &first);
	assert_int_equal(first.status, 200);
	assert_string_equal(first.content_type, "application/json");
	assert_int_equal(first.body->length, text.length);
	assert_memory_equal(first.body->bytes, text.data, text.length);
	assert_string_equal(first.headers[0].name, "etag");
	const struct http_field field = { "if-none-match", first.headers[0].value };
	request.fields = &field;
	request.field_count = 1;
	router_dispatch(&router, &request, &second);
	assert_int_equal(second.status, 304);
	assert_null(second.body);
	http_body_unref(web.openapi);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_route_is_described),
		cmocka_unit_test(every_described_operation_is_a_route),
		cmocka_unit_test(the_error_codes_are_those_of_the_program),
		cmocka_unit_test(the_version_is_that_of_the_program),
		cmocka_unit_test(it_is_served_as_it_is_and_once_to_a_client_that_keeps_it),
	};

	return cmocka_run_group_tests(tests, load, unload);
}
