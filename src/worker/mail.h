/* SPDX-License-Identifier: MIT */
#ifndef AITHER_WORKER_MAIL_H
#define AITHER_WORKER_MAIL_H

/*
 * Sends one mail to the operator. Blocks; any thread.
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
#define MAIL_RETRY_MS UINT64_C(14400000) /* four hours: longer than greylists and upgrades take */

/* All borrowed, except that mail_write's text is owned. retry_s: when it is sent again if the server refuses
 * it for now; 0: it is not, and `otherwise` ends the sentence in the log (", giving up"). */
struct mail {
	enum incident_kind kind;
	const char *message_id, *job_id; /* job_id NULL: about no sync */
	const char *to;
	char *text;
	unsigned retry_s;
	const char *otherwise;
};

/* A mail to all recipients. Fills in the message's from, to, host, site and time. */
struct mail mail_write(const struct config *config, const struct message *message);

/* Sends it and writes one line to the log. `outcome` and `err` (a warning after a success): as smtp_send. */
int mail_send(const struct config *config, const struct mail *mail, const atomic_bool *cancelled,
	struct smtp_outcome *outcome, struct error *err);

/* By mail_send's result: has the server refused it for now, for all recipients or some? */
bool mail_is_deferred(int result, const struct smtp_outcome *outcome);

/* The recipients of one list, separated by commas, that are (or are not) in another; owned, NULL: none. */
char *mail_recipients(const char *list, const char *other, bool are_in_it);

/* The retries of a mail; zeroed at first. */
struct mail_retry {
	uint64_t since_mono_ms;
	unsigned delay_s;
};

/* Begins a try. Returns in how many seconds the next one is, at growing intervals; 0: this is the last. */
unsigned mail_retry_next(struct mail_retry *retry, unsigned first_s);

#endif
