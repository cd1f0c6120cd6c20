/* SPDX-License-Identifier: MIT */
#ifndef AITHER_WEB_REFUSALS_H
#define AITHER_WEB_REFUSALS_H

/*
 * Logs wrong tokens and passwords in the form that data/examples/fail2ban-filter.conf understands:
 *
 *	a wrong token from 192.0.2.7: POST /api/sync
 *
 * with AITHER_REMOTE_ADDR and REQUEST_ID as fields. The caller chooses nothing in the line but one
 * of our own routes. A missing token is not a wrong one: every browser's first request for a private page has
 * none.
 */

#include <stdbool.h>

#include "web/auth.h"

struct http_request;

/* A token or password made by chance is not guessed. So the lines are for a ban, which needs a few
 * of one address, and must not push everything else out of the journal: 30 are at most 40 MB a day. */
#define REFUSALS_PER_MINUTE 30

struct refusals {                  /* zeroed: none yet */
	unsigned logged, unlogged; /* in this minute */
};

/* After auth_check() has said UNAUTHORIZED. Requests over a unix socket have no address and are not logged.
 */
void refusals_log(struct refusals *refusals, const struct http_request *request, enum auth_need need);

/* Once a minute: logs how many more there were, and begins to count anew. */
void refusals_next_minute(struct refusals *refusals);

#endif
