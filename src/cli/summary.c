/* SPDX-License-Identifier: MIT */
#include "cli/summary.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "base/error-remedy.h"
#include "base/json.h"
#include "base/mem.h"
#include "cli/answer.h"
#include "cli/command.h"
#include "cli/words.h"

static int64_t count_of(const struct json *report, const char *name)
{
	return json_integer(json_get(report, name), 0);
}

static const char *text_of(const struct json *object, const char *name)
{
	return json_string(json_get(object, name)) ?: "?";
}

static void print_dry_run(const struct json *report)
{
	const struct json *pages = json_get(report, "wouldChange");
	CLEANUP(mem_freep) char *count = words_count((int64_t)json_count(pages), "page", "pages");

	printf("%s would change\n", count);
	JSON_FOREACH (page, pages) {
		CLEANUP(mem_freep) char *path = words_harmless(json_string(page) ?: "?");

		printf("  %s\n", path);
	}
}

static void print_counts(const struct json *report)
{
	CLEANUP(mem_freep) char *written = words_count(count_of(report, "filesGenerated"), "page", "pages");
	int64_t deferred = count_of(report, "coursesDeferred");

	printf("%s written, %" PRId64 " unchanged, %" PRId64 " removed in %.1f s\n", written,
		count_of(report, "filesSkipped"), count_of(report, "filesDeleted"),
		json_number(json_get(report, "durationMs"), 0) / 1000);
	if (deferred > 0) {
		CLEANUP(mem_freep) char *courses = words_count(deferred, "course waits", "courses wait");

		printf("%s for Hemera's rate limit, which permits more in %" PRId64 " s\n", courses,
			count_of(report, "retryAfterSec"));
	}
}

static void print_removed(const struct json *report)
{
	int64_t removed = count_of(report, "filesDeleted");
	const struct json *pages = json_get(report, "removed");

	if (removed > 0)
		puts("removed:");
	JSON_FOREACH (page, pages) {
		CLEANUP(mem_freep) char *path = words_harmless(json_string(page) ?: "?");

		printf("  %s\n", path);
		removed--;
	}
	if (removed > 0)
		printf("  and %" PRId64 " more\n", removed);
}

void summary_print(const struct json *report, bool names_removed)
{
	if (json_bool(json_get(report, "dryRun"), false))
		print_dry_run(report);
	else
		print_counts(report);
	if (names_removed)
		print_removed(report);
	fflush(stdout);
}

struct codes {
	const char *name[SUMMARY_ERRORS_MAX + 1]; /* borrowed, each once */
	size_t count;
};

static void add_code(struct codes *codes, const char *name)
{
	for (size_t i = 0; i < codes->count; i++)
		if (strcmp(codes->name[i], name) == 0)
			return;
	codes->name[codes->count++] = name;
}

static void print_remedies(FILE *out, const struct codes *codes)
{
	for (size_t i = 0; i < codes->count; i++) {
		CLEANUP(mem_freep) char *name = words_harmless(codes->name[i]);

		fprintf(out, "what to do about %s: %s\n", name, error_remedy_of_name(codes->name[i]));
	}
}

static void print_error(FILE *out, const struct json *problem)
{
	CLEANUP(mem_freep)
	char *line = mem_printf("%s: %s: %s", text_of(problem, "entity"), text_of(problem, "code"),
		text_of(problem, "message"));
	CLEANUP(mem_freep) char *harmless = words_harmless(line);

	fprintf(out, "  %s\n", harmless);
}

void summary_print_errors(FILE *out, const struct summary_errors *errors)
{
	const struct json *list = json_get(errors->report, "errors");
	int64_t total = json_integer(json_get(errors->report, "errorsTotal"), (int64_t)json_count(list));
	struct codes codes = { .count = 0 };
	int64_t shown = 0;

	if (errors->more)
		add_code(&codes, errors->more);
	JSON_FOREACH (problem, list) {
		if (errors->except && strcmp(text_of(problem, "message"), errors->except) == 0) {
			total--;
		} else if (shown < SUMMARY_ERRORS_MAX) {
			print_error(out, problem);
			add_code(&codes, text_of(problem, "code"));
			shown++;
		}
	}
	if (total > shown)
		fprintf(out, "  and %" PRId64 " more: %s\n", total - shown, errors->all);
	print_remedies(out, &codes);
}

void summary_print_details(FILE *out, const struct json *report)
{
	CLEANUP(mem_freep) char *job_id = words_harmless(text_of(report, "jobId"));

	fprintf(out, "details: journalctl AITHER_JOB_ID=%s\n", job_id);
}

void summary_complain(const struct answer *answer)
{
	const struct json *report = answer->data;
	bool is_dry_run = json_bool(json_get(report, "dryRun"), false);
	const struct summary_errors errors = {
		.report = report,
		.except = answer->message,
		.more = answer->code,
		.all = is_dry_run ? "aither sync --dry-run --json" : "aither status --json",
	};

	if (answer->code) {
		command_complain("%s: %s", answer->code, answer->message ?: "the worker does not say why");
	} else {
		CLEANUP(mem_freep)
		char *count = words_count(count_of(report, "errorsTotal"), "problem", "problems");

		command_complain(is_dry_run ? "%s:" : "%s, the rest is published:", count);
	}
	summary_print_errors(stderr, &errors);
	if (json_get(report, "jobId"))
		summary_print_details(stderr, report);
}
