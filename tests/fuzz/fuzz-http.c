/* SPDX-License-Identifier: MIT */
/*
 * Any request head, without a socket: parsed here in the simplest way, checked by http/head.c, then routed to
 * the handlers of aither-web, in four worlds: with and without a token, with and without public pages, and
 * with a configuration that is not usable. When the program is linked, this file replaces the functions that
 * call the worker or wait.
 *
 * These rules must hold:
 *  - http/head.c refuses a head exactly when this file does, and for the same reason;
 *  - only the published pages are ever shown, and no part of a token;
 *  - only permitted requests reach the worker, with one of our targets;
 *  - an answer has a status that is possible for its call, and headers without control characters;
 *  - the body of an answer matches its type.
 */
#include "tests/fuzz/fuzz.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "config/config.h"
#include "http/head.h"
#include "http/http.h"
#include "http/router.h"
#include "render/slice.h"
#include "tests/fuzz/request-head.h"
#include "web/live.h"
#include "web/monitor.h"
#include "web/page.h"
#include "web/phrases.h"
#include "web/relay.h"
#include "web/site.h"
#include "web/web.h"

#define TOKEN "0123456789abcdef"
#define PUBLISHED "<p>published</p>"
#define HIDDEN "<p>hidden</p>"
#define REQUEST_ID "fuzz-request"

const char fuzz_corpus[] = "http";

/* The world of a request, and its results. */
struct world {
	struct web web;
	struct config config;
	bool relayed;
};

static struct site *site;
static struct phrases *phrases;
static char root[] = "/tmp/aither-fuzz-XXXXXX";
static const char *const published[] = { "a", "Course-1_b.html", "x.html" };
static const char *const hidden[] = { "hidden.html", "courses/.hidden.html", "courses/hidden.txt",
	"courses.de.html", "files/.hidden.svg", "files/hidden.exe", "files/folder/.hidden.svg" };
static const char *const shown[] = { "files/logo.svg", "files/folder/a.woff2", "public/courses.json" };
static const char *const folders[] = { "courses", "files", "files/folder", "public" };

static char *path_of(const char *name)
{
	return mem_printf("%s/%s", root, name);
}

static void remove_tree(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(published); i++) {
		CLEANUP(mem_freep) char *path = mem_printf("%s/courses/%s.html", root, published[i]);

		unlink(path);
	}
	for (size_t i = 0; i < ARRAY_SIZE(hidden); i++) {
		CLEANUP(mem_freep) char *path = path_of(hidden[i]);

		unlink(path);
	}
	for (size_t i = 0; i < ARRAY_SIZE(shown); i++) {
		CLEANUP(mem_freep) char *path = path_of(shown[i]);

		unlink(path);
	}
	CLEANUP(mem_freep) char *link = path_of("courses/link.html");
	unlink(link);
	CLEANUP(mem_freep) char *file_link = path_of("files/link.svg");
	unlink(file_link);
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		CLEANUP(mem_freep) char *path = path_of(folders[ARRAY_SIZE(folders) - 1 - i]);

		rmdir(path);
	}
	rmdir(root);
}

static void write_page(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");

	FUZZ_CHECK(file && fputs(text, file) >= 0 && fclose(file) == 0, "%s", path);
}

static void make_tree(void)
{
	FUZZ_CHECK(mkdtemp(root), "%s", root);
	atexit(remove_tree);
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		CLEANUP(mem_freep) char *path = path_of(folders[i]);

		FUZZ_CHECK(mkdir(path, 0755) == 0, "%s", path);
	}
	CLEANUP(mem_freep) char *link = path_of("courses/link.html");
	CLEANUP(mem_freep) char *file_link = path_of("files/link.svg");
	FUZZ_CHECK(symlink("../hidden.html", link) == 0 && symlink("../hidden.html", file_link) == 0, "%s",
		link);
	for (size_t i = 0; i < ARRAY_SIZE(shown); i++) {
		CLEANUP(mem_freep) char *path = path_of(shown[i]);

		write_page(path, "{\"openapi\":1}"); /* no envelope is expected in this file */
	}
	for (size_t i = 0; i < ARRAY_SIZE(published); i++) {
		CLEANUP(mem_freep) char *path = mem_printf("%s/courses/%s.html", root, published[i]);

		write_page(path, PUBLISHED);
	}
	for (size_t i = 0; i < ARRAY_SIZE(hidden); i++) {
		CLEANUP(mem_freep) char *path = path_of(hidden[i]);

		write_page(path, HIDDEN);
	}
	phrases = phrases_new(&(struct phrases_options){ .site_name = "Academy" });
	CLEANUP(mem_freep) char *files = path_of("files");
	site = site_new(&(struct site_options){
		.output_directory = root,
		.file_directory = files,
		.shipped_files = "/nonexistent",
		.phrases = phrases,
	});
}

/* ---- functions that would need a socket ---- */

void http_request_address(const struct http_request *request, char ret_address[static HTTP_ADDRESS_SIZE])
{
	(void)request;
	snprintf(ret_address, HTTP_ADDRESS_SIZE, "%s", "192.0.2.7");
}

void live_touch(struct live *live)
{
	(void)live;
}

enum http_result live_index(struct live *live, const struct http_request *request,
	struct http_response *response, enum site_index which, enum language language)
{
	struct page_request wanted;

	(void)live;
	(void)which;
	FUZZ_CHECK(language == LANGUAGE_DE || language == LANGUAGE_EN, "%d", (int)language);
	page_request_read(&wanted, request);
	page_answer(site_fallback(site, language), &wanted, NULL, "no-cache", response);
	page_request_done(&wanted);
	return HTTP_DONE;
}

/* RELAY is the world itself here. */
enum http_result relay_call(struct relay *relay, const struct http_request *request,
	struct http_response *response, const struct relay_order *order)
{
	static const char *const targets[] = { "/api/sync", "/api/sync?dryRun=1", "/api/sync/status" };
	const char *authorization = http_request_header(request, "authorization");
	struct world *world = (struct world *)(void *)relay;
	bool is_known = false;

	for (size_t i = 0; i < ARRAY_SIZE(targets); i++)
		is_known |= strcmp(order->target, targets[i]) == 0;
	FUZZ_CHECK(is_known, "%s", order->target);
	FUZZ_CHECK(strcmp(order->method, order->is_sync ? "POST" : "GET") == 0, "%s", order->method);
	FUZZ_CHECK((request->method == HTTP_POST) == order->is_sync, "%s", request->method_name);
	FUZZ_CHECK(!order->prefer || strcmp(order->prefer, "respond-async") == 0, "%s", order->prefer);
	FUZZ_CHECK(config_is_usable(&world->config), "not configured");
	if (world->web.auth.token)
		FUZZ_CHECK(authorization && strncasecmp(authorization, "bearer ", 7) == 0 &&
				   strcmp(strrchr(authorization, ' ') + 1, TOKEN) == 0,
			"%s", authorization ? authorization : "none");
	world->relayed = true;
	http_response_text(response, 202, "application/json",
		"{\"success\":true,\"meta\":{\"requestId\":\"" REQUEST_ID "\"}}");
	return HTTP_DONE;
}

enum http_result monitor_health(const struct http_request *request, struct http_response *response, void *arg)
{
	(void)request;
	(void)arg;
	http_response_text(response, 200, "text/plain; charset=utf-8", "ok\n");
	return HTTP_DONE;
}

enum http_result monitor_ready(const struct http_request *request, struct http_response *response, void *arg)
{
	return monitor_health(request, response, arg);
}

void monitor_metrics(struct web *web, struct http_response *response)
{
	monitor_health(NULL, response, web);
}

/* ---- the answer ---- */

static void check_headers(const struct http_response *response)
{
	FUZZ_CHECK(response->header_count < HTTP_HEADERS_MAX, "no room for one more");
	for (size_t i = 0; i < response->header_count; i++) {
		const char *value = response->headers[i].value;

		FUZZ_CHECK(utf8_is_text(value, strlen(value)), "%s: %s", response->headers[i].name, value);
	}
}

static const char *header_of(const struct http_response *response, const char *name)
{
	for (size_t i = 0; i < response->header_count; i++)
		if (strcmp(response->headers[i].name, name) == 0)
			return response->headers[i].value;
	return NULL;
}

static void check_json(const struct http_response *response)
{
	const struct json_limits limits = {
		.size_max = 1 << 20, .depth_max = JSON_DEPTH_MAX, .node_max = 1 << 16
	};
	CLEANUP(json_freep) struct json *json = NULL;
	struct error err = { 0 };
	const char *id;

	FUZZ_CHECK(json_parse(&json, response->body->bytes, response->body->length, &limits, &err) == 0,
		"%s: %.*s", err.message, (int)response->body->length, response->body->bytes);
	if (json_get(json, "openapi"))
		return;
	id = json_string(json_get(json_get(json, "meta"), "requestId"));
	FUZZ_CHECK(id && strcmp(id, REQUEST_ID) == 0, "%s", id ? id : "no request id");
	FUZZ_CHECK(json_bool(json_get(json, "success"), false) == (response->status < 400), "%d",
		response->status);
	FUZZ_CHECK(response->status < 400 || json_string(json_get(json_get(json, "error"), "message")), "%d",
		response->status);
}

static void check_html(const struct http_response *response)
{
	struct slice text = { response->body->bytes, response->body->length };
	size_t fault;

	FUZZ_CHECK(header_of(response, "content-security-policy"), "a page without a policy");
	if (header_of(response, "content-encoding"))
		return;
	FUZZ_CHECK(slice_is_text(text, &fault), "not UTF-8 at %zu", fault);
}

static void check_body(const struct http_response *response)
{
	if (response->status == 304 || !response->content_type) {
		FUZZ_CHECK(!response->body, "a body without a type");
		return;
	}
	FUZZ_CHECK(!response->body == response->without_length, "%s without a body", response->content_type);
	if (response->without_length)
		return;
	/* An envelope repeats the path of the request; a file with that type would not be an envelope. */
	bool is_envelope = strcmp(response->content_type, "application/json") == 0;

	FUZZ_CHECK(
		is_envelope || !memmem(response->body->bytes, response->body->length, HIDDEN, strlen(HIDDEN)),
		"a hidden file");
	if (is_envelope)
		check_json(response);
	else if (strncmp(response->content_type, "text/html", 9) == 0)
		check_html(response);
}

/* In the path or the name of a header, which error messages quote, or in the query, which a redirect
 * keeps. */
static bool quotes_token(const struct http_request *request)
{
	for (size_t i = 0; i < request->field_count; i++)
		if (strstr(request->fields[i].name, TOKEN))
			return true;
	return strstr(request->path, TOKEN) || strstr(request->query, TOKEN);
}

/* An answer may contain the token only where the client has written it in the request. */
static void check_token(const struct http_request *request, const struct http_response *response)
{
	if (quotes_token(request))
		return;
	for (size_t i = 0; i < response->header_count; i++)
		FUZZ_CHECK(!strstr(response->headers[i].value, TOKEN), "%s", response->headers[i].name);
	FUZZ_CHECK(!response->body ||
			   !memmem(response->body->bytes, response->body->length, TOKEN, strlen(TOKEN)),
		"the token is in the body");
}

static void check_status(
	const struct world *world, const struct http_request *request, const struct http_response *response)
{
	static const int statuses[] = { 200, 202, 304, 308, 400, 401, 403, 404, 405, 503 };
	bool is_known = false;

	for (size_t i = 0; i < ARRAY_SIZE(statuses); i++)
		is_known |= response->status == statuses[i];
	FUZZ_CHECK(is_known, "%d", response->status);
	FUZZ_CHECK((response->status == 202) == world->relayed, "%d", response->status);
	FUZZ_CHECK((response->status == 401) == !!header_of(response, "www-authenticate"), "%d",
		response->status);
	FUZZ_CHECK((response->status == 405) == !!header_of(response, "allow"), "%d", response->status);
	FUZZ_CHECK(response->status != 401 || world->web.auth.token, "401 without a token");
	FUZZ_CHECK(strcmp(request->path, "/metrics") != 0 || response->status != 200 ||
			   http_request_header(request, "authorization"),
		"statistics without a token");
	if (strncmp(request->path, "/courses/", 9) == 0 && response->status < 400 &&
		!(world->config.site.course_pages_public && config_is_usable(&world->config)))
		FUZZ_CHECK(world->web.auth.token && http_request_header(request, "authorization"),
			"a private page for everybody");
}

static void ask(struct world *world, const struct http_request *given)
{
	struct http_request request = *given;
	struct http_response response = { 0 };

	world->config.problems.required_count = world->config.problems.count;
	world->web.options.config = &world->config;
	world->web.router = (struct http_router){
		.routes = web_routes,
		.count = web_route_count,
		.otherwise = web_file,
		.fail = web_fail,
		.app = &world->web,
	};
	world->web.auth.logged = AUTH_LOGGED_PER_MINUTE; /* no lines in the journal */
	world->web.site = site;
	world->web.phrases = phrases;
	world->web.relay = (struct relay *)(void *)world;
	FUZZ_CHECK(router_dispatch(&world->web.router, &request, &response) == HTTP_DONE, "it waits");
	check_status(world, &request, &response);
	check_headers(&response);
	check_body(&response);
	check_token(&request, &response);
	http_response_done(&response);
	http_body_unref(world->web.openapi);
}

static void ask_all(const struct http_request *request)
{
	static char *problems[] = { (char *)"BaseURL is not set" };
	struct world open = { .web.auth.local_access = true, .config.site.course_pages_public = true };
	struct world closed = { .web.auth = { .token = TOKEN, .local_access = true } };
	struct world german = { .web.auth.token = TOKEN, .config.site.language = CONFIG_LANGUAGE_DE };
	struct world broken = { .config = { .site.course_pages_public = true, .problems.count = 1 } };

	broken.config.problems.text[0] = problems[0];
	ask(&open, request);
	ask(&closed, request);
	ask(&german, request);
	ask(&broken, request);
}

/* ---- the request ---- */

static enum http_method method_of(const char *name)
{
	if (strcmp(name, "GET") == 0)
		return HTTP_GET;
	if (strcmp(name, "HEAD") == 0)
		return HTTP_HEAD;
	return strcmp(name, "POST") == 0 ? HTTP_POST : HTTP_OTHER;
}

/* As in http/server.c. */
static void ask_target(const struct request_head *head)
{
	const char *target = head->target;
	size_t length = strcspn(target, "?");
	CLEANUP(mem_freep) char *path = mem_alloc(length + 1);
	struct http_request request = { .method = method_of(head->method),
		.method_name = head->method,
		.path = path,
		.query = target[length] ? target + length + 1 : "",
		.tail = "",
		.body = "",
		.fields = head->fields,
		.field_count = head->count,
		.request_id = REQUEST_ID,
		.peer = HTTP_PEER_LOOPBACK };

	if (target[0] != '/' || http_decode(target, length, false, path, length + 1) < 0)
		return;
	FUZZ_CHECK(path[0] == '/' && strlen(path) <= length && utf8_is_text(path, strlen(path)), "%s", path);
	ask_all(&request);
}

/* Every line of a head that is not refused ends with CR LF. */
static void check_lines(const char *bytes, size_t size)
{
	const char *end = memmem(bytes, size, "\r\n\r\n", 4);

	FUZZ_CHECK(end, "no end");
	for (const char *c = bytes; c < end; c++)
		FUZZ_CHECK(*c != '\n' || (c > bytes && c[-1] == '\r'), "a bare line feed at %zu",
			(size_t)(c - bytes));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	CLEANUP(mem_freep) char *exact = mem_alloc(size); /* the sanitizer detects a read past the end */
	CLEANUP(request_head_done) struct request_head head;
	bool is_good = request_head_read(&head, bytes, size);

	if (!site)
		make_tree();
	if (size > 0)
		memcpy(exact, bytes, size);
	bool has_ended = memmem(bytes, size, "\n\r\n", 3) || memmem(bytes, size, "\n\n", 2);
	int status = head_check(exact, size);
	FUZZ_CHECK(has_ended || status == 0, "%d", status);
	FUZZ_CHECK(!is_good || status == request_head_check(&head), "%d", status);
	if (has_ended && status != 400)
		check_lines(exact, size);
	if (is_good && status == 0)
		ask_target(&head);
	return 0;
}
