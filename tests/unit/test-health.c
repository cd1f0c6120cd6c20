/* SPDX-License-Identifier: MIT */
/* GET /readyz over a real socket: what aither-web knows itself, and when the worker is asked. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "web-place.h"
#include "web/health.h"
#include "web/relay.h"
#include "web/web.h"

#define DAY_S (24 * 3600)
#define MONITORS (RELAY_CALLS_MAX + 10)

static int ask_ready(const struct place *place)
{
	return ask(place, "GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
}

static void before_anything_is_published_it_is_not_ready(void **state)
{
	struct place *place = *state;

	place_start(place);
	assert_answer(
		place, ask_ready(place), "HTTP/1.1 503 ", "\"output\":\"nothing has been published yet\"");
	assert_int_equal(atomic_load(&worker.calls), 0);
}

static void a_recent_homepage_is_enough(void **state)
{
	struct place *place = *state;

	place_publish(place, "recent", 2 * DAY_S - 60);
	place_start(place);
	assert_answer(place, ask_ready(place), "HTTP/1.1 200 ", "{\"status\":\"pass\"}");
	assert_int_equal(atomic_load(&worker.calls), 0);
}

static void a_success_that_changed_nothing_counts_and_is_remembered(void **state)
{
	struct place *place = *state;

	place_publish(place, "old", 3 * DAY_S);
	place_start(place);
	for (int i = 0; i < 3; i++)
		assert_answer(place, ask_ready(place), "HTTP/1.1 200 ", "{\"status\":\"pass\"}");
	assert_int_equal(atomic_load(&worker.calls), 1);
	assert_string_equal(worker.target, "/api/sync/status");
	assert_int_equal(worker.timeout_ms, HEALTH_WAIT_MS);
}

static void an_old_page_of_no_known_sync_is_too_old(void **state)
{
	struct place *place = *state;

	place_publish(place, "old", 3 * DAY_S);
	atomic_store(&worker.status, 404);
	place_start(place);
	assert_answer(place, ask_ready(place), "HTTP/1.1 503 ", "no successful sync is known");
}

static void a_success_two_days_ago_is_too_old(void **state)
{
	struct place *place = *state;

	place_publish(place, "old", 3 * DAY_S);
	atomic_store(&worker.success_age_s, 2 * DAY_S + 1);
	place_start(place);
	assert_answer(place, ask_ready(place), "HTTP/1.1 503 ", "older than two days");
	atomic_store(&worker.success_age_s, 2 * DAY_S - 60);
	assert_answer(place, ask_ready(place), "HTTP/1.1 200 ", "{\"status\":\"pass\"}");
	assert_int_equal(atomic_load(&worker.calls), 2);
}

static void a_success_that_is_to_come_counts_if_it_is_near(void **state)
{
	struct place *place = *state;

	place_publish(place, "old", 3 * DAY_S);
	atomic_store(&worker.success_age_s, -2 * DAY_S - 60);
	place_start(place);
	assert_answer(place, ask_ready(place), "HTTP/1.1 503 ", "in the future: the clock has been set back");
	atomic_store(&worker.success_age_s, -60);
	assert_answer(place, ask_ready(place), "HTTP/1.1 200 ", "{\"status\":\"pass\"}");
}

static void a_worker_that_cannot_be_reached_is_said_with_when_to_come_again(void **state)
{
	struct place *place = *state;

	place_publish(place, "old", 3 * DAY_S);
	atomic_store(&worker.status, 0);
	place_start(place);
	assert_answer(place, ask_ready(place), "\"code\":\"WORKER_UNAVAILABLE\"", "retry-after: 5\r\n");
	atomic_store(&worker.status, 200);
	assert_answer(place, ask_ready(place), "HTTP/1.1 200 ", "{\"status\":\"pass\"}");
}

static void monitors_share_one_question_and_take_no_place_from_others(void **state)
{
	struct place *place = *state;
	int monitors[MONITORS];

	place_publish(place, "old", 3 * DAY_S);
	place_start(place);
	atomic_store(&worker.held, true);
	for (int i = 0; i < MONITORS; i++)
		monitors[i] = ask_ready(place);
	wait_for_connections(place, MONITORS);
	wait_for_calls(place, 1);
	int sync = ask_sync(place, "/api/sync");
	wait_for_calls(place, 2);
	worker_release(3);
	assert_answer(place, sync, "HTTP/1.1 200 ", "\"success\":true");
	for (int i = 0; i < MONITORS; i++)
		assert_answer(place, monitors[i], "HTTP/1.1 200 ", "{\"status\":\"pass\"}");
	assert_int_equal(atomic_load(&worker.calls), 3);
}

static void stopping_answers_who_waits(void **state)
{
	struct place *place = *state;

	place_publish(place, "old", 3 * DAY_S);
	place_start(place);
	atomic_store(&worker.held, true);
	int monitor = ask_ready(place);
	wait_for_calls(place, 1);
	web_stop(place->web);
	assert_answer(place, monitor, "\"code\":\"SHUTTING_DOWN\"", "retry-after: 1\r\n");
	/* The question is still under way, but its answer will not be waited for. */
	assert_answer(place, ask_ready(place), "\"code\":\"SHUTTING_DOWN\"", "retry-after: 1\r\n");
	worker_release(1);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			before_anything_is_published_it_is_not_ready, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(a_recent_homepage_is_enough, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(
			a_success_that_changed_nothing_counts_and_is_remembered, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(
			an_old_page_of_no_known_sync_is_too_old, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(
			a_success_two_days_ago_is_too_old, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(
			a_success_that_is_to_come_counts_if_it_is_near, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(
			a_worker_that_cannot_be_reached_is_said_with_when_to_come_again, place_setup,
			place_teardown),
		cmocka_unit_test_setup_teardown(monitors_share_one_question_and_take_no_place_from_others,
			place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(stopping_answers_who_waits, place_setup, place_teardown),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
