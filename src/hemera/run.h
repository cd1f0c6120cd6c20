/* SPDX-License-Identifier: MIT */
#ifndef AITHER_HEMERA_RUN_H
#define AITHER_HEMERA_RUN_H

/*
 * The books of one exchange_run: which indexes are not yet begun, under way, or waiting for their next try.
 *
 *	run_take_next -> run_queue (again, later) or run_report (done with)
 *	run_end: nothing new is begun; run_report_rest tells those that are left
 *
 * Internal to hemera/exchange.c and hemera/retry.c.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "hemera/exchange.h"

struct reply;

/* One index that has been taken up: a request under way, or waiting for its next try. */
struct attempt {
	struct run *run;
	size_t index;
	unsigned retries;
	uint64_t due_mono_ms;
	uint64_t sent_mono_ms; /* the latest try */
	struct attempt *next;  /* in run->waiting */
};

struct run {
	struct hemera *client;
	const struct exchange *exchange;
	size_t begun; /* indexes below it have been taken up */
	unsigned under_way;
	struct attempt *waiting; /* owned, in no order; at most run_places() */
	unsigned waiting_count;
	bool ended; /* nothing is sent any more */
	int result;
	struct error reason; /* why it ended early: what the indexes that remain are told */
};

/* How many may be under way or waiting: an ailing Hemera gets fewer requests, since each that it fails keeps
 * its place until its retry. One at a time until an origin has answered. */
unsigned run_places(const struct run *run);

/* The next index to send: a retry that is due before one that was never tried. Owned; NULL: none now. */
struct attempt *run_take_next(struct run *run, uint64_t now_mono_ms);

/* When there will be a next index to send, if no answer comes before; UINT64_MAX: none. */
uint64_t run_next_ms(const struct run *run, uint64_t now_mono_ms);
bool run_has_due(const struct run *run); /* is any that is due still to be sent? */

/* Keeps an attempt (ownership passes) for its next try. */
void run_queue(struct attempt *attempt, uint64_t due_mono_ms);

/* Tells the caller of exchange_run about an index and releases the attempt. reply: NULL without data. */
void run_report(struct attempt *attempt, enum exchange_end end, const struct reply *reply,
	const struct error *problem);
void run_report_rest(struct run *run); /* as deferred, with the reason of the end */

/* The first end counts. result: what exchange_run returns, 0 where only the rest is deferred. */
void run_end(struct run *run, int result, const struct error *reason);
void run_end_timeout(struct run *run);
void run_end_limited(struct run *run);
void run_end_cancelled(struct run *run);

#endif
