/* SPDX-License-Identifier: MIT */
/* GET /internal/doctor with faked checks that hang until the test releases them. The worker, its threads and
 * its socket are real; its time limit is cut to `limit_ms`. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/thread.h"
#include "config/config.h"
#include "http/server.h"
#include "net/workerclient.h"
#include "scratch.h"
#include "worker/doctor.h"
#include "worker/internal.h"

#define SHORT_MS 50
#define PATIENCE_MS 30000

/* ---- the checks ---- */

static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool hanging;
	unsigned started;
} local = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };

void __wrap_doctor_check_local(const struct doctor_case *about, struct json *checks);
void __wrap_doctor_check_hemera(const struct doctor_case *about, struct json *checks);
void __wrap_doctor_check_mail(const struct doctor_case *about, struct json *checks);
void __real_server_timer_set(struct server_watch *timer, unsigned delay_ms);
void __wrap_server_timer_set(struct server_watch *timer, unsigned delay_ms);

void __wrap_doctor_check_local(const struct doctor_case *about, struct json *checks)
{
	(void)about;
	pthread_mutex_lock(&local.lock);
	local.started++;
	while (local.hanging)
		pthread_cond_wait(&local.changed, &local.lock);
	pthread_mutex_unlock(&local.lock);
	check_add(checks, "output-directory", CHECK_OK, NULL, "came back");
}

void __wrap_doctor_check_hemera(const struct doctor_case *about, struct json *checks)
{
	(void)about;
	check_add(checks, "hemera", CHECK_OK, NULL, "is there");
}

void __wrap_doctor_check_mail(const struct doctor_case *about, struct json *checks)
{
	(void)about;
	check_add(checks, "mail", CHECK_OK, NULL, "is there");
}

static unsigned limit_ms;

void __wrap_server_timer_set(struct server_watch *timer, unsigned delay_ms)
{
	__real_server_timer_set(timer, delay_ms == DOCTOR_TIMEOUT_MS ? limit_ms : delay_ms);
}

static void set_hanging(bool hanging)
{
	pthread_mutex_lock(&local.lock);
	local.hanging = hanging;
	if (hanging)
		local.started = 0;
	pthread_cond_broadcast(&local.changed);
	pthread_mutex_unlock(&local.lock);
}

static unsigned started(void)
{
	pthread_mutex_lock(&local.lock);
	unsigned count = local.started;
	pthread_mutex_unlock(&local.lock);
	return count;
}

/* ---- the worker and its callers ---- */

static struct config config;
static struct worker *worker;
static char socket_path[sizeof(scratch_path) + 8];
static int ended_fd; /* counts callers that have their answer */
static unsigned ended;

struct caller {
	pthread_t thread;
	struct workerclient_response response;
	int result;
};

static void on_ended(void *arg)
{
	eventfd_t count;

	(void)arg;
	if (eventfd_read(ended_fd, &count) == 0)
		ended += (unsigned)count;
}

static void *call(void *arg)
{
	struct caller *caller = arg;
	const struct workerclient_request request = {
		.socket_path = socket_path,
		.method = "GET",
		.target = "/internal/doctor",
		.timeout_ms = PATIENCE_MS,
	};

	caller->result = workerclient_call(&request, &caller->response, NULL);
	eventfd_write(ended_fd, 1);
	return NULL;
}

static void start_call(struct caller *caller)
{
	*caller = (struct caller){ 0 };
	assert_int_equal(pthread_create(&caller->thread, NULL, call, caller), 0);
}

static void serve_until(unsigned wanted)
{
	while (ended < wanted)
		server_turn(worker_server(worker));
	ended -= wanted;
}

/* The caller's answer; owned. */
static struct json *answer_of(struct caller *caller, int status)
{
	const struct json_limits limits = { .size_max = 65536, .depth_max = 16, .node_max = 4096 };
	struct json *envelope = NULL;

	pthread_join(caller->thread, NULL);
	assert_int_equal(caller->result, 0);
	assert_int_equal(caller->response.status, status);
	assert_int_equal(json_parse(&envelope, buf_text(&caller->response.body), caller->response.body.length,
				 &limits, NULL),
		0);
	workerclient_response_done(&caller->response);
	return envelope;
}

static void assert_check(const struct json *envelope, const char *name, enum check_status status)
{
	JSON_FOREACH (check, json_get(json_get(envelope, "data"), "checks")) {
		if (strcmp(json_string(json_get(check, "name")), name) != 0)
			continue;
		assert_int_equal(check_status_of(check), status);
		return;
	}
	fail_msg("no check %s", name);
}

static void wait_for_threads(void)
{
	set_hanging(false);
	while (thread_queue_pending(worker->queue) > 0)
		server_turn(worker_server(worker));
}

static int set_up(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	scratch_setup(state);
	snprintf(socket_path, sizeof(socket_path), "%s/socket", scratch_path);
	memcpy(address.sun_path, socket_path, strlen(socket_path) + 1);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 16) < 0)
		return -1;
	config_load(&config, "/nonexistent/aither.conf", CONFIG_WORKER);
	ended_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (worker_new(&worker, &(struct worker_options){ .config = &config, .shipped_templates = "/" },
		    NULL) < 0)
		return -1;
	server_listen(worker_server(worker), fd);
	server_watch(worker_server(worker), ended_fd, on_ended, NULL);
	ended = 0;
	limit_ms = PATIENCE_MS;
	set_hanging(false);
	return 0;
}

static int tear_down(void **state)
{
	wait_for_threads();
	worker_freep(&worker);
	config_done(&config);
	close(ended_fd);
	return scratch_teardown(state);
}

/* ---- tests ---- */

static void an_unconfigured_worker_answers(void **state)
{
	struct caller caller;
	(void)state;

	start_call(&caller);
	serve_until(1);
	CLEANUP(json_freep) struct json *envelope = answer_of(&caller, 200);
	assert_check(envelope, "configuration", CHECK_FAILED);
	assert_check(envelope, "hemera-api-key", CHECK_FAILED);
	assert_check(envelope, "output-directory", CHECK_OK);
	assert_int_equal(json_count(json_get(json_get(envelope, "data"), "secrets")), 0);
	assert_int_equal(worker->doctors, 0);
}

static void a_hanging_check_fails_and_the_others_count(void **state)
{
	struct caller caller;
	(void)state;

	set_hanging(true);
	start_call(&caller);
	/* The limit passes after all other checks have returned, however long they take. */
	while (!worker->doctor || thread_queue_pending(worker->queue) > 1)
		server_turn(worker_server(worker));
	server_timer_set(worker->doctor_timer, 1);
	serve_until(1);
	CLEANUP(json_freep) struct json *late = answer_of(&caller, 200);
	assert_check(late, "output-directory", CHECK_FAILED);
	assert_check(late, "hemera", CHECK_OK);
	assert_check(late, "mail", CHECK_OK);
	wait_for_threads();
	assert_int_equal(worker->doctors, 0);
	start_call(&caller);
	serve_until(1);
	CLEANUP(json_freep) struct json *fixed = answer_of(&caller, 200);
	assert_check(fixed, "output-directory", CHECK_OK);
}

static void callers_share_the_answer(void **state)
{
	struct caller callers[3];
	(void)state;

	set_hanging(true);
	for (size_t i = 0; i < ARRAY_SIZE(callers); i++)
		start_call(&callers[i]);
	while (!worker->doctor || server_requests(worker_server(worker)) < ARRAY_SIZE(callers))
		server_turn(worker_server(worker));
	set_hanging(false);
	serve_until(ARRAY_SIZE(callers));
	for (size_t i = 0; i < ARRAY_SIZE(callers); i++) {
		CLEANUP(json_freep) struct json *envelope = answer_of(&callers[i], 200);
		assert_check(envelope, "hemera", CHECK_OK);
	}
	assert_int_equal(started(), 1);
}

/* Each of them leaves a thread behind. */
static void calls_are_refused_while_too_many_checks_hang(void **state)
{
	struct caller caller;
	(void)state;

	limit_ms = SHORT_MS;
	set_hanging(true);
	for (int i = 0; i < DOCTOR_HANGING_MAX; i++) {
		start_call(&caller);
		serve_until(1);
		CLEANUP(json_freep) struct json *envelope = answer_of(&caller, 200);
		assert_check(envelope, "output-directory", CHECK_FAILED);
	}
	start_call(&caller);
	serve_until(1);
	CLEANUP(json_freep) struct json *refused = answer_of(&caller, 503);
	assert_string_equal(json_string(json_get(json_get(refused, "error"), "code")), "WORKER_UNAVAILABLE");
	wait_for_threads();
	assert_int_equal(started(), DOCTOR_HANGING_MAX);
}

static void a_worker_that_ends_answers_at_once(void **state)
{
	struct caller caller;
	(void)state;

	set_hanging(true);
	start_call(&caller);
	while (!worker->doctor)
		server_turn(worker_server(worker));
	worker_stop(worker);
	assert_null(worker->doctor);
	serve_until(1);
	CLEANUP(json_freep) struct json *envelope = answer_of(&caller, 503);
	assert_string_equal(json_string(json_get(json_get(envelope, "error"), "code")), "SHUTTING_DOWN");
	start_call(&caller);
	serve_until(1);
	CLEANUP(json_freep) struct json *refused = answer_of(&caller, 503);
	assert_string_equal(json_string(json_get(json_get(refused, "error"), "code")), "SHUTTING_DOWN");
}

#define DOCTOR_TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		DOCTOR_TEST(an_unconfigured_worker_answers),
		DOCTOR_TEST(a_hanging_check_fails_and_the_others_count),
		DOCTOR_TEST(callers_share_the_answer),
		DOCTOR_TEST(calls_are_refused_while_too_many_checks_hang),
		DOCTOR_TEST(a_worker_that_ends_answers_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
