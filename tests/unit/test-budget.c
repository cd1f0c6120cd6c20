/* SPDX-License-Identifier: MIT */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hemera/budget.h"

#define NOW 1000000          /* monotonic ms */
#define WALL 1795392500000LL /* Unix ms */
#define WALL_S 1795392500LL

/* An answer without information about the limit. */
static void answer_silently(struct budget *budget, uint64_t now)
{
	budget_answer(budget, -1, -1, -1, now, WALL);
}

/* Takes as many requests as the budget has; each is answered at once. */
static unsigned take_all(struct budget *budget, bool reserve, uint64_t now)
{
	unsigned taken = 0;

	for (; budget_take(budget, reserve, now); taken++)
		answer_silently(budget, now);
	return taken;
}

static void a_tenth_is_left_for_the_homepage(void **state)
{
	struct budget budget;

	(void)state;
	budget_init(&budget, 100);
	assert_int_equal(take_all(&budget, true, NOW), 90);
	assert_int_equal(take_all(&budget, false, NOW), 10);
	assert_int_equal(take_all(&budget, false, NOW), 0);
}

static void a_small_limit_can_still_be_used(void **state)
{
	struct budget budget;

	(void)state;
	budget_init(&budget, 1);
	assert_int_equal(take_all(&budget, true, NOW), 1);
}

static void a_window_opens_again_a_minute_after_its_first_request(void **state)
{
	struct budget budget;

	(void)state;
	budget_init(&budget, 100);
	assert_int_equal(budget_ready_at(&budget, true, NOW), NOW);
	assert_int_equal(take_all(&budget, true, NOW), 90);
	assert_int_equal(budget_ready_at(&budget, true, NOW + 5), NOW + BUDGET_WINDOW_MS);
	assert_int_equal(budget_ready_at(&budget, false, NOW + 5), NOW + 5);
	assert_false(budget_take(&budget, true, NOW + BUDGET_WINDOW_MS - 1));
	assert_int_equal(take_all(&budget, true, NOW + BUDGET_WINDOW_MS), 90);
}

static void the_first_request_of_a_window_goes_alone(void **state)
{
	struct budget budget;

	(void)state;
	budget_init(&budget, 100);
	assert_true(budget_take(&budget, true, NOW));
	assert_false(budget_take(&budget, true, NOW));
	answer_silently(&budget, NOW);
	assert_true(budget_take(&budget, true, NOW));
	assert_true(budget_take(&budget, true, NOW));
}

static void the_servers_word_wins(void **state)
{
	struct budget budget;

	(void)state;
	budget_init(&budget, 100);
	assert_true(budget_take(&budget, true, NOW));
	budget_answer(&budget, 200, 25, WALL_S + 7, NOW, WALL);
	assert_int_equal(budget.limit, 200);
	assert_int_equal(take_all(&budget, true, NOW), 5); /* 20 of 200 are reserved */
	assert_int_equal(budget_ready_at(&budget, true, NOW), NOW + 7000);
	assert_int_equal(take_all(&budget, true, NOW + 7000), 180);
}

/* Reset is rounded up to whole seconds, but a window that has just begun lasts no longer because of
 * that. */
static void a_rounded_reset_costs_no_time(void **state)
{
	struct budget budget;

	(void)state;
	budget_init(&budget, 100);
	assert_true(budget_take(&budget, true, NOW));
	budget_answer(&budget, 100, 99, WALL_S + 61, NOW + 20, WALL + 400);
	assert_true(budget_take(&budget, true, NOW + 300));
	budget_answer(&budget, 100, 10, WALL_S + 61, NOW + 320, WALL + 700);
	assert_int_equal(budget_ready_at(&budget, true, NOW + 320), NOW + 20 + BUDGET_WINDOW_MS);
}

static void a_window_begins_when_the_first_request_arrives(void **state)
{
	struct budget budget;

	(void)state;
	budget_init(&budget, 1);
	assert_true(budget_take(&budget, false, NOW));
	answer_silently(&budget, NOW + 700);
	assert_int_equal(budget_ready_at(&budget, false, NOW + 700), NOW + 700 + BUDGET_WINDOW_MS);
}

static void requests_under_way_are_taken_off(void **state)
{
	struct budget budget;

	(void)state;
	budget_init(&budget, 100);
	assert_true(budget_take(&budget, true, NOW));
	answer_silently(&budget, NOW);
	for (int i = 0; i < 4; i++)
		assert_true(budget_take(&budget, true, NOW));
	budget_answer(&budget, 100, 50, WALL_S + 7, NOW, WALL);
	assert_int_equal(budget.left, 47);
	for (int i = 0; i < 3; i++)
		budget_answer(&budget, 100, 50, WALL_S + 7, NOW, WALL);
	assert_int_equal(budget.left, 50);
}

static void an_answer_that_was_overtaken_gives_nothing_back(void **state)
{
	struct budget budget;

	(void)state;
	budget_init(&budget, 10);
	for (int i = 0; i < 4; i++) {
		assert_true(budget_take(&budget, true, NOW));
		if (i == 0)
			budget_answer(&budget, 10, 9, WALL_S + 60, NOW, WALL);
	}
	budget_answer(&budget, 10, 6, WALL_S + 60, NOW, WALL);
	budget_answer(&budget, 10, 7, WALL_S + 60, NOW, WALL);
	budget_answer(&budget, 10, 8, WALL_S + 60, NOW, WALL);
	assert_int_equal(budget.left, 6);
	/* A later Reset means another window. */
	assert_true(budget_take(&budget, true, NOW));
	budget_answer(&budget, 10, 9, WALL_S + 61, NOW, WALL);
	assert_int_equal(budget.left, 9);
}

static void a_window_whose_first_request_is_lost_is_known_by_the_next(void **state)
{
	struct budget budget;

	(void)state;
	budget_init(&budget, 100);
	assert_true(budget_take(&budget, true, NOW));
	answer_silently(&budget, NOW);
	assert_true(budget_take(&budget, true, NOW));
	budget_answer(&budget, 100, 40, -1, NOW, WALL);
	assert_int_equal(budget.left, 40);
}

static void a_clock_that_differs_does_no_harm(void **state)
{
	static const int64_t resets[] = { WALL_S + 62, WALL_S + 500, WALL_S + 86400, INT64_MAX, WALL_S - 61,
		WALL_S - 500, WALL_S - 86400, 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(resets) / sizeof(resets[0]); i++) {
		struct budget budget;

		budget_init(&budget, 100);
		assert_true(budget_take(&budget, true, NOW));
		budget_answer(&budget, 100, 12, resets[i], NOW + 50, WALL);
		assert_int_equal(take_all(&budget, true, NOW + 50), 2);
		assert_int_equal(budget_ready_at(&budget, true, NOW + 50), NOW + 50 + BUDGET_WINDOW_MS);
	}
}

static void an_answer_from_the_window_before_is_not_believed(void **state)
{
	struct budget budget;

	(void)state;
	budget_init(&budget, 100);
	assert_true(budget_take(&budget, true, NOW));
	budget_answer(&budget, 100, 3, WALL_S - 2, NOW, WALL);
	assert_int_equal(take_all(&budget, true, NOW), 89);
}

static void headers_that_make_no_sense_are_ignored(void **state)
{
	struct budget budget;

	(void)state;
	budget_init(&budget, 100);
	assert_true(budget_take(&budget, true, NOW));
	budget_answer(&budget, 0, LONG_MAX, -1, NOW, WALL);
	assert_int_equal(budget.limit, 100);
	assert_int_equal(budget.left, 99);
}

static const struct {
	const char *name;
	long retry_after_s;
	uint64_t expected_ms;
} refusals[] = {
	{ "as told", 58, 58000 },
	{ "zero is no busy loop", 0, 1000 },
	{ "not told: the rest of the window", -1, BUDGET_WINDOW_MS },
	{ "absurd", LONG_MAX, 3600000 },
};

static void a_429_blocks_for_exactly_its_retry_after(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		struct budget budget;
		uint64_t open = NOW + refusals[i].expected_ms;

		budget_init(&budget, 100);
		assert_true(budget_take(&budget, false, NOW));
		budget_answer(&budget, 100, 0, WALL_S + 60, NOW, WALL);
		budget_refused(&budget, refusals[i].retry_after_s, NOW);
		assert_int_equal(budget_ready_at(&budget, false, NOW), open);
		assert_false(budget_take(&budget, false, open - 1));
		assert_int_equal(take_all(&budget, false, open), 100);
	}
}

#define SIMULATED_REQUESTS \
	(500 + 6 * 4)   /* details, and per sync two list pages and the two optional routes */
#define SIMULATED_MS 17 /* per request; no wait for answers, so that only the limiter sets the pace */

/* Hemera's fixed window: 100 requests in 60 s from the first one, Reset in whole seconds, rounded up. */
struct limiter {
	uint64_t window_end_ms;
	unsigned counted, refused;
};

static void limiter_answer(struct limiter *limiter, struct budget *budget, uint64_t now)
{
	uint64_t reset_unix_ms;

	if (now >= limiter->window_end_ms) {
		limiter->window_end_ms = now + 60000;
		limiter->counted = 0;
	}
	limiter->counted++;
	reset_unix_ms = (uint64_t)WALL + limiter->window_end_ms - NOW;
	if (limiter->counted > 100) {
		limiter->refused++;
		budget_refused(budget, (long)((limiter->window_end_ms - now + 999) / 1000), now);
		return;
	}
	budget_answer(budget, 100, 100 - (long)limiter->counted, (int64_t)(reset_unix_ms + 999) / 1000, now,
		WALL + (int64_t)(now - NOW));
}

/* The limit of 100 a minute, less the homepage's tenth, makes six windows of 90: five whole windows of
 * waiting. */
static void five_hundred_courses_take_five_minutes(void **state)
{
	struct limiter limiter = { 0 };
	struct budget budget;
	uint64_t now = NOW;

	(void)state;
	budget_init(&budget, 100);
	for (unsigned sent = 0; sent < SIMULATED_REQUESTS;) {
		if (!budget_take(&budget, true, now)) {
			now = budget_ready_at(&budget, true, now);
			continue;
		}
		now += SIMULATED_MS;
		limiter_answer(&limiter, &budget, now);
		sent++;
	}
	assert_int_equal(limiter.refused, 0);
	assert_in_range(now - NOW, 5 * 60000, 5 * 60000 * 105 / 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tenth_is_left_for_the_homepage),
		cmocka_unit_test(a_small_limit_can_still_be_used),
		cmocka_unit_test(a_window_opens_again_a_minute_after_its_first_request),
		cmocka_unit_test(the_first_request_of_a_window_goes_alone),
		cmocka_unit_test(the_servers_word_wins),
		cmocka_unit_test(a_rounded_reset_costs_no_time),
		cmocka_unit_test(a_window_begins_when_the_first_request_arrives),
		cmocka_unit_test(requests_under_way_are_taken_off),
		cmocka_unit_test(an_answer_that_was_overtaken_gives_nothing_back),
		cmocka_unit_test(a_window_whose_first_request_is_lost_is_known_by_the_next),
		cmocka_unit_test(a_clock_that_differs_does_no_harm),
		cmocka_unit_test(an_answer_from_the_window_before_is_not_believed),
		cmocka_unit_test(headers_that_make_no_sense_are_ignored),
		cmocka_unit_test(a_429_blocks_for_exactly_its_retry_after),
		cmocka_unit_test(five_hundred_courses_take_five_minutes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
