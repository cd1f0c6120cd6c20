/* SPDX-License-Identifier: MIT */
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
#include "base/json.h"
#include "base/mem.h"
#include "base/time.h"
#include "base/workerclient.h"
#include "cli/answer.h"
#include "cli/command.h"
#include "cli/doctor.h"
#include "cli/verdict.h"

#define NOW "2026-03-14T23:00:00.000Z"

static int64_t now_ms(void)
{
	int64_t now;

	assert_int_equal(time_parse(NOW, &now), 0);
	return now;
}

static struct answer answer_of(int status, const char *body)
{
	struct workerclient_response response = { .status = status };
	struct answer answer = { 0 };

	buf_init(&response.body, 4096);
	buf_append_text(&response.body, body);
	assert_int_equal(answer_read(&response, &answer, NULL), 0);
	buf_done(&response.body);
	return answer;
}

static void assert_verdict(const char *name, const struct answer *answer, const struct doctor_units *units,
	int exit_code, const char *sentence)
{
	CLEANUP(verdict_done) struct verdict verdict = { 0 };
	struct error failure = { 0 };

	error_fail(&failure, ERROR_WORKER_UNAVAILABLE, -ECONNREFUSED, "there is no worker");
	verdict_judge(&verdict, answer, &failure, units, now_ms());
	if (verdict.exit_code != exit_code || strcmp(verdict.sentence, sentence) != 0)
		fail_msg("%s: %d, %s", name, verdict.exit_code, verdict.sentence);
}

static const struct {
	const char *name;
	int status;
	const char *body;
	int exit_code;
	const char *sentence;
} REPORTS[] = {
	{ "success", 200, "{\"data\":{\"status\":\"success\",\"endTime\":\"2026-03-14T22:48:00.000Z\"}}",
		COMMAND_DONE, "the last sync succeeded 12 min ago" },
	{ "partial", 200,
		"{\"data\":{\"status\":\"partial\",\"endTime\":\"2026-03-14T22:59:59.000Z\",\"errorsTotal\":"
		"1}}",
		COMMAND_PARTIAL, "the last sync succeeded 1 s ago, but with 1 problem" },
	{ "failed", 200, "{\"data\":{\"status\":\"failed\",\"endTime\":\"2026-03-14T20:00:00.000Z\"}}",
		COMMAND_FAILED, "the last sync failed 3 h ago" },
	{ "just recent enough", 200,
		"{\"data\":{\"status\":\"success\",\"endTime\":\"2026-03-12T23:00:00.000Z\"}}", COMMAND_DONE,
		"the last sync succeeded 2 days ago" },
	{ "stale", 200, "{\"data\":{\"status\":\"success\",\"endTime\":\"2026-03-12T22:59:59.999Z\"}}",
		COMMAND_FAILED, "no sync has run for 2 days" },
	{ "a clock set back a little", 200,
		"{\"data\":{\"status\":\"success\",\"endTime\":\"2026-03-14T23:30:00.000Z\"}}", COMMAND_DONE,
		"the last sync succeeded 0 s ago" },
	{ "a clock set back by a year", 200,
		"{\"data\":{\"status\":\"success\",\"endTime\":\"2027-03-14T23:00:00.000Z\"}}",
		COMMAND_FAILED,
		"the last sync ended 365 days in the future: the clock has been set back since; run one now: "
		"aither sync" },
	{ "the first one runs", 200,
		"{\"data\":{\"status\":\"running\",\"lastSuccessTime\":null,\"consecutiveFailures\":0}}",
		COMMAND_FAILED, "the first sync is still running" },
	{ "one runs after a success", 200,
		"{\"data\":{\"status\":\"running\",\"lastSuccessTime\":\"2026-03-14T20:00:00.000Z\","
		"\"consecutiveFailures\":0}}",
		COMMAND_DONE, "the last sync did not fail, one is running now" },
	{ "one runs after failures", 200, "{\"data\":{\"status\":\"running\",\"consecutiveFailures\":2}}",
		COMMAND_FAILED, "2 syncs in a row have failed, one is running now" },
	{ "before the first", 404, "{\"error\":{\"code\":\"NO_SYNC_JOB\",\"message\":\"x\"}}", COMMAND_FAILED,
		"no sync has run yet; run the first one: aither sync" },
	{ "another answer", 503, "{\"error\":{\"code\":\"NOT_CONFIGURED\",\"message\":\"x\"}}",
		COMMAND_NOT_CONFIGURED, "NOT_CONFIGURED: x" },
};

static void the_report_is_judged(void **state)
{
	const struct doctor_units none = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(REPORTS); i++) {
		CLEANUP(answer_done) struct answer answer = answer_of(REPORTS[i].status, REPORTS[i].body);

		assert_verdict(REPORTS[i].name, &answer, &none, REPORTS[i].exit_code, REPORTS[i].sentence);
	}
	assert_verdict("no worker", NULL, &none, COMMAND_UNREACHABLE, "there is no worker");
}

static struct unit unit(const char *name, const char *active)
{
	struct unit unit = { .load = "loaded" };

	snprintf(unit.name, sizeof(unit.name), "%s", name);
	snprintf(unit.active, sizeof(unit.active), "%s", active);
	return unit;
}

static void units_that_keep_it_from_working_are_a_reason(void **state)
{
	CLEANUP(answer_done) struct answer good = answer_of(REPORTS[0].status, REPORTS[0].body);
	CLEANUP(answer_done) struct answer bad = answer_of(REPORTS[2].status, REPORTS[2].body);
	struct doctor_units units = {
		.web_socket = unit("aither.socket", "active"),
		.worker_socket = unit("aither-worker.socket", "active"),
		.web = unit("aither.service", "inactive"),
		.worker = unit("aither-worker.service", "inactive"),
		.sync = unit("aither-sync.service", "failed"),
		.timer = unit("aither-sync.timer", "active"),
		.known = true,
		.managed = true,
	};

	(void)state;
	assert_verdict("all as it should be", &good, &units, COMMAND_DONE, REPORTS[0].sentence);
	units.web = unit("aither.service", "failed");
	memcpy(units.web.result, "exit-code", sizeof("exit-code"));
	assert_verdict("a daemon has failed", &good, &units, COMMAND_FAILED,
		"aither.service has failed (exit-code); see: journalctl -x -n 20 -u aither.service");
	assert_verdict("the sync's failure comes first", &bad, &units, COMMAND_FAILED, REPORTS[2].sentence);
	units.web = unit("aither.service", "active");
	units.web_socket = unit("aither.socket", "inactive");
	assert_verdict("switched off", &good, &units, COMMAND_FAILED,
		"aither.socket is inactive, so no visitor is served; start it: systemctl enable --now "
		"aither.socket");
	units.web_socket = unit("aither.socket", "active");
	memcpy(units.worker.load, "masked", sizeof("masked"));
	assert_verdict("masked", &good, &units, COMMAND_FAILED,
		"aither-worker.service is masked; see: aither doctor");
	units.worker = unit("aither-worker.service", "inactive");
	units.timer = unit("aither-sync.timer", "inactive");
	assert_verdict("no timer", &good, &units, COMMAND_FAILED,
		"aither-sync.timer is inactive, so no sync is planned; start it: systemctl enable --now "
		"aither-sync.timer");
	units.others[0] = unit("aither-sync@*:0-30.timer", "active");
	units.other_count = 1;
	assert_verdict("another timer", &good, &units, COMMAND_DONE, REPORTS[0].sentence);
	units.others[0] = unit("aither-sync@*:0-30.timer", "failed");
	assert_verdict("a timer has failed", &good, &units, COMMAND_FAILED,
		"aither-sync@*:0-30.timer has failed (unknown), so it starts no sync; see: journalctl -x -n "
		"20 -u 'aither-sync@*:0-30.timer'");
	units.managed = false;
	assert_verdict("another worker's units", &good, &units, COMMAND_DONE, REPORTS[0].sentence);
}

/* What `aither sync` could not have run is in no report. */
static void a_scheduled_run_without_a_sync_is_a_reason(void **state)
{
	static const char body[] =
		"{\"data\":{\"status\":\"success\",\"startTime\":\"2026-03-14T22:47:00.000Z\","
		"\"endTime\":\"2026-03-14T22:48:00.000Z\"}}";
	CLEANUP(answer_done) struct answer good = answer_of(200, body);
	struct doctor_units units = {
		.web_socket = unit("aither.socket", "active"),
		.sync = unit("aither-sync.service", "failed"),
		.timer = unit("aither-sync.timer", "active"),
		.known = true,
		.managed = true,
	};
	int64_t sync_ms = now_ms() - 13 * 60 * 1000;

	(void)state;
	units.sync.started_ms = sync_ms - 1000;
	assert_verdict("it was that sync's, or of one before", &good, &units, COMMAND_DONE,
		"the last sync succeeded 12 min ago");
	units.sync.started_ms = sync_ms + 1000;
	assert_verdict("it came later", &good, &units, COMMAND_FAILED,
		"aither-sync.service has failed (unknown), and no sync is known since it began; see: "
		"journalctl -x -n 20 -u aither-sync.service");
	units.sync.started_ms = 0;
	memcpy(units.sync.result, "resources", sizeof("resources"));
	assert_verdict("it could not even be started", &good, &units, COMMAND_FAILED,
		"aither-sync.service has failed (resources: systemd could not set up what it needs), and no "
		"sync is known since it began; see: journalctl -x -n 20 -u aither-sync.service");
	units.sync = unit("aither-sync.service", "inactive");
	units.sync.started_ms = sync_ms + 1000;
	assert_verdict(
		"it has not failed", &good, &units, COMMAND_DONE, "the last sync succeeded 12 min ago");
}

/* It is in no state that systemd calls failed, and its socket takes connections all the same. */
static void a_service_that_cannot_start_is_a_reason(void **state)
{
	CLEANUP(answer_done) struct answer good = answer_of(REPORTS[0].status, REPORTS[0].body);
	struct doctor_units units = {
		.web_socket = unit("aither.socket", "active"),
		.worker_socket = unit("aither-worker.socket", "active"),
		.web = unit("aither.service", "activating"),
		.worker = unit("aither-worker.service", "active"),
		.timer = unit("aither-sync.timer", "active"),
		.known = true,
		.managed = true,
	};
	static const struct {
		const char *name;
		int answers[3]; /* of 127.0.0.1, [::1] and a socket that is not asked */
		const char *sentence;
	} rows[] = {
		{ "both answer", { 401, 403, 0 }, "the last sync succeeded 12 min ago" },
		{ "none was asked", { 0, 0, 0 }, "the last sync succeeded 12 min ago" },
		{ "without IPv6", { 403, -EADDRNOTAVAIL, 0 }, "the last sync succeeded 12 min ago" },
		{ "one does not answer", { 403, -ETIMEDOUT, 0 },
			"[::1]:3500 takes connections, but aither-web does not answer within 2.5 s; see: "
			"journalctl -x -n 20 -u aither.service" },
		{ "there is no address at all", { -EADDRNOTAVAIL, -EADDRNOTAVAIL, 0 },
			"cannot reach aither-web at 127.0.0.1:3500: Cannot assign requested address; see: "
			"journalctl -x -n 20 -u aither.service" },
		{ "not connected in time", { -EINPROGRESS, 0, 0 },
			"cannot reach aither-web at 127.0.0.1:3500: Connection timed out; see: journalctl -x "
			"-n 20 -u aither.service" },
		{ "another answer", { 404, 401, 0 },
			"127.0.0.1:3500 does not answer as aither-web does; see: journalctl -x -n 20 -u "
			"aither.service" },
	};

	(void)state;
	memcpy(units.web.sub, "auto-restart", sizeof("auto-restart"));
	memcpy(units.web.result, "exit-code", sizeof("exit-code"));
	units.web.exit_code = CLD_EXITED;
	units.web.exit_status = 226;
	assert_verdict("in between", &good, &units, COMMAND_FAILED,
		"aither.service has failed (exit status 226/NAMESPACE: its mount or user namespace cannot be "
		"set up) and is started again and again; see: journalctl -x -n 20 -u aither.service");
	units.web = unit("aither.service", "active");
	units.web_socket.listen_count = 3;
	memcpy(units.web_socket.listen[0], "127.0.0.1:3500", sizeof("127.0.0.1:3500"));
	memcpy(units.web_socket.listen[1], "[::1]:3500", sizeof("[::1]:3500"));
	memcpy(units.web_socket.listen[2], "/run/a.sock", sizeof("/run/a.sock"));
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		bool is_healthy = strncmp(rows[i].sentence, "the last", 8) == 0;

		memcpy(units.answers, rows[i].answers, sizeof(rows[i].answers));
		assert_verdict(rows[i].name, &good, &units, is_healthy ? COMMAND_DONE : COMMAND_FAILED,
			rows[i].sentence);
	}
}

static void without_a_worker_its_unit_says_why(void **state)
{
	struct doctor_units units = {
		.web_socket = unit("aither.socket", "active"),
		.worker_socket = unit("aither-worker.socket", "active"),
		.worker = unit("aither-worker.service", "failed"),
		.known = true,
		.managed = true,
	};

	(void)state;
	memcpy(units.worker.result, "watchdog", sizeof("watchdog"));
	assert_verdict("its unit", NULL, &units, COMMAND_UNREACHABLE,
		"aither-worker.service has failed (watchdog: it hung, and systemd killed it); see: "
		"journalctl "
		"-x -n 20 -u aither-worker.service");
	units.managed = false;
	assert_verdict("another worker's unit", NULL, &units, COMMAND_UNREACHABLE, "there is no worker");
}

static void the_next_timer_is_the_earliest_of_all(void **state)
{
	struct doctor_units units = { .timer = unit("aither-sync.timer", "active") };

	(void)state;
	assert_null(verdict_next_timer(&units));
	units.timer.next_ms = 2000;
	assert_ptr_equal(verdict_next_timer(&units), &units.timer);
	units.other_count = 3;
	units.others[1].next_ms = 1000;
	units.others[2].next_ms = 1500;
	assert_ptr_equal(verdict_next_timer(&units), &units.others[1]);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_report_is_judged),
		cmocka_unit_test(units_that_keep_it_from_working_are_a_reason),
		cmocka_unit_test(a_scheduled_run_without_a_sync_is_a_reason),
		cmocka_unit_test(a_service_that_cannot_start_is_a_reason),
		cmocka_unit_test(without_a_worker_its_unit_says_why),
		cmocka_unit_test(the_next_timer_is_the_earliest_of_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
