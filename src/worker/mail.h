/* SPDX-License-Identifier: MIT */
#ifndef AITHER_WORKER_MAIL_H
#define AITHER_WORKER_MAIL_H

/*
 * Sends one mail to the operator. Blocks; may be called on any thread.
 *
 *	struct mail mail = mail_write(config, &message);
 *	mail_send(config, &mail, cancelled, &outcome, &err);
 *	free(mail.text);
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "notify/incident.h"

struct config;
struct error;
struct message;
struct smtp_outcome;

#define MAIL_TIMEOUT_MS 30000
#define MAIL_RETRY_MS UINT64_C(14400000) /* four hours: longer than greylisting or an upgrade takes */

/* All borrowed, except that mail_write's text is owned. retry_s: in how many seconds the mail is retried if
 * the server refuses it temporarily. 0: no retry is planned, and the log line ends with `otherwise` instead
 * (", giving up"). */
struct mail {
	enum incident_kind kind;
	const char *message_id, *job_id; /* job_id NULL: not about a sync */
	const char *to;
	char *text;
	unsigned retry_s;
	const char *otherwise;
};

/* Writes a mail to all recipients. Fills in the message's from, to, host, site and time. */
struct mail mail_write(const struct config *config, const struct message *message);

/* Sends the mail and logs one line. `outcome` and `err` (which after a success may hold a warning) are those
 * of smtp_send. */
int mail_send(const struct config *config, const struct mail *mail, const atomic_bool *cancelled,
	struct smtp_outcome *outcome, struct error *err);

/* Has the server temporarily refused the mail for at least one recipient? `result` is mail_send's. */
bool mail_is_deferred(int result, const struct smtp_outcome *outcome);

/* Returns the recipients in `list` that are (or are not) in `other`. Lists are separated by commas. Owned;
 * NULL: none. */
char *mail_recipients(const char *list, const char *other, bool are_in_it);

/* The retries of a mail; initialise with zeros. */
struct mail_retry {
	uint64_t since_mono_ms;
	unsigned delay_s;
};

/* Call at the beginning of each try. Returns the number of seconds to the next try, which grows with each; 0:
 * this is the last try. */
unsigned mail_retry_next(struct mail_retry *retry, unsigned first_s);

#endif
