/* SPDX-License-Identifier: MIT */
#include "hemera/budget.h"

#include <limits.h>

#define RESET_SLACK_S 1 /* X-RateLimit-Reset is rounded up to whole seconds */

void budget_init(struct budget *budget, unsigned requests_per_minute)
{
	*budget = (struct budget){ .limit = requests_per_minute, .left = requests_per_minute };
}

static unsigned budget_reserved(const struct budget *budget, bool reserve)
{
	return reserve ? (unsigned)((uint64_t)budget->limit * BUDGET_RESERVE_PERCENT / 100) : 0;
}

/* Ends a block or a window whose time has passed. */
static void budget_advance(struct budget *budget, uint64_t now_mono_ms)
{
	bool is_over = budget->window_end_mono_ms > 0 && now_mono_ms >= budget->window_end_mono_ms;

	if (budget->blocked_until_mono_ms > 0) {
		if (now_mono_ms < budget->blocked_until_mono_ms)
			return;
		/* Retry-After lasts until the end of the window and is rounded up, like Reset. */
		is_over = true;
	}
	if (!is_over)
		return;
	budget->blocked_until_mono_ms = 0;
	budget->window_end_mono_ms = 0;
	budget->left = budget->limit;
	budget->answered = false;
}

bool budget_take(struct budget *budget, bool reserve, uint64_t now_mono_ms)
{
	budget_advance(budget, now_mono_ms);
	if (budget->blocked_until_mono_ms > 0 || budget->left <= budget_reserved(budget, reserve))
		return false;
	/* The start of the window is an estimate, and other clients may have used it, so send one request
	 * first. */
	if (!budget->answered && budget->under_way > 0)
		return false;
	if (budget->window_end_mono_ms == 0)
		budget->window_end_mono_ms = now_mono_ms + BUDGET_WINDOW_MS;
	budget->left--;
	budget->under_way++;
	return true;
}

uint64_t budget_ready_at(const struct budget *budget, bool reserve, uint64_t now_mono_ms)
{
	struct budget then = *budget;

	budget_advance(&then, now_mono_ms);
	if (then.blocked_until_mono_ms > 0)
		return then.blocked_until_mono_ms;
	if (then.left <= budget_reserved(&then, reserve) && then.window_end_mono_ms > 0)
		return then.window_end_mono_ms;
	return now_mono_ms;
}

/* Sets the end of the window by the wall clock; false if the answer belongs to a window that is over. An
 * impossible Reset (the clocks differ) does not change the estimate. */
static bool budget_place(struct budget *budget, int64_t reset_s, uint64_t now_mono_ms, int64_t now_unix_ms)
{
	const int64_t now_s = now_unix_ms / 1000, window_s = BUDGET_WINDOW_MS / 1000;
	int64_t until_ms;
	uint64_t end;

	if (reset_s < now_s - window_s || reset_s > now_s + window_s + RESET_SLACK_S)
		return true;
	until_ms = reset_s * 1000 - now_unix_ms;
	if (until_ms <= 0)
		return false;
	/* Despite rounding, an open window ends within its length. The time in an answer is either right or
	 * too late, so the earliest one counts. */
	end = now_mono_ms + (uint64_t)(until_ms < BUDGET_WINDOW_MS ? until_ms : BUDGET_WINDOW_MS);
	if (end < budget->window_end_mono_ms)
		budget->window_end_mono_ms = end;
	return true;
}

void budget_answer(struct budget *budget, long limit, long remaining, int64_t reset_s, uint64_t now_mono_ms,
	int64_t now_unix_ms)
{
	if (budget->under_way > 0)
		budget->under_way--;
	/* Hemera's window begins when the request arrives, not when it was sent. */
	if (!budget->answered) {
		budget->window_end_mono_ms = now_mono_ms + BUDGET_WINDOW_MS;
		budget->remaining = UINT_MAX;
	}
	budget->answered = true;
	if (limit > 0 && limit <= INT_MAX)
		budget->limit = (unsigned)limit;
	if (remaining < 0 || remaining > INT_MAX)
		return;
	if (reset_s >= 0 && !budget_place(budget, reset_s, now_mono_ms, now_unix_ms))
		return;
	/* Answers may overtake each other: within a window, the lowest number is the latest. */
	if (reset_s > budget->reset_s || (unsigned)remaining < budget->remaining)
		budget->remaining = (unsigned)remaining;
	budget->reset_s = reset_s;
	/* Remaining may or may not count requests under way; the last answer brings the exact number. */
	budget->left = budget->remaining > budget->under_way ? budget->remaining - budget->under_way : 0;
}

void budget_refused(struct budget *budget, long retry_after_s, uint64_t now_mono_ms)
{
	uint64_t until = now_mono_ms + BUDGET_WINDOW_MS;

	if (retry_after_s >= 0) {
		long wait_s =
			retry_after_s > BUDGET_RETRY_AFTER_MAX_S ? BUDGET_RETRY_AFTER_MAX_S : retry_after_s;

		until = now_mono_ms + (uint64_t)(wait_s > 0 ? wait_s : 1) * 1000; /* 0 would be a busy loop */
	} else if (budget->window_end_mono_ms > now_mono_ms) {
		until = budget->window_end_mono_ms;
	}
	budget->left = 0;
	if (until > budget->blocked_until_mono_ms)
		budget->blocked_until_mono_ms = until;
}
