/* SPDX-License-Identifier: MIT */
#ifndef AITHER_BASE_QUOTA_H
#define AITHER_BASE_QUOTA_H

/*
 * A rate limit (token bucket): an action is permitted `burst` times at once, and once more after each
 * `interval_ms`.
 *
 *	struct quota quota = { .burst = 5, .interval_ms = 30000 };
 *	uint64_t wait_ms = quota_take(&quota, time_mono_ms());
 *	if (wait_ms > 0)
 *		...refuse, and say when to retry...
 */

#include <stdint.h>

struct quota {
	unsigned burst, interval_ms; /* both at least 1 */
	uint64_t spent_until_ms;     /* private: when the burst is complete again */
};

/* Takes a token and returns 0, or returns the milliseconds until the next one. The clock is monotonic. */
uint64_t quota_take(struct quota *quota, uint64_t now_mono_ms);

#endif
