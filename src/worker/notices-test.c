/* SPDX-License-Identifier: MIT */
#include "worker/notices-internal.h"

#include <errno.h>

#include "base/config.h"
#include "base/json.h"
#include "base/mem.h"
#include "http/envelope.h"
#include "worker/internal.h"

static struct json *test_data(const struct notices_task *task)
{
	const struct config *config = task->config;
	struct json *data = json_new_object();

	if (task->kind == NOTICES_TEST_ITEM) {
		json_set_string(data, "uuid", task->id);
		json_set_string(data, "endpoint", config->rollbar.endpoint);
		return data;
	}
	json_set_string(data, "to", config->notify.mail_to);
	json_set_string(data, "server", config->notify.smtp_url);
	json_set_string(data, "messageId", task->id);
	/* Taken, but not for everybody. */
	if (task->err.message[0])
		json_set_string(data, "warning", task->err.message);
	return data;
}

void notices_answer_test(struct notices_task *task, const struct error *problem)
{
	const char *request_id = http_pending_request_id(task->pending);
	struct http_response response = { 0 };

	if (!problem && task->result < 0)
		problem = &task->err;
	if (problem)
		envelope_error(&response, request_id, problem, NULL);
	else
		envelope_success(&response, request_id, 200, test_data(task));
	http_complete(STEAL(task->pending), &response);
}

/* What is to be set before anything can be sent; NULL: nothing. */
static const char *test_missing(const struct config *config, enum notices_kind kind)
{
	if (kind == NOTICES_TEST_MAIL)
		return config->notify.mail_to ? NULL
					      : "no mail is sent: set MailTo in [Notify] of aither.conf(5)";
	if (!config->rollbar.enabled)
		return "Rollbar is not used: set Enabled=yes in [Rollbar] of aither.conf(5)";
	return notices_rollbar_is_on(config)
		       ? NULL
		       : "Rollbar's token is missing; store it with: aither set-secret rollbar-token";
}

static enum http_result test_handle(const struct http_request *request, struct http_response *response,
	struct worker *worker, enum notices_kind kind)
{
	const char *missing = test_missing(worker->options.config, kind);
	struct notices_task *task;

	if (answer_unable(response, request->request_id, worker))
		return HTTP_DONE;
	if (missing) {
		answer_error(response, request->request_id, ERROR_NOT_CONFIGURED, -ENOKEY, missing);
		return HTTP_DONE;
	}
	unsigned wait_s = notices_take_test(worker->notices, kind);
	if (wait_s > 0) {
		struct error problem = { 0 };
		error_fail(&problem, ERROR_TOO_MANY_REQUESTS, -EBUSY,
			"too many tests in a short time; the next one is possible in %u s", wait_s);
		problem.retry_after_s = wait_s;
		envelope_error(response, request->request_id, &problem, NULL);
		return HTTP_DONE;
	}
	task = notices_task_new(worker->notices, kind);
	task->pending = http_later(request);
	notices_add(worker->notices, task);
	return HTTP_LATER;
}

enum http_result notices_handle_mail(
	const struct http_request *request, struct http_response *response, void *app)
{
	return test_handle(request, response, app, NOTICES_TEST_MAIL);
}

enum http_result notices_handle_item(
	const struct http_request *request, struct http_response *response, void *app)
{
	return test_handle(request, response, app, NOTICES_TEST_ITEM);
}
