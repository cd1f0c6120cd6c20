/* SPDX-License-Identifier: MIT */
#include "cli/command.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "cli/answer.h"
#include "cli/machine.h"
#include "cli/progress.h"
#include "cli/stored.h"
#include "cli/words.h"
#include "config/config.h"
#include "net/workerclient.h"

#define CALL_TIMEOUT_MS 13000 /* the worker answers within 12 s, even if some of its checks are not done */
#define ALL_MS 20000          /* the limit that aither(1) promises, even if something hangs */

static_assert(
	CALL_TIMEOUT_MS + MACHINE_READ_MS < ALL_MS, "the call to the worker and then systemd's answers");

static bool is_configuration(const struct json *check)
{
	const char *name = json_string(json_get(check, "name")) ?: "";

	return strcmp(name, "configuration") == 0 || strcmp(name, "hemera-api-key") == 0;
}

/* Returns the exit code. "Not permitted" and "not configured" can cause "not reachable" and take precedence
 * over it. */
static int judge(const struct json *checks, const struct answer *answer)
{
	int worker_exit = answer_exit_code(answer);
	bool is_configured = true, has_failed = false;

	JSON_FOREACH (check, checks) {
		if (check_status_of(check) != CHECK_FAILED)
			continue;
		has_failed = true;
		is_configured = is_configured && !is_configuration(check);
	}
	if (!is_configured && worker_exit != COMMAND_NOT_PERMITTED)
		return COMMAND_NOT_CONFIGURED;
	return worker_exit == COMMAND_DONE && has_failed ? COMMAND_FAILED : worker_exit;
}

/* Each command of the remedy stands on its own line, ready to be copied. */
static void print_check(const struct json *check, bool has_color)
{
	static const struct {
		const char *word, *color; /* SGR of ECMA-48 */
	} looks[CHECK_STATUSES] = {
		[CHECK_OK] = { "ok", "32" },
		[CHECK_WARNING] = { "WARN", "33" },
		[CHECK_FAILED] = { "FAIL", "31;1" },
		[CHECK_SKIPPED] = { "skip", "2" },
	};
	enum check_status status = check_status_of(check);
	const char *remedy = json_string(json_get(check, "remedy"));

	if (has_color)
		printf("\033[%sm%-5s\033[0m", looks[status].color, looks[status].word);
	else
		printf("%-5s", looks[status].word);
	words_print(stdout, " %s: %s", json_string(json_get(check, "name")) ?: "?",
		json_string(json_get(check, "message")) ?: "?");
	while (remedy && *remedy) {
		size_t length = strcspn(remedy, "\n");

		words_print(stdout, "        %.*s", (int)length, remedy);
		remedy += length + (remedy[length] == '\n');
	}
}

static void print_all(const struct json *checks)
{
	unsigned counts[CHECK_STATUSES] = { 0 };
	bool has_color = progress_has_color(stdout);

	JSON_FOREACH (check, checks) {
		print_check(check, has_color);
		counts[check_status_of(check)]++;
	}
	CLEANUP(mem_freep) char *total = words_count((int64_t)json_count(checks), "check", "checks");
	CLEANUP(mem_freep) char *warnings = words_count(counts[CHECK_WARNING], "warning", "warnings");
	if (counts[CHECK_FAILED])
		printf("\nnot healthy: %u of %s failed, %s; run the commands below each problem to fix it\n",
			counts[CHECK_FAILED], total, warnings);
	else
		printf("\nhealthy: %s, %s\n", total, warnings);
}

static void print_json(const struct json *checks, int exit_code)
{
	static const char *const members[] = { "name", "status", "message", "remedy" };
	CLEANUP(json_freep) struct json *envelope = json_new_object();
	struct json *data = json_new_object(), *shown = json_new_array();

	JSON_FOREACH (check, checks) {
		struct json *item = json_new_object();

		for (size_t i = 0; i < ARRAY_SIZE(members); i++)
			json_set_string(item, members[i], json_string(json_get(check, members[i])));
		json_append(shown, item);
	}
	json_set_bool(data, "healthy", exit_code == COMMAND_DONE);
	json_set(data, "checks", shown);
	json_set_bool(envelope, "success", true); /* of doctor itself */
	json_set(envelope, "data", data);
	answer_print_json(envelope);
}

/* Adds the worker's checks of the configuration, or all its other checks. `is_old`: the worker has not read
 * the current files, so its restart may solve a problem that it reports. */
static void add_worker_checks(
	const struct json *worker_checks, bool wants_configuration, bool is_old, struct json *checks)
{
	JSON_FOREACH (check, worker_checks) {
		enum check_status status = check_status_of(check);

		if (is_configuration(check) != wants_configuration)
			continue;
		if (is_old && (status == CHECK_FAILED || status == CHECK_WARNING))
			check_add(checks, json_string(json_get(check, "name")) ?: "?", CHECK_SKIPPED, NULL,
				"until it is restarted, aither-worker reports: %s",
				json_string(json_get(check, "message")) ?: "?");
		else
			json_append(checks, json_copy(check));
	}
}

int command_doctor(const struct config *config, int argc, char **argv)
{
	static const char *const switches[] = { "--json", NULL };
	CLEANUP(json_freep) struct json *checks = json_new_array();
	CLEANUP(answer_done) struct answer answer = { 0 };
	const struct workerclient_request request = { .socket_path = config->worker.socket,
		.method = "GET",
		.target = "/internal/doctor",
		.timeout_ms = CALL_TIMEOUT_MS };
	CLEANUP(json_freep) struct json *secrets = json_new_array();
	const struct json *worker_checks;
	enum check_status old = CHECK_WARNING;
	struct machine machine;
	struct error failure = { 0 };
	bool is_old;
	unsigned as_json;
	int exit_code;

	if (command_switches(argc, argv, switches, &as_json, &exit_code) < 0)
		return exit_code;
	/* Call the worker first, so that systemd has tried to start it when its state is read. */
	answer_call(&request, &answer);
	if (answer.status != 0 && answer.status != 200) {
		error_fail(&failure, ERROR_WORKER_UNAVAILABLE, -EBADMSG, "%s",
			answer.message ?: "cannot understand aither-worker's answer");
		answer_done(&answer);
		answer_fail(&failure, &answer);
	}
	worker_checks = answer.status ? json_get(answer.data, "checks") : NULL;
	machine_read(&machine, config);
	/* If the worker fails a check but has not read the current files, the missing restart is the failure.
	 */
	JSON_FOREACH (check, worker_checks)
		if (check_status_of(check) == CHECK_FAILED)
			old = CHECK_FAILED;
	is_old = stored_check_restart(&machine, old, checks);
	is_old |= stored_check_secrets(
		&machine, config, stored_directories, json_get(answer.data, "secrets"), old, secrets);
	is_old = is_old && answer.status;
	/* The configuration comes first: the problems after it may be its consequences. */
	if (is_old || !answer.status)
		stored_check_configuration(
			&machine, config, stored_directories, CONFIG_ENVIRONMENT_FILE, checks);
	else
		add_worker_checks(worker_checks, true, false, checks);
	machine_check(&machine, config, &answer.failure, 0, checks);
	check_add_all(checks, secrets);
	stored_check_exposed(stored_directories, CONFIG_ENVIRONMENT_FILE, checks);
	add_worker_checks(worker_checks, false, is_old, checks);
	exit_code = judge(checks, &answer);
	if (as_json)
		print_json(checks, exit_code);
	else
		print_all(checks);
	return exit_code;
}
