/* SPDX-License-Identifier: MIT */
#ifndef AITHER_NET_SMTP_H
#define AITHER_NET_SMTP_H

/*
 * Sends one mail with libcurl to the operator's own mail server; blocks. smtps:// is TLS from the start,
 * smtp:// needs STARTTLS, certificates are verified (fetch.h names the CAs), and user and password are sent
 * inside TLS only. If the host is this machine (localhost, 127.0.0.0/8, [::1]), TLS is used if it is offered,
 * and any certificate will do. Debian's mail servers come with a self-signed one for another name, and that
 * must not stop a mail that reports a fault.
 *
 * AUTH is PLAIN or LOGIN; a server that offers no AUTH gets the mail without it, and the caller a warning.
 * EHLO has the name of net/host.h. A cancellation is seen within 2 s. Certificate, name and port are the
 * operator's business: every sentence says which of them to correct.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct error;

struct smtp_server {
	const char *url;              /* smtp://host[:port] or smtps://host[:port] */
	const char *user, *password;  /* NULL: no AUTH */
	unsigned timeout_ms;          /* whole call */
	const atomic_bool *cancelled; /* may be NULL */
};

struct smtp_mail {
	const char *from; /* bare address: the envelope's sender */
	const char *to;   /* bare addresses or names of mailboxes there ("root"), separated by commas */
	const char *text; /* the whole message, CRLF; dots are stuffed here */
	size_t length;
};

/* Recipients that the server refused, separated by commas, owned, NULL: none; deferred: for now (4yz of RFC
 * 5321, 4.2.1), refused: for good (5yz). later: the mail was not sent but may be accepted later, because the
 * server refused it for now or cannot be reached; not if only the answer to the whole mail was lost. */
struct smtp_outcome {
	char *deferred, *refused;
	bool later;
};

/* 0: the server has taken it for at least one recipient; err->message is then "", or a warning that names the
 * refused ones. -EHOSTUNREACH: no connection, or it broke; -EPROTO: TLS, -EKEYREJECTED: the
 * certificate, -EACCES: AUTH refused, -EREMOTEIO: the server refused it (its reply is in the sentence),
 * -ETIMEDOUT, -ECANCELED, -EINVAL: no recipient; all with code ERROR_NOTIFY_FAILED and a sentence without the
 * password. `outcome` must be zeroed, and is filled in any case. */
int smtp_send(const struct smtp_server *server, const struct smtp_mail *mail, struct smtp_outcome *outcome,
	struct error *err);
void smtp_outcome_done(struct smtp_outcome *outcome);

/* The same up to and with AUTH, then NOOP, which the server need not know, and QUIT: would a mail be taken?
 */
int smtp_probe(const struct smtp_server *server, struct error *err);

#endif
