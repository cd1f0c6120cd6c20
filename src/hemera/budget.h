/* SPDX-License-Identifier: MIT */
#ifndef AITHER_HEMERA_BUDGET_H
#define AITHER_HEMERA_BUDGET_H

/*
 * The number of requests that Hemera still permits in its fixed window (100 in 60 s, shared by all clients of
 * one service user). A budget lives as long as the worker and is used by one job at a time. The server's own
 * numbers take precedence: X-RateLimit-* of every answer, Retry-After of a 429.
 *
 *	while (!budget_take(budget, true, now))        one request
 *		wait until budget_ready_at(), or for an answer if requests are under way
 *	budget_answer(...)                             when the request has ended, in whatever way
 *	budget_refused(...)                            in addition, if the answer was a 429
 */

#include <stdbool.h>
#include <stdint.h>

#define BUDGET_WINDOW_MS 60000
#define BUDGET_RESERVE_PERCENT 10 /* kept for the homepage's refreshes */
/* Hemera sends 1 to 60. A proxy's 503 may have any value, and a scheduled sync must not wait for a year. */
#define BUDGET_RETRY_AFTER_MAX_S 3600

struct budget {
	unsigned limit;     /* per window */
	unsigned left;      /* in the current window, as far as known, without the requests under way */
	unsigned under_way; /* requests taken and not yet ended */
	bool answered;      /* since the window began; until then, only one request may be under way */
	unsigned remaining; /* the lowest X-RateLimit-Remaining of this window */
	int64_t reset_s;    /* X-RateLimit-Reset of this window; -1: none */
	uint64_t window_end_mono_ms;    /* 0: no window open, as far as known */
	uint64_t blocked_until_mono_ms; /* after a 429; 0: not blocked */
};

void budget_init(struct budget *budget, unsigned requests_per_minute);

/* Takes one request. False: wait for an answer if a request is under way, else until budget_ready_at.
 * `reserve`: do not use the homepage's share. */
bool budget_take(struct budget *budget, bool reserve, uint64_t now_mono_ms);
uint64_t budget_ready_at(const struct budget *budget, bool reserve, uint64_t now_mono_ms); /* monotonic ms */

/* Call it when a request has ended. limit, remaining and reset_s are the numbers in its answer, -1 if absent.
 * now_unix_ms: the wall clock, to which reset_s refers; a reset_s that is impossible by it is ignored. */
void budget_answer(struct budget *budget, long limit, long remaining, int64_t reset_s, uint64_t now_mono_ms,
	int64_t now_unix_ms);
void budget_refused(struct budget *budget, long retry_after_s, uint64_t now_mono_ms); /* a 429 */

#endif
