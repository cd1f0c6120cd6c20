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
#define STATE_MODE 0640                   /* the group is aither, to which aither-web belongs */

/* The samples of a metric follow each other; the first one has the help text. */
static const struct {
	const char *member, *sample; /* sample NULL: none */
	enum metric_type type;
	double divisor; /* metrics are in seconds, values may be in milliseconds */
	const char *help;
} values[STATE_VALUES] = {
	[STATE_WRITTEN_MS] = { .member = "writtenMs" },
	[STATE_DATA_MS] = { .member = "dataMs" },
	[STATE_CONFIGURED] = { .member = "configured" },
	[STATE_SYNCING] = { "syncing", "aither_sync_in_progress", METRIC_GAUGE, 1,
		"1 while a sync runs, else 0." },
	[STATE_FAILURES] = { "consecutiveFailures", "aither_sync_consecutive_failures", METRIC_GAUGE, 1,
		"Failed syncs since the last one that did not fail." },
	[STATE_LAST_SUCCESS_MS] = { "lastSuccessMs", "aither_sync_last_success_timestamp_seconds",
		METRIC_GAUGE, 1000,
		"End of the last sync that did not fail, in seconds since 1970; 0 if there was none." },
	[STATE_LAST_ATTEMPT_MS] = { "lastAttemptMs", "aither_sync_last_attempt_timestamp_seconds",
		METRIC_GAUGE, 1000,
		"Start of the last sync that has ended, in seconds since 1970; 0 if there was none." },
	[STATE_LAST_DURATION_MS] = { "lastDurationMs", "aither_sync_last_duration_seconds", METRIC_GAUGE,
		1000, "How long the last sync took." },
	[STATE_LAST_ERRORS] = { "lastErrors", "aither_sync_last_errors", METRIC_GAUGE, 1,
		"Problems that the last sync reports (errorsTotal)." },
	[STATE_COURSES_PUBLISHED] = { "coursesPublished", "aither_courses{state=\"published\"}", METRIC_GAUGE,
		1,
		"Courses that have a page, and courses whose participants wait for the next sync (deferred)." },
	[STATE_COURSES_DEFERRED] = { "coursesDeferred", "aither_courses{state=\"deferred\"}", METRIC_GAUGE, 1,
		NULL },
	[STATE_NOTIFICATIONS_PENDING] = { "notificationsPending", "aither_notifications_pending",
		METRIC_GAUGE, 1, "Mails and items for Rollbar that have not reached all recipients yet." },
	[STATE_NOTIFICATIONS_RUNNING] = { "notificationsRunning", "aither_notifications_in_progress",
		METRIC_GAUGE, 1,
		"Mails and items that are being sent or have a time set for their retry; the others wait for the next sync." },
	[STATE_RUNS_SUCCESS] = { "runsSuccess", "aither_sync_runs_total{result=\"success\"}", METRIC_COUNTER,
		1,
		"Syncs that have ended, by result; cancelled: the worker was stopped. Dry runs do not count." },
	[STATE_RUNS_PARTIAL] = { "runsPartial", "aither_sync_runs_total{result=\"partial\"}", METRIC_COUNTER,
		1, NULL },
	[STATE_RUNS_FAILED] = { "runsFailed", "aither_sync_runs_total{result=\"failed\"}", METRIC_COUNTER, 1,
		NULL },
	[STATE_RUNS_CANCELLED] = { "runsCancelled", "aither_sync_runs_total{result=\"cancelled\"}",
		METRIC_COUNTER, 1, NULL },
	[STATE_PAGES_GENERATED] = { "pagesGenerated", "aither_sync_pages_total{action=\"generated\"}",
		METRIC_COUNTER, 1, "Course pages that syncs have written, left as they were, and removed." },
	[STATE_PAGES_SKIPPED] = { "pagesSkipped", "aither_sync_pages_total{action=\"skipped\"}",
		METRIC_COUNTER, 1, NULL },
	[STATE_PAGES_DELETED] = { "pagesDeleted", "aither_sync_pages_total{action=\"deleted\"}",
		METRIC_COUNTER, 1, NULL },
	[STATE_MAILS_SENT] = { "mailsSent", "aither_notifications_total{channel=\"mail\",result=\"sent\"}",
		METRIC_COUNTER, 1,
		"Mails to the operator and items for Rollbar; failed: one attempt for a mail, all attempts for an item; dropped: given up." },
	[STATE_MAILS_FAILED] = { "mailsFailed",
		"aither_notifications_total{channel=\"mail\",result=\"failed\"}", METRIC_COUNTER, 1, NULL },
	[STATE_MAILS_DROPPED] = { "mailsDropped",
		"aither_notifications_total{channel=\"mail\",result=\"dropped\"}", METRIC_COUNTER, 1, NULL },
	[STATE_ITEMS_SENT] = { "itemsSent", "aither_notifications_total{channel=\"rollbar\",result=\"sent\"}",
		METRIC_COUNTER, 1, NULL },
	[STATE_ITEMS_FAILED] = { "itemsFailed",
		"aither_notifications_total{channel=\"rollbar\",result=\"failed\"}", METRIC_COUNTER, 1,
		NULL },
	[STATE_ITEMS_DROPPED] = { "itemsDropped",
		"aither_notifications_total{channel=\"rollbar\",result=\"dropped\"}", METRIC_COUNTER, 1,
		NULL },
	[STATE_CPU_MS] = { "cpuMs", "aither_worker_cpu_seconds_total", METRIC_COUNTER, 1000,
		"Processor time, user and system." },
	[STATE_START_MS] = { "startMs", "aither_worker_start_time_seconds", METRIC_GAUGE, 1000,
		"When the process started, in seconds since 1970." },
	[STATE_MAX_FDS] = { "maxFds", "aither_worker_max_fds", METRIC_GAUGE, 1,
		"Limit of open file descriptors." },
	[STATE_OPEN_FDS] = { "openFds", "aither_worker_open_fds", METRIC_GAUGE, 1, "Open file descriptors." },
	[STATE_RESIDENT_BYTES] = { "residentBytes", "aither_worker_resident_memory_bytes", METRIC_GAUGE, 1,
		"Resident memory." },
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
		return error_set(err, -EBADMSG, STATE_FILE ": is not of version %d", STATE_VERSION);
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
		r = error_fail(err, ERROR_OUTPUT, -errno, "cannot replace " STATE_FILE ": %m");
		unlinkat(directory, STATE_TEMPORARY, 0);
		return r;
	}
	return 0;
}

/* ---- GET /metrics ---- */

/* Prometheus' increase() does not see the first value of a counter that has just appeared. So the counters of
 * results that may be expected exist from the beginning. */
static bool is_expected(unsigned result)
{
	static const unsigned statuses[] = { 200, 400, 401, 403, 404, 429, 500, 502, 503, 504 };

	for (size_t i = 0; i < ARRAY_SIZE(statuses); i++)
		if (result == statuses[i] - METRIC_STATUS_MIN)
			return true;
	return result > METRIC_STATUS_MAX - METRIC_STATUS_MIN; /* no answer at all */
}

void state_metrics(struct buf *out, const struct state *state)
{
	char code[METRIC_RESULT_SIZE];

	for (size_t i = 0; i < STATE_VALUES; i++) {
		if (values[i].help)
			metric_family(out, values[i].sample, values[i].type, values[i].help);
		if (values[i].sample)
			metric_sample(
				out, (double)state->values[i] / values[i].divisor, "%s", values[i].sample);
	}
	metric_histogram(out, "aither_sync_duration_seconds", "How long syncs took.", &state->syncs);
	metric_family(out, "aither_hemera_requests_total", METRIC_COUNTER,
		"Requests to Hemera that have ended, by HTTP status, or by the failure if there was no answer.");
	for (unsigned i = 0; i < METRIC_RESULTS; i++) {
		unsigned long long count = atomic_load(&state->hemera.counts[i]);

		if (count > 0 || is_expected(i))
			metric_sample(out, (double)count, "aither_hemera_requests_total{code=\"%s\"}",
				metric_result_name(i, code));
	}
	metric_histogram(out, "aither_hemera_request_duration_seconds",
		"How long requests to Hemera took, with or without an answer.", &state->hemera.durations);
}
