/* SPDX-License-Identifier: MIT */
#include "cli/watch.h"

#include <signal.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/thread.h"
#include "base/time.h"
#include "cli/answer.h"
#include "net/workerclient.h"

#define ASK_EVERY_MS 200    /* often enough for a bar to move smoothly */
#define ASK_TIMEOUT_MS 1000 /* the worker's loop never blocks; Ctrl-C must not wait longer */
#define COUNT_STEP_MS 1000

struct watch_job {
	struct thread_job job; /* first: the thread's side casts back */
	char *socket_path;     /* owned: the thread may outlive the command's copy */
	struct workerclient_request request;
	struct answer answer; /* output */
	bool ended;           /* loop's side only */
};

static void job_run(struct thread_job *thread_job)
{
	struct watch_job *job = (struct watch_job *)thread_job;

	answer_call(&job->request, &job->answer);
}

static void job_ended(struct thread_job *thread_job)
{
	((struct watch_job *)thread_job)->ended = true;
}

static void job_freep(struct watch_job **job)
{
	if (!(*job)->ended)
		return; /* its thread still uses it */
	answer_done(&(*job)->answer);
	free((*job)->socket_path);
	free(*job);
}

/* Shows nothing if the request fails: the call itself reports the problem. */
static void show_status(struct watch *watch, const char *socket_path)
{
	CLEANUP(answer_done) struct answer answer = { 0 };
	const struct workerclient_request request = { .socket_path = socket_path,
		.method = "GET",
		.target = "/api/sync/status",
		.timeout_ms = ASK_TIMEOUT_MS };
	const struct json *now;

	answer_call(&request, &answer);
	now = json_get(answer.data, "progress");
	if (json_string(json_get(now, "phase")))
		progress_show(&watch->view,
			&(struct progress){
				.phase = json_string(json_get(now, "phase")),
				.done = (unsigned)answer_count(now, "done"),
				.total = (unsigned)answer_count(now, "total"),
				.wait_s = (unsigned)answer_count(now, "waitSec"),
				.elapsed_s = (unsigned)(answer_count(answer.data, "durationMs") / 1000),
			});
}

int watch_call(struct watch *watch, const struct workerclient_request *request, struct answer *ret_answer)
{
	CLEANUP(thread_queue_freep) struct thread_queue *queue = NULL;
	CLEANUP(job_freep) struct watch_job *job = mem_zalloc(sizeof(*job));
	int timeout_ms = watch->view.out ? ASK_EVERY_MS : -1, signal_number = 0;
	uint64_t next_ms = time_mono_ms() + ASK_EVERY_MS;
	struct error failure = { 0 };

	job->request = *request;
	job->request.socket_path = job->socket_path = mem_strdup(request->socket_path);
	job->ended = true; /* until it has been started */
	if (thread_queue_new(&queue, &failure) < 0 ||
		thread_start(queue, &job->job, job_run, job_ended, &failure) < 0) {
		answer_fail(&failure, ret_answer);
		return 0;
	}
	job->ended = false;
	progress_begin(&watch->view);
	while (!job->ended) {
		signal_number = interrupt_wait(&watch->interrupt, thread_queue_fd(queue), timeout_ms);
		if (signal_number > 0 && signal_number != SIGWINCH)
			break;
		thread_queue_dispatch(queue);
		/* cppcheck-suppress knownConditionTrueFalse ; what is dispatched sets it */
		if (job->ended || !watch->view.out)
			continue;
		if (signal_number == SIGWINCH || time_mono_ms() >= next_ms) {
			show_status(watch, request->socket_path);
			next_ms = time_mono_ms() + ASK_EVERY_MS;
		}
	}
	progress_clear(&watch->view);
	if (!job->ended)
		return signal_number;
	*ret_answer = job->answer;
	job->answer = (struct answer){ 0 };
	return 0;
}

int watch_wait(struct watch *watch, unsigned seconds, const char *why)
{
	uint64_t end_ms = time_mono_ms() + seconds * UINT64_C(1000), now_ms;
	int signal_number = 0;

	while ((now_ms = time_mono_ms()) < end_ms && (signal_number == 0 || signal_number == SIGWINCH)) {
		uint64_t left_ms = end_ms - now_ms;

		progress_wait(&watch->view, (unsigned)((left_ms + 999) / 1000), why);
		signal_number = interrupt_wait(
			&watch->interrupt, -1, left_ms < COUNT_STEP_MS ? (int)left_ms + 1 : COUNT_STEP_MS);
	}
	progress_clear(&watch->view);
	return signal_number == SIGWINCH ? 0 : signal_number;
}
