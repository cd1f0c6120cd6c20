/* SPDX-License-Identifier: MIT */
/* Writes the state of this process for aither-web: published/state.h. */
#include "worker/internal.h"

#include <errno.h>
#include <fcntl.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/time.h"
#include "config/config.h"
#include "worker/notify.h"

void statistics_load(struct worker *worker)
{
	CLEANUP(file_closep) int output = -1;
	struct state *state = &worker->state;
	struct error err = { 0 };
	struct stat status;
	int r;

	state_init(state);
	/* Without a state file, as after an upgrade from 0.1.0, take the last success for the time of the
	 * data. */
	state->values[STATE_DATA_MS] = worker->history.last_success_ms;
	r = file_open_directory(AT_FDCWD, worker->options.config->sync.output_directory, &output, NULL);
	if (r == 0)
		r = state_read(state, output, &status, &err);
	if (r < 0 && output >= 0 && r != -ENOENT)
		log_write(LOG_WARNING, "all counters start again from zero: %s", err.message);
	worker->former_cpu_ms = state->values[STATE_CPU_MS];
	state->values[STATE_START_MS] = time_now_ms();
}

void statistics_add_sync(struct worker *worker, const struct worker_sync *job)
{
	const struct report *report = &job->report;
	int64_t *values = worker->state.values;

	if (job->result < 0)
		values[job->err.code == ERROR_SHUTTING_DOWN ? STATE_RUNS_CANCELLED : STATE_RUNS_FAILED]++;
	else
		values[report->status == REPORT_PARTIAL ? STATE_RUNS_PARTIAL : STATE_RUNS_SUCCESS]++;
	values[STATE_PAGES_GENERATED] += report->files_generated;
	values[STATE_PAGES_SKIPPED] += report->files_skipped;
	values[STATE_PAGES_DELETED] += report->files_deleted;
	metric_observe(&worker->state.syncs, report->duration_ms);
}

static void statistics_update(struct worker *worker)
{
	const struct sync_history *history = &worker->history;
	const struct json *last = history->last_report;
	int64_t *values = worker->state.values;
	struct metric_process process;

	values[STATE_CONFIGURED] = config_is_usable(worker->options.config);
	values[STATE_SYNCING] = (worker->sync || worker->next) && !worker->stopping;
	values[STATE_FAILURES] = history->consecutive_failures;
	values[STATE_LAST_SUCCESS_MS] = history->last_success_ms;
	values[STATE_COURSES_PUBLISHED] = history->courses;
	values[STATE_LAST_ATTEMPT_MS] = 0;
	(void)time_parse(json_string(json_get(last, "startTime")), &values[STATE_LAST_ATTEMPT_MS]);
	values[STATE_LAST_DURATION_MS] = json_integer(json_get(last, "durationMs"), 0);
	values[STATE_LAST_ERRORS] = json_integer(json_get(last, "errorsTotal"), 0);
	values[STATE_COURSES_DEFERRED] = json_integer(json_get(last, "coursesDeferred"), 0);
	values[STATE_NOTIFICATIONS_PENDING] = (int64_t)notify_unsent(worker->notify);
	values[STATE_NOTIFICATIONS_RUNNING] = (int64_t)notify_pending(worker->notify);
	metric_process_read(&process);
	values[STATE_CPU_MS] = worker->former_cpu_ms + (int64_t)(process.cpu_s * 1000);
	values[STATE_MAX_FDS] = (int64_t)process.max_fds;
	values[STATE_OPEN_FDS] = (int64_t)process.open_fds;
	values[STATE_RESIDENT_BYTES] = (int64_t)process.resident_bytes;
}

void statistics_publish(struct worker *worker)
{
	CLEANUP(file_closep) int output = -1;
	struct error err = { 0 };
	int r;

	statistics_update(worker);
	r = file_open_directory(AT_FDCWD, worker->options.config->sync.output_directory, &output, &err);
	if (r == -ENOENT)
		return; /* the first sync creates the directory */
	if (r == 0)
		r = state_write(&worker->state, output, &err);
	if (r < 0 && !worker->state_failed)
		log_write(LOG_WARNING, "cannot write the state for aither-web: %s", err.message);
	worker->state_failed = r < 0;
}

void statistics_write(struct buf *out, struct worker *worker)
{
	statistics_update(worker);
	metric_gauge(out, "aither_worker_configured", "1 when the configuration is usable, else 0.",
		(double)worker->state.values[STATE_CONFIGURED]);
	state_metrics(out, &worker->state);
}
