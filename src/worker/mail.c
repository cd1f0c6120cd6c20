/* SPDX-License-Identifier: MIT */
#include "worker/mail.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/time.h"
#include "config/config.h"
#include "net/host.h"
#include "net/smtp.h"
#include "notify/message.h"

/* ---- one mail ---- */

/* Adds a domain if there is none: Exim requires one. */
static char *mail_from(const struct config *config)
{
	const char *from = config->notify.mail_from ?: "aither", *bracket = strrchr(from, '<');

	if (strchr(bracket ?: from, '@'))
		return mem_strdup(from);
	return mem_printf(
		"%.*s@%s%s", (int)(strlen(from) - (bracket ? 1 : 0)), from, host_name(), bracket ? ">" : "");
}

/* The bare address, for the envelope. */
static char *sender_address(const char *mailbox)
{
	const char *address = strrchr(mailbox, '<');

	return address ? mem_strndup(address + 1, strlen(address) - strlen("<>")) : mem_strdup(mailbox);
}

struct mail mail_write(const struct config *config, const struct message *message)
{
	struct buf text = BUF_INIT(MESSAGE_SIZE_MAX);
	CLEANUP(mem_freep) char *from = mail_from(config);
	struct message complete = *message;

	complete.from = from;
	complete.to = config->notify.mail_to;
	complete.host = host_name();
	complete.site_name = config->site.name;
	complete.site_url = config->site.url;
	complete.now_ms = time_now_ms();
	message_write(&text, &complete);
	return (struct mail){
		.kind = message->alert->kind,
		.message_id = message->alert->message_id,
		.job_id = json_string(json_get(message->report, "jobId")),
		.to = config->notify.mail_to,
		.text = buf_take(&text),
		.otherwise = "",
	};
}

bool mail_is_deferred(int result, const struct smtp_outcome *outcome)
{
	return result < 0 ? outcome->later : outcome->deferred != NULL;
}

int mail_send(const struct config *config, const struct mail *mail, const atomic_bool *cancelled,
	struct smtp_outcome *outcome, struct error *err)
{
	CLEANUP(mem_freep) char *mailbox = mail_from(config), *from = sender_address(mailbox);
	CLEANUP(mem_freep) char *again = mem_printf(", next try in %u s", mail->retry_s);
	const char *kind = incident_kind_name(mail->kind), *next;
	const struct smtp_server server = {
		.url = config->notify.smtp_url,
		.user = config->notify.smtp_user,
		.password = config->secrets[CONFIG_SECRET_SMTP_PASSWORD],
		.timeout_ms = MAIL_TIMEOUT_MS,
		.cancelled = cancelled,
	};
	const struct smtp_mail smtp_mail = {
		.from = from, .to = mail->to, .text = mail->text, .length = strlen(mail->text)
	};
	const struct log_field fields[] = {
		{ "AITHER_JOB_ID", mail->job_id },
		{ "AITHER_CHANNEL", "mail" },
		{ "AITHER_NOTICE", kind },
		{ "AITHER_MAIL_ID", mail->message_id },
	};
	struct error problem = { 0 };
	int r = smtp_send(&server, &smtp_mail, outcome, &problem);

	next = mail->retry_s > 0 && mail_is_deferred(r, outcome) ? again : mail->otherwise;
	if (r < 0) {
		log_event(LOG_WARNING, LOG_EVENT_NOTIFY_FAILED, fields, ARRAY_SIZE(fields),
			"cannot send mail (%s) to %s%s: %s", kind, mail->to, next, problem.message);
	} else {
		CLEANUP(mem_freep) char *accepted = mail_recipients(mail->to, outcome->deferred, false);

		log_event(problem.message[0] ? LOG_WARNING : LOG_NOTICE, LOG_EVENT_ALERT_SENT, fields,
			ARRAY_SIZE(fields), "mail (%s) sent to %s%s%s%s", kind, accepted,
			problem.message[0] ? ", but: " : "", problem.message, outcome->deferred ? next : "");
	}
	error_pass(err, &problem);
	return r;
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

char *mail_recipients(const char *list, const char *other, bool are_in_it)
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

/* ---- when to try again ---- */

unsigned mail_retry_next(struct mail_retry *retry, unsigned first_s)
{
	uint64_t now = time_mono_ms(), left_ms;

	if (!retry->since_mono_ms)
		retry->since_mono_ms = now;
	retry->delay_s = retry->delay_s ? 2 * retry->delay_s : first_s;
	if (now - retry->since_mono_ms >= MAIL_RETRY_MS)
		return 0;
	left_ms = MAIL_RETRY_MS - (now - retry->since_mono_ms);
	return retry->delay_s * UINT64_C(1000) < left_ms ? retry->delay_s : (unsigned)(left_ms / 1000) + 1;
}
