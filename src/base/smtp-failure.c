/* SPDX-License-Identifier: MIT */
#include "base/smtp-failure.h"

#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/smtp-dialog.h"
#include "base/smtp.h"

/* What is not listed is a connection that broke, or a refusal if the server has said so. */
static const struct {
	CURLcode code;
	int errnum;
} kinds[] = {
	{ CURLE_COULDNT_RESOLVE_HOST, -EHOSTUNREACH },
	{ CURLE_COULDNT_CONNECT, -EHOSTUNREACH },
	{ CURLE_OPERATION_TIMEDOUT, -ETIMEDOUT },
	{ CURLE_ABORTED_BY_CALLBACK, -ECANCELED },
	{ CURLE_LOGIN_DENIED, -EACCES },
	{ CURLE_USE_SSL_FAILED, -EPROTO },
	{ CURLE_SSL_CONNECT_ERROR, -EPROTO },
	{ CURLE_PEER_FAILED_VERIFICATION, -EPROTO },
	{ CURLE_SSL_CIPHER, -EPROTO },
	{ CURLE_SSL_CACERT_BADFILE, -EPROTO },
};

static int kind_of(const struct smtp_failure *failure)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (kinds[i].code == failure->code)
			return kinds[i].errnum;
	return failure->dialog->refused_code ? -EREMOTEIO : -EHOSTUNREACH;
}

static int fail_connection(
	const struct smtp_failure *failure, const struct smtp_server *server, struct error *err)
{
	if (failure->connected)
		return error_fail(err, ERROR_NOTIFY_FAILED, -EHOSTUNREACH,
			"mail server %s closed the connection unexpectedly; look into its log", server->url);
	return error_fail(err, ERROR_NOTIFY_FAILED, -EHOSTUNREACH,
		"mail server %s cannot be reached: %s; check [Notify] SMTPURL, and that the server runs",
		server->url, failure->reason);
}

static int fail_timeout(
	const struct smtp_failure *failure, const struct smtp_server *server, struct error *err)
{
	unsigned seconds = (server->timeout_ms + 999) / 1000;
	bool is_plain = strncmp(server->url, "smtp:", 5) == 0;

	if (!failure->named)
		return error_fail(err, ERROR_NOTIFY_FAILED, -ETIMEDOUT,
			"mail server %s: the name service did not answer within %u s; check [Notify] "
			"SMTPURL, "
			"and the name service of this machine",
			server->url, seconds);
	/* A server that expects TLS at once waits for us, as we wait for its greeting. */
	if (failure->connected && failure->dialog->stage == SMTP_GREETING && is_plain)
		return error_fail(err, ERROR_NOTIFY_FAILED, -ETIMEDOUT,
			"mail server %s sent no greeting within %u s; if its port is one for TLS from the "
			"start (465), write smtps:// in [Notify] SMTPURL",
			server->url, seconds);
	return error_fail(err, ERROR_NOTIFY_FAILED, -ETIMEDOUT,
		"mail server %s did not %s within %u s; check [Notify] SMTPURL, a firewall, and the server's "
		"log",
		server->url, failure->connected ? "complete the mail" : "answer", seconds);
}

static const char *distrust_remedy(enum curl_common_distrust distrust)
{
	switch (distrust) {
	case CURL_COMMON_DISTRUST_TIME:
		return "renew it, unless this machine's clock is wrong: timedatectl(1)";
	case CURL_COMMON_DISTRUST_NAME:
		return "write a name that it is for into [Notify] SMTPURL";
	case CURL_COMMON_DISTRUST:
	case CURL_COMMON_TRUSTED:
		break;
	}
	return "let it have one of a known CA, or make a CA of your own known: update-ca-certificates(8)";
}

static int fail_encryption(
	const struct smtp_failure *failure, const struct smtp_server *server, struct error *err)
{
	bool is_plain = strncmp(server->url, "smtp:", 5) == 0;

	if (failure->code == CURLE_USE_SSL_FAILED)
		return error_fail(err, ERROR_NOTIFY_FAILED, -EPROTO,
			"mail server %s offers no encryption (STARTTLS)%s%s, and nothing is sent over a "
			"network without; "
			"let it offer STARTTLS, or write smtps://host:465 in [Notify] SMTPURL if it has that",
			server->url, failure->dialog->refused_code ? ": " : "",
			failure->dialog->refused_code ? failure->dialog->reply : "");
	if (failure->code == CURLE_SSL_CONNECT_ERROR)
		return error_fail(err, ERROR_NOTIFY_FAILED, -EPROTO,
			"mail server %s and this machine agree on no encryption: %s%s", server->url,
			failure->reason,
			is_plain ? "; look into its log"
				 : "; if its port is one for STARTTLS (25, 587), write smtp:// in [Notify] "
				   "SMTPURL");
	return error_fail(err, ERROR_NOTIFY_FAILED, -EKEYREJECTED, "mail server %s: %s; %s", server->url,
		failure->reason, distrust_remedy(failure->distrust));
}

static int fail_login(const struct smtp_failure *failure, const struct smtp_server *server, struct error *err)
{
	const struct smtp_dialog *dialog = failure->dialog;

	if (!dialog->refused_code)
		return error_fail(err, ERROR_NOTIFY_FAILED, -EACCES,
			"mail server %s offers no login that aither has (AUTH PLAIN or LOGIN); ask its "
			"operator, or "
			"leave out [Notify] SMTPUser if it needs none",
			server->url);
	if (dialog->refused_code <= SMTP_TEMPORARY_MAX)
		return error_fail(err, ERROR_NOTIFY_FAILED, -EACCES,
			"mail server %s cannot check user and password at present: %s; try again later",
			server->url, dialog->reply);
	return error_fail(err, ERROR_NOTIFY_FAILED, -EACCES,
		"mail server %s does not accept the user or the password: %s; check [Notify] SMTPUser, and "
		"run "
		"`aither set-secret smtp-password`",
		server->url, dialog->reply);
}

/* What was refused, and what the operator can do about it. */
static const struct {
	const char *what, *remedy;
} refusals[] = {
	[SMTP_GREETING] = { "serves nobody at present", "look into its log" },
	[SMTP_HELLO] = { "refuses this machine", "look into its log" },
	[SMTP_STARTTLS] = { "refuses to encrypt", "look into its log" },
	[SMTP_LOGIN] = { "refuses the login", "look into its log" },
	[SMTP_SENDER] = { "refuses the sender",
		"set [Notify] MailFrom to an address it accepts, and SMTPUser if it wants a login" },
	[SMTP_RECIPIENT] = { "refuses every recipient", "correct [Notify] MailTo" },
	[SMTP_MESSAGE] = { "refuses the mail", "look into its log" },
	[SMTP_OTHER] = { "is not ready", "look into its log" },
	[SMTP_GOODBYE] = { "is not ready", "look into its log" },
};

/* For a login that is configured but not offered; "" without one. */
static const char *login_warning(const struct smtp_server *server, const struct smtp_dialog *dialog)
{
	if (!server->user || !server->password || dialog->logged_in)
		return "";
	return "; it offers no login (AUTH), so [Notify] SMTPUser is not used";
}

/* "a@x.org (550 no); correct [Notify] MailTo; refused for now: b@x.org (450 wait)"; owned. */
static char *refused_recipients(const struct smtp_dialog *dialog, const char *when_all_may_come)
{
	const char *refused = dialog->refused.text, *deferred = dialog->deferred.text;

	if (!refused[0])
		return mem_printf("%s%s", deferred, when_all_may_come);
	return mem_printf("%s; %s%s%s", refused, refusals[SMTP_RECIPIENT].remedy,
		deferred[0] ? "; refused for now: " : "", deferred);
}

static int fail_refused(
	const struct smtp_failure *failure, const struct smtp_server *server, struct error *err)
{
	static const char later[] = "; it may take it later";
	const struct smtp_dialog *dialog = failure->dialog;
	bool is_temporary = dialog->refused_code <= SMTP_TEMPORARY_MAX;
	bool is_recipient = dialog->refused_stage == SMTP_RECIPIENT &&
			    (dialog->refused.addresses || dialog->deferred.addresses);
	CLEANUP(mem_freep)
	char *why = is_recipient ? refused_recipients(dialog, later)
		    : is_temporary
			    ? mem_printf("%s%s", dialog->reply, later)
			    : mem_printf("%s; %s", dialog->reply, refusals[dialog->refused_stage].remedy);

	return error_fail(err, ERROR_NOTIFY_FAILED, -EREMOTEIO, "mail server %s %s: %s%s", server->url,
		refusals[dialog->refused_stage].what, why, login_warning(server, dialog));
}

int smtp_failure_describe(
	const struct smtp_failure *failure, const struct smtp_server *server, struct error *err)
{
	switch (kind_of(failure)) {
	case -ECANCELED:
		return error_fail(
			err, ERROR_NOTIFY_FAILED, -ECANCELED, "mail server %s: cancelled", server->url);
	case -ETIMEDOUT:
		return fail_timeout(failure, server, err);
	case -EPROTO:
		return fail_encryption(failure, server, err);
	case -EACCES:
		return fail_login(failure, server, err);
	case -EREMOTEIO:
		return fail_refused(failure, server, err);
	default:
		return fail_connection(failure, server, err);
	}
}

void smtp_failure_warn(const struct smtp_server *server, const struct smtp_dialog *dialog, struct error *err)
{
	const char *login = login_warning(server, dialog);
	bool are_deferred = dialog->deferred.text[0] && !dialog->refused.text[0];

	if (dialog->deferred.text[0] || dialog->refused.text[0]) {
		CLEANUP(mem_freep) char *recipients = refused_recipients(dialog, "");

		error_fail(err, ERROR_NOTIFY_FAILED, 0,
			"mail server %s refused some of the recipients%s: %s%s", server->url,
			are_deferred ? " for now" : "", recipients, login);
	} else if (login[0]) {
		error_fail(err, ERROR_NOTIFY_FAILED, 0, "mail server %s takes mails%s", server->url, login);
	} else {
		error_set(err, 0, "%s", "");
	}
}
