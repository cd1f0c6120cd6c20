/* SPDX-License-Identifier: MIT */
#include "base/quota.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define START_MS 1000000

static void a_burst_and_then_one_each_interval(void **state)
{
	struct quota quota = { .burst = 3, .interval_ms = 100 };

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(quota_take(&quota, START_MS), 0);
	assert_int_equal(quota_take(&quota, START_MS), 100);
	assert_int_equal(quota_take(&quota, START_MS + 99), 1);
	assert_int_equal(quota_take(&quota, START_MS + 100), 0);
	assert_int_equal(quota_take(&quota, START_MS + 100), 100);
}

static void being_refused_costs_nothing(void **state)
{
	struct quota quota = { .burst = 1, .interval_ms = 100 };

	(void)state;
	assert_int_equal(quota_take(&quota, START_MS), 0);
	for (uint64_t i = 0; i < 100; i++)
		assert_int_equal(quota_take(&quota, START_MS + i), 100 - i);
	assert_int_equal(quota_take(&quota, START_MS + 100), 0);
}

static void a_rest_gives_the_burst_back_and_no_more(void **state)
{
	struct quota quota = { .burst = 2, .interval_ms = 100 };

	(void)state;
	for (uint64_t now = START_MS; now < START_MS + 3000000; now += 1000000) {
		assert_int_equal(quota_take(&quota, now), 0);
		assert_int_equal(quota_take(&quota, now), 0);
		assert_int_equal(quota_take(&quota, now), 100);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_burst_and_then_one_each_interval),
		cmocka_unit_test(being_refused_costs_nothing),
		cmocka_unit_test(a_rest_gives_the_burst_back_and_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
