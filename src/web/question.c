/* SPDX-License-Identifier: MIT */
#include "web/question.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/thread.h"
#include "base/workerclient.h"

struct question {
	struct thread_job job; /* first: the thread's side casts back */
	struct question_order order;
	char *socket_path;                     /* owned */
	struct workerclient_response response; /* output, with `result` and `err` */
	struct error err;
	int result;
};

static void question_free(struct question *question)
{
	workerclient_response_done(&question->response);
	free(question->socket_path);
	free(question);
}

static void question_run(struct thread_job *job)
{
	struct question *question = (struct question *)job;
	char request_id[HASH_UUID_SIZE];
	const struct workerclient_request request = {
		.socket_path = question->socket_path,
		.method = question->order.method,
		.target = question->order.target,
		.request_id = request_id,
		.timeout_ms = question->order.timeout_ms,
	};

	hash_uuid(request_id);
	question->result = workerclient_call(&request, &question->response, &question->err);
}

static void question_end(struct thread_job *job)
{
	struct question *question = (struct question *)job;

	if (question->order.done)
		question->order.done(question->order.arg, question->result < 0 ? NULL : &question->response,
			&question->err);
	question_free(question);
}

struct question *question_ask(
	struct thread_queue *queue, const struct question_order *order, struct error *err)
{
	struct question *question = mem_zalloc(sizeof(*question));

	question->order = *order;
	question->socket_path = mem_strdup(order->socket_path);
	if (thread_start(queue, &question->job, question_run, question_end, err) == 0)
		return question;
	question_free(question);
	return NULL;
}

void question_forget(struct question *question)
{
	if (question)
		question->order.done = NULL;
}
