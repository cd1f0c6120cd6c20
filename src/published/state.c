/* SPDX-License-Identifier: MIT */
#include "published/state.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/time.h"

#define STATE_VERSION 1
#define STATE_TEMPORARY ".state.json.new" /* not .tmp-..., which a sync removes when it begins */
#define STATE_MODE 0640                   /* the group is aither, which aither-web has */

/* Samples of one metric follow each other; the first one has its help. */
static const struct {
	const char *member, *metric; /* metric NULL: none */
	struct metric_label labels[2];
	enum metric_type type;
	bool is_ms; /* the metric is in seconds */
	const char *help;
} values[STATE_VALUES] = {
	[STATE_WRITTEN_MS] = { .member = "writtenMs" },
	[STATE_DATA_MS] = { .member = "dataMs" },
	[STATE_CONFIGURED] = { .member = "configured",
		.metric = "aither_worker_configured",
		.type = METRIC_GAUGE,
		.help = "1 when the worker's configuration is usable, else 0." },
	[STATE_SYNCING] = { .member = "syncing",
		.metric = "aither_sync_in_progress",
		.type = METRIC_GAUGE,
		.help = "1 while a sync runs, else 0." },
	[STATE_FAILURES] = { .member = "consecutiveFailures",
		.metric = "aither_sync_consecutive_failures",
		.type = METRIC_GAUGE,
		.help = "Failed syncs since the last one that did not fail." },
	[STATE_LAST_SUCCESS_MS] = { .member = "lastSuccessMs",
		.metric = "aither_sync_last_success_timestamp_seconds",
		.type = METRIC_GAUGE,
		.is_ms = true,
		.help = "End of the last sync that did not fail, in seconds since 1970; 0: there was none." },
	[STATE_LAST_ATTEMPT_MS] = { .member = "lastAttemptMs",
		.metric = "aither_sync_last_attempt_timestamp_seconds",
		.type = METRIC_GAUGE,
		.is_ms = true,
		.help = "Start of the last sync that has ended, in seconds since 1970; 0: there was none." },
	[STATE_LAST_DURATION_MS] = { .member = "lastDurationMs",
		.metric = "aither_sync_last_duration_seconds",
		.type = METRIC_GAUGE,
		.is_ms = true,
		.help = "How long the last sync took." },
	[STATE_LAST_ERRORS] = { .member = "lastErrors",
		.metric = "aither_sync_last_errors",
		.type = METRIC_GAUGE,
		.help = "Problems that the last sync reports (errorsTotal)." },
	[STATE_COURSES_PUBLISHED] = { .member = "coursesPublished",
		.metric = "aither_courses",
		.labels = { { "state", "published" } },
		.type = METRIC_GAUGE,
		.help = "Courses that have a page, and those whose participants wait for the next sync (deferred)." },
	[STATE_COURSES_DEFERRED] = { .member = "coursesDeferred",
		.metric = "aither_courses",
		.labels = { { "state", "deferred" } } },
	[STATE_NOTIFICATIONS_PENDING] = { .member = "notificationsPending",
		.metric = "aither_notifications_pending",
		.type = METRIC_GAUGE,
		.help = "Mails and items that are under way or wait." },
	[STATE_RUNS_SUCCESS] = { .member = "runsSuccess",
		.metric = "aither_sync_runs_total",
		.labels = { { "result", "success" } },
		.help = "Syncs that have ended, by result; cancelled: the worker was told to end. Dry runs do not count." },
	[STATE_RUNS_PARTIAL] = { .member = "runsPartial",
		.metric = "aither_sync_runs_total",
		.labels = { { "result", "partial" } } },
	[STATE_RUNS_FAILED] = { .member = "runsFailed",
		.metric = "aither_sync_runs_total",
		.labels = { { "result", "failed" } } },
	[STATE_RUNS_CANCELLED] = { .member = "runsCancelled",
		.metric = "aither_sync_runs_total",
		.labels = { { "result", "cancelled" } } },
	[STATE_PAGES_GENERATED] = { .member = "pagesGenerated",
		.metric = "aither_sync_pages_total",
		.labels = { { "action", "generated" } },
		.help = "Course pages that syncs have written, left as they were, and removed." },
	[STATE_PAGES_SKIPPED] = { .member = "pagesSkipped",
		.metric = "aither_sync_pages_total",
		.labels = { { "action", "skipped" } } },
	[STATE_PAGES_DELETED] = { .member = "pagesDeleted",
		.metric = "aither_sync_pages_total",
		.labels = { { "action", "deleted" } } },
	[STATE_MAILS_SENT] = { .member = "mailsSent",
		.metric = "aither_notifications_total",
		.labels = { { "channel", "mail" }, { "result", "sent" } },
		.help = "Mails to the operator and items for Rollbar; failed: tried in vain; dropped: given up." },
	[STATE_MAILS_FAILED] = { .member = "mailsFailed",
		.metric = "aither_notifications_total",
		.labels = { { "channel", "mail" }, { "result", "failed" } } },
	[STATE_MAILS_DROPPED] = { .member = "mailsDropped",
		.metric = "aither_notifications_total",
		.labels = { { "channel", "mail" }, { "result", "dropped" } } },
	[STATE_ITEMS_SENT] = { .member = "itemsSent",
		.metric = "aither_notifications_total",
		.labels = { { "channel", "rollbar" }, { "result", "sent" } } },
	[STATE_ITEMS_FAILED] = { .member = "itemsFailed",
		.metric = "aither_notifications_total",
		.labels = { { "channel", "rollbar" }, { "result", "failed" } } },
	[STATE_ITEMS_DROPPED] = { .member = "itemsDropped",
		.metric = "aither_notifications_total",
		.labels = { { "channel", "rollbar" }, { "result", "dropped" } } },
	[STATE_CPU_MS] = { .member = "cpuMs",
		.metric = "aither_worker_cpu_seconds_total",
		.is_ms = true,
		.help = "Processor time, user and system." },
	[STATE_START_MS] = { .member = "startMs",
		.metric = "aither_worker_start_time_seconds",
		.type = METRIC_GAUGE,
		.is_ms = true,
		.help = "When the process started, in seconds since 1970." },
	[STATE_MAX_FDS] = { .member = "maxFds",
		.metric = "aither_worker_max_fds",
		.type = METRIC_GAUGE,
		.help = "Limit of open file descriptors." },
	[STATE_OPEN_FDS] = { .member = "openFds",
		.metric = "aither_worker_open_fds",
		.type = METRIC_GAUGE,
		.help = "Open file descriptors." },
	[STATE_RESIDENT_BYTES] = { .member = "residentBytes",
		.metric = "aither_worker_resident_memory_bytes",
		.type = METRIC_GAUGE,
		.help = "Resident memory." },
};

void state_init(struct state *state)
{
	*state = (struct state){
		.hemera.durations.bounds_ms = { 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000 },
		.syncs.bounds_ms = { 100, 500, 1000, 2500, 5000, 10000, 20000, 30000, 60000, 120000, 300000,
			600000 },
	};
}

/* ---- the file ---- */

static int64_t read_count(const struct json *count)
{
	int64_t value = json_integer(count, 0);

	return value > 0 ? value : 0;
}

static void read_histogram(struct metric_histogram *histogram, const struct json *json)
{
	size_t i = 0;

	JSON_FOREACH (count, json_get(json, "counts")) {
		if (i < ARRAY_SIZE(histogram->counts))
			atomic_store(&histogram->counts[i++], (unsigned long long)read_count(count));
	}
	atomic_store(&histogram->sum_ms, (unsigned long long)read_count(json_get(json, "sumMs")));
}

static struct json *histogram_to_json(const struct metric_histogram *histogram)
{
	struct json *json = json_new_object(), *counts = json_new_array();

	for (size_t i = 0; i < ARRAY_SIZE(histogram->counts); i++)
		json_append(counts, json_new_integer((int64_t)atomic_load(&histogram->counts[i])));
	json_set(json, "counts", counts);
	json_set_integer(json, "sumMs", (int64_t)atomic_load(&histogram->sum_ms));
	return json;
}

int state_read(struct state *state, int directory, struct stat *ret_stat, struct error *err)
{
	static const struct json_limits limits = {
		.size_max = STATE_SIZE_MAX, .depth_max = 4, .node_max = 2000
	};
	CLEANUP(buf_done) struct buf text = BUF_INIT(STATE_SIZE_MAX);
	CLEANUP(json_freep) struct json *json = NULL;
	char name[METRIC_RESULT_SIZE];
	int r = file_read(directory, STATE_FILE, &text, ret_stat, err);

	if (r < 0)
		return r;
	r = json_parse(&json, buf_text(&text), text.length, &limits, err);
	if (r < 0) {
		error_prefix(err, STATE_FILE ": ");
		return r;
	}
	if (json_integer(json_get(json, "version"), 0) != STATE_VERSION)
		return error_set(err, -EBADMSG, STATE_FILE ": not of version %d", STATE_VERSION);
	state_init(state);
	for (size_t i = 0; i < STATE_VALUES; i++)
		state->values[i] = read_count(json_get(json_get(json, "values"), values[i].member));
	for (unsigned i = 0; i < METRIC_RESULTS; i++) {
		int64_t count =
			read_count(json_get(json_get(json, "hemeraRequests"), metric_result_name(i, name)));

		atomic_store(&state->hemera.counts[i], (unsigned long long)count);
	}
	read_histogram(&state->hemera.durations, json_get(json, "hemeraDurations"));
	read_histogram(&state->syncs, json_get(json, "syncDurations"));
	return 0;
}

int state_write(struct state *state, int directory, struct error *err)
{
	CLEANUP(buf_done) struct buf text = BUF_INIT(STATE_SIZE_MAX);
	CLEANUP(json_freep) struct json *json = json_new_object();
	struct json *numbers = json_new_object(), *requests = json_new_object();
	char name[METRIC_RESULT_SIZE];
	int r;

	state->values[STATE_WRITTEN_MS] = time_now_ms();
	json_set_integer(json, "version", STATE_VERSION);
	for (size_t i = 0; i < STATE_VALUES; i++)
		json_set_integer(numbers, values[i].member, state->values[i]);
	json_set(json, "values", numbers);
	for (unsigned i = 0; i < METRIC_RESULTS; i++) {
		unsigned long long count = atomic_load(&state->hemera.counts[i]);

		if (count > 0)
			json_set_integer(requests, metric_result_name(i, name), (int64_t)count);
	}
	json_set(json, "hemeraRequests", requests);
	json_set(json, "hemeraDurations", histogram_to_json(&state->hemera.durations));
	json_set(json, "syncDurations", histogram_to_json(&state->syncs));
	json_write(&text, json);
	buf_append_char(&text, '\n');
	r = file_write(directory, STATE_TEMPORARY, buf_text(&text), text.length, STATE_MODE, false, err);
	if (r < 0)
		return r;
	if (renameat(directory, STATE_TEMPORARY, directory, STATE_FILE) < 0) {
		r = error_fail(err, ERROR_OUTPUT, -errno, STATE_FILE ": cannot replace: %m");
		unlinkat(directory, STATE_TEMPORARY, 0);
		return r;
	}
	return 0;
}

/* ---- GET /metrics ---- */

void state_metrics(struct buf *out, const struct state *state)
{
	const char *metric = "";

	for (size_t i = 0; i < STATE_VALUES; i++) {
		size_t labels = values[i].labels[0].name ? values[i].labels[1].name ? 2 : 1 : 0;
		double value = (double)state->values[i];

		if (!values[i].metric)
			continue;
		if (strcmp(metric, values[i].metric) != 0)
			metric_family(out, values[i].metric, values[i].type, values[i].help);
		metric = values[i].metric;
		metric_sample(
			out, metric, values[i].labels, labels, values[i].is_ms ? value / 1000.0 : value);
	}
	metric_histogram(out, "aither_sync_duration_seconds", "How long syncs took.", &state->syncs);
	metric_requests(out, "aither_hemera_requests_total",
		"Requests to Hemera that have ended, by HTTP status, or by what came instead of an answer.",
		"aither_hemera_request_duration_seconds",
		"How long requests to Hemera took, with or without an answer.", &state->hemera);
}
