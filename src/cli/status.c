/* SPDX-License-Identifier: MIT */
#include "cli/status.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/time.h"
#include "cli/answer.h"
#include "cli/command.h"
#include "cli/machine.h"
#include "cli/progress.h"
#include "cli/stored.h"
#include "cli/summary.h"
#include "cli/words.h"
#include "config/config.h"
#include "net/workerclient.h"

#define CALL_TIMEOUT_MS 10000
/* It is a problem if courses wait longer than this for the next run. */
#define DEFERRED_LONG_MS (INT64_C(3600) * 1000)

static const char *status_of(const struct json *report)
{
	return json_string(json_get(report, "status")) ?: "";
}

/* ---- the checks ---- */

/* The remedy for the problems of the last sync, to be appended to a sentence: the remedy for the problem that
 * ended the sync, or for the code that all problems share; "" if they need several remedies, which are
 * printed below. */
static char *sync_advice(const struct json *report)
{
	const char *code = NULL;
	bool is_failed = strcmp(status_of(report), "failed") == 0;

	JSON_FOREACH (problem, json_get(report, "errors")) {
		const char *other = json_string(json_get(problem, "code")) ?: "";

		if (code && !is_failed && strcmp(code, other) != 0)
			return mem_strdup("");
		code = other;
	}
	return code ? mem_printf(": %s. %s", code, error_remedy_of_name(code)) : mem_strdup("");
}

/* How the last sync ended. Returns the exit code. */
static int check_sync(const struct answer *answer, int64_t now_ms, struct json *checks)
{
	const struct json *report = answer->data;
	bool is_running = strcmp(status_of(report), "running") == 0;
	int64_t failures = answer_count(report, "consecutiveFailures"), end_ms, age_ms = INT64_MAX;
	CLEANUP(mem_freep) char *ago = NULL, *sentence = NULL;
	CLEANUP(mem_freep) char *syncs = words_count(failures, "sync has", "syncs in a row have");
	CLEANUP(mem_freep)
	char *problems = words_count(answer_count(report, "errorsTotal"), "problem", "problems");
	CLEANUP(mem_freep) char *advice = sync_advice(report);
	const char *id = "sync";
	int exit_code = COMMAND_FAILED;
	enum check_status status;
	struct json *check;

	if (time_parse(json_string(json_get(report, "endTime")), &end_ms) == 0)
		age_ms = now_ms - end_ms;
	ago = words_span((age_ms < -STATUS_STALE_MS ? -age_ms : age_ms) / 1000);
	if (answer->code && strcmp(answer->code, "NO_SYNC_JOB") == 0) {
		sentence = mem_strdup("no sync has run yet; run the first one: aither sync");
	} else if (answer->code && strcmp(answer->code, "NOT_CONFIGURED") == 0) {
		exit_code = answer_exit_code(answer);
		id = "configuration";
		sentence = mem_strdup(answer->message ?: "?");
	} else if (answer->code) {
		exit_code = answer_exit_code(answer);
		sentence = mem_printf("%s: %s", answer->code, answer->message ?: "?");
	} else if (is_running && failures > 0) {
		sentence = mem_printf("%s failed, one is running now", syncs);
	} else if (is_running && !json_string(json_get(report, "lastSuccessTime"))) {
		sentence = mem_strdup("the first sync is still running");
	} else if (is_running) {
		exit_code = COMMAND_DONE;
		sentence = mem_strdup("the last sync did not fail, one is running now");
	} else if (age_ms < -STATUS_STALE_MS) {
		sentence = mem_printf(
			"the last sync ended %s in the future: the clock has been set back since; run one now: aither sync",
			ago);
	} else if (strcmp(status_of(report), "failed") == 0) {
		sentence = mem_printf("the last sync failed %s ago%s", ago, advice);
	} else if (age_ms > STATUS_STALE_MS) {
		sentence = mem_printf("no sync has run for %s; run one now: aither sync", ago);
	} else if (strcmp(status_of(report), "partial") == 0) {
		exit_code = COMMAND_PARTIAL;
		sentence = mem_printf("the last sync succeeded %s ago, but with %s%s", ago, problems, advice);
	} else {
		exit_code = COMMAND_DONE;
		sentence = mem_printf("the last sync succeeded %s ago", ago);
	}
	status = exit_code == COMMAND_DONE      ? CHECK_OK
		 : exit_code == COMMAND_PARTIAL ? CHECK_WARNING
						: CHECK_FAILED;
	check = check_add(checks, id, status, NULL, "%s", sentence);
	if (status != CHECK_OK)
		check_set_headline(check, "%s", sentence);
	return exit_code;
}

/* Returns true if visitors will see old pages for a long time. */
static bool check_deferred(
	const struct json *report, const struct machine *machine, int64_t now_ms, struct json *checks)
{
	static const char remedy[] = "aither sync --until-complete";
	CLEANUP(mem_freep)
	char *courses = words_count(answer_count(report, "coursesDeferred"), "course waits", "courses wait");
	CLEANUP(mem_freep) char *sentence = NULL;
	const struct unit *service = &machine->units[MACHINE_SYNC], *timer = machine_next_timer(machine);
	struct json *check;

	if (answer_count(report, "coursesDeferred") == 0 || strcmp(status_of(report), "running") == 0)
		return false;
	if (machine->managed && strcmp(service->active, "activating") == 0) {
		check_add(checks, "deferred", CHECK_OK, NULL, "%s to be read; %s is reading them", courses,
			service->name);
		return false;
	}
	if (machine->managed && timer) {
		CLEANUP(mem_freep) char *in = words_span((timer->next_ms - now_ms) / 1000);

		sentence = mem_printf("%s to be read; %s runs in %s", courses, timer->name, in);
	} else {
		sentence = mem_printf("%s to be read", courses);
	}
	check = check_add(checks, "deferred", CHECK_WARNING, remedy, "%s", sentence);
	if (!machine->managed || (timer && timer->next_ms - now_ms < DEFERRED_LONG_MS))
		return false;
	check_set_headline(check, "%s", sentence);
	return true;
}

static void check_configuration(const struct config *config, const struct answer *answer, struct json *checks)
{
	const struct config_problems *problems = &config->problems;
	struct json *check = check_add(checks, "configuration", CHECK_FAILED, NULL, "%s", answer->message);
	CLEANUP(mem_freep) char *more = mem_printf(" (and %zu more: aither doctor)", problems->count - 1);

	if (problems->required_count == 0) /* the problem is in the worker's configuration */
		check_set_headline(check, "%s", answer->message);
	else
		check_set_headline(check, "%s%s; correct it, then: systemctl restart aither aither-worker",
			problems->text[problems->first_required], problems->count > 1 ? more : "");
}

int status_check(const struct answer *answer, const struct machine *machine, const struct config *config,
	int64_t now_ms, struct json *checks)
{
	int exit_code = answer_exit_code(answer);
	bool waits_long = false;
	int64_t sync_ms = 0;

	if (answer->status) {
		exit_code = check_sync(answer, now_ms, checks);
		waits_long = check_deferred(answer->data, machine, now_ms, checks);
		time_parse(json_string(json_get(answer->data, "startTime")), &sync_ms);
	} else if (answer->failure.code == ERROR_NOT_CONFIGURED) {
		check_configuration(config, answer, checks);
	}
	machine_check(machine, config, &answer->failure, sync_ms, checks);
	if (machine->managed)
		stored_check_token(machine, config, stored_directories, checks);
	JSON_FOREACH (check, checks)
		if (json_get(check, "headline") && check_status_of(check) == CHECK_FAILED &&
			(exit_code == COMMAND_DONE || exit_code == COMMAND_PARTIAL))
			exit_code = COMMAND_FAILED;
	return exit_code == COMMAND_DONE && waits_long ? COMMAND_PARTIAL : exit_code;
}

/* ---- the first line ---- */

/* The rank of a problem, the worst first. Among problems of the same rank, the first in the list is the
 * cause. */
static unsigned place_of(const struct json *check)
{
	static const struct {
		const char *id;
		enum check_status status;
		unsigned place;
	} rows[] = {
		{ "configuration", CHECK_FAILED, 0 }, /* nothing works without it */
		{ "hemera-api-key", CHECK_FAILED, 0 },
		/* Visitors are not served. */
		{ "port", CHECK_FAILED, 1 },
		{ "aither.socket", CHECK_FAILED, 1 },
		{ "aither.service", CHECK_FAILED, 1 },
		/* They see old pages, because no sync can run... */
		{ "aither-worker.socket", CHECK_FAILED, 2 },
		{ "aither-worker-web.socket", CHECK_FAILED, 2 },
		{ "aither-worker.service", CHECK_FAILED, 2 },
		{ "worker", CHECK_FAILED, 2 },
		/* ... because syncs fail, or none is planned. Timers have no row: their place is 4. */
		{ "sync", CHECK_FAILED, 3 },
		{ "aither-sync.service", CHECK_FAILED, 3 },
		{ "sync-token", CHECK_FAILED, 5 },
		/* Some pages are old. */
		{ "sync", CHECK_WARNING, 6 },
		{ "deferred", CHECK_WARNING, 7 },
		/* Everything works: a warning does not make aither unhealthy. */
		{ "sync-token", CHECK_WARNING, 8 },
	};
	const char *id = json_string(json_get(check, "name")) ?: "";

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (strcmp(rows[i].id, id) == 0 && rows[i].status == check_status_of(check))
			return rows[i].place;
	return 4;
}

/* NULL: no problem. */
static const struct json *worst_of(const struct json *checks)
{
	const struct json *worst = NULL;

	JSON_FOREACH (check, checks)
		if (json_get(check, "headline") && (!worst || place_of(check) < place_of(worst)))
			worst = check;
	return worst;
}

const char *status_sentence(const struct json *checks)
{
	const struct json *worst = worst_of(checks);

	return json_string(
		worst ? json_get(worst, "headline") : json_get(check_find(checks, "sync"), "message"));
}

/* ---- for a program ---- */

/* NULL, which becomes null, if nothing is known. */
static struct json *machine_to_json(const struct machine *machine, const struct json *checks)
{
	const struct unit *timer = machine_next_timer(machine);
	const struct json *token = check_find(checks, "sync-token");
	struct json *object, *array;

	if (!machine->managed)
		return NULL;
	object = json_new_object();
	array = json_new_array();
	if (check_status_of(token) == CHECK_SKIPPED)
		json_set(object, "syncTokenSet", NULL);
	else /* both a missing token and a refused token have a remedy, but only the latter is set */
		json_set_bool(object, "syncTokenSet",
			check_status_of(token) == CHECK_FAILED || !json_string(json_get(token, "remedy")));
	json_set_time(object, "nextSync", timer ? timer->next_ms : 0);
	for (size_t i = 0; i < machine->count; i++) {
		const struct unit *unit = &machine->units[i];
		struct json *item = json_new_object();

		json_set_string(item, "name", unit->name);
		json_set_string(item, "load", unit->load);
		json_set_string(item, "active", unit->active);
		json_set_string(item, "sub", unit->sub);
		json_set_string(item, "file", unit->file);
		json_set_string(item, "result", unit->result);
		json_append(array, item);
	}
	json_set(object, "units", array);
	return object;
}

struct json *status_to_json(
	const struct answer *answer, const struct machine *machine, const struct json *checks, int exit_code)
{
	struct json *envelope = json_new_object(), *data = json_new_object();

	json_set_bool(data, "healthy", exit_code == COMMAND_DONE);
	json_set_string(data, "reason", status_sentence(checks));
	json_set(data, "systemd", machine_to_json(machine, checks));
	if (json_type(answer->data) == JSON_OBJECT)
		JSON_FOREACH (member, answer->data)
			if (!json_get(data, json_name(member)))
				json_set(data, json_name(member), json_copy(member));
	json_set_bool(envelope, "success", !answer->code);
	if (answer->code)
		json_set(envelope, "error", json_copy(json_get(answer->envelope, "error")));
	json_set(envelope, "data", data);
	if (json_get(answer->envelope, "meta"))
		json_set(envelope, "meta", json_copy(json_get(answer->envelope, "meta")));
	return envelope;
}

/* ---- for a person ---- */

static void print_time(const char *label, const struct json *report, const char *name, int64_t now_ms)
{
	CLEANUP(mem_freep) char *shown = NULL;
	int64_t then_ms;

	if (time_parse(json_string(json_get(report, name)), &then_ms) == 0)
		shown = words_time(then_ms, now_ms);
	words_print(stdout, "%-24s %s", label, shown ?: "never");
}

/* doctor prints "sync-token: is not set", status "sync token  not set", without the verb. */
static void print_check(const char *label, const struct json *check)
{
	CLEANUP(mem_freep) char *advice = check_advice(check);
	const char *message = json_string(json_get(check, "message"));

	words_print(stdout, "%-24s %s%s", label, message + (strncmp(message, "is ", 3) == 0 ? 3 : 0), advice);
}

/* The reason why the homepage shows courses that Hemera's list lacks, and what to do about it. */
static void print_kept(const struct json *kept)
{
	static const struct {
		const char *reason, *words, *advice;
	} rows[] = {
		{ "empty", "is empty", "; if they are really gone: aither sync --force" },
		{ "shrunk", "has become much shorter", "; if they are really gone: aither sync --force" },
		{ "incomplete", "lacks rows", "" },
		{ "unreadable", "has rows without a usable id", "" },
	};
	const char *reason = json_string(json_get(kept, "reason"));
	CLEANUP(mem_freep)
	char *courses = words_count(answer_count(kept, "courses"), "known course is missing and stays",
		"known courses are missing and stay");

	for (size_t i = 0; reason && i < ARRAY_SIZE(rows); i++)
		if (strcmp(reason, rows[i].reason) == 0)
			words_print(stdout, "Hemera's list            %s: %s on the homepage%s",
				rows[i].words, courses, rows[i].advice);
}

static void print_report(const struct json *report, const struct json *deferred, int64_t now_ms)
{
	const struct json *progress = json_get(report, "progress");
	int64_t total = answer_count(progress, "total"), wait_s = answer_count(progress, "waitSec");

	print_time("last success", report, "lastSuccessTime", now_ms);
	if (strcmp(status_of(report), "running") == 0) {
		CLEANUP(mem_freep) char *span = words_span(answer_count(report, "durationMs") / 1000);
		CLEANUP(mem_freep)
		char *done = mem_printf(", %" PRId64 " of %" PRId64, answer_count(progress, "done"), total);
		CLEANUP(mem_freep)
		char *wait = mem_printf(", Hemera's rate limit permits more in %" PRId64 " s", wait_s);

		words_print(stdout, "a sync is running        %s%s, for %s so far%s",
			json_string(json_get(progress, "phase")) ?: "?", total ? done : "", span,
			wait_s ? wait : "");
	} else {
		print_time("last sync began", report, "startTime", now_ms);
		words_print(stdout, "it took                  %.1f s",
			json_number(json_get(report, "durationMs"), 0) / 1000);
	}
	/* A failed sync has published nothing, so its numbers mean little. */
	if (strcmp(status_of(report), "running") != 0 && strcmp(status_of(report), "failed") != 0) {
		words_print(
			stdout, "courses                  %" PRId64, answer_count(report, "coursesFetched"));
		words_print(stdout,
			"pages                    %" PRId64 " written, %" PRId64 " unchanged, %" PRId64
			" removed",
			answer_count(report, "filesGenerated"), answer_count(report, "filesSkipped"),
			answer_count(report, "filesDeleted"));
		if (deferred)
			print_check("deferred", deferred);
	}
	print_kept(json_get(report, "listKept"));
	words_print(stdout, "failures in a row        %" PRId64, answer_count(report, "consecutiveFailures"));
}

static void print_machine(const struct machine *machine, const struct json *checks, int64_t now_ms)
{
	const struct unit *timer = machine_next_timer(machine), *units = machine->units;
	const struct json *token = check_find(checks, "sync-token");

	if (!machine->managed) {
		words_print(stdout, "next sync                unknown");
		words_print(stdout, "sockets                  unknown: %s",
			json_string(json_get(check_find(checks, "units"), "message")));
		return;
	}
	if (timer) {
		CLEANUP(mem_freep) char *when = words_time(timer->next_ms, now_ms);

		words_print(stdout, "next sync                %s by %s", when, timer->name);
	} else {
		CLEANUP(mem_freep) char *advice = check_advice(check_find(checks, units[MACHINE_TIMER].name));

		words_print(stdout, "next sync                none is planned%s", advice);
	}
	/* Sockets always, other units only if they have failed. A timer that is off is in the line above. */
	for (size_t i = 0; i < machine->count; i++) {
		const struct json *check = check_find(checks, units[i].name);
		CLEANUP(mem_freep) char *state = unit_describe(&units[i]);
		CLEANUP(mem_freep) char *advice = check_advice(check);

		if (i <= MACHINE_WORKER_WEB_SOCKET || unit_has_failed(&units[i]))
			words_print(stdout, "%-24s %s%s", units[i].name, state, advice);
		else if (check && check_status_of(check) == CHECK_FAILED && i != MACHINE_TIMER)
			print_check(units[i].name, check);
	}
	JSON_FOREACH (check, checks)
		if (strcmp(json_string(json_get(check, "name")), "port") == 0 &&
			check_status_of(check) == CHECK_FAILED)
			print_check("port", check);
	if (check_status_of(token) == CHECK_SKIPPED)
		words_print(stdout,
			"sync token               only root may see whether one is set: sudo aither status");
	else if (json_string(json_get(token, "remedy"))) /* the token is not set, or it is refused */
		print_check("sync token", token);
}

static void print_all(const struct answer *answer, const struct machine *machine, const struct json *checks,
	int exit_code, int64_t now_ms)
{
	bool has_color = progress_has_color(stdout), is_healthy = exit_code == COMMAND_DONE;
	bool has_warning = is_healthy && worst_of(checks);
	const char *color = has_warning ? "\033[33m" : is_healthy ? "\033[32m" : "\033[31m";

	printf("%s%s%s", has_color ? color : "",
		has_warning  ? "healthy, with a warning"
		: is_healthy ? "healthy"
			     : "not healthy",
		has_color ? "\033[0m" : "");
	words_print(stdout, ": %s", status_sentence(checks));
	if (answer->data)
		print_report(answer->data, check_find(checks, "deferred"), now_ms);
	JSON_FOREACH (check, checks)
		if (strcmp(json_string(json_get(check, "name")), "configuration") == 0 &&
			check_status_of(check) == CHECK_WARNING)
			print_check("configuration", check);
	print_machine(machine, checks, now_ms);
	if (answer_count(answer->data, "errorsTotal") > 0) {
		puts("errors of the last sync:");
		summary_print_errors(stdout, answer, "aither status --json");
	}
}

/* Adds the mistakes in the worker's files, in case the worker does not answer or has read older files. */
static void check_files(const struct config *config, const struct machine *machine, struct json *checks)
{
	CLEANUP(json_freep) struct json *found = json_new_array();

	stored_check_configuration(machine, config, stored_directories, CONFIG_ENVIRONMENT_FILE, found);
	JSON_FOREACH (item, found) {
		enum check_status status = check_status_of(item);
		const char *id = json_string(json_get(item, "name")),
			   *message = json_string(json_get(item, "message"));

		if (status != CHECK_FAILED && status != CHECK_WARNING)
			continue;
		struct json *check =
			check_add(checks, id, status, json_string(json_get(item, "remedy")), "%s", message);
		if (status == CHECK_FAILED)
			check_set_headline(check, "%s%s",
				strncmp(message, "is ", 3) == 0 ? "Hemera's API key " : "", message);
	}
}

int command_status(const struct config *config, int argc, char **argv)
{
	static const char *const switches[] = { "--json", NULL };
	CLEANUP(answer_done) struct answer answer = { 0 };
	CLEANUP(json_freep) struct json *checks = json_new_array();
	CLEANUP(mem_freep) char *problems = config_problems_text(config, "; ");
	const struct workerclient_request request = { .socket_path = config->worker.socket,
		.method = "GET",
		.target = "/api/sync/status",
		.timeout_ms = CALL_TIMEOUT_MS };
	struct machine machine;
	int64_t now_ms = time_now_ms();
	struct error failure = { 0 };
	unsigned as_json;
	int exit_code;

	if (command_switches(argc, argv, switches, &as_json, &exit_code) < 0)
		return exit_code;
	/* A wrong configuration is reported like any other reason for not being healthy. */
	if (config_is_usable(config)) {
		answer_call(&request, &answer);
	} else {
		error_fail(&failure, ERROR_NOT_CONFIGURED, -EINVAL, "%s", problems);
		answer_fail(&failure, &answer);
	}
	machine_read(&machine, config);
	if (config_is_usable(config)) /* else all its problems are in the answer */
		check_files(config, &machine, checks);
	exit_code = status_check(&answer, &machine, config, now_ms, checks);
	if (as_json) {
		CLEANUP(json_freep)
		struct json *envelope = status_to_json(&answer, &machine, checks, exit_code);

		answer_print_json(envelope);
	} else {
		print_all(&answer, &machine, checks, exit_code, now_ms);
	}
	return exit_code;
}
