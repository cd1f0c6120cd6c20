/* SPDX-License-Identifier: MIT */
#include "worker/notify.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/quota.h"
#include "base/time.h"
#include "config/config.h"
#include "http/envelope.h"
#include "net/host.h"
#include "net/smtp.h"
#include "notify/message.h"
#include "notify/rollbar.h"
#include "worker/alerts.h"
#include "worker/internal.h"

struct mails {                 /* the mails of the last sync that has ended */
	struct thread_job job; /* first: the thread's side casts back */
	struct notify *notify;
	struct alerts alerts;     /* the thread's while it runs, with `sync` and `retry_s` */
	struct alerts_sync *sync; /* owned; NULL: only notes mails that were sent */
	unsigned retry_s;         /* output: when to try again; 0: not */
	bool is_running;          /* the loop's, with all that follows */
	struct alerts_sync *next; /* owned; the sync whose mails wait for their time; NULL: none */
	uint64_t next_mono_ms;
};

struct item {
	struct thread_job job;
	struct notify *notify;
	struct item *next;
	char job_id[HASH_UUID_SIZE]; /* "": a test */
	struct json *report;         /* owned; NULL: a test */
	struct rollbar_item content; /* its title and fingerprint are owned */
};

struct test {
	struct thread_job job;
	struct notify *notify;
	enum notify_channel channel;
	struct http_pending *pending;      /* the caller who waits for the result */
	char id[INCIDENT_MESSAGE_ID_SIZE]; /* output: Message-ID or uuid */
	struct error err;                  /* output, with `result`; also a warning after a success */
	int result;
};

struct notify {
	struct worker *worker;
	const struct config *config; /* borrowed */
	bool is_stopping;
	struct mails mails;
	struct item *items; /* owned; those that wait for Rollbar, the oldest first */
	struct item *item;  /* owned; the one that is being sent; NULL: none */
	size_t tests_running;
	struct quota tests[NOTIFY_CHANNELS];
	/* Shared with the threads. */
	atomic_bool cancelled;
	atomic_ullong counts[NOTIFY_CHANNELS][NOTIFY_RESULTS];
	atomic_ullong suspended_until_mono_ms; /* Rollbar's rate limit */
};

static void log_no_thread(const struct error *err)
{
	log_event(LOG_WARNING, LOG_EVENT_NOTIFY_FAILED, NULL, 0, "nothing can be sent: %s", err->message);
}

/* ---- mails ---- */

static void mails_run(struct thread_job *job)
{
	struct mails *mails = (struct mails *)job;

	mails->retry_s = alerts_run(&mails->alerts, mails->sync);
}

static void mails_done(struct thread_job *job);

/* Without a sync: notes in the manifest that mails were sent. */
static void mails_start(struct mails *mails, struct alerts_sync *owned_sync)
{
	struct error err = { 0 };

	mails->sync = owned_sync;
	mails->is_running = true;
	if (thread_start(mails->notify->worker->queue, &mails->job, mails_run, mails_done, &err) == 0)
		return;
	if (owned_sync)
		log_no_thread(&err);
	mails->is_running = false;
	alerts_sync_freep(&mails->sync); /* the mail stays due, until the next sync has ended */
	statistics_publish(mails->notify->worker);
}

static void mails_start_next(struct mails *mails)
{
	if (!mails->is_running && mails->next && time_mono_ms() >= mails->next_mono_ms)
		mails_start(mails, STEAL(mails->next));
}

static void mails_done(struct thread_job *job)
{
	struct mails *mails = (struct mails *)job;

	mails->is_running = false;
	mails->notify->worker->active_mono_ms = time_mono_ms();
	/* The mails of a later sync, which wait already, say the same or better. */
	if (mails->retry_s > 0 && !mails->next && !mails->notify->is_stopping) {
		mails->next = STEAL(mails->sync);
		mails->next_mono_ms = time_mono_ms() + mails->retry_s * UINT64_C(1000);
	}
	alerts_sync_freep(&mails->sync);
	mails_start_next(mails);
	statistics_publish(mails->notify->worker);
}

static void mails_add(struct mails *mails, const struct worker_sync *job)
{
	struct alerts_sync *sync = mem_zalloc(sizeof(*sync));

	snprintf(sync->job_id, sizeof(sync->job_id), "%s", job->job_id);
	sync->report = report_to_json(&job->report);
	sync->consecutive_failures = job->report.consecutive_failures;
	sync->last_success_ms = job->report.last_success_ms;
	sync->has_failed = job->result < 0;
	sync->manifest_unsaved = job->report.manifest_unsaved;
	alerts_sync_freep(&mails->next);
	mails->next = sync;
	mails->next_mono_ms = 0;
	mails_start_next(mails);
}

/* ---- items for Rollbar ---- */

static bool rollbar_is_on(const struct config *config)
{
	return config->rollbar.enabled && config->secrets[CONFIG_SECRET_ROLLBAR_TOKEN];
}

static void item_free(struct item *item)
{
	json_free(item->report);
	free((char *)item->content.title);
	free((char *)item->content.fingerprint);
	free(item);
}

static void item_log(const char *job_id, const char *what, const char *reason)
{
	const struct log_field fields[] = {
		{ "AITHER_JOB_ID", job_id[0] ? job_id : NULL },
		{ "AITHER_CHANNEL", "rollbar" },
	};

	log_event(LOG_WARNING, LOG_EVENT_NOTIFY_FAILED, fields, ARRAY_SIZE(fields), "item for Rollbar %s: %s",
		what, reason);
}

static void item_drop(struct notify *notify, struct item *owned_item, const char *reason)
{
	atomic_fetch_add(&notify->counts[NOTIFY_BY_ROLLBAR][NOTIFY_DROPPED], 1);
	item_log(owned_item->job_id, "dropped", reason);
	item_free(owned_item);
}

/* On a thread. */
static int item_send(struct notify *notify, const struct rollbar_item *content, const char *job_id,
	char *ret_uuid, struct error *err)
{
	const struct config *config = notify->config;
	uint64_t suspended_until_mono_ms = atomic_load(&notify->suspended_until_mono_ms);
	struct rollbar rollbar = {
		.endpoint = config->rollbar.endpoint,
		.token = config->secrets[CONFIG_SECRET_ROLLBAR_TOKEN],
		.environment = config->rollbar.environment,
		.host = host_name(),
		.cancelled = &notify->cancelled,
		.suspended_until_mono_ms = suspended_until_mono_ms,
	};
	struct error problem = { 0 };
	int r = rollbar_send(&rollbar, content, ret_uuid, &problem);
	bool is_dropped = r == -EBUSY || r == -ECANCELED;

	/* A test beside it may have learnt of the limit meanwhile. */
	if (rollbar.suspended_until_mono_ms != suspended_until_mono_ms)
		atomic_store(&notify->suspended_until_mono_ms, rollbar.suspended_until_mono_ms);
	atomic_fetch_add(&notify->counts[NOTIFY_BY_ROLLBAR][r == 0       ? NOTIFY_SENT
							    : is_dropped ? NOTIFY_DROPPED
									 : NOTIFY_FAILED],
		1);
	if (r < 0)
		item_log(job_id, is_dropped ? "dropped" : "lost", problem.message);
	error_pass(err, &problem);
	return r;
}

static void item_run(struct thread_job *job)
{
	struct item *item = (struct item *)job;

	(void)item_send(item->notify, &item->content, item->job_id, NULL, NULL);
}

static void item_done(struct thread_job *job);

static void items_start_next(struct notify *notify)
{
	struct error err = { 0 };

	while (!notify->item && notify->items) {
		struct item *item = notify->items;

		notify->items = item->next;
		if (thread_start(notify->worker->queue, &item->job, item_run, item_done, &err) == 0)
			notify->item = item;
		else
			item_drop(notify, item, err.message);
	}
}

static void item_done(struct thread_job *job)
{
	struct item *item = (struct item *)job;
	struct notify *notify = item->notify;

	notify->item = NULL;
	notify->worker->active_mono_ms = time_mono_ms();
	item_free(item);
	items_start_next(notify);
	statistics_publish(notify->worker);
}

static size_t items_count(const struct notify *notify)
{
	size_t count = notify->item != NULL;

	for (const struct item *item = notify->items; item; item = item->next)
		count++;
	return count;
}

/* The title and the fingerprint are owned. */
static void item_add(struct notify *notify, const struct worker_sync *job, struct rollbar_item owned_content)
{
	struct item *item = mem_zalloc(sizeof(*item)), **link = &notify->items;

	item->notify = notify;
	item->content = owned_content;
	if (owned_content.level < notify->config->rollbar.level) {
		item_free(item);
		return;
	}
	snprintf(item->job_id, sizeof(item->job_id), "%s", job->job_id);
	item->report = report_to_json(&job->report);
	json_set_integer(item->report, "consecutiveFailures", job->report.consecutive_failures);
	item->content.context = "sync";
	item->content.report = item->report;
	item->content.time_ms = job->report.end_ms;
	if (items_count(notify) >= NOTIFY_ITEMS_MAX && notify->items) {
		struct item *oldest = notify->items;
		notify->items = oldest->next;
		item_drop(notify, oldest, "too many wait already, this is the oldest one");
	}
	while (*link)
		link = &(*link)->next;
	*link = item;
	items_start_next(notify);
}

static void items_add(struct notify *notify, const struct worker_sync *job)
{
	const struct report *report = &job->report;
	struct rollbar_item item = { 0 };

	if (report->manifest_damaged)
		item_add(notify, job,
			(struct rollbar_item){
				.level = CONFIG_LEVEL_WARNING,
				.title = mem_strdup("the manifest was damaged: all pages are made anew"),
				.fingerprint = mem_strdup("manifest-damaged"),
			});
	if (job->result < 0 && job->err.code == ERROR_SHUTTING_DOWN)
		return;
	if (job->result < 0) {
		/* A rate limit is only a warning: the next sync goes on. */
		item.level = job->err.code == ERROR_HEMERA_RATE_LIMITED ? CONFIG_LEVEL_WARNING
									: CONFIG_LEVEL_ERROR;
		item.class_name = error_code_name(job->err.code);
		item.title = mem_printf("sync failed: %s", job->err.message);
		item.fingerprint = mem_printf("sync-%s", item.class_name);
	} else if (report->status == REPORT_PARTIAL) {
		item.level = CONFIG_LEVEL_WARNING;
		item.title = mem_printf("sync partly done: %zu problem%s, the first one: %s: %s",
			report->errors_total, report->errors_total == 1 ? "" : "s", report->errors[0].entity,
			report->errors[0].message);
		item.fingerprint = mem_printf("partial-%s", error_code_name(report->errors[0].code));
	} else {
		item.level = CONFIG_LEVEL_INFO;
		item.title = mem_printf("sync done: %u page%s written, %u unchanged, %u removed",
			report->files_generated, report->files_generated == 1 ? "" : "s",
			report->files_skipped, report->files_deleted);
		item.fingerprint = mem_strdup("sync-done");
	}
	item_add(notify, job, item);
}

/* ---- tests ---- */

static void test_run(struct thread_job *job)
{
	struct test *test = (struct test *)job;
	struct notify *notify = test->notify;

	if (test->channel == NOTIFY_BY_ROLLBAR) {
		CLEANUP(mem_freep) char *title = mem_printf("test item from aither on %s", host_name());
		const struct rollbar_item item = {
			.level = CONFIG_LEVEL_INFO,
			.title = title,
			.fingerprint = "test",
			.context = "test-rollbar",
			.time_ms = time_now_ms(),
		};

		test->result = item_send(notify, &item, "", test->id, &test->err);
		return;
	}
	struct incident_alert alert = { .kind = INCIDENT_TEST };
	const struct message message = { .alert = &alert };
	CLEANUP(smtp_outcome_done) struct smtp_outcome outcome = { 0 };

	incident_message_id(host_name(), alert.message_id);
	CLEANUP(mem_freep) char *text = mail_write(notify->config, &message);
	const struct mail mail = { .kind = alert.kind,
		.message_id = alert.message_id,
		.to = notify->config->notify.mail_to,
		.text = text,
		.otherwise = "" };
	test->result = mail_send(notify->config, &mail, &notify->cancelled, &outcome, &test->err);
	memcpy(test->id, alert.message_id, sizeof(test->id));
	atomic_fetch_add(&notify->counts[NOTIFY_BY_MAIL][test->result < 0 ? NOTIFY_FAILED : NOTIFY_SENT], 1);
}

static void test_done(struct thread_job *job)
{
	struct test *test = (struct test *)job;
	struct notify *notify = test->notify;
	const char *request_id = http_pending_request_id(test->pending);
	struct http_response response = { 0 };

	notify->tests_running--;
	notify->worker->active_mono_ms = time_mono_ms();
	if (test->result < 0) {
		if (notify->is_stopping)
			error_fail(&test->err, ERROR_SHUTTING_DOWN, -ESHUTDOWN,
				"aither-worker is shutting down");
		envelope_error(&response, request_id, &test->err, NULL);
	} else {
		const struct config *config = notify->config;
		struct json *data = json_new_object();

		if (test->channel == NOTIFY_BY_ROLLBAR) {
			json_set_string(data, "uuid", test->id);
			json_set_string(data, "endpoint", config->rollbar.endpoint);
		} else {
			json_set_string(data, "to", config->notify.mail_to);
			json_set_string(data, "server", config->notify.smtp_url);
			json_set_string(data, "messageId", test->id);
			/* Taken, but not for all recipients. */
			if (test->err.message[0])
				json_set_string(data, "warning", test->err.message);
		}
		envelope_success(&response, request_id, 200, data);
	}
	statistics_publish(notify->worker); /* before the answer, which may lead to a look at /metrics */
	http_complete(STEAL(test->pending), &response);
	free(test);
}

static enum http_result test_handle(const struct http_request *request, struct http_response *response,
	struct worker *worker, enum notify_channel channel)
{
	struct notify *notify = worker->notify;
	const struct config *config = notify->config;
	const char *missing = NULL; /* the setting without which nothing can be sent */
	struct error problem = { 0 };
	struct test *test;

	if (answer_unable(response, request->request_id, worker))
		return HTTP_DONE;
	if (channel == NOTIFY_BY_MAIL && !config->notify.mail_to)
		missing = "no mail is sent: set MailTo in [Notify] of aither.conf(5)";
	if (channel == NOTIFY_BY_ROLLBAR && !config->rollbar.enabled)
		missing = "Rollbar is not used: set Enabled=yes in [Rollbar] of aither.conf(5)";
	else if (channel == NOTIFY_BY_ROLLBAR && !rollbar_is_on(config))
		missing = "Rollbar's token is missing; store it with: aither set-secret rollbar-token";
	if (missing) {
		answer_error(response, request->request_id, ERROR_NOT_CONFIGURED, -ENOKEY, missing);
		return HTTP_DONE;
	}
	unsigned wait_s = (unsigned)((quota_take(&notify->tests[channel], time_mono_ms()) + 999) / 1000);
	if (wait_s > 0) {
		error_fail(&problem, ERROR_TOO_MANY_REQUESTS, -EBUSY,
			"too many tests in a short time; the next one is possible in %u s", wait_s);
		problem.retry_after_s = wait_s;
		envelope_error(response, request->request_id, &problem, NULL);
		return HTTP_DONE;
	}
	test = mem_zalloc(sizeof(*test));
	test->notify = notify;
	test->channel = channel;
	if (thread_start(worker->queue, &test->job, test_run, test_done, &problem) < 0) {
		log_no_thread(&problem);
		envelope_error(response, request->request_id, &problem, NULL);
		free(test);
		return HTTP_DONE;
	}
	notify->tests_running++;
	test->pending = http_later(request);
	return HTTP_LATER;
}

enum http_result notify_handle_mail(
	const struct http_request *request, struct http_response *response, void *app)
{
	return test_handle(request, response, app, NOTIFY_BY_MAIL);
}

enum http_result notify_handle_item(
	const struct http_request *request, struct http_response *response, void *app)
{
	return test_handle(request, response, app, NOTIFY_BY_ROLLBAR);
}

/* ---- what the worker calls ---- */

struct notify *notify_new(struct worker *worker)
{
	struct notify *notify = mem_zalloc(sizeof(*notify));

	notify->worker = worker;
	notify->config = worker->options.config;
	notify->mails.notify = notify;
	notify->mails.alerts = (struct alerts){ .config = notify->config,
		.cancelled = &notify->cancelled,
		.sent = &notify->counts[NOTIFY_BY_MAIL][NOTIFY_SENT],
		.failed = &notify->counts[NOTIFY_BY_MAIL][NOTIFY_FAILED] };
	for (size_t i = 0; i < NOTIFY_CHANNELS; i++)
		notify->tests[i] = (struct quota){ .burst = NOTIFY_TESTS_BURST,
			.interval_ms = NOTIFY_TESTS_INTERVAL_S * 1000 };
	return notify;
}

void notify_freep(struct notify **notify_pointer)
{
	struct notify *notify = STEAL(*notify_pointer);

	/* As with the thread's queue: a thread that still runs needs it, up to the end of the process. */
	if (!notify || notify->mails.is_running || notify->item || notify->tests_running > 0)
		return;
	while (notify->items) {
		struct item *item = notify->items;
		notify->items = item->next;
		item_free(item);
	}
	alerts_sync_freep(&notify->mails.next);
	alerts_done(&notify->mails.alerts);
	free(notify);
}

void notify_sync_ended(struct notify *notify, const struct worker_sync *job)
{
	bool leaves_no_trace =
		job->report.dry_run || (job->result < 0 && job->err.code == ERROR_SYNC_IN_PROGRESS);

	if (notify->is_stopping || leaves_no_trace)
		return;
	if (notify->config->notify.mail_to)
		mails_add(&notify->mails, job);
	if (rollbar_is_on(notify->config))
		items_add(notify, job);
}

size_t notify_pending(const struct notify *notify)
{
	const struct mails *mails = &notify->mails;
	bool is_noting = !mails->is_running && mails->alerts.is_locked_out;

	return mails->is_running + (mails->next != NULL) + is_noting + items_count(notify) +
	       notify->tests_running;
}

/* A mail that was sent while a sync ran is noted when that has ended. */
void notify_tick(struct notify *notify)
{
	struct mails *mails = &notify->mails;

	mails_start_next(mails);
	if (!mails->is_running && mails->alerts.is_locked_out && notify->worker->slot != WORKER_SYNCING)
		mails_start(mails, NULL);
}

void notify_stop(struct notify *notify)
{
	notify->is_stopping = true;
	atomic_store(&notify->cancelled, true);
	alerts_sync_freep(&notify->mails.next);
	while (notify->items) {
		struct item *item = notify->items;
		notify->items = item->next;
		item_drop(notify, item, "aither-worker is shutting down");
	}
}

uint64_t notify_count(const struct notify *notify, enum notify_channel channel, enum notify_result result)
{
	return atomic_load(&notify->counts[channel][result]);
}
