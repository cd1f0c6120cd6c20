/* SPDX-License-Identifier: MIT */
#include "worker/notices-internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/config.h"
#include "base/host.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/time.h"
#include "worker/internal.h"

bool notices_rollbar_is_on(const struct config *config)
{
	return config->rollbar.enabled && config->secrets[CONFIG_SECRET_ROLLBAR_TOKEN];
}

void notices_item_done(struct rollbar_item *item)
{
	free((char *)item->title);
	free((char *)item->fingerprint);
	*item = (struct rollbar_item){ 0 };
}

static void item_add(struct notices *notices, const struct worker_sync *job, struct rollbar_item *item)
{
	struct notices_task *task;
	struct json *report;

	if (item->level < job->worker->options.config->rollbar.level) {
		notices_item_done(item);
		return;
	}
	task = notices_task_new(notices, NOTICES_ITEM);
	report = report_to_json(&job->report);
	json_set_integer(report, "consecutiveFailures", job->report.consecutive_failures);
	snprintf(task->job_id, sizeof(task->job_id), "%s", job->job_id);
	task->report = report;
	task->item = *item;
	task->item.context = "sync";
	task->item.report = report;
	task->item.time_ms = job->report.end_ms;
	notices_add(notices, task);
}

static struct rollbar_item item_of_failure(const struct worker_sync *job)
{
	const char *code = error_code_name(job->err.code);

	return (struct rollbar_item){
		/* The next sync sets it right. */
		.level = job->err.code == ERROR_HEMERA_RATE_LIMITED ? CONFIG_LEVEL_WARNING
								    : CONFIG_LEVEL_ERROR,
		.title = mem_printf("sync failed: %s", job->err.message),
		.fingerprint = mem_printf("sync-%s", code),
		.class_name = code,
	};
}

static struct rollbar_item item_of_success(const struct worker_sync *job)
{
	const struct report *report = &job->report;

	if (report->status == REPORT_PARTIAL)
		return (struct rollbar_item){
			.level = CONFIG_LEVEL_WARNING,
			.title = mem_printf("sync partly done: %zu problem%s, the first one: %s: %s",
				report->errors_total, report->errors_total == 1 ? "" : "s",
				report->errors[0].entity, report->errors[0].message),
			.fingerprint = mem_printf("partial-%s", error_code_name(report->errors[0].code)),
		};
	return (struct rollbar_item){
		.level = CONFIG_LEVEL_INFO,
		.title = mem_printf("sync done: %u page%s written, %u unchanged, %u removed",
			report->files_generated, report->files_generated == 1 ? "" : "s",
			report->files_skipped, report->files_deleted),
		.fingerprint = mem_strdup("sync-done"),
	};
}

void notices_add_items(struct notices *notices, const struct worker_sync *job)
{
	struct rollbar_item item;

	if (!notices_rollbar_is_on(job->worker->options.config))
		return;
	if (job->report.manifest_damaged) {
		item = (struct rollbar_item){
			.level = CONFIG_LEVEL_WARNING,
			.title = mem_strdup("the manifest was damaged: all pages are made anew"),
			.fingerprint = mem_strdup("manifest-damaged"),
		};
		item_add(notices, job, &item);
	}
	if (job->result < 0 && job->err.code == ERROR_SHUTTING_DOWN)
		return;
	item = job->result < 0 ? item_of_failure(job) : item_of_success(job);
	item_add(notices, job, &item);
}

static void item_log(const struct notices_task *task, const char *what, const char *reason)
{
	const struct log_field fields[] = {
		{ "AITHER_JOB_ID", task->job_id[0] ? task->job_id : NULL },
		{ "AITHER_CHANNEL", "rollbar" },
	};

	log_event(LOG_WARNING, LOG_EVENT_NOTIFY_FAILED, fields, ARRAY_SIZE(fields), "item for Rollbar %s: %s",
		what, reason);
}

void notices_item_dropped(const struct notices_task *task, const char *reason)
{
	item_log(task, "dropped", reason);
}

static int item_send(struct notices_task *task, const struct rollbar_item *item, char *ret_uuid)
{
	const struct config *config = task->config;
	struct rollbar rollbar = {
		.endpoint = config->rollbar.endpoint,
		.token = config->secrets[CONFIG_SECRET_ROLLBAR_TOKEN],
		.environment = config->rollbar.environment,
		.host = host_name(),
		.cancelled = task->cancelled,
		.suspended_until_mono_ms = task->memory->suspended_until_mono_ms,
	};
	int r = rollbar_send(&rollbar, item, ret_uuid, &task->err);
	bool is_dropped = r == -EBUSY || r == -ECANCELED;

	task->memory->suspended_until_mono_ms = rollbar.suspended_until_mono_ms;
	task->counts[NOTICES_BY_ROLLBAR][r == 0       ? NOTICES_SENT
					 : is_dropped ? NOTICES_DROPPED
						      : NOTICES_FAILED]++;
	if (r < 0)
		item_log(task, is_dropped ? "dropped" : "lost", task->err.message);
	return r;
}

void notices_item_run(struct notices_task *task)
{
	(void)item_send(task, &task->item, NULL);
}

void notices_test_item_run(struct notices_task *task)
{
	CLEANUP(mem_freep) char *title = mem_printf("test item from aither on %s", host_name());
	const struct rollbar_item item = {
		.level = CONFIG_LEVEL_INFO,
		.title = title,
		.fingerprint = "test",
		.context = "test-rollbar",
		.time_ms = time_now_ms(),
	};

	task->result = item_send(task, &item, task->id);
}
