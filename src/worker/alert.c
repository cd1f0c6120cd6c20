/* SPDX-License-Identifier: MIT */
#include "worker/alert.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/time.h"
#include "config/config.h"
#include "net/host.h"
#include "net/smtp.h"
#include "notify/message.h"
#include "worker/mail.h"

/* Of `aither sync`, src/cli/command.h. */
#define EXIT_STATUS_FAILED "1"
#define EXIT_STATUS_NOT_CONFIGURED "78"

struct alert {
	const char *unit, *result, *status;
};

static const char *variable(const char *name)
{
	const char *value = getenv(name);

	return value ? value : "unknown";
}

/* Has the command ended by itself with that status? */
static bool has_exited(const struct alert *alert, const char *status)
{
	return strcmp(alert->result, "exit-code") == 0 && strcmp(alert->status, status) == 0;
}

static struct json *make_report(const struct alert *alert)
{
	struct json *report = json_new_object(), *errors = json_new_array(), *problem = json_new_object();
	bool is_not_configured = has_exited(alert, EXIT_STATUS_NOT_CONFIGURED);
	/* This program cannot say more: it has not the worker's secrets and environment. */
	CLEANUP(mem_freep)
	char *message = mem_printf("could not have a sync run (%s, status %s)%s", alert->result,
		alert->status, is_not_configured ? "; aither doctor names what is missing or wrong" : "");

	json_set_string(problem, "entity", alert->unit);
	json_set_string(problem, "code",
		error_code_name(is_not_configured ? ERROR_NOT_CONFIGURED : ERROR_WORKER_UNAVAILABLE));
	json_set_string(problem, "message", message);
	json_append(errors, problem);
	json_set(report, "errors", errors);
	return report;
}

/* A MailTo that is wrong would show nowhere else here. */
static int report_no_recipients(const struct config *config)
{
	int exit_code = EXIT_SUCCESS;

	for (size_t i = 0; i < config->problems.count; i++) {
		if (!strstr(config->problems.text[i], "[Notify] MailTo"))
			continue;
		log_event(LOG_WARNING, LOG_EVENT_NOT_CONFIGURED, NULL, 0, "no mail is sent: %s",
			config->problems.text[i]);
		exit_code = EXIT_FAILURE;
	}
	return exit_code;
}

/* To all recipients, and again to those whom the server refuses for now. Without any answer of the server the
 * unit fails at once: that shows, and the next alert tries again. */
static int send_mail(const struct config *config, const struct incident_alert *alert, const char *text)
{
	CLEANUP(mem_freep) char *to = mem_strdup(config->notify.mail_to);
	struct mail_retry retry = { 0 };
	int exit_code = EXIT_FAILURE;

	for (;;) {
		CLEANUP(smtp_outcome_done) struct smtp_outcome outcome = { 0 };
		const struct mail mail = { .kind = alert->kind,
			.message_id = alert->message_id,
			.to = to,
			.text = text,
			.otherwise = "" };
		unsigned delay_s = mail_retry_next(&retry, config->notify.retry_delay_s);
		int r = mail_send(config, &mail, NULL, &outcome, NULL);
		char *rest = NULL;

		if (r == 0) {
			struct mail_stamp stamp = { .mailed_ms = time_now_ms() };

			memcpy(stamp.message_id, alert->message_id, sizeof(stamp.message_id));
			mail_stamp_write(&stamp);
			exit_code = EXIT_SUCCESS;
			rest = STEAL(outcome.deferred);
		} else if (r == -EREMOTEIO && outcome.later) {
			rest = mail_recipients(to, outcome.refused, false);
		}
		free(to);
		to = rest;
		if (!to || delay_s == 0)
			return exit_code;
		log_write(LOG_NOTICE, "mail (%s) to %s is tried again in %u s",
			incident_kind_name(alert->kind), to, delay_s);
		sleep(delay_s);
	}
}

int alert_scheduled_sync(const struct config *config)
{
	const struct alert alert = {
		.unit = variable("MONITOR_UNIT"),
		.result = variable("MONITOR_SERVICE_RESULT"),
		.status = variable("MONITOR_EXIT_STATUS"),
	};
	const struct log_field fields[] = {
		{ "AITHER_UNIT", alert.unit },
		{ "AITHER_RESULT", alert.result },
		{ "AITHER_EXIT_STATUS", alert.status },
	};
	struct incident_alert mail = { .kind = INCIDENT_SCHEDULE };
	struct mail_stamp stamp = { 0 };

	if (has_exited(&alert, EXIT_STATUS_FAILED))
		return EXIT_SUCCESS; /* the worker ran that sync and has reported its failure */
	log_event(LOG_ALERT, LOG_EVENT_SCHEDULED_SYNC_FAILED, fields, ARRAY_SIZE(fields),
		"%s could not have a sync run (%s, status %s); see: systemctl status aither-worker.socket aither-worker.service",
		alert.unit, alert.result, alert.status);
	if (!config->notify.mail_to)
		return report_no_recipients(config);
	mail_stamp_read(&stamp);
	if (mail_stamp_is_recent(&stamp, time_now_ms()))
		return EXIT_SUCCESS;
	CLEANUP(json_freep) struct json *report = make_report(&alert);
	const struct message message = { .alert = &mail, .report = report };
	incident_message_id(host_name(), mail.message_id);
	CLEANUP(mem_freep) char *text = mail_write(config, &message);
	return send_mail(config, &mail, text);
}
