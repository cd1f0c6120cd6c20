/* SPDX-License-Identifier: MIT */
/* Calls to the worker, relayed over a real socket. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "base/mem.h"
#include "http/server.h"
#include "web-place.h"
#include "web/relay.h"
#include "web/web.h"

#define STATUS                                                                                          \
	"GET /api/sync/status HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer " TOKEN \
	"\r\n\r\n"

static void the_workers_answer_is_passed_on(void **state)
{
	struct place *place = *state;

	place_start(place);
	assert_answer(place, ask_sync(place, "/api/sync?force=0&dryRun=0"), "HTTP/1.1 200 ",
		"retry-after: 9\r\nserver-timing: fetch;dur=1\r\n");
	assert_string_equal(worker.target, "/api/sync");
	assert_string_equal(worker.prefer, "respond-async");
	assert_answer(place, ask_sync(place, "/api/sync?dryRun=1"), "HTTP/1.1 200 ", "\"success\":true");
	assert_string_equal(worker.target, "/api/sync?dryRun=1");
	atomic_store(&worker.status, 202);
	assert_answer(place, ask_sync(place, "/api/sync"), "HTTP/1.1 202 ",
		"preference-applied: respond-async\r\n");
	assert_answer(place, ask_sync(place, "/api/sync?dryRun=yes"), "HTTP/1.1 400 ", "BAD_REQUEST");
	assert_answer(
		place, ask_sync(place, "/api/sync?x=/internal/refresh"), "HTTP/1.1 400 ", "BAD_REQUEST");
	assert_answer(place, ask_sync(place, "/api/sync?force=1"), "HTTP/1.1 403 ", "aither sync --force");
	assert_answer(place, ask_sync(place, "/internal/refresh"), "HTTP/1.1 404 ", "NOT_FOUND");
	assert_int_equal(atomic_load(&worker.calls), 3);
}

static void a_sync_is_not_waited_for_longer_than_its_limit_permits(void **state)
{
	struct place *place = *state;

	place->config.sync.time_limit_s = 50;
	place_start(place);
	assert_answer(place, ask_sync(place, "/api/sync"), "HTTP/1.1 200 ", "\"success\":true");
	assert_int_equal(worker.timeout_ms, 50000 + RELAY_SYNC_EXTRA_MS);
}

static void an_unreachable_worker_is_503_with_retry_after(void **state)
{
	struct place *place = *state;

	place_start(place);
	atomic_store(&worker.status, 0);
	assert_answer(place, ask_sync(place, "/api/sync"), "HTTP/1.1 503 ", "retry-after: 5\r\n");
	assert_answer(place, ask_sync(place, "/api/sync"), "HTTP/1.1 503 ", "\"WORKER_UNAVAILABLE\"");
}

static void too_many_waiting_calls_are_refused(void **state)
{
	struct place *place = *state;
	int fds[RELAY_CALLS_MAX];

	place_start(place);
	atomic_store(&worker.held, true);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		fds[i] = ask_sync(place, "/api/sync");
	wait_for_calls(place, RELAY_CALLS_MAX);
	assert_answer(place, ask_sync(place, "/api/sync"), "HTTP/1.1 503 ", "\"WORKER_UNAVAILABLE\"");
	assert_answer(place, ask(place, "GET /healthz HTTP/1.0\r\n\r\n"), "HTTP/1.1 200 ", "pass");
	worker_release(RELAY_CALLS_MAX);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		assert_answer(place, fds[i], "HTTP/1.1 200 ", "\"success\":true");
}

static void stopping_answers_at_once_whom_the_worker_need_not_answer(void **state)
{
	struct place *place = *state;

	place_publish(place, "old <!--aither:status-->", 3600);
	place->config.web.live_wait_s = 8;
	place_start(place);
	atomic_store(&worker.held, true);
	int sync = ask_sync(place, "/api/sync");
	wait_for_calls(place, 1);
	int home = ask_home(place), status = ask(place, STATUS);
	wait_for_connections(place, 3);
	wait_for_calls(place, 3);
	server_drain(place->web->server, 3000);
	web_stop(place->web);
	assert_answer(place, sync, "HTTP/1.1 202 ", "location: /api/sync/status\r\n");
	assert_answer(place, home, "HTTP/1.1 200 ", "old <p class=\"notice\"");
	worker_release(3);
	assert_answer(place, status, "HTTP/1.1 200 ", "\"success\":true");
	while (server_is_running(place->web->server))
		server_turn(place->web->server);
}

/* For example, the worker was about to start: it does not know of the sync, so the answer cannot call the
 * sync running. */
static void a_client_that_waits_in_vain_while_it_stops_is_told_to_retry(void **state)
{
	struct place *place = *state;

	place_start(place);
	atomic_store(&worker.held, true);
	atomic_store(&worker.connecting, true);
	int sync = ask_sync(place, "/api/sync"), status = ask(place, STATUS);
	wait_for_calls(place, 2);
	server_drain(place->web->server, 3000);
	web_stop(place->web);
	assert_answer(place, sync, "HTTP/1.1 503 ", "\"SHUTTING_DOWN\"");
	assert_answer(place, status, "HTTP/1.1 503 ", "retry-after: 1\r\n");
}

/* The call may never arrive: the worker's queue is full, or the worker has just ended. */
static void a_sync_that_was_not_sent_is_not_called_a_running_one(void **state)
{
	struct place *place = *state;

	place_start(place);
	atomic_store(&worker.held, true);
	atomic_store(&worker.connecting, true);
	int sync = ask_sync(place, "/api/sync");
	wait_for_calls(place, 1);
	server_drain(place->web->server, 3000);
	web_stop(place->web);
	assert_answer(place, sync, "HTTP/1.1 503 ", "\"SHUTTING_DOWN\"");
}

static void while_it_drains_a_sync_is_started_and_not_waited_for(void **state)
{
	struct place *place = *state;

	place_start(place);
	int idle = ask(place, "");
	wait_for_connections(place, 1);
	server_drain(place->web->server, 3000);
	web_stop(place->web);
	static const char request[] =
		"POST /api/sync HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " TOKEN "\r\n\r\n";
	assert_int_equal(send(idle, request, strlen(request), MSG_NOSIGNAL), strlen(request));
	atomic_store(&worker.status, 202);
	CLEANUP(mem_freep) char *answer = answer_of(place, idle);
	assert_non_null(strstr(answer, "HTTP/1.1 202 "));
	assert_non_null(strstr(answer, "Connection: close\r\n"));
	assert_null(strstr(answer, "preference-applied")); /* the client has not requested this */
	assert_string_equal(worker.prefer, "respond-async");
	assert_in_range(worker.timeout_ms, 1, 2000);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_workers_answer_is_passed_on, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(
			a_sync_is_not_waited_for_longer_than_its_limit_permits, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(
			an_unreachable_worker_is_503_with_retry_after, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(
			too_many_waiting_calls_are_refused, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(
			a_sync_that_was_not_sent_is_not_called_a_running_one, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(stopping_answers_at_once_whom_the_worker_need_not_answer,
			place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(a_client_that_waits_in_vain_while_it_stops_is_told_to_retry,
			place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(
			while_it_drains_a_sync_is_started_and_not_waited_for, place_setup, place_teardown),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
