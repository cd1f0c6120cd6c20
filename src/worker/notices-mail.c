/* SPDX-License-Identifier: MIT */
#include "worker/notices-internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
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

static char *mail_from(const struct config *config)
{
	return config->notify.mail_from ? mem_strdup(config->notify.mail_from)
					: mem_printf("aither@%s", host_name());
}

/* ---- recipients ---- */

static bool list_has(const char *list, const char *address, size_t length)
{
	for (const char *next = list; next;) {
		size_t size = strcspn(next, ",");
		if (size == length && memcmp(next, address, length) == 0)
			return true;
		next = next[size] ? next + size + 1 : NULL;
	}
	return false;
}

char *notices_recipients(const char *list, const char *other, bool are_in_it)
{
	CLEANUP(buf_done) struct buf out = BUF_INIT(INCIDENT_RECIPIENTS_MAX);

	for (const char *next = list; next;) {
		size_t length = strcspn(next, ",");
		if (list_has(other, next, length) == are_in_it) {
			buf_append_text(&out, out.length > 0 ? "," : "");
			buf_append(&out, next, length);
		}
		next = next[length] ? next + length + 1 : NULL;
	}
	return out.length > 0 ? buf_take(&out) : NULL;
}

/* ---- one mail ---- */

unsigned notices_backoff_next(struct notices_backoff *backoff, unsigned first_s)
{
	uint64_t now = time_mono_ms(), left_ms;

	if (!backoff->since_mono_ms)
		backoff->since_mono_ms = now;
	backoff->delay_s = backoff->delay_s ? 2 * backoff->delay_s : first_s;
	if (now - backoff->since_mono_ms >= NOTICES_RETRY_MS)
		return 0;
	left_ms = NOTICES_RETRY_MS - (now - backoff->since_mono_ms);
	return backoff->delay_s * UINT64_C(1000) < left_ms ? backoff->delay_s
							   : (unsigned)(left_ms / 1000) + 1;
}

/* One line for each mail; whoever it is for stands in the configuration. */
static void mail_log(const struct notices_letter *letter, int result, const struct smtp_outcome *outcome,
	const struct error *problem)
{
	const char *kind = incident_kind_name(letter->kind);
	bool is_tried_again =
		letter->retry_s > 0 && (result < 0 ? outcome->later : outcome->deferred != NULL);
	CLEANUP(mem_freep) char *again = mem_printf(", tried again in %u s", letter->retry_s);
	CLEANUP(mem_freep) char *taken = notices_recipients(letter->to, outcome->deferred, false);
	const struct log_field fields[] = {
		{ "AITHER_JOB_ID", letter->job_id },
		{ "AITHER_CHANNEL", "mail" },
		{ "AITHER_NOTICE", kind },
		{ "AITHER_MAIL_ID", letter->message_id },
	};

	if (result < 0)
		log_event(LOG_WARNING, LOG_EVENT_NOTIFY_FAILED, fields, ARRAY_SIZE(fields),
			"mail (%s) to %s not sent%s: %s", kind, letter->to,
			is_tried_again ? again : letter->otherwise, problem->message);
	else
		log_event(problem->message[0] ? LOG_WARNING : LOG_NOTICE, LOG_EVENT_ALERT_SENT, fields,
			ARRAY_SIZE(fields), "mail (%s) sent to %s%s%s%s", kind, taken,
			problem->message[0] ? ", but: " : "", problem->message,
			is_tried_again      ? again
			: outcome->deferred ? letter->otherwise
					    : "");
}

char *notices_write(const struct config *config, const struct message *message)
{
	struct buf text = BUF_INIT(MESSAGE_SIZE_MAX);
	CLEANUP(mem_freep) char *from = mail_from(config);
	struct message complete = *message;

	complete.from = from;
	complete.to = config->notify.mail_to;
	complete.host = host_name();
	complete.now_ms = time_now_ms();
	message_write(&text, &complete);
	return buf_take(&text);
}

int notices_deliver(const struct config *config, const struct notices_letter *letter,
	const atomic_bool *cancelled, struct smtp_outcome *outcome, struct error *err)
{
	CLEANUP(mem_freep) char *from = mail_from(config);
	const struct smtp_server server = {
		.url = config->notify.smtp_url,
		.user = config->notify.smtp_user,
		.password = config->secrets[CONFIG_SECRET_SMTP_PASSWORD],
		.timeout_ms = NOTICES_MAIL_TIMEOUT_MS,
		.cancelled = cancelled,
	};
	const struct smtp_mail mail = {
		.from = from, .to = letter->to, .text = letter->text, .length = strlen(letter->text)
	};
	int r = smtp_send(&server, &mail, outcome, err);

	mail_log(letter, r, outcome, err);
	return r;
}

static void rest_done(struct notices_rest *rest)
{
	free(rest->to);
	free(rest->text);
	*rest = (struct notices_rest){ 0 };
}

static int task_deliver(
	struct notices_task *task, const struct notices_letter *letter, struct smtp_outcome *outcome)
{
	struct error problem = { 0 };
	int r = notices_deliver(task->config, letter, task->cancelled, outcome, &problem);

	task->counts[NOTICES_BY_MAIL][r < 0 ? NOTICES_FAILED : NOTICES_SENT]++;
	task->err = problem;
	if (letter->retry_s > 0 && (r < 0 ? outcome->later : outcome->deferred != NULL))
		task->wants_retry = true;
	return r;
}

/* Sends a new mail to all recipients. `state`: of the incident, NULL without one. ret_rest: who has to be
 * offered it again, when others have got it. */
static int mail_send(struct notices_task *task, const struct incident_alert *notice,
	const struct json *state, struct notices_rest *ret_rest)
{
	const struct message message = {
		.alert = notice,
		.report = task->report,
		.state = state,
		.consecutive_failures = task->consecutive_failures,
		.last_success_ms = task->last_success_ms,
	};
	CLEANUP(smtp_outcome_done) struct smtp_outcome outcome = { 0 };
	CLEANUP(mem_freep) char *text = notices_write(task->config, &message);
	CLEANUP(mem_freep) char *to = notices_recipients(task->config->notify.mail_to, task->refused, false);
	const struct notices_letter letter = {
		.kind = notice->kind,
		.message_id = notice->message_id,
		.job_id = task->report ? task->job_id : NULL,
		.to = to,
		.text = text,
		.retry_s = task->retry_s,
		.otherwise = notice->kind == INCIDENT_TEST ? "" : ", tried again after the next sync",
	};
	int r = task_deliver(task, &letter, &outcome);

	if (outcome.refused) {
		char *before = task->refused;
		task->refused =
			before ? mem_printf("%s,%s", before, outcome.refused) : mem_strdup(outcome.refused);
		free(before);
	}
	if (r == 0 && outcome.deferred && task->retry_s > 0) {
		ret_rest->to = STEAL(outcome.deferred);
		ret_rest->text = STEAL(text);
		ret_rest->since_ms = time_now_ms();
	}
	return r;
}

/* Offers a mail again to those who have not got it. Returns who is to be offered it once more; owned, NULL:
 * nobody. */
static char *mail_send_rest(struct notices_task *task, enum incident_kind kind, const char *message_id,
	const struct incident_rest *rest)
{
	CLEANUP(smtp_outcome_done) struct smtp_outcome outcome = { 0 };
	/* The operator may have taken somebody out of MailTo. */
	CLEANUP(mem_freep) char *to = notices_recipients(rest->to, task->config->notify.mail_to, true);
	int64_t age_ms = time_now_ms() - rest->since_ms;
	bool is_last = task->retry_s == 0 || age_ms >= (int64_t)NOTICES_RETRY_MS;
	const struct notices_letter letter = {
		.kind = kind,
		.message_id = message_id,
		.to = to,
		.text = rest->text,
		.retry_s = is_last ? 0 : task->retry_s,
		.otherwise = is_last ? ", given up" : ", tried again after the next sync",
	};

	if (!to)
		return NULL;
	int r = task_deliver(task, &letter, &outcome);
	if (r == 0)
		return is_last ? NULL : STEAL(outcome.deferred);
	if (is_last && r != -ECANCELED)
		return NULL;
	return notices_recipients(to, outcome.refused, false);
}

/* ---- what was sent ---- */

void notices_memory_done(struct notices_memory *memory)
{
	for (size_t i = 0; i < NOTICES_SENT_MAX; i++)
		rest_done(&memory->sent[i].rest);
	rest_done(&memory->output.rest);
}

static const struct incident_rest *sent_rest(const struct notices_sent *sent, struct incident_rest *ret_rest)
{
	*ret_rest = (struct incident_rest){
		.to = sent->rest.to, .text = sent->rest.text, .since_ms = sent->rest.since_ms
	};
	return sent->rest.to ? ret_rest : NULL;
}

/* Forgets the mail once the manifest has it. */
static void mail_record(const struct notices_task *task, struct notices_sent *sent)
{
	struct error problem = { 0 };
	struct incident_rest rest;
	int r = sync_incident_sent(task->config->sync.output_directory, sent->message_id, sent->at_ms,
		sent_rest(sent, &rest), &problem);

	if (r < 0 && problem.code != ERROR_SYNC_IN_PROGRESS)
		log_write(LOG_WARNING, "that mail %s was sent cannot be stored, so it may be sent again: %s",
			sent->message_id, problem.message);
	if (r == 0) {
		rest_done(&sent->rest);
		sent->message_id[0] = '\0';
	}
}

static void mail_note_sent(struct json **state, const struct notices_sent *sent)
{
	struct incident_rest rest;
	struct json *after = incident_sent(*state, sent->message_id, sent->at_ms, sent_rest(sent, &rest));

	json_free(*state);
	*state = after;
}

static struct notices_sent *mail_find(struct notices_memory *memory, const char *message_id)
{
	for (size_t i = 0; i < NOTICES_SENT_MAX; i++)
		if (strcmp(memory->sent[i].message_id, message_id) == 0)
			return &memory->sent[i];
	return NULL;
}

/* Takes ownership of the rest. */
static void mail_remember(struct notices_task *task, struct json **state, const char *message_id,
	struct notices_rest owned_rest)
{
	struct notices_memory *memory = task->memory;
	struct notices_sent *sent = mail_find(memory, message_id);
	int64_t at_ms = sent ? sent->at_ms : time_now_ms();

	if (!sent)
		sent = &memory->sent[memory->sent_next++ % NOTICES_SENT_MAX];
	rest_done(&sent->rest);
	*sent = (struct notices_sent){ .at_ms = at_ms, .rest = owned_rest };
	snprintf(sent->message_id, sizeof(sent->message_id), "%s", message_id);
	mail_note_sent(state, sent);
	mail_record(task, sent);
	task->has_unrecorded |= sent->message_id[0] != '\0';
}

void notices_record_run(struct notices_task *task)
{
	struct notices_memory *memory = task->memory;

	task->has_unrecorded = false;
	for (size_t i = 0; i < NOTICES_SENT_MAX; i++) {
		if (memory->sent[i].message_id[0])
			mail_record(task, &memory->sent[i]);
		task->has_unrecorded |= memory->sent[i].message_id[0] != '\0';
	}
}

/* ---- what is due ---- */

/* Of the oldest mail on: while one is sent, others may leave the list, but none is added. */
static void mail_send_waiting(struct notices_task *task, struct json **state)
{
	struct incident_waiting waiting;

	for (size_t i = 0; incident_waiting(*state, i, &waiting);) {
		char *to = mail_send_rest(task, waiting.kind, waiting.message_id, &waiting.rest);
		bool is_same = to && strcmp(to, waiting.rest.to) == 0;
		struct notices_rest rest = { .to = to };
		char id[INCIDENT_MESSAGE_ID_SIZE];

		i += to != NULL;
		if (is_same) {
			free(to);
			continue;
		}
		if (to)
			rest = (struct notices_rest){ .to = to,
				.text = mem_strdup(waiting.rest.text),
				.since_ms = waiting.rest.since_ms };
		snprintf(id, sizeof(id), "%s", waiting.message_id); /* borrowed from the state */
		mail_remember(task, state, id, rest);
	}
}

/* The manifest knows what is due, except for what could not be stored in it because a sync runs. */
static void mail_send_due(struct notices_task *task)
{
	CLEANUP(json_freep) struct json *state = NULL;
	struct incident_alert notice;
	struct error problem = { 0 };

	if (sync_incident_load(task->config->sync.output_directory, &state, &problem) < 0) {
		log_write(LOG_WARNING, "cannot read which mails are due: %s", problem.message);
		task->wants_retry |= task->retry_s > 0;
		return;
	}
	for (size_t i = 0; i < NOTICES_SENT_MAX; i++)
		if (task->memory->sent[i].message_id[0])
			mail_note_sent(&state, &task->memory->sent[i]);
	mail_send_waiting(task, &state);
	for (int i = 0; i < NOTICES_DUE_MAX && incident_due(state, &notice); i++) {
		struct notices_rest rest = { 0 };

		if (mail_send(task, &notice, state, &rest) < 0)
			return;
		mail_remember(task, &state, notice.message_id, rest);
	}
}

/* ---- that the manifest cannot be written ---- */

static void mail_send_output_rest(struct notices_task *task)
{
	struct notices_memory *memory = task->memory;
	struct notices_rest *rest = &memory->output.rest;
	const struct incident_rest now = { .to = rest->to, .text = rest->text, .since_ms = rest->since_ms };

	if (!rest->to)
		return;
	char *to = mail_send_rest(task, memory->output.kind, memory->output.message_id, &now);
	free(rest->to);
	rest->to = to;
}

static int mail_send_output(struct notices_task *task, struct incident_alert *notice)
{
	struct notices_memory *memory = task->memory;
	struct notices_rest rest = { 0 };

	incident_message_id(host_name(), notice->message_id);
	memcpy(notice->thread_id, memory->stamp.message_id, sizeof(notice->thread_id));
	int r = mail_send(task, notice, NULL, &rest);
	if (r < 0)
		return r;
	rest_done(&memory->output.rest);
	memory->output.rest = rest;
	memory->output.kind = notice->kind;
	memcpy(memory->output.message_id, notice->message_id, sizeof(memory->output.message_id));
	return 0;
}

static void mail_output_lost(struct notices_task *task)
{
	struct notices_stamp *stamp = &task->memory->stamp;
	struct incident_alert notice = { .kind = INCIDENT_OUTPUT };
	int64_t now_ms = time_now_ms();

	mail_send_output_rest(task);
	notices_stamp_read(stamp);
	if (notices_stamp_is_recent(stamp, now_ms) || mail_send_output(task, &notice) < 0)
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
	struct incident_alert notice = { .kind = INCIDENT_RECOVERY };

	if (task->memory->output.kind == INCIDENT_OUTPUT)
		rest_done(&task->memory->output.rest);
	mail_send_output_rest(task);
	notices_stamp_read(stamp);
	if (!stamp->message_id[0] || task->has_failed || mail_send_output(task, &notice) < 0)
		return;
	*stamp = (struct notices_stamp){ 0 };
	notices_stamp_write(stamp);
}

void notices_mail_run(struct notices_task *task)
{
	task->wants_retry = false;
	task->retry_s = notices_backoff_next(&task->backoff, task->config->notify.retry_delay_s);
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
	struct incident_alert notice = { .kind = INCIDENT_TEST };
	struct notices_rest rest = { 0 };

	incident_message_id(host_name(), notice.message_id);
	task->result = mail_send(task, &notice, NULL, &rest);
	memcpy(task->id, notice.message_id, sizeof(task->id));
}
