/* SPDX-License-Identifier: MIT */
/* `aither sync` and a worker that is played by this file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/config.h"
#include "base/mem.h"
#include "base/workerclient.h"
#include "cli/command.h"

static struct {
	int status;
	const char *body;
	unsigned timeout_ms; /* of the call */
	char target[64];
} worker;

int workerclient_call(const struct workerclient_request *request, struct workerclient_response *ret_response,
	struct error *err)
{
	(void)err;
	worker.timeout_ms = request->timeout_ms;
	strncpy(worker.target, request->target, sizeof(worker.target) - 1);
	*ret_response = (struct workerclient_response){ .status = worker.status };
	buf_init(&ret_response->body, 4096);
	buf_append_text(&ret_response->body, worker.body);
	return 0;
}

void workerclient_response_done(struct workerclient_response *response)
{
	buf_done(&response->body);
}

static int sync_with(unsigned time_limit_s)
{
	struct config config = { .sync.time_limit_s = time_limit_s };
	char *arguments[] = { (char *)"sync", (char *)"--force", (char *)"--dry-run", NULL };

	return command_sync(&config, 3, arguments);
}

static void it_waits_longer_than_a_sync_may_take(void **state)
{
	(void)state;
	worker.status = 200;
	worker.body = "{\"success\":true,\"data\":{\"status\":\"success\",\"dryRun\":true}}";
	for (unsigned time_limit_s = 5; time_limit_s <= 600; time_limit_s += 119) {
		assert_int_equal(sync_with(time_limit_s), COMMAND_DONE);
		assert_in_range(worker.timeout_ms, time_limit_s * 1000 + 10000, UINT32_MAX);
	}
	assert_string_equal(worker.target, "/api/sync?force=1&dryRun=1");
}

static void answers_become_exit_codes(void **state)
{
	static const struct {
		const char *name, *body;
		int status, exit_code;
	} rows[] = {
		{ "partial", "{\"data\":{\"status\":\"partial\"}}", 200, COMMAND_PARTIAL },
		{ "running already", "{\"error\":{\"code\":\"SYNC_IN_PROGRESS\"}}", 409,
			COMMAND_RUNNING_ALREADY },
		{ "failed", "{\"error\":{\"code\":\"HEMERA_ERROR\"},\"data\":{}}", 502, COMMAND_FAILED },
		{ "not configured", "{\"error\":{\"code\":\"NOT_CONFIGURED\"}}", 503,
			COMMAND_NOT_CONFIGURED },
		{ "not JSON", "<html>", 500, COMMAND_FAILED },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		worker.status = rows[i].status;
		worker.body = rows[i].body;
		int exit_code = sync_with(50);
		if (exit_code != rows[i].exit_code)
			fail_msg("%s: %d", rows[i].name, exit_code);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_waits_longer_than_a_sync_may_take),
		cmocka_unit_test(answers_become_exit_codes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
