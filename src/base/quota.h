/* SPDX-License-Identifier: MIT */
#ifndef AITHER_BASE_QUOTA_H
#define AITHER_BASE_QUOTA_H

/*
 * How often something may be done: `burst` times at once, and again each `interval_ms` after that, up to
 * `burst` once more after a rest.
 *
 *	struct quota quota = { .burst = 5, .interval_ms = 30000 };
 *	uint64_t wait_ms = quota_take(&quota, time_mono_ms());
 *	if (wait_ms > 0)
 *		...refuse, and say when...
 */

#include <stdint.h>

struct quota {
	unsigned burst, interval_ms; /* both at least 1 */
	uint64_t spent_until_ms;     /* private: when the burst is complete again */
};

/* 0: taken. Else nothing is, and there is one again in so many milliseconds. The clock is monotonic. */
uint64_t quota_take(struct quota *quota, uint64_t now_mono_ms);

#endif
