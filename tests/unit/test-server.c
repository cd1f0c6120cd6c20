/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/time.h"
#include "http/daemon.h"
#include "http/http.h"
#include "http/server.h"
#include "loopback.h"

static void one_connection_serves_several_requests(void **state)
{
	struct app app;
	char answer[4096];

	(void)state;
	app_start(&app, 8);
	int fd = client_open(&app);
	for (int i = 0; i < 3; i++) {
		client_send(fd, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
		client_read(&app, fd, false, answer, sizeof(answer));
		assert_answer(answer, "HTTP/1.1 200 OK\r\n");
		assert_answer(answer, "Connection: keep-alive\r\n");
		assert_answer(answer, "\r\n\r\nhello\n");
		assert_answer(answer, "Server: aither\r\n");
	}
	assert_int_equal(server_connections(app.server), 1);
	assert_int_equal(server_requests(app.server), 3);
	close(fd);
	app_stop(&app);
}

static void the_end_may_come_before_a_pipelined_request_has_its_turn(void **state)
{
	struct app app;

	(void)state;
	app_start(&app, 8);
	int fd = client_open(&app);
	client_send(fd, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\nGET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
	while (!client_is_readable(fd))
		server_turn(app.server);
	assert_int_equal(server_requests(app.server), 2);
	assert_int_equal(server_answers(app.server, HTTP_GET, 200), 1);
	app_stop(&app);
	close(fd);
}

static void pipelined_requests_are_answered_in_order(void **state)
{
	struct app app;
	char answer[4096];

	(void)state;
	app_start(&app, 8);
	int fd = client_open(&app);
	client_send(fd, "GET /slow HTTP/1.1\r\nHost: x\r\n\r\nGET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
	client_read(&app, fd, false, answer, sizeof(answer));
	assert_answer(answer, "from a thread");
	client_read(&app, fd, false, answer, sizeof(answer));
	assert_answer(answer, "\r\n\r\nhello\n");
	close(fd);
	app_stop(&app);
}

static void a_thread_answers_later(void **state)
{
	struct app app;
	char answer[4096];

	(void)state;
	app_start(&app, 8);
	client_ask(&app, "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n", answer, sizeof(answer));
	assert_answer(answer, "\r\n\r\nfrom a thread");
	client_ask(&app, "HEAD /slow HTTP/1.1\r\nHost: x\r\n\r\n", answer, sizeof(answer));
	assert_answer(answer, "Content-Length: 13\r\n");
	assert_int_equal(app.completed, 2);
	app_stop(&app);
}

static void completing_after_the_client_has_gone_is_harmless(void **state)
{
	struct app app;
	struct http_response response = { 0 };
	struct linger reset = { .l_onoff = 1, .l_linger = 0 };

	(void)state;
	app_start(&app, 8);
	int fd = client_open(&app);
	client_send(fd, "GET /park HTTP/1.1\r\nHost: x\r\n\r\n");
	while (!app.parked)
		server_turn(app.server);
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	close(fd);
	http_response_text(&response, 200, "text/plain", "too late");
	http_complete(app.parked, &response);
	while (server_connections(app.server) > 0)
		server_turn(app.server);
	app_stop(&app);
}

static void completing_after_the_server_has_gone_is_harmless(void **state)
{
	struct app app;
	struct http_response response = { 0 };
	char answer[512];

	(void)state;
	app_start(&app, 8);
	int fd = client_open(&app);
	client_send(fd, "GET /park HTTP/1.1\r\nHost: x\r\n\r\n");
	while (!app.parked)
		server_turn(app.server);
	app_stop(&app);
	http_response_text(&response, 200, "text/plain", "too late");
	http_complete(app.parked, &response);
	assert_true(recv(fd, answer, sizeof(answer), 0) <= 0);
	close(fd);
}

static void draining_answers_what_runs_and_lets_idle_clients_go(void **state)
{
	struct app app;
	struct http_response response = { 0 };
	char answer[4096];

	(void)state;
	app_start(&app, 8);
	int idle = client_open(&app), busy = client_open(&app);
	client_send(idle, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
	client_read(&app, idle, false, answer, sizeof(answer));
	client_send(busy, "GET /park HTTP/1.1\r\nHost: x\r\n\r\n");
	while (!app.parked)
		server_turn(app.server);
	server_drain(app.server, 3000);
	assert_true(server_is_draining(app.server));
	assert_true(client_is_closed(&app, idle));
	assert_true(server_is_running(app.server));
	http_response_text(&response, 200, "text/plain", "done");
	http_complete(app.parked, &response);
	client_read(&app, busy, false, answer, sizeof(answer));
	assert_answer(answer, "Connection: close\r\n");
	assert_answer(answer, "\r\n\r\ndone");
	while (server_is_running(app.server))
		server_turn(app.server);
	assert_int_equal(server_connections(app.server), 0);
	close(idle);
	close(busy);
	app_stop(&app);
}

static void a_request_on_an_idle_connection_is_answered_in_the_grace_second(void **state)
{
	struct app app;
	char answer[4096];

	(void)state;
	app_start(&app, 8);
	int fd = client_open(&app);
	client_send(fd, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
	client_read(&app, fd, false, answer, sizeof(answer));
	server_drain(app.server, 3000);
	client_send(fd, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
	client_read(&app, fd, false, answer, sizeof(answer));
	assert_answer(answer, "Connection: close\r\n");
	assert_answer(answer, "hello");
	close(fd);
	app_stop(&app);
}

static void draining_ends_at_its_deadline(void **state)
{
	struct app app;
	struct http_response response = { 0 };

	(void)state;
	app_start(&app, 8);
	int fd = client_open(&app);
	client_send(fd, "GET /park HTTP/1.1\r\nHost: x\r\n\r\n");
	while (!app.parked)
		server_turn(app.server);
	uint64_t began = time_mono_ms();
	server_drain(app.server, 300);
	while (server_is_running(app.server))
		server_turn(app.server);
	assert_in_range(time_mono_ms() - began, 300, 2500);
	app_stop(&app);
	http_complete(app.parked, &response);
	close(fd);
}

static void clients_beyond_the_cap_wait_and_are_served(void **state)
{
	struct app app;
	char answer[4096];
	int fds[5];

	(void)state;
	app_start(&app, 2);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		fds[i] = client_open(&app);
		client_send(fds[i], "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
	}
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		client_read(&app, fds[i], false, answer, sizeof(answer));
		assert_answer(answer, "hello");
		assert_true(server_connections(app.server) <= 2);
		close(fds[i]);
	}
	app_stop(&app);
}

static void idle_clients_make_room_for_those_who_wait(void **state)
{
	struct app app;
	char answer[4096];

	(void)state;
	app_start(&app, 2);
	int idle[2] = { client_open(&app), client_open(&app) };
	while (server_connections(app.server) < 2)
		server_turn(app.server);
	uint64_t began = time_mono_ms();
	client_ask(&app, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n", answer, sizeof(answer));
	assert_answer(answer, "hello");
	assert_in_range(time_mono_ms() - began, 0, SERVER_REQUEST_TIMEOUT_S * 1000 / 2);
	close(idle[0]);
	close(idle[1]);
	app_stop(&app);
}

static void running_out_of_descriptors_does_not_keep_the_processor_busy(void **state)
{
	struct app app;
	struct rlimit old, low;
	struct rusage before, after;
	char answer[4096];

	(void)state;
	app_start(&app, 8);
	int first = client_open(&app), second = client_open(&app);
	int lowest = dup(0);
	close(lowest);
	getrlimit(RLIMIT_NOFILE, &old);
	low = (struct rlimit){ .rlim_cur = (rlim_t)lowest, .rlim_max = old.rlim_max };
	setrlimit(RLIMIT_NOFILE, &low);
	getrusage(RUSAGE_SELF, &before);
	client_send(first, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
	int turns = 0;
	for (uint64_t until = time_mono_ms() + 1500; time_mono_ms() < until; turns++)
		server_turn(app.server);
	getrusage(RUSAGE_SELF, &after);
	setrlimit(RLIMIT_NOFILE, &old);
	assert_in_range(turns, 1, 20);
	client_read(&app, first, false, answer, sizeof(answer));
	assert_answer(answer, "hello");
	close(first);
	close(second);
	app_stop(&app);
}

static void a_stalled_reader_does_not_hold_up_others(void **state)
{
	struct app app;
	char answer[4096];

	(void)state;
	app_start(&app, 8);
	int stalled = client_open(&app);
	client_send(stalled, "GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
	while (!client_is_readable(stalled))
		server_turn(app.server);
	client_ask(&app, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n", answer, sizeof(answer));
	assert_answer(answer, "hello");
	close(stalled);
	app_stop(&app);
}

/* From here on the client connects to this socket. */
static void client_use_unix(struct app *app, const char *path)
{
	struct sockaddr_un *address = (struct sockaddr_un *)&app->address;

	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	memcpy(address->sun_path, path, strlen(path) + 1);
	app->address_length = sizeof(*address);
}

static int listen_at(struct app *app, const char *path, const char *web_path)
{
	const struct daemon_options options = { .program = "test",
		.listen = { path },
		.listen_count = path ? 1 : 0,
		.unix_only = !path || path[0] == '/',
		.listen_web = web_path };
	bool activated;

	return daemon_listen(app->server, &options, &activated, NULL);
}

static void peers_are_distinguished(void **state)
{
	char directory[] = "/tmp/aither-test-XXXXXX", answer[4096];
	struct app app, earlier;

	(void)state;
	app_start(&app, 8);
	client_ask(&app, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n", answer, sizeof(answer));
	assert_answer(answer, "x-peer: loopback\r\n");

	assert_non_null(mkdtemp(directory));
	CLEANUP(mem_freep) char *path = mem_printf("%s/s", directory);
	app_start(&earlier, 8);
	assert_int_equal(listen_at(&earlier, path, NULL), 0);
	app_stop(&earlier);
	/* The file of a socket left behind is replaced; a file with a listener is not. */
	assert_int_equal(listen_at(&app, path, NULL), 0);
	assert_int_equal(listen_at(&app, path, NULL), -EADDRINUSE);
	client_use_unix(&app, path);
	client_ask(&app, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n", answer, sizeof(answer));
	assert_answer(answer, "x-peer: unix\r\n");
	assert_answer(answer, "x-address: \r\n");

	CLEANUP(mem_freep) char *web_path = mem_printf("%s/w", directory);
	assert_int_equal(listen_at(&app, NULL, web_path), 0);
	client_use_unix(&app, web_path);
	client_ask(&app, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n", answer, sizeof(answer));
	assert_answer(answer, "HTTP/1.1 403 ");
	unlink(web_path);
	unlink(path);
	rmdir(directory);
	app_stop(&app);
}

static void leaving_waits_for_those_in_the_queue(void **state)
{
	struct app app;
	char answer[4096];

	(void)state;
	app_start(&app, 8);
	int fd = client_open(&app);
	assert_false(server_leave_if_idle(app.server));
	assert_true(server_is_running(app.server));
	client_send(fd, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
	client_read(&app, fd, false, answer, sizeof(answer));
	assert_answer(answer, "hello");
	assert_false(server_leave_if_idle(app.server));
	close(fd);
	while (server_connections(app.server) > 0)
		server_turn(app.server);
	assert_true(server_leave_if_idle(app.server));
	assert_false(server_is_running(app.server));
	app_stop(&app);
}

static void count_tick(void *arg)
{
	++*(unsigned *)arg;
}

static void timers_tick_on_the_loop(void **state)
{
	struct app app;
	unsigned ticks = 0;

	(void)state;
	app_start(&app, 8);
	server_every(app.server, 5, count_tick, &ticks);
	while (ticks < 3)
		server_turn(app.server);
	app_stop(&app);
}

static void a_missing_descriptor_for_a_timer_is_reported_and_does_no_harm(void **state)
{
	struct rlimit before, none;
	struct app app;
	struct error err = { 0 };

	(void)state;
	app_start(&app, 8);
	assert_int_equal(server_check(app.server, &err), 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = (struct rlimit){ .rlim_cur = 0, .rlim_max = before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	struct server_watch *timer = server_timer(app.server, count_tick, NULL);
	server_watch(app.server, STDIN_FILENO, count_tick, NULL);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_null(timer);
	server_timer_set(timer, 1);
	assert_int_equal(server_check(app.server, &err), -EMFILE);
	assert_string_equal(err.message, "cannot watch a descriptor: Too many open files");
	app_stop(&app);
}

static void listen_texts_are_checked(void **state)
{
	static const char *const bad[] = { "", "3500", "localhost:3500", "127.0.0.1:", "127.0.0.1:65536",
		"127.0.0.1:1x", "::1:3500", "[::1]", "[::1:0", "127.0.0.1:-1", "[::1%]:0" };
	struct app app;

	(void)state;
	app_start(&app, 8);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(listen_at(&app, bad[i], NULL), -EINVAL);
	app_stop(&app);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_connection_serves_several_requests),
		cmocka_unit_test(pipelined_requests_are_answered_in_order),
		cmocka_unit_test(the_end_may_come_before_a_pipelined_request_has_its_turn),
		cmocka_unit_test(a_thread_answers_later),
		cmocka_unit_test(completing_after_the_client_has_gone_is_harmless),
		cmocka_unit_test(completing_after_the_server_has_gone_is_harmless),
		cmocka_unit_test(draining_answers_what_runs_and_lets_idle_clients_go),
		cmocka_unit_test(a_request_on_an_idle_connection_is_answered_in_the_grace_second),
		cmocka_unit_test(draining_ends_at_its_deadline),
		cmocka_unit_test(clients_beyond_the_cap_wait_and_are_served),
		cmocka_unit_test(idle_clients_make_room_for_those_who_wait),
		cmocka_unit_test(running_out_of_descriptors_does_not_keep_the_processor_busy),
		cmocka_unit_test(a_stalled_reader_does_not_hold_up_others),
		cmocka_unit_test(peers_are_distinguished),
		cmocka_unit_test(leaving_waits_for_those_in_the_queue),
		cmocka_unit_test(timers_tick_on_the_loop),
		cmocka_unit_test(a_missing_descriptor_for_a_timer_is_reported_and_does_no_harm),
		cmocka_unit_test(listen_texts_are_checked),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
