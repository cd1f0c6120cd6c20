/* SPDX-License-Identifier: MIT */
#include "worker/alert.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/config.h"
#include "base/error.h"
#include "base/host.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/smtp.h"
#include "base/time.h"
#include "notify/message.h"
#include "worker/notices-internal.h"

/* Of `aither sync`, src/cli/command.h. */
#define EXIT_STATUS_FAILED "1"
#define EXIT_STATUS_NOT_CONFIGURED "78"

struct alert {
	const char *unit, *result, *status;
	bool has_exited; /* by itself, so that the status says why */
};

static const char *alert_variable(const char *name)
{
	const char *value = getenv(name);

	return value ? value : "unknown";
}

static struct alert alert_read(void)
{
	struct alert alert = {
		.unit = alert_variable("MONITOR_UNIT"),
		.result = alert_variable("MONITOR_SERVICE_RESULT"),
		.status = alert_variable("MONITOR_EXIT_STATUS"),
	};

	alert.has_exited = strcmp(alert.result, "exit-code") == 0;
	return alert;
}

static bool alert_is(const struct alert *alert, const char *status)
{
	return alert->has_exited && strcmp(alert->status, status) == 0;
}

static struct json *alert_report(const struct alert *alert)
{
	struct json *report = json_new_object(), *errors = json_new_array(), *problem = json_new_object();
	bool is_not_configured = alert_is(alert, EXIT_STATUS_NOT_CONFIGURED);
	/* What it is this program does not know: it has not the worker's secrets and environment. */
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

/* Nobody is to get a mail, or MailTo is wrong, which nothing else would tell here. */
static int alert_nobody(const struct config *config)
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

/* Notes that the operator has been told. */
static void alert_stamp(const char *message_id)
{
	struct notices_stamp stamp = { .mailed_ms = time_now_ms() };

	memcpy(stamp.message_id, message_id, sizeof(stamp.message_id));
	notices_stamp_write(&stamp);
}

/* To all, and again to those whom the server refuses for now. Without any answer of the server the unit fails
 * at once: that shows, and the next alert tries again. */
static int alert_send(const struct config *config, const struct incident_alert *notice, const char *text)
{
	CLEANUP(mem_freep) char *to = mem_strdup(config->notify.mail_to);
	struct notices_backoff backoff = { 0 };
	int exit_code = EXIT_FAILURE;

	for (;;) {
		CLEANUP(smtp_outcome_done) struct smtp_outcome outcome = { 0 };
		const struct notices_letter letter = { .kind = notice->kind,
			.message_id = notice->message_id,
			.to = to,
			.text = text,
			.otherwise = "" };
		struct error problem = { 0 };
		unsigned delay_s = notices_backoff_next(&backoff, config->notify.retry_delay_s);
		int r = notices_deliver(config, &letter, NULL, &outcome, &problem);
		char *rest = NULL;

		if (r == 0) {
			alert_stamp(notice->message_id);
			exit_code = EXIT_SUCCESS;
			rest = STEAL(outcome.deferred);
		} else if (r == -EREMOTEIO && outcome.later) {
			rest = notices_recipients(to, outcome.refused, false);
		}
		free(to);
		to = rest;
		if (!to || delay_s == 0)
			return exit_code;
		log_write(LOG_NOTICE, "mail (%s) to %s is tried again in %u s",
			incident_kind_name(notice->kind), to, delay_s);
		sleep(delay_s);
	}
}

static int alert_mail(const struct config *config, const struct alert *alert)
{
	CLEANUP(json_freep) struct json *report = alert_report(alert);
	struct incident_alert notice = { .kind = INCIDENT_SCHEDULE };
	const struct message message = { .alert = &notice, .report = report };
	struct notices_stamp stamp = { 0 };

	if (!config->notify.mail_to)
		return alert_nobody(config);
	notices_stamp_read(&stamp);
	if (notices_stamp_is_recent(&stamp, time_now_ms()))
		return EXIT_SUCCESS;
	incident_message_id(host_name(), notice.message_id);
	CLEANUP(mem_freep) char *text = notices_write(config, &message);
	return alert_send(config, &notice, text);
}

int alert_scheduled_sync(const struct config *config)
{
	const struct alert alert = alert_read();
	const struct log_field fields[] = {
		{ "AITHER_UNIT", alert.unit },
		{ "AITHER_RESULT", alert.result },
		{ "AITHER_EXIT_STATUS", alert.status },
	};

	if (alert_is(&alert, EXIT_STATUS_FAILED))
		return EXIT_SUCCESS; /* the worker ran that sync and has reported its failure */
	log_event(LOG_ALERT, LOG_EVENT_SCHEDULED_SYNC_FAILED, fields, ARRAY_SIZE(fields),
		"%s could not have a sync run (%s, status %s); see: systemctl status aither-worker.socket "
		"aither-worker.service",
		alert.unit, alert.result, alert.status);
	return alert_mail(config, &alert);
}
