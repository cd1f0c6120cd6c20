/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/mem.h"
#include "net/workerclient.h"
#include "scratch.h"

#define PATIENCE_MS 20000 /* only a failing test waits this long */
#define SHORT_MS 50       /* a time limit that shall expire */
#define OK_HEAD "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"

enum manner {
	STAY,    /* keeps the connection open until the client has left */
	TRICKLE, /* the same, and sends byte by byte */
	LEAVE,   /* closes after the answer */
};

/* The worker of these tests: accepts one connection on a thread, reads one request head, sends `answer`. */
static struct {
	char path[250];
	int listener;
	pthread_t thread;
	bool running;
	char request[4096];
	const char *answer;
	size_t length;
	enum manner manner;
} worker;

static void worker_listen(int backlog)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	memset(&worker, 0, sizeof(worker));
	snprintf(worker.path, sizeof(worker.path), "%s/worker.sock", scratch_path);
	snprintf(address.sun_path, sizeof(address.sun_path), "%.100s", worker.path);
	worker.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(worker.listener >= 0);
	assert_int_equal(bind(worker.listener, (const struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(worker.listener, backlog), 0);
}

static void send_answer(int fd)
{
	size_t piece = worker.manner == TRICKLE ? 1 : worker.length;

	for (size_t sent = 0; sent < worker.length; sent += piece) {
		if (send(fd, worker.answer + sent, piece, MSG_NOSIGNAL) != (ssize_t)piece)
			return;
	}
}

static void *worker_main(void *arg)
{
	char byte;

	(void)arg;
	int fd = accept(worker.listener, NULL, NULL);
	if (fd < 0)
		return NULL;
	for (size_t i = 0; i < sizeof(worker.request) - 1 && read(fd, &byte, 1) == 1; i++) {
		worker.request[i] = byte;
		if (strstr(worker.request, "\r\n\r\n"))
			break;
	}
	send_answer(fd);
	while (worker.manner != LEAVE && read(fd, &byte, 1) > 0)
		;
	close(fd);
	return NULL;
}

static void worker_start(const char *answer, size_t length, enum manner manner)
{
	worker_listen(8);
	worker.answer = answer;
	worker.length = length;
	worker.manner = manner;
	worker.running = true;
	assert_int_equal(pthread_create(&worker.thread, NULL, worker_main, NULL), 0);
}

static void worker_stop(void)
{
	shutdown(worker.listener, SHUT_RDWR); /* wakes a thread that still waits in accept() */
	if (worker.running)
		pthread_join(worker.thread, NULL);
	close(worker.listener);
	unlink(worker.path);
}

static int call(const char *method, struct workerclient_response *response, struct error *err)
{
	const struct workerclient_request request = {
		.socket_path = worker.path, .method = method, .target = "/api/sync", .timeout_ms = PATIENCE_MS
	};

	return workerclient_call(&request, response, err);
}

/* Runs the whole exchange; the response stays unchanged if the call fails. */
static int exchange(
	const char *method, const char *answer, struct workerclient_response *response, struct error *err)
{
	worker_start(answer, strlen(answer), STAY);
	int result = call(method, response, err);
	worker_stop();
	return result;
}

static void an_answer_comes_with_status_headers_and_body(void **state)
{
	CLEANUP(workerclient_response_done) struct workerclient_response response = { 0 };

	(void)state;
	assert_int_equal(
		exchange("POST",
			"HTTP/1.1 202 Accepted\r\nContent-type: application/json; charset=utf-8\r\n"
			"RETRY-AFTER:60\r\nLocation: /api/sync/status\r\nX-Other: \x01\r\n"
			"Server-Timing: fetch;dur=1, render;dur=2\r\nContent-Length: 7\r\n\r\n{\"a\":1}",
			&response, NULL),
		0);
	assert_int_equal(response.status, 202);
	assert_string_equal(response.content_type, "application/json; charset=utf-8");
	assert_string_equal(response.retry_after, "60");
	assert_string_equal(response.location, "/api/sync/status");
	assert_string_equal(response.server_timing, "fetch;dur=1, render;dur=2");
	assert_string_equal(buf_text(&response.body), "{\"a\":1}");
}

static void requests_are_written_as_the_server_expects_them(void **state)
{
	static const struct {
		struct workerclient_request request;
		const char *expected;
	} rows[] = {
		{ { .method = "GET", .target = "/api/sync/status" },
			"GET /api/sync/status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n" },
		{ { .method = "POST",
			  .target = "/api/sync?force=1",
			  .request_id = "r-1",
			  .prefer = "respond-async" },
			"POST /api/sync?force=1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
			"X-Request-Id: r-1\r\nPrefer: respond-async\r\nContent-Length: 0\r\n\r\n" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEANUP(workerclient_response_done) struct workerclient_response response = { 0 };
		const char *answer = OK_HEAD "Content-Length: 0\r\n\r\n";
		struct workerclient_request request = rows[i].request;
		worker_start(answer, strlen(answer), STAY);
		atomic_bool sent = false;
		request.socket_path = worker.path;
		request.ret_sent = &sent;
		assert_int_equal(workerclient_call(&request, &response, NULL), 0);
		worker_stop();
		assert_true(sent);
		assert_string_equal(worker.request, rows[i].expected);
	}
}

static void an_answer_may_trickle_in(void **state)
{
	CLEANUP(workerclient_response_done) struct workerclient_response response = { 0 };
	const char *answer = OK_HEAD "Content-Length: 5\r\n\r\nhello";

	(void)state;
	worker_start(answer, strlen(answer), TRICKLE);
	assert_int_equal(call("GET", &response, NULL), 0);
	worker_stop();
	assert_string_equal(buf_text(&response.body), "hello");
}

static void answers_may_lack_a_body_and_headers(void **state)
{
	static const char *const rows[][2] = {
		{ "HEAD", OK_HEAD "Content-Length: 700\r\n\r\n" },
		{ "GET", "HTTP/1.1 204 No Content\r\n\r\n" },
		{ "GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEANUP(workerclient_response_done) struct workerclient_response response = { 0 };
		assert_int_equal(exchange(rows[i][0], rows[i][1], &response, NULL), 0);
		assert_int_equal(response.body.length, 0);
		assert_string_equal(response.retry_after, "");
		assert_string_equal(response.location, "");
		assert_string_equal(response.server_timing, "");
	}
}

static void an_answer_unlike_our_servers_is_refused(void **state)
{
	static const struct {
		const char *name, *answer;
	} rows[] = {
		{ "another protocol", "SSH-2.0-OpenSSH_9.2\r\n\r\n" },
		{ "HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n" },
		{ "a status of four digits", "HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n" },
		{ "an interim answer", "HTTP/1.1 100 Continue\r\n\r\n" },
		{ "no length", OK_HEAD "\r\n" },
		{ "an empty length", OK_HEAD "Content-Length: \r\n\r\n" },
		{ "a signed length", OK_HEAD "Content-Length: +1\r\n\r\nx" },
		{ "a length with garbage", OK_HEAD "Content-Length: 1x\r\n\r\nx" },
		{ "two lengths", OK_HEAD "Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx" },
		{ "a length over the maximum", OK_HEAD "Content-Length: 99999999\r\n\r\n" },
		{ "chunked", OK_HEAD "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\nx" },
		{ "a long header", OK_HEAD "Retry-After: 0123456789abcdef\r\nContent-Length: 0\r\n\r\n" },
		{ "a line break in a header", OK_HEAD "Location: /a\nX: y\r\nContent-Length: 0\r\n\r\n" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct workerclient_response response = { .status = 7 };
		struct error err = { 0 };
		if (exchange("GET", rows[i].answer, &response, &err) != -EBADMSG)
			fail_msg("%s: %s", rows[i].name, err.message);
		assert_int_equal(response.status, 7);
	}
}

static void an_endless_head_is_refused(void **state)
{
	CLEANUP(mem_freep) char *answer = mem_alloc(40000);

	(void)state;
	memset(answer, 'a', 40000);
	memcpy(answer, "HTTP/1.1 200 OK\r\nX: ", 20);
	worker_start(answer, 40000, STAY);
	assert_int_equal(call("GET", NULL, NULL), -EBADMSG);
	worker_stop();
}

static void a_body_may_have_the_maximum_and_no_more(void **state)
{
	size_t size = WORKERCLIENT_BODY_MAX + 200;
	CLEANUP(mem_freep) char *answer = mem_alloc(size);

	(void)state;
	memset(answer, 'b', size);
	for (size_t excess = 0; excess < 2; excess++) {
		CLEANUP(workerclient_response_done) struct workerclient_response response = { 0 };
		size_t length = WORKERCLIENT_BODY_MAX + excess;
		int head = snprintf(answer, 100, OK_HEAD "Content-Length: %zu\r\n\r\n", length);
		answer[head] = 'b';
		worker_start(answer, (size_t)head + length, STAY);
		assert_int_equal(call("GET", &response, NULL), excess ? -EBADMSG : 0);
		worker_stop();
		assert_int_equal(response.body.length, excess ? 0 : length);
	}
}

static int call_briefly(struct error *err)
{
	const struct workerclient_request request = {
		.socket_path = worker.path, .method = "GET", .target = "/", .timeout_ms = SHORT_MS
	};
	struct workerclient_response response;

	return workerclient_call(&request, &response, err);
}

static void a_worker_that_leaves_is_a_reset_and_a_silent_one_a_timeout(void **state)
{
	static const char *const answers[] = { "", "HTTP/1.1 200 O", OK_HEAD "Content-Length: 5\r\n\r\nhel" };

	(void)state;
	for (size_t i = 0; i < 2 * ARRAY_SIZE(answers); i++) {
		struct error err = { 0 };
		bool stays = i % 2 == 1;
		worker_start(answers[i / 2], strlen(answers[i / 2]), stays ? STAY : LEAVE);
		assert_int_equal(stays ? call_briefly(&err) : call("GET", NULL, &err),
			stays ? -ETIMEDOUT : -ECONNRESET);
		worker_stop();
		assert_int_equal(err.code, ERROR_WORKER_UNAVAILABLE);
	}
}

static void a_worker_that_does_not_accept_times_out(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct workerclient_response response;
	atomic_bool sent = false;
	const struct workerclient_request request = { .socket_path = worker.path,
		.method = "GET",
		.target = "/",
		.timeout_ms = SHORT_MS,
		.ret_sent = &sent };

	(void)state;
	worker_listen(0);
	snprintf(address.sun_path, sizeof(address.sun_path), "%.100s", worker.path);
	int waiting = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(waiting, (const struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(workerclient_call(&request, &response, NULL), -ETIMEDOUT);
	assert_false(sent);
	close(waiting);
	worker_stop();
}

static void a_missing_socket_names_the_command_that_helps(void **state)
{
	struct error err = { 0 };
	char expected[500];

	(void)state;
	worker_listen(8);
	worker_stop();
	assert_int_equal(call("GET", NULL, &err), -ENOENT);
	snprintf(expected, sizeof(expected),
		"cannot reach aither-worker at %s: No such file or directory; "
		"try: systemctl start aither-worker.socket",
		worker.path);
	assert_string_equal(err.message, expected);
	assert_int_equal(err.code, ERROR_WORKER_UNAVAILABLE);
}

static void a_dead_socket_refuses_the_connection(void **state)
{
	struct error err = { 0 };

	(void)state;
	worker_listen(8);
	close(worker.listener);
	assert_int_equal(call("GET", NULL, &err), -ECONNREFUSED);
	assert_non_null(strstr(err.message, "systemctl start aither-worker.socket"));
}

static void a_forbidden_socket_names_the_group(void **state)
{
	struct error err = { 0 };

	(void)state;
	worker_listen(8);
	assert_int_equal(chmod(worker.path, 0), 0);
	assert_int_equal(chmod(scratch_path, 0711), 0);
	setfsuid(65534); /* for root, whom no file mode stops */
	int result = call("GET", NULL, &err);
	setfsuid(geteuid());
	worker_stop();
	assert_int_equal(result, -EACCES);
	assert_non_null(strstr(err.message, "not permitted; run as root or as a member of group aither"));
}

static void a_path_too_long_for_a_socket_is_an_error(void **state)
{
	(void)state;
	memset(worker.path, 'p', 108);
	worker.path[108] = '\0';
	assert_int_equal(call("GET", NULL, NULL), -ENAMETOOLONG);
}

static void a_process_out_of_descriptors_does_not_blame_the_worker(void **state)
{
	struct rlimit before, none;
	struct error err = { 0 };
	int result;

	(void)state;
	worker_listen(1);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = (struct rlimit){ .rlim_cur = 0, .rlim_max = before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	result = call("GET", NULL, &err);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	close(worker.listener);
	assert_int_equal(result, -EMFILE);
	assert_int_equal(err.code, ERROR_WORKER_UNAVAILABLE);
	assert_string_equal(err.message, "cannot create a socket for aither-worker: Too many open files");
}

static void nothing_can_be_smuggled_into_a_request(void **state)
{
	static const struct workerclient_request rows[] = {
		{ .method = "GET", .target = "/ HTTP/1.1\r\nX: y" },
		{ .method = "GET", .target = "/a b" },
		{ .method = "GET", .target = "/", .request_id = "1\r\nX: y" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct workerclient_request request = rows[i];
		struct workerclient_response response;
		worker_start("", 0, STAY);
		request.socket_path = worker.path;
		assert_int_equal(workerclient_call(&request, &response, NULL), -EINVAL);
		worker_stop();
		assert_string_equal(worker.request, "");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(an_answer_comes_with_status_headers_and_body),
		SCRATCH_TEST(requests_are_written_as_the_server_expects_them),
		SCRATCH_TEST(an_answer_may_trickle_in),
		SCRATCH_TEST(answers_may_lack_a_body_and_headers),
		SCRATCH_TEST(an_answer_unlike_our_servers_is_refused),
		SCRATCH_TEST(an_endless_head_is_refused),
		SCRATCH_TEST(a_body_may_have_the_maximum_and_no_more),
		SCRATCH_TEST(a_worker_that_leaves_is_a_reset_and_a_silent_one_a_timeout),
		SCRATCH_TEST(a_worker_that_does_not_accept_times_out),
		SCRATCH_TEST(a_missing_socket_names_the_command_that_helps),
		SCRATCH_TEST(a_dead_socket_refuses_the_connection),
		SCRATCH_TEST(a_forbidden_socket_names_the_group),
		SCRATCH_TEST(a_path_too_long_for_a_socket_is_an_error),
		SCRATCH_TEST(a_process_out_of_descriptors_does_not_blame_the_worker),
		SCRATCH_TEST(nothing_can_be_smuggled_into_a_request),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
