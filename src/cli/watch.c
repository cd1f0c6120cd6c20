/* SPDX-License-Identifier: MIT */
#include "cli/watch.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/thread.h"
#include "base/time.h"
#include "cli/answer.h"
#include "cli/interrupt.h"
#include "cli/progress.h"
#include "net/workerclient.h"

#define ASK_EVERY_MS 200    /* often enough for a bar that moves */
#define ASK_TIMEOUT_MS 1000 /* the worker's loop never blocks; Ctrl-C must not wait longer */
#define COUNT_STEP_MS 1000

struct watch_job {
	struct thread_job job;      /* first: the thread's side casts back */
	char *socket_path, *target; /* owned copies: the thread may outlive the caller's */
	struct workerclient_request request;
	struct workerclient_response response; /* output, with `result` and `err` */
	struct error err;
	int result;
	bool ended; /* loop's side only */
};

static void job_run(struct thread_job *thread_job)
{
	struct watch_job *job = (struct watch_job *)thread_job;

	job->result = workerclient_call(&job->request, &job->response, &job->err);
}

static void job_ended(struct thread_job *thread_job)
{
	((struct watch_job *)thread_job)->ended = true;
}

static void job_freep(struct watch_job **job)
{
	if (!(*job)->ended)
		return; /* its thread still uses it */
	workerclient_response_done(&(*job)->response);
	free((*job)->socket_path);
	free((*job)->target);
	free(*job);
}

static unsigned unsigned_of(const struct json *object, const char *name)
{
	int64_t value = json_integer(json_get(object, name), 0);

	return value > 0 && value <= UINT32_MAX ? (unsigned)value : 0;
}

/* Shows nothing when this fails: the call itself says what is wrong. */
static void show_status(const struct watch *watch, const char *socket_path)
{
	CLEANUP(answer_done) struct answer answer = { 0 };
	const struct workerclient_request request = { .socket_path = socket_path,
		.method = "GET",
		.target = "/api/sync/status",
		.timeout_ms = ASK_TIMEOUT_MS };
	const struct json *now;

	if (answer_call(&request, &answer, NULL) < 0)
		return;
	now = json_get(answer.data, "progress");
	if (json_string(json_get(now, "phase")))
		progress_show(watch->view, &(struct progress){
						   .phase = json_string(json_get(now, "phase")),
						   .done = unsigned_of(now, "done"),
						   .total = unsigned_of(now, "total"),
						   .wait_s = unsigned_of(now, "waitSec"),
						   .elapsed_s = unsigned_of(answer.data, "durationMs") / 1000,
					   });
}

/* Returns 0, or the number of the signal that came first. */
static int wait_for_end(const struct watch *watch, struct thread_queue *queue, struct watch_job *job)
{
	int timeout_ms = watch->view->out ? ASK_EVERY_MS : -1;
	uint64_t next_ms = time_mono_ms() + ASK_EVERY_MS;

	while (!job->ended) {
		int signal_number = interrupt_wait(watch->interrupt, thread_queue_fd(queue), timeout_ms);

		if (signal_number > 0 && signal_number != SIGWINCH)
			return signal_number;
		thread_queue_dispatch(queue);
		/* cppcheck-suppress knownConditionTrueFalse ; what is dispatched sets it */
		if (job->ended || !watch->view->out)
			continue;
		if (signal_number == SIGWINCH || time_mono_ms() >= next_ms) {
			show_status(watch, job->socket_path);
			next_ms = time_mono_ms() + ASK_EVERY_MS;
		}
	}
	return 0;
}

int watch_call(const struct watch *watch, const struct workerclient_request *request,
	struct answer *ret_answer, int *ret_signal, struct error *err)
{
	CLEANUP(thread_queue_freep) struct thread_queue *queue = NULL;
	CLEANUP(job_freep) struct watch_job *job = mem_zalloc(sizeof(*job));
	int r = thread_queue_new(&queue, err);

	*ret_signal = 0;
	job->ended = true; /* until it has begun */
	job->request = *request;
	job->request.socket_path = job->socket_path = mem_strdup(request->socket_path);
	job->request.target = job->target = mem_strdup(request->target);
	if (r == 0)
		r = thread_start(queue, &job->job, job_run, job_ended, err);
	if (r < 0)
		return r;
	job->ended = false;
	progress_begin(watch->view);
	*ret_signal = wait_for_end(watch, queue, job);
	progress_clear(watch->view);
	if (*ret_signal)
		return error_set(err, -EINTR, "interrupted");
	return job->result < 0 ? error_pass(err, &job->err) : answer_read(&job->response, ret_answer, err);
}

int watch_wait(const struct watch *watch, unsigned seconds, const char *why)
{
	uint64_t end_ms = time_mono_ms() + seconds * UINT64_C(1000), now_ms;
	int signal_number = 0;

	while ((now_ms = time_mono_ms()) < end_ms && (signal_number == 0 || signal_number == SIGWINCH)) {
		uint64_t left_ms = end_ms - now_ms;

		progress_wait(watch->view, (unsigned)((left_ms + 999) / 1000), why);
		signal_number = interrupt_wait(
			watch->interrupt, -1, left_ms < COUNT_STEP_MS ? (int)left_ms + 1 : COUNT_STEP_MS);
	}
	progress_clear(watch->view);
	return signal_number == SIGWINCH ? 0 : signal_number;
}
