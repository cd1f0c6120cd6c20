/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pwd.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/time.h"
#include "cli/answer.h"
#include "cli/command.h"
#include "cli/machine.h"
#include "cli/port.h"
#include "cli/status.h"
#include "config/config.h"
#include "net/workerclient.h"

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
	answer_read(&response, &answer);
	assert_int_equal(answer.status, status);
	buf_done(&response.body);
	return answer;
}

/* The first line and the exit status. `answer` NULL: the worker does not run. */
static void assert_verdict(const char *name, const struct answer *answer, const struct machine *machine,
	int exit_code, const char *sentence)
{
	static const struct config config = { .worker.socket = (char *)"/run/aither/worker.sock" };
	CLEANUP(json_freep) struct json *checks = json_new_array();
	CLEANUP(answer_done) struct answer none = { 0 };
	struct error failure = { 0 };
	int r;

	error_fail(&failure, ERROR_WORKER_UNAVAILABLE, -ECONNREFUSED, "there is no worker");
	answer_fail(&failure, &none);
	r = status_check(answer ?: &none, machine, &config, now_ms(), checks);
	if (r != exit_code || strcmp(status_sentence(checks), sentence) != 0)
		fail_msg("%s: %d, %s", name, r, status_sentence(checks));
}

static const struct {
	const char *name;
	int status;
	const char *body;
	int exit_code;
	const char *sentence;
} REPORTS[] = {
	{ "success", 200, "{\"data\":{\"status\":\"success\",\"endTime\":\"2026-03-14T22:48:00.000Z\"}}",
		COMMAND_DONE, "the last sync succeeded 12 minutes ago" },
	{ "partial", 200,
		"{\"data\":{\"status\":\"partial\",\"endTime\":\"2026-03-14T22:59:59.000Z\",\"errorsTotal\":"
		"1}}",
		COMMAND_PARTIAL, "the last sync succeeded 1 second ago, but with 1 problem" },
	{ "failed", 200, "{\"data\":{\"status\":\"failed\",\"endTime\":\"2026-03-14T20:00:00.000Z\"}}",
		COMMAND_FAILED, "the last sync failed 3 hours ago" },
	{ "just recent enough", 200,
		"{\"data\":{\"status\":\"success\",\"endTime\":\"2026-03-12T23:00:00.000Z\"}}", COMMAND_DONE,
		"the last sync succeeded 2 days ago" },
	{ "stale", 200, "{\"data\":{\"status\":\"success\",\"endTime\":\"2026-03-12T22:59:59.999Z\"}}",
		COMMAND_FAILED, "no sync has run for 2 days; run one now: aither sync" },
	{ "a clock set back a little", 200,
		"{\"data\":{\"status\":\"success\",\"endTime\":\"2026-03-14T23:30:00.000Z\"}}", COMMAND_DONE,
		"the last sync succeeded 0 seconds ago" },
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
		COMMAND_NOT_CONFIGURED, "x" },
	{ "partial, three days ago", 200,
		"{\"data\":{\"status\":\"partial\",\"endTime\":\"2026-03-11T23:00:00.000Z\",\"errorsTotal\":1}}",
		COMMAND_FAILED, "no sync has run for 3 days; run one now: aither sync" },
	{ "one common problem", 200,
		"{\"data\":{\"status\":\"partial\",\"endTime\":\"2026-03-14T22:59:00.000Z\",\"errorsTotal\":2,"
		"\"errors\":[{\"code\":\"TEMPLATE_ERROR\"},{\"code\":\"TEMPLATE_ERROR\"}]}}",
		COMMAND_PARTIAL,
		"the last sync succeeded 60 seconds ago, but with 2 problems: TEMPLATE_ERROR. Correct the "
		"template at the place that the message names, then test it: aither render" },
	{ "problems of several kinds", 200,
		"{\"data\":{\"status\":\"partial\",\"endTime\":\"2026-03-14T22:59:00.000Z\",\"errorsTotal\":2,"
		"\"errors\":[{\"code\":\"TEMPLATE_ERROR\"},{\"code\":\"HEMERA_ERROR\"}]}}",
		COMMAND_PARTIAL, "the last sync succeeded 60 seconds ago, but with 2 problems" },
	{ "the problem that ended it", 200,
		"{\"data\":{\"status\":\"failed\",\"endTime\":\"2026-03-14T20:00:00.000Z\",\"errorsTotal\":2,"
		"\"errors\":[{\"code\":\"TEMPLATE_ERROR\"},{\"code\":\"HEMERA_AUTH_FAILED\"}]}}",
		COMMAND_FAILED,
		"the last sync failed 3 hours ago: HEMERA_AUTH_FAILED. Have a new key issued in Hemera, then "
		"store it: aither set-secret hemera-api-key" },
};

static void the_report_is_judged(void **state)
{
	static const struct machine none;

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

/* Everything works. */
static struct machine machine_of_units(void)
{
	return (struct machine){
		.units = {
			[MACHINE_WEB_SOCKET] = unit("aither.socket", "active"),
			[MACHINE_WORKER_SOCKET] = unit("aither-worker.socket", "active"),
			[MACHINE_WORKER_WEB_SOCKET] = unit("aither-worker-web.socket", "active"),
			[MACHINE_WEB] = unit("aither.service", "inactive"),
			[MACHINE_WORKER] = unit("aither-worker.service", "inactive"),
			[MACHINE_SYNC] = unit("aither-sync.service", "inactive"),
			[MACHINE_TIMER] = unit("aither-sync.timer", "active"),
		},
		.count = MACHINE_TIMER + 1,
		.managed = true,
	};
}

static void units_that_keep_it_from_working_are_a_reason(void **state)
{
	CLEANUP(answer_done) struct answer good = answer_of(REPORTS[0].status, REPORTS[0].body);
	CLEANUP(answer_done) struct answer bad = answer_of(REPORTS[2].status, REPORTS[2].body);
	struct machine machine = machine_of_units();
	struct unit *units = machine.units;

	(void)state;
	assert_verdict("all as it should be", &good, &machine, COMMAND_DONE, REPORTS[0].sentence);
	units[MACHINE_WEB] = unit("aither.service", "failed");
	memcpy(units[MACHINE_WEB].result, "exit-code", sizeof("exit-code"));
	assert_verdict("a daemon has failed", &good, &machine, COMMAND_FAILED,
		"aither.service has failed (exit-code); see: journalctl -x -n 20 -u aither.service");
	assert_verdict("visitors come before a failed sync", &bad, &machine, COMMAND_FAILED,
		"aither.service has failed (exit-code); see: journalctl -x -n 20 -u aither.service");
	units[MACHINE_WEB] = unit("aither.service", "active");
	units[MACHINE_WEB_SOCKET] = unit("aither.socket", "inactive");
	assert_verdict("switched off", &good, &machine, COMMAND_FAILED,
		"aither.socket is inactive, so no visitor is served; start it: systemctl enable --now "
		"aither.socket aither-sync.timer");
	units[MACHINE_WEB_SOCKET] = unit("aither.socket", "active");
	units[MACHINE_WORKER_WEB_SOCKET] = unit("aither-worker-web.socket", "inactive");
	assert_verdict("a dead socket", &good, &machine, COMMAND_FAILED,
		"aither-worker-web.socket is inactive, so aither-web cannot reach the worker; try: systemctl "
		"restart aither-worker.service");
	units[MACHINE_WORKER_WEB_SOCKET] = unit("aither-worker-web.socket", "active");
	memcpy(units[MACHINE_WORKER].load, "masked", sizeof("masked"));
	assert_verdict("masked", &good, &machine, COMMAND_FAILED,
		"aither-worker.service is masked; see: aither doctor");
	units[MACHINE_WORKER] = unit("aither-worker.service", "inactive");
	units[MACHINE_TIMER] = unit("aither-sync.timer", "inactive");
	assert_verdict("no timer", &good, &machine, COMMAND_FAILED,
		"aither-sync.timer is inactive, so no sync is planned; start it: systemctl enable --now "
		"aither-sync.timer");
	units[MACHINE_TIMER + 1] = unit("aither-sync@*:0-30.timer", "active");
	machine.count++;
	assert_verdict("another timer", &good, &machine, COMMAND_DONE, REPORTS[0].sentence);
	units[MACHINE_TIMER + 1] = unit("aither-sync@*:0-30.timer", "failed");
	assert_verdict("a timer has failed", &good, &machine, COMMAND_FAILED,
		"aither-sync@*:0-30.timer has failed (unknown), so it starts no sync; see: journalctl -x -n "
		"20 -u 'aither-sync@*:0-30.timer'");
	machine.managed = false;
	assert_verdict("another worker's units", &good, &machine, COMMAND_DONE, REPORTS[0].sentence);
}

static void fail_unit(struct unit *failed)
{
	memcpy(failed->active, "failed", sizeof("failed"));
	memcpy(failed->result, "exit-code", sizeof("exit-code"));
}

static void crash_unit(struct unit *crashing)
{
	memcpy(crashing->active, "active", sizeof("active"));
	crashing->restarts = 57;
	crashing->started_ms = time_now_ms() - 5000;
}

/* Each row adds a problem that is worse than all before it. */
static void the_first_line_names_the_worst_problem(void **state)
{
	static const char deferring[] =
		"{\"data\":{\"status\":\"success\",\"endTime\":\"2026-03-14T22:48:00.000Z\",\"coursesDeferred\":111}}";
	static const char partial[] =
		"{\"data\":{\"status\":\"partial\",\"endTime\":\"2026-03-14T22:48:00.000Z\",\"coursesDeferred\":111,\"errorsTotal\":13}}";
	static const char failed[] =
		"{\"data\":{\"status\":\"failed\",\"endTime\":\"2026-03-14T20:00:00.000Z\",\"errorsTotal\":1,"
		"\"errors\":[{\"code\":\"HEMERA_TIMEOUT\"}]}}";
	static const char unconfigured[] =
		"{\"error\":{\"code\":\"NOT_CONFIGURED\",\"message\":\"BaseURL is not set\"}}";
	CLEANUP(answer_done) struct answer deferred = answer_of(200, deferring);
	CLEANUP(answer_done) struct answer problems = answer_of(200, partial);
	CLEANUP(answer_done) struct answer bad = answer_of(200, failed);
	CLEANUP(answer_done) struct answer wrong = answer_of(503, unconfigured);
	struct machine machine = machine_of_units();
	struct unit *units = machine.units, *timer = &units[MACHINE_TIMER];

	(void)state;
	units[MACHINE_WEB_SOCKET].listen_count = 1;
	memcpy(units[MACHINE_WEB_SOCKET].listen[0], "[::]:3500", sizeof("[::]:3500"));
	machine.answers[0] = PORT_HAS_NO_TOKEN;
	timer->next_ms = now_ms() + 59 * 60 * 1000;
	if (access("/etc/credstore/aither.sync-token", F_OK) != 0) /* this machine's own */
		assert_verdict("a public socket without a token, courses that wait for minutes", &deferred,
			&machine, COMMAND_DONE,
			"no sync token is set, and aither.socket listens on other "
			"addresses than loopback; set one: aither set-secret --generate sync-token");
	timer->next_ms = now_ms() + INT64_C(5) * 3600 * 1000;
	assert_verdict("courses that wait for hours", &deferred, &machine, COMMAND_PARTIAL,
		"111 courses wait to be read; aither-sync.timer runs in 5 hours; read them now: aither "
		"sync --until-complete");
	assert_verdict("a partial sync", &problems, &machine, COMMAND_PARTIAL,
		"the last sync succeeded 12 minutes ago, but with 13 problems");
	*timer = unit("aither-sync.timer", "inactive");
	assert_verdict("no timer", &problems, &machine, COMMAND_FAILED,
		"aither-sync.timer is inactive, so no sync is planned; start it: systemctl enable --now "
		"aither-sync.timer");
	assert_verdict("a failed sync", &bad, &machine, COMMAND_FAILED,
		"the last sync failed 3 hours ago: HEMERA_TIMEOUT. Hemera was too slow. If this persists, check "
		"the network (aither doctor) and report it to Hemera's administrators.");
	units[MACHINE_WORKER_WEB_SOCKET] = unit("aither-worker-web.socket", "failed");
	assert_verdict("a dead socket of the worker", &bad, &machine, COMMAND_FAILED,
		"aither-worker-web.socket has failed (unknown), so aither-web cannot reach the worker; try: "
		"systemctl restart aither-worker.service");
	fail_unit(&units[MACHINE_WEB]);
	assert_verdict("a dead aither-web", &bad, &machine, COMMAND_FAILED,
		"aither.service has failed (exit-code); see: journalctl -x -n 20 -u aither.service");
	units[MACHINE_WEB_SOCKET] = unit("aither.socket", "failed");
	assert_verdict("its dead socket, which comes before its service", &bad, &machine, COMMAND_FAILED,
		"aither.socket has failed (unknown), so no visitor is served; start it: systemctl enable "
		"--now aither.socket aither-sync.timer");
	assert_verdict(
		"a wrong configuration", &wrong, &machine, COMMAND_NOT_CONFIGURED, "BaseURL is not set");
}

/* The service happens to run whenever its state is read: systemd restarts it a second after each crash. */
static void a_service_that_crashes_again_and_again_is_a_reason(void **state)
{
	CLEANUP(answer_done) struct answer good = answer_of(REPORTS[0].status, REPORTS[0].body);
	static const struct config config = { .worker.socket = (char *)"/run/aither/worker.sock" };
	CLEANUP(json_freep) struct json *checks = json_new_array();
	struct machine machine = machine_of_units();
	struct unit *worker = &machine.units[MACHINE_WORKER];
	static const char beginning[] =
		"aither-worker.service keeps crashing: it was restarted 57 times, last ";

	(void)state;
	crash_unit(worker);
	assert_int_equal(status_check(&good, &machine, &config, now_ms(), checks), COMMAND_FAILED);
	assert_memory_equal(status_sentence(checks), beginning, strlen(beginning));
	assert_non_null(
		strstr(status_sentence(checks), "; see: journalctl -x -n 20 -u aither-worker.service"));
	worker->restarts = UNITS_CRASHES - 1;
	assert_verdict("it crashed once or twice", &good, &machine, COMMAND_DONE, REPORTS[0].sentence);
	crash_unit(worker);
	worker->started_ms -= UNITS_CRASHED_MS;
	assert_verdict("it has run for an hour since", &good, &machine, COMMAND_DONE, REPORTS[0].sentence);
}

/* A sync that could not be started has no report. */
static void a_scheduled_run_without_a_sync_is_a_reason(void **state)
{
	static const char body[] =
		"{\"data\":{\"status\":\"success\",\"startTime\":\"2026-03-14T22:47:00.000Z\","
		"\"endTime\":\"2026-03-14T22:48:00.000Z\"}}";
	CLEANUP(answer_done) struct answer good = answer_of(200, body);
	struct machine machine = machine_of_units();
	struct unit *units = machine.units;
	int64_t sync_ms = now_ms() - 13 * 60 * 1000;

	(void)state;
	units[MACHINE_SYNC] = unit("aither-sync.service", "failed");
	units[MACHINE_SYNC].started_ms = sync_ms - 1000;
	assert_verdict("that sync's failure, or an earlier one", &good, &machine, COMMAND_DONE,
		"the last sync succeeded 12 minutes ago");
	units[MACHINE_SYNC].started_ms = sync_ms + 1000;
	assert_verdict("a later failure", &good, &machine, COMMAND_FAILED,
		"aither-sync.service has failed (unknown), so no sync has been recorded since it began; see: "
		"journalctl -x -n 20 -u aither-sync.service");
	units[MACHINE_SYNC].started_ms = 0;
	memcpy(units[MACHINE_SYNC].result, "resources", sizeof("resources"));
	assert_verdict("it could not even be started", &good, &machine, COMMAND_FAILED,
		"aither-sync.service has failed (resources: systemd cannot set up what it needs), so no "
		"sync has been recorded since it began; see: journalctl -x -n 20 -u aither-sync.service");
	units[MACHINE_SYNC] = unit("aither-sync.service", "inactive");
	units[MACHINE_SYNC].started_ms = sync_ms + 1000;
	assert_verdict(
		"it has not failed", &good, &machine, COMMAND_DONE, "the last sync succeeded 12 minutes ago");
}

/* systemd does not call its state "failed", and its socket accepts connections. */
static void a_service_that_cannot_start_is_a_reason(void **state)
{
	CLEANUP(answer_done) struct answer good = answer_of(REPORTS[0].status, REPORTS[0].body);
	struct machine machine = machine_of_units();
	struct unit *units = machine.units;
	static const struct {
		const char *name;
		int answers[3]; /* of 127.0.0.1, [::1] and a socket that is not tried */
		const char *sentence;
	} rows[] = {
		{ "both answer", { 401, 403, 0 }, "the last sync succeeded 12 minutes ago" },
		{ "none was asked", { 0, 0, 0 }, "the last sync succeeded 12 minutes ago" },
		{ "without IPv6", { 403, -EADDRNOTAVAIL, 0 }, "the last sync succeeded 12 minutes ago" },
		{ "one does not answer", { 403, -ETIMEDOUT, 0 },
			"[::1]:3500 accepts connections, but aither-web does not answer within 2.5 s; see: "
			"journalctl -x -n 20 -u aither.service" },
		{ "there is no address at all", { -EADDRNOTAVAIL, -EADDRNOTAVAIL, 0 },
			"cannot reach aither-web at 127.0.0.1:3500: Cannot assign requested address; see: "
			"journalctl -x -n 20 -u aither.service" },
		{ "not connected in time", { -EINPROGRESS, 0, 0 },
			"cannot reach aither-web at 127.0.0.1:3500: Connection timed out; see: journalctl -x "
			"-n 20 -u aither.service" },
		{ "another answer", { 404, 401, 0 },
			"127.0.0.1:3500 answers, but not as aither-web does; see: journalctl -x -n 20 -u "
			"aither.service" },
	};

	(void)state;
	units[MACHINE_WEB] = unit("aither.service", "activating");
	memcpy(units[MACHINE_WEB].sub, "auto-restart", sizeof("auto-restart"));
	memcpy(units[MACHINE_WEB].result, "exit-code", sizeof("exit-code"));
	units[MACHINE_WEB].exit_code = CLD_EXITED;
	units[MACHINE_WEB].exit_status = 226;
	assert_verdict("in between", &good, &machine, COMMAND_FAILED,
		"aither.service has failed (exit status 226/NAMESPACE: its mount or user namespace cannot be "
		"set up) and systemd keeps restarting it; see: journalctl -x -n 20 -u aither.service");
	units[MACHINE_WEB] = unit("aither.service", "active");
	units[MACHINE_WEB_SOCKET].listen_count = 3;
	memcpy(units[MACHINE_WEB_SOCKET].listen[0], "127.0.0.1:3500", sizeof("127.0.0.1:3500"));
	memcpy(units[MACHINE_WEB_SOCKET].listen[1], "[::1]:3500", sizeof("[::1]:3500"));
	memcpy(units[MACHINE_WEB_SOCKET].listen[2], "/run/a.sock", sizeof("/run/a.sock"));
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		bool is_healthy = strncmp(rows[i].sentence, "the last", 8) == 0;

		memcpy(machine.answers, rows[i].answers, sizeof(rows[i].answers));
		assert_verdict(rows[i].name, &good, &machine, is_healthy ? COMMAND_DONE : COMMAND_FAILED,
			rows[i].sentence);
	}
}

static void without_a_worker_its_unit_says_why(void **state)
{
	struct machine machine = machine_of_units();
	struct unit *units = machine.units;

	(void)state;
	units[MACHINE_WORKER] = unit("aither-worker.service", "failed");
	memcpy(units[MACHINE_WORKER].result, "watchdog", sizeof("watchdog"));
	assert_verdict("its unit", NULL, &machine, COMMAND_UNREACHABLE,
		"aither-worker.service has failed (watchdog: it hung, and systemd killed it); see: "
		"journalctl "
		"-x -n 20 -u aither-worker.service");
	machine.managed = false;
	assert_verdict("another worker's unit", NULL, &machine, COMMAND_UNREACHABLE, "there is no worker");
}

static void the_next_timer_is_the_earliest_of_all(void **state)
{
	struct machine machine = machine_of_units();
	struct unit *timers = &machine.units[MACHINE_TIMER];

	(void)state;
	assert_null(machine_next_timer(&machine));
	timers[0].next_ms = 2000;
	assert_ptr_equal(machine_next_timer(&machine), &timers[0]);
	machine.count += 3;
	timers[2].next_ms = 1000;
	timers[3].next_ms = 1500;
	assert_ptr_equal(machine_next_timer(&machine), &timers[2]);
}

/* The program is the cause if the socket has failed; a socket that is switched off is off for another
 * reason. */
static void a_program_that_holds_the_port_is_named(void **state)
{
	CLEANUP(answer_done) struct answer good = answer_of(REPORTS[0].status, REPORTS[0].body);
	CLEANUP(file_closep) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(address);
	const struct passwd *user = getpwuid(geteuid());
	struct machine machine = machine_of_units();
	struct unit *web_socket = &machine.units[MACHINE_WEB_SOCKET];
	char name[32] = ""; /* under valgrind, the name is valgrind's */
	FILE *comm = fopen("/proc/self/comm", "re");

	(void)state;
	assert_non_null(comm);
	assert_int_equal(fscanf(comm, "%31s", name), 1);
	fclose(comm);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
	assert_int_equal(listen(fd, 1), 0);
	*web_socket = unit("aither.socket", "failed");
	snprintf(web_socket->listen[0], sizeof(web_socket->listen[0]), "127.0.0.1:%u",
		ntohs(address.sin_port));
	web_socket->listen_count = 1;
	CLEANUP(mem_freep)
	char *sentence = mem_printf("%s is held by %s (user %s), so no visitor is served; see: aither doctor",
		web_socket->listen[0], name, user ? user->pw_name : "?");
	assert_verdict("held", &good, &machine, COMMAND_FAILED, sentence);
	memcpy(web_socket->active, "inactive", sizeof("inactive"));
	assert_verdict("switched off", &good, &machine, COMMAND_FAILED,
		"aither.socket is inactive, so no visitor is served; start it: systemctl enable --now "
		"aither.socket aither-sync.timer");
}

/* A check that fails in doctor but affects neither visitors nor syncs. */
static void other_failed_checks_are_no_reason(void **state)
{
	CLEANUP(answer_done) struct answer good = answer_of(REPORTS[0].status, REPORTS[0].body);
	struct machine machine = machine_of_units();

	(void)state;
	memcpy(machine.units[MACHINE_WEB].load, "not-found", sizeof("not-found"));
	assert_verdict("not installed", &good, &machine, COMMAND_DONE, REPORTS[0].sentence);
	memcpy(machine.units[MACHINE_WEB].load, "unknown", sizeof("unknown"));
	assert_verdict("not known", &good, &machine, COMMAND_DONE, REPORTS[0].sentence);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_report_is_judged),
		cmocka_unit_test(units_that_keep_it_from_working_are_a_reason),
		cmocka_unit_test(the_first_line_names_the_worst_problem),
		cmocka_unit_test(a_service_that_crashes_again_and_again_is_a_reason),
		cmocka_unit_test(a_scheduled_run_without_a_sync_is_a_reason),
		cmocka_unit_test(a_service_that_cannot_start_is_a_reason),
		cmocka_unit_test(without_a_worker_its_unit_says_why),
		cmocka_unit_test(the_next_timer_is_the_earliest_of_all),
		cmocka_unit_test(a_program_that_holds_the_port_is_named),
		cmocka_unit_test(other_failed_checks_are_no_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
