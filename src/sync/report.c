/* SPDX-License-Identifier: MIT */
#include "sync/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/time.h"

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
	size_t count = report->would_change_count;

	/* Full whenever the count is a power of two: doubles without a member for the capacity. */
	if ((count & (count - 1)) == 0) {
		size_t capacity = count ? 2 * count : 1;

		report->would_change =
			mem_resize(report->would_change, capacity, sizeof(*report->would_change));
	}
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
