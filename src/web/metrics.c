/* SPDX-License-Identifier: MIT */
#include "web/metrics.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/metric.h"
#include "base/time.h"
#include "base/workerclient.h"
#include "http/server.h"
#include "web/live.h"
#include "web/question.h"
#include "web/relay.h"
#include "web/workerfigures.h"

struct scraper {
	STAILQ_ENTRY(scraper) link;
	struct http_pending *pending;
};

/* By which we see that the worker has worked. */
struct sign {
	struct timespec changed; /* the output directory */
	ino_t inode;
	uint64_t answers; /* of the worker, to us */
};

struct metrics {
	struct metrics_options options;
	int64_t start_ms;
	STAILQ_HEAD(, scraper) scrapers;
	struct question *question; /* NULL: not asking */
	struct workerfigures *worker;
	bool worker_is_up, stopping;
	struct sign asked, sign; /* when the worker was asked, and of the last time that it answered */
	int64_t asked_ms;        /* wall clock; the last time that the worker answered, 0: never */
};

struct metrics *metrics_new(const struct metrics_options *options)
{
	struct metrics *metrics = mem_zalloc(sizeof(*metrics));

	metrics->options = *options;
	metrics->start_ms = time_now_ms();
	metrics->worker = workerfigures_new();
	STAILQ_INIT(&metrics->scrapers);
	return metrics;
}

void metrics_freep(struct metrics **metrics_pointer)
{
	struct metrics *metrics = STEAL(*metrics_pointer);

	if (!metrics)
		return;
	question_forget(metrics->question);
	workerfigures_freep(&metrics->worker);
	free(metrics);
}

/* ---- what is told ---- */

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
	const char *name = "aither_http_requests_total";
	char code[12]; /* any int */

	metric_family(out, name, METRIC_COUNTER, "Requests answered, by status and method.");
	for (int status = 100; status < 600; status++) {
		snprintf(code, sizeof(code), "%d", status);
		for (size_t i = 0; i < ARRAY_SIZE(methods); i++) {
			const struct metric_label labels[] = { { "code", code },
				{ "method", methods[i].name } };
			uint64_t count = server_answers(server, methods[i].method, status);
			if (count > 0)
				metric_sample(out, name, labels, ARRAY_SIZE(labels), (double)count);
		}
	}
}

static void write_homepage(struct buf *out, struct live *live)
{
	const struct metric_label success = { "result", "success" }, failure = { "result", "failure" };
	const char *name = "aither_homepage_refreshes_total";
	struct live_figures figures = live_figures(live);

	metric_family(out, name, METRIC_COUNTER,
		"Looks at Hemera that visits of the homepage have caused, by result.");
	metric_sample(out, name, &success, 1, (double)figures.refreshed);
	metric_sample(out, name, &failure, 1, (double)figures.failed);
	metric_gauge(out, "aither_homepage_data_timestamp_seconds",
		"As of when the homepage's data is, as far as known, in seconds since 1970; 0: not known.",
		(double)live_last_look_ms(live) / 1000.0);
}

static void write_own(struct buf *out, const struct metrics *metrics)
{
	const struct metric_label version = { "version", PACKAGE_VERSION };
	const char *info = "aither_build_info";

	metric_family(out, info, METRIC_GAUGE, "1; the label tells the version of aither-web.");
	metric_sample(out, info, &version, 1, 1);
	write_requests(out, metrics->options.server);
	metric_gauge(out, "aither_http_connections", "Open connections.",
		(double)server_connections(metrics->options.server));
	metric_family(out, "aither_http_connections_refused_total", METRIC_COUNTER,
		"Connections closed at once because their client already held half of MaxConnections.");
	metric_sample(out, "aither_http_connections_refused_total", NULL, 0,
		(double)server_refused(metrics->options.server));
	write_homepage(out, metrics->options.live);
	metric_process(out, "process", metrics->start_ms);
}

static void write_worker(struct buf *out, const struct metrics *metrics)
{
	metric_gauge(out, "aither_worker_up",
		"1 when aither-worker answered the last time it was asked, else 0.", metrics->worker_is_up);
	metric_gauge(out, "aither_worker_asked_timestamp_seconds",
		"When aither-worker last gave its figures, in seconds since 1970; 0: not yet. It is asked "
		"only "
		"when it has worked since.",
		(double)metrics->asked_ms / 1000.0);
	if (metrics->worker_is_up)
		workerfigures_write(out, metrics->worker);
}

static void answer(const struct metrics *metrics, struct http_response *response)
{
	CLEANUP(buf_done) struct buf out = BUF_INIT(METRIC_SIZE_MAX);

	write_own(&out, metrics);
	write_worker(&out, metrics);
	http_response_text(response, 200, METRIC_CONTENT_TYPE, buf_text(&out));
	http_response_header(response, "cache-control", "no-store");
}

static void answer_scrapers(struct metrics *metrics)
{
	struct scraper *scraper;

	while ((scraper = STAILQ_FIRST(&metrics->scrapers))) {
		struct http_response response = { 0 };
		STAILQ_REMOVE_HEAD(&metrics->scrapers, link);
		answer(metrics, &response);
		http_complete(scraper->pending, &response);
		free(scraper);
	}
}

/* ---- what is asked ---- */

static struct sign look_for_sign(const struct metrics *metrics)
{
	struct live_figures live = live_figures(metrics->options.live);
	struct sign sign = { .answers =
				     relay_answers(metrics->options.relay) + live.refreshed + live.failed };
	struct stat entry;

	if (stat(metrics->options.output_directory, &entry) == 0) {
		sign.changed = entry.st_mtim;
		sign.inode = entry.st_ino;
	}
	return sign;
}

static bool is_same_sign(const struct sign *a, const struct sign *b)
{
	return a->answers == b->answers && a->inode == b->inode && a->changed.tv_sec == b->changed.tv_sec &&
	       a->changed.tv_nsec == b->changed.tv_nsec;
}

static bool should_ask(const struct metrics *metrics, const struct sign *sign)
{
	if (metrics->stopping)
		return false;
	return !metrics->worker_is_up || !is_same_sign(sign, &metrics->sign) ||
	       workerfigures_value(metrics->worker, "aither_sync_in_progress", 0) > 0 ||
	       workerfigures_value(metrics->worker, "aither_notifications_pending", 0) > 0;
}

/* A worker of another version may not have the route, or speak another format. */
static bool has_figures(const struct workerclient_response *response)
{
	return response && response->status == 200 &&
	       strcmp(response->content_type, METRIC_CONTENT_TYPE) == 0;
}

static void on_told(void *arg, const struct workerclient_response *response, const struct error *err)
{
	struct metrics *metrics = arg;

	(void)err;
	metrics->question = NULL;
	metrics->worker_is_up = has_figures(response);
	if (metrics->worker_is_up) {
		metrics->sign = metrics->asked;
		metrics->asked_ms = time_now_ms();
		workerfigures_take(metrics->worker, buf_text(&response->body));
	}
	answer_scrapers(metrics);
}

static bool ask(struct metrics *metrics, const struct sign *sign)
{
	metrics->asked = *sign;
	metrics->question = question_ask(metrics->options.queue,
		&(struct question_order){ .socket_path = metrics->options.socket_path,
			.method = "GET",
			.target = "/metrics",
			.timeout_ms = METRICS_WAIT_MS,
			.done = on_told,
			.arg = metrics },
		NULL);
	return metrics->question != NULL;
}

enum http_result metrics_answer(
	struct metrics *metrics, const struct http_request *request, struct http_response *response)
{
	struct sign sign = look_for_sign(metrics);

	if (!metrics->question && (!should_ask(metrics, &sign) || !ask(metrics, &sign))) {
		answer(metrics, response);
		return HTTP_DONE;
	}
	struct scraper *scraper = mem_zalloc(sizeof(*scraper));
	scraper->pending = http_later(request);
	STAILQ_INSERT_TAIL(&metrics->scrapers, scraper, link);
	return HTTP_LATER;
}

void metrics_stop(struct metrics *metrics)
{
	metrics->stopping = true;
	answer_scrapers(metrics);
}
