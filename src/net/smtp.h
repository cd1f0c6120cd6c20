/* SPDX-License-Identifier: MIT */
#ifndef AITHER_NET_SMTP_H
#define AITHER_NET_SMTP_H

/*
 * Sends one mail with libcurl to the operator's own mail server; blocks. smtps:// is TLS from the start,
 * smtp:// needs STARTTLS, certificates are verified (fetch.h names the CAs), and user and password are sent
 * inside TLS only. If the host is this machine (localhost, 127.0.0.0/8, [::1]), TLS is used if it is offered,
 * and any certificate is accepted: Debian's mail servers come with a self-signed one for another name, which
 * must not stop a mail that reports a fault.
 *
 * AUTH is PLAIN or LOGIN. A server that offers no AUTH gets the mail without a login, and the caller gets a
 * warning. EHLO announces the name from net/host.h. A cancellation takes effect within 2 s. The operator is
 * responsible for certificate, name and port, so every error message says which of them to correct.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct error;

struct smtp_server {
	const char *url;              /* smtp://host[:port] or smtps://host[:port] */
	const char *user, *password;  /* NULL: no AUTH */
	unsigned timeout_ms;          /* for the whole call */
	const atomic_bool *cancelled; /* may be NULL */
};

struct smtp_mail {
	const char *from; /* bare address: the envelope's sender */
	const char *to;   /* bare addresses or mailbox names on that server ("root"), separated by commas */
	const char *text; /* the whole message, with CRLF; smtp_send stuffs dots */
	size_t length;
};

/* The recipients that the server has refused, separated by commas, owned, NULL if there are none. deferred:
 * refused temporarily (4yz of RFC 5321, 4.2.1); refused: permanently (5yz). later: the mail was not sent, but
 * a later attempt may succeed, because the server refused it temporarily or cannot be reached. False if only
 * the answer to the whole mail was lost. */
struct smtp_outcome {
	char *deferred, *refused;
	bool later;
};

/* 0: the server has accepted the mail for at least one recipient; err->message is then "", or a warning that
 * names the refused recipients. -EHOSTUNREACH: there is no connection, or it broke; -EPROTO: TLS failed;
 * -EKEYREJECTED: the certificate was refused; -EACCES: AUTH was refused; -EREMOTEIO: the server refused the
 * mail (the message contains its reply); -ETIMEDOUT; -ECANCELED; -EINVAL: no recipient. All have the code
 * ERROR_NOTIFY_FAILED and a sentence without the password. `outcome` must be zeroed; it is always filled. */
int smtp_send(const struct smtp_server *server, const struct smtp_mail *mail, struct smtp_outcome *outcome,
	struct error *err);
void smtp_outcome_done(struct smtp_outcome *outcome);

/* Checks whether the server would accept a mail: the same dialog up to and including AUTH, then NOOP, which
 * the server need not know, and QUIT. */
int smtp_probe(const struct smtp_server *server, struct error *err);

#endif
