/* SPDX-License-Identifier: MIT */
#ifndef AITHER_HEMERA_BUDGET_H
#define AITHER_HEMERA_BUDGET_H

/*
 * How many requests Hemera still permits in its fixed window (100 in 60 s, shared by every client of
 * one service user). One budget lives as long as the worker and is used by one job at a time. The
 * server's word wins: X-RateLimit-* of every answer, Retry-After of a 429.
 *
 *	while (!budget_take(budget, true, now))        one request
 *		wait until budget_ready_at(), or for an answer if requests are under way
 *	budget_answer(...)                             when it has ended, however it ended
 *	budget_refused(...)                            then also, if it was a 429
 */

#include <stdbool.h>
#include <stdint.h>

#define BUDGET_WINDOW_MS 60000
#define BUDGET_RESERVE_PERCENT 10 /* kept for the homepage's refreshes */
/* Hemera says 1 to 60; a longer Retry-After, with a 503 of whoever stands before it, is taken for this: the
 * timer's sync does as it is told, and must not wait for a year. */
#define BUDGET_RETRY_AFTER_MAX_S 3600

struct budget {
	unsigned limit;     /* per window */
	unsigned left;      /* in the present window, as far as known; requests under way are taken off */
	unsigned under_way; /* taken and not yet ended */
	bool answered;      /* since the window began; until then only one request may be under way */
	unsigned remaining; /* the lowest that an answer of this window said */
	int64_t reset_s;    /* which window that is: what its answers said; -1: nothing */
	uint64_t window_end_mono_ms;    /* 0: no window open, as far as known */
	uint64_t blocked_until_mono_ms; /* after a 429; 0: not blocked */
};

void budget_init(struct budget *budget, unsigned requests_per_minute);

/* Takes one request off. False: wait for an answer while any request is under way, else until
 * budget_ready_at. `reserve`: leave the homepage's share. */
bool budget_take(struct budget *budget, bool reserve, uint64_t now_mono_ms);
uint64_t budget_ready_at(const struct budget *budget, bool reserve, uint64_t now_mono_ms); /* monotonic ms */

/* A request has ended; what its answer said, -1 where it said nothing or there was none. now_unix_ms: the
 * wall clock, to place `reset_s`; a Reset that is impossible by it is not used. */
void budget_answer(struct budget *budget, long limit, long remaining, int64_t reset_s, uint64_t now_mono_ms,
	int64_t now_unix_ms);
void budget_refused(struct budget *budget, long retry_after_s, uint64_t now_mono_ms); /* a 429 */

#endif
