/* SPDX-License-Identifier: MIT */
/* aither-web when no thread can be started: every call that needs the worker still gets an answer. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/thread.h"
#include "web-place.h"

int __wrap_thread_start(struct thread_queue *queue, struct thread_job *job, thread_function *run,
	thread_function *done, struct error *err);

int __wrap_thread_start(struct thread_queue *queue, struct thread_job *job, thread_function *run,
	thread_function *done, struct error *err)
{
	(void)queue;
	(void)job;
	(void)run;
	(void)done;
	return error_set(err, -EAGAIN, "cannot start a thread");
}

static void a_sync_is_refused_for_the_moment(void **state)
{
	struct place *place = *state;

	place_start(place);
	assert_answer(place, ask_sync(place, "/api/sync"), "HTTP/1.1 503 ", "cannot start a thread");
}

static void the_homepage_is_shown_as_it_is(void **state)
{
	struct place *place = *state;

	place_publish(place, "old <!--aither:status-->", 3600);
	place_start(place);
	assert_answer(place, ask_home(place), "HTTP/1.1 200 ", "old <p class=\"notice\"");
}

static void monitoring_needs_none(void **state)
{
	struct place *place = *state;

	place_publish(place, "old", 3 * 24 * 3600);
	place_start(place);
	assert_answer(place, ask(place, "GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
		"HTTP/1.1 503 ", "no successful sync is known");
	assert_answer(place,
		ask(place, "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: "
			   "Bearer " TOKEN "\r\n\r\n"),
		"HTTP/1.1 200 ", "aither_worker_up 1\n");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_sync_is_refused_for_the_moment, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(the_homepage_is_shown_as_it_is, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(monitoring_needs_none, place_setup, place_teardown),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
