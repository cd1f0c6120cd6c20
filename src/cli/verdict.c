/* SPDX-License-Identifier: MIT */
#include "cli/verdict.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/time.h"
#include "cli/answer.h"
#include "cli/command.h"
#include "cli/doctor.h"
#include "cli/words.h"

#define WHY_MAX 256 /* why a unit has failed */

const struct unit *verdict_next_timer(const struct doctor_units *units)
{
	const struct unit *next = units->timer.next_ms > 0 ? &units->timer : NULL;

	for (size_t i = 0; i < units->other_count; i++) {
		const struct unit *timer = &units->others[i];

		if (timer->next_ms > 0 && (!next || timer->next_ms < next->next_ms))
			next = timer;
	}
	return next;
}

/* aither-sync.service has failed when a sync has, which the report tells better. It tells nothing of a run
 * that began after the last sync: that had none run, or one that could not be saved; nor of one in which the
 * program could not be executed. */
static bool has_failed_without_sync(const struct unit *service, const struct json *report)
{
	int64_t sync_ms;

	if (!unit_has_failed(service))
		return false;
	return unit_has_not_run(service) ||
	       (time_parse(json_string(json_get(report, "startTime")), &sync_ms) == 0 &&
		       service->started_ms > sync_ms);
}

static char *failure_of(const struct unit *unit, const char *consequence)
{
	CLEANUP(buf_done) struct buf why = BUF_INIT(WHY_MAX);
	CLEANUP(mem_freep) char *name = check_quote(unit->name);

	unit_describe_failure(&why, unit);
	return mem_printf("%s has failed (%s)%s; see: journalctl -x -n 20 -u %s", unit->name, buf_text(&why),
		unit_is_restarting(unit) ? " and is started again and again" : consequence, name);
}

/* A timer that has failed; NULL: none has. */
static const struct unit *failed_timer(const struct doctor_units *units)
{
	if (unit_has_failed(&units->timer))
		return &units->timer;
	for (size_t i = 0; i < units->other_count; i++)
		if (unit_has_failed(&units->others[i]))
			return &units->others[i];
	return NULL;
}

static bool has_timer(const struct doctor_units *units)
{
	bool is_active = unit_is_active(&units->timer);

	for (size_t i = 0; i < units->other_count; i++)
		is_active = is_active || unit_is_active(&units->others[i]);
	return is_active;
}

/* What keeps visitors from being served or syncs from running, whatever the last sync was; owned, NULL:
 * nothing. */
static char *unit_problem(const struct doctor_units *units, const struct json *report)
{
	const struct unit *needed[] = { &units->web_socket, &units->worker_socket, &units->worker_web_socket,
		&units->web, &units->worker };
	const struct unit *timer = failed_timer(units);

	if (!units->managed)
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(needed); i++)
		if (unit_has_failed(needed[i]))
			return failure_of(needed[i], "");
	for (size_t i = 0; i < ARRAY_SIZE(needed); i++)
		if (strcmp(needed[i]->load, "masked") == 0)
			return mem_printf("%s is masked; see: aither doctor", needed[i]->name);
	if (unit_is_installed(&units->web_socket) && !unit_is_active(&units->web_socket))
		return mem_printf("aither.socket is %s, so no visitor is served; start it: "
				  "systemctl enable --now aither.socket",
			units->web_socket.active);
	CLEANUP(mem_freep) char *port = doctor_port_problem(units);
	if (port)
		return mem_printf("%s; see: journalctl -x -n 20 -u aither.service", port);
	if (has_failed_without_sync(&units->sync, report))
		return failure_of(&units->sync, ", and no sync is known since it began");
	if (timer)
		return failure_of(timer, ", so it starts no sync");
	if (unit_is_known(&units->timer) && !has_timer(units))
		return mem_printf("aither-sync.timer is %s, so no sync is planned; start it: "
				  "systemctl enable --now aither-sync.timer",
			units->timer.active);
	return NULL;
}

static int64_t age_of(const struct json *report, const char *name, int64_t now_ms)
{
	int64_t then_ms;

	return time_parse(json_string(json_get(report, name)), &then_ms) == 0 ? now_ms - then_ms : INT64_MAX;
}

static void set(struct verdict *verdict, int exit_code, char *owned_sentence)
{
	*verdict = (struct verdict){ exit_code, owned_sentence };
}

static void judge_running(struct verdict *verdict, const struct json *report)
{
	int64_t failures = json_integer(json_get(report, "consecutiveFailures"), 0);

	if (failures > 0) {
		CLEANUP(mem_freep) char *syncs = words_count(failures, "sync has", "syncs in a row have");

		set(verdict, COMMAND_FAILED, mem_printf("%s failed, one is running now", syncs));
	} else if (!json_string(json_get(report, "lastSuccessTime"))) {
		set(verdict, COMMAND_FAILED, mem_strdup("the first sync is still running"));
	} else {
		set(verdict, COMMAND_DONE, mem_strdup("the last sync did not fail, one is running now"));
	}
}

static void judge_ended(struct verdict *verdict, const struct json *report, int64_t now_ms)
{
	const char *status = json_string(json_get(report, "status")) ?: "";
	int64_t age_ms = age_of(report, "endTime", now_ms);
	bool is_to_come = age_ms < -VERDICT_STALE_MS;
	CLEANUP(mem_freep) char *ago = words_span((is_to_come ? -age_ms : age_ms) / 1000);

	if (is_to_come) {
		set(verdict, COMMAND_FAILED,
			mem_printf("the last sync ended %s in the future: the clock has been set back since; "
				   "run one now: aither sync",
				ago));
	} else if (strcmp(status, "failed") == 0) {
		set(verdict, COMMAND_FAILED, mem_printf("the last sync failed %s ago", ago));
	} else if (strcmp(status, "partial") == 0) {
		CLEANUP(mem_freep)
		char *problems =
			words_count(json_integer(json_get(report, "errorsTotal"), 0), "problem", "problems");

		set(verdict, COMMAND_PARTIAL,
			mem_printf("the last sync succeeded %s ago, but with %s", ago, problems));
	} else if (age_ms > VERDICT_STALE_MS) {
		set(verdict, COMMAND_FAILED, mem_printf("no sync has run for %s", ago));
	} else {
		set(verdict, COMMAND_DONE, mem_printf("the last sync succeeded %s ago", ago));
	}
}

static void judge_answer(struct verdict *verdict, const struct answer *answer, int64_t now_ms)
{
	const char *status = json_string(json_get(answer->data, "status")) ?: "";

	if (answer->code && strcmp(answer->code, "NO_SYNC_JOB") == 0)
		set(verdict, COMMAND_FAILED,
			mem_strdup("no sync has run yet; run the first one: aither sync"));
	else if (answer->code)
		set(verdict, answer_exit_code(answer),
			mem_printf("%s: %s", answer->code, answer->message ?: "?"));
	else if (strcmp(status, "running") == 0)
		judge_running(verdict, answer->data);
	else
		judge_ended(verdict, answer->data, now_ms);
}

void verdict_judge(struct verdict *ret_verdict, const struct answer *answer, const struct error *failure,
	const struct doctor_units *units, int64_t now_ms)
{
	CLEANUP(mem_freep) char *problem = unit_problem(units, answer ? answer->data : NULL);
	bool cannot_answer = units->managed && unit_has_failed(&units->worker);

	if (!answer)
		set(ret_verdict, command_exit_of_failure(failure),
			cannot_answer ? failure_of(&units->worker, "") : mem_strdup(failure->message));
	else
		judge_answer(ret_verdict, answer, now_ms);
	if (problem && ret_verdict->exit_code == COMMAND_DONE) {
		verdict_done(ret_verdict);
		set(ret_verdict, COMMAND_FAILED, STEAL(problem));
	}
}

void verdict_done(struct verdict *verdict)
{
	mem_freep(&verdict->sentence);
}
