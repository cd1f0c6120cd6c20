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

struct mails {                 /* of the last sync that has ended */
	struct thread_job job; /* first: the thread's side casts back */
	struct notify *notify;
	struct alerts alerts;     /* the thread's while it runs, with `sync` and `retry_s` */
	struct alerts_sync *sync; /* owned; NULL: only notes mails that were sent */
	unsigned retry_s;         /* output: when to try again; 0: not at all */
	bool is_running;          /* the loop's, like all that follows */
	struct alerts_sync *next; /* owned; the sync whose mails wait for their time; NULL: none */
	uint64_t next_mono_ms;
};

struct mail_test {
	struct thread_job job; /* first */
	struct notify *notify;
	struct http_pending *pending;
	char message_id[INCIDENT_MESSAGE_ID_SIZE]; /* output, with `result` */
	struct error err;                          /* output; also a warning after a success */
	int result;
};

struct item {                  /* for Rollbar: of a sync, or a test */
	struct thread_job job; /* first */
	struct notify *notify;
	struct item *next;
	struct json *report;          /* owned; NULL: a test */
	struct http_pending *pending; /* a test's caller */
	struct rollbar_item content;  /* its title and fingerprint are owned */
	struct rollbar rollbar;
	char uuid[HASH_UUID_SIZE]; /* output, with `err` and `result` */
	struct error err;
	int result;
};

struct notify {
	struct worker *worker;
	const struct config *config; /* borrowed */
	int64_t *values;             /* the worker's statistics */
	bool is_stopping;
	atomic_bool cancelled; /* read by the threads */
	struct mails mails;
	struct item *items; /* owned; those that wait for Rollbar, the oldest first */
	struct item *item;  /* owned; the one that is being sent; NULL: none */
	uint64_t rollbar_suspended_until_mono_ms;
	size_t tests_running;
	struct quota mail_tests, item_tests;
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
}

static void mails_start_next(struct mails *mails)
{
	if (!mails->is_running && mails->next && time_mono_ms() >= mails->next_mono_ms)
		mails_start(mails, STEAL(mails->next));
}

static void mails_done(struct thread_job *job)
{
	struct mails *mails = (struct mails *)job;
	struct notify *notify = mails->notify;

	mails->is_running = false;
	notify->values[STATE_MAILS_SENT] += mails->alerts.sent;
	notify->values[STATE_MAILS_FAILED] += mails->alerts.failed;
	/* The mails of a later sync, which wait already, say the same or better. */
	if (mails->retry_s > 0 && !mails->next && !notify->is_stopping) {
		mails->next = STEAL(mails->sync);
		mails->next_mono_ms = time_mono_ms() + mails->retry_s * UINT64_C(1000);
	}
	alerts_sync_freep(&mails->sync);
	mails_start_next(mails);
	statistics_publish(notify->worker);
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

static void item_log(const struct item *item, const char *what, const char *reason)
{
	const struct log_field fields[] = {
		{ "AITHER_JOB_ID", json_string(json_get(item->report, "jobId")) },
		{ "AITHER_CHANNEL", "rollbar" },
	};

	log_event(LOG_WARNING, LOG_EVENT_NOTIFY_FAILED, fields, ARRAY_SIZE(fields), "item for Rollbar %s: %s",
		what, reason);
}

static void item_drop(struct notify *notify, struct item *owned_item, const char *reason)
{
	notify->values[STATE_ITEMS_DROPPED]++;
	item_log(owned_item, "dropped", reason);
	item_free(owned_item);
}

static void item_run(struct thread_job *job)
{
	struct item *item = (struct item *)job;

	item->result = rollbar_send(&item->rollbar, &item->content, item->uuid, &item->err);
}

static int item_start(struct item *item, thread_function *done, struct error *err)
{
	struct notify *notify = item->notify;
	const struct config *config = notify->config;

	item->rollbar = (struct rollbar){
		.endpoint = config->rollbar.endpoint,
		.token = config->secrets[CONFIG_SECRET_ROLLBAR_TOKEN],
		.environment = config->rollbar.environment,
		.host = host_name(),
		.cancelled = &notify->cancelled,
		.suspended_until_mono_ms = notify->rollbar_suspended_until_mono_ms,
	};
	return thread_start(notify->worker->queue, &item->job, item_run, done, err);
}

/* Counts and logs the result. */
static void item_settle(struct item *item)
{
	struct notify *notify = item->notify;

	/* A test and an item are sent at the same time: both may learn of the rate limit. */
	if (item->rollbar.suspended_until_mono_ms > notify->rollbar_suspended_until_mono_ms)
		notify->rollbar_suspended_until_mono_ms = item->rollbar.suspended_until_mono_ms;
	if (item->result == 0) {
		notify->values[STATE_ITEMS_SENT]++;
	} else if (item->result == -EBUSY || item->result == -ECANCELED) {
		notify->values[STATE_ITEMS_DROPPED]++;
		item_log(item, "dropped", item->err.message);
	} else {
		notify->values[STATE_ITEMS_FAILED]++;
		item_log(item, "lost", item->err.message);
	}
}

static void item_done(struct thread_job *job);

static void items_start_next(struct notify *notify)
{
	struct error err = { 0 };

	while (!notify->item && notify->items) {
		struct item *item = notify->items;

		notify->items = item->next;
		if (item_start(item, item_done, &err) == 0)
			notify->item = item;
		else
			item_drop(notify, item, err.message);
	}
}

static void item_done(struct thread_job *job)
{
	struct item *item = (struct item *)job;
	struct notify *notify = item->notify;

	item_settle(item);
	notify->item = NULL;
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
static void item_add(struct notify *notify, const struct json *report, struct rollbar_item owned_content)
{
	struct item *item = mem_zalloc(sizeof(*item)), **link = &notify->items;

	item->notify = notify;
	item->content = owned_content;
	if (owned_content.level < notify->config->rollbar.level) {
		item_free(item);
		return;
	}
	item->report = json_copy(report);
	item->content.context = "sync";
	item->content.report = item->report;
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

static void items_add(struct notify *notify, const struct worker_sync *job, const struct json *json)
{
	const struct report *report = &job->report;
	struct rollbar_item item = { .time_ms = report->end_ms };

	if (report->manifest_damaged)
		item_add(notify, json,
			(struct rollbar_item){
				.level = CONFIG_LEVEL_WARNING,
				.title = mem_strdup("the manifest was damaged: all pages are made anew"),
				.fingerprint = mem_strdup("manifest-damaged"),
				.time_ms = report->end_ms,
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
	item_add(notify, json, item);
}

/* ---- tests ---- */

/* True: the test cannot begin, and the response says why. `missing`: the setting without which nothing can be
 * sent; NULL: none. */
static bool test_refuse(const struct http_request *request, struct http_response *response,
	const struct worker *worker, struct quota *quota, const char *missing)
{
	struct error problem = { 0 };

	if (answer_unable(response, request->request_id, worker))
		return true;
	if (missing) {
		answer_error(response, request->request_id, ERROR_NOT_CONFIGURED, -ENOKEY, missing);
		return true;
	}
	unsigned wait_s = (unsigned)((quota_take(quota, time_mono_ms()) + 999) / 1000);
	if (wait_s == 0)
		return false;
	error_fail(&problem, ERROR_TOO_MANY_REQUESTS, -EBUSY,
		"too many tests in a short time; the next one is possible in %u s", wait_s);
	problem.retry_after_s = wait_s;
	envelope_error(response, request->request_id, &problem, NULL);
	return true;
}

/* `data`: the answer after a success. */
static void test_answer(struct notify *notify, struct http_pending *pending, int result, struct error *err,
	struct json *owned_data)
{
	const char *request_id = http_pending_request_id(pending);
	struct http_response response = { 0 };

	notify->tests_running--;
	if (result == 0) {
		envelope_success(&response, request_id, 200, owned_data);
	} else {
		json_free(owned_data);
		if (notify->is_stopping)
			error_fail(err, ERROR_SHUTTING_DOWN, -ESHUTDOWN, "aither-worker is shutting down");
		envelope_error(&response, request_id, err, NULL);
	}
	statistics_publish(notify->worker); /* before the answer: its reader may look at /metrics */
	http_complete(pending, &response);
}

static void mail_test_run(struct thread_job *job)
{
	struct mail_test *test = (struct mail_test *)job;
	struct notify *notify = test->notify;
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
	memcpy(test->message_id, alert.message_id, sizeof(test->message_id));
}

static void mail_test_done(struct thread_job *job)
{
	CLEANUP(mem_freep) struct mail_test *test = (struct mail_test *)job;
	struct notify *notify = test->notify;
	struct json *data = json_new_object();

	notify->values[test->result < 0 ? STATE_MAILS_FAILED : STATE_MAILS_SENT]++;
	json_set_string(data, "to", notify->config->notify.mail_to);
	json_set_string(data, "server", notify->config->notify.smtp_url);
	json_set_string(data, "messageId", test->message_id);
	if (test->err.message[0]) /* taken, but not for all recipients */
		json_set_string(data, "warning", test->err.message);
	test_answer(notify, test->pending, test->result, &test->err, data);
}

enum http_result notify_handle_mail(
	const struct http_request *request, struct http_response *response, void *app)
{
	struct worker *worker = app;
	struct notify *notify = worker->notify;
	struct error problem = { 0 };

	if (test_refuse(request, response, worker, &notify->mail_tests,
		    notify->config->notify.mail_to
			    ? NULL
			    : "no mail is sent: set MailTo in [Notify] of aither.conf(5)"))
		return HTTP_DONE;
	struct mail_test *test = mem_zalloc(sizeof(*test));
	test->notify = notify;
	if (thread_start(worker->queue, &test->job, mail_test_run, mail_test_done, &problem) < 0) {
		log_no_thread(&problem);
		envelope_error(response, request->request_id, &problem, NULL);
		free(test);
		return HTTP_DONE;
	}
	notify->tests_running++;
	test->pending = http_later(request);
	return HTTP_LATER;
}

static void item_test_done(struct thread_job *job)
{
	struct item *item = (struct item *)job;
	struct json *data = json_new_object();

	item_settle(item);
	json_set_string(data, "uuid", item->uuid);
	json_set_string(data, "endpoint", item->rollbar.endpoint);
	test_answer(item->notify, item->pending, item->result, &item->err, data);
	item_free(item);
}

enum http_result notify_handle_item(
	const struct http_request *request, struct http_response *response, void *app)
{
	struct worker *worker = app;
	struct notify *notify = worker->notify;
	const char *missing = NULL;
	struct error problem = { 0 };

	if (!notify->config->rollbar.enabled)
		missing = "Rollbar is not used: set Enabled=yes in [Rollbar] of aither.conf(5)";
	else if (!rollbar_is_on(notify->config))
		missing = "Rollbar's token is missing; store it with: aither set-secret rollbar-token";
	if (test_refuse(request, response, worker, &notify->item_tests, missing))
		return HTTP_DONE;
	struct item *item = mem_zalloc(sizeof(*item));
	item->notify = notify;
	item->content = (struct rollbar_item){
		.level = CONFIG_LEVEL_INFO,
		.title = mem_printf("test item from aither on %s", host_name()),
		.fingerprint = mem_strdup("test"),
		.context = "test-rollbar",
		.time_ms = time_now_ms(),
	};
	if (item_start(item, item_test_done, &problem) < 0) {
		log_no_thread(&problem);
		envelope_error(response, request->request_id, &problem, NULL);
		item_free(item);
		return HTTP_DONE;
	}
	notify->tests_running++;
	item->pending = http_later(request);
	return HTTP_LATER;
}

/* ---- the worker's calls ---- */

struct notify *notify_new(struct worker *worker)
{
	struct notify *notify = mem_zalloc(sizeof(*notify));

	notify->worker = worker;
	notify->config = worker->options.config;
	notify->values = worker->state.values;
	notify->mails.notify = notify;
	notify->mails.alerts = (struct alerts){ .config = notify->config, .cancelled = &notify->cancelled };
	notify->mail_tests = notify->item_tests =
		(struct quota){ .burst = NOTIFY_TESTS_BURST, .interval_ms = NOTIFY_TESTS_INTERVAL_S * 1000 };
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
	if (notify->is_stopping)
		return;
	CLEANUP(json_freep) struct json *report = report_to_json(&job->report);
	json_set_time(report, "lastSuccessTime", job->report.last_success_ms);
	json_set_integer(report, "consecutiveFailures", job->report.consecutive_failures);
	if (rollbar_is_on(notify->config))
		items_add(notify, job, report);
	if (!notify->config->notify.mail_to)
		return;
	struct mails *mails = &notify->mails;
	alerts_sync_freep(&mails->next);
	mails->next = mem_zalloc(sizeof(*mails->next));
	mails->next->report = STEAL(report);
	mails->next->manifest_unsaved = job->report.manifest_unsaved;
	mails->next_mono_ms = 0;
	mails_start_next(mails);
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
