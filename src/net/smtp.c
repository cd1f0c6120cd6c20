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

#define GOODBYE_WAIT_MS 2000 /* for the answer to QUIT, when the mail has been accepted already */

#define CODE_LENGTH 3     /* "250 " or "250-", then text: RFC 5321, 4.2 */
#define REFUSAL_MIN 400   /* RFC 5321, 4.2.1: 4yz may succeed later, */
#define TEMPORARY_MAX 499 /* 5yz will not */
#define SYNTAX_MIN 500    /* RFC 5321, 4.2.2: an unknown command */
#define SYNTAX_MAX 504
#define BAD_ARGUMENT 501
#define REPLY_SIZE 400   /* RFC 5321 permits lines of 512 bytes; a longer reply is cut */
#define LINES_SIZE 380   /* the same without the number */
#define REFUSED_SIZE 640 /* several recipients, each with a short reason */
#define SECRET_SIZE 1024 /* user and password of 255 and 256 bytes, in Base64 */
#define ADDRESS_SIZE 256

enum stage { /* the current command, or the last one */
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
	[GREETING] = { "", "refuses the connection", "check the server's log" },
	[EHLO] = { "EHLO", "refuses this machine", "check the server's log" },
	[HELO] = { "HELO", "refuses this machine", "check the server's log" },
	[STARTTLS] = { "STARTTLS", "refuses to encrypt", "check the server's log" },
	[LOGIN] = { "AUTH", "refuses the login", "check the server's log" },
	[SENDER] = { "MAIL", "refuses the sender",
		"set [Notify] MailFrom to an address it accepts, and SMTPUser if it requires a login" },
	[RECIPIENT] = { "RCPT", "refuses every recipient", "correct [Notify] MailTo" },
	[MESSAGE] = { "DATA", "refuses the mail", "check the server's log" },
	[OTHER] = { "NOOP", "is not ready", "check the server's log" },
	[GOODBYE] = { "QUIT", "is not ready", "check the server's log" },
};

struct recipients {
	char text[REFUSED_SIZE]; /* "a@x.org (550 no), b@x.org (...)" */
	char *addresses;         /* owned; all recipients, separated by commas; NULL: none */
};

/* A call that is running. libcurl reports only the number of the last refusal. So on_debug follows the dialog
 * (RFC 5321) line by line, to get the server's own words and to learn which recipients it refused. */
struct session {
	CURL *easy;
	struct curl_slist *to;
	char error_text[CURL_ERROR_SIZE];
	const struct smtp_server *server;
	const char *rest; /* of the message, not yet sent; NULL: there is no message */
	size_t rest_length;

	enum stage stage, refused_stage;
	unsigned refused_code;               /* 0: the last command but QUIT was not refused */
	char lines[LINES_SIZE];              /* of the reply that is being received */
	char reply[REPLY_SIZE];              /* the last refusal: "550 5.1.1 no such user" */
	const char *next_to;                 /* the recipients for whom RCPT TO was not sent yet */
	char recipient[ADDRESS_SIZE];        /* of the last RCPT TO */
	bool wants_domain;                   /* the server refuses a name like "root" because of its form */
	struct recipients deferred, refused; /* temporarily; permanently */
	bool refuses_client;                 /* the server refuses this machine or user, for all recipients */
	bool logged_in;                      /* or has tried to log in */
	char secret[SECRET_SIZE];            /* the last line sent while logging in */
	uint64_t goodbye_mono_ms;            /* when QUIT was sent */
};

static void session_done(struct session *session)
{
	curl_easy_cleanup(session->easy);
	curl_slist_free_all(session->to);
	free(session->deferred.addresses);
	free(session->refused.addresses);
	explicit_bzero(session->secret, sizeof(session->secret));
}

/* ---- the dialog ---- */

/* Copies a line without its line break. Replaces all characters except plain ASCII, because the line becomes
 * part of sentences in JSON and on terminals. */
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
	/* A login may take several lines: user and password. */
	session->stage = session->stage == LOGIN ? LOGIN : OTHER;
	for (size_t i = EHLO; i < ARRAY_SIZE(stages); i++)
		if (strlen(stages[i].command) == word && strncasecmp(text, stages[i].command, word) == 0)
			session->stage = (enum stage)i;
	if (session->stage == GOODBYE)
		session->goodbye_mono_ms = time_mono_ms();
	else
		session->refused_code = 0;
	if (session->stage == RECIPIENT) { /* libcurl keeps the order of recipients */
		size_t size = strcspn(session->next_to, ",");

		snprintf(session->recipient, sizeof(session->recipient), "%.*s", (int)size, session->next_to);
		session->next_to += size + (session->next_to[size] == ',');
	}
	if (session->stage == LOGIN) {
		/* "AUTH PLAIN SECRET", or "AUTH LOGIN" followed by lines that are secret. */
		const char *blank = strncasecmp(text, "AUTH ", 5) == 0 ? strchr(text + 5, ' ') : NULL;
		const char *secret = strncasecmp(text, "AUTH ", 5) != 0 ? text : blank ? blank + 1 : "";

		snprintf(session->secret, sizeof(session->secret), "%s", secret);
		session->logged_in = true;
	}
	explicit_bzero(text, sizeof(text));
}

/* Does the server refuse this client rather than the address? In "554 5.7.1", the second number is 7 for
 * security and policy (RFC 3463, 3.8). Exim sends no such numbers, and Debian's Postfix defers mails for
 * other hosts. In a reply to MAIL, policy is mostly about the sender. */
static bool is_about_client(enum stage stage, unsigned code, const char *reply)
{
	const char *text = reply + CODE_LENGTH;
	bool has_subject = (strncmp(text, " 5.", 3) == 0 || strncmp(text, " 4.", 3) == 0) &&
			   isdigit((unsigned char)text[3]) && text[4] == '.';

	if (code == 530) /* RFC 4954, 6: authentication required */
		return true;
	if (has_subject && text[3] != '7') /* "550 5.1.1 User unknown in relay recipient table" */
		return false;
	if (strcasestr(text, "relay") || strcasestr(text, "client host"))
		return true;
	if (stage != RECIPIENT || code <= TEMPORARY_MAX)
		return false;
	return has_subject ? text[3] == '7' : code == 554;
}

/* Handles one line of a reply: "550-5.1.1 no", "550 such user". Some servers repeat a line that they refuse,
 * so a line with the password is hidden. */
static void on_received(struct session *session, const char *line, size_t length)
{
	static const char hidden[] = "(a line that contains a secret)";
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
		if (session->stage == SENDER || session->stage == RECIPIENT)
			session->refuses_client |= is_about_client(session->stage, code, session->reply);
		if (session->stage == RECIPIENT) {
			session->wants_domain |= code == BAD_ARGUMENT && !strchr(session->recipient, '@');
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

/* libcurl calls this about once a second. Returning true is the only way to stop in the middle of a mail: if
 * a handle is merely removed, libcurl first completes the mail with the part that it has sent. */
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
	return error_fail(err, ERROR_NOTIFY_FAILED, -ENOSYS, "libcurl %s lacks a feature that aither needs",
		curl_version());
}

static int session_open(struct session *session, const struct smtp_server *server, struct error *err)
{
	/* Over a network, nothing is sent unencrypted or to a server that is not verified. On this machine
	 * there is nothing to hide, and Debian's mail servers come with a self-signed certificate for another
	 * name. */
	bool is_local = config_url_is_local(server->url), has_login = server->user && server->password;
	/* libcurl uses the path of the URL as the name in EHLO. */
	CLEANUP(mem_freep) char *url = mem_printf("%s/%s", server->url, host_name());
	CURL *easy = curl_common_easy();

	session->server = server;
	session->easy = easy;
	if (!easy || curl_easy_setopt(easy, CURLOPT_URL, url) ||
		curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "smtp,smtps") ||
		curl_easy_setopt(easy, CURLOPT_PROXY, "") || /* the proxy variables are for HTTP */
		curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)server->timeout_ms) ||
		curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, session->error_text) ||
		curl_easy_setopt(easy, CURLOPT_VERBOSE, 1L) ||
		curl_easy_setopt(easy, CURLOPT_DEBUGFUNCTION, on_debug) ||
		curl_easy_setopt(easy, CURLOPT_DEBUGDATA, session) ||
		curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L) ||
		curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, on_progress) ||
		curl_easy_setopt(easy, CURLOPT_XFERINFODATA, session) ||
		/* Close the connection during this transfer, so that on_progress can limit the wait. */
		curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L) ||
		curl_easy_setopt(easy, CURLOPT_USE_SSL, (long)(is_local ? CURLUSESSL_TRY : CURLUSESSL_ALL)) ||
		curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, is_local ? 0L : 1L) ||
		curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, is_local ? 0L : 2L) ||
		/* Every server with passwords supports PLAIN or LOGIN. Other methods, which libcurl would
		 * prefer, need a ticket, a domain or a plain text password on the server. */
		curl_easy_setopt(easy, CURLOPT_LOGIN_OPTIONS, "AUTH=PLAIN;AUTH=LOGIN") ||
		curl_easy_setopt(easy, CURLOPT_USERNAME, has_login ? server->user : NULL) ||
		curl_easy_setopt(easy, CURLOPT_PASSWORD, has_login ? server->password : NULL))
		return fail_libcurl(err);
	return 0;
}

/* A warning about a login that is configured but not offered; else "". */
static const char *login_warning(const struct session *session)
{
	if (!session->server->user || !session->server->password || session->logged_in)
		return "";
	return "; it offers no login (AUTH), so [Notify] SMTPUser is not used";
}

/* The remedy for a refusal at that stage. */
static const char *remedy_of(const struct session *session, enum stage stage)
{
	if (session->wants_domain && stage == RECIPIENT)
		return "add @ and a domain to the name in [Notify] MailTo (for this machine: @localhost)";
	if (!session->refuses_client)
		return stages[stage].remedy;
	if (session->logged_in)
		return "have its operator permit this user";
	if (session->server->user && session->server->password)
		return "have its operator permit this machine";
	return "it requires a login, or does not know this machine: set [Notify] SMTPUser and run `aither set-secret smtp-password`, or have its operator permit this machine";
}

/* "a@x.org (550 no); correct [Notify] MailTo; refused for now: b@x.org (450 wait)"; owned. */
static char *refused_recipients(const struct session *session, const char *when_all_may_come)
{
	const char *refused = session->refused.text, *deferred = session->deferred.text;
	const char *remedy = remedy_of(session, RECIPIENT);

	if (!refused[0] && session->refuses_client)
		return mem_printf("%s; %s", deferred, remedy);
	if (!refused[0])
		return mem_printf("%s%s", deferred, when_all_may_come);
	return mem_printf("%s; %s%s%s", refused, remedy, deferred[0] ? "; refused for now: " : "", deferred);
}

/* Returns an errno as described in smtp.h; the message says what to do. */
static int fail(const struct session *session, CURLcode code, struct error *err)
{
	static const char later[] = "; a later attempt may succeed";
	const char *url = session->server->url, *reply = session->reply;
	bool is_refused = session->refused_code > 0, is_temporary = session->refused_code <= TEMPORARY_MAX;
	bool is_smtp = strncmp(url, "smtp:", 5) == 0;
	unsigned seconds = (session->server->timeout_ms + 999) / 1000;
	curl_off_t named_us = 0, connected_us = 0;
	enum fetch_step distrust = FETCH_STEP_TRUST;
	CLEANUP(mem_freep) char *reason = NULL, *text = NULL;
	int r = -EHOSTUNREACH;

	curl_easy_getinfo(session->easy, CURLINFO_NAMELOOKUP_TIME_T, &named_us);
	curl_easy_getinfo(session->easy, CURLINFO_CONNECT_TIME_T, &connected_us);
	reason = curl_common_reason(
		session->easy, code, *session->error_text ? session->error_text : curl_easy_strerror(code));
	switch ((int)code) {
	case CURLE_ABORTED_BY_CALLBACK:
		r = -ECANCELED;
		text = mem_strdup(": cancelled");
		break;
	case CURLE_OPERATION_TIMEDOUT:
		r = -ETIMEDOUT;
		if (named_us == 0)
			text = mem_printf(
				": the name service did not answer within %u s; check [Notify] SMTPURL, and the name service of this machine",
				seconds);
		/* A server that expects TLS from the start waits for us, while we wait for its greeting. */
		else if (connected_us > 0 && session->stage == GREETING && is_smtp)
			text = mem_printf(
				" sent no greeting within %u s; if that port expects TLS from the start (465), write smtps:// in [Notify] SMTPURL",
				seconds);
		else
			text = mem_printf(
				" did not %s within %u s; check [Notify] SMTPURL, a firewall, and the server's log",
				connected_us > 0 ? "complete the mail" : "answer", seconds);
		break;
	case CURLE_LOGIN_DENIED:
		r = -EACCES;
		if (!is_refused)
			text = mem_strdup(
				" offers no login method that aither supports (AUTH PLAIN or LOGIN); ask its operator, or remove [Notify] SMTPUser if it requires no login");
		else if (is_temporary)
			text = mem_printf(
				" cannot check the user and the password now: %s; try again later", reply);
		else
			text = mem_printf(
				" does not accept the user or the password: %s; check [Notify] SMTPUser, and run `aither set-secret smtp-password`",
				reply);
		break;
	case CURLE_USE_SSL_FAILED:
		r = -EPROTO;
		text = mem_printf(
			" offers no encryption (STARTTLS)%s%s, and aither sends nothing unencrypted over a network; enable STARTTLS there, or write smtps://host:465 in [Notify] SMTPURL if it supports that",
			is_refused ? ": " : "", is_refused ? reply : "");
		break;
	case CURLE_SSL_CONNECT_ERROR:
		r = -EPROTO;
		text = mem_printf(" and this machine cannot agree on encryption: %s%s", reason,
			is_smtp ? "; check the server's log"
				: "; if that port expects STARTTLS (25, 587), write smtp:// in [Notify] SMTPURL");
		break;
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CIPHER:
	case CURLE_SSL_CACERT_BADFILE:
		if (code == CURLE_PEER_FAILED_VERIFICATION)
			distrust = curl_common_distrust(session->easy);
		r = -EKEYREJECTED;
		text = mem_printf(": %s; %s", reason,
			distrust == FETCH_STEP_TRUST_TIME
				? "renew it on the server, or correct this machine's clock: timedatectl(1)"
			: distrust == FETCH_STEP_TRUST_NAME
				? "write a host name that the certificate is valid for in [Notify] SMTPURL"
				: "install one of a known CA there, or add your own CA to this machine: update-ca-certificates(8)");
		break;
	default:
		if (is_refused) {
			CLEANUP(mem_freep)
			char *why = session->refused_stage == RECIPIENT ? refused_recipients(session, later)
				    : is_temporary                      ? mem_printf("%s%s", reply, later)
									: mem_printf("%s; %s", reply,
										  remedy_of(session, session->refused_stage));
			r = -EREMOTEIO;
			text = mem_printf(" %s: %s%s", stages[session->refused_stage].what, why,
				login_warning(session));
		} else if (connected_us > 0) {
			text = mem_strdup(" closed the connection unexpectedly; check the server's log");
		} else {
			return error_fail(err, ERROR_NOTIFY_FAILED, r,
				"cannot reach mail server %s: %s; check [Notify] SMTPURL, and that the server is running",
				url, reason);
		}
	}
	return error_fail(err, ERROR_NOTIFY_FAILED, r, "mail server %s%s", url, text);
}

/* A server that does not know NOOP (RFC 5321, 4.2.4; msmtpd) has accepted all commands before it. */
static bool lacks_noop(const struct session *session)
{
	return session->refused_stage == OTHER && session->refused_code >= SYNTAX_MIN &&
	       session->refused_code <= SYNTAX_MAX;
}

static int run(struct session *session, struct error *err)
{
	const char *url = session->server->url, *login;
	CURLcode code = curl_easy_perform(session->easy);

	if (code != CURLE_OK && !lacks_noop(session))
		return fail(session, code, err);
	login = login_warning(session);
	if (session->deferred.addresses || session->refused.addresses) {
		CLEANUP(mem_freep) char *recipients = refused_recipients(session, "");

		return error_fail(err, ERROR_NOTIFY_FAILED, 0,
			"mail server %s refused some of the recipients%s: %s%s", url,
			session->refused.addresses ? "" : " for now", recipients, login);
	}
	if (login[0])
		return error_fail(err, ERROR_NOTIFY_FAILED, 0, "mail server %s accepts mail%s", url, login);
	return error_set(err, 0, "%s", "");
}

/* After a failure: might a later attempt succeed? If the answer to a whole mail was lost, the server may have
 * accepted the mail, which would then arrive twice. */
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

/* `domain`: appended to recipients without one. */
static int send_once(const struct smtp_server *server, const struct smtp_mail *mail, const char *domain,
	bool *ret_wants_domain, struct smtp_outcome *outcome, struct error *err)
{
	CLEANUP(session_done)
	struct session session = { .rest = mail->text, .rest_length = mail->length, .next_to = mail->to };
	int r = session_open(&session, server, err);

	if (r < 0)
		return r;
	if (!mail->to) /* libcurl would send HELP, and succeed */
		return error_fail(err, ERROR_NOTIFY_FAILED, -EINVAL, "the mail has no recipient");
	for (const char *next = mail->to; next;) {
		size_t length = strcspn(next, ",");
		bool has_domain = memchr(next, '@', length) != NULL;
		CLEANUP(mem_freep)
		char *address = mem_printf("%.*s%s", (int)length, next, has_domain ? "" : domain);
		struct curl_slist *list = curl_slist_append(session.to, address);
		if (!list) /* as mem.h does */
			abort();
		session.to = list;
		next = next[length] ? next + length + 1 : NULL;
	}
	if (curl_easy_setopt(session.easy, CURLOPT_MAIL_FROM, mail->from) ||
		curl_easy_setopt(session.easy, CURLOPT_MAIL_RCPT, session.to) ||
		curl_easy_setopt(session.easy, CURLOPT_MAIL_RCPT_ALLLOWFAILS, 1L) ||
		curl_easy_setopt(session.easy, CURLOPT_UPLOAD, 1L) ||
		curl_easy_setopt(session.easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)mail->length) ||
		curl_easy_setopt(session.easy, CURLOPT_READFUNCTION, on_read) ||
		curl_easy_setopt(session.easy, CURLOPT_READDATA, &session))
		return fail_libcurl(err);
	r = run(&session, err);
	outcome->later = r < 0 && may_come_later(&session, r);
	outcome->deferred = STEAL(session.deferred.addresses);
	outcome->refused = STEAL(session.refused.addresses);
	*ret_wants_domain = session.wants_domain;
	return r;
}

int smtp_send(const struct smtp_server *server, const struct smtp_mail *mail, struct smtp_outcome *outcome,
	struct error *err)
{
	bool wants_domain = false;
	int r = send_once(server, mail, "", &wants_domain, outcome, err);

	/* Exim requires root@localhost. msmtpd requires root, to find it among its aliases. Postfix accepts
	 * both. */
	if (r != -EREMOTEIO || !wants_domain || !config_url_is_local(server->url))
		return r;
	smtp_outcome_done(outcome);
	return send_once(server, mail, "@localhost", &wants_domain, outcome, err);
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
