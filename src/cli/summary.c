/* SPDX-License-Identifier: MIT */
#include "cli/summary.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "cli/answer.h"
#include "cli/words.h"

#define ERRORS_MAX 10 /* as many as fit on a screen; the JSON has more */

static const char *text_of(const struct json *object, const char *name)
{
	return json_string(json_get(object, name)) ?: "?";
}

static void print_paths(const struct json *paths)
{
	JSON_FOREACH (path, paths)
		words_print(stdout, "  %s", json_string(path) ?: "?");
}

void summary_print(const struct json *report, bool names_removed)
{
	const struct json *changes = json_get(report, "wouldChange"), *removed = json_get(report, "removed");
	bool is_dry_run = json_bool(json_get(report, "dryRun"), false);
	int64_t deferred = answer_count(report, "coursesDeferred");
	int64_t unnamed = answer_count(report, "filesDeleted") - (int64_t)json_count(removed);
	CLEANUP(mem_freep)
	char *pages = words_count(
		is_dry_run ? (int64_t)json_count(changes) : answer_count(report, "filesGenerated"), "page",
		"pages");
	CLEANUP(mem_freep) char *courses = words_count(deferred, "course waits", "courses wait");

	if (is_dry_run) {
		printf("%s would change\n", pages);
		print_paths(changes);
	} else {
		printf("%s written, %" PRId64 " unchanged, %" PRId64 " removed in %.1f s\n", pages,
			answer_count(report, "filesSkipped"), answer_count(report, "filesDeleted"),
			json_number(json_get(report, "durationMs"), 0) / 1000);
		if (deferred > 0)
			printf("%s for Hemera's rate limit, which permits more in %" PRId64 " s\n", courses,
				answer_count(report, "retryAfterSec"));
	}
	if (names_removed && answer_count(report, "filesDeleted") > 0) {
		puts("removed, because no course on Hemera's list has these pages any more:");
		print_paths(removed);
		if (unnamed > 0)
			printf("  and %" PRId64 " more\n", unnamed);
	}
	fflush(stdout);
}

void summary_print_errors(FILE *out, const struct answer *answer, const char *all)
{
	const struct json *list = json_get(answer->data, "errors");
	int64_t left = json_integer(json_get(answer->data, "errorsTotal"), (int64_t)json_count(list));
	const char *codes[ERRORS_MAX + 1]; /* borrowed, each once */
	size_t code_count = 0, known;
	int shown = 0;

	if (answer->code)
		codes[code_count++] = answer->code;
	JSON_FOREACH (problem, list) {
		const char *code = text_of(problem, "code"), *message = text_of(problem, "message");

		if (answer->message && strcmp(message, answer->message) == 0) {
			left--;
			continue;
		}
		if (shown == ERRORS_MAX)
			continue;
		words_print(out, "  %s: %s: %s", text_of(problem, "entity"), code, message);
		shown++;
		left--;
		for (known = 0; known < code_count && strcmp(codes[known], code) != 0; known++)
			;
		if (known == code_count)
			codes[code_count++] = code;
	}
	if (left > 0)
		fprintf(out, "  and %" PRId64 " more: %s\n", left, all);
	for (size_t i = 0; i < code_count; i++)
		words_print(out, "what to do about %s: %s", codes[i], error_remedy_of_name(codes[i]));
	if (json_get(answer->data, "jobId"))
		words_print(out, "details: journalctl AITHER_JOB_ID=%s", text_of(answer->data, "jobId"));
}

void summary_complain(const struct answer *answer)
{
	bool is_dry_run = json_bool(json_get(answer->data, "dryRun"), false);
	CLEANUP(mem_freep)
	char *count = words_count(answer_count(answer->data, "errorsTotal"), "problem", "problems");

	if (answer->failure.errnum < 0) {
		answer_complain(answer);
		return;
	}
	if (answer->code)
		words_complain("%s: %s", answer->code, answer->message ?: "aither-worker gave no reason");
	else
		words_complain(is_dry_run ? "%s:" : "%s, everything else is published:", count);
	summary_print_errors(
		stderr, answer, is_dry_run ? "aither sync --dry-run --json" : "aither status --json");
}
