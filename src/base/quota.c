/* SPDX-License-Identifier: MIT */
#include "base/quota.h"

uint64_t quota_take(struct quota *quota, uint64_t now_mono_ms)
{
	uint64_t debt_max_ms = (uint64_t)(quota->burst - 1) * quota->interval_ms;
	uint64_t spent_until_ms = quota->spent_until_ms > now_mono_ms ? quota->spent_until_ms : now_mono_ms;

	if (spent_until_ms - now_mono_ms > debt_max_ms)
		return spent_until_ms - now_mono_ms - debt_max_ms;
	quota->spent_until_ms = spent_until_ms + quota->interval_ms;
	return 0;
}
