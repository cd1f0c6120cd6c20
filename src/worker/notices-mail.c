/* SPDX-License-Identifier: MIT */
#include "worker/notices-internal.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/config.h"
#include "base/host.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/smtp.h"
#include "base/time.h"
#include "notify/message.h"
#include "sync/sync.h"

/* One line for each mail; whoever it is for stands in the configuration. */
static void mail_log(const struct message *message, int result, const struct error *problem)
{
	const struct incident_notice *notice = message->notice;
	const char *kind = incident_kind_name(notice->kind), *to = message->to;
	bool stays_due = notice->kind != INCIDENT_TEST && notice->kind != INCIDENT_SCHEDULE;
	const struct log_field fields[] = {
		{ "AITHER_JOB_ID", json_string(json_get(message->report, "jobId")) },
		{ "AITHER_CHANNEL", "mail" },
		{ "AITHER_NOTICE", kind },
		{ "AITHER_MAIL_ID", notice->message_id },
	};

	if (result < 0)
		log_event(LOG_WARNING, LOG_EVENT_NOTIFY_FAILED, fields, ARRAY_SIZE(fields),
			"mail (%s) to %s not sent%s: %s", kind, to,
			stays_due ? ", tried again after the next sync" : "", problem->message);
	else
		log_event(LOG_NOTICE, LOG_EVENT_ALERT_SENT, fields, ARRAY_SIZE(fields),
			"mail (%s) sent to %s%s%s", kind, to, problem->message[0] ? ", but: " : "",
			problem->message);
}

int notices_deliver(const struct config *config, const struct message *message, const atomic_bool *cancelled,
	struct error *err)
{
	CLEANUP(buf_done) struct buf text = BUF_INIT(MESSAGE_SIZE_MAX);
	CLEANUP(mem_freep)
	char *from = config->notify.mail_from ? mem_strdup(config->notify.mail_from)
					      : mem_printf("aither@%s", host_name());
	const struct smtp_server server = {
		.url = config->notify.smtp_url,
		.user = config->notify.smtp_user,
		.password = config->secrets[CONFIG_SECRET_SMTP_PASSWORD],
		.timeout_ms = NOTICES_MAIL_TIMEOUT_MS,
		.cancelled = cancelled,
	};
	struct message complete = *message;

	complete.from = from;
	complete.to = config->notify.mail_to;
	complete.host = host_name();
	complete.now_ms = time_now_ms();
	message_write(&text, &complete);
	const struct smtp_mail mail = {
		.from = from, .to = config->notify.mail_to, .text = buf_text(&text), .length = text.length
	};
	int r = smtp_send(&server, &mail, err);
	mail_log(&complete, r, err);
	return r;
}

/* Sends one mail and counts it. `state`: of the incident, NULL without one. */
static int mail_send(
	struct notices_task *task, const struct incident_notice *notice, const struct json *state)
{
	const struct message message = {
		.notice = notice,
		.report = task->report,
		.state = state,
		.consecutive_failures = task->consecutive_failures,
		.last_success_ms = task->last_success_ms,
	};
	struct error problem = { 0 };
	int r = notices_deliver(task->config, &message, task->cancelled, &problem);

	task->counts[NOTICES_BY_MAIL][r < 0 ? NOTICES_FAILED : NOTICES_SENT]++;
	task->err = problem;
	return r;
}

/* ---- what was sent ---- */

static void mail_record(const struct notices_task *task, struct notices_sent *sent)
{
	struct error problem = { 0 };
	int r = sync_incident_sent(
		task->config->sync.output_directory, sent->message_id, sent->at_ms, &problem);

	sent->is_recorded = r == 0;
	if (r < 0 && problem.code != ERROR_SYNC_IN_PROGRESS)
		log_write(LOG_WARNING, "that mail %s was sent cannot be stored, so it may be sent again: %s",
			sent->message_id, problem.message);
}

static void mail_note_sent(struct json **state, const struct notices_sent *sent)
{
	struct json *after = incident_sent(*state, sent->message_id, sent->at_ms);

	json_free(*state);
	*state = after;
}

static void mail_remember(struct notices_task *task, struct json **state, const char *message_id)
{
	struct notices_memory *memory = task->memory;
	struct notices_sent *sent = &memory->sent[memory->sent_next++ % NOTICES_SENT_MAX];

	*sent = (struct notices_sent){ .at_ms = time_now_ms() };
	snprintf(sent->message_id, sizeof(sent->message_id), "%s", message_id);
	mail_note_sent(state, sent);
	mail_record(task, sent);
	task->has_unrecorded |= !sent->is_recorded;
}

static bool mail_is_unrecorded(const struct notices_sent *sent)
{
	return sent->message_id[0] && !sent->is_recorded;
}

void notices_record_run(struct notices_task *task)
{
	struct notices_memory *memory = task->memory;

	for (size_t i = 0; i < NOTICES_SENT_MAX; i++) {
		if (mail_is_unrecorded(&memory->sent[i]))
			mail_record(task, &memory->sent[i]);
		task->has_unrecorded |= mail_is_unrecorded(&memory->sent[i]);
	}
}

/* ---- what is due ---- */

/* The report's state is of the sync's beginning: it does not know of a mail that was sent meanwhile. */
static void mail_send_due(struct notices_task *task)
{
	CLEANUP(json_freep) struct json *state = STEAL(task->incident);
	struct incident_notice notice;

	for (size_t i = 0; i < NOTICES_SENT_MAX; i++)
		if (task->memory->sent[i].message_id[0])
			mail_note_sent(&state, &task->memory->sent[i]);
	for (int i = 0; i < NOTICES_SENT_MAX && incident_due(state, &notice); i++) {
		if (mail_send(task, &notice, state) < 0)
			return;
		mail_remember(task, &state, notice.message_id);
	}
}

static void mail_output_lost(struct notices_task *task)
{
	struct notices_stamp *stamp = &task->memory->stamp;
	struct incident_notice notice = { .kind = INCIDENT_OUTPUT };
	int64_t now_ms = time_now_ms();

	notices_stamp_read(stamp);
	if (notices_stamp_is_recent(stamp, now_ms))
		return;
	incident_message_id(host_name(), notice.message_id);
	memcpy(notice.thread_id, stamp->message_id, sizeof(notice.thread_id));
	if (mail_send(task, &notice, NULL) < 0)
		return;
	if (!stamp->message_id[0])
		memcpy(stamp->message_id, notice.message_id, sizeof(stamp->message_id));
	stamp->mailed_ms = now_ms;
	notices_stamp_write(stamp);
}

/* Not before a sync has succeeded: "all is well again" would be wrong. */
static void mail_output_back(struct notices_task *task)
{
	struct notices_stamp *stamp = &task->memory->stamp;
	struct incident_notice notice = { .kind = INCIDENT_RECOVERY };

	notices_stamp_read(stamp);
	if (!stamp->message_id[0] || task->has_failed)
		return;
	incident_message_id(host_name(), notice.message_id);
	memcpy(notice.thread_id, stamp->message_id, sizeof(notice.thread_id));
	if (mail_send(task, &notice, NULL) < 0)
		return;
	*stamp = (struct notices_stamp){ 0 };
	notices_stamp_write(stamp);
}

void notices_mail_run(struct notices_task *task)
{
	notices_record_run(task);
	if (task->manifest_unsaved) {
		mail_output_lost(task);
		return;
	}
	mail_output_back(task);
	mail_send_due(task);
}

void notices_test_mail_run(struct notices_task *task)
{
	struct incident_notice notice = { .kind = INCIDENT_TEST };

	incident_message_id(host_name(), notice.message_id);
	task->result = mail_send(task, &notice, NULL);
	memcpy(task->id, notice.message_id, sizeof(task->id));
}
