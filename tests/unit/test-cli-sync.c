/* SPDX-License-Identifier: MIT */
/* `aither sync` with a fake worker: exit codes, and when --until-complete continues. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/time.h"
#include "cli/answer.h"
#include "cli/command.h"
#include "cli/watch.h"
#include "config/config.h"
#include "net/workerclient.h"

#define ANSWERS_MAX 16

struct scripted {
	int status;
	const char *body, *retry_after;
};

static struct {
	const struct scripted *answers;
	size_t count, calls;
	unsigned timeout_ms; /* of the call to the worker */
	char target[64];
	unsigned waited_s[ANSWERS_MAX];
	size_t waits;
	int raised;         /* the signal by which the program tried to end */
	int signal_at_wait; /* the signal that ends the first wait; 0: none */
} worker;

static const char *status_body = "{}";

int watch_call(struct watch *watch, const struct workerclient_request *request, struct answer *ret_answer)
{
	const struct scripted *scripted = &worker.answers[worker.calls];
	struct workerclient_response response = { .status = scripted->status };
	struct error failure = { 0 };

	(void)watch;
	assert_true(worker.calls++ < worker.count);
	worker.timeout_ms = request->timeout_ms;
	strncpy(worker.target, request->target, sizeof(worker.target) - 1);
	if (scripted->status == 0) {
		error_fail(&failure, ERROR_WORKER_UNAVAILABLE, -ECONNREFUSED, "there is no worker");
		answer_fail(&failure, ret_answer);
		return 0;
	}
	if (scripted->retry_after)
		strncpy(response.retry_after, scripted->retry_after, sizeof(response.retry_after) - 1);
	buf_init(&response.body, 4096);
	buf_append_text(&response.body, scripted->body);
	answer_read(&response, ret_answer);
	buf_done(&response.body);
	return 0;
}

/* The answer to GET /api/sync/status before the syncs. */
int workerclient_call(const struct workerclient_request *request, struct workerclient_response *ret_response,
	struct error *err)
{
	(void)err;
	if (strcmp(request->method, "POST") == 0)
		assert_string_equal(request->target, "/internal/refresh"); /* the machine has just booted */
	else
		assert_string_equal(request->target, "/api/sync/status");
	ret_response->status = 200;
	buf_init(&ret_response->body, 4096);
	buf_append_text(&ret_response->body, status_body);
	return 0;
}

void workerclient_response_done(struct workerclient_response *response)
{
	buf_done(&response->body);
}

int watch_wait(struct watch *watch, unsigned seconds, const char *why)
{
	(void)watch;
	assert_non_null(why);
	assert_true(worker.waits < ANSWERS_MAX);
	worker.waited_s[worker.waits++] = seconds;
	return worker.signal_at_wait;
}

static int sync_with(unsigned time_limit_s, const char *option, const struct scripted *answers, size_t count)
{
	struct config config = { .sync.time_limit_s = time_limit_s };
	char *arguments[] = { (char *)"sync", (char *)"--force", (char *)option, NULL };

	memset(&worker, 0, sizeof(worker));
	worker.answers = answers;
	worker.count = count;
	return command_sync(&config, 3, arguments);
}

static void it_waits_longer_than_a_sync_may_take(void **state)
{
	static const struct scripted answer = { 200,
		"{\"success\":true,\"data\":{\"status\":\"success\",\"dryRun\":true}}", NULL };

	(void)state;
	for (unsigned time_limit_s = 5; time_limit_s <= 600; time_limit_s += 119) {
		assert_int_equal(sync_with(time_limit_s, "--dry-run", &answer, 1), COMMAND_DONE);
		assert_in_range(worker.timeout_ms, time_limit_s * 1000 + 10000, UINT32_MAX);
	}
	assert_string_equal(worker.target, "/api/sync?force=1&dryRun=1");
}

static void answers_become_exit_codes(void **state)
{
	static const struct {
		const char *name;
		struct scripted answer;
		int exit_code;
	} rows[] = {
		{ "success", { 200, "{\"data\":{\"status\":\"success\"}}", NULL }, COMMAND_DONE },
		{ "partial", { 200, "{\"data\":{\"status\":\"partial\"}}", NULL }, COMMAND_PARTIAL },
		{ "running already", { 409, "{\"error\":{\"code\":\"SYNC_IN_PROGRESS\"}}", "5" },
			COMMAND_RUNNING_ALREADY },
		{ "failed", { 502, "{\"error\":{\"code\":\"HEMERA_ERROR\"},\"data\":{}}", NULL },
			COMMAND_FAILED },
		{ "not permitted", { 403, "{\"error\":{\"code\":\"SYNC_TOKEN_NOT_SET\"}}", NULL },
			COMMAND_NOT_PERMITTED },
		{ "not configured", { 503, "{\"error\":{\"code\":\"NOT_CONFIGURED\"}}", NULL },
			COMMAND_NOT_CONFIGURED },
		{ "not JSON", { 500, "<html>", NULL }, COMMAND_UNREACHABLE },
		{ "an error without a code", { 500, "{}", NULL }, COMMAND_UNREACHABLE },
		{ "no worker", { 0, NULL, NULL }, COMMAND_UNREACHABLE },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int exit_code = sync_with(50, "--json", &rows[i].answer, 1);

		if (exit_code != rows[i].exit_code)
			fail_msg("%s: %d", rows[i].name, exit_code);
	}
}

#define DEFERRED                                                                                            \
	{                                                                                                   \
		200, "{\"data\":{\"status\":\"success\",\"coursesDeferred\":3,\"retryAfterSec\":31}}", NULL \
	}
#define FEWER                                                                                               \
	{                                                                                                   \
		200, "{\"data\":{\"status\":\"success\",\"coursesDeferred\":2,\"retryAfterSec\":31}}", NULL \
	}
#define DEFERRED_9 DEFERRED, DEFERRED, DEFERRED, DEFERRED, DEFERRED, DEFERRED, DEFERRED, DEFERRED, DEFERRED
#define WAITED_9 31, 31, 31, 31, 31, 31, 31, 31, 31
#define DONE                                                                           \
	{                                                                              \
		200, "{\"data\":{\"status\":\"success\",\"coursesDeferred\":0}}", NULL \
	}
#define PARTIAL                                                                        \
	{                                                                              \
		200, "{\"data\":{\"status\":\"partial\",\"coursesDeferred\":0}}", NULL \
	}
#define BUSY                                                            \
	{                                                               \
		409, "{\"error\":{\"code\":\"SYNC_IN_PROGRESS\"}}", "7" \
	}
#define UNREACHABLE                                                        \
	{                                                                  \
		502, "{\"error\":{\"code\":\"HEMERA_UNREACHABLE\"}}", NULL \
	}
#define LIMITED                                                             \
	{                                                                   \
		503, "{\"error\":{\"code\":\"HEMERA_RATE_LIMITED\"}}", "90" \
	}
#define FULL                                                         \
	{                                                            \
		507, "{\"error\":{\"code\":\"OUTPUT_ERROR\"}}", NULL \
	}
#define UNCONFIGURED                                                   \
	{                                                              \
		503, "{\"error\":{\"code\":\"NOT_CONFIGURED\"}}", NULL \
	}

static const struct {
	const char *name;
	struct scripted answers[ANSWERS_MAX];
	size_t calls;
	unsigned waited_s[ANSWERS_MAX];
	int exit_code;
} STORIES[] = {
	{ "nothing to do", { DONE }, 1, { 0 }, COMMAND_DONE },
	{ "deferred twice", { DEFERRED, DEFERRED, DONE }, 3, { 31, 31 }, COMMAND_DONE },
	{ "the last one counts", { DEFERRED, PARTIAL }, 2, { 31 }, COMMAND_PARTIAL },
	{ "no fewer for ten syncs", { DEFERRED, DEFERRED_9, DEFERRED }, 11, { WAITED_9, 31 },
		COMMAND_PARTIAL },
	{ "fewer at last", { DEFERRED, DEFERRED_9, FEWER, DEFERRED, DONE }, 13, { WAITED_9, 31, 31, 31 },
		COMMAND_DONE },
	{ "another runs", { BUSY, BUSY, DONE }, 3, { 7, 7 }, COMMAND_DONE },
	{ "it recovers", { UNREACHABLE, UNREACHABLE, DONE }, 3, { 60, 300 }, COMMAND_DONE },
	{ "it fails for good", { UNREACHABLE, UNREACHABLE, UNREACHABLE }, 3, { 60, 300 }, COMMAND_FAILED },
	{ "failures that count again", { UNREACHABLE, UNREACHABLE, DEFERRED, UNREACHABLE, DONE }, 5,
		{ 60, 300, 31, 60 }, COMMAND_DONE },
	{ "Hemera says when", { LIMITED, DONE }, 2, { 90 }, COMMAND_DONE },
	{ "a full disk", { FULL }, 1, { 0 }, COMMAND_FAILED },
	{ "not configured", { UNCONFIGURED }, 1, { 0 }, COMMAND_NOT_CONFIGURED },
	{ "no worker", { { 0, NULL, NULL } }, 1, { 0 }, COMMAND_UNREACHABLE },
};

static void until_complete_continues_while_it_helps(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(STORIES); i++) {
		int exit_code = sync_with(50, "--until-complete", STORIES[i].answers, STORIES[i].calls);

		if (exit_code != STORIES[i].exit_code || worker.calls != STORIES[i].calls ||
			memcmp(worker.waited_s, STORIES[i].waited_s, sizeof(worker.waited_s)) != 0)
			fail_msg("%s: %d after %zu calls", STORIES[i].name, exit_code, worker.calls);
	}
}

static void a_run_that_fails_within_an_hour_of_another_is_not_repeated(void **state)
{
	static const struct scripted answers[] = { UNREACHABLE, UNREACHABLE, UNREACHABLE };
	static const struct {
		const char *name, *status;
		int64_t ago_ms;
		unsigned failures;
		size_t calls;
	} rows[] = {
		{ "half an hour ago", "failed", 1800000, 3, 1 },
		{ "yesterday", "failed", 86400000, 3, 3 },
		{ "no retries were made", "failed", 60000, 2, 3 },
		{ "a success", "success", 60000, 0, 3 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char time[TIME_TEXT_SIZE], body[200];

		time_format(time_now_ms() - rows[i].ago_ms, time);
		snprintf(body, sizeof(body),
			"{\"data\":{\"status\":\"%s\",\"endTime\":\"%s\",\"consecutiveFailures\":%u}}",
			rows[i].status, time, rows[i].failures);
		status_body = body;
		int exit_code = sync_with(50, "--until-complete", answers, ARRAY_SIZE(answers));
		status_body = "{}";
		if (exit_code != COMMAND_FAILED || worker.calls != rows[i].calls)
			fail_msg("%s: %d after %zu calls", rows[i].name, exit_code, worker.calls);
	}
}

int raise(int signal_number)
{
	worker.raised = signal_number;
	return 0;
}

static void a_wait_that_is_interrupted_ends_it(void **state)
{
	static const struct scripted answers[] = { DEFERRED, DONE };
	struct config config = { .sync.time_limit_s = 50 };
	char *arguments[] = { (char *)"sync", (char *)"--until-complete", NULL };

	(void)state;
	memset(&worker, 0, sizeof(worker));
	worker.answers = answers;
	worker.count = ARRAY_SIZE(answers);
	worker.signal_at_wait = SIGINT;
	assert_int_equal(command_sync(&config, 2, arguments), COMMAND_INTERRUPTED);
	assert_int_equal(worker.calls, 1);
	assert_int_equal(worker.raised, SIGINT);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_waits_longer_than_a_sync_may_take),
		cmocka_unit_test(answers_become_exit_codes),
		cmocka_unit_test(until_complete_continues_while_it_helps),
		cmocka_unit_test(a_run_that_fails_within_an_hour_of_another_is_not_repeated),
		cmocka_unit_test(a_wait_that_is_interrupted_ends_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
