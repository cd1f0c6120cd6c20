/* SPDX-License-Identifier: MIT */
#include "web/relay.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/thread.h"
#include "base/time.h"
#include "http/envelope.h"
#include "net/workerclient.h"

struct call {
	struct thread_job job; /* first: the thread's side casts back */
	LIST_ENTRY(call) link;
	struct relay *relay;
	struct http_pending *pending; /* NULL: already answered, because the process ends */
	char *socket_path;            /* owned, because the relay may end before the thread */
	char request_id[HTTP_REQUEST_ID_SIZE];
	bool wants_async; /* the client has sent Prefer; while the process ends, every sync is async */
	struct relay_order order;
	struct workerclient_response response; /* output, with `result` and `err` */
	struct error err;
	int result;
	atomic_bool sent; /* the worker has received the call, which is a sync */
};

struct relay {
	struct thread_queue *queue;
	char *socket_path;
	LIST_HEAD(, call) calls;
	int64_t *failed_ms; /* borrowed; see relay_new */
	unsigned count;
	bool stopping;
};

struct relay *relay_new(struct thread_queue *borrowed_queue, const char *socket_path, int64_t *ret_failed_ms)
{
	struct relay *relay = mem_zalloc(sizeof(*relay));

	relay->queue = borrowed_queue;
	relay->failed_ms = ret_failed_ms;
	relay->socket_path = mem_strdup(socket_path);
	LIST_INIT(&relay->calls);
	return relay;
}

void relay_freep(struct relay **relay_pointer)
{
	struct relay *relay = STEAL(*relay_pointer);

	if (!relay)
		return;
	mem_freep(&relay->socket_path);
	free(relay);
}

static void call_free(struct call *call)
{
	workerclient_response_done(&call->response);
	mem_freep(&call->socket_path);
	free(call);
}

static void call_run(struct thread_job *job)
{
	struct call *call = (struct call *)job;
	struct workerclient_request request = {
		.socket_path = call->socket_path,
		.method = call->order.method,
		.target = call->order.target,
		.request_id = call->request_id,
		.prefer = call->order.prefer,
		.timeout_ms = call->order.timeout_ms,
		.ret_sent = call->order.is_sync ? &call->sent : NULL,
	};

	call->result = workerclient_call(&request, &call->response, &call->err);
}

static void pass_on(struct workerclient_response *worker, struct http_response *response)
{
	size_t length = worker->body.length;

	response->status = worker->status;
	response->content_type = "application/json"; /* the worker sends no other type here */
	response->body = http_body_new(buf_take(&worker->body), length);
	http_response_header(response, "cache-control", "no-store");
	if (worker->retry_after[0])
		http_response_header(response, "retry-after", worker->retry_after);
	if (worker->location[0])
		http_response_header(response, "location", worker->location);
	if (worker->server_timing[0])
		http_response_header(response, "server-timing", worker->server_timing);
}

static void call_answer(struct call *call, struct http_response *response)
{
	if (call->result < 0) {
		call->err.code = ERROR_WORKER_UNAVAILABLE;
		call->err.retry_after_s = RELAY_RETRY_AFTER_S;
		envelope_error(response, call->request_id, &call->err, NULL);
	} else {
		pass_on(&call->response, response);
		if (call->wants_async && call->response.status == 202)
			http_response_header(response, "preference-applied", "respond-async");
	}
}

static void call_done(struct thread_job *job)
{
	struct call *call = (struct call *)job;
	struct http_response response = { 0 };

	if (call->relay) {
		LIST_REMOVE(call, link);
		call->relay->count--;
		*call->relay->failed_ms = call->result < 0 ? time_now_ms() : 0;
	}
	if (call->pending) {
		call_answer(call, &response);
		http_complete(STEAL(call->pending), &response);
	}
	call_free(call);
}

static void refuse(const struct http_request *request, struct http_response *response, const char *reason)
{
	struct error err = { 0 };

	error_fail(&err, ERROR_WORKER_UNAVAILABLE, -EAGAIN, "%s; try again in a moment", reason);
	err.retry_after_s = RELAY_RETRY_AFTER_S;
	envelope_error(response, request->request_id, &err, NULL);
}

enum http_result relay_call(struct relay *relay, const struct http_request *request,
	struct http_response *response, const struct relay_order *order)
{
	struct error err = { 0 };

	if (relay->count >= RELAY_CALLS_MAX) {
		refuse(request, response, "too many calls wait for aither-worker");
		return HTTP_DONE;
	}
	struct call *call = mem_zalloc(sizeof(*call));
	call->relay = relay;
	call->socket_path = mem_strdup(relay->socket_path);
	call->order = *order;
	call->wants_async = order->prefer != NULL;
	if (relay->stopping) {
		call->order.timeout_ms = RELAY_STOPPING_TIMEOUT_MS;
		call->order.prefer = order->is_sync ? "respond-async" : order->prefer;
	}
	memcpy(call->request_id, request->request_id, strlen(request->request_id) + 1);
	if (thread_start(relay->queue, &call->job, call_run, call_done, &err) < 0) {
		call_free(call);
		refuse(request, response, err.message);
		return HTTP_DONE;
	}
	/* The loop delivers the thread's result, so it cannot arrive before these lines have run. */
	call->pending = http_later(request);
	LIST_INSERT_HEAD(&relay->calls, call, link);
	relay->count++;
	return HTTP_LATER;
}

static void answer_early(struct call *call)
{
	struct http_response response = { 0 };
	struct error err = { 0 };

	if (atomic_load(&call->sent)) {
		struct json *data = json_new_object();
		json_set_string(data, "status", "running");
		envelope_success(&response, call->request_id, 202, data);
		http_response_header(&response, "location", "/api/sync/status");
	} else {
		error_fail(&err, ERROR_SHUTTING_DOWN, -ESHUTDOWN,
			"aither-web is restarting; try again in a moment");
		err.retry_after_s = 1;
		envelope_error(&response, call->request_id, &err, NULL);
	}
	http_complete(STEAL(call->pending), &response);
}

static void answer_all_early(struct relay *relay, bool sent_only)
{
	struct call *next;

	for (struct call *call = LIST_FIRST(&relay->calls); call; call = next) {
		next = LIST_NEXT(call, link);
		if (sent_only && !atomic_load(&call->sent))
			continue;
		LIST_REMOVE(call, link);
		relay->count--;
		call->relay = NULL;
		answer_early(call);
	}
}

void relay_stop(struct relay *relay)
{
	relay->stopping = true;
	answer_all_early(relay, true);
}

void relay_give_up(void *relay)
{
	answer_all_early(relay, false);
}
