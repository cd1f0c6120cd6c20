/* SPDX-License-Identifier: MIT */
#include "web/monitor.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/time.h"
#include "config/config.h"
#include "http/server.h"
#include "net/metric.h"
#include "published/state.h"
#include "web/live.h"
#include "web/site.h"
#include "web/web.h"

/* problem: the reason of the failure; NULL: the check has passed. */
static void answer_health(struct http_response *response, const char *problem)
{
	CLEANUP(mem_freep)
	char *text = problem ? mem_printf("{\"status\":\"fail\",\"output\":\"%s\"}\n", problem)
			     : mem_strdup("{\"status\":\"pass\"}\n");

	http_response_text(response, problem ? 503 : 200, "application/health+json", text);
	http_response_header(response, "cache-control", "no-store");
}

enum http_result monitor_health(const struct http_request *request, struct http_response *response, void *arg)
{
	(void)request;
	(void)arg;
	answer_health(response, NULL);
	return HTTP_DONE;
}

/* A time in the near future also counts: it comes from a clock that was a little ahead. */
static bool is_recent(int64_t unix_ms)
{
	return llabs(time_now_ms() - unix_ms) < MONITOR_AGE_MAX_MS;
}

enum http_result monitor_ready(const struct http_request *request, struct http_response *response, void *arg)
{
	struct web *web = arg;
	const struct state *state = site_state(web->site);
	int64_t last_success_ms = state ? state->values[STATE_LAST_SUCCESS_MS] : 0;
	const char *problem = NULL;

	(void)request;
	if (!site_has_index(web->site, SITE_HOME, LANGUAGE_DE))
		problem = "nothing has been published yet";
	else if (is_recent(live_data_ms(web->live)) || is_recent(last_success_ms))
		problem = NULL;
	else if (last_success_ms == 0)
		problem = "no successful sync is known";
	else if (last_success_ms > time_now_ms())
		problem = "the last successful sync is in the future: the clock has been set back since";
	else
		problem = "the last successful sync is older than two days";
	answer_health(response, problem);
	return HTTP_DONE;
}

/* ---- GET /metrics ---- */

/* If a counter first appears with the value 1, Prometheus' increase() sees no increase. Therefore the
 * counters that the alerts use exist from the beginning. */
static bool is_expected(enum http_method method, int status)
{
	static const int statuses[] = { 200, 401, 404, 500, 502, 503 };

	for (size_t i = 0; i < ARRAY_SIZE(statuses); i++)
		if (status == statuses[i])
			return method == HTTP_GET || method == HTTP_POST;
	return false;
}

static void write_requests(struct buf *out, const struct server *server)
{
	static const struct {
		enum http_method method;
		const char *name;
	} methods[] = {
		{ HTTP_GET, "GET" },
		{ HTTP_HEAD, "HEAD" },
		{ HTTP_POST, "POST" },
		{ HTTP_OTHER, "other" },
	};
	metric_family(out, "aither_http_requests_total", METRIC_COUNTER,
		"Requests answered, by status and method.");
	for (int status = 100; status < 600; status++) {
		for (size_t i = 0; i < ARRAY_SIZE(methods); i++) {
			uint64_t count = server_answers(server, methods[i].method, status);
			if (count > 0 || is_expected(methods[i].method, status))
				metric_sample(out, (double)count,
					"aither_http_requests_total{code=\"%d\",method=\"%s\"}", status,
					methods[i].name);
		}
	}
}

static void write_homepage(struct buf *out, struct live *live)
{
	struct live_statistics statistics = live_statistics(live);

	metric_family(out, "aither_homepage_refreshes_total", METRIC_COUNTER,
		"Refreshes of the homepage that aither-web has requested, by result.");
	metric_sample(
		out, (double)statistics.refreshed, "aither_homepage_refreshes_total{result=\"success\"}");
	metric_sample(out, (double)statistics.failed, "aither_homepage_refreshes_total{result=\"failed\"}");
	metric_gauge(out, "aither_homepage_data_timestamp_seconds",
		"The time of the homepage's data, in seconds since 1970; 0 if it is not known.",
		(double)live_data_ms(live) / 1000.0);
}

static void write_worker(struct buf *out, const struct web *web, const struct state *state)
{
	int64_t written_ms = state ? state->values[STATE_WRITTEN_MS] : 0, worked_ms = 0;
	bool is_usable = config_is_usable(web->options.config);

	/* The time when the state was written does not count: a worker that crashes at each call writes its
	 * state at each start. */
	if (state)
		worked_ms = state->values[STATE_DATA_MS];
	if (state && worked_ms < state->values[STATE_LAST_ATTEMPT_MS])
		worked_ms = state->values[STATE_LAST_ATTEMPT_MS];
	metric_gauge(out, "aither_worker_up",
		"1 if aither-worker has answered the last call or has worked since, and its state can be read; otherwise 0.",
		state && (web->call_failed_ms == 0 || worked_ms > web->call_failed_ms));
	metric_gauge(out, "aither_worker_asked_timestamp_seconds",
		"When aither-worker last wrote its state, in seconds since 1970; 0 if it never has.",
		(double)written_ms / 1000.0);
	/* Both daemons read the same files. But only the worker has the API key, and its state may be a day
	 * old. */
	if (state || !is_usable)
		metric_gauge(out, "aither_worker_configured",
			"1 if the configuration is usable, as both daemons read it last; otherwise 0.",
			is_usable && state->values[STATE_CONFIGURED]);
	if (state)
		state_metrics(out, state);
}

void monitor_metrics(struct web *web, struct http_response *response)
{
	CLEANUP(buf_done) struct buf out = BUF_INIT(METRIC_SIZE_MAX);
	const struct state *state = site_state(web->site);
	const struct server *server = web->server;

	metric_family(
		&out, "aither_build_info", METRIC_GAUGE, "Always 1; the label is the version of aither-web.");
	metric_sample(&out, 1, "aither_build_info{version=\"%s\"}", PACKAGE_VERSION);
	write_requests(&out, server);
	metric_histogram(&out, "aither_http_request_duration_seconds",
		"How long requests took, until the whole response was passed to the kernel.",
		server_durations(server));
	metric_gauge(
		&out, "aither_http_connections", "Open connections.", (double)server_connections(server));
	metric_family(&out, "aither_http_connections_refused_total", METRIC_COUNTER,
		"Connections closed at once because their client already held half of MaxConnections.");
	metric_sample(&out, (double)server_refused(server), "aither_http_connections_refused_total");
	write_homepage(&out, web->live);
	metric_process(&out, web->start_ms);
	write_worker(&out, web, state);
	http_response_text(response, 200, METRIC_CONTENT_TYPE, buf_text(&out));
	http_response_header(response, "cache-control", "no-store");
}
