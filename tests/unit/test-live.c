/* SPDX-License-Identifier: MIT */
/* The homepage and relayed calls over a real socket, with a worker that is played by this file: the two
 * functions of base/workerclient.h below take its place when the test is linked. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/config.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/thread.h"
#include "base/time.h"
#include "base/workerclient.h"
#include "http/server.h"
#include "web/internal.h"
#include "web/relay.h"
#include "web/web.h"

#define TOKEN "0123456789abcdef"

/* The worker: every call counts itself, waits for a permit where calls are held, and says `answer`. */
static struct {
	int permits, arrived; /* eventfds: one counts down, the other wakes the loop */
	atomic_bool held;
	atomic_uint calls;
	atomic_int status;    /* 0: cannot be reached */
	pthread_mutex_t lock; /* guards the texts of the last call */
	char target[128], prefer[64];
} worker = { .lock = PTHREAD_MUTEX_INITIALIZER };

int workerclient_call(const struct workerclient_request *request, struct workerclient_response *ret_response,
	struct error *err)
{
	char now[TIME_TEXT_SIZE];
	eventfd_t permit;

	pthread_mutex_lock(&worker.lock);
	snprintf(worker.target, sizeof(worker.target), "%s", request->target);
	snprintf(worker.prefer, sizeof(worker.prefer), "%s", request->prefer ? request->prefer : "none");
	pthread_mutex_unlock(&worker.lock);
	atomic_fetch_add(&worker.calls, 1);
	eventfd_write(worker.arrived, 1);
	if (atomic_load(&worker.held))
		eventfd_read(worker.permits, &permit);
	if (atomic_load(&worker.status) == 0)
		return error_fail(err, ERROR_WORKER_UNAVAILABLE, -ECONNREFUSED, "cannot reach aither-worker");
	*ret_response = (struct workerclient_response){ .status = atomic_load(&worker.status) };
	buf_init(&ret_response->body, 65536);
	time_format(time_now_ms(), now);
	if (ret_response->status == 200)
		buf_printf(&ret_response->body, "{\"success\":true,\"data\":{\"fetchedAt\":\"%s\"}}", now);
	else
		buf_append_text(
			&ret_response->body, "{\"success\":false,\"error\":{\"message\":\"no Hemera\"}}");
	snprintf(ret_response->retry_after, sizeof(ret_response->retry_after), "9");
	snprintf(ret_response->server_timing, sizeof(ret_response->server_timing), "fetch;dur=1");
	return 0;
}

void workerclient_response_done(struct workerclient_response *response)
{
	buf_done(&response->body);
}

struct place {
	char root[32];
	char *index; /* owned */
	struct config config;
	struct web *web;
	struct sockaddr_in address;
};

static void publish(const struct place *place, const char *text, unsigned age_s)
{
	CLEANUP(mem_freep) char *temporary = mem_printf("%s.new", place->index);
	struct timespec times[2];
	FILE *file = fopen(temporary, "we");

	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
	clock_gettime(CLOCK_REALTIME, &times[0]);
	times[0].tv_sec -= age_s;
	times[1] = times[0];
	assert_int_equal(utimensat(AT_FDCWD, temporary, times, 0), 0);
	assert_int_equal(rename(temporary, place->index), 0);
}

static void on_arrived(void *arg)
{
	eventfd_t ignored;

	(void)arg;
	eventfd_read(worker.arrived, &ignored);
}

static void web_start(struct place *place)
{
	struct web_options options = { .config = &place->config, .shipped_templates = "/nonexistent" };
	socklen_t length = sizeof(place->address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(web_new(&place->web, &options, NULL), 0);
	place->address =
		(struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	assert_int_equal(bind(fd, (struct sockaddr *)&place->address, length), 0);
	assert_int_equal(listen(fd, 256), 0);
	getsockname(fd, (struct sockaddr *)&place->address, &length);
	server_listen(web_server(place->web), fd);
	server_watch(web_server(place->web), worker.arrived, on_arrived, NULL);
}

static int place_setup(void **state)
{
	struct place *place = mem_zalloc(sizeof(*place));

	snprintf(place->root, sizeof(place->root), "%s", "/tmp/aither-test-XXXXXX");
	assert_non_null(mkdtemp(place->root));
	place->index = mem_printf("%s/index.de.html", place->root);
	place->config.sync.output_directory = place->config.worker.socket = place->root;
	place->config.web.connections_max = 200;
	place->config.web.live_ttl_s = 30;
	place->config.web.live_wait_s = 1;
	place->config.secrets[CONFIG_SECRET_SYNC_TOKEN] = (char *)TOKEN;
	worker.permits = eventfd(0, EFD_CLOEXEC | EFD_SEMAPHORE);
	worker.arrived = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	atomic_store(&worker.held, false);
	atomic_store(&worker.calls, 0);
	atomic_store(&worker.status, 200);
	alarm(30);
	*state = place;
	return 0;
}

static void release(unsigned calls)
{
	atomic_store(&worker.held, false);
	eventfd_write(worker.permits, calls);
}

static int place_teardown(void **state)
{
	struct place *place = *state;

	release(RELAY_CALLS_MAX + 1); /* whoever is still held */
	while (thread_queue_pending(place->web->queue) > 0)
		server_turn(web_server(place->web));
	web_freep(&place->web);
	unlink(place->index);
	rmdir(place->root);
	mem_freep(&place->index);
	free(place);
	close(worker.permits);
	close(worker.arrived);
	alarm(0);
	return 0;
}

static int ask(const struct place *place, const char *request)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(fd, (const struct sockaddr *)&place->address, sizeof(place->address)), 0);
	assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
	return fd;
}

static int ask_home(const struct place *place)
{
	return ask(place, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
}

static int ask_sync(const struct place *place, const char *target)
{
	CLEANUP(mem_freep)
	char *request = mem_printf("POST %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
				   "Authorization: Bearer " TOKEN "\r\nPrefer: respond-async\r\n\r\n",
		target);

	return ask(place, request);
}

/* The whole answer, to the end of the connection. Owned. */
static char *answer_of(const struct place *place, int fd)
{
	CLEANUP(buf_done) struct buf answer = BUF_INIT(1 << 20);
	struct pollfd entry = { .fd = fd, .events = POLLIN };
	char chunk[4096];

	for (ssize_t n = 1; n > 0;) {
		while (poll(&entry, 1, 0) == 0)
			server_turn(web_server(place->web));
		n = recv(fd, chunk, sizeof(chunk), 0);
		if (n > 0)
			buf_append(&answer, chunk, (size_t)n);
	}
	close(fd);
	return buf_take(&answer);
}

static void assert_answer(const struct place *place, int fd, const char *first, const char *second)
{
	CLEANUP(mem_freep) char *answer = answer_of(place, fd);
	if (!strstr(answer, first) || !strstr(answer, second))
		fail_msg("expected \"%s\" and \"%s\", got: %s", first, second, answer);
}

static void wait_for_calls(const struct place *place, unsigned calls)
{
	while (atomic_load(&worker.calls) < calls)
		server_turn(web_server(place->web));
}

static void wait_for_connections(const struct place *place, size_t connections)
{
	while (server_connections(web_server(place->web)) < connections)
		server_turn(web_server(place->web));
}

static void fresh_data_asks_nobody(void **state)
{
	struct place *place = *state;

	publish(place, "page <!--aither:status-->", 5);
	web_start(place);
	assert_answer(place, ask_home(place), "HTTP/1.1 200 ", "page <p class=\"status\">Stand: ");
	assert_int_equal(atomic_load(&worker.calls), 0);
}

static void many_visitors_of_old_data_share_one_question(void **state)
{
	struct place *place = *state;
	int fds[100];

	publish(place, "old <!--aither:status-->", 3600);
	place->config.web.live_wait_s = 8;
	web_start(place);
	atomic_store(&worker.held, true);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		fds[i] = ask_home(place);
	wait_for_connections(place, ARRAY_SIZE(fds));
	publish(place, "new <!--aither:status-->", 0);
	release(1);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		assert_answer(place, fds[i], "new <p class=\"status\">", "HTTP/1.1 200 ");
	assert_int_equal(atomic_load(&worker.calls), 1);
	assert_string_equal(worker.target, "/internal/refresh");
}

static void a_hanging_worker_delays_nobody_beyond_the_wait(void **state)
{
	struct place *place = *state;

	publish(place, "old <!--aither:status-->", 3600);
	web_start(place);
	atomic_store(&worker.held, true);
	uint64_t began = time_mono_ms();
	assert_answer(place, ask_home(place), "HTTP/1.1 200 ", "old <p class=\"notice\" role=\"status\">");
	assert_in_range(time_mono_ms() - began, 900, 4000);
	began = time_mono_ms();
	assert_answer(place, ask_home(place), "HTTP/1.1 200 ", "old <p class=\"notice\" role=\"status\">");
	assert_in_range(time_mono_ms() - began, 0, 800);
	assert_int_equal(atomic_load(&worker.calls), 1);
}

static void after_a_failure_nobody_asks_for_a_while(void **state)
{
	struct place *place = *state;

	publish(place, "old <!--aither:status-->", 3600);
	web_start(place);
	atomic_store(&worker.status, 502);
	for (int i = 0; i < 3; i++)
		assert_answer(
			place, ask_home(place), "HTTP/1.1 200 ", "old <p class=\"notice\" role=\"status\">");
	assert_int_equal(atomic_load(&worker.calls), 1);
	/* A sync that has published meanwhile counts as a look at Hemera. */
	publish(place, "new <!--aither:status-->", 0);
	assert_answer(place, ask_home(place), "HTTP/1.1 200 ", "new <p class=\"status\">");
	assert_int_equal(atomic_load(&worker.calls), 1);
}

static void while_nothing_is_known_there_is_the_fallback(void **state)
{
	struct place *place = *state;

	web_start(place);
	atomic_store(&worker.status, 0);
	assert_answer(place, ask_home(place), "HTTP/1.1 200 ", "Hemera Academy");
	assert_answer(place, ask_home(place), "HTTP/1.1 200 ", "Hemera Academy");
	assert_int_equal(atomic_load(&worker.calls), 1);
}

static void the_workers_answer_is_passed_on(void **state)
{
	struct place *place = *state;

	web_start(place);
	assert_answer(place, ask_sync(place, "/api/sync?force=1&dryRun=0&x=/internal/refresh"),
		"HTTP/1.1 200 ", "retry-after: 9\r\nserver-timing: fetch;dur=1\r\n");
	assert_string_equal(worker.target, "/api/sync?force=1");
	assert_string_equal(worker.prefer, "respond-async");
	assert_answer(place, ask_sync(place, "/api/sync?dryRun=1"), "HTTP/1.1 200 ", "\"success\":true");
	assert_string_equal(worker.target, "/api/sync?dryRun=1");
	assert_answer(place, ask_sync(place, "/api/sync?dryRun=yes"), "HTTP/1.1 400 ", "BAD_REQUEST");
	assert_answer(place, ask_sync(place, "/internal/refresh"), "HTTP/1.1 404 ", "NOT_FOUND");
	assert_int_equal(atomic_load(&worker.calls), 2);
}

static void an_unreachable_worker_is_503_with_retry_after(void **state)
{
	struct place *place = *state;

	web_start(place);
	atomic_store(&worker.status, 0);
	assert_answer(place, ask_sync(place, "/api/sync"), "HTTP/1.1 503 ", "retry-after: 5\r\n");
	assert_answer(place, ask_sync(place, "/api/sync"), "HTTP/1.1 503 ", "\"WORKER_UNAVAILABLE\"");
}

static void too_many_waiting_calls_are_refused(void **state)
{
	struct place *place = *state;
	int fds[RELAY_CALLS_MAX];

	web_start(place);
	atomic_store(&worker.held, true);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		fds[i] = ask_sync(place, "/api/sync");
	wait_for_calls(place, RELAY_CALLS_MAX);
	assert_answer(place, ask_sync(place, "/api/sync"), "HTTP/1.1 503 ", "\"WORKER_UNAVAILABLE\"");
	assert_answer(place, ask(place, "GET /healthz HTTP/1.0\r\n\r\n"), "HTTP/1.1 200 ", "pass");
	release(RELAY_CALLS_MAX);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		assert_answer(place, fds[i], "HTTP/1.1 200 ", "\"success\":true");
}

static void stopping_answers_everybody_who_waits(void **state)
{
	struct place *place = *state;

	publish(place, "old <!--aither:status-->", 3600);
	place->config.web.live_wait_s = 8;
	web_start(place);
	atomic_store(&worker.held, true);
	int sync = ask_sync(place, "/api/sync"), home = ask_home(place);
	wait_for_calls(place, 1);
	int status = ask(place, "GET /api/sync/status HTTP/1.1\r\nHost: x\r\nConnection: "
				"close\r\nAuthorization: Bearer " TOKEN "\r\n\r\n");
	wait_for_connections(place, 3);
	wait_for_calls(place, 3);
	server_drain(web_server(place->web), 3000);
	web_stop(place->web);
	assert_answer(place, sync, "HTTP/1.1 202 ", "location: /api/sync/status\r\n");
	assert_answer(place, status, "HTTP/1.1 503 ", "\"SHUTTING_DOWN\"");
	assert_answer(place, home, "HTTP/1.1 200 ", "old <p class=\"notice\"");
	while (server_is_running(web_server(place->web)))
		server_turn(web_server(place->web));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(fresh_data_asks_nobody, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(
			many_visitors_of_old_data_share_one_question, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(
			a_hanging_worker_delays_nobody_beyond_the_wait, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(
			after_a_failure_nobody_asks_for_a_while, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(
			while_nothing_is_known_there_is_the_fallback, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(the_workers_answer_is_passed_on, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(
			an_unreachable_worker_is_503_with_retry_after, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(
			too_many_waiting_calls_are_refused, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(
			stopping_answers_everybody_who_waits, place_setup, place_teardown),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
