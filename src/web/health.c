/* SPDX-License-Identifier: MIT */
#include "web/health.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/time.h"
#include "base/workerclient.h"
#include "http/envelope.h"
#include "web/live.h"
#include "web/question.h"
#include "web/site.h"

#define HEALTH_TYPE "application/health+json"

struct monitor {
	STAILQ_ENTRY(monitor) link;
	struct http_pending *pending;
};

struct health {
	struct health_options options;
	STAILQ_HEAD(, monitor) monitors;
	struct question *question; /* NULL: not asking */
	int64_t last_success_ms;   /* as the worker has told; 0: it has not */
	bool stopping;
};

struct health *health_new(const struct health_options *options)
{
	struct health *health = mem_zalloc(sizeof(*health));

	health->options = *options;
	STAILQ_INIT(&health->monitors);
	return health;
}

void health_freep(struct health **health_pointer)
{
	struct health *health = STEAL(*health_pointer);

	if (!health)
		return;
	question_forget(health->question);
	free(health);
}

static void answer(struct http_response *response, bool passes, const char *output)
{
	CLEANUP(mem_freep)
	char *text = passes ? mem_strdup("{\"status\":\"pass\"}\n")
			    : mem_printf("{\"status\":\"fail\",\"output\":\"%s\"}\n", output);

	http_response_text(response, passes ? 200 : 503, HEALTH_TYPE, text);
	http_response_header(response, "cache-control", "no-store");
}

void health_answer_alive(struct http_response *response)
{
	answer(response, true, NULL);
}

/* Also when it was by a clock that was ahead, but not by more than that: such a time says nothing. */
static bool is_recent(int64_t unix_ms)
{
	return llabs(time_now_ms() - unix_ms) < HEALTH_AGE_MAX_MS;
}

static const char *why_not_ready(int64_t last_success_ms)
{
	if (last_success_ms == 0)
		return "the homepage is older than two days, and no successful sync is known";
	if (last_success_ms > time_now_ms())
		return "the last successful sync is in the future: the clock has been set back since";
	return "the last successful sync is older than two days";
}

static void answer_monitors(struct health *health, const struct error *err)
{
	struct monitor *monitor;

	while ((monitor = STAILQ_FIRST(&health->monitors))) {
		struct http_response response = { 0 };
		STAILQ_REMOVE_HEAD(&health->monitors, link);
		if (err)
			envelope_error(&response, http_pending_request_id(monitor->pending), err, NULL);
		else
			answer(&response, is_recent(health->last_success_ms),
				why_not_ready(health->last_success_ms));
		http_complete(monitor->pending, &response);
		free(monitor);
	}
}

/* {"data":{"lastSuccessTime":"..."}}; before the first sync there is no data. */
static int64_t read_last_success(const struct workerclient_response *response)
{
	static const struct json_limits limits = {
		.size_max = WORKERCLIENT_BODY_MAX, .depth_max = JSON_DEPTH_MAX, .node_max = 100000
	};
	CLEANUP(json_freep) struct json *root = NULL;
	int64_t last_ms = 0;

	json_parse(&root, buf_text(&response->body), response->body.length, &limits, NULL);
	const char *last = json_string(json_get(json_get(root, "data"), "lastSuccessTime"));
	return time_parse(last, &last_ms) == 0 ? last_ms : 0;
}

static void on_told(void *arg, const struct workerclient_response *response, const struct error *err)
{
	struct health *health = arg;
	struct error problem = *err;

	problem.retry_after_s = HEALTH_RETRY_AFTER_S;
	health->question = NULL;
	if (response)
		health->last_success_ms = read_last_success(response);
	answer_monitors(health, response ? NULL : &problem);
}

static void fail_stopping(struct error *err)
{
	error_fail(err, ERROR_SHUTTING_DOWN, -ESHUTDOWN, "aither-web is restarting; try again in a moment");
}

/* True when somebody will tell; else *err says why not. */
static bool may_wait(struct health *health, struct error *err)
{
	if (health->stopping) {
		fail_stopping(err);
		return false;
	}
	if (!health->question)
		health->question = question_ask(health->options.queue,
			&(struct question_order){ .socket_path = health->options.socket_path,
				.method = "GET",
				.target = "/api/sync/status",
				.timeout_ms = HEALTH_WAIT_MS,
				.done = on_told,
				.arg = health },
			err);
	if (health->question)
		return true;
	err->code = ERROR_WORKER_UNAVAILABLE;
	err->retry_after_s = HEALTH_RETRY_AFTER_S;
	return false;
}

enum http_result health_answer_ready(
	struct health *health, const struct http_request *request, struct http_response *response)
{
	struct error err = { 0 };
	int64_t changed_ms;

	if (!site_look(health->options.site, LANGUAGE_DE, &changed_ms)) {
		answer(response, false, "nothing has been published yet");
	} else if (is_recent(live_last_look_ms(health->options.live)) || is_recent(health->last_success_ms)) {
		answer(response, true, NULL);
	} else if (!may_wait(health, &err)) {
		envelope_error(response, request->request_id, &err, NULL);
	} else {
		struct monitor *monitor = mem_zalloc(sizeof(*monitor));
		monitor->pending = http_later(request);
		STAILQ_INSERT_TAIL(&health->monitors, monitor, link);
		return HTTP_LATER;
	}
	return HTTP_DONE;
}

void health_stop(struct health *health)
{
	struct error err = { 0 };

	health->stopping = true;
	fail_stopping(&err);
	answer_monitors(health, &err);
}
