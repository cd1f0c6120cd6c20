/* SPDX-License-Identifier: MIT */
#include "cli/doctor.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/config.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/workerclient.h"
#include "cli/answer.h"
#include "cli/command.h"
#include "cli/progress.h"
#include "cli/words.h"

#define CALL_TIMEOUT_MS 13000 /* the worker gives what it has after 12 s */
#define ALL_MS 20000          /* what aither(1) promises, whatever hangs */
#define WORKER "worker"
#define CONFIGURATION "configuration"

static_assert(CALL_TIMEOUT_MS + DOCTOR_UNITS_MS < ALL_MS, "one is asked after the other");

enum { JSON = 1 };
static const char *const SWITCHES[] = { "--json", NULL };

/* ---- the worker ---- */

/* Why nobody answers, as commands. */
static const char *worker_remedy(const struct doctor_units *units, int errnum)
{
	if (errnum == -EACCES || errnum == -EPERM)
		return "sudo aither doctor";
	if (units->known && !units->managed)
		return "sensible-editor " CONFIG_PATH_DEFAULT;
	if (units->managed && unit_has_failed(&units->worker))
		return "journalctl -x -n 20 -u aither-worker.service\n"
		       "systemctl restart aither-worker.socket";
	if (errnum == -ECONNREFUSED || errnum == -ETIMEDOUT || errnum == -ECONNRESET ||
		unit_is_active(&units->worker_socket))
		return "systemctl restart aither-worker.socket aither-worker.service";
	return unit_is_active(&units->web_socket) ? "systemctl restart aither-worker.socket"
						  : "systemctl enable --now aither.socket aither-sync.timer";
}

/* Only where the worker has not told: it reads the same files. */
static void add_own_problems(const struct config *config, struct json *checks)
{
	for (size_t i = 0; i < config->problems.count; i++)
		check_add(checks, CONFIGURATION, config_is_usable(config) ? CHECK_WARNING : CHECK_FAILED,
			NULL, "%s", config->problems.text[i]);
}

static int ask_worker(const struct config *config, struct answer *ret_answer, struct error *err)
{
	const struct workerclient_request request = {
		.socket_path = config->worker.socket,
		.method = "GET",
		.target = "/internal/doctor",
		.timeout_ms = CALL_TIMEOUT_MS,
	};

	return answer_call(&request, ret_answer, err);
}

/* 0: `answer` has its checks; else the exit code. */
static int worker_check(const struct config *config, const struct doctor_units *units,
	const struct answer *answer, const struct error *failure, struct json *checks)
{
	if (failure->errnum < 0) {
		check_add(checks, WORKER, CHECK_FAILED, worker_remedy(units, failure->errnum), "%s",
			failure->message);
		return command_exit_of_failure(failure);
	}
	if (answer->status != 200) {
		/* 404: one of an older version still runs. */
		check_add(checks, WORKER, CHECK_FAILED, "systemctl restart aither-worker.service", "%s",
			answer->message ?: "aither-worker gives no answer that can be understood");
		return COMMAND_UNREACHABLE;
	}
	check_add(checks, WORKER, CHECK_OK, NULL, "answers at %s", config->worker.socket);
	return 0;
}

/* ---- what is found ---- */

static unsigned count_of(const struct json *checks, enum check_status status)
{
	unsigned count = 0;

	JSON_FOREACH (check, checks)
		count += check_status_of(check) == status;
	return count;
}

static bool has_failed(const struct json *checks, const char *name)
{
	JSON_FOREACH (check, checks)
		if (strcmp(json_string(json_get(check, "name")) ?: "", name) == 0 &&
			check_status_of(check) == CHECK_FAILED)
			return true;
	return false;
}

/* Not permitted and not configured before not reachable: they are why. */
static int exit_code_of(const struct json *checks, int worker_exit)
{
	if (worker_exit == COMMAND_NOT_PERMITTED)
		return worker_exit;
	if (has_failed(checks, CONFIGURATION) || has_failed(checks, "hemera-api-key"))
		return COMMAND_NOT_CONFIGURED;
	if (worker_exit != 0)
		return worker_exit;
	return count_of(checks, CHECK_FAILED) > 0 ? COMMAND_FAILED : COMMAND_DONE;
}

/* ---- for a person ---- */

static void print_status(enum check_status status, bool colour)
{
	static const struct {
		const char *word, *colour; /* SGR of ECMA-48 */
	} looks[CHECK_STATUSES] = {
		[CHECK_OK] = { "ok", "32" },
		[CHECK_WARNING] = { "WARN", "33" },
		[CHECK_FAILED] = { "FAIL", "31;1" },
		[CHECK_SKIPPED] = { "skip", "2" },
	};

	if (colour)
		printf("\033[%sm%-5s\033[0m", looks[status].colour, looks[status].word);
	else
		printf("%-5s", looks[status].word);
}

/* One command a line, ready to be copied. */
static void print_remedy(const char *remedy)
{
	while (remedy && *remedy) {
		size_t length = strcspn(remedy, "\n");
		CLEANUP(mem_freep) char *line = mem_strndup(remedy, length);
		CLEANUP(mem_freep) char *harmless = words_harmless(line);

		printf("        %s\n", harmless);
		remedy += length + (remedy[length] == '\n');
	}
}

static void print_check(const struct json *check, bool colour)
{
	CLEANUP(mem_freep) char *name = words_harmless(json_string(json_get(check, "name")) ?: "?");
	CLEANUP(mem_freep) char *message = words_harmless(json_string(json_get(check, "message")) ?: "?");

	print_status(check_status_of(check), colour);
	printf(" %s: %s\n", name, message);
	print_remedy(json_string(json_get(check, "remedy")));
}

static void print_all(const struct json *checks)
{
	unsigned failed = count_of(checks, CHECK_FAILED), warnings = count_of(checks, CHECK_WARNING);
	CLEANUP(mem_freep)
	char *total = words_count((int64_t)json_count(checks), "check", "checks"),
	     *warned = words_count(warnings, "warning", "warnings");
	bool colour = progress_has_color(stdout);

	JSON_FOREACH (check, checks)
		print_check(check, colour);
	if (failed)
		printf("\nnot healthy: %u of %s failed, %s; what stands below each is the way to mend it\n",
			failed, total, warned);
	else
		printf("\nhealthy: %s, %s\n", total, warned);
}

static void print_json(const struct json *checks, int exit_code)
{
	CLEANUP(json_freep) struct json *envelope = json_new_object();
	struct json *data = json_new_object();

	json_set_bool(data, "healthy", exit_code == COMMAND_DONE);
	json_set(data, "checks", json_copy(checks));
	json_set_bool(envelope, "success", true); /* in looking */
	json_set(envelope, "data", data);
	answer_print_json(envelope);
}

int command_doctor(const struct config *config, int argc, char **argv)
{
	CLEANUP(json_freep) struct json *checks = json_new_array();
	CLEANUP(answer_done) struct answer answer = { 0 };
	struct doctor_units units;
	struct error failure = { 0 };
	unsigned switches;
	int exit_code, worker_exit;

	if (command_switches(argc, argv, SWITCHES, &switches, &exit_code) < 0)
		return exit_code;
	/* First, so that systemd knows of a worker that cannot start. */
	ask_worker(config, &answer, &failure);
	doctor_units_read(&units, config);
	doctor_units_check(&units, config, checks);
	doctor_port_check(&units, checks);
	worker_exit = worker_check(config, &units, &answer, &failure, checks);
	/* Before what the worker says: it may speak of what was. */
	doctor_changed_check(&units, checks);
	doctor_stored_check(&units, doctor_credstores, json_get(answer.data, "secrets"), checks);
	doctor_exposed_check(doctor_credstores, CONFIG_ENVIRONMENT_FILE, checks);
	if (worker_exit == 0)
		check_add_all(checks, json_get(answer.data, "checks"));
	else
		add_own_problems(config, checks);
	exit_code = exit_code_of(checks, worker_exit);
	if (switches & JSON)
		print_json(checks, exit_code);
	else
		print_all(checks);
	return exit_code;
}
