/* SPDX-License-Identifier: MIT */
#include "worker/notices.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/config.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/quota.h"
#include "base/time.h"
#include "worker/internal.h"
#include "worker/notices-internal.h"

struct notices {
	struct worker *worker;
	struct notices_task *running; /* owned; NULL: none */
	struct notices_task *first;   /* owned; those that wait, oldest first */
	struct notices_task *later;   /* owned; the mail that is tried again at its time; NULL: none */
	struct notices_memory memory; /* the running task's */
	atomic_bool cancelled;
	bool is_stopping, has_unrecorded;
	uint64_t counts[NOTICES_CHANNELS][NOTICES_RESULTS];
	struct quota tests[NOTICES_CHANNELS];
};

struct notices *notices_new(struct worker *worker)
{
	struct notices *notices = mem_zalloc(sizeof(*notices));

	notices->worker = worker;
	for (size_t i = 0; i < NOTICES_CHANNELS; i++)
		notices->tests[i] = (struct quota){ .burst = NOTICES_TESTS_BURST,
			.interval_ms = NOTICES_TESTS_INTERVAL_S * 1000 };
	return notices;
}

struct notices_task *notices_task_new(struct notices *notices, enum notices_kind kind)
{
	struct notices_task *task = mem_zalloc(sizeof(*task));

	task->notices = notices;
	task->kind = kind;
	task->config = notices->worker->options.config;
	task->cancelled = &notices->cancelled;
	task->memory = &notices->memory;
	return task;
}

static void notices_task_free(struct notices_task *task)
{
	notices_item_done(&task->item);
	json_free(task->report);
	free(task->refused);
	free(task);
}

static void drop_later(struct notices *notices)
{
	if (notices->later)
		notices_task_free(STEAL(notices->later));
}

void notices_freep(struct notices **notices_pointer)
{
	struct notices *notices = STEAL(*notices_pointer);

	/* As with the thread's queue: what still runs needs it, up to the end of the process. */
	if (!notices || notices->running)
		return;
	while (notices->first) {
		struct notices_task *task = notices->first;
		notices->first = task->next;
		notices_task_free(task);
	}
	drop_later(notices);
	notices_memory_done(&notices->memory);
	free(notices);
}

/* ---- one at a time ---- */

static void task_run(struct thread_job *job)
{
	struct notices_task *task = (struct notices_task *)job;

	switch (task->kind) {
	case NOTICES_MAIL:
		notices_mail_run(task);
		break;
	case NOTICES_RECORD:
		notices_record_run(task);
		break;
	case NOTICES_ITEM:
		notices_item_run(task);
		break;
	case NOTICES_TEST_MAIL:
		notices_test_mail_run(task);
		break;
	case NOTICES_TEST_ITEM:
		notices_test_item_run(task);
		break;
	}
}

static void task_answer(struct notices_task *task)
{
	struct error problem = { 0 };

	if (!task->pending)
		return;
	error_fail(&problem, ERROR_SHUTTING_DOWN, -ESHUTDOWN, "aither-worker is shutting down");
	notices_answer_test(task, task->notices->is_stopping && task->result < 0 ? &problem : NULL);
}

static void start_next(struct notices *notices);
static struct notices_task **find(struct notices *notices, enum notices_kind kind);

/* A mail of a later sync, which waits already, says the same or better. */
static void try_again_later(struct notices *notices, struct notices_task *owned_task)
{
	if (notices->is_stopping || *find(notices, NOTICES_MAIL)) {
		notices_task_free(owned_task);
		return;
	}
	memset(owned_task->counts, 0, sizeof(owned_task->counts));
	owned_task->retry_mono_ms = time_mono_ms() + owned_task->retry_s * UINT64_C(1000);
	notices->later = owned_task;
}

void notices_tick(struct notices *notices)
{
	if (notices->later && time_mono_ms() >= notices->later->retry_mono_ms)
		notices_add(notices, STEAL(notices->later));
}

static void task_done(struct thread_job *job)
{
	struct notices_task *task = (struct notices_task *)job;
	struct notices *notices = task->notices;
	bool wants_retry = task->wants_retry;
	bool may_record = task->kind == NOTICES_MAIL && notices->worker->slot != WORKER_SYNCING;

	for (int channel = 0; channel < NOTICES_CHANNELS; channel++)
		for (int result = 0; result < NOTICES_RESULTS; result++)
			notices->counts[channel][result] += task->counts[channel][result];
	if (task->kind == NOTICES_MAIL || task->kind == NOTICES_RECORD)
		notices->has_unrecorded = task->has_unrecorded;
	notices->running = NULL;
	notices->worker->active_mono_ms = time_mono_ms();
	/* The sync that was in the way has ended already: nobody else would come back to it. */
	if (notices->has_unrecorded && may_record)
		notices_add(notices, notices_task_new(notices, NOTICES_RECORD));
	if (wants_retry)
		try_again_later(notices, task); /* nobody waits for this one */
	start_next(notices);
	statistics_publish(notices->worker);
	if (wants_retry)
		return;
	task_answer(task);
	notices_task_free(task);
}

static void start_next(struct notices *notices)
{
	struct notices_task *task = notices->first;

	if (notices->running || !task)
		return;
	notices->first = task->next;
	notices->running = task;
	if (thread_start(notices->worker->queue, &task->job, task_run, task_done, &task->err) < 0) {
		task->result = task->err.errnum;
		task->counts[NOTICES_BY_ROLLBAR][NOTICES_DROPPED] = task->kind == NOTICES_ITEM;
		log_event(LOG_WARNING, LOG_EVENT_NOTIFY_FAILED, NULL, 0, "nothing can be sent: %s",
			task->err.message);
		thread_post(notices->worker->queue, &task->job, task_done);
	}
}

/* ---- what waits ---- */

static struct notices_task *take(struct notices_task **link)
{
	struct notices_task *task = *link;

	*link = task->next;
	return task;
}

static struct notices_task **find(struct notices *notices, enum notices_kind kind)
{
	struct notices_task **link = &notices->first;

	while (*link && (*link)->kind != kind)
		link = &(*link)->next;
	return link;
}

/* The running one included. */
static size_t count_waiting(const struct notices *notices, enum notices_kind kind)
{
	size_t count = notices->running && notices->running->kind == kind;

	for (const struct notices_task *task = notices->first; task; task = task->next)
		count += task->kind == kind;
	return count;
}

unsigned notices_take_test(struct notices *notices, enum notices_kind kind)
{
	enum notices_channel channel = kind == NOTICES_TEST_MAIL ? NOTICES_BY_MAIL : NOTICES_BY_ROLLBAR;

	return (unsigned)((quota_take(&notices->tests[channel], time_mono_ms()) + 999) / 1000);
}

static void drop_item(struct notices *notices, struct notices_task *owned_task, const char *reason)
{
	notices->counts[NOTICES_BY_ROLLBAR][NOTICES_DROPPED]++;
	notices_item_dropped(owned_task, reason);
	notices_task_free(owned_task);
}

/* A later sync knows all that is due, so of the mails one task waits at most. */
static void make_room(struct notices *notices, enum notices_kind kind)
{
	struct notices_task **link = find(notices, kind);

	if (kind == NOTICES_MAIL)
		drop_later(notices);
	if (kind == NOTICES_MAIL && *link)
		notices_task_free(take(link));
	else if (kind == NOTICES_ITEM && *link && count_waiting(notices, kind) >= NOTICES_ITEMS_MAX)
		drop_item(notices, take(link), "too many wait already, this is the oldest one");
}

void notices_add(struct notices *notices, struct notices_task *owned_task)
{
	struct notices_task **link = &notices->first;

	make_room(notices, owned_task->kind);
	while (*link)
		link = &(*link)->next;
	owned_task->next = NULL; /* it may have been in the queue before */
	*link = owned_task;
	start_next(notices);
}

/* ---- what the worker calls ---- */

static void add_mail(struct notices *notices, const struct worker_sync *job)
{
	struct notices_task *task = notices_task_new(notices, NOTICES_MAIL);

	snprintf(task->job_id, sizeof(task->job_id), "%s", job->job_id);
	task->report = report_to_json(&job->report);
	task->consecutive_failures = job->report.consecutive_failures;
	task->last_success_ms = job->report.last_success_ms;
	task->has_failed = job->result < 0;
	task->manifest_unsaved = job->report.manifest_unsaved;
	notices_add(notices, task);
}

void notices_sync_ended(struct notices *notices, const struct worker_sync *job)
{
	bool leaves_no_trace =
		job->report.dry_run || (job->result < 0 && job->err.code == ERROR_SYNC_IN_PROGRESS);

	if (notices->is_stopping)
		return;
	if (leaves_no_trace) {
		if (notices->has_unrecorded)
			notices_add(notices, notices_task_new(notices, NOTICES_RECORD));
		return;
	}
	if (notices->worker->options.config->notify.mail_to)
		add_mail(notices, job);
	notices_add_items(notices, job);
}

size_t notices_pending(const struct notices *notices)
{
	size_t count = (notices->running != NULL) + (notices->later != NULL);

	for (const struct notices_task *task = notices->first; task; task = task->next)
		count++;
	return count;
}

void notices_stop(struct notices *notices)
{
	notices->is_stopping = true;
	atomic_store(&notices->cancelled, true);
	drop_later(notices);
	while (notices->first) {
		struct notices_task *task = take(&notices->first);
		if (task->kind == NOTICES_ITEM) {
			drop_item(notices, task, "aither-worker is shutting down");
			continue;
		}
		task->result = -ECANCELED;
		task_answer(task);
		notices_task_free(task);
	}
}

uint64_t notices_count(
	const struct notices *notices, enum notices_channel channel, enum notices_result result)
{
	return notices->counts[channel][result];
}
