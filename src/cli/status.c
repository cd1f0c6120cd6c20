/* SPDX-License-Identifier: MIT */
#include "cli/command.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/config.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/time.h"
#include "base/workerclient.h"
#include "cli/answer.h"
#include "cli/doctor.h"
#include "cli/progress.h"
#include "cli/status-json.h"
#include "cli/summary.h"
#include "cli/verdict.h"
#include "cli/words.h"

#define CALL_TIMEOUT_MS 10000
#define STATE_MAX 512 /* of a unit, in words, and what to do */

enum { JSON = 1 };
static const char *const SWITCHES[] = { "--json", NULL };

static void print_line(const char *label, const char *text)
{
	CLEANUP(mem_freep) char *harmless = words_harmless(text);

	printf("%-24s %s\n", label, harmless);
}

static int64_t count_of(const struct json *object, const char *name)
{
	return json_integer(json_get(object, name), 0);
}

/* "2026-11-23T10:00:00.000Z (12 min ago)", or "(in 12 min)"; owned. */
static char *time_text(int64_t then_ms, int64_t now_ms)
{
	char text[TIME_TEXT_SIZE];
	bool is_past = then_ms <= now_ms;
	CLEANUP(mem_freep) char *span = words_span((is_past ? now_ms - then_ms : then_ms - now_ms) / 1000);

	time_format(then_ms, text);
	return is_past ? mem_printf("%s (%s ago)", text, span) : mem_printf("%s (in %s)", text, span);
}

static void print_time(const char *label, const struct json *report, const char *name, int64_t now_ms)
{
	int64_t then_ms;

	if (time_parse(json_string(json_get(report, name)), &then_ms) == 0) {
		CLEANUP(mem_freep) char *shown = time_text(then_ms, now_ms);

		print_line(label, shown);
	} else {
		print_line(label, "never");
	}
}

static void print_running(const struct json *report)
{
	const struct json *progress = json_get(report, "progress");
	int64_t total = count_of(progress, "total"), wait_s = count_of(progress, "waitSec");
	CLEANUP(mem_freep)
	char *done = total ? mem_printf(", %" PRId64 " of %" PRId64, count_of(progress, "done"), total)
			   : mem_strdup("");
	CLEANUP(mem_freep)
	char *wait = wait_s ? mem_printf(", Hemera's rate limit permits more in %" PRId64 " s", wait_s)
			    : mem_strdup("");
	CLEANUP(mem_freep) char *span = words_span(count_of(report, "durationMs") / 1000);
	CLEANUP(mem_freep)
	char *text = mem_printf(
		"%s%s, for %s so far%s", json_string(json_get(progress, "phase")) ?: "?", done, span, wait);

	print_line("a sync is running", text);
}

/* When the courses that wait will be read. */
static void print_deferred(const struct json *report, const struct doctor_units *units, int64_t now_ms)
{
	CLEANUP(mem_freep)
	char *courses = words_count(count_of(report, "coursesDeferred"), "course waits", "courses wait");
	const struct unit *timer = verdict_next_timer(units);
	CLEANUP(mem_freep) char *in = timer ? words_span((timer->next_ms - now_ms) / 1000) : NULL;
	CLEANUP(mem_freep) char *text = NULL;

	if (units->managed && strcmp(units->sync.active, "activating") == 0)
		text = mem_printf("%s to be read; %s goes on with them", courses, units->sync.name);
	else if (units->managed && timer)
		text = mem_printf(
			"%s to be read, until %s runs in %s; read them now: aither sync --until-complete",
			courses, timer->name, in);
	else
		text = mem_printf("%s to be read; read them now: aither sync --until-complete", courses);
	print_line("deferred", text);
}

static void print_ended(const struct json *report, const struct doctor_units *units, int64_t now_ms)
{
	CLEANUP(mem_freep)
	char *took = mem_printf("%.1f s", json_number(json_get(report, "durationMs"), 0) / 1000);
	CLEANUP(mem_freep)
	char *pages = mem_printf("%" PRId64 " written, %" PRId64 " unchanged, %" PRId64 " removed",
		count_of(report, "filesGenerated"), count_of(report, "filesSkipped"),
		count_of(report, "filesDeleted"));

	print_time("last sync began", report, "startTime", now_ms);
	print_line("it took", took);
	if (strcmp(json_string(json_get(report, "status")) ?: "", "failed") == 0)
		return; /* it published nothing, and what it had read by then says little */
	printf("%-24s %" PRId64 "\n", "courses", count_of(report, "coursesFetched"));
	print_line("pages", pages);
	if (count_of(report, "coursesDeferred"))
		print_deferred(report, units, now_ms);
}

/* Why the homepage shows courses that Hemera's list lacks, and what to do about it. */
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
	char *courses = words_count(count_of(kept, "courses"), "known course is missing and stays",
		"known courses are missing and stay");

	for (size_t i = 0; reason && i < ARRAY_SIZE(rows); i++) {
		CLEANUP(mem_freep) char *text = NULL;

		if (strcmp(reason, rows[i].reason) != 0)
			continue;
		text = mem_printf("%s: %s on the homepage%s", rows[i].words, courses, rows[i].advice);
		print_line("Hemera's list", text);
	}
}

static void print_report(const struct json *report, const struct doctor_units *units, int64_t now_ms)
{
	const char *status = json_string(json_get(report, "status")) ?: "";

	print_time("last success", report, "lastSuccessTime", now_ms);
	if (strcmp(status, "running") == 0)
		print_running(report);
	else
		print_ended(report, units, now_ms);
	print_kept(json_get(report, "listKept"));
	printf("%-24s %" PRId64 "\n", "failures in a row", count_of(report, "consecutiveFailures"));
}

static void print_unit(const struct unit *unit)
{
	CLEANUP(buf_done) struct buf state = BUF_INIT(STATE_MAX);
	CLEANUP(mem_freep) char *name = check_quote(unit->name);

	unit_describe(&state, unit);
	if (unit_has_failed(unit))
		buf_printf(&state, "; see: journalctl -x -n 20 -u %s", name);
	else if (unit_is_installed(unit) && !unit_is_active(unit))
		buf_printf(&state, "; start it: systemctl enable --now aither.socket");
	print_line(unit->name, buf_text(&state));
}

static void print_next(const struct doctor_units *units, int64_t now_ms)
{
	const struct unit *timer = verdict_next_timer(units);

	if (!timer) {
		print_line("next sync",
			"none is planned; plan one a day: systemctl enable --now aither-sync.timer");
		return;
	}
	CLEANUP(mem_freep) char *when = time_text(timer->next_ms, now_ms);
	CLEANUP(mem_freep) char *text = mem_printf("%s by %s", when, timer->name);
	print_line("next sync", text);
}

/* A proxy that leaves no trace makes strangers local: so long as there is no token, the operator sees it. */
static void print_token(const struct config *config, const struct doctor_units *units)
{
	bool is_hidden;

	if (doctor_token_is_set(units, doctor_credstores, &is_hidden))
		return;
	if (is_hidden)
		print_line("sync token", "only root may see whether one is set: sudo aither status");
	else if (config->web.local_access)
		print_line("sync token",
			"not set: all programs on this machine may run syncs, and so may strangers by a "
			"proxy that leaves no trace; set one: " DOCTOR_MAKE_TOKEN);
	else
		print_line("sync token",
			"not set: LocalAccess=no refuses all calls over TCP; set one: " DOCTOR_MAKE_TOKEN);
}

static void print_system(const struct config *config, const struct doctor_units *units, int64_t now_ms)
{
	const struct unit *more[] = { &units->web, &units->worker, &units->sync, &units->timer };
	CLEANUP(mem_freep) char *port = units->managed ? doctor_port_problem(units) : NULL;

	if (!units->managed) {
		print_line("next sync", "unknown");
		print_line("sockets", "unknown: systemd does not answer, or has no units for this worker");
		return;
	}
	print_next(units, now_ms);
	print_unit(&units->web_socket);
	print_unit(&units->worker_socket);
	print_unit(&units->worker_web_socket);
	if (port)
		print_line("port", port);
	for (size_t i = 0; i < ARRAY_SIZE(more); i++)
		if (unit_has_failed(more[i]))
			print_unit(more[i]);
	for (size_t i = 0; i < units->other_count; i++)
		if (unit_has_failed(&units->others[i]))
			print_unit(&units->others[i]);
	print_token(config, units);
}

static void print_verdict(const struct verdict *verdict)
{
	bool is_healthy = verdict->exit_code == COMMAND_DONE, has_color = progress_has_color(stdout);
	CLEANUP(mem_freep) char *sentence = words_harmless(verdict->sentence);

	printf("%s%s%s: %s\n", has_color ? (is_healthy ? "\033[32m" : "\033[31m") : "",
		is_healthy ? "healthy" : "not healthy", has_color ? "\033[0m" : "", sentence);
}

static void print_problems(const struct json *report)
{
	if (count_of(report, "errorsTotal") == 0)
		return;
	puts("errors of the last sync:");
	summary_print_errors(
		stdout, &(struct summary_errors){ .report = report, .all = "aither status --json" });
	summary_print_details(stdout, report);
}

/* A wrong configuration is one more reason why all is not well, told where the others are. */
static int ask_worker(const struct config *config, struct answer *ret_answer, struct error *err)
{
	CLEANUP(mem_freep) char *problems = config_problems_text(config, "; ");
	const struct workerclient_request request = { .socket_path = config->worker.socket,
		.method = "GET",
		.target = "/api/sync/status",
		.timeout_ms = CALL_TIMEOUT_MS };

	if (!config_is_usable(config))
		return error_fail(err, ERROR_NOT_CONFIGURED, -EINVAL, "%s", problems);
	return answer_call(&request, ret_answer, err);
}

int command_status(const struct config *config, int argc, char **argv)
{
	CLEANUP(answer_done) struct answer answer = { 0 };
	CLEANUP(verdict_done) struct verdict verdict = { 0 };
	struct doctor_units units;
	int64_t now_ms = time_now_ms();
	struct error err = { 0 };
	unsigned switches;
	int exit_code, result;

	if (command_switches(argc, argv, SWITCHES, &switches, &exit_code) < 0)
		return exit_code;
	result = ask_worker(config, &answer, &err);
	doctor_units_read(&units, config);
	verdict_judge(&verdict, result < 0 ? NULL : &answer, &err, &units, now_ms);
	if (switches & JSON) {
		CLEANUP(json_freep)
		struct json *envelope = status_to_json(result < 0 ? NULL : &answer, &err, &verdict, &units);

		answer_print_json(envelope);
		return verdict.exit_code;
	}
	print_verdict(&verdict);
	if (answer.data)
		print_report(answer.data, &units, now_ms);
	print_system(config, &units, now_ms);
	print_problems(answer.data);
	return verdict.exit_code;
}
