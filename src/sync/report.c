/* SPDX-License-Identifier: MIT */
#include "sync/report.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/time.h"

#define REPORT_WARNINGS_MAX 20 /* lines in the journal; the report lists more */
#define REPORT_NUMBER_SIZE 21
#define REPORT_CODE_SIZE 32 /* the longest has 22 characters */

static const char *const report_status_names[] = {
	[REPORT_RUNNING] = "running",
	[REPORT_SUCCESS] = "success",
	[REPORT_PARTIAL] = "partial",
	[REPORT_FAILED] = "failed",
};

const char *report_status_name(enum report_status status)
{
	return report_status_names[status];
}

void report_init(struct report *report, const char *job_id)
{
	*report = (struct report){ .status = REPORT_RUNNING, .start_ms = time_now_ms() };
	snprintf(report->job_id, sizeof(report->job_id), "%s", job_id);
}

static size_t report_errors_kept(const struct report *report)
{
	return report->errors_total < REPORT_ERRORS_MAX ? report->errors_total : REPORT_ERRORS_MAX;
}

void report_done(struct report *report)
{
	for (size_t i = 0; i < report_errors_kept(report); i++) {
		free(report->errors[i].entity);
		free(report->errors[i].message);
	}
	for (size_t i = 0; i < report->files_deleted && i < REPORT_REMOVED_MAX; i++)
		free(report->removed[i]);
	for (size_t i = 0; i < report->would_change_count; i++)
		free(report->would_change[i]);
	free(report->would_change);
	free(report->course_id);
	*report = (struct report){ .status = report->status };
}

void report_add_error(struct report *report, const char *entity, const struct error *problem)
{
	if (report->errors_total < REPORT_ERRORS_MAX) {
		report->errors[report->errors_total] = (struct report_error){
			.entity = mem_strdup(entity),
			.message = mem_strdup(problem->message),
			.code = problem->code,
			.time_ms = time_now_ms(),
		};
	}
	report->errors_total++;
}

void report_add_end(struct report *report, const char *entity, const struct error *problem)
{
	struct report_error *last = &report->errors[REPORT_ERRORS_MAX - 1];
	size_t total = report->errors_total;

	if (total >= REPORT_ERRORS_MAX) {
		free(last->entity);
		free(last->message);
		report->errors_total = REPORT_ERRORS_MAX - 1;
	}
	report_add_error(report, entity, problem);
	report->errors_total = total + 1;
}

void report_add_removed(struct report *report, const char *path)
{
	if (report->files_deleted < REPORT_REMOVED_MAX)
		report->removed[report->files_deleted] = mem_strdup(path);
	report->files_deleted++;
}

void report_add_change(struct report *report, const char *path)
{
	report->would_change =
		mem_grow(report->would_change, report->would_change_count, sizeof(*report->would_change));
	report->would_change[report->would_change_count++] = mem_strdup(path);
}

static struct json *report_errors_to_json(const struct report *report)
{
	struct json *array = json_new_array();

	for (size_t i = 0; i < report_errors_kept(report); i++) {
		const struct report_error *problem = &report->errors[i];
		struct json *object = json_new_object();

		json_set_string(object, "entity", problem->entity);
		json_set_string(object, "code", error_code_name(problem->code));
		json_set_string(object, "message", problem->message);
		json_set_time(object, "timestamp", problem->time_ms);
		json_append(array, object);
	}
	return array;
}

static struct json *report_paths_to_json(char *const *paths, size_t count)
{
	struct json *array = json_new_array();

	for (size_t i = 0; i < count; i++)
		json_append(array, json_new_string(paths[i]));
	return array;
}

struct json *report_to_json(const struct report *report)
{
	struct json *object = json_new_object();

	json_set_string(object, "jobId", report->job_id);
	json_set_string(object, "status", report_status_name(report->status));
	json_set_time(object, "startTime", report->start_ms);
	json_set_time(object, "endTime", report->end_ms);
	json_set_integer(object, "durationMs", (int64_t)report->duration_ms);
	json_set_integer(object, "coursesFetched", report->courses_fetched);
	json_set_integer(object, "participantsFetched", report->participants_fetched);
	json_set_integer(object, "templatesFetched", report->templates_fetched);
	json_set_integer(object, "filesGenerated", report->files_generated);
	json_set_integer(object, "filesSkipped", report->files_skipped);
	json_set_integer(object, "filesDeleted", report->files_deleted);
	json_set(object, "removed",
		report_paths_to_json(report->removed, report->files_deleted < REPORT_REMOVED_MAX
							      ? report->files_deleted
							      : REPORT_REMOVED_MAX));
	json_set_integer(object, "coursesDeferred", report->courses_deferred);
	json_set_integer(object, "retryAfterSec", report->retry_after_s);
	json_set_bool(object, "homepageChanged", report->homepage_changed);
	json_set_string(object, "courseId", report->course_id);
	json_set_bool(object, "noUpcomingCourse", !report->course_id);
	json_set(object, "errors", report_errors_to_json(report));
	json_set_integer(object, "errorsTotal", (int64_t)report->errors_total);
	if (report->dry_run) {
		json_set_bool(object, "dryRun", true);
		json_set(object, "wouldChange",
			report_paths_to_json(report->would_change, report->would_change_count));
	}
	return object;
}

/* ---- in the journal ---- */

/* The last error of a failed sync is the one that ended it; the sync's own event reports that one. */
static void report_log_errors(const struct report *report)
{
	size_t count = report->errors_total - (report->status == REPORT_FAILED);

	for (size_t i = 0; i < count && i < REPORT_WARNINGS_MAX; i++) {
		const struct report_error *problem = &report->errors[i];
		const struct log_field fields[] = {
			{ "AITHER_JOB_ID", report->job_id },
			{ "AITHER_ERROR_CODE", error_code_name(problem->code) },
		};
		bool refused = problem->code == ERROR_MASS_DELETE_REFUSED;

		log_event(LOG_WARNING, refused ? LOG_EVENT_MASS_DELETE_REFUSED : NULL, fields,
			ARRAY_SIZE(fields), "%s: %s", problem->entity, problem->message);
	}
	if (count > REPORT_WARNINGS_MAX)
		log_write(LOG_WARNING, "the report has %zu more problems", count - REPORT_WARNINGS_MAX);
}

/* "sync done: 12 pages written, 488 unchanged, 0 removed in 1.8 s, 3 problems"; owned. */
static char *report_sentence(const struct report *report, const struct error *problem)
{
	double seconds = (double)report->duration_ms / 1000;
	CLEANUP(mem_freep) char *deferred = mem_printf(", %u deferred", report->courses_deferred);
	CLEANUP(mem_freep)
	char *problems =
		mem_printf(", %zu problem%s", report->errors_total, report->errors_total == 1 ? "" : "s");

	if (report->status == REPORT_FAILED)
		return mem_printf("%s failed after %.1f s: %s", report->dry_run ? "dry run" : "sync", seconds,
			problem->message);
	if (report->dry_run)
		return mem_printf("dry run done: %zu page%s would change, in %.1f s%s",
			report->would_change_count, report->would_change_count == 1 ? "" : "s", seconds,
			report->errors_total ? problems : "");
	return mem_printf("sync done: %u page%s written, %u unchanged, %u removed%s in %.1f s%s",
		report->files_generated, report->files_generated == 1 ? "" : "s", report->files_skipped,
		report->files_deleted, report->courses_deferred ? deferred : "", seconds,
		report->errors_total ? problems : "");
}

/* The codes of the report's errors, each once: "HEMERA_BAD_DATA TEMPLATE_ERROR"; owned. */
static char *report_codes(const struct report *report)
{
	struct buf codes = BUF_INIT(ERROR_CODES * REPORT_CODE_SIZE);
	bool seen[ERROR_CODES] = { false };

	for (size_t i = 0; i < report->errors_total && i < REPORT_ERRORS_MAX; i++) {
		enum error_code code = report->errors[i].code;
		if (!seen[code])
			buf_printf(&codes, "%s%s", codes.length ? " " : "", error_code_name(code));
		seen[code] = true;
	}
	return buf_take(&codes);
}

void report_log(const struct report *report, const char *request_id, const struct error *problem)
{
	CLEANUP(mem_freep) char *codes = report_codes(report), *sentence = report_sentence(report, problem);
	const struct {
		const char *name;
		uint64_t value;
	} numbers[] = {
		{ "AITHER_DURATION_MS", report->duration_ms },
		{ "AITHER_COURSES_FETCHED", report->courses_fetched },
		{ "AITHER_PARTICIPANTS_FETCHED", report->participants_fetched },
		{ "AITHER_TEMPLATES_FETCHED", report->templates_fetched },
		{ "AITHER_FILES_GENERATED", report->files_generated },
		{ "AITHER_FILES_SKIPPED", report->files_skipped },
		{ "AITHER_FILES_DELETED", report->files_deleted },
		{ "AITHER_COURSES_DEFERRED", report->courses_deferred },
		{ "AITHER_ERRORS", report->errors_total },
	};
	char texts[ARRAY_SIZE(numbers)][REPORT_NUMBER_SIZE];
	struct log_field fields[ARRAY_SIZE(numbers) + 5];
	bool failed = report->status == REPORT_FAILED;
	const char *event = LOG_EVENT_SYNC_DONE;
	int priority = LOG_NOTICE; /* units/aither-worker.service drops lower priorities */
	size_t count = 0;

	report_log_errors(report);
	fields[count++] = (struct log_field){ "AITHER_JOB_ID", report->job_id };
	fields[count++] = (struct log_field){ "REQUEST_ID", request_id };
	fields[count++] = (struct log_field){ "AITHER_STATUS", report_status_name(report->status) };
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		snprintf(texts[i], sizeof(texts[i]), "%" PRIu64, numbers[i].value);
		fields[count++] = (struct log_field){ numbers[i].name, texts[i] };
	}
	fields[count++] =
		(struct log_field){ "AITHER_ERROR_CODE", failed ? error_code_name(problem->code) : NULL };
	fields[count++] = (struct log_field){ "AITHER_ERROR_CODES", report->errors_total > 0 ? codes : NULL };
	if (failed) {
		/* The catalog has another remedy for a refused key than for other failures. */
		event = problem->code == ERROR_HEMERA_AUTH_FAILED ? LOG_EVENT_KEY_REFUSED
								  : LOG_EVENT_SYNC_FAILED;
		priority = problem->code == ERROR_SHUTTING_DOWN ? LOG_NOTICE : LOG_ERR;
	}
	log_event(priority, event, fields, count, "%s", sentence);
}
