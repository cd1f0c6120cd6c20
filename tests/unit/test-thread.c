/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/thread.h"

#define PATIENCE_MS 20000 /* how long a test waits for an event before it fails */
#define MESSAGES 3
#define JOBS 100

static struct thread_queue *queue;

/* The events on the loop in their order, one letter each. */
static char events[JOBS * 2];

static int setup(void **state)
{
	(void)state;
	memset(events, 0, sizeof(events));
	return thread_queue_new(&queue, NULL);
}

static int teardown(void **state)
{
	(void)state;
	thread_queue_freep(&queue);
	return 0;
}

static void note(char event)
{
	events[strlen(events)] = event;
}

static bool is_readable(int timeout_ms)
{
	struct pollfd entry = { .fd = thread_queue_fd(queue), .events = POLLIN };

	return poll(&entry, 1, timeout_ms) == 1;
}

/* The loop of a program; runs until nothing is pending. */
static void loop(void)
{
	while (thread_queue_pending(queue) > 0) {
		assert_true(is_readable(PATIENCE_MS));
		thread_queue_dispatch(queue);
	}
}

struct work {
	struct thread_job job;
	pthread_t ran_on, done_on;
	sigset_t blocked;
	struct thread_job messages[MESSAGES];
	size_t pending_in_done;
};

static void work_run(struct thread_job *job)
{
	struct work *work = (struct work *)job;

	work->ran_on = pthread_self();
	pthread_sigmask(SIG_BLOCK, NULL, &work->blocked);
}

static void work_done(struct thread_job *job)
{
	struct work *work = (struct work *)job;

	work->done_on = pthread_self();
	work->pending_in_done = thread_queue_pending(queue);
	note('d');
}

static void a_job_runs_on_a_thread_and_is_done_on_the_loop(void **state)
{
	struct work work = { 0 };

	(void)state;
	assert_int_equal(thread_start(queue, &work.job, work_run, work_done, NULL), 0);
	assert_int_equal(thread_queue_pending(queue), 1);
	loop();
	assert_string_equal(events, "d");
	assert_false(pthread_equal(work.ran_on, pthread_self()));
	assert_true(pthread_equal(work.done_on, pthread_self()));
	assert_int_equal(work.pending_in_done, 0);
}

static void threads_take_no_signal_and_the_loop_keeps_its_mask(void **state)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP, SIGPIPE, SIGCHLD, SIGUSR1, SIGALRM };
	struct work work = { 0 };
	sigset_t mine;

	(void)state;
	assert_int_equal(thread_start(queue, &work.job, work_run, work_done, NULL), 0);
	loop();
	pthread_sigmask(SIG_BLOCK, NULL, &mine);
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
		assert_true(sigismember(&work.blocked, signals[i]));
		assert_false(sigismember(&mine, signals[i]));
	}
}

static void message_done(struct thread_job *job)
{
	(void)job;
	note('m');
}

static void post_run(struct thread_job *job)
{
	struct work *work = (struct work *)job;

	for (size_t i = 0; i < MESSAGES; i++)
		thread_post(queue, &work->messages[i], message_done);
}

static void messages_arrive_before_their_job_and_do_not_count_as_pending(void **state)
{
	struct work work = { 0 };

	(void)state;
	assert_int_equal(thread_start(queue, &work.job, post_run, work_done, NULL), 0);
	assert_int_equal(thread_queue_pending(queue), 1);
	loop();
	assert_string_equal(events, "mmmd");
}

static void the_descriptor_is_readable_only_while_something_is_back(void **state)
{
	struct work work = { 0 };

	(void)state;
	assert_false(is_readable(0));
	assert_int_equal(thread_start(queue, &work.job, work_run, work_done, NULL), 0);
	assert_true(is_readable(PATIENCE_MS));
	thread_queue_dispatch(queue);
	assert_false(is_readable(0));
	thread_queue_dispatch(queue);
	assert_string_equal(events, "d");
}

static void own_run(struct thread_job *job)
{
	struct work *work = (struct work *)job;

	work->pending_in_done = 1;
}

static void own_done(struct thread_job *job)
{
	struct work *work = (struct work *)job;

	note(work->pending_in_done == 1 ? 'd' : '?');
	free(work);
}

static void many_jobs_come_back_once_each_and_may_be_freed(void **state)
{
	(void)state;
	for (size_t i = 0; i < JOBS; i++) {
		struct work *work = mem_zalloc(sizeof(*work));
		assert_int_equal(thread_start(queue, &work->job, own_run, own_done, NULL), 0);
	}
	assert_int_equal(thread_queue_pending(queue), JOBS);
	loop();
	assert_int_equal(strspn(events, "d"), JOBS);
	assert_int_equal(strlen(events), JOBS);
}

static void again_done(struct thread_job *job)
{
	note('a');
	if (strlen(events) < 3)
		assert_int_equal(thread_start(queue, job, work_run, again_done, NULL), 0);
}

static void a_job_may_be_started_again_when_it_is_done(void **state)
{
	struct work work = { 0 };

	(void)state;
	assert_int_equal(thread_start(queue, &work.job, work_run, again_done, NULL), 0);
	loop();
	assert_string_equal(events, "aaa");
}

static void freeing_done(struct thread_job *job)
{
	(void)job;
	thread_queue_freep(&queue);
	note('f');
}

static void the_last_job_may_free_the_queue(void **state)
{
	struct work work = { 0 };

	(void)state;
	assert_int_equal(thread_start(queue, &work.job, work_run, freeing_done, NULL), 0);
	assert_true(is_readable(PATIENCE_MS));
	thread_queue_dispatch(queue);
	assert_null(queue);
	assert_string_equal(events, "f");
}

/* In a sanitizer build, the end of this program shows that neither is reported as a leak. */
static void a_queue_with_pending_jobs_is_left_to_the_end_of_the_process(void **state)
{
	struct work *work = mem_zalloc(sizeof(*work));

	(void)state;
	assert_int_equal(thread_start(queue, &work->job, work_run, work_done, NULL), 0);
	thread_queue_freep(&queue);
	assert_null(queue);
	pthread_join(work->job.thread, NULL); /* it could post */
	assert_string_equal(events, "");
}

/* In a separate process, because limits cannot be raised again, and root has none. */
static int start_without_threads(void)
{
	const struct rlimit none = { 0, 0 };
	struct error err = { 0 };
	struct work work = { 0 };

	if (geteuid() == 0 && setuid(65534) < 0)
		return 2;
	if (setrlimit(RLIMIT_NPROC, &none) < 0)
		return 3;
	if (thread_start(queue, &work.job, work_run, work_done, &err) != -EAGAIN)
		return 4;
	return strstr(err.message, "cannot start a thread") && thread_queue_pending(queue) == 0 ? 0 : 5;
}

static void without_a_thread_nothing_is_called_or_pending(void **state)
{
	int status;

	(void)state;
	pid_t child = fork();
	if (child == 0)
		_exit(start_without_threads());
	assert_true(child > 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

#define QUEUE_TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		/* First: it forks, which ThreadSanitizer permits only while there are no threads. */
		QUEUE_TEST(without_a_thread_nothing_is_called_or_pending),
		QUEUE_TEST(a_job_runs_on_a_thread_and_is_done_on_the_loop),
		QUEUE_TEST(threads_take_no_signal_and_the_loop_keeps_its_mask),
		QUEUE_TEST(messages_arrive_before_their_job_and_do_not_count_as_pending),
		QUEUE_TEST(the_descriptor_is_readable_only_while_something_is_back),
		QUEUE_TEST(many_jobs_come_back_once_each_and_may_be_freed),
		QUEUE_TEST(a_job_may_be_started_again_when_it_is_done),
		QUEUE_TEST(the_last_job_may_free_the_queue),
		QUEUE_TEST(a_queue_with_pending_jobs_is_left_to_the_end_of_the_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
