/* SPDX-License-Identifier: MIT */
#include "cli/command.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/config.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/time.h"
#include "base/workerclient.h"

#define CALL_TIMEOUT_MS 10000

enum { JSON = 1 };
static const char *const SWITCHES[] = { "--json", NULL };

static const char *text_of(const struct json *object, const char *name, const char *otherwise)
{
	return json_string(json_get(object, name)) ?: otherwise;
}

static int64_t count_of(const struct json *object, const char *name)
{
	return json_integer(json_get(object, name), 0);
}

/* "2026-11-23T10:00:00.000Z (12 min ago)" */
static void print_time(const char *label, const char *text)
{
	int64_t then, age_s;

	if (!text || time_parse(text, &then) < 0) {
		printf("%-22s never\n", label);
		return;
	}
	age_s = (time_now_ms() - then) / 1000;
	if (age_s < 120)
		printf("%-22s %s (%" PRId64 " s ago)\n", label, text, age_s);
	else if (age_s < 7200)
		printf("%-22s %s (%" PRId64 " min ago)\n", label, text, age_s / 60);
	else
		printf("%-22s %s (%" PRId64 " h ago)\n", label, text, age_s / 3600);
}

static void print_running(const struct json *report)
{
	const struct json *progress = json_get(report, "progress");

	printf("a sync is running: %s, %" PRId64 " of %" PRId64 "\n", text_of(progress, "phase", "?"),
		count_of(progress, "done"), count_of(progress, "total"));
}

static void print_report(const struct json *report)
{
	const char *status = text_of(report, "status", "?");
	int64_t failures = count_of(report, "consecutiveFailures");

	if (strcmp(status, "running") == 0)
		print_running(report);
	else if (strcmp(status, "success") == 0)
		printf("healthy: the last sync succeeded\n");
	else
		printf("not healthy: the last sync %s\n",
			strcmp(status, "partial") == 0 ? "succeeded in part" : "failed");
	print_time("last success", json_string(json_get(report, "lastSuccessTime")));
	print_time("last sync began", json_string(json_get(report, "startTime")));
	printf("%-22s %.1f s\n", "it took", json_number(json_get(report, "durationMs"), 0) / 1000);
	printf("%-22s %" PRId64 "\n", "courses", count_of(report, "coursesFetched"));
	printf("%-22s %" PRId64 " written, %" PRId64 " unchanged, %" PRId64 " removed\n", "pages",
		count_of(report, "filesGenerated"), count_of(report, "filesSkipped"),
		count_of(report, "filesDeleted"));
	if (count_of(report, "coursesDeferred"))
		printf("%-22s %" PRId64 "\n", "courses deferred", count_of(report, "coursesDeferred"));
	if (failures)
		printf("%-22s %" PRId64 "\n", "failures in a row", failures);
	JSON_FOREACH (problem, json_get(report, "errors"))
		printf("  %s: %s: %s\n", text_of(problem, "entity", "?"), text_of(problem, "code", "?"),
			text_of(problem, "message", "?"));
	if (strcmp(status, "failed") == 0 || strcmp(status, "partial") == 0)
		printf("details: journalctl AITHER_JOB_ID=%s\n", text_of(report, "jobId", "?"));
}

static int exit_code_of(const char *status)
{
	if (strcmp(status, "failed") == 0)
		return COMMAND_FAILED;
	return strcmp(status, "partial") == 0 ? COMMAND_PARTIAL : COMMAND_DONE;
}

static int show(const struct workerclient_response *response, bool as_json)
{
	CLEANUP(json_freep) struct json *envelope = NULL;
	const struct json_limits limits = { .size_max = WORKERCLIENT_BODY_MAX,
		.depth_max = JSON_DEPTH_MAX,
		.node_max = WORKERCLIENT_BODY_MAX };
	const struct json *report, *error;
	struct error err = { 0 };

	if (json_parse(&envelope, buf_text(&response->body), response->body.length, &limits, &err) < 0) {
		command_complain("the worker's answer is not JSON: %s", err.message);
		return COMMAND_UNREACHABLE;
	}
	report = json_get(envelope, "data");
	error = json_get(envelope, "error");
	if (as_json)
		printf("%s\n", buf_text(&response->body));
	if (response->status == 200) {
		if (!as_json)
			print_report(report);
		return exit_code_of(text_of(report, "status", ""));
	}
	if (!as_json)
		printf("%s\n", text_of(error, "message", "no status"));
	return response->status == 404 ? COMMAND_DONE : COMMAND_FAILED;
}

int command_status(const struct config *config, int argc, char **argv)
{
	CLEANUP(workerclient_response_done) struct workerclient_response response = { 0 };
	struct workerclient_request request = {
		.socket_path = config->worker.socket,
		.method = "GET",
		.target = "/api/sync/status",
		.timeout_ms = CALL_TIMEOUT_MS,
	};
	struct error err = { 0 };
	unsigned switches;
	int exit_code;

	if (command_switches(argc, argv, SWITCHES, &switches, &exit_code) < 0)
		return exit_code;
	if (workerclient_call(&request, &response, &err) < 0) {
		command_complain("%s", err.message);
		return command_exit_of_failure(&err);
	}
	return show(&response, switches & JSON);
}
