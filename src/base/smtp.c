/* SPDX-License-Identifier: MIT */
#include "base/smtp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/config.h"
#include "base/curl-common.h"
#include "base/error.h"
#include "base/host.h"
#include "base/mem.h"
#include "base/smtp-dialog.h"
#include "base/smtp-failure.h"
#include "base/time.h"

#define POLL_SLICE_MS 100    /* how late a cancellation may be seen, smtp.h */
#define GOODBYE_WAIT_MS 2000 /* for the answer to QUIT: the mail has been taken by then */

/* A call under way. */
struct session {
	CURLM *multi;
	CURL *easy;
	struct curl_slist *recipients;
	char error_text[CURL_ERROR_SIZE];
	struct smtp_dialog dialog;
	const struct smtp_server *server;
	const char *rest; /* of the message, not yet sent */
	size_t rest_length;
};

static void session_done(struct session *session)
{
	if (session->multi && session->easy)
		curl_multi_remove_handle(session->multi, session->easy);
	curl_easy_cleanup(session->easy);
	curl_multi_cleanup(session->multi);
	curl_slist_free_all(session->recipients);
	smtp_dialog_done(&session->dialog);
}

static bool is_cancelled(const struct smtp_server *server)
{
	return server->cancelled && atomic_load(server->cancelled);
}

static int on_debug(CURL *easy, curl_infotype type, char *bytes, size_t length, void *arg)
{
	struct smtp_dialog *dialog = arg;

	(void)easy;
	if (type == CURLINFO_HEADER_OUT)
		smtp_dialog_sent(dialog, bytes, length);
	else if (type == CURLINFO_HEADER_IN)
		smtp_dialog_received(dialog, bytes, length);
	return 0;
}

/* The only way to stop: a handle that is taken away in the middle would first complete the mail as far as it
 * has come, and wait for the answer. libcurl calls this at least every POLL_SLICE_MS, and once a second while
 * it waits for the answer to a mail or to QUIT, which it does without returning to us. */
static int on_progress(void *arg, curl_off_t down_total, curl_off_t down, curl_off_t up_total, curl_off_t up)
{
	const struct session *session = arg;

	(void)down_total, (void)down, (void)up_total, (void)up;
	return is_cancelled(session->server) ||
	       (session->dialog.stage == SMTP_GOODBYE &&
		       time_mono_ms() - session->dialog.goodbye_mono_ms > GOODBYE_WAIT_MS);
}

static size_t on_read(char *ret_bytes, size_t size, size_t count, void *arg)
{
	struct session *session = arg;
	size_t room = size * count, length = session->rest_length < room ? session->rest_length : room;

	memcpy(ret_bytes, session->rest, length);
	session->rest += length;
	session->rest_length -= length;
	return length;
}

/* Nothing crosses a network in the clear or to somebody unknown. On this machine there is nobody to hide
 * from, and a mail server as Debian installs it has a certificate that it has signed itself for another name.
 */
static int set_encryption(CURL *easy, bool is_local)
{
	return curl_easy_setopt(easy, CURLOPT_USE_SSL, (long)(is_local ? CURLUSESSL_TRY : CURLUSESSL_ALL)) ||
	       curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, is_local ? 0L : 1L) ||
	       curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, is_local ? 0L : 2L);
}

/* PLAIN and LOGIN: every server with passwords has one of them, and they need no ticket, domain or plain text
 * password on the server, as the others do that libcurl would prefer. */
static int set_login(CURL *easy, const struct smtp_server *server)
{
	if (!server->user || !server->password)
		return 0;
	return curl_easy_setopt(easy, CURLOPT_USERNAME, server->user) ||
	       curl_easy_setopt(easy, CURLOPT_PASSWORD, server->password) ||
	       curl_easy_setopt(easy, CURLOPT_LOGIN_OPTIONS, "AUTH=PLAIN;AUTH=LOGIN");
}

/* The path of the URL is what EHLO says. No proxy: those of the environment are for HTTP. */
static int set_server(CURL *easy, const struct smtp_server *server)
{
	CLEANUP(mem_freep) char *url = mem_printf("%s/%s", server->url, host_name());

	return curl_easy_setopt(easy, CURLOPT_URL, url) ||
	       curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "smtp,smtps") ||
	       curl_easy_setopt(easy, CURLOPT_PROXY, "") ||
	       curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)server->timeout_ms) ||
	       set_encryption(easy, config_url_is_local(server->url)) || set_login(easy, server);
}

/* FORBID_REUSE: the connection is closed with this handle, so that on_progress can limit the wait. */
static int set_callbacks(struct session *session)
{
	CURL *easy = session->easy;

	return curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, session->error_text) ||
	       curl_easy_setopt(easy, CURLOPT_VERBOSE, 1L) ||
	       curl_easy_setopt(easy, CURLOPT_DEBUGFUNCTION, on_debug) ||
	       curl_easy_setopt(easy, CURLOPT_DEBUGDATA, &session->dialog) ||
	       curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L) ||
	       curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, on_progress) ||
	       curl_easy_setopt(easy, CURLOPT_XFERINFODATA, session) ||
	       curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
}

static int fail_libcurl(struct error *err)
{
	return error_fail(
		err, ERROR_NOTIFY_FAILED, -ENOSYS, "libcurl %s lacks what aither needs", curl_version());
}

static int session_open(struct session *session, const struct smtp_server *server, struct error *err)
{
	session->server = server;
	session->dialog.password = server->password;
	session->multi = curl_common_multi();
	session->easy = curl_common_easy();
	if (!session->multi || !session->easy || set_callbacks(session) || set_server(session->easy, server))
		return fail_libcurl(err);
	return 0;
}

static void add_recipients(struct session *session, const char *to)
{
	for (const char *next = to; next;) {
		size_t length = strcspn(next, ",");
		CLEANUP(mem_freep) char *address = mem_strndup(next, length);
		struct curl_slist *list = curl_slist_append(session->recipients, address);
		if (!list) /* as mem.h does */
			abort();
		session->recipients = list;
		next = next[length] ? next + length + 1 : NULL;
	}
}

static int set_mail(struct session *session, const struct smtp_mail *mail)
{
	CURL *easy = session->easy;

	session->rest = mail->text;
	session->rest_length = mail->length;
	add_recipients(session, mail->to);
	return curl_easy_setopt(easy, CURLOPT_MAIL_FROM, mail->from) ||
	       curl_easy_setopt(easy, CURLOPT_MAIL_RCPT, session->recipients) ||
	       curl_easy_setopt(easy, CURLOPT_MAIL_RCPT_ALLLOWFAILS, 1L) ||
	       curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L) ||
	       curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)mail->length) ||
	       curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_read) ||
	       curl_easy_setopt(easy, CURLOPT_READDATA, session);
}

static CURLcode drive(struct session *session)
{
	int left;

	if (curl_multi_add_handle(session->multi, session->easy) != CURLM_OK)
		abort(); /* only without memory: the handle is ours and new */
	for (int running = 1; running;) {
		if (curl_multi_perform(session->multi, &running) != CURLM_OK)
			abort(); /* only without memory or after misuse */
		if (running)
			curl_multi_poll(session->multi, NULL, 0, POLL_SLICE_MS, NULL);
	}
	const struct CURLMsg *message = curl_multi_info_read(session->multi, &left);
	return message ? message->data.result : CURLE_FAILED_INIT;
}

/* After a failure: may the same mail be taken later? An answer that is lost after the whole mail has gone out
 * may have been a good one: the mail would come twice. */
static bool may_come_later(const struct session *session, int result)
{
	const struct smtp_dialog *dialog = &session->dialog;

	if (result == -ECANCELED)
		return false;
	if (dialog->refused_code)
		return dialog->refused_stage == SMTP_RECIPIENT ? dialog->deferred.addresses != NULL
							       : dialog->refused_code <= SMTP_TEMPORARY_MAX;
	if (session->rest && session->rest_length == 0)
		return false;
	return result == -EHOSTUNREACH || result == -ETIMEDOUT;
}

static int run(struct session *session, struct error *err)
{
	curl_off_t named_us = 0, connected_us = 0;
	CURLcode code = drive(session);

	if (code == CURLE_OK) {
		smtp_failure_warn(session->server, &session->dialog, err);
		return 0;
	}
	curl_easy_getinfo(session->easy, CURLINFO_NAMELOOKUP_TIME_T, &named_us);
	curl_easy_getinfo(session->easy, CURLINFO_CONNECT_TIME_T, &connected_us);
	CLEANUP(mem_freep)
	char *reason = curl_common_reason(
		session->easy, code, *session->error_text ? session->error_text : curl_easy_strerror(code));
	const struct smtp_failure failure = { .code = code,
		.named = named_us > 0,
		.connected = connected_us > 0,
		.distrust = curl_common_distrust(session->easy, code),
		.dialog = &session->dialog,
		.reason = reason };
	return smtp_failure_describe(&failure, session->server, err);
}

void smtp_outcome_done(struct smtp_outcome *outcome)
{
	free(outcome->deferred);
	free(outcome->refused);
	*outcome = (struct smtp_outcome){ 0 };
}

int smtp_send(const struct smtp_server *server, const struct smtp_mail *mail, struct smtp_outcome *outcome,
	struct error *err)
{
	CLEANUP(session_done) struct session session = { 0 };
	int result = session_open(&session, server, err);

	if (result < 0)
		return result;
	if (set_mail(&session, mail))
		return fail_libcurl(err);
	result = run(&session, err);
	outcome->later = result < 0 && may_come_later(&session, result);
	outcome->deferred = STEAL(session.dialog.deferred.addresses);
	outcome->refused = STEAL(session.dialog.refused.addresses);
	return result;
}

int smtp_probe(const struct smtp_server *server, struct error *err)
{
	CLEANUP(session_done) struct session session = { 0 };
	int result = session_open(&session, server, err);

	if (result < 0)
		return result;
	if (curl_easy_setopt(session.easy, CURLOPT_CUSTOMREQUEST, "NOOP") ||
		curl_easy_setopt(session.easy, CURLOPT_NOBODY, 1L))
		return fail_libcurl(err);
	return run(&session, err);
}
