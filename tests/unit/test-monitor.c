/* SPDX-License-Identifier: MIT */
/* GET /readyz and GET /metrics over a real socket: both use only the worker's state file, and never call
 * the worker. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "published/state.h"
#include "web-place.h"
#include "web/web.h"

#define DAY_S (24 * 3600)

static int ask_ready(const struct place *place)
{
	return ask(place, "GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
}

static int ask_metrics(const struct place *place)
{
	return ask(place, "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
			  "Authorization: Bearer " TOKEN "\r\n\r\n");
}

static void before_anything_is_published_it_is_not_ready(void **state)
{
	struct place *place = *state;

	place_start(place);
	assert_answer(
		place, ask_ready(place), "HTTP/1.1 503 ", "\"output\":\"nothing has been published yet\"");
}

static void it_is_as_recent_as_the_state_says(void **state)
{
	static const struct {
		const char *name;
		int data_age_s, success_age_s;
		const char *status, *text;
	} rows[] = {
		{ "recent data", 2 * DAY_S - 60, PLACE_NEVER, "200", "{\"status\":\"pass\"}" },
		{ "old data of no sync", 3 * DAY_S, PLACE_NEVER, "503", "no successful sync is known" },
		{ "a sync that changed nothing", 3 * DAY_S, 2 * DAY_S - 60, "200", "{\"status\":\"pass\"}" },
		{ "an old sync", 3 * DAY_S, 2 * DAY_S + 1, "503", "older than two days" },
		{ "far in the future", 3 * DAY_S, -2 * DAY_S - 60, "503",
			"in the future: the clock has been set back" },
		{ "soon", 3 * DAY_S, -60, "200", "{\"status\":\"pass\"}" },
	};
	struct place *place = *state;

	place_publish(place, "page", 0);
	place_start(place);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEANUP(mem_freep) char *first = mem_printf("HTTP/1.1 %s ", rows[i].status);

		place_publish_state(place, rows[i].data_age_s, rows[i].success_age_s);
		print_message("%s\n", rows[i].name);
		assert_answer(place, ask_ready(place), first, rows[i].text);
	}
	assert_int_equal(atomic_load(&worker.calls), 0);
}

/* As after an upgrade from a version that wrote no state, or after a power failure. */
static void without_a_state_a_recent_homepage_is_enough(void **state)
{
	struct place *place = *state;
	CLEANUP(mem_freep) char *path = mem_printf("%s/" STATE_FILE, place->root);
	const struct timespec days_ago[2] = { { .tv_sec = time(NULL) - 3 * DAY_S },
		{ .tv_sec = time(NULL) - 3 * DAY_S } };

	place_publish(place, "page", 0);
	assert_int_equal(unlink(path), 0);
	place_start(place);
	assert_answer(place, ask_ready(place), "HTTP/1.1 200 ", "{\"status\":\"pass\"}");
	assert_int_equal(utimensat(AT_FDCWD, place->index, days_ago, 0), 0);
	assert_answer(place, ask_ready(place), "HTTP/1.1 503 ", "no successful sync is known");
	assert_int_equal(atomic_load(&worker.calls), 0);
}

static void the_statistics_are_those_of_the_state(void **state)
{
	struct place *place = *state;
	struct state published;
	int fd;

	place_publish(place, "page", 0);
	state_init(&published);
	published.values[STATE_RUNS_PARTIAL] = 7;
	published.values[STATE_LAST_DURATION_MS] = 1234;
	metric_request_ended(&published.hemera, FETCH_OK, 404, 80);
	metric_request_ended(&published.hemera, FETCH_TIMEOUT, 0, 10001);
	fd = open(place->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(state_write(&published, fd, NULL), 0);
	close(fd);
	place_start(place);
	assert_answer(place, ask_metrics(place), "aither_worker_up 1\n",
		"aither_sync_runs_total{result=\"partial\"} 7\n");
	assert_answer(place, ask_metrics(place), "aither_sync_last_duration_seconds 1.234\n",
		"aither_hemera_requests_total{code=\"timeout\"} 1\n");
	assert_int_equal(atomic_load(&worker.calls), 0);
}

static void a_state_that_makes_no_sense_is_none(void **state)
{
	static const char *const rows[] = { "", "{", "[]", "{\"version\":2}", "{\"version\":\"1\"}" };
	struct place *place = *state;
	CLEANUP(mem_freep) char *path = mem_printf("%s/" STATE_FILE, place->root);

	place_publish(place, "page", 0);
	place_start(place);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEANUP(mem_freep) char *other = mem_printf("%s.new", path);
		FILE *file = fopen(other, "we");

		assert_non_null(file);
		fputs(rows[i], file);
		assert_int_equal(fclose(file), 0);
		assert_int_equal(rename(other, path), 0);
		for (int again = 0; again < 2; again++) {
			CLEANUP(mem_freep) char *answer = answer_of(place, ask_metrics(place));

			assert_non_null(strstr(answer, "aither_worker_up 0\n"));
			assert_non_null(strstr(answer, "aither_worker_asked_timestamp_seconds 0\n"));
			assert_null(strstr(answer, "aither_sync"));
		}
	}
	place_publish_state(place, 0, 0);
	assert_answer(place, ask_metrics(place), "aither_worker_up 1\n", "aither_sync_in_progress 0\n");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			before_anything_is_published_it_is_not_ready, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(
			it_is_as_recent_as_the_state_says, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(
			without_a_state_a_recent_homepage_is_enough, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(
			the_statistics_are_those_of_the_state, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(
			a_state_that_makes_no_sense_is_none, place_setup, place_teardown),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
