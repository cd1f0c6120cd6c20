/* SPDX-License-Identifier: MIT */
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "net/fetch.h"
#include "peer.h"

#define PATIENCE_MS 20000 /* only a failing test waits this long */
#define SHORT_MS 200      /* for an event that never comes */
#define BODY_MAX 1000

/* The result of a request. */
struct outcome {
	unsigned calls;
	struct fetch_result result; /* its body is in `body` */
	char *body;                 /* owned */
};

static void outcome_done(struct outcome *outcome)
{
	free(outcome->body);
}

static void on_result(void *arg, struct fetch_result *result)
{
	struct outcome *outcome = arg;

	outcome->calls++;
	outcome->result = *result;
	outcome->body = buf_take(&result->body);
}

static struct fetch *new_fetch(unsigned connections_max, unsigned request_timeout_ms)
{
	const struct fetch_options options = { connections_max, PATIENCE_MS, request_timeout_ms };
	struct fetch *fetch = NULL;

	assert_int_equal(fetch_new(&fetch, &options, NULL), 0);
	return fetch;
}

static void add(struct fetch *fetch, const char *path, fetch_done *done, void *arg)
{
	CLEANUP(mem_freep) char *url = mem_printf("http://127.0.0.1:%u%s", peer_port(), path);
	const struct fetch_request request = { .url = url, .body_max = BODY_MAX };

	fetch_add(fetch, &request, done, arg);
}

/* One GET with a new handle. */
static struct outcome get_url(const char *url)
{
	CLEANUP(fetch_freep) struct fetch *fetch = new_fetch(1, PATIENCE_MS);
	const struct fetch_request request = { .url = url, .body_max = BODY_MAX };
	struct outcome outcome = { 0 };

	fetch_add(fetch, &request, on_result, &outcome);
	fetch_run(fetch, 0, NULL);
	assert_int_equal(outcome.calls, 1);
	return outcome;
}

static struct outcome get(const char *path)
{
	CLEANUP(mem_freep) char *url = mem_printf("http://127.0.0.1:%u%s", peer_port(), path);

	return get_url(url);
}

/* --- the peer: the path selects its behaviour -------------------------------------------------- */

/* The last request, as received. */
static pthread_mutex_t last_lock = PTHREAD_MUTEX_INITIALIZER;
static char last_head[8192], last_body[100];

static bool says(const char *head, const char *path)
{
	const char *target = strchr(head, ' ');

	return target && strncmp(target + 1, path, strlen(path)) == 0;
}

static bool serve_canned(struct peer_connection *connection, const char *head)
{
	static const struct {
		const char *path, *answer;
		bool keep;
	} rows[] = {
		{ "/hello", "HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nContent-Length: 5\r\n\r\nhello", true },
		{ "/last", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", false },
		{ "/limited",
			"HTTP/1.1 429 Too Many Requests\r\nCONTENT-TYPE: Application/JSON; charset=utf-8\r\n"
			"retry-after: 42\r\nX-RateLimit-Limit: 100\r\nX-RateLimit-Remaining: 0\r\n"
			"X-RateLimit-Reset: 1773532800\r\nDate: Sun, 15 Mar 2026 00:00:00 GMT\r\n"
			"Content-Length: 2\r\n\r\n{}",
			true },
		{ "/odd",
			"HTTP/1.1 503 Busy\r\nRetry-After: -5\r\nX-RateLimit-Limit: -1\r\n"
			"X-RateLimit-Remaining: 1e3\r\nX-RateLimit-Reset: 99999999999999999999\r\n"
			"Date: soon\r\nContent-Length: 0\r\nContent-Type: "
			"application/a-type-that-is-longer-than-"
			"any-that-anybody-has-ever-heard-of-and-therefore-is-none-"
			"at-all-though-it-might-of-course-be-one-some-day\r\n\r\n",
			true },
		{ "/far",
			"HTTP/1.1 200 OK\r\nDate: Sun, 15 Mar 2147483647 00:00:00 GMT\r\nContent-Length: "
			"0\r\n\r\n",
			true },
		{ "/dated",
			"HTTP/1.1 503 Busy\r\nDate: Sun, 15 Mar 2026 00:00:00 GMT\r\n"
			"Retry-After: Sun, 15 Mar 2026 00:10:00 GMT\r\nContent-Length: 0\r\n\r\n",
			true },
		{ "/past",
			"HTTP/1.1 503 Busy\r\nRetry-After: Fri, 31 Dec 1999 23:59:59 GMT\r\n"
			"Content-Length: 0\r\n\r\n",
			true },
		{ "/redirect", "HTTP/1.1 302 Found\r\nLocation: /hello\r\nContent-Length: 0\r\n\r\n", true },
		{ "/partial", "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello", false },
		{ "/http09", "hello\r\n", false },
		{ "/gone", "", false },
		{ "/bad-gzip", "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello",
			true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (!says(head, rows[i].path))
			continue;
		peer_send(connection, rows[i].answer);
		return rows[i].keep;
	}
	return false;
}

/* "hello hello hello" and 20 000 zeros, compressed by gzip. */
static const unsigned char gzip_hello[28] = { 0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 3, 0xcb, 0x48, 0xcd, 0xc9,
	0xc9, 0x57, 0xc8, 0x40, 0x90, 0, 0x80, 0x88, 0xf9, 0xe5, 0x11 };
static const unsigned char gzip_zeros[54] = { 0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 3, 0xed, 0xc1, 0x31, 1, 0, 0,
	0, 0xc2, 0xa0, 0xf5, 0x4f, 0x6d, 0x0d, 0x0f, 0xa0, [44] = 0x78, 0x30, 0x02, 0x53, 0x2f, 0x97, 0x20,
	0x4e };

static void send_gzip(struct peer_connection *connection, const void *bytes, size_t length)
{
	CLEANUP(mem_freep)
	char *head = mem_printf(
		"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %zu\r\n\r\n", length);

	peer_send(connection, head);
	peer_send_bytes(connection, bytes, length);
}

static void send_zeros(struct peer_connection *connection, const char *head, size_t length)
{
	CLEANUP(mem_freep) char *zeros = mem_zalloc(length);

	peer_send(connection, head);
	peer_send_bytes(connection, zeros, length);
}

static bool serve_sizes(struct peer_connection *connection, const char *head)
{
	if (says(head, "/gzip"))
		send_gzip(connection, gzip_hello, sizeof(gzip_hello));
	else if (says(head, "/bomb"))
		send_gzip(connection, gzip_zeros, sizeof(gzip_zeros));
	else if (says(head, "/exact"))
		send_zeros(connection, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", 1000);
	else if (says(head, "/announced"))
		send_zeros(connection, "HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n", 1001);
	else if (says(head, "/chunked"))
		send_zeros(connection, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n", 1001);
	else
		return serve_canned(connection, head);
	return true;
}

static bool serve(struct peer_connection *connection, const char *head)
{
	pthread_mutex_lock(&last_lock);
	snprintf(last_head, sizeof(last_head), "%s", head);
	if (says(head, "/post"))
		peer_receive(connection, last_body, 7);
	pthread_mutex_unlock(&last_lock);
	if (says(head, "/reset")) {
		peer_reset(connection);
		return false;
	}
	return serve_sizes(connection, says(head, "/post") ? "POST /hello" : head);
}

static int setup(void **state)
{
	(void)state;
	peer_start(PEER_PLAIN, serve);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	peer_stop();
	return 0;
}

/* --- answers ------------------------------------------------------------------------------------ */

static void an_answer_has_status_headers_and_body(void **state)
{
	CLEANUP(outcome_done) struct outcome outcome = get("/limited");

	(void)state;
	assert_int_equal(outcome.result.failure, FETCH_OK);
	assert_string_equal(outcome.result.message, "");
	assert_int_equal(outcome.result.status, 429);
	assert_string_equal(outcome.result.content_type, "application/json");
	assert_int_equal(outcome.result.retry_after_s, 42);
	assert_int_equal(outcome.result.rate_limit, 100);
	assert_int_equal(outcome.result.rate_remaining, 0);
	assert_int_equal(outcome.result.rate_reset_s, 1773532800);
	assert_int_equal(outcome.result.date_s, 1773532800);
	assert_int_equal(outcome.result.step, FETCH_STEP_UNKNOWN);
	assert_string_equal(outcome.body, "{}");
}

static void absent_and_odd_headers_count_as_absent(void **state)
{
	static const char *const paths[] = { "/hello", "/odd", "/far" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		CLEANUP(outcome_done) struct outcome outcome = get(paths[i]);
		assert_int_equal(outcome.result.failure, FETCH_OK);
		assert_string_equal(outcome.result.content_type, "");
		assert_int_equal(outcome.result.retry_after_s, -1);
		assert_int_equal(outcome.result.rate_limit, -1);
		assert_int_equal(outcome.result.rate_remaining, -1);
		assert_int_equal(outcome.result.rate_reset_s, -1);
		assert_int_equal(outcome.result.date_s, 0);
	}
}

/* The time on the server's clock, which may differ from this machine's. */
static void a_date_in_retry_after_counts_like_seconds(void **state)
{
	CLEANUP(outcome_done) struct outcome dated = get("/dated"), past = get("/past");

	(void)state;
	assert_int_equal(dated.result.retry_after_s, 600);
	assert_int_equal(past.result.retry_after_s, 0);
}

static void gzip_is_decoded(void **state)
{
	CLEANUP(outcome_done) struct outcome outcome = get("/gzip");

	(void)state;
	assert_string_equal(outcome.body, "hello hello hello");
}

static void redirects_are_answers(void **state)
{
	CLEANUP(outcome_done) struct outcome outcome = get("/redirect");

	(void)state;
	assert_int_equal(outcome.result.status, 302);
	assert_int_equal(peer_requests(), 1);
}

static void every_failure_has_its_kind(void **state)
{
	static const struct {
		const char *path;
		enum fetch_failure expected;
	} rows[] = {
		{ "/exact", FETCH_OK },
		{ "/announced", FETCH_TOO_LARGE },
		{ "/chunked", FETCH_TOO_LARGE },
		{ "/bomb", FETCH_TOO_LARGE },
		{ "/partial", FETCH_LOST },
		{ "/gone", FETCH_LOST },
		{ "/reset", FETCH_LOST },
		{ "/bad-gzip", FETCH_UNREADABLE },
		{ "/http09", FETCH_REFUSED },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEANUP(mem_freep) char *path = mem_printf("%s?key=swordfish", rows[i].path);
		CLEANUP(outcome_done) struct outcome outcome = get(path);
		if (outcome.result.failure != rows[i].expected)
			fail_msg("%s: %d, %s", path, (int)outcome.result.failure, outcome.result.message);
		if (outcome.result.failure == FETCH_OK)
			continue;
		assert_int_equal(outcome.result.step, FETCH_STEP_ANSWER);
		assert_int_equal(outcome.result.status, 0);
		assert_string_equal(outcome.body, "");
		assert_non_null(strstr(outcome.result.message, rows[i].path));
		assert_null(strstr(outcome.result.message, "swordfish"));
	}
}

static void a_port_without_listener_is_unreachable(void **state)
{
	CLEANUP(mem_freep) char *url = mem_printf("http://127.0.0.1:%u/", peer_unused_port());
	CLEANUP(mem_freep) char *tls_url = mem_printf("https://127.0.0.1:%u/", peer_port());
	CLEANUP(outcome_done) struct outcome outcome = get_url(url), without_tls = get_url(tls_url);

	(void)state;
	assert_int_equal(outcome.result.failure, FETCH_UNREACHABLE);
	assert_int_equal(outcome.result.step, FETCH_STEP_CONNECT);
	assert_int_equal(without_tls.result.failure, FETCH_UNREACHABLE);
	assert_int_equal(without_tls.result.step, FETCH_STEP_TLS);
}

/* A port where the kernel accepts `backlog` + 1 connections and then no more; no program takes them. */
static int listen_without_accepting(int backlog, struct sockaddr_in *ret_address)
{
	socklen_t length = sizeof(*ret_address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*ret_address =
		(struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	assert_int_equal(bind(fd, (struct sockaddr *)ret_address, length), 0);
	assert_int_equal(listen(fd, backlog), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)ret_address, &length), 0);
	return fd;
}

static void assert_connecting_takes_too_long(
	const char *scheme, const struct sockaddr_in *address, enum fetch_step step)
{
	CLEANUP(mem_freep) char *url = mem_printf("%s://127.0.0.1:%u/", scheme, ntohs(address->sin_port));
	const struct fetch_options options = { 1, SHORT_MS, PATIENCE_MS };
	const struct fetch_request request = { .url = url, .body_max = BODY_MAX };
	CLEANUP(fetch_freep) struct fetch *fetch = NULL;
	CLEANUP(outcome_done) struct outcome outcome = { 0 };

	assert_int_equal(fetch_new(&fetch, &options, NULL), 0);
	fetch_add(fetch, &request, on_result, &outcome);
	fetch_run(fetch, 0, NULL);
	assert_int_equal(outcome.result.failure, FETCH_UNREACHABLE);
	assert_int_equal(outcome.result.step, step);
}

static void a_connection_that_is_not_ready_in_time_is_unreachable(void **state)
{
	struct sockaddr_in address;
	int listener = listen_without_accepting(0, &address);

	(void)state;
	assert_connecting_takes_too_long("https", &address, FETCH_STEP_TLS); /* occupies the one place */
	assert_connecting_takes_too_long("http", &address, FETCH_STEP_CONNECT);
	close(listener);
}

static void a_certificate_of_an_unknown_ca_is_refused(void **state)
{
	(void)state;
	peer_start(PEER_TLS, serve);
	CLEANUP(mem_freep) char *url = mem_printf("https://127.0.0.1:%u/hello", peer_port());
	CLEANUP(outcome_done) struct outcome outcome = get_url(url);
	peer_stop();
	assert_int_equal(outcome.result.failure, FETCH_REFUSED);
	assert_int_equal(outcome.result.step, FETCH_STEP_TRUST);
	assert_non_null(strstr(outcome.result.message, "update-ca-certificates(8)"));
	assert_int_equal(peer_requests(), 0);
}

static void a_url_of_another_protocol_is_refused(void **state)
{
	static const char *const urls[] = { "http://127.0.0.1:1/\001\177", "file:///etc/hostname",
		"ftp://127.0.0.1/", "gopher://127.0.0.1/", "smtp://127.0.0.1/", "", "http://",
		"http://user:swordfish@127.0.0.1/", "http://127.0.0.1:99999/" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(urls); i++) {
		CLEANUP(outcome_done) struct outcome outcome = get_url(urls[i]);
		if (outcome.result.failure != FETCH_REFUSED)
			fail_msg("%s: %d, %s", urls[i], (int)outcome.result.failure, outcome.result.message);
		assert_null(strstr(outcome.result.message, "swordfish"));
		assert_null(strpbrk(outcome.result.message, "\001\177"));
	}
}

/* --- requests ------------------------------------------------------------------------------------ */

static void a_request_has_its_headers_and_no_others(void **state)
{
	static const char *const headers[] = { "X-API-Key: k1", "Accept: application/json", NULL };
	CLEANUP(fetch_freep) struct fetch *fetch = new_fetch(1, PATIENCE_MS);
	CLEANUP(outcome_done) struct outcome first = { 0 }, posted = { 0 }, last = { 0 };
	CLEANUP(mem_freep) char *post_url = mem_printf("http://127.0.0.1:%u/post", peer_port());
	const struct fetch_request post = { post_url, headers, "{\"a\":1}", BODY_MAX };
	CLEANUP(mem_freep) char *url = mem_printf("http://127.0.0.1:%u/hello?a=b", peer_port());
	const struct fetch_request request = { url, headers, NULL, BODY_MAX };
	CLEANUP(mem_freep)
	char *expected = mem_printf(
		"GET /hello?a=b HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nUser-Agent: aither/", peer_port());

	(void)state;
	add(fetch, "/hello", on_result, &first); /* sets a cookie */
	fetch_add(fetch, &post, on_result, &posted);
	fetch_add(fetch, &request, on_result, &last);
	fetch_run(fetch, 0, NULL);
	assert_string_equal(posted.body, "hello");
	assert_string_equal(last.body, "hello");
	assert_int_equal(peer_connections(), 1);
	pthread_mutex_lock(&last_lock);
	assert_string_equal(last_body, "{\"a\":1}");
	assert_int_equal(strncmp(last_head, expected, strlen(expected)), 0);
	assert_non_null(strstr(last_head, "\r\nAccept-Encoding: gzip, deflate\r\nX-API-Key: k1\r\n"
					  "Accept: application/json\r\n\r\n"));
	pthread_mutex_unlock(&last_lock);
}

static void connections_are_kept_and_a_dead_one_is_replaced(void **state)
{
	CLEANUP(fetch_freep) struct fetch *fetch = new_fetch(1, PATIENCE_MS);
	const char *const paths[] = { "/hello", "/hello", "/last", "/hello", "/hello" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		CLEANUP(outcome_done) struct outcome outcome = { 0 };
		add(fetch, paths[i], on_result, &outcome);
		fetch_run(fetch, 0, NULL);
		assert_string_equal(outcome.body, "hello");
	}
	assert_int_equal(peer_connections(), 2);
}

static void one_connection_serves_several_hosts(void **state)
{
	CLEANUP(fetch_freep) struct fetch *fetch = new_fetch(1, PATIENCE_MS);
	CLEANUP(outcome_done) struct outcome first = { 0 }, second = { 0 }, third = { 0 };
	CLEANUP(mem_freep) char *url = mem_printf("http://localhost:%u/hello", peer_port());
	const struct fetch_request other = { .url = url, .body_max = BODY_MAX };

	(void)state;
	add(fetch, "/hello", on_result, &first);
	fetch_add(fetch, &other, on_result, &second);
	add(fetch, "/hello", on_result, &third);
	fetch_run(fetch, 0, NULL);
	assert_string_equal(first.body, "hello");
	assert_string_equal(second.body, "hello");
	assert_string_equal(third.body, "hello");
}

/* A proxy could read the key in an http request. */
static void http_goes_past_every_proxy(void **state)
{
	static const char *const variables[] = { "http_proxy", "all_proxy", "ALL_PROXY" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(variables); i++) {
		setenv(variables[i], "http://127.0.0.1:1", 1);
		CLEANUP(outcome_done) struct outcome outcome = get("/hello");
		unsetenv(variables[i]);
		assert_int_equal(outcome.result.failure, FETCH_OK);
		assert_string_equal(outcome.body, "hello");
	}
}

static void an_unknown_proxy_is_named_as_the_cause(void **state)
{
	(void)state;
	setenv("https_proxy", "http://proxy.invalid:1", 1);
	CLEANUP(outcome_done) struct outcome outcome = get_url("https://127.0.0.1:1/");
	unsetenv("https_proxy");
	assert_int_equal(outcome.result.failure, FETCH_UNREACHABLE);
	assert_int_equal(outcome.result.step, FETCH_STEP_NAME);
	assert_non_null(strstr(outcome.result.message, "the host name of the proxy cannot be resolved"));
}

#define PEER_TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PEER_TEST(an_answer_has_status_headers_and_body),
		PEER_TEST(absent_and_odd_headers_count_as_absent),
		PEER_TEST(a_date_in_retry_after_counts_like_seconds),
		PEER_TEST(gzip_is_decoded),
		PEER_TEST(redirects_are_answers),
		PEER_TEST(every_failure_has_its_kind),
		PEER_TEST(a_port_without_listener_is_unreachable),
		cmocka_unit_test(a_connection_that_is_not_ready_in_time_is_unreachable),
		cmocka_unit_test(a_certificate_of_an_unknown_ca_is_refused),
		cmocka_unit_test(a_url_of_another_protocol_is_refused),
		PEER_TEST(a_request_has_its_headers_and_no_others),
		PEER_TEST(connections_are_kept_and_a_dead_one_is_replaced),
		PEER_TEST(one_connection_serves_several_hosts),
		PEER_TEST(http_goes_past_every_proxy),
		cmocka_unit_test(an_unknown_proxy_is_named_as_the_cause),
	};

	signal(SIGPIPE, SIG_IGN); /* OpenSSL writes without MSG_NOSIGNAL */
	unsetenv("http_proxy");
	unsetenv("https_proxy");
	unsetenv("all_proxy");
	unsetenv("HTTPS_PROXY");
	unsetenv("ALL_PROXY");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
