/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/time.h"
#include "net/fetch.h"
#include "peer.h"

#define PATIENCE_MS 20000 /* only a failing test waits this long */
#define SHORT_MS 100      /* a time limit that shall expire */
#define TOGETHER 4

static struct fetch *fetch;
static atomic_bool cancelled;

/* The number of results of each kind. */
static unsigned results[FETCH_REFUSED + 1];
static char last_message[256];

static void on_result(void *arg, struct fetch_result *result)
{
	(void)arg;
	results[result->failure]++;
	memcpy(last_message, result->message, sizeof(last_message));
}

static void add(const char *path, fetch_done *done)
{
	CLEANUP(mem_freep) char *url = mem_printf("http://127.0.0.1:%u%s", peer_port(), path);
	const struct fetch_request request = { .url = url, .body_max = 1000 };

	fetch_add(fetch, &request, done, NULL);
}

static void assert_results(unsigned ok, unsigned timeout, unsigned cancelled_count)
{
	assert_int_equal(results[FETCH_OK], ok);
	assert_int_equal(results[FETCH_TIMEOUT], timeout);
	assert_int_equal(results[FETCH_CANCELLED], cancelled_count);
}

/* --- the peer ------------------------------------------------------------------------------------ */

/* Requests for /gather are answered only when TOGETHER of them have arrived: a client that sends fewer at a
 * time waits for ever. */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned arrived, inside, inside_max;
} gate = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };

static void gather(void)
{
	struct timespec limit;

	clock_gettime(CLOCK_REALTIME, &limit);
	limit.tv_sec += PATIENCE_MS / 1000;
	pthread_mutex_lock(&gate.lock);
	unsigned wanted = (gate.arrived++ / TOGETHER + 1) * TOGETHER;
	if (++gate.inside > gate.inside_max)
		gate.inside_max = gate.inside;
	pthread_cond_broadcast(&gate.changed);
	while (gate.arrived < wanted && pthread_cond_timedwait(&gate.changed, &gate.lock, &limit) == 0)
		;
	gate.inside--;
	pthread_mutex_unlock(&gate.lock);
}

static bool serve(struct peer_connection *connection, const char *head)
{
	if (strncmp(head, "GET /cancel", 11) == 0)
		atomic_store(&cancelled, true);
	if (strncmp(head, "GET /hello", 10) != 0 && strncmp(head, "GET /gather", 11) != 0) {
		peer_wait(connection);
		return false;
	}
	if (strncmp(head, "GET /gather", 11) == 0)
		gather();
	peer_send(connection, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
	return true;
}

static int setup(void **state)
{
	const struct fetch_options options = { TOGETHER, PATIENCE_MS, PATIENCE_MS };

	(void)state;
	atomic_store(&cancelled, false);
	memset(results, 0, sizeof(results));
	gate.arrived = gate.inside_max = 0;
	peer_start(PEER_PLAIN, serve);
	return fetch_new(&fetch, &options, NULL);
}

static int teardown(void **state)
{
	(void)state;
	fetch_freep(&fetch);
	peer_stop();
	return 0;
}

/* --- tests --------------------------------------------------------------------------------------- */

static void requests_run_in_parallel_up_to_the_limit(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 5 * TOGETHER; i++)
		add("/gather", on_result);
	fetch_run(fetch, 0, NULL);
	assert_results(5 * TOGETHER, 0, 0);
	assert_int_equal(gate.inside_max, TOGETHER);
	assert_int_equal(peer_connections(), TOGETHER);
}

static void all_are_answered_when_the_deadline_passes(void **state)
{
	uint64_t start = time_mono_ms();

	(void)state;
	for (unsigned i = 0; i < 2 * TOGETHER; i++)
		add("/hang", on_result);
	fetch_run(fetch, start + SHORT_MS, NULL);
	assert_true(time_mono_ms() >= start + SHORT_MS);
	assert_results(0, 2 * TOGETHER, 0);
	assert_non_null(strstr(last_message, "/hang: no complete answer within the time limit"));
}

static void a_deadline_in_the_past_sends_nothing(void **state)
{
	(void)state;
	add("/hello", on_result);
	fetch_run(fetch, time_mono_ms(), NULL);
	assert_results(0, 1, 0);
	assert_int_equal(peer_requests(), 0);
}

static void all_are_answered_on_cancel(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2 * TOGETHER; i++)
		add("/cancel", on_result);
	fetch_run(fetch, 0, &cancelled);
	assert_results(0, 0, 2 * TOGETHER);
	assert_non_null(strstr(last_message, "/cancel: cancelled"));
}

static void it_can_be_used_again_after_a_deadline(void **state)
{
	(void)state;
	add("/hang", on_result);
	fetch_run(fetch, time_mono_ms() + SHORT_MS, NULL);
	add("/hello", on_result);
	fetch_run(fetch, 0, NULL);
	assert_results(1, 1, 0);
}

static void add_another(void *arg, struct fetch_result *result)
{
	on_result(arg, result);
	if (results[FETCH_OK] < 10)
		add("/hello", add_another);
}

static void callbacks_may_add_requests(void **state)
{
	(void)state;
	add("/hello", add_another);
	fetch_run(fetch, 0, NULL);
	assert_results(10, 0, 0);
	assert_int_equal(peer_connections(), 1);
}

static void try_again_once(void *arg, struct fetch_result *result)
{
	on_result(arg, result);
	if (results[FETCH_CANCELLED] == 1)
		add("/hello", on_result);
}

static void requests_added_after_a_cancel_are_answered_too(void **state)
{
	(void)state;
	add("/cancel", try_again_once);
	fetch_run(fetch, 0, &cancelled);
	assert_results(0, 0, 2);
}

static void wake_now(void *arg, struct fetch_result *result)
{
	on_result(arg, result);
	fetch_wake_at(fetch, 0);
}

static void it_can_be_woken_and_goes_on_later(void **state)
{
	uint64_t wake = time_mono_ms() + SHORT_MS;

	(void)state;
	add("/hang", on_result);
	fetch_wake_at(fetch, wake);
	fetch_run(fetch, wake + PATIENCE_MS, NULL);
	assert_true(time_mono_ms() >= wake && time_mono_ms() < wake + PATIENCE_MS);
	assert_results(0, 0, 0);
	add("/hello", wake_now);
	fetch_wake_at(fetch, UINT64_MAX);
	fetch_run(fetch, time_mono_ms() + PATIENCE_MS, NULL);
	fetch_wake_at(fetch, UINT64_MAX);
	fetch_run(fetch, time_mono_ms() + SHORT_MS, NULL);
	assert_results(1, 1, 0);
	assert_int_equal(peer_requests(), 2); /* the first request was sent only once */
}

static void pending_requests_can_be_dropped(void **state)
{
	(void)state;
	add("/hang", on_result);
	add("/hello", wake_now);
	fetch_run(fetch, time_mono_ms() + PATIENCE_MS, NULL);
	assert_results(1, 0, 0);
	fetch_cancel(fetch);
	assert_results(1, 0, 1);
	add("/hang", on_result);
	fetch_run(fetch, 0, NULL);
	fetch_freep(&fetch);
	assert_int_equal(results[FETCH_CANCELLED], 1);
}

static void take_the_body(void *arg, struct fetch_result *result)
{
	char **body = arg;

	*body = buf_take(&result->body);
}

static void a_body_can_be_taken_or_left(void **state)
{
	CLEANUP(mem_freep) char *url = mem_printf("http://127.0.0.1:%u/hello", peer_port());
	const struct fetch_request request = { .url = url, .body_max = 5 };
	CLEANUP(mem_freep) char *first = NULL, *third = NULL;

	(void)state;
	fetch_add(fetch, &request, take_the_body, &first);
	fetch_run(fetch, 0, NULL);
	add("/hello", on_result);
	fetch_run(fetch, 0, NULL);
	fetch_add(fetch, &request, take_the_body, &third);
	fetch_run(fetch, 0, NULL);
	assert_string_equal(first, "hello");
	assert_string_equal(third, "hello");
}

static void sleeping_ends_at_its_time_or_on_cancel(void **state)
{
	uint64_t start = time_mono_ms();

	(void)state;
	assert_true(fetch_sleep(start + SHORT_MS, &cancelled));
	assert_true(time_mono_ms() >= start + SHORT_MS);
	assert_true(fetch_sleep(start, NULL));
	atomic_store(&cancelled, true);
	assert_false(fetch_sleep(start + PATIENCE_MS, &cancelled));
	assert_true(time_mono_ms() < start + PATIENCE_MS);
}

#define RUN_TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RUN_TEST(requests_run_in_parallel_up_to_the_limit),
		RUN_TEST(all_are_answered_when_the_deadline_passes),
		RUN_TEST(a_deadline_in_the_past_sends_nothing),
		RUN_TEST(all_are_answered_on_cancel),
		RUN_TEST(it_can_be_used_again_after_a_deadline),
		RUN_TEST(callbacks_may_add_requests),
		RUN_TEST(requests_added_after_a_cancel_are_answered_too),
		RUN_TEST(it_can_be_woken_and_goes_on_later),
		RUN_TEST(pending_requests_can_be_dropped),
		RUN_TEST(a_body_can_be_taken_or_left),
		RUN_TEST(sleeping_ends_at_its_time_or_on_cancel),
	};

	unsetenv("http_proxy");
	unsetenv("all_proxy");
	unsetenv("ALL_PROXY");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
