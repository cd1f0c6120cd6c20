/* SPDX-License-Identifier: MIT */
#include "cli/command.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/config.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/workerclient.h"

#define ANSWER_MARGIN_MS 60000 /* the worker answers soon after TimeLimitSec; more means that it hangs */
#define RETRIES 2              /* of --until-complete after 502, 503, 504 */

static const unsigned RETRY_AFTER_S[RETRIES] = { 60, 300 };

enum { NO_WAIT = 1, UNTIL_COMPLETE = 2, FORCE = 4, DRY_RUN = 8, JSON = 16 };
static const char *const SWITCHES[] = { "--no-wait", "--until-complete", "--force", "--dry-run", "--json",
	NULL };

struct outcome {
	int status; /* HTTP */
	int exit_code;
	unsigned retry_after_s; /* when to go on: deferred courses, or what the answer's Retry-After says */
	unsigned deferred;
};

static const struct json_limits LIMITS = {
	.size_max = WORKERCLIENT_BODY_MAX,
	.depth_max = JSON_DEPTH_MAX,
	.node_max = WORKERCLIENT_BODY_MAX,
};

static void print_errors(const struct json *report)
{
	JSON_FOREACH (problem, json_get(report, "errors"))
		fprintf(stderr, "  %s: %s: %s\n", json_string(json_get(problem, "entity")),
			json_string(json_get(problem, "code")), json_string(json_get(problem, "message")));
}

static void print_dry_run(const struct json *report)
{
	const struct json *pages = json_get(report, "wouldChange");

	printf("%zu pages would change\n", json_count(pages));
	JSON_FOREACH (page, pages)
		printf("  %s\n", json_string(page));
}

static void print_counts(const struct json *report)
{
	int64_t deferred = json_integer(json_get(report, "coursesDeferred"), 0);

	printf("%" PRId64 " pages written, %" PRId64 " unchanged, %" PRId64 " removed in %.1f s\n",
		json_integer(json_get(report, "filesGenerated"), 0),
		json_integer(json_get(report, "filesSkipped"), 0),
		json_integer(json_get(report, "filesDeleted"), 0),
		json_number(json_get(report, "durationMs"), 0) / 1000);
	if (deferred > 0)
		printf("%" PRId64 " courses wait for Hemera's rate limit, which reopens in %" PRId64 " s\n",
			deferred, json_integer(json_get(report, "retryAfterSec"), 0));
}

static void print_report(const struct json *report)
{
	if (strcmp(json_string(json_get(report, "status")) ?: "", "running") == 0)
		printf("sync started, job %s; see: aither status\n", json_string(json_get(report, "jobId")));
	else if (json_bool(json_get(report, "dryRun"), false))
		print_dry_run(report);
	else
		print_counts(report);
	fflush(stdout);
	print_errors(report);
}

static void print_failure(const struct json *envelope, const struct json *report)
{
	const struct json *error = json_get(envelope, "error");
	const char *job_id = json_string(json_get(report, "jobId"));

	command_complain("%s: %s", json_string(json_get(error, "code")) ?: "ERROR",
		json_string(json_get(error, "message")) ?: "the answer could not be understood");
	if (job_id)
		fprintf(stderr, "details: journalctl AITHER_JOB_ID=%s\n", job_id);
}

static int exit_code_of(int status, const struct json *envelope, const struct json *report)
{
	const char *code = json_string(json_get(json_get(envelope, "error"), "code"));
	const char *result = json_string(json_get(report, "status"));

	if (status / 100 == 2)
		return result && strcmp(result, "partial") == 0 ? COMMAND_PARTIAL : COMMAND_DONE;
	if (status == 409)
		return COMMAND_RUNNING_ALREADY;
	if (status == 401 || status == 403)
		return COMMAND_NOT_PERMITTED;
	return code && strcmp(code, "NOT_CONFIGURED") == 0 ? COMMAND_NOT_CONFIGURED : COMMAND_FAILED;
}

static void take_answer(
	const struct workerclient_response *response, bool as_json, struct outcome *ret_outcome)
{
	CLEANUP(json_freep) struct json *envelope = NULL;
	const struct json *report;
	struct error err = { 0 };

	if (json_parse(&envelope, buf_text(&response->body), response->body.length, &LIMITS, &err) < 0)
		command_complain("the worker's answer is not JSON: %s", err.message);
	report = json_get(envelope, "data");
	ret_outcome->status = response->status;
	ret_outcome->exit_code = exit_code_of(response->status, envelope, report);
	ret_outcome->deferred = (unsigned)json_integer(json_get(report, "coursesDeferred"), 0);
	ret_outcome->retry_after_s = (unsigned)json_integer(json_get(report, "retryAfterSec"), 0);
	if (*response->retry_after)
		ret_outcome->retry_after_s = (unsigned)strtoul(response->retry_after, NULL, 10);
	if (as_json) {
		printf("%s\n", buf_text(&response->body));
		fflush(stdout);
	} else if (response->status / 100 == 2) {
		print_report(report);
	} else {
		print_failure(envelope, report);
	}
}

static void call_worker(const struct config *config, unsigned switches, struct outcome *ret_outcome)
{
	CLEANUP(workerclient_response_done) struct workerclient_response response = { 0 };
	CLEANUP(mem_freep)
	char *target = mem_printf("/api/sync%s%s", switches & FORCE ? "?force=1" : "",
		switches & DRY_RUN ? (switches & FORCE ? "&dryRun=1" : "?dryRun=1") : "");
	struct error err = { 0 };
	struct workerclient_request request = {
		.socket_path = config->worker.socket,
		.method = "POST",
		.target = target,
		.prefer = switches & NO_WAIT ? "respond-async" : NULL,
		.timeout_ms = config->sync.time_limit_s * 1000 + ANSWER_MARGIN_MS,
	};

	*ret_outcome = (struct outcome){ 0 };
	if (workerclient_call(&request, &response, &err) < 0) {
		command_complain("%s", err.message);
		ret_outcome->exit_code = command_exit_of_failure(&err);
		return;
	}
	take_answer(&response, switches & JSON, ret_outcome);
}

static void wait_for(unsigned seconds, const char *why)
{
	fprintf(stderr, "waiting %u s: %s\n", seconds, why);
	for (unsigned left = seconds; left > 0;)
		left = sleep(left);
}

/* Goes on until no course is deferred: a sync that is running already is waited for, and a Hemera that
 * is away for a moment is asked again. */
static int sync_until_complete(const struct config *config, unsigned switches)
{
	unsigned failures = 0;
	bool partial = false;

	for (;;) {
		struct outcome outcome;

		call_worker(config, switches, &outcome);
		if (outcome.status == 409) {
			wait_for(outcome.retry_after_s ?: 5, "another sync is running");
		} else if (outcome.status / 100 == 2) {
			failures = 0;
			partial = outcome.exit_code == COMMAND_PARTIAL;
			if (outcome.deferred == 0)
				return partial ? COMMAND_PARTIAL : COMMAND_DONE;
			wait_for(outcome.retry_after_s ?: 1, "Hemera's rate limit");
		} else if (outcome.status >= 502 && outcome.status <= 504 && failures < RETRIES &&
			   outcome.exit_code == COMMAND_FAILED) {
			wait_for(RETRY_AFTER_S[failures++], "the sync failed, it is tried again");
		} else {
			return outcome.exit_code;
		}
	}
}

int command_sync(const struct config *config, int argc, char **argv)
{
	struct outcome outcome;
	unsigned switches;
	int exit_code;

	if (command_switches(argc, argv, SWITCHES, &switches, &exit_code) < 0)
		return exit_code;
	if ((switches & UNTIL_COMPLETE) && (switches & (NO_WAIT | DRY_RUN))) {
		command_complain("sync: --until-complete does not go with --no-wait or --dry-run");
		return COMMAND_USAGE;
	}
	if (switches & UNTIL_COMPLETE)
		return sync_until_complete(config, switches);
	call_worker(config, switches, &outcome);
	return outcome.exit_code;
}
