/* SPDX-License-Identifier: MIT */
#include "worker/alerts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/time.h"
#include "config/config.h"
#include "net/host.h"
#include "net/smtp.h"
#include "notify/message.h"
#include "sync/sync.h"

#define STAMP_NAME "mailed.json"
#define STAMP_SIZE_MAX 4096 /* a Message-ID and a time */

/* Of `aither sync`; see src/cli/command.h. */
#define EXIT_STATUS_FAILED "1"
#define EXIT_STATUS_NOT_CONFIGURED "78"

static void rest_done(struct incident_rest *rest)
{
	free((char *)rest->to);
	free((char *)rest->text);
	*rest = (struct incident_rest){ 0 };
}

void alerts_done(struct alerts *alerts)
{
	for (size_t i = 0; i < ALERTS_SENT_MAX; i++)
		rest_done(&alerts->unsaved[i].rest);
	rest_done(&alerts->output.rest);
}

void alerts_sync_freep(struct alerts_sync **sync)
{
	if (!*sync)
		return;
	json_free((*sync)->report);
	free((*sync)->refused);
	free(*sync);
	*sync = NULL;
}

/* ---- sending ---- */

static int send_counted(struct alerts *alerts, const struct mail *mail, struct smtp_outcome *outcome)
{
	int r = mail_send(alerts->config, mail, alerts->cancelled, outcome, NULL);

	if (r < 0)
		alerts->failed++;
	else
		alerts->sent++;
	if (mail->retry_s > 0 && mail_is_deferred(r, outcome))
		alerts->wants_retry = true;
	return r;
}

/* Sends a new mail to all recipients. `state`, `courses`: the incident; NULL without one. ret_rest: the
 * recipients whom the server has temporarily refused while it accepted others; owned. */
static int send_alert(struct alerts *alerts, struct alerts_sync *sync, const struct incident_alert *alert,
	const struct json *state, const struct json *courses, struct incident_rest *ret_rest)
{
	const struct message message = {
		.alert = alert,
		.report = sync->report,
		.state = state,
		.courses = courses,
	};
	CLEANUP(smtp_outcome_done) struct smtp_outcome outcome = { 0 };
	struct mail mail = mail_write(alerts->config, &message);
	CLEANUP(mem_freep) char *text = mail.text, *to = mail_recipients(mail.to, sync->refused, false);

	if (!to)
		return -EREMOTEIO; /* since this sync, every recipient has been refused permanently */
	mail.to = to;
	mail.retry_s = alerts->retry_s;
	mail.otherwise = ", next try after the next sync";
	int r = send_counted(alerts, &mail, &outcome);

	if (outcome.refused) {
		char *before = sync->refused;
		sync->refused =
			before ? mem_printf("%s,%s", before, outcome.refused) : mem_strdup(outcome.refused);
		free(before);
	}
	if (r == 0 && outcome.deferred && alerts->retry_s > 0) {
		ret_rest->to = STEAL(outcome.deferred);
		ret_rest->text = STEAL(text);
		ret_rest->since_ms = time_now_ms();
	}
	return r;
}

/* Sends a mail again, to the recipients who have not got it yet. Returns the recipients for the next retry;
 * owned, NULL: none. */
static char *send_rest(struct alerts *alerts, enum incident_kind kind, const char *message_id,
	const struct incident_rest *rest)
{
	CLEANUP(smtp_outcome_done) struct smtp_outcome outcome = { 0 };
	/* The operator may have removed a recipient from MailTo. */
	CLEANUP(mem_freep) char *to = mail_recipients(rest->to, alerts->config->notify.mail_to, true);
	bool is_last = alerts->retry_s == 0 || time_now_ms() - rest->since_ms >= (int64_t)MAIL_RETRY_MS;
	const struct mail mail = {
		.kind = kind,
		.message_id = message_id,
		.to = to,
		.text = (char *)rest->text,
		.retry_s = is_last ? 0 : alerts->retry_s,
		.otherwise = is_last ? ", giving up" : ", next try after the next sync",
	};

	if (!to)
		return NULL;
	int r = send_counted(alerts, &mail, &outcome);
	if (r == 0)
		return is_last ? NULL : STEAL(outcome.deferred);
	return is_last && r != -ECANCELED ? NULL : mail_recipients(to, outcome.refused, false);
}

/* ---- recording in the manifest that a mail was sent ---- */

/* Records the mail in the manifest, then forgets it. */
static void save(struct alerts *alerts, struct alerts_sent *sent)
{
	struct error problem = { 0 };
	int r = sync_incident_sent(
		alerts->config->sync.output_directory, sent->message_id, sent->at_ms, &sent->rest, &problem);

	if (r == 0) {
		rest_done(&sent->rest);
		sent->message_id[0] = '\0';
	} else if (problem.code == ERROR_SYNC_IN_PROGRESS) {
		alerts->is_locked_out = true;
	} else {
		log_write(LOG_WARNING, "cannot record that mail %s was sent, so it may be sent again: %s",
			sent->message_id, problem.message);
	}
}

static void apply_sent(struct json **state, const struct alerts_sent *sent)
{
	struct json *after = incident_sent(*state, sent->message_id, sent->at_ms, &sent->rest);

	json_free(*state);
	*state = after;
}

static void note_sent(
	struct alerts *alerts, struct json **state, const char *message_id, struct incident_rest owned_rest)
{
	struct alerts_sent *sent = NULL;
	int64_t at_ms = time_now_ms();

	for (size_t i = 0; i < ALERTS_SENT_MAX && !sent; i++)
		if (strcmp(alerts->unsaved[i].message_id, message_id) == 0)
			sent = &alerts->unsaved[i];
	if (sent)
		at_ms = sent->at_ms;
	else
		sent = &alerts->unsaved[alerts->unsaved_next++ % ALERTS_SENT_MAX];
	rest_done(&sent->rest);
	*sent = (struct alerts_sent){ .at_ms = at_ms, .rest = owned_rest };
	snprintf(sent->message_id, sizeof(sent->message_id), "%s", message_id);
	apply_sent(state, sent);
	save(alerts, sent);
}

/* ---- the mails that are in the manifest ---- */

/* Sends the oldest mail first. Meanwhile mails may leave the list, but none is added. */
static void send_waiting(struct alerts *alerts, struct json **state)
{
	struct incident_waiting waiting;

	for (size_t i = 0; incident_waiting(*state, i, &waiting);) {
		char *to = send_rest(alerts, waiting.kind, waiting.message_id, &waiting.rest);
		char id[INCIDENT_MESSAGE_ID_SIZE];

		i += to != NULL;
		if (to && strcmp(to, waiting.rest.to) == 0) {
			free(to);
			continue;
		}
		snprintf(id, sizeof(id), "%s", waiting.message_id); /* borrowed from the state */
		note_sent(alerts, state, id,
			(struct incident_rest){ .to = to,
				.text = to ? mem_strdup(waiting.rest.text) : NULL,
				.since_ms = waiting.rest.since_ms });
	}
}

static void send_due(struct alerts *alerts, struct alerts_sync *sync)
{
	CLEANUP(json_freep) struct json *state = NULL, *courses = NULL;
	struct incident_alert alert;
	struct error problem = { 0 };

	if (sync_incident_load(alerts->config->sync.output_directory, &state, &courses, &problem) < 0) {
		log_write(LOG_WARNING, "cannot read which mails are due: %s", problem.message);
		alerts->wants_retry = true;
		return;
	}
	for (size_t i = 0; i < ALERTS_SENT_MAX; i++)
		if (alerts->unsaved[i].message_id[0])
			apply_sent(&state, &alerts->unsaved[i]);
	send_waiting(alerts, &state);
	for (int i = 0; i < ALERTS_DUE_MAX && incident_due(state, &alert); i++) {
		struct incident_rest rest = { 0 };

		if (send_alert(alerts, sync, &alert, state, courses, &rest) < 0)
			break;
		note_sent(alerts, &state, alert.message_id, rest);
	}
	alerts->unsent = incident_unsent(state);
}

/* ---- problems that cannot be recorded in the manifest ---- */

/* Opens the first directory of RUNTIME_DIRECTORY, which may list several, separated by colons; -1: none is
 * usable. With DynamicUser=, systemd makes it a symbolic link. */
static int stamp_open_directory(void)
{
	const char *paths = getenv("RUNTIME_DIRECTORY");
	struct error err = { 0 };
	int fd = -1;

	if (!paths || *paths != '/')
		return -1;
	CLEANUP(mem_freep) char *first = mem_strndup(paths, strcspn(paths, ":"));
	CLEANUP(mem_freep) char *path = realpath(first, NULL);
	if (file_open_directory(AT_FDCWD, path ?: first, &fd, &err) < 0)
		log_write(LOG_WARNING, "RUNTIME_DIRECTORY: %s", err.message);
	return fd;
}

static void stamp_read(struct alerts_stamp *stamp)
{
	static const struct json_limits limits = {
		.size_max = STAMP_SIZE_MAX, .depth_max = 2, .node_max = 10
	};
	CLEANUP(file_closep) int directory = stamp_open_directory();
	CLEANUP(buf_done) struct buf text = BUF_INIT(STAMP_SIZE_MAX);
	CLEANUP(json_freep) struct json *json = NULL;
	int64_t mailed_ms;

	if (directory < 0 || file_read(directory, STAMP_NAME, &text, NULL, NULL) < 0 ||
		json_parse(&json, buf_text(&text), text.length, &limits, NULL) < 0)
		return;
	const char *id = json_string(json_get(json, "messageId"));
	if (!incident_is_message_id(id) ||
		time_parse(json_string(json_get(json, "mailedAt")), &mailed_ms) < 0)
		return;
	memcpy(stamp->message_id, id, strlen(id) + 1);
	stamp->mailed_ms = mailed_ms;
}

static void stamp_write(const struct alerts_stamp *stamp)
{
	CLEANUP(file_closep) int directory = stamp_open_directory();
	CLEANUP(buf_done) struct buf text = BUF_INIT(STAMP_SIZE_MAX);
	CLEANUP(json_freep) struct json *json = NULL;
	struct error err = { 0 };

	if (directory < 0)
		return;
	if (!stamp->message_id[0]) {
		if (unlinkat(directory, STAMP_NAME, 0) < 0 && errno != ENOENT)
			log_write(LOG_WARNING, "RUNTIME_DIRECTORY: cannot remove %s: %m", STAMP_NAME);
		return;
	}
	json = json_new_object();
	json_set_string(json, "messageId", stamp->message_id);
	json_set_time(json, "mailedAt", stamp->mailed_ms);
	json_write(&text, json);
	if (file_replace(directory, STAMP_NAME, buf_text(&text), text.length, 0600, &err) < 0)
		log_write(LOG_WARNING, "RUNTIME_DIRECTORY: %s", err.message);
}

/* A clock that was set back must not delay the next mail. */
static bool stamp_is_recent(const struct alerts_stamp *stamp, int64_t now_ms)
{
	return stamp->message_id[0] && stamp->mailed_ms <= now_ms &&
	       now_ms - stamp->mailed_ms < INCIDENT_PAUSE_MS;
}

/* Sends one mail a day while the manifest cannot be written, and one after the next sync that succeeds. */
static void send_about_output(struct alerts *alerts, struct alerts_sync *sync)
{
	struct incident_alert alert = { .kind = sync->manifest_unsaved ? INCIDENT_OUTPUT
								       : INCIDENT_RECOVERY };
	struct alerts_stamp *stamp = &alerts->stamp;
	struct incident_rest *rest = &alerts->output.rest, new_rest = { 0 };
	const char *status = json_string(json_get(sync->report, "status"));
	bool has_failed = status && strcmp(status, "failed") == 0;
	int64_t now_ms = time_now_ms();

	if (!sync->manifest_unsaved && alerts->output_kind == INCIDENT_OUTPUT)
		rest_done(rest); /* no longer true */
	if (rest->to) {
		char *to = send_rest(alerts, alerts->output_kind, alerts->output.message_id, rest);
		free((char *)rest->to);
		rest->to = to;
	}
	stamp_read(stamp);
	if (sync->manifest_unsaved ? stamp_is_recent(stamp, now_ms) : !stamp->message_id[0] || has_failed)
		return;
	incident_message_id(host_name(), alert.message_id);
	memcpy(alert.thread_id, stamp->message_id, sizeof(alert.thread_id));
	if (send_alert(alerts, sync, &alert, NULL, NULL, &new_rest) < 0)
		return;
	rest_done(rest);
	*rest = new_rest;
	alerts->output_kind = alert.kind;
	memcpy(alerts->output.message_id, alert.message_id, sizeof(alert.message_id));
	if (!stamp->message_id[0])
		memcpy(stamp->message_id, alert.message_id, sizeof(stamp->message_id));
	stamp->mailed_ms = now_ms;
	if (!sync->manifest_unsaved)
		*stamp = (struct alerts_stamp){ 0 };
	stamp_write(stamp);
}

unsigned alerts_run(struct alerts *alerts, struct alerts_sync *sync)
{
	alerts->sent = alerts->failed = 0;
	alerts->is_locked_out = alerts->wants_retry = false;
	for (size_t i = 0; i < ALERTS_SENT_MAX; i++)
		if (alerts->unsaved[i].message_id[0])
			save(alerts, &alerts->unsaved[i]);
	if (!sync)
		return 0;
	alerts->retry_s = mail_retry_next(&sync->retry, alerts->config->notify.retry_delay_s);
	send_about_output(alerts, sync);
	if (!sync->manifest_unsaved)
		send_due(alerts, sync);
	return alerts->wants_retry ? alerts->retry_s : 0;
}

/* ---- a scheduled sync that did not run ---- */

struct scheduled {
	const char *unit, *result, *status;
};

static const char *variable(const char *name)
{
	const char *value = getenv(name);

	return value ? value : "unknown";
}

/* Did the command exit by itself, with that status? */
static bool has_exited(const struct scheduled *scheduled, const char *status)
{
	return strcmp(scheduled->result, "exit-code") == 0 && strcmp(scheduled->status, status) == 0;
}

static struct json *make_report(const struct scheduled *scheduled)
{
	struct json *report = json_new_object(), *errors = json_new_array(), *problem = json_new_object();
	bool is_not_configured = has_exited(scheduled, EXIT_STATUS_NOT_CONFIGURED);
	/* This process cannot say more: it does not have the worker's secrets and environment. */
	CLEANUP(mem_freep)
	char *message = mem_printf("the scheduled sync did not run (%s, status %s)%s", scheduled->result,
		scheduled->status,
		is_not_configured ? "; to see what is missing or wrong: aither doctor" : "");

	json_set_string(problem, "entity", scheduled->unit);
	json_set_string(problem, "code",
		error_code_name(is_not_configured ? ERROR_NOT_CONFIGURED : ERROR_WORKER_UNAVAILABLE));
	json_set_string(problem, "message", message);
	json_append(errors, problem);
	json_set(report, "errors", errors);
	return report;
}

/* If no mail can be sent because a value is wrong, this line is the only sign of it. */
static int report_no_recipients(const struct config *config)
{
	if (!config->notify.disabled_by)
		return EXIT_SUCCESS;
	log_event(LOG_WARNING, LOG_EVENT_NOT_CONFIGURED, NULL, 0, "%s", config->notify.disabled_by);
	return EXIT_FAILURE;
}

/* Sends the mail to all recipients and retries those whom the server refuses temporarily. If the server
 * cannot be reached, the unit fails at once: the operator can see that, and the next alert tries again. */
static int send_until_taken(const struct config *config, struct mail *mail)
{
	CLEANUP(mem_freep) char *to = mem_strdup(mail->to);
	struct mail_retry retry = { 0 };
	int exit_code = EXIT_FAILURE;

	for (;;) {
		CLEANUP(smtp_outcome_done) struct smtp_outcome outcome = { 0 };
		unsigned delay_s = mail_retry_next(&retry, config->notify.retry_delay_s);
		mail->to = to;
		int r = mail_send(config, mail, NULL, &outcome, NULL);
		char *rest = NULL;

		if (r == 0) {
			struct alerts_stamp stamp = { .mailed_ms = time_now_ms() };

			snprintf(stamp.message_id, sizeof(stamp.message_id), "%s", mail->message_id);
			stamp_write(&stamp);
			exit_code = EXIT_SUCCESS;
			rest = STEAL(outcome.deferred);
		} else if (r == -EREMOTEIO && outcome.later) {
			rest = mail_recipients(to, outcome.refused, false);
		}
		free(to);
		to = rest;
		if (!to || delay_s == 0)
			return exit_code;
		log_write(LOG_NOTICE, "mail (%s) to %s: next try in %u s", incident_kind_name(mail->kind), to,
			delay_s);
		sleep(delay_s);
	}
}

int alerts_scheduled_sync(const struct config *config)
{
	const struct scheduled scheduled = {
		.unit = variable("MONITOR_UNIT"),
		.result = variable("MONITOR_SERVICE_RESULT"),
		.status = variable("MONITOR_EXIT_STATUS"),
	};
	const struct log_field fields[] = {
		{ "AITHER_UNIT", scheduled.unit },
		{ "AITHER_RESULT", scheduled.result },
		{ "AITHER_EXIT_STATUS", scheduled.status },
	};
	struct incident_alert alert = { .kind = INCIDENT_SCHEDULE };
	struct alerts_stamp stamp = { 0 };

	if (has_exited(&scheduled, EXIT_STATUS_FAILED))
		return EXIT_SUCCESS; /* the worker has reported that failure */
	log_event(LOG_ALERT, LOG_EVENT_SCHEDULED_SYNC_FAILED, fields, ARRAY_SIZE(fields),
		"%s: the scheduled sync did not run (%s, status %s); see: systemctl status aither-worker.socket aither-worker.service",
		scheduled.unit, scheduled.result, scheduled.status);
	if (!config->notify.mail_to)
		return report_no_recipients(config);
	stamp_read(&stamp);
	if (stamp_is_recent(&stamp, time_now_ms()))
		return EXIT_SUCCESS;
	CLEANUP(json_freep) struct json *report = make_report(&scheduled);
	const struct message message = { .alert = &alert, .report = report };
	incident_message_id(host_name(), alert.message_id);
	struct mail mail = mail_write(config, &message);
	int exit_code = send_until_taken(config, &mail);
	free(mail.text);
	return exit_code;
}
