/* SPDX-License-Identifier: MIT */
#include "web/web.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "config/config.h"
#include "http/envelope.h"
#include "http/list.h"
#include "web/live.h"
#include "web/monitor.h"
#include "web/negotiate.h"
#include "web/page.h"
#include "web/phrases.h"
#include "web/relay.h"
#include "web/site.h"

static enum language language_of(const struct web *web, const struct http_request *request)
{
	return negotiate_language(request, web->options.config->site.language);
}

static bool wants_html(const struct http_request *request)
{
	bool is_api = strncmp(request->path, "/api", 4) == 0 &&
		      (request->path[4] == '/' || request->path[4] == '\0');

	return !is_api && negotiate_html(request);
}

static void answer_error_page(
	const struct web *web, const struct http_request *request, struct http_response *response, int status)
{
	enum language language = language_of(web, request);
	bool is_chosen = negotiate_chosen_language(request, &language);

	phrases_error_page(web->phrases, language, is_chosen, status, response);
}

void web_fail(const struct http_request *request, struct http_response *response, int status, void *arg)
{
	if (wants_html(request))
		answer_error_page(arg, request, response, status);
	else
		envelope_status(response, request->request_id, status, request->path);
}

static enum http_result answer_error(const struct web *web, const struct http_request *request,
	struct http_response *response, const struct error *err)
{
	if (wants_html(request))
		answer_error_page(web, request, response, error_http_status(err));
	else
		envelope_error(response, request->request_id, err, NULL);
	return HTTP_DONE;
}

/* Is the request permitted? If not, fills the response, which says why. */
static bool is_permitted(struct web *web, const struct http_request *request, enum auth_need need,
	struct http_response *response)
{
	struct error err = { 0 };

	if (auth_check(&web->auth, request, need, &err) == 0)
		return true;
	answer_error(web, request, response, &err);
	if (err.code == ERROR_UNAUTHORIZED)
		auth_refuse(&web->auth, request, response, need);
	return false;
}

/* An API call is permitted only if our own configuration is usable: an invalid token in it must not count as
 * no token. */
static bool may_relay(struct web *web, const struct http_request *request, enum auth_need need,
	struct http_response *response)
{
	struct error err = { 0 };

	if (!is_permitted(web, request, need, response))
		return false;
	if (config_is_usable(web->options.config))
		return true;
	CLEANUP(mem_freep) char *problems = config_problems_text(web->options.config, "; ");
	error_fail(&err, ERROR_NOT_CONFIGURED, -ENOKEY, "%s", problems);
	envelope_error(response, request->request_id, &err, NULL);
	return false;
}

static enum http_result handle_sync(
	const struct http_request *request, struct http_response *response, void *arg)
{
	bool is_async = list_has(http_request_header(request, "prefer"), "respond-async"); /* RFC 7240 */
	struct web *web = arg;
	struct error err = { 0 };
	bool force, dry_run;

	if (http_request_switch(request, "force", &force) < 0 ||
		http_request_switch(request, "dryRun", &dry_run) < 0) {
		error_fail(&err, ERROR_BAD_REQUEST, -EINVAL, "force and dryRun must be 0 or 1");
		return answer_error(web, request, response, &err);
	}
	if (force) {
		error_fail(&err, ERROR_FORBIDDEN, -EPERM, ENVELOPE_FORCE_FORBIDDEN);
		return answer_error(web, request, response, &err);
	}
	if (!may_relay(web, request, AUTH_API, response))
		return HTTP_DONE;
	return relay_call(web->relay, request, response,
		&(struct relay_order){
			.method = "POST",
			.target = dry_run ? "/api/sync?dryRun=1" : "/api/sync",
			.prefer = is_async ? "respond-async" : NULL,
			.timeout_ms = web->options.config->sync.time_limit_s * 1000 + RELAY_SYNC_EXTRA_MS,
			.is_sync = true,
		});
}

static enum http_result handle_status(
	const struct http_request *request, struct http_response *response, void *arg)
{
	struct web *web = arg;

	if (!may_relay(web, request, AUTH_API, response))
		return HTTP_DONE;
	return relay_call(web->relay, request, response,
		&(struct relay_order){ .method = "GET",
			.target = "/api/sync/status",
			.timeout_ms = RELAY_STATUS_TIMEOUT_MS });
}

static enum http_result handle_home(
	const struct http_request *request, struct http_response *response, void *arg)
{
	struct web *web = arg;

	return live_index(web->live, request, response, SITE_HOME, language_of(web, request));
}

bool web_has_public_courses(const struct web *web)
{
	const struct config *config = web->options.config;

	return config->site.course_pages_public && config_is_usable(config);
}

static enum http_result handle_list(
	const struct http_request *request, struct http_response *response, void *arg)
{
	struct web *web = arg;

	if (web_has_public_courses(web))
		web_fail(request, response, 404, web);
	else if (is_permitted(web, request, AUTH_PAGE, response))
		return live_index(web->live, request, response, SITE_LIST, language_of(web, request));
	return HTTP_DONE;
}

/*
 * For people who type the address. The response reveals no more than aither.conf(5) does. A query that is not
 * UTF-8 comes from no browser and is dropped, because a header that repeats it would not be text.
 */
static enum http_result handle_list_address(
	const struct http_request *request, struct http_response *response, void *arg)
{
	struct web *web = arg;

	if (web_has_public_courses(web)) {
		web_fail(request, response, 404, web);
		return HTTP_DONE;
	}
	bool has_query = *request->query && utf8_is_text(request->query, strlen(request->query));
	CLEANUP(mem_freep)
	char *location = mem_printf("/courses/%s%s", has_query ? "?" : "", has_query ? request->query : "");
	response->status = 308;
	http_response_header(response, "location", location);
	http_response_header(response, "cache-control", "no-cache"); /* CoursePages may change */
	return HTTP_DONE;
}

/* The file does not exist, or cannot be read now. */
static enum http_result answer_no_page(struct web *web, const struct http_request *request,
	struct http_response *response, const struct error *err)
{
	bool is_busy = err->errnum == -EAGAIN;

	web_fail(request, response, is_busy ? 503 : error_http_status(err), web);
	if (is_busy)
		http_response_header(response, "retry-after", "5");
	return HTTP_DONE;
}

static void answer_page(struct web *web, const struct http_request *request, struct http_response *response,
	struct page *page, const char *cache_control)
{
	struct page_request wanted;

	page_request_read(&wanted, request);
	page_answer(page, &wanted, &web->gzip_pause_ms, cache_control, response);
	page_request_done(&wanted);
}

static enum http_result handle_course(
	const struct http_request *request, struct http_response *response, void *arg)
{
	struct web *web = arg;
	bool is_public = web_has_public_courses(web);
	const char *language = NULL;
	char wanted[4];
	struct page *page;
	struct error err = { 0 };

	/* Before the file is opened: without a token a client must not learn which pages exist. */
	if (!is_public && !is_permitted(web, request, AUTH_PAGE, response))
		return HTTP_DONE;
	if (http_request_parameter(request, "lang", wanted, sizeof(wanted)))
		for (enum language i = 0; i < LANGUAGES; i++)
			if (strcmp(wanted, language_name(i)) == 0)
				language = language_name(i);
	if (site_course(web->site, request->tail, language, &page, &err) < 0)
		return answer_no_page(web, request, response, &err);
	answer_page(web, request, response, page, is_public ? "no-cache" : PAGE_PRIVATE_CACHING);
	if (!is_public)
		http_response_header(response, "x-robots-tag", "noindex");
	return HTTP_DONE;
}

/* Course dates are public, so scripts of other sites may read them. */
static enum http_result handle_feed(
	const struct http_request *request, struct http_response *response, void *arg)
{
	struct web *web = arg;
	struct page *page;
	struct error err = { 0 };

	if (site_feed(web->site, request->path + 1, &page, &err) < 0)
		return answer_no_page(web, request, response, &err);
	answer_page(web, request, response, page, "no-cache");
	http_response_header(response, "access-control-allow-origin", "*");
	live_touch(web->live);
	return HTTP_DONE;
}

/* Browsers may cache a file, except pages, which link to each other, and robots.txt, which crawlers obey:
 * these must be current at once. */
enum http_result web_file(const struct http_request *request, struct http_response *response, void *arg)
{
	struct web *web = arg;
	struct page *page;
	struct error err = { 0 };

	if (site_file(web->site, request->tail, &page, &err) < 0)
		return answer_no_page(web, request, response, &err);
	bool must_be_current = page->kind.trust == PAGE_OPEN || strcmp(request->tail, "robots.txt") == 0;
	answer_page(web, request, response, page, must_be_current ? "no-cache" : "max-age=300");
	return HTTP_DONE;
}

static enum http_result handle_metrics(
	const struct http_request *request, struct http_response *response, void *arg)
{
	struct web *web = arg;

	if (!is_permitted(web, request, AUTH_TOKEN, response))
		return HTTP_DONE;
	monitor_metrics(web, response);
	/* Without visitors, nothing else would notice that aither-worker answers again. */
	if (web->call_failed_ms != 0)
		live_touch(web->live);
	return HTTP_DONE;
}

/* Includes the file in the program, without a tool that turns it into C. */
__asm__(".pushsection .rodata\n"
	".global routes_openapi\n"
	"routes_openapi: .incbin \"" AITHER_OPENAPI_FILE "\"\n"
	".global routes_openapi_end\n"
	"routes_openapi_end: .byte 0\n"
	".popsection\n");
extern const char routes_openapi[], routes_openapi_end[];

static enum http_result handle_openapi(
	const struct http_request *request, struct http_response *response, void *arg)
{
	struct web *web = arg;
	/* cppcheck-suppress comparePointers ; the assembler has put one after the other */
	size_t length = (size_t)(routes_openapi_end - routes_openapi);
	char digest[HASH_HEX_SIZE];

	if (!web->openapi) {
		hash_hex(routes_openapi, length, digest);
		snprintf(web->openapi_etag, sizeof(web->openapi_etag), "\"%.32s\"", digest);
		web->openapi = http_body_new(mem_strndup(routes_openapi, length), length);
	}
	http_response_header(response, "etag", web->openapi_etag);
	http_response_header(response, "cache-control", "no-cache");
	if (negotiate_has_etag(http_request_header(request, "if-none-match"), web->openapi_etag)) {
		response->status = 304;
		return HTTP_DONE;
	}
	response->status = 200;
	response->content_type = "application/json";
	response->body = http_body_ref(web->openapi);
	return HTTP_DONE;
}

static const char *const sync_parameters[] = { "dryRun", "force", NULL };

const struct http_route web_routes[] = {
	{ "/", false, HTTP_GET, handle_home, NULL },
	{ "/courses", false, HTTP_GET, handle_list_address, NULL },
	{ "/courses/", false, HTTP_GET, handle_list, NULL },
	{ "/courses/", true, HTTP_GET, handle_course, NULL },
	{ "/" PUBLISHED_JSON, false, HTTP_GET, handle_feed, NULL },
	{ "/" PUBLISHED_CALENDAR, false, HTTP_GET, handle_feed, NULL },
	{ "/api/openapi.json", false, HTTP_GET, handle_openapi, router_no_parameters },
	{ "/api/sync", false, HTTP_GET, handle_status, router_no_parameters },
	{ "/api/sync", false, HTTP_POST, handle_sync, sync_parameters },
	{ "/api/sync/status", false, HTTP_GET, handle_status, router_no_parameters },
	{ "/healthz", false, HTTP_GET, monitor_health, NULL },
	{ "/metrics", false, HTTP_GET, handle_metrics, router_no_parameters },
	{ "/readyz", false, HTTP_GET, monitor_ready, NULL },
};

const size_t web_route_count = ARRAY_SIZE(web_routes);
