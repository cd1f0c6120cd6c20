/* SPDX-License-Identifier: MIT */
#ifndef AITHER_HEMERA_RETRY_H
#define AITHER_HEMERA_RETRY_H

/*
 * What becomes of an attempt whose request has ended: reported, tried again later, tried at the other origin.
 * Retries only for what may pass, with exponential backoff and jitter, and never beyond the deadline.
 * Internal to hemera/exchange.c.
 */

#include <stdbool.h>

struct attempt;
struct error;
struct reply;

#define RETRY_BACKOFF_MS 200 /* before the first retry; doubled for each further one */
#define RETRY_BACKOFF_MAX_MS 3000
#define RETRY_UNREACHED_MAX 2   /* a Hemera that is down shall cost a second, not the time limit */
#define RETRY_UNREACHED_MS 1000 /* no quick retry after a connect that took longer */

/* Takes the attempt over. A request was sent. */
void retry_settle(struct attempt *attempt, const struct reply *reply, struct error *problem);

/* Takes the attempt over. No request of this job has reached the origin yet: quick retries where it
 * `may_pass`, then the other origin, then the end. */
void retry_unreached(struct attempt *attempt, bool may_pass, struct error *problem);

#endif
