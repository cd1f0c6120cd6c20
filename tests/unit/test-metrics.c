/* SPDX-License-Identifier: MIT */
/* GET /metrics over a real socket: when the worker is asked, and what is told when it is not there. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "http/server.h"
#include "web-place.h"
#include "web/metrics.h"
#include "web/web.h"

static const char scrape_text[] =
	"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer " TOKEN "\r\n\r\n";

static int scrape(const struct place *place)
{
	return ask(place, scrape_text);
}

static void assert_scrapes(unsigned scrapes)
{
	assert_int_equal(atomic_load(&worker.scrapes), scrapes);
}

static void the_token_is_always_needed(void **state)
{
	struct place *place = *state;

	place_start(place);
	assert_answer(place, ask(place, "GET /metrics HTTP/1.0\r\n\r\n"), "HTTP/1.1 401 ", "UNAUTHORIZED");
	assert_scrapes(0);
	assert_answer(place, scrape(place), "HTTP/1.1 200 ", "text/plain; version=0.0.4");
}

static void without_a_token_set_they_are_closed_to_this_machine_too(void **state)
{
	struct place *place = *state;

	place->config.secrets[CONFIG_SECRET_SYNC_TOKEN] = NULL;
	place->config.web.local_access = true;
	place_start(place);
	assert_answer(place,
		ask(place, "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"),
		"HTTP/1.1 403 ", "SYNC_TOKEN_NOT_SET");
}

static void a_worker_that_has_done_nothing_is_not_asked_again(void **state)
{
	struct place *place = *state;

	place_start(place);
	for (int i = 0; i < 3; i++)
		assert_answer(place, scrape(place), "aither_worker_up 1\n", "\naither_sync_in_progress 0\n");
	assert_scrapes(1);
	assert_string_equal(worker.target, "/metrics");
	assert_int_equal(worker.timeout_ms, METRICS_WAIT_MS);
}

static void the_worker_is_asked_again_after_each_call_of_ours(void **state)
{
	struct place *place = *state;

	place_publish(place, "<!--aither:status-->", 3600);
	place_start(place);
	assert_answer(place, scrape(place), "HTTP/1.1 200 ", "aither_worker_up 1\n");
	assert_answer(place, ask_sync(place, "/api/sync"), "HTTP/1.1 200 ", "");
	assert_answer(place, scrape(place), "HTTP/1.1 200 ", "aither_worker_up 1\n");
	assert_scrapes(2);
	assert_answer(place, ask_home(place), "HTTP/1.1 200 ", "");
	assert_answer(place, scrape(place), "aither_homepage_refreshes_total{result=\"success\"} 1\n",
		"aither_worker_up 1\n");
	assert_scrapes(3);
	assert_answer(place, scrape(place), "HTTP/1.1 200 ", "aither_worker_up 1\n");
	assert_scrapes(3);
}

static void the_worker_is_asked_again_when_something_was_published(void **state)
{
	struct place *place = *state;

	place_start(place);
	assert_answer(place, scrape(place), "HTTP/1.1 200 ", "aither_worker_up 1\n");
	place_publish(place, "new", 0);
	assert_answer(place, scrape(place), "HTTP/1.1 200 ", "aither_worker_up 1\n");
	assert_scrapes(2);
}

static void the_worker_is_asked_while_a_sync_runs(void **state)
{
	struct place *place = *state;

	atomic_store(&worker.syncing, 1);
	place_start(place);
	assert_answer(place, scrape(place), "HTTP/1.1 200 ", "\naither_sync_in_progress 1\n");
	atomic_store(&worker.syncing, 0);
	assert_answer(place, scrape(place), "HTTP/1.1 200 ", "\naither_sync_in_progress 0\n");
	assert_answer(place, scrape(place), "HTTP/1.1 200 ", "\naither_sync_in_progress 0\n");
	assert_scrapes(2);
}

static void without_the_worker_there_are_our_own_figures(void **state)
{
	struct place *place = *state;

	place_start(place);
	assert_answer(place, scrape(place), "aither_worker_up 1\n", "\naither_sync_in_progress 0\n");
	atomic_store(&worker.status, 0);
	place_publish(place, "new", 0);
	CLEANUP(mem_freep) char *answer = answer_of(place, scrape(place));
	assert_non_null(strstr(answer, "HTTP/1.1 200 "));
	assert_non_null(strstr(answer, "\naither_worker_up 0\n"));
	assert_non_null(strstr(answer, "\nprocess_resident_memory_bytes "));
	assert_non_null(strstr(answer, "\naither_http_requests_total{code=\"200\",method=\"GET\"} 1\n"));
	assert_null(strstr(answer, "aither_sync_in_progress"));
	atomic_store(&worker.status, 200);
	assert_answer(place, scrape(place), "aither_worker_up 1\n", "\naither_sync_in_progress 0\n");
}

static void all_who_come_meanwhile_share_one_answer(void **state)
{
	struct place *place = *state;
	int fds[5];

	place_start(place);
	atomic_store(&worker.held, true);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		fds[i] = scrape(place);
	wait_for_connections(place, ARRAY_SIZE(fds));
	wait_for_calls(place, 1);
	assert_answer(place, ask(place, "GET /healthz HTTP/1.0\r\n\r\n"), "HTTP/1.1 200 ", "pass");
	worker_release(1);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		assert_answer(place, fds[i], "HTTP/1.1 200 ", "aither_worker_up 1\n");
	assert_scrapes(1);
}

static void stopping_answers_who_waits_and_asks_no_more(void **state)
{
	struct place *place = *state;

	place_start(place);
	atomic_store(&worker.held, true);
	int first = scrape(place), late = ask(place, ""), idle = ask(place, "");
	wait_for_connections(place, 3);
	wait_for_calls(place, 1);
	server_drain(web_server(place->web), 3000);
	web_stop(place->web);
	assert_answer(place, first, "HTTP/1.1 200 ", "aither_worker_up 0\n");
	worker_release(1); /* else who comes late has the same question */
	while (server_connections(web_server(place->web)) > 2)
		server_turn(web_server(place->web));
	assert_true(send(late, scrape_text, strlen(scrape_text), MSG_NOSIGNAL) > 0);
	assert_answer(place, late, "HTTP/1.1 200 ", "aither_worker_up ");
	assert_scrapes(1);
	close(idle);
	while (server_is_running(web_server(place->web)))
		server_turn(web_server(place->web));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_token_is_always_needed, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(
			without_a_token_set_they_are_closed_to_this_machine_too, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(
			a_worker_that_has_done_nothing_is_not_asked_again, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(
			the_worker_is_asked_again_after_each_call_of_ours, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(
			the_worker_is_asked_again_when_something_was_published, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(
			the_worker_is_asked_while_a_sync_runs, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(
			without_the_worker_there_are_our_own_figures, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(
			all_who_come_meanwhile_share_one_answer, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(
			stopping_answers_who_waits_and_asks_no_more, place_setup, place_teardown),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
