/* SPDX-License-Identifier: MIT */
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/time.h"
#include "http/server.h"
#include "loopback.h"

static const struct {
	const char *name, *request, *status, *text;
} status_rows[] = {
	{ "unknown path", "GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n", "404", "\"NOT_FOUND\"" },
	{ "wrong method", "POST /hello HTTP/1.1\r\nHost: x\r\n\r\n", "405", "allow: GET, HEAD\r\n" },
	{ "unknown method", "BREW /echo HTTP/1.1\r\nHost: x\r\n\r\n", "405", "allow: POST\r\n" },
	{ "HEAD of a POST route", "HEAD /echo HTTP/1.1\r\nHost: x\r\n\r\n", "405", "allow: POST\r\n" },
	{ "NUL in the path", "GET /hello%00 HTTP/1.1\r\nHost: x\r\n\r\n", "400", "\"BAD_REQUEST\"" },
	{ "line feed in the path", "GET /%0ahello HTTP/1.1\r\nHost: x\r\n\r\n", "400", "\"BAD_REQUEST\"" },
	{ "invalid UTF-8", "GET /%c3%28 HTTP/1.1\r\nHost: x\r\n\r\n", "400", "\"BAD_REQUEST\"" },
	{ "bad escape", "GET /hello%zz HTTP/1.1\r\nHost: x\r\n\r\n", "400", "\"BAD_REQUEST\"" },
	{ "encoded slash", "GET /below%2fx HTTP/1.1\r\nHost: x\r\n\r\n", "400", "\"BAD_REQUEST\"" },
	{ "asterisk", "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", "204", "allow: GET, HEAD, POST\r\n" },
	{ "asterisk of another method", "GET * HTTP/1.1\r\nHost: x\r\n\r\n", "400", "\"BAD_REQUEST\"" },
	{ "a method that is no token", "G(T /hello HTTP/1.1\r\nHost: x\r\n\r\n", "400", "\"BAD_REQUEST\"" },
	{ "close among others", "GET /hello HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Close\r\n\r\n",
		"200", "Connection: close\r\n" },
	{ "close in a second line",
		"GET /hello HTTP/1.1\r\nHost: x\r\nConnection: x\r\nConnection: close\r\n\r\n", "200",
		"Connection: close\r\n" },
	{ "folded header", "GET /hello HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n", "400", "\"BAD_REQUEST\"" },
	{ "HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "400", "Bad Request" },
	{ "dots are not resolved", "GET /below/../hello HTTP/1.1\r\nHost: x\r\n\r\n", "200",
		"x-tail: ../hello" },
	{ "encoded letter", "GET /hell%6f HTTP/1.1\r\nHost: x\r\n\r\n", "200", "hello\n" },
	{ "query", "GET /hello?force=1 HTTP/1.1\r\nHost: x\r\n\r\n", "200", "hello\n" },
	{ "host", "GET /hello HTTP/1.1\r\nHost: a.example:3500\r\n\r\n", "200",
		"x-host: a.example:3500\r\n" },
	{ "no host", "GET /hello HTTP/1.0\r\n\r\n", "200", "x-host: none\r\n" },
	{ "absolute target", "GET http://b.example/hello HTTP/1.1\r\nHost: a\r\n\r\n", "200",
		"x-host: b.example\r\n" },
	{ "absolute target of TLS", "GET HTTPS://b.example/hello HTTP/1.1\r\nHost: a\r\n\r\n", "200",
		"x-host: b.example\r\n" },
	{ "absolute target without a path", "GET http://b.example HTTP/1.1\r\nHost: a\r\n\r\n", "404",
		"nothing at /\"" },
	{ "absolute target with a query only", "GET http://b.example?lang=en HTTP/1.1\r\nHost: a\r\n\r\n",
		"404", "nothing at /\"" },
	{ "absolute target without a host", "GET http:///hello HTTP/1.1\r\nHost: a\r\n\r\n", "400",
		"\"BAD_REQUEST\"" },
	{ "absolute target with a user", "GET http://a:b@c/hello HTTP/1.1\r\nHost: a\r\n\r\n", "400",
		"\"BAD_REQUEST\"" },
	{ "upgrade is ignored",
		"GET /hello HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n", "200",
		"hello\n" },
	{ "body", "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", "200", "\r\n\r\nabc" },
	{ "chunked body",
		"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: "
		"chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
		"411", "\"BAD_REQUEST\"" },
	{ "broken chunk", "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "411",
		"\"BAD_REQUEST\"" },
	{ "unknown coding", "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", "501",
		"\"BAD_REQUEST\"" },
	{ "announced large body", "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 70000\r\n\r\n", "413",
		"\"PAYLOAD_TOO_LARGE\"" },
	{ "unknown expectation",
		"POST /echo HTTP/1.1\r\nHost: x\r\nExpect: tea\r\nContent-Length: 1\r\n\r\na", "417",
		"\"BAD_REQUEST\"" },
	{ "304 has no length", "GET /same HTTP/1.1\r\nHost: x\r\n\r\n", "304", "Connection: keep-alive" },
};

static void requests_get_the_status_they_deserve(void **state)
{
	struct app app;
	char answer[4096], status[32];

	(void)state;
	app_start(&app, 8);
	for (size_t i = 0; i < ARRAY_SIZE(status_rows); i++) {
		client_ask(&app, status_rows[i].request, answer, sizeof(answer));
		snprintf(status, sizeof(status), "HTTP/1.1 %s ", status_rows[i].status);
		if (!strstr(answer, status) || !strstr(answer, status_rows[i].text))
			fail_msg("%s: expected %s and \"%s\", got: %s", status_rows[i].name, status,
				status_rows[i].text, answer);
		assert_null(strstr(answer, "Injected"));
	}
	app_stop(&app);
}

static void oversized_requests_are_refused(void **state)
{
	static const struct {
		const char *name;
		const char *before, *after;
		size_t filler;
		const char *expected;
	} rows[] = {
		{ "URL", "GET /", " HTTP/1.1\r\nHost: x\r\n\r\n", SERVER_URL_MAX, "HTTP/1.1 414 " },
		{ "one header", "GET /hello HTTP/1.1\r\nHost: x\r\nA: ", "\r\n\r\n", SERVER_HEADERS_MAX,
			"HTTP/1.1 431 " },
		{ "Host", "GET /hello HTTP/1.1\r\nHost: ", "\r\n\r\n", SERVER_HEADERS_MAX + 1,
			"HTTP/1.1 431 " },
		{ "largest URL", "GET /", " HTTP/1.1\r\nHost: x\r\n\r\n", SERVER_URL_MAX - 1,
			"HTTP/1.1 404 " },
	};
	struct app app;
	char answer[8192];

	(void)state;
	app_start(&app, 8);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEANUP(mem_freep) char *filler = mem_alloc(rows[i].filler + 1);
		memset(filler, 'a', rows[i].filler);
		filler[rows[i].filler] = '\0';
		CLEANUP(mem_freep)
		char *request = mem_printf("%s%s%s", rows[i].before, filler, rows[i].after);
		client_ask(&app, request, answer, sizeof(answer));
		if (!strstr(answer, rows[i].expected))
			fail_msg("%s: expected %s, got: %s", rows[i].name, rows[i].expected, answer);
	}
	app_stop(&app);
}

/* Without a lingering close, the kernel's reset would make the answer unreadable. */
static void a_client_that_sends_too_much_still_reads_its_413(void **state)
{
	struct app app;
	char answer[4096];
	CLEANUP(mem_freep) char *block = mem_zalloc(60000);

	(void)state;
	app_start(&app, 8);
	int fd = client_open(&app);
	client_send(fd, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 120000\r\n\r\n");
	while (!client_is_readable(fd))
		server_turn(app.server);
	for (int i = 0; i < 2; i++)
		assert_int_equal(send(fd, block, 60000, MSG_NOSIGNAL), 60000);
	client_read(&app, fd, false, answer, sizeof(answer));
	assert_answer(answer, "HTTP/1.1 413 ");
	assert_answer(answer, "Connection: close\r\n");
	assert_answer(answer, "x-request-id: ");
	assert_true(client_is_closed(&app, fd));
	close(fd);
	while (server_connections(app.server) > 0)
		server_turn(app.server);
	app_stop(&app);
}

static void head_has_the_length_and_no_body(void **state)
{
	struct app app;
	char answer[4096];

	(void)state;
	app_start(&app, 8);
	int fd = client_open(&app);
	client_send(fd, "HEAD /hello HTTP/1.1\r\nHost: x\r\n\r\nGET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
	client_read(&app, fd, true, answer, sizeof(answer));
	assert_answer(answer, "Content-Length: 6\r\n");
	assert_null(strstr(answer, "hello\n"));
	client_read(&app, fd, false, answer, sizeof(answer));
	assert_true(strncmp(answer, "HTTP/1.1 200", 12) == 0);
	close(fd);
	app_stop(&app);
}

static void request_ids_are_kept_when_well_formed(void **state)
{
	struct app app;
	char answer[4096];

	(void)state;
	app_start(&app, 8);
	client_ask(&app, "GET /nowhere HTTP/1.1\r\nHost: x\r\nX-Request-Id: abc-1!~\r\n\r\n", answer,
		sizeof(answer));
	assert_answer(answer, "x-request-id: abc-1!~\r\n");
	assert_answer(answer, "\"requestId\":\"abc-1!~\"");
	client_ask(
		&app, "GET /hello HTTP/1.1\r\nHost: x\r\nX-Request-Id: a b\r\n\r\n", answer, sizeof(answer));
	assert_answer(answer, "x-request-id: ");
	assert_null(strstr(answer, "a b"));
	app_stop(&app);
}

/* A client that sends half a request on every available connection must not shut out other clients for
 * long. */
static void an_unfinished_request_makes_room_for_those_who_wait(void **state)
{
	struct app app;
	char answer[4096];

	(void)state;
	app_start(&app, 2);
	int fds[2] = { client_open(&app), client_open(&app) };
	client_send(fds[0], "GET /hello HTTP/1.1\r\nHost");
	client_send(fds[1], "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc");
	while (server_connections(app.server) < 2)
		server_turn(app.server);
	uint64_t began = time_mono_ms();
	client_ask(&app, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n", answer, sizeof(answer));
	assert_answer(answer, "hello");
	assert_in_range(time_mono_ms() - began, 0, SERVER_REQUEST_TIMEOUT_S * 1000 * 2 / 3);
	close(fds[0]);
	close(fds[1]);
	app_stop(&app);
}

/* One socket for both families, as ListenStream=3500 makes it. */
static void an_address_is_that_of_its_own_family(void **state)
{
	struct sockaddr_in6 *v6;
	struct sockaddr_in *v4;
	struct app app;
	char answer[4096];
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0), both = 0;
	struct sockaddr_in6 any = { .sin6_family = AF_INET6 };

	(void)state;
	if (fd < 0 || bind(fd, (struct sockaddr *)&any, sizeof(any)) < 0) {
		file_closep(&fd);
		skip(); /* no IPv6 here */
	}
	app_start(&app, 8);
	client_ask(&app, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n", answer, sizeof(answer));
	assert_answer(answer, "x-address: 127.0.0.1\r\n");
	setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &both, sizeof(both));
	assert_int_equal(listen(fd, 8), 0);
	app.address_length = sizeof(app.address);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&app.address, &app.address_length), 0);
	server_listen(app.server, fd);
	v6 = (struct sockaddr_in6 *)&app.address;
	v6->sin6_addr = in6addr_loopback;
	client_ask(&app, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n", answer, sizeof(answer));
	assert_answer(answer, "x-address: ::1\r\n");
	v4 = (struct sockaddr_in *)&app.address;
	*v4 = (struct sockaddr_in){
		.sin_family = AF_INET, .sin_port = v6->sin6_port, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)
	};
	app.address_length = sizeof(*v4);
	client_ask(&app, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n", answer, sizeof(answer));
	assert_answer(answer, "x-address: 127.0.0.1\r\n");
	app_stop(&app);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_get_the_status_they_deserve),
		cmocka_unit_test(oversized_requests_are_refused),
		cmocka_unit_test(a_client_that_sends_too_much_still_reads_its_413),
		cmocka_unit_test(head_has_the_length_and_no_body),
		cmocka_unit_test(request_ids_are_kept_when_well_formed),
		cmocka_unit_test(an_unfinished_request_makes_room_for_those_who_wait),
		cmocka_unit_test(an_address_is_that_of_its_own_family),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
