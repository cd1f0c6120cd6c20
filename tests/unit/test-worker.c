/* SPDX-License-Identifier: MIT */
/* The worker's slot over a real socket. Syncs and threads are faked: a job that has been started runs when
 * the test tells it to, or gets no thread at all. */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/thread.h"
#include "config/config.h"
#include "http/server.h"
#include "net/smtp.h"
#include "sync/sync.h"
#include "worker/internal.h"

#include "scratch.h"

#define ASYNC "Prefer: respond-async\r\n"

struct thread_queue {
	int fd;
	struct thread_job *first, *started; /* returned jobs; jobs not yet run, the oldest first */
	size_t pending;
};

static struct {
	bool no_threads;
	bool may_run_beside;       /* runs several jobs at once, not one at a time */
	enum error_code sync_code; /* 0: the sync succeeds */
	unsigned syncs, refreshes;
	unsigned mails;
	bool is_unsaved;    /* whether the sync failed to save its end */
	bool was_cancelled; /* whether the last job was cancelled when it ran */
} fake;

/* ---- base/thread.h ---- */

int thread_queue_new(struct thread_queue **ret_queue, struct error *err)
{
	(void)err;
	*ret_queue = mem_zalloc(sizeof(**ret_queue));
	(*ret_queue)->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return 0;
}

void thread_queue_freep(struct thread_queue **queue)
{
	close((*queue)->fd);
	free(STEAL(*queue));
}

int thread_queue_fd(const struct thread_queue *queue)
{
	return queue->fd;
}

size_t thread_queue_pending(const struct thread_queue *queue)
{
	return queue->pending;
}

static void come_back(struct thread_queue *queue, struct thread_job *job)
{
	struct thread_job **last = &queue->first;

	while (*last)
		last = &(*last)->next;
	job->next = NULL;
	*last = job;
	eventfd_write(queue->fd, 1);
}

void thread_post(struct thread_queue *queue, struct thread_job *message, thread_function *done)
{
	*message = (struct thread_job){ .done = done, .queue = queue };
	come_back(queue, message);
}

int thread_start(struct thread_queue *queue, struct thread_job *job, thread_function *run,
	thread_function *done, struct error *err)
{
	if (fake.no_threads)
		return error_set(err, -EAGAIN, "cannot start a thread");
	struct thread_job **last = &queue->started;
	assert_true(!queue->started || fake.may_run_beside);
	while (*last)
		last = &(*last)->next;
	*job = (struct thread_job){ .run = run, .done = done, .queue = queue };
	*last = job;
	queue->pending++;
	return 0;
}

void thread_queue_dispatch(struct thread_queue *queue)
{
	eventfd_t ignored;

	eventfd_read(queue->fd, &ignored);
	while (queue->first) {
		struct thread_job *job = queue->first;
		queue->first = job->next;
		queue->pending -= job->run ? 1 : 0;
		job->done(job);
	}
}

/* ---- sync/sync.h ---- */

const char *sync_phase_name(enum sync_phase phase)
{
	(void)phase;
	return "list";
}

int sync_run(const struct sync_options *options, struct report *ret_report, struct error *err)
{
	fake.syncs++;
	fake.was_cancelled = atomic_load(options->cancelled);
	if (fake.sync_code)
		return error_fail(err, fake.sync_code, -EBUSY, "no sync now");
	ret_report->status = REPORT_SUCCESS;
	ret_report->manifest_unsaved = fake.is_unsaved;
	if (options->dry_run)
		return 0;
	atomic_store(&options->progress->listed_at_ms, 1000);
	options->on_listed(options->on_listed_arg);
	return 0;
}

int sync_refresh(const struct sync_options *options, struct sync_refreshed *ret_refreshed, struct error *err)
{
	fake.refreshes++;
	fake.was_cancelled = atomic_load(options->cancelled);
	if (fake.was_cancelled)
		return error_fail(err, ERROR_SHUTTING_DOWN, -ECANCELED, "cancelled");
	*ret_refreshed = (struct sync_refreshed){ .fetched_at_ms = 2000 };
	return 0;
}

int sync_history_load(const char *output_directory, struct sync_history *ret_history, struct error *err)
{
	(void)output_directory;
	(void)err;
	*ret_history =
		(struct sync_history){ .last_success_ms = 3000, .consecutive_failures = 2, .courses = 7 };
	return 0;
}

void sync_history_done(struct sync_history *history)
{
	json_free(history->last_report);
}

int sync_incident_load(const char *output_directory, struct json **ret_incident, struct json **ret_courses,
	struct error *err)
{
	(void)output_directory;
	(void)ret_incident; /* NULL: none */
	(void)ret_courses;
	(void)err;
	return 0;
}

int sync_incident_sent(const char *output_directory, const char *message_id, int64_t now_ms,
	const struct incident_rest *rest, struct error *err)
{
	(void)output_directory;
	(void)message_id;
	(void)now_ms;
	(void)rest;
	(void)err;
	return 0;
}

/* ---- net/smtp.h ---- */

int smtp_send(const struct smtp_server *server, const struct smtp_mail *mail, struct smtp_outcome *outcome,
	struct error *err)
{
	(void)mail;
	(void)outcome;
	fake.mails++;
	fake.was_cancelled = atomic_load(server->cancelled);
	return fake.was_cancelled ? error_fail(err, ERROR_NOTIFY_FAILED, -ECANCELED, "cancelled") : 0;
}

void smtp_outcome_done(struct smtp_outcome *outcome)
{
	(void)outcome;
}

int smtp_probe(const struct smtp_server *server, struct error *err)
{
	(void)server;
	(void)err;
	return 0;
}

/* ---- a worker and its callers ---- */

struct place {
	struct config config;
	struct worker *worker;
	struct sockaddr_in address;
};

static int place_setup(void **state)
{
	struct place *place = mem_zalloc(sizeof(*place));
	socklen_t length = sizeof(place->address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memset(&fake, 0, sizeof(fake));
	scratch_setup(state);
	place->config.sync.output_directory = scratch_path;
	assert_int_equal(
		worker_new(&place->worker, &(struct worker_options){ .config = &place->config }, NULL), 0);
	place->address =
		(struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	assert_int_equal(bind(fd, (struct sockaddr *)&place->address, length), 0);
	assert_int_equal(listen(fd, 16), 0);
	getsockname(fd, (struct sockaddr *)&place->address, &length);
	server_listen(worker_server(place->worker), fd);
	alarm(30);
	*state = place;
	return 0;
}

static void turn(const struct place *place)
{
	server_turn(worker_server(place->worker));
}

/* Runs the job that was started. */
static void run_job(const struct place *place)
{
	struct thread_queue *queue = place->worker->queue;

	while (!queue->started)
		turn(place);
	struct thread_job *job = queue->started;
	queue->started = job->next;
	job->run(job);
	come_back(queue, job);
	while (queue->first)
		turn(place);
}

static int place_teardown(void **state)
{
	struct place *place = *state;

	while (place->worker->queue->started)
		run_job(place);
	worker_freep(&place->worker);
	scratch_teardown(state);
	free(place);
	alarm(0);
	return 0;
}

static int ask(const struct place *place, const char *target, const char *headers)
{
	CLEANUP(mem_freep)
	char *request = mem_printf(
		"%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%s\r\n", target, headers ? headers : "");
	uint64_t before = server_requests(worker_server(place->worker));
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(fd, (const struct sockaddr *)&place->address, sizeof(place->address)), 0);
	assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
	while (server_requests(worker_server(place->worker)) == before)
		turn(place);
	return fd;
}

static void assert_answer(const struct place *place, int fd, const char *first, const char *second)
{
	CLEANUP(buf_done) struct buf answer = BUF_INIT(1 << 20);
	struct pollfd entry = { .fd = fd, .events = POLLIN };
	char chunk[4096];

	for (ssize_t n = 1; n > 0;) {
		while (poll(&entry, 1, 0) == 0)
			turn(place);
		n = recv(fd, chunk, sizeof(chunk), 0);
		if (n > 0)
			buf_append(&answer, chunk, (size_t)n);
	}
	close(fd);
	if (!strstr(buf_text(&answer), first) || !strstr(buf_text(&answer), second))
		fail_msg("expected \"%s\" and \"%s\", got: %s", first, second, buf_text(&answer));
}

static void a_sync_without_a_thread_is_a_failed_sync(void **state)
{
	struct place *place = *state;

	fake.no_threads = true;
	assert_answer(place, ask(place, "POST /api/sync", NULL), "HTTP/1.1 500 ", "cannot start a thread");
	assert_answer(place, ask(place, "GET /api/sync", NULL), "\"failed\"", "\"consecutiveFailures\":3");
	/* A caller that does not wait learns only that the sync has begun; the status has its end. */
	assert_answer(place, ask(place, "POST /api/sync", ASYNC), "HTTP/1.1 202 ", "\"running\"");
	assert_answer(place, ask(place, "GET /api/sync", NULL), "\"consecutiveFailures\":4",
		"\"lastSuccessTime\":\"1970-01-01T00:00:03.000Z\"");
	fake.no_threads = false;
	int sync = ask(place, "POST /api/sync", NULL);
	run_job(place);
	assert_answer(place, sync, "HTTP/1.1 200 ", "\"success\"");
}

static void a_switch_that_is_neither_0_nor_1_starts_nothing(void **state)
{
	struct place *place = *state;

	assert_answer(place, ask(place, "POST /api/sync?force=yes-of-course", NULL), "HTTP/1.1 400 ",
		"\"BAD_REQUEST\"");
	assert_answer(place, ask(place, "POST /api/sync?dryRun=", NULL), "HTTP/1.1 400 ", "\"BAD_REQUEST\"");
	assert_null(place->worker->sync);
}

static void a_refresh_without_a_thread_is_an_error_and_the_next_one_works(void **state)
{
	struct place *place = *state;

	int64_t data_ms = place->worker->state.values[STATE_DATA_MS];
	fake.no_threads = true;
	assert_answer(place, ask(place, "POST /internal/refresh", NULL), "HTTP/1.1 500 ", "cannot start");
	assert_int_equal(place->worker->state.values[STATE_DATA_MS], data_ms);
	fake.no_threads = false;
	int refresh = ask(place, "POST /internal/refresh", NULL);
	run_job(place);
	assert_answer(place, refresh, "HTTP/1.1 200 ", "\"fetchedAt\":\"1970-01-01T00:00:02.000Z\"");
	assert_int_equal(place->worker->state.values[STATE_DATA_MS], 2000);
}

static void only_so_many_callers_wait_for_a_refresh(void **state)
{
	struct place *place = *state;
	int waiters[WORKER_REFRESH_WAITERS_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(waiters); i++)
		waiters[i] = ask(place, "POST /internal/refresh", NULL);
	assert_answer(place, ask(place, "POST /internal/refresh", NULL), "HTTP/1.1 503 ",
		"too many requests are waiting");
	run_job(place);
	for (size_t i = 0; i < ARRAY_SIZE(waiters); i++)
		assert_answer(place, waiters[i], "HTTP/1.1 200 ", "\"fetchedAt\"");
	assert_int_equal(fake.refreshes, 1);
}

/* Once the quota is used up, the answer is the time or the error of the last fetch. */
static void refreshes_beyond_the_quota_do_not_ask_hemera(void **state)
{
	struct place *place = *state;
	struct quota *quota = &place->worker->refreshes;

	*quota = (struct quota){ .burst = 2, .interval_ms = 3600 * 1000 };
	for (unsigned i = 0; i < quota->burst; i++) {
		int refresh = ask(place, "POST /internal/refresh", NULL);
		run_job(place);
		assert_answer(place, refresh, "HTTP/1.1 200 ", "\"fetchedAt\":\"1970-01-01T00:00:02.000Z\"");
	}
	for (int i = 0; i < 3; i++)
		assert_answer(place, ask(place, "POST /internal/refresh", NULL), "HTTP/1.1 200 ",
			"\"fetchedAt\":\"1970-01-01T00:00:02.000Z\",\"changed\":false");
	assert_int_equal(fake.refreshes, 2);
	*quota = (struct quota){ .burst = 1, .interval_ms = 3600 * 1000 };
	fake.no_threads = true;
	for (int i = 0; i < 3; i++)
		assert_answer(
			place, ask(place, "POST /internal/refresh", NULL), "HTTP/1.1 500 ", "cannot start");
	assert_int_equal(fake.refreshes, 2);
}

static void a_doctor_without_threads_reports_it(void **state)
{
	struct place *place = *state;

	fake.no_threads = true;
	assert_answer(
		place, ask(place, "GET /internal/doctor", NULL), "HTTP/1.1 200 ", "cannot start a thread");
}

static void a_sync_cancels_a_refresh_and_answers_its_callers(void **state)
{
	struct place *place = *state;
	int refresh = ask(place, "POST /internal/refresh", NULL);
	int sync = ask(place, "POST /api/sync", NULL);

	assert_answer(place, ask(place, "POST /api/sync", NULL), "HTTP/1.1 409 ", "retry-after: 5\r\n");
	assert_answer(place, ask(place, "GET /api/sync", NULL), "HTTP/1.1 200 ", "\"running\"");
	run_job(place);
	assert_true(fake.was_cancelled);
	run_job(place);
	assert_false(fake.was_cancelled);
	assert_answer(place, refresh, "HTTP/1.1 200 ", "\"fetchedAt\":\"1970-01-01T00:00:01.000Z\"");
	assert_answer(place, sync, "HTTP/1.1 200 ", "\"success\"");
	assert_int_equal(fake.syncs, 1);
	assert_int_equal(fake.refreshes, 1);
}

static void a_refresh_never_meets_the_lock_of_another_process(void **state)
{
	struct place *place = *state;
	int sync = ask(place, "POST /api/sync", NULL), refresh = ask(place, "POST /internal/refresh", NULL);

	fake.sync_code = ERROR_SYNC_IN_PROGRESS;
	run_job(place);
	assert_answer(place, sync, "HTTP/1.1 409 ", "\"SYNC_IN_PROGRESS\"");
	run_job(place);
	assert_answer(place, refresh, "HTTP/1.1 200 ", "\"fetchedAt\":\"1970-01-01T00:00:02.000Z\"");
}

static void jobs_that_begin_after_the_stop_are_cancelled(void **state)
{
	struct place *place = *state;
	int sync = ask(place, "POST /api/sync?dryRun=1", NULL);
	int refresh = ask(place, "POST /internal/refresh", NULL);

	worker_stop(place->worker);
	run_job(place); /* the sync had already ended, and ends well */
	assert_answer(place, sync, "HTTP/1.1 200 ", "\"success\"");
	run_job(place);
	assert_answer(place, refresh, "HTTP/1.1 503 ", "\"SHUTTING_DOWN\"");
	assert_answer(place, ask(place, "POST /api/sync", NULL), "HTTP/1.1 503 ", "\"SHUTTING_DOWN\"");
}

static void a_job_that_outlives_the_end_is_reported(void **state)
{
	struct place *place = *state;

	assert_answer(place, ask(place, "POST /api/sync", ASYNC), "HTTP/1.1 202 ", "\"running\"");
	assert_false(worker_finish(place->worker, 10));
	run_job(place);
	assert_true(worker_finish(place->worker, 10));
}

static void on_tick(void *arg)
{
	*(bool *)arg = true;
}

/* From now on the worker may exit after an idle second, during which *tick is set ten times. */
static struct server *let_leave(struct place *place, bool *tick)
{
	struct server *server = worker_server(place->worker);

	place->config.worker.idle_exit_s = 1;
	worker_set_may_leave(place->worker, true);
	server_every(server, 100, on_tick, tick);
	return server;
}

static void an_ended_sync_is_counted_and_a_dry_run_is_not(void **state)
{
	struct place *place = *state;

	assert_answer(place, ask(place, "POST /api/sync", ASYNC), "HTTP/1.1 202 ", "\"running\"");
	assert_answer(place, ask(place, "GET /metrics", ""), "HTTP/1.1 200 ", "aither_sync_in_progress 1\n");
	run_job(place);
	assert_answer(place, ask(place, "GET /metrics", ""), "aither_sync_in_progress 0\n",
		"aither_sync_runs_total{result=\"success\"} 1\n");
	assert_answer(place, ask(place, "POST /api/sync?dryRun=1", ASYNC), "HTTP/1.1 202 ", "\"running\"");
	run_job(place);
	fake.sync_code = ERROR_HEMERA_UNREACHABLE;
	assert_answer(place, ask(place, "POST /api/sync", ASYNC), "HTTP/1.1 202 ", "\"running\"");
	run_job(place);
	fake.sync_code = ERROR_SHUTTING_DOWN;
	assert_answer(place, ask(place, "POST /api/sync", ASYNC), "HTTP/1.1 202 ", "\"running\"");
	run_job(place);
	assert_answer(place, ask(place, "GET /metrics", ""), "aither_sync_runs_total{result=\"success\"} 1\n",
		"{result=\"failed\"} 1\naither_sync_runs_total{result=\"cancelled\"} 1\n");
}

static char operator_address[] = "operator@example.org", mail_server[] = "smtp://localhost",
	    site_name[] = "Hemera Academy";

/* A sync whose end cannot be saved, and which needs a mail. */
static void start_mail(struct place *place)
{
	place->config.notify.mail_to = operator_address;
	place->config.notify.smtp_url = mail_server;
	place->config.site.name = site_name;
	fake.is_unsaved = true;
	assert_answer(place, ask(place, "POST /api/sync", ASYNC), "HTTP/1.1 202 ", "\"running\"");
	run_job(place);
	assert_non_null(place->worker->queue->started);
}

static void a_worker_does_not_leave_while_a_mail_is_under_way(void **state)
{
	struct place *place = *state;
	bool tick = false;
	struct server *server = let_leave(place, &tick);

	start_mail(place);
	for (int ticks = 0; ticks < 25; ticks += tick) {
		tick = false;
		turn(place);
		assert_true(server_is_running(server));
	}
	run_job(place);
	assert_int_equal(fake.mails, 1);
	while (server_is_running(server))
		turn(place);
}

static void the_stop_cancels_mails_and_answers_waiting_callers(void **state)
{
	struct place *place = *state;

	start_mail(place);
	fake.may_run_beside = true; /* a test mail does not wait for another mail */
	int second = ask(place, "POST /internal/test-mail", NULL);
	while (place->worker->queue->pending < 2)
		turn(place);
	worker_stop(place->worker);
	run_job(place);
	assert_true(fake.was_cancelled);
	fake.was_cancelled = false;
	run_job(place);
	assert_true(fake.was_cancelled);
	assert_answer(place, second, "HTTP/1.1 503 ", "\"SHUTTING_DOWN\"");
	assert_int_equal(fake.mails, 2);
	assert_answer(
		place, ask(place, "POST /internal/test-mail", NULL), "HTTP/1.1 503 ", "\"SHUTTING_DOWN\"");
}

static void a_mail_without_a_thread_is_an_error_and_the_next_one_is_sent(void **state)
{
	struct place *place = *state;

	place->config.notify.mail_to = operator_address;
	place->config.notify.smtp_url = mail_server;
	place->config.site.name = site_name;
	fake.no_threads = true;
	assert_answer(place, ask(place, "POST /internal/test-mail", NULL), "HTTP/1.1 500 ", "cannot start");
	fake.no_threads = false;
	int second = ask(place, "POST /internal/test-mail", NULL);
	run_job(place);
	assert_answer(place, second, "HTTP/1.1 200 ", "\"to\":\"operator@example.org\"");
}

static void the_next_worker_goes_on_counting(void **state)
{
	struct place *place = *state;
	struct state published;
	struct stat status;

	assert_int_equal(state_read(&published, scratch_fd, &status, NULL), 0);
	assert_int_equal(published.values[STATE_RUNS_SUCCESS], 0);
	assert_answer(place, ask(place, "POST /api/sync", ASYNC), "HTTP/1.1 202 ", "\"running\"");
	assert_int_equal(state_read(&published, scratch_fd, &status, NULL), 0);
	assert_int_equal(published.values[STATE_SYNCING], 1);
	run_job(place);
	assert_int_equal(state_read(&published, scratch_fd, &status, NULL), 0);
	assert_int_equal(published.values[STATE_RUNS_SUCCESS], 1);
	assert_int_equal(published.values[STATE_SYNCING], 0);
	worker_freep(&place->worker);
	assert_int_equal(
		worker_new(&place->worker, &(struct worker_options){ .config = &place->config }, NULL), 0);
	assert_int_equal(place->worker->state.values[STATE_RUNS_SUCCESS], 1);
	assert_int_equal(place->worker->state.syncs.counts[0], 1);
	assert_true(place->worker->state.values[STATE_CPU_MS] >= published.values[STATE_CPU_MS]);
}

#define WORKER_TEST(name) cmocka_unit_test_setup_teardown(name, place_setup, place_teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		WORKER_TEST(a_sync_without_a_thread_is_a_failed_sync),
		WORKER_TEST(a_switch_that_is_neither_0_nor_1_starts_nothing),
		WORKER_TEST(a_refresh_without_a_thread_is_an_error_and_the_next_one_works),
		WORKER_TEST(only_so_many_callers_wait_for_a_refresh),
		WORKER_TEST(refreshes_beyond_the_quota_do_not_ask_hemera),
		WORKER_TEST(a_doctor_without_threads_reports_it),
		WORKER_TEST(a_sync_cancels_a_refresh_and_answers_its_callers),
		WORKER_TEST(a_refresh_never_meets_the_lock_of_another_process),
		WORKER_TEST(jobs_that_begin_after_the_stop_are_cancelled),
		WORKER_TEST(a_job_that_outlives_the_end_is_reported),
		WORKER_TEST(an_ended_sync_is_counted_and_a_dry_run_is_not),
		WORKER_TEST(the_next_worker_goes_on_counting),
		WORKER_TEST(a_worker_does_not_leave_while_a_mail_is_under_way),
		WORKER_TEST(the_stop_cancels_mails_and_answers_waiting_callers),
		WORKER_TEST(a_mail_without_a_thread_is_an_error_and_the_next_one_is_sent),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
