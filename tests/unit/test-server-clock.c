/* SPDX-License-Identifier: MIT */
/* When the clock is set, connections still end on time: their limits use the monotonic clock. */
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/time.h"
#include "http/server.h"
#include "loopback.h"

#define HOUR_S 3600
#define YEAR_S INT64_C(31536000)

static int64_t wall_offset_s, mono_offset_s;

/* Replaces the C library's function, for libh2o as well. */
int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
	struct timespec real;

	(void)zone;
	clock_gettime(CLOCK_REALTIME, &real);
	now->tv_sec = real.tv_sec + wall_offset_s;
	now->tv_usec = real.tv_nsec / 1000;
	return 0;
}

uint64_t __real_time_mono_ms(void);
uint64_t __wrap_time_mono_ms(void);

uint64_t __wrap_time_mono_ms(void)
{
	return __real_time_mono_ms() + (uint64_t)mono_offset_s * 1000;
}

/* Waits until the sweep has checked the connections at least once more. */
static void let_time_pass(const struct app *app)
{
	uint64_t until = __real_time_mono_ms() + 1200;

	while (__real_time_mono_ms() < until && server_connections(app->server) > 0)
		server_turn(app->server); /* the sweep wakes it every second */
}

/* A client that has sent half of a request, which the server has begun to read. */
static int begin_request(struct app *app)
{
	app_start(app, 8);
	int unfinished = client_open(app);

	client_send(unfinished, "GET /hello HTTP/1.1\r\nHo");
	while (server_connections(app->server) < 1)
		server_turn(app->server);
	return unfinished;
}

static void a_clock_that_is_set_ends_no_request(void **state)
{
	const int64_t jumps_s[] = { HOUR_S, -HOUR_S, 50 * YEAR_S, -50 * YEAR_S,
		10 - (int64_t)(time_now_ms() / 1000) };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(jumps_s); i++) {
		struct app app;
		char answer[4096];

		wall_offset_s = mono_offset_s = 0;
		int unfinished = begin_request(&app);
		wall_offset_s = jumps_s[i];
		let_time_pass(&app);
		client_send(unfinished, "st: x\r\n\r\n");
		client_read(&app, unfinished, false, answer, sizeof(answer));
		assert_answer(answer, "hello");
		close(unfinished);
		app_stop(&app);
	}
}

static void a_clock_that_is_put_back_keeps_no_connection(void **state)
{
	struct app app;

	(void)state;
	wall_offset_s = mono_offset_s = 0;
	int unfinished = begin_request(&app);
	wall_offset_s = -HOUR_S;
	mono_offset_s = SERVER_REQUEST_TIMEOUT_S + 1;
	assert_true(client_is_closed(&app, unfinished));
	close(unfinished);
	app_stop(&app);
}

/* libh2o handles the timer's event first. */
static void a_request_that_comes_with_the_end_of_an_idle_connection_is_answered(void **state)
{
	struct app app;
	char answer[4096];

	(void)state;
	wall_offset_s = mono_offset_s = 0;
	app_start(&app, 8);
	int fd = client_open(&app);
	client_send(fd, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
	client_read(&app, fd, false, answer, sizeof(answer));
	mono_offset_s = SERVER_REQUEST_TIMEOUT_S + 1;
	poll(NULL, 0, 1200); /* the sweep is due */
	client_send(fd, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
	client_read(&app, fd, false, answer, sizeof(answer));
	assert_answer(answer, "hello");
	assert_true(client_is_closed(&app, fd));
	assert_int_equal(app.handled, 2);
	close(fd);
	app_stop(&app);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_clock_that_is_set_ends_no_request),
		cmocka_unit_test(a_clock_that_is_put_back_keeps_no_connection),
		cmocka_unit_test(a_request_that_comes_with_the_end_of_an_idle_connection_is_answered),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
