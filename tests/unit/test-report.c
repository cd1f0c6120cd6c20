/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/time.h"
#include "sync/report.h"

#define JOB_ID "11111111-2222-4333-8444-555555555555"

static void a_running_report_has_begun_and_not_ended(void **state)
{
	CLEANUP(report_done) struct report report;
	CLEANUP(json_freep) struct json *json = NULL;
	int64_t before = time_now_ms(), start;

	(void)state;
	report_init(&report, JOB_ID);
	json = report_to_json(&report);
	assert_string_equal(json_string(json_get(json, "jobId")), JOB_ID);
	assert_string_equal(json_string(json_get(json, "status")), "running");
	assert_int_equal(time_parse(json_string(json_get(json, "startTime")), &start), 0);
	assert_in_range(start - before, 0, 60000);
	assert_int_equal(json_type(json_get(json, "endTime")), JSON_NULL);
	assert_int_equal(json_type(json_get(json, "courseId")), JSON_NULL);
	assert_true(json_bool(json_get(json, "noUpcomingCourse"), false));
	assert_int_equal(json_count(json_get(json, "errors")), 0);
	assert_null(json_get(json, "dryRun"));
}

static void every_figure_has_its_member(void **state)
{
	CLEANUP(report_done) struct report report;
	CLEANUP(json_freep) struct json *json = NULL;
	static const struct {
		const char *name;
		int value;
	} rows[] = { { "durationMs", 1 }, { "coursesFetched", 2 }, { "participantsFetched", 3 },
		{ "templatesFetched", 4 }, { "filesGenerated", 5 }, { "filesSkipped", 6 },
		{ "filesDeleted", 7 }, { "coursesDeferred", 8 }, { "retryAfterSec", 9 } };

	(void)state;
	report_init(&report, JOB_ID);
	report.duration_ms = 1;
	report.courses_fetched = 2;
	report.participants_fetched = 3;
	report.templates_fetched = 4;
	report.files_generated = 5;
	report.files_skipped = 6;
	report.files_deleted = 7;
	report.courses_deferred = 8;
	report.retry_after_s = 9;
	report.homepage_changed = true;
	report.course_id = mem_strdup("c7");
	report.status = REPORT_PARTIAL;
	json = report_to_json(&report);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(json_integer(json_get(json, rows[i].name), -1), rows[i].value);
	assert_true(json_bool(json_get(json, "homepageChanged"), false));
	assert_string_equal(json_string(json_get(json, "courseId")), "c7");
	assert_false(json_bool(json_get(json, "noUpcomingCourse"), true));
	assert_string_equal(json_string(json_get(json, "status")), "partial");
}

static void the_first_hundred_errors_are_kept_and_all_are_counted(void **state)
{
	CLEANUP(report_done) struct report report;
	CLEANUP(json_freep) struct json *json = NULL;
	struct error problem = { 0 };
	const struct json *first;

	(void)state;
	report_init(&report, JOB_ID);
	for (int i = 0; i < 150; i++) {
		error_fail(&problem, ERROR_HEMERA_BAD_DATA, -1, "problem %d", i);
		report_add_error(&report, "course c1", &problem);
	}
	json = report_to_json(&report);
	assert_int_equal(json_integer(json_get(json, "errorsTotal"), 0), 150);
	assert_int_equal(json_count(json_get(json, "errors")), REPORT_ERRORS_MAX);
	first = json_first(json_get(json, "errors"));
	assert_string_equal(json_string(json_get(first, "entity")), "course c1");
	assert_string_equal(json_string(json_get(first, "code")), "HEMERA_BAD_DATA");
	assert_string_equal(json_string(json_get(first, "message")), "problem 0");
	assert_int_equal(strlen(json_string(json_get(first, "timestamp"))), TIME_TEXT_SIZE - 1);
}

static void the_error_that_ended_the_sync_is_kept_as_the_last_one(void **state)
{
	(void)state;
	for (int before = 98; before <= 250; before++) {
		CLEANUP(report_done) struct report report;
		CLEANUP(json_freep) struct json *json = NULL;
		const struct json *last = NULL;
		struct error problem = { .code = ERROR_HEMERA_BAD_DATA, .message = "one of many" };

		report_init(&report, JOB_ID);
		for (int i = 0; i < before; i++)
			report_add_error(&report, "course c", &problem);
		problem = (struct error){ .code = ERROR_OUTPUT, .message = "the end" };
		report_add_end(&report, "output", &problem);
		json = report_to_json(&report);
		JSON_FOREACH (item, json_get(json, "errors"))
			last = item;
		assert_string_equal(json_string(json_get(last, "message")), "the end");
		assert_int_equal(json_count(json_get(json, "errors")), before < 100 ? before + 1 : 100);
		assert_int_equal(json_integer(json_get(json, "errorsTotal"), 0), before + 1);
	}
}

static void a_dry_run_lists_what_would_change(void **state)
{
	CLEANUP(report_done) struct report report;
	CLEANUP(json_freep) struct json *json = NULL;
	const struct json *item;
	char path[40];

	(void)state;
	report_init(&report, JOB_ID);
	report.dry_run = true;
	for (int i = 0; i < 9; i++) {
		snprintf(path, sizeof(path), "courses/p%d.html", i);
		report_add_change(&report, path);
	}
	json = report_to_json(&report);
	assert_true(json_bool(json_get(json, "dryRun"), false));
	assert_int_equal(json_count(json_get(json, "wouldChange")), 9);
	item = json_first(json_get(json, "wouldChange"));
	assert_string_equal(json_string(item), "courses/p0.html");
}

static void a_report_can_be_released_twice(void **state)
{
	struct report report;
	const struct error problem = { .message = "x" };

	(void)state;
	report_init(&report, JOB_ID);
	report_add_error(&report, "output", &problem);
	report_done(&report);
	report_done(&report);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_running_report_has_begun_and_not_ended),
		cmocka_unit_test(every_figure_has_its_member),
		cmocka_unit_test(the_first_hundred_errors_are_kept_and_all_are_counted),
		cmocka_unit_test(the_error_that_ended_the_sync_is_kept_as_the_last_one),
		cmocka_unit_test(a_dry_run_lists_what_would_change),
		cmocka_unit_test(a_report_can_be_released_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
