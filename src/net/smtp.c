/* SPDX-License-Identifier: MIT */
#include "net/smtp.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/time.h"
#include "config/config.h"
#include "net/curl-common.h"
#include "net/host.h"

#define POLL_SLICE_MS 100    /* how late a cancellation may be seen, smtp.h */
#define GOODBYE_WAIT_MS 2000 /* for the answer to QUIT: the mail has been taken by then */

#define CODE_LENGTH 3     /* "250 " or "250-", then text: RFC 5321, 4.2 */
#define REFUSAL_MIN 400   /* RFC 5321, 4.2.1: 4yz may succeed later, */
#define TEMPORARY_MAX 499 /* 5yz will not */
#define REPLY_SIZE 400    /* RFC 5321 knows lines of 512; several of them are cut to this */
#define LINES_SIZE 380    /* the same without the number */
#define REFUSED_SIZE 640  /* several recipients with a short reason */
#define SECRET_SIZE 1024  /* user and password of 255 and 256 bytes, in Base64 */
#define ADDRESS_SIZE 256

enum stage { /* the command under way, or the last one */
	GREETING,
	EHLO,
	HELO, /* for a server that does not know EHLO */
	STARTTLS,
	LOGIN,
	SENDER,
	RECIPIENT,
	MESSAGE,
	OTHER,
	GOODBYE,
};

/* The meaning of a refusal, and the operator's remedy. */
static const struct {
	const char *command, *what, *remedy;
} stages[] = {
	[GREETING] = { "", "serves nobody at present", "look into its log" },
	[EHLO] = { "EHLO", "refuses this machine", "look into its log" },
	[HELO] = { "HELO", "refuses this machine", "look into its log" },
	[STARTTLS] = { "STARTTLS", "refuses to encrypt", "look into its log" },
	[LOGIN] = { "AUTH", "refuses the login", "look into its log" },
	[SENDER] = { "MAIL", "refuses the sender",
		"set [Notify] MailFrom to an address it accepts, and SMTPUser if it wants a login" },
	[RECIPIENT] = { "RCPT", "refuses every recipient", "correct [Notify] MailTo" },
	[MESSAGE] = { "DATA", "refuses the mail", "look into its log" },
	[OTHER] = { "NOOP", "is not ready", "look into its log" },
	[GOODBYE] = { "QUIT", "is not ready", "look into its log" },
};

struct recipients {
	char text[REFUSED_SIZE]; /* "a@x.org (550 no), b@x.org (...)" */
	char *addresses;         /* owned; all of them, separated by commas; NULL: none */
};

/* A call under way. libcurl reports only the number of a refusal, so the dialog (RFC 5321) is read along line
 * by line, for the server's own words and for who was refused of several recipients. */
struct session {
	CURLM *multi;
	CURL *easy;
	struct curl_slist *to;
	char error_text[CURL_ERROR_SIZE];
	const struct smtp_server *server;
	const char *rest; /* of the message, not yet sent; NULL: there is no message */
	size_t rest_length;

	enum stage stage, refused_stage;
	unsigned refused_code;               /* 0: the last command but QUIT was not refused */
	char lines[LINES_SIZE];              /* of the reply that is coming in */
	char reply[REPLY_SIZE];              /* the last refusal: "550 5.1.1 no such user" */
	char recipient[ADDRESS_SIZE];        /* of the last RCPT TO */
	struct recipients deferred, refused; /* for now; for good */
	bool logged_in;                      /* or tried to */
	char secret[SECRET_SIZE];            /* what was sent last while logging in */
	uint64_t goodbye_mono_ms;            /* when QUIT was sent */
};

static void session_done(struct session *session)
{
	if (session->multi && session->easy)
		curl_multi_remove_handle(session->multi, session->easy);
	curl_easy_cleanup(session->easy);
	curl_multi_cleanup(session->multi);
	curl_slist_free_all(session->to);
	free(session->deferred.addresses);
	free(session->refused.addresses);
	explicit_bzero(session->secret, sizeof(session->secret));
}

/* ---- the dialog ---- */

/* Copies a line without its end. It becomes part of sentences in JSON and on terminals, so what is not plain
 * ASCII is replaced. */
static void copy_line(char *ret_text, size_t size, const char *line, size_t length)
{
	size_t end = length < size ? length : size - 1;

	while (end > 0 && strchr("\r\n ", line[end - 1]))
		end--;
	for (size_t i = 0; i < end; i++)
		ret_text[i] = (char)(line[i] >= ' ' && line[i] < 0x7f ? line[i] : '?');
	ret_text[end] = '\0';
}

static void on_sent(struct session *session, const char *line, size_t length)
{
	char text[SECRET_SIZE];
	size_t word;

	copy_line(text, sizeof(text), line, length);
	word = strcspn(text, " ");
	/* While logging in, lines are no commands but answers to the server's questions. */
	session->stage = session->stage == LOGIN ? LOGIN : OTHER;
	for (size_t i = EHLO; i < ARRAY_SIZE(stages); i++)
		if (strlen(stages[i].command) == word && strncasecmp(text, stages[i].command, word) == 0)
			session->stage = (enum stage)i;
	if (session->stage == GOODBYE)
		session->goodbye_mono_ms = time_mono_ms();
	else
		session->refused_code = 0;
	if (session->stage == RECIPIENT) { /* RCPT TO:<a@x.org> */
		const char *address = text + strcspn(text, "<");

		address += *address == '<';
		snprintf(session->recipient, sizeof(session->recipient), "%.*s", (int)strcspn(address, ">"),
			address);
	}
	if (session->stage == LOGIN) {
		/* "AUTH PLAIN" names the mechanism; its third word, and what follows in lines of its own, is
		 * user or password. */
		const char *blank = strncasecmp(text, "AUTH ", 5) == 0 ? strchr(text + 5, ' ') : NULL;
		const char *secret = strncasecmp(text, "AUTH ", 5) != 0 ? text : blank ? blank + 1 : "";

		snprintf(session->secret, sizeof(session->secret), "%s", secret);
		session->logged_in = true;
	}
	explicit_bzero(text, sizeof(text));
}

/* One line of a reply: "550-5.1.1 no", "550 such user". There are servers that repeat a line which they
 * dislike: a line with the password in it is hidden. */
static void on_received(struct session *session, const char *line, size_t length)
{
	static const char hidden[] = "(a line with a secret in it)";
	size_t end = strlen(session->lines), skip = length > CODE_LENGTH ? CODE_LENGTH + 1 : length;

	if (length < CODE_LENGTH || !isdigit((unsigned char)line[0]) || !isdigit((unsigned char)line[1]) ||
		!isdigit((unsigned char)line[2]))
		return;
	if (end + 2 < sizeof(session->lines)) {
		const char *secret = session->secret, *password = session->server->password;
		bool is_secret = (*secret && memmem(line, length, secret, strlen(secret))) ||
				 (password && *password && memmem(line, length, password, strlen(password)));

		session->lines[end++] = ' ';
		copy_line(session->lines + end, sizeof(session->lines) - end,
			is_secret ? hidden : line + skip, is_secret ? strlen(hidden) : length - skip);
	}
	if (length > CODE_LENGTH && line[CODE_LENGTH] == '-')
		return;
	unsigned code = (unsigned)strtoul((char[]){ line[0], line[1], line[2], '\0' }, NULL, 10);
	if (code >= REFUSAL_MIN) {
		session->refused_code = code;
		session->refused_stage = session->stage;
		snprintf(session->reply, sizeof(session->reply), "%u%s", code, session->lines);
		if (session->stage == RECIPIENT && session->recipient[0]) {
			struct recipients *to =
				code <= TEMPORARY_MAX ? &session->deferred : &session->refused;
			char *before = to->addresses;
			size_t used = strlen(to->text);

			snprintf(to->text + used, sizeof(to->text) - used, "%s%s (%.100s)",
				used > 0 ? ", " : "", session->recipient, session->reply);
			to->addresses = before ? mem_printf("%s,%s", before, session->recipient)
					       : mem_strdup(session->recipient);
			free(before);
		}
	}
	session->lines[0] = '\0';
}

/* ---- what libcurl calls ---- */

static int on_debug(CURL *easy, curl_infotype type, char *bytes, size_t length, void *arg)
{
	(void)easy;
	if (type == CURLINFO_HEADER_OUT)
		on_sent(arg, bytes, length);
	else if (type == CURLINFO_HEADER_IN)
		on_received(arg, bytes, length);
	return 0;
}

/* The only way to stop: a handle that is taken away in the middle would first complete the mail as far as it
 * has come, and wait for the answer. libcurl calls this at least every POLL_SLICE_MS, and once a second while
 * it waits for the answer to a mail or to QUIT, which it does without returning to us. */
static int on_progress(void *arg, curl_off_t down_total, curl_off_t down, curl_off_t up_total, curl_off_t up)
{
	const struct session *session = arg;
	const atomic_bool *cancelled = session->server->cancelled;

	(void)down_total, (void)down, (void)up_total, (void)up;
	return (cancelled && atomic_load(cancelled)) ||
	       (session->stage == GOODBYE && time_mono_ms() - session->goodbye_mono_ms > GOODBYE_WAIT_MS);
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

/* ---- the call ---- */

static int fail_libcurl(struct error *err)
{
	return error_fail(
		err, ERROR_NOTIFY_FAILED, -ENOSYS, "libcurl %s lacks what aither needs", curl_version());
}

static int session_open(struct session *session, const struct smtp_server *server, struct error *err)
{
	bool is_local = config_url_is_local(server->url), has_login = server->user && server->password;
	/* The path of the URL is what EHLO says. */
	CLEANUP(mem_freep) char *url = mem_printf("%s/%s", server->url, host_name());
	CURL *easy;

	session->server = server;
	session->multi = curl_common_multi();
	session->easy = easy = curl_common_easy();
	if (!session->multi || !easy || curl_easy_setopt(easy, CURLOPT_URL, url) ||
		curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "smtp,smtps") ||
		curl_easy_setopt(easy, CURLOPT_PROXY, "") || /* those of the environment are for HTTP */
		curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)server->timeout_ms) ||
		curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, session->error_text) ||
		curl_easy_setopt(easy, CURLOPT_VERBOSE, 1L) ||
		curl_easy_setopt(easy, CURLOPT_DEBUGFUNCTION, on_debug) ||
		curl_easy_setopt(easy, CURLOPT_DEBUGDATA, session) ||
		curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L) ||
		curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, on_progress) ||
		curl_easy_setopt(easy, CURLOPT_XFERINFODATA, session) ||
		/* The connection is closed with this handle, so that on_progress can limit the wait. */
		curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L))
		return fail_libcurl(err);
	/* Nothing crosses a network in the clear or to a server that is not verified. Nothing that stays on
	 * this machine has to be hidden, and a mail server as Debian installs it has signed its certificate
	 * itself, for another name. */
	if (curl_easy_setopt(easy, CURLOPT_USE_SSL, (long)(is_local ? CURLUSESSL_TRY : CURLUSESSL_ALL)) ||
		curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, is_local ? 0L : 1L) ||
		curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, is_local ? 0L : 2L))
		return fail_libcurl(err);
	/* PLAIN and LOGIN: every server with passwords has one of them, and they need no ticket, domain or
	 * plain text password on the server, as the others do that libcurl would prefer. */
	if (has_login && (curl_easy_setopt(easy, CURLOPT_USERNAME, server->user) ||
				 curl_easy_setopt(easy, CURLOPT_PASSWORD, server->password) ||
				 curl_easy_setopt(easy, CURLOPT_LOGIN_OPTIONS, "AUTH=PLAIN;AUTH=LOGIN")))
		return fail_libcurl(err);
	return 0;
}

static int session_set_mail(struct session *session, const struct smtp_mail *mail, struct error *err)
{
	CURL *easy = session->easy;

	for (const char *next = mail->to; next;) {
		size_t length = strcspn(next, ",");
		CLEANUP(mem_freep) char *address = mem_strndup(next, length);
		struct curl_slist *list = curl_slist_append(session->to, address);
		if (!list) /* as mem.h does */
			abort();
		session->to = list;
		next = next[length] ? next + length + 1 : NULL;
	}
	session->rest = mail->text;
	session->rest_length = mail->length;
	if (curl_easy_setopt(easy, CURLOPT_MAIL_FROM, mail->from) ||
		curl_easy_setopt(easy, CURLOPT_MAIL_RCPT, session->to) ||
		curl_easy_setopt(easy, CURLOPT_MAIL_RCPT_ALLLOWFAILS, 1L) ||
		curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L) ||
		curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)mail->length) ||
		curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_read) ||
		curl_easy_setopt(easy, CURLOPT_READDATA, session))
		return fail_libcurl(err);
	return 0;
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

/* ---- what went wrong, and what to do about it ---- */

static int fail_connection(const struct session *session, CURLcode code, struct error *err)
{
	const char *detail = *session->error_text ? session->error_text : curl_easy_strerror(code);
	curl_off_t connected_us = 0;

	curl_easy_getinfo(session->easy, CURLINFO_CONNECT_TIME_T, &connected_us);
	if (connected_us > 0)
		return error_fail(err, ERROR_NOTIFY_FAILED, -EHOSTUNREACH,
			"mail server %s closed the connection unexpectedly; look into its log",
			session->server->url);
	CLEANUP(mem_freep) char *reason = curl_common_reason(session->easy, code, detail);
	return error_fail(err, ERROR_NOTIFY_FAILED, -EHOSTUNREACH,
		"mail server %s cannot be reached: %s; check [Notify] SMTPURL, and that the server runs",
		session->server->url, reason);
}

static int fail_timeout(const struct session *session, struct error *err)
{
	const struct smtp_server *server = session->server;
	unsigned seconds = (server->timeout_ms + 999) / 1000;
	curl_off_t named_us = 0, connected_us = 0;

	curl_easy_getinfo(session->easy, CURLINFO_NAMELOOKUP_TIME_T, &named_us);
	curl_easy_getinfo(session->easy, CURLINFO_CONNECT_TIME_T, &connected_us);
	if (named_us == 0)
		return error_fail(err, ERROR_NOTIFY_FAILED, -ETIMEDOUT,
			"mail server %s: the name service did not answer within %u s; check [Notify] SMTPURL, and the name service of this machine",
			server->url, seconds);
	/* A server that expects TLS at once waits for us, as we wait for its greeting. */
	if (connected_us > 0 && session->stage == GREETING && strncmp(server->url, "smtp:", 5) == 0)
		return error_fail(err, ERROR_NOTIFY_FAILED, -ETIMEDOUT,
			"mail server %s sent no greeting within %u s; if its port is one for TLS from the start (465), write smtps:// in [Notify] SMTPURL",
			server->url, seconds);
	return error_fail(err, ERROR_NOTIFY_FAILED, -ETIMEDOUT,
		"mail server %s did not %s within %u s; check [Notify] SMTPURL, a firewall, and the server's log",
		server->url, connected_us > 0 ? "complete the mail" : "answer", seconds);
}

static int fail_encryption(const struct session *session, CURLcode code, struct error *err)
{
	static const char *const remedies[] = {
		[CURL_COMMON_TRUSTED] =
			"let it have one of a known CA, or make a CA of your own known: update-ca-certificates(8)",
		[CURL_COMMON_DISTRUST] =
			"let it have one of a known CA, or make a CA of your own known: update-ca-certificates(8)",
		[CURL_COMMON_DISTRUST_TIME] =
			"renew it, unless this machine's clock is wrong: timedatectl(1)",
		[CURL_COMMON_DISTRUST_NAME] = "write a name that it is for into [Notify] SMTPURL",
	};
	const char *url = session->server->url;
	const char *detail = *session->error_text ? session->error_text : curl_easy_strerror(code);
	CLEANUP(mem_freep) char *reason = curl_common_reason(session->easy, code, detail);

	if (code == CURLE_USE_SSL_FAILED)
		return error_fail(err, ERROR_NOTIFY_FAILED, -EPROTO,
			"mail server %s offers no encryption (STARTTLS)%s%s, and nothing is sent over a network without; let it offer STARTTLS, or write smtps://host:465 in [Notify] SMTPURL if it has that",
			url, session->refused_code ? ": " : "", session->refused_code ? session->reply : "");
	if (code == CURLE_SSL_CONNECT_ERROR)
		return error_fail(err, ERROR_NOTIFY_FAILED, -EPROTO,
			"mail server %s and this machine agree on no encryption: %s%s", url, reason,
			strncmp(url, "smtp:", 5) == 0
				? "; look into its log"
				: "; if its port is one for STARTTLS (25, 587), write smtp:// in [Notify] SMTPURL");
	return error_fail(err, ERROR_NOTIFY_FAILED, -EKEYREJECTED, "mail server %s: %s; %s", url, reason,
		remedies[curl_common_distrust(session->easy, code)]);
}

static int fail_login(const struct session *session, struct error *err)
{
	const char *url = session->server->url;

	if (!session->refused_code)
		return error_fail(err, ERROR_NOTIFY_FAILED, -EACCES,
			"mail server %s offers no login that aither has (AUTH PLAIN or LOGIN); ask its operator, or leave out [Notify] SMTPUser if it needs none",
			url);
	if (session->refused_code <= TEMPORARY_MAX)
		return error_fail(err, ERROR_NOTIFY_FAILED, -EACCES,
			"mail server %s cannot check user and password at present: %s; try again later", url,
			session->reply);
	return error_fail(err, ERROR_NOTIFY_FAILED, -EACCES,
		"mail server %s does not accept the user or the password: %s; check [Notify] SMTPUser, and run `aither set-secret smtp-password`",
		url, session->reply);
}

/* For a login that is configured but not offered; "" without one. */
static const char *login_warning(const struct session *session)
{
	if (!session->server->user || !session->server->password || session->logged_in)
		return "";
	return "; it offers no login (AUTH), so [Notify] SMTPUser is not used";
}

/* "a@x.org (550 no); correct [Notify] MailTo; refused for now: b@x.org (450 wait)"; owned. */
static char *refused_recipients(const struct session *session, const char *when_all_may_come)
{
	const char *refused = session->refused.text, *deferred = session->deferred.text;

	if (!refused[0])
		return mem_printf("%s%s", deferred, when_all_may_come);
	return mem_printf("%s; %s%s%s", refused, stages[RECIPIENT].remedy,
		deferred[0] ? "; refused for now: " : "", deferred);
}

static int fail_refused(const struct session *session, struct error *err)
{
	static const char later[] = "; it may take it later";
	bool is_recipient = session->refused_stage == RECIPIENT &&
			    (session->refused.addresses || session->deferred.addresses);
	CLEANUP(mem_freep)
	char *why = is_recipient ? refused_recipients(session, later)
		    : session->refused_code <= TEMPORARY_MAX
			    ? mem_printf("%s%s", session->reply, later)
			    : mem_printf("%s; %s", session->reply, stages[session->refused_stage].remedy);

	return error_fail(err, ERROR_NOTIFY_FAILED, -EREMOTEIO, "mail server %s %s: %s%s",
		session->server->url, stages[session->refused_stage].what, why, login_warning(session));
}

/* The errno as smtp.h has it. */
static int fail(const struct session *session, CURLcode code, struct error *err)
{
	switch ((int)code) {
	case CURLE_ABORTED_BY_CALLBACK:
		return error_fail(err, ERROR_NOTIFY_FAILED, -ECANCELED, "mail server %s: cancelled",
			session->server->url);
	case CURLE_OPERATION_TIMEDOUT:
		return fail_timeout(session, err);
	case CURLE_LOGIN_DENIED:
		return fail_login(session, err);
	case CURLE_USE_SSL_FAILED:
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CIPHER:
	case CURLE_SSL_CACERT_BADFILE:
		return fail_encryption(session, code, err);
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_CONNECT:
		return fail_connection(session, code, err);
	default: /* a refusal if the server has said so, else a connection that broke */
		return session->refused_code ? fail_refused(session, err)
					     : fail_connection(session, code, err);
	}
}

/* After success: some recipients were refused, or there was no login. */
static void warn(const struct session *session, struct error *err)
{
	const char *login = login_warning(session);

	if (session->deferred.text[0] || session->refused.text[0]) {
		CLEANUP(mem_freep) char *recipients = refused_recipients(session, "");

		error_fail(err, ERROR_NOTIFY_FAILED, 0,
			"mail server %s refused some of the recipients%s: %s%s", session->server->url,
			session->refused.text[0] ? "" : " for now", recipients, login);
	} else if (login[0]) {
		error_fail(err, ERROR_NOTIFY_FAILED, 0, "mail server %s takes mails%s", session->server->url,
			login);
	} else {
		error_set(err, 0, "%s", "");
	}
}

static int run(struct session *session, struct error *err)
{
	CURLcode code = drive(session);

	if (code != CURLE_OK)
		return fail(session, code, err);
	warn(session, err);
	return 0;
}

/* After a failure: may the same mail be taken later? An answer that is lost after the whole mail has gone out
 * may have been a good one: the mail would come twice. */
static bool may_come_later(const struct session *session, int result)
{
	if (result == -ECANCELED)
		return false;
	if (session->refused_code)
		return session->refused_stage == RECIPIENT ? session->deferred.addresses != NULL
							   : session->refused_code <= TEMPORARY_MAX;
	if (session->rest && session->rest_length == 0)
		return false;
	return result == -EHOSTUNREACH || result == -ETIMEDOUT;
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
	int r = session_open(&session, server, err);

	if (r == 0)
		r = session_set_mail(&session, mail, err);
	if (r < 0)
		return r;
	r = run(&session, err);
	outcome->later = r < 0 && may_come_later(&session, r);
	outcome->deferred = STEAL(session.deferred.addresses);
	outcome->refused = STEAL(session.refused.addresses);
	return r;
}

int smtp_probe(const struct smtp_server *server, struct error *err)
{
	CLEANUP(session_done) struct session session = { 0 };
	int r = session_open(&session, server, err);

	if (r < 0)
		return r;
	if (curl_easy_setopt(session.easy, CURLOPT_CUSTOMREQUEST, "NOOP") ||
		curl_easy_setopt(session.easy, CURLOPT_NOBODY, 1L))
		return fail_libcurl(err);
	return run(&session, err);
}
