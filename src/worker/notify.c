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
	struct thread_job job; /* must be first: the thread casts back */
	struct notify *notify;
	struct alerts alerts;     /* belongs to the thread while it runs, as do `sync` and `retry_s` */
	struct alerts_sync *sync; /* owned; NULL: only record sent mails, send none */
	unsigned retry_s;         /* output: seconds until the retry; 0: none */
	bool is_running;          /* this and all following members belong to the loop */
	struct alerts_sync *next; /* owned; the sync whose mails are sent or retried next; NULL: none */
	uint64_t next_mono_ms;
};

struct delivery {              /* an item for Rollbar (about a sync, or a test), or a test mail */
	struct thread_job job; /* must be first */
	struct notify *notify;
	struct delivery *next;
	struct json *report;          /* owned; NULL for a test */
	struct http_pending *pending; /* the caller of a test */
	bool is_mail;
	struct rollbar_item item; /* its title and fingerprint are owned */
	struct rollbar rollbar;
	struct smtp_outcome outcome;       /* of a test mail; owned */
	char id[INCIDENT_MESSAGE_ID_SIZE]; /* output: uuid or Message-ID */
	struct error err;                  /* output, with `result`; after a success a warning */
	int result;
};

struct notify {
	struct worker *worker;
	const struct config *config; /* borrowed */
	int64_t *values;             /* the worker's statistics */
	bool is_stopping;
	atomic_bool cancelled; /* read by the threads */
	struct mails mails;
	struct delivery *items; /* owned; waiting for Rollbar, the oldest first */
	struct delivery *item;  /* owned; being sent; NULL: none */
	uint64_t suspended_until_mono_ms;
	size_t tests_running;
	struct quota mail_tests, item_tests;
};

static void log_no_thread(const struct error *err)
{
	log_event(LOG_WARNING, LOG_EVENT_NOTIFY_FAILED, NULL, 0, "cannot send mails or items for Rollbar: %s",
		err->message);
}

/* ---- mails ---- */

static void mails_run(struct thread_job *job)
{
	struct mails *mails = (struct mails *)job;

	mails->retry_s = alerts_run(&mails->alerts, mails->sync);
}

static void mails_done(struct thread_job *job);

/* With owned_sync NULL: only records the mails that were sent. */
static void mails_start(struct mails *mails, struct alerts_sync *owned_sync)
{
	struct error err = { 0 };

	mails->sync = owned_sync;
	mails->is_running =
		thread_start(mails->notify->worker->queue, &mails->job, mails_run, mails_done, &err) == 0;
	if (mails->is_running)
		return;
	if (owned_sync)
		log_no_thread(&err);
	alerts_sync_freep(&mails->sync); /* the mail stays due until the next sync has ended */
	statistics_publish(mails->notify->worker);
}

/* Starts the next mails when their time has come. */
static void mails_start_next(struct mails *mails)
{
	if (!mails->is_running && mails->next && time_mono_ms() >= mails->next_mono_ms)
		mails_start(mails, STEAL(mails->next));
}

/* Was a mail sent that could not be recorded because a sync held the manifest? */
static bool mails_have_note(const struct mails *mails)
{
	return !mails->is_running && mails->alerts.is_locked_out;
}

static void mails_done(struct thread_job *job)
{
	struct mails *mails = (struct mails *)job;
	struct notify *notify = mails->notify;

	mails->is_running = false;
	notify->values[STATE_MAILS_SENT] += mails->alerts.sent;
	notify->values[STATE_MAILS_FAILED] += mails->alerts.failed;
	/* The mails of a later sync replace these. */
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

static void delivery_free(struct delivery *delivery)
{
	json_free(delivery->report);
	smtp_outcome_done(&delivery->outcome);
	free((char *)delivery->item.title);
	free((char *)delivery->item.fingerprint);
	free(delivery);
}

static void item_log(const struct delivery *delivery, const char *what, const char *reason)
{
	const struct log_field fields[] = {
		{ "AITHER_JOB_ID", json_string(json_get(delivery->report, "jobId")) },
		{ "AITHER_CHANNEL", "rollbar" },
	};

	log_event(LOG_WARNING, LOG_EVENT_NOTIFY_FAILED, fields, ARRAY_SIZE(fields), "item for Rollbar %s: %s",
		what, reason);
}

static void item_drop(struct notify *notify, struct delivery *owned_delivery, const char *reason)
{
	notify->values[STATE_ITEMS_DROPPED]++;
	item_log(owned_delivery, "dropped", reason);
	delivery_free(owned_delivery);
}

static void test_mail(struct delivery *test)
{
	const struct config *config = test->notify->config;
	struct incident_alert alert = { .kind = INCIDENT_TEST };
	const struct message message = { .alert = &alert };

	incident_message_id(host_name(), alert.message_id);
	memcpy(test->id, alert.message_id, sizeof(test->id));
	const struct mail mail = mail_write(config, &message);
	test->result = mail_send(config, &mail, &test->notify->cancelled, &test->outcome, &test->err);
	free(mail.text);
}

static void delivery_run(struct thread_job *job)
{
	struct delivery *delivery = (struct delivery *)job;

	if (delivery->is_mail)
		test_mail(delivery);
	else
		delivery->result =
			rollbar_send(&delivery->rollbar, &delivery->item, delivery->id, &delivery->err);
}

static int delivery_start(struct delivery *delivery, thread_function *done, struct error *err)
{
	struct notify *notify = delivery->notify;
	const struct config *config = notify->config;

	delivery->rollbar = (struct rollbar){
		.endpoint = config->rollbar.endpoint,
		.token = config->secrets[CONFIG_SECRET_ROLLBAR_TOKEN],
		.environment = config->rollbar.environment,
		.host = host_name(),
		.cancelled = &notify->cancelled,
		.suspended_until_mono_ms = notify->suspended_until_mono_ms,
	};
	return thread_start(notify->worker->queue, &delivery->job, delivery_run, done, err);
}

/* Counts the result and logs that of an item; mail_send has already logged that of a mail. */
static void delivery_settle(const struct delivery *delivery)
{
	struct notify *notify = delivery->notify;

	if (delivery->is_mail) {
		notify->values[delivery->result < 0 ? STATE_MAILS_FAILED : STATE_MAILS_SENT]++;
		return;
	}
	/* A test may be sent at the same time as another item: both may meet the rate limit. */
	if (delivery->rollbar.suspended_until_mono_ms > notify->suspended_until_mono_ms)
		notify->suspended_until_mono_ms = delivery->rollbar.suspended_until_mono_ms;
	if (delivery->result == 0) {
		notify->values[STATE_ITEMS_SENT]++;
	} else if (delivery->result == -EBUSY || delivery->result == -ECANCELED) {
		notify->values[STATE_ITEMS_DROPPED]++;
		item_log(delivery, "dropped", delivery->err.message);
	} else {
		notify->values[STATE_ITEMS_FAILED]++;
		item_log(delivery, "lost", delivery->err.message);
	}
}

static void item_done(struct thread_job *job);

static void items_start_next(struct notify *notify)
{
	struct error err = { 0 };

	while (!notify->item && notify->items) {
		struct delivery *oldest = notify->items;

		notify->items = oldest->next;
		if (delivery_start(oldest, item_done, &err) == 0)
			notify->item = oldest;
		else
			item_drop(notify, oldest, err.message);
	}
}

static void item_done(struct thread_job *job)
{
	struct delivery *delivery = (struct delivery *)job;
	struct notify *notify = delivery->notify;

	delivery_settle(delivery);
	notify->item = NULL;
	delivery_free(delivery);
	items_start_next(notify);
	statistics_publish(notify->worker);
}

static size_t items_count(const struct notify *notify)
{
	size_t count = notify->item != NULL;

	for (const struct delivery *item = notify->items; item; item = item->next)
		count++;
	return count;
}

/* Takes over the item's title and fingerprint. */
static void item_add(struct notify *notify, const struct json *report, struct rollbar_item owned_item)
{
	struct delivery *delivery = mem_zalloc(sizeof(*delivery)), **link = &notify->items;

	delivery->notify = notify;
	delivery->item = owned_item;
	if (owned_item.level < notify->config->rollbar.level) {
		delivery_free(delivery);
		return;
	}
	delivery->report = json_copy(report);
	delivery->item.context = "sync";
	delivery->item.report = delivery->report;
	if (items_count(notify) >= NOTIFY_ITEMS_MAX && notify->items) {
		struct delivery *oldest = notify->items;
		notify->items = oldest->next;
		item_drop(notify, oldest, "too many items are waiting, and this is the oldest");
	}
	while (*link)
		link = &(*link)->next;
	*link = delivery;
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
				.title = mem_strdup("the manifest was damaged: all pages are written again"),
				.fingerprint = mem_strdup("manifest-damaged"),
				.time_ms = report->end_ms,
			});
	if (job->result < 0 && job->err.code == ERROR_SHUTTING_DOWN)
		return;
	if (job->result < 0) {
		/* A rate limit is only a warning: the next sync continues. */
		item.level = job->err.code == ERROR_HEMERA_RATE_LIMITED ? CONFIG_LEVEL_WARNING
									: CONFIG_LEVEL_ERROR;
		item.class_name = error_code_name(job->err.code);
		item.title = mem_printf("sync failed: %s", job->err.message);
		item.fingerprint = mem_printf("sync-%s", item.class_name);
	} else if (report->status == REPORT_PARTIAL) {
		item.level = CONFIG_LEVEL_WARNING;
		item.title = mem_printf("sync partly done: %zu problem%s, the first: %s: %s",
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

/* "to": the recipients who got the mail; "refused": those who did not. */
static void add_recipients(struct json *data, const char *all, const struct smtp_outcome *outcome)
{
	CLEANUP(mem_freep) char *but_deferred = mail_recipients(all, outcome->deferred, false);
	CLEANUP(mem_freep) char *accepted = mail_recipients(but_deferred, outcome->refused, false);
	CLEANUP(mem_freep) char *refused = mail_recipients(all, accepted, false);

	json_set_string(data, "to", accepted);
	if (refused)
		json_set_string(data, "refused", refused);
}

static void test_done(struct thread_job *job)
{
	struct delivery *test = (struct delivery *)job;
	struct notify *notify = test->notify;
	const struct config *config = notify->config;
	const char *request_id = http_pending_request_id(test->pending);
	struct http_response response = { 0 };

	notify->tests_running--;
	delivery_settle(test);
	if (test->result < 0) {
		if (notify->is_stopping)
			error_fail(&test->err, ERROR_SHUTTING_DOWN, -ESHUTDOWN,
				"aither-worker is shutting down");
		envelope_error(&response, request_id, &test->err, NULL);
	} else {
		struct json *data = json_new_object();

		if (!test->is_mail) {
			json_set_string(data, "uuid", test->id);
			json_set_string(data, "endpoint", config->rollbar.endpoint);
		} else {
			add_recipients(data, config->notify.mail_to, &test->outcome);
			json_set_string(data, "server", config->notify.smtp_url);
			json_set_string(data, "messageId", test->id);
			if (test->err.message[0]) /* not accepted for all recipients, or without a login */
				json_set_string(data, "warning", test->err.message);
		}
		envelope_success(&response, request_id, 200, data);
	}
	statistics_publish(notify->worker); /* before the answer: the caller may read /metrics next */
	http_complete(STEAL(test->pending), &response);
	delivery_free(test);
}

static enum http_result test_handle(const struct http_request *request, struct http_response *response,
	struct worker *worker, bool is_mail)
{
	struct notify *notify = worker->notify;
	const struct config *config = notify->config;
	const char *missing = NULL; /* the setting without which nothing can be sent */
	struct error problem = { 0 };

	if (answer_unable(response, request->request_id, worker))
		return HTTP_DONE;
	if (is_mail && !config->notify.mail_to)
		missing = config->notify.disabled_by
				  ?: "no mail is sent: set MailTo in [Notify] of aither.conf(5)";
	if (!is_mail && !config->rollbar.enabled)
		missing = config->rollbar.disabled_by
				  ?: "Rollbar is not used: set Enabled=yes in [Rollbar] of aither.conf(5)";
	else if (!is_mail && !rollbar_is_on(config))
		missing = "Rollbar's token is missing; store it with: aither set-secret rollbar-token";
	if (missing) {
		answer_error(response, request->request_id, ERROR_NOT_CONFIGURED, -ENOKEY, missing);
		return HTTP_DONE;
	}
	uint64_t wait_ms = quota_take(is_mail ? &notify->mail_tests : &notify->item_tests, time_mono_ms());
	if (wait_ms > 0) {
		unsigned wait_s = (unsigned)((wait_ms + 999) / 1000);
		error_fail(&problem, ERROR_TOO_MANY_REQUESTS, -EBUSY,
			"too many tests in a short time; try again in %u s", wait_s);
		problem.retry_after_s = wait_s;
		envelope_error(response, request->request_id, &problem, NULL);
		return HTTP_DONE;
	}
	struct delivery *test = mem_zalloc(sizeof(*test));
	test->notify = notify;
	test->is_mail = is_mail;
	test->item = (struct rollbar_item){
		.level = CONFIG_LEVEL_INFO,
		.title = mem_printf("test item from aither on %s", host_name()),
		.fingerprint = mem_strdup("test"),
		.context = "test-rollbar",
		.time_ms = time_now_ms(),
	};
	if (delivery_start(test, test_done, &problem) < 0) {
		log_no_thread(&problem);
		envelope_error(response, request->request_id, &problem, NULL);
		delivery_free(test);
		return HTTP_DONE;
	}
	notify->tests_running++;
	test->pending = http_later(request);
	return HTTP_LATER;
}

enum http_result notify_handle_mail(
	const struct http_request *request, struct http_response *response, void *app)
{
	return test_handle(request, response, app, true);
}

enum http_result notify_handle_item(
	const struct http_request *request, struct http_response *response, void *app)
{
	return test_handle(request, response, app, false);
}

/* ---- the worker's calls ---- */

struct notify *notify_new(struct worker *worker)
{
	struct notify *notify = mem_zalloc(sizeof(*notify));

	notify->worker = worker;
	notify->config = worker->options.config;
	notify->values = worker->state.values;
	notify->mails.notify = notify;
	notify->mails.alerts = (struct alerts){
		.config = notify->config,
		.cancelled = &notify->cancelled,
		.unsent = worker->history.mails_unsent,
	};
	notify->mail_tests = notify->item_tests =
		(struct quota){ .burst = NOTIFY_TESTS_BURST, .interval_ms = NOTIFY_TESTS_INTERVAL_S * 1000 };
	return notify;
}

void notify_freep(struct notify **notify_pointer)
{
	struct notify *notify = STEAL(*notify_pointer);

	/* A thread that is still running needs it until the process ends. */
	if (!notify || notify->mails.is_running || notify->item || notify->tests_running > 0)
		return;
	while (notify->items) {
		struct delivery *item = notify->items;
		notify->items = item->next;
		delivery_free(item);
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

	return mails->is_running + (mails->next != NULL) + mails_have_note(mails) + items_count(notify) +
	       notify->tests_running;
}

size_t notify_unsent(const struct notify *notify)
{
	const struct mails *mails = &notify->mails;
	bool is_counted = mails->is_running || mails->next || !notify->config->notify.mail_to;

	return notify_pending(notify) + (is_counted ? 0 : mails->alerts.unsent);
}

void notify_tick(struct notify *notify)
{
	struct mails *mails = &notify->mails;

	mails_start_next(mails);
	if (mails_have_note(mails) && notify->worker->slot != WORKER_SYNCING)
		mails_start(mails, NULL);
}

void notify_stop(struct notify *notify)
{
	notify->is_stopping = true;
	atomic_store(&notify->cancelled, true);
	alerts_sync_freep(&notify->mails.next);
	while (notify->items) {
		struct delivery *item = notify->items;
		notify->items = item->next;
		item_drop(notify, item, "aither-worker is shutting down");
	}
}
