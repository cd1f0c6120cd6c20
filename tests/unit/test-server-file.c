/* SPDX-License-Identifier: MIT */
/* Responses whose body the kernel sends from a file in memory. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "http/http.h"
#include "http/server.h"
#include "loopback.h"

#define LARGE ((size_t)6 << 20) /* more than a socket accepts at once */

static struct http_body *body_of(size_t length)
{
	char *bytes = mem_alloc(length);

	for (size_t i = 0; i < length; i++)
		bytes[i] = (char)(i * 7 + i / 4096);
	struct http_body *body = http_body_new(bytes, length);
	http_body_to_file(body);
	return body;
}

/* Sends the request and answers it with this body. */
static void ask(struct app *app, int fd, const char *request, struct http_body *body)
{
	struct http_response response = { .status = 200, .body = http_body_ref(body) };

	app->parked = NULL;
	client_send(fd, request);
	while (!app->parked)
		server_turn(app->server);
	http_complete(app->parked, &response);
}

/* Reads the bytes of a body that follow on fd. */
static void assert_body(struct app *app, int fd, const struct http_body *body)
{
	CLEANUP(mem_freep) char *received = mem_alloc(body->length);
	size_t length = 0;

	while (length < body->length) {
		while (!client_is_readable(fd))
			server_turn(app->server);
		ssize_t n = recv(fd, received + length, body->length - length, 0);
		assert_true(n > 0);
		length += (size_t)n;
	}
	assert_memory_equal(received, body->bytes, length);
}

/* Reads up to the empty line, byte by byte. */
static void read_head(struct app *app, int fd, char *ret, size_t size)
{
	size_t length = 0;

	do {
		while (!client_is_readable(fd))
			server_turn(app->server);
		assert_int_equal(recv(fd, ret + length, 1, 0), 1);
		ret[++length] = '\0';
	} while (length + 1 < size && !strstr(ret, "\r\n\r\n"));
}

static void only_large_bodies_move(void **state)
{
	static const struct {
		const char *name;
		size_t length;
		bool moves;
	} rows[] = {
		{ "empty", 0, false },
		{ "small", HTTP_FILE_MIN - 1, false },
		{ "large", HTTP_FILE_MIN, true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct http_body *body = body_of(rows[i].length);
		if ((body->file >= 0) != rows[i].moves)
			fail_msg("%s", rows[i].name);
		if (rows[i].length > 1)
			assert_int_equal(body->bytes[rows[i].length - 1],
				(char)((rows[i].length - 1) * 7 + (rows[i].length - 1) / 4096));
		http_body_unref(body);
	}
}

static void a_body_arrives_whole_again_and_again_on_one_connection(void **state)
{
	struct http_body *body = body_of(LARGE);
	struct app app;
	char head[4096];

	(void)state;
	app_start(&app, 8);
	int fd = client_open(&app);
	for (int i = 0; i < 3; i++) {
		ask(&app, fd, "GET /park HTTP/1.1\r\nHost: x\r\n\r\n", body);
		read_head(&app, fd, head, sizeof(head));
		assert_answer(head, "HTTP/1.1 200 OK\r\n");
		assert_answer(head, "Content-Length: 6291456\r\n");
		assert_answer(head, "Connection: keep-alive\r\n");
		assert_body(&app, fd, body);
	}
	ask(&app, fd, "HEAD /park HTTP/1.1\r\nHost: x\r\n\r\n", body);
	read_head(&app, fd, head, sizeof(head));
	assert_answer(head, "Content-Length: 6291456\r\n");
	client_send(fd, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
	client_read(&app, fd, false, head, sizeof(head));
	assert_answer(head, "\r\n\r\nhello\n");
	assert_int_equal(server_connections(app.server), 1);
	close(fd);
	app_stop(&app);
	assert_int_equal(body->references, 1);
	http_body_unref(body);
}

static void what_is_pipelined_behind_a_body_is_answered(void **state)
{
	struct http_body *body = body_of(LARGE);
	struct app app;
	char head[4096];

	(void)state;
	app_start(&app, 8);
	int fd = client_open(&app);
	ask(&app, fd, "GET /park HTTP/1.1\r\nHost: x\r\n\r\nGET /hello HTTP/1.1\r\nHost: x\r\n\r\n", body);
	read_head(&app, fd, head, sizeof(head));
	assert_body(&app, fd, body);
	client_read(&app, fd, false, head, sizeof(head));
	assert_answer(head, "\r\n\r\nhello\n");
	close(fd);
	app_stop(&app);
	http_body_unref(body);
}

static void a_stalled_reader_delays_no_other_and_may_leave(void **state)
{
	struct http_body *body = body_of(LARGE);
	struct linger reset = { .l_onoff = 1, .l_linger = 0 };
	struct app app;
	char head[4096];

	(void)state;
	app_start(&app, 8);
	int fd = client_open(&app);
	ask(&app, fd, "GET /park HTTP/1.1\r\nHost: x\r\n\r\n", body);
	read_head(&app, fd, head, sizeof(head));
	client_ask(&app, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n", head, sizeof(head));
	assert_answer(head, "hello");
	assert_int_equal(body->references, 2);
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	close(fd);
	while (server_connections(app.server) > 0)
		server_turn(app.server);
	assert_int_equal(body->references, 1);
	app_stop(&app);
	http_body_unref(body);
}

static void draining_lets_a_body_end(void **state)
{
	struct http_body *body = body_of(LARGE);
	struct app app;
	char head[4096];

	(void)state;
	app_start(&app, 8);
	int fd = client_open(&app);
	ask(&app, fd, "GET /park HTTP/1.1\r\nHost: x\r\n\r\n", body);
	read_head(&app, fd, head, sizeof(head));
	server_drain(app.server, 10000);
	assert_body(&app, fd, body);
	assert_true(client_is_closed(&app, fd));
	close(fd);
	app_stop(&app);
	http_body_unref(body);
}

static void the_server_may_end_in_the_middle_of_a_body(void **state)
{
	struct http_body *body = body_of(LARGE);
	struct app app;
	char head[4096];

	(void)state;
	app_start(&app, 8);
	int fd = client_open(&app);
	ask(&app, fd, "GET /park HTTP/1.1\r\nHost: x\r\n\r\n", body);
	read_head(&app, fd, head, sizeof(head));
	app_stop(&app);
	assert_int_equal(body->references, 1);
	close(fd);
	http_body_unref(body);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_large_bodies_move),
		cmocka_unit_test(a_body_arrives_whole_again_and_again_on_one_connection),
		cmocka_unit_test(what_is_pipelined_behind_a_body_is_answered),
		cmocka_unit_test(a_stalled_reader_delays_no_other_and_may_leave),
		cmocka_unit_test(draining_lets_a_body_end),
		cmocka_unit_test(the_server_may_end_in_the_middle_of_a_body),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
