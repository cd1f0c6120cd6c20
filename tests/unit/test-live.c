/* SPDX-License-Identifier: MIT */
/* The homepage over a real socket. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/time.h"
#include "web-place.h"
#include "web/web.h"

#define BEARER "Authorization: Bearer " TOKEN "\r\n"

static unsigned checks; /* of a published index */

int __real_fstatat(int directory, const char *name, struct stat *ret, int flags);
int __wrap_fstatat(int directory, const char *name, struct stat *ret, int flags);

int __wrap_fstatat(int directory, const char *name, struct stat *ret, int flags)
{
	checks += strncmp(name, "index.", 6) == 0;
	return __real_fstatat(directory, name, ret, flags);
}

static unsigned logged; /* lines for the journal */

void __wrap_log_write(int priority, const char *format, ...) __attribute__((format(printf, 2, 3)));

void __wrap_log_write(int priority, const char *format, ...)
{
	(void)priority;
	logged += strstr(format, "cannot read") != NULL;
}

static uint64_t started_ms; /* when the machine was started, by its own monotonic clock */

static uint64_t hurry_ms, hurried_ms; /* how far the clock advances with each reading */

uint64_t __real_time_mono_ms(void);
uint64_t __wrap_time_mono_ms(void);

uint64_t __wrap_time_mono_ms(void)
{
	hurried_ms += hurry_ms;
	return __real_time_mono_ms() - started_ms + hurried_ms;
}

static void a_visitor_costs_one_check_of_the_file(void **state)
{
	struct place *place = *state;

	place_publish(place, "page <!--aither:status-->", 5);
	place_start(place);
	for (int i = 0; i < 3; i++) {
		checks = 0;
		assert_answer(place, ask_home(place), "HTTP/1.1 200 ", "page <p class=\"status\">Stand: ");
		assert_int_equal(checks, 1);
	}
}

static void fresh_data_causes_no_refresh(void **state)
{
	struct place *place = *state;

	place_publish(place, "page <!--aither:status-->", 5);
	place_start(place);
	assert_answer(place, ask_home(place), "HTTP/1.1 200 ", "page <p class=\"status\">Stand: ");
	assert_int_equal(atomic_load(&worker.calls), 0);
}

static void many_visitors_of_old_data_share_one_refresh(void **state)
{
	struct place *place = *state;
	int fds[100];

	place_publish(place, "old <!--aither:status-->", 3600);
	place->config.web.live_wait_s = 8;
	place_start(place);
	atomic_store(&worker.held, true);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		fds[i] = ask_home(place);
	wait_for_connections(place, ARRAY_SIZE(fds));
	place_publish(place, "new <!--aither:status-->", 0);
	worker_release(1);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		assert_answer(place, fds[i], "new <p class=\"status\">", "HTTP/1.1 200 ");
	assert_int_equal(atomic_load(&worker.calls), 1);
	assert_string_equal(worker.target, "/internal/refresh");
}

static void a_refresh_counts_though_its_state_cannot_be_written(void **state)
{
	struct place *place = *state;

	place_publish(place, "page <!--aither:status-->", 3600);
	place_start(place);
	atomic_store(&worker.stateless, true);
	for (int i = 0; i < 3; i++)
		assert_answer(place, ask_home(place), "HTTP/1.1 200 ", "page <p class=\"status\">Stand: ");
	assert_int_equal(atomic_load(&worker.calls), 1);
}

static int ask_list(const struct place *place, const char *credentials)
{
	CLEANUP(mem_freep)
	char *request =
		mem_printf("GET /courses/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%s\r\n", credentials);

	return ask(place, request);
}

static void publish_list(const struct place *place, const char *text)
{
	CLEANUP(mem_freep) char *path = mem_printf("%s/courses.de.html", place->root);
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

static void remove_list(const struct place *place)
{
	CLEANUP(mem_freep) char *path = mem_printf("%s/courses.de.html", place->root);

	unlink(path);
}

static void the_list_for_staff_is_as_fresh_as_the_homepage(void **state)
{
	struct place *place = *state;

	place_publish(place, "home <!--aither:status-->", 3600);
	publish_list(place, "list <!--aither:status-->");
	place_start(place);
	/* The worker is not called before the check: strangers cannot keep it busy. */
	assert_answer(place, ask_list(place, ""), "HTTP/1.1 401 ", "Basic realm=");
	assert_int_equal(atomic_load(&worker.calls), 0);
	assert_answer(place, ask_list(place, BEARER),
		"list <p class=\"status\">Stand: ", "cache-control: private, no-store\r\n");
	assert_int_equal(atomic_load(&worker.calls), 1);
	assert_answer(place, ask_list(place, BEARER), "x-robots-tag: noindex\r\n",
		"Accept-Language, Accept-Encoding");
	assert_answer(place, ask_home(place), "home <p class=\"status\">", "cache-control: no-cache\r\n");
	assert_int_equal(atomic_load(&worker.calls), 1);
	remove_list(place);
}

static void a_homepage_and_a_list_wait_for_the_same_refresh(void **state)
{
	struct place *place = *state;

	place_publish(place, "home <!--aither:status-->", 3600);
	publish_list(place, "list <!--aither:status-->");
	place->config.web.live_wait_s = 8;
	place_start(place);
	atomic_store(&worker.held, true);
	int list = ask_list(place, BEARER), home = ask_home(place);
	wait_for_connections(place, 2);
	wait_for_calls(place, 1);
	worker_release(1);
	CLEANUP(mem_freep) char *answer = answer_of(place, home);
	assert_non_null(strstr(answer, "home <p"));
	assert_null(strstr(answer, "list"));
	assert_null(strstr(answer, "noindex"));
	assert_answer(place, list, "list <p", "x-robots-tag: noindex\r\n");
	assert_int_equal(atomic_load(&worker.calls), 1);
	remove_list(place);
}

static void without_a_list_staff_get_the_fallback(void **state)
{
	struct place *place = *state;

	place_publish(place, "home", 5);
	place_start(place);
	assert_answer(place, ask_list(place, BEARER), "HTTP/1.1 200 ", "Die Kurse sind zurzeit nicht");
	assert_answer(place, ask_list(place, BEARER), "cache-control: private, no-store\r\n", "noindex");
}

static void a_hanging_worker_delays_no_visitor_beyond_the_wait(void **state)
{
	struct place *place = *state;

	place_publish(place, "old <!--aither:status-->", 3600);
	place_start(place);
	atomic_store(&worker.held, true);
	uint64_t began = time_mono_ms();
	assert_answer(place, ask_home(place), "HTTP/1.1 200 ", "old <p class=\"notice\" role=\"status\">");
	assert_in_range(time_mono_ms() - began, 900, 4000);
	began = time_mono_ms();
	assert_answer(place, ask_home(place), "HTTP/1.1 200 ", "old <p class=\"notice\" role=\"status\">");
	assert_in_range(time_mono_ms() - began, 0, 800);
	assert_int_equal(atomic_load(&worker.calls), 1);
}

static void without_a_wait_no_visitor_waits(void **state)
{
	struct place *place = *state;

	place_publish(place, "old <!--aither:status-->", 3600);
	place->config.web.live_wait_s = 0;
	place_start(place);
	hurry_ms = 1;
	int fd = ask_home(place);
	assert_answer(place, fd, "HTTP/1.1 200 ", "old <p class=\"notice\" role=\"status\">");
	hurry_ms = 0;
	wait_for_calls(place, 1);
}

static void after_a_failure_there_is_no_refresh_for_a_while(void **state)
{
	struct place *place = *state;

	place_publish(place, "old <!--aither:status-->", 3600);
	place_start(place);
	atomic_store(&worker.status, 502);
	for (int i = 0; i < 3; i++)
		assert_answer(
			place, ask_home(place), "HTTP/1.1 200 ", "old <p class=\"notice\" role=\"status\">");
	assert_int_equal(atomic_load(&worker.calls), 1);
	/* A sync that has published meanwhile counts as fresh data from Hemera. */
	place_publish(place, "new <!--aither:status-->", 0);
	assert_answer(place, ask_home(place), "HTTP/1.1 200 ", "new <p class=\"status\">");
	assert_int_equal(atomic_load(&worker.calls), 1);
}

static void while_nothing_is_known_there_is_the_fallback(void **state)
{
	struct place *place = *state;

	place_start(place);
	atomic_store(&worker.status, 0);
	assert_answer(place, ask_home(place), "HTTP/1.1 200 ", "Hemera Academy");
	assert_answer(place, ask_home(place), "HTTP/1.1 200 ", "Hemera Academy");
	assert_int_equal(atomic_load(&worker.calls), 1);
}

static void a_page_from_the_future_is_not_taken_for_fresh(void **state)
{
	struct place *place = *state;

	/* The clock was set back after the page had been written. */
	place_publish(place, "page <!--aither:status-->", -3600);
	place_start(place);
	assert_answer(place, ask_home(place), "HTTP/1.1 200 ", "page <p class=\"status\">Stand: ");
	assert_int_equal(atomic_load(&worker.calls), 1);
	/* The worker's answer of a moment ago is still valid. */
	assert_answer(place, ask_home(place), "HTTP/1.1 200 ", "page <p class=\"status\">Stand: ");
	assert_int_equal(atomic_load(&worker.calls), 1);
}

static void a_visitor_that_comes_while_it_stops_gets_the_page_there_is(void **state)
{
	struct place *place = *state;

	place_publish(place, "old <!--aither:status-->", 3600);
	place_start(place);
	web_stop(place->web);
	assert_answer(place, ask_home(place), "HTTP/1.1 200 ", "old <p class=\"notice\"");
	assert_int_equal(atomic_load(&worker.calls), 0);
}

static void data_from_before_the_machine_was_started_is_as_old_as_it_is(void **state)
{
	struct place *place = *state;

	started_ms = __real_time_mono_ms() - 1000;
	place_publish(place, "page <!--aither:status-->", 3600);
	place_start(place);
	atomic_store(&worker.status, 502);
	assert_answer(place, ask_home(place), "HTTP/1.1 200 ", "page <p class=\"notice\" role=\"status\">");
	assert_int_equal(atomic_load(&worker.calls), 1);
	started_ms = 0;
}

static void visit(const struct place *place, const char *language, const char *expected)
{
	CLEANUP(mem_freep)
	char *request =
		mem_printf("GET /?lang=%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", language);

	assert_answer(place, ask(place, request), "HTTP/1.1 200 ", expected);
}

static void a_page_that_cannot_be_read_is_logged_once(void **state)
{
	struct place *place = *state;

	assert_int_equal(symlink("/nonexistent", place->index), 0); /* and there is none in English */
	logged = 0;
	place_start(place);
	for (int i = 0; i < 3; i++) {
		visit(place, "de", "Hemera Academy");
		visit(place, "en", "Hemera Academy");
	}
	assert_int_equal(logged, 1);
}

static void a_directory_that_cannot_be_opened_is_logged_once(void **state)
{
	struct place *place = *state;
	CLEANUP(mem_freep) char *link = mem_printf("%s.link", place->root);

	place_publish(place, "page", 0);
	assert_int_equal(symlink(place->root, link), 0);
	place->config.sync.output_directory = link;
	logged = 0;
	place_start(place);
	for (int i = 0; i < 3; i++)
		visit(place, "de", "Hemera Academy");
	assert_int_equal(logged, 1);
	/* Once the path leads to a directory, its page is shown, and the next error is logged again. */
	unlink(link);
	visit(place, "de", "Hemera Academy");
	assert_int_equal(symlink(place->root, link), 0);
	visit(place, "de", "Hemera Academy");
	assert_int_equal(logged, 2);
	unlink(link);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_visitor_costs_one_check_of_the_file, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(fresh_data_causes_no_refresh, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(
			many_visitors_of_old_data_share_one_refresh, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(
			a_refresh_counts_though_its_state_cannot_be_written, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(
			a_hanging_worker_delays_no_visitor_beyond_the_wait, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(
			the_list_for_staff_is_as_fresh_as_the_homepage, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(
			a_homepage_and_a_list_wait_for_the_same_refresh, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(
			without_a_list_staff_get_the_fallback, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(without_a_wait_no_visitor_waits, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(
			after_a_failure_there_is_no_refresh_for_a_while, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(
			while_nothing_is_known_there_is_the_fallback, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(
			a_page_from_the_future_is_not_taken_for_fresh, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(a_visitor_that_comes_while_it_stops_gets_the_page_there_is,
			place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(
			a_page_that_cannot_be_read_is_logged_once, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(
			a_directory_that_cannot_be_opened_is_logged_once, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(data_from_before_the_machine_was_started_is_as_old_as_it_is,
			place_setup, place_teardown),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
