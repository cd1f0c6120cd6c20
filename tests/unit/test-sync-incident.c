/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/time.h"
#include "faulty-disk.h"
#include "notify/incident.h"
#include "scratch.h"
#include "sync-fixture.h"
#include "sync/manifest.h"

#define MANIFEST_PATH "out/" MANIFEST_NAME

static const struct json *incident(void)
{
	return json_get(fixture_manifest, "incident");
}

/* Reads the stored state, not the last sync's copy in memory. */
static bool due(struct incident_alert *ret_alert)
{
	CLEANUP(manifest_done) struct manifest manifest = { 0 };
	CLEANUP(file_closep) int directory = openat(scratch_fd, "out", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)manifest_load(directory, &manifest, NULL);
	return incident_due(manifest.incident, ret_alert);
}

static int note_sent(const struct incident_alert *alert, struct error *err)
{
	return sync_incident_sent(
		fixture_config.sync.output_directory, alert->message_id, time_now_ms(), NULL, err);
}

static void fail_times(unsigned times)
{
	fake_hemera.list_error = ERROR_HEMERA_UNREACHABLE;
	while (times-- > 0)
		fixture_sync(REPORT_FAILED);
	fake_hemera.list_error = ERROR_INTERNAL;
}

static void a_healthy_manifest_knows_no_incident(void **state)
{
	struct incident_alert alert;

	(void)state;
	fixture_course("c1", "Erster", "erster", 1);
	fixture_sync(REPORT_SUCCESS);
	assert_int_equal(json_type(incident()), JSON_NULL);
	assert_false(due(&alert));
	assert_false(fixture_report.manifest_unsaved);
	assert_false(fixture_report.manifest_damaged);
}

static void three_failures_make_a_mail_due_and_a_success_another(void **state)
{
	struct incident_alert failure, recovery;
	struct error problem = { 0 };

	(void)state;
	fixture_course("c1", "Erster", "erster", 1);
	fixture_sync(REPORT_SUCCESS);
	fail_times(2);
	assert_non_null(json_get(incident(), "openedAt"));
	assert_false(due(&failure));
	fail_times(1);
	assert_true(due(&failure));
	assert_int_equal(failure.kind, INCIDENT_FAILURE);
	assert_int_equal(note_sent(&failure, &problem), 0);
	assert_false(due(&failure));
	fixture_sync(REPORT_SUCCESS);
	assert_true(due(&recovery));
	assert_int_equal(recovery.kind, INCIDENT_RECOVERY);
	assert_int_equal(note_sent(&recovery, &problem), 0);
	fixture_sync(REPORT_SUCCESS);
	assert_int_equal(json_type(incident()), JSON_NULL);
}

static void a_mail_is_noted_and_nothing_else_changes(void **state)
{
	CLEANUP(sync_history_done) struct sync_history before = { 0 }, after = { 0 };
	struct incident_alert alert;

	(void)state;
	fixture_course("c1", "Erster", "erster", 1);
	fixture_sync(REPORT_SUCCESS);
	fail_times(3);
	assert_int_equal(sync_history_load(fixture_config.sync.output_directory, &before, NULL), 0);
	assert_true(due(&alert));
	assert_int_equal(note_sent(&alert, NULL), 0);
	assert_int_equal(scratch_mode(MANIFEST_PATH), 0600);
	assert_int_equal(sync_history_load(fixture_config.sync.output_directory, &after, NULL), 0);
	assert_int_equal(after.consecutive_failures, before.consecutive_failures);
	assert_int_equal(after.courses, before.courses);
	assert_true(after.last_success_ms == before.last_success_ms);
	assert_string_equal(json_string(json_get(after.last_report, "endTime")),
		json_string(json_get(before.last_report, "endTime")));
	fixture_sync(REPORT_SUCCESS);
	assert_int_equal(fixture_report.files_generated, 0);
}

static void partial_syncs_that_name_the_same_course_make_a_mail_due(void **state)
{
	struct incident_alert alert;

	(void)state;
	fixture_course("c1", "Erster", "erster", 1);
	fixture_course("c2", "Zweiter", "zweiter", 1)->detail = HEMERA_DETAIL_FAILED;
	for (int i = 0; i < 3; i++) {
		assert_false(i > 0 && due(&alert));
		fixture_sync(REPORT_PARTIAL);
	}
	assert_true(due(&alert));
	assert_int_equal(alert.kind, INCIDENT_COURSES);
	assert_string_equal(
		json_string(json_get(json_first(json_get(incident(), "courses")), "entity")), "course c2");
	assert_int_equal(fixture_report.consecutive_failures, 0);
}

static void a_cancelled_sync_leaves_the_incident_as_it_is(void **state)
{
	struct incident_alert failure, recovery, after;

	(void)state;
	fixture_course("c1", "Erster", "erster", 1);
	fail_times(3);
	assert_true(due(&failure));
	assert_int_equal(note_sent(&failure, NULL), 0);
	fixture_sync(REPORT_SUCCESS);
	assert_true(due(&recovery));
	atomic_store(&fixture_cancelled, true);
	fixture_sync(REPORT_FAILED);
	assert_int_equal(fixture_error.code, ERROR_SHUTTING_DOWN);
	assert_int_equal(json_integer(json_get(fixture_manifest, "consecutiveFailures"), -1), 0);
	assert_true(due(&after));
	assert_string_equal(after.message_id, recovery.message_id);
}

static void a_dry_run_counts_for_nothing(void **state)
{
	(void)state;
	fixture_course("c1", "Erster", "erster", 1);
	fixture_sync(REPORT_SUCCESS);
	fixture_options.dry_run = true;
	fail_times(5);
	assert_false(fixture_report.manifest_unsaved);
	assert_int_equal(json_type(incident()), JSON_NULL);
}

static void nonsense_in_the_manifest_counts_as_no_incident(void **state)
{
	struct incident_alert alert;

	(void)state;
	fixture_course("c1", "Erster", "erster", 1);
	fixture_sync(REPORT_SUCCESS);
	fixture_put(MANIFEST_NAME,
		"{\"version\":1,\"lastSyncAt\":null,\"durationMs\":0,\"lastSync\":null,"
		"\"lastSuccessTime\":null,\"consecutiveFailures\":7,\"incident\":{\"mails\":1},"
		"\"hemeraTemplates\":false,\"site\":{},\"orphans\":[],"
		"\"entities\":{\"courses\":{}}}");
	fail_times(1);
	assert_false(fixture_report.manifest_damaged);
	assert_true(due(&alert));
	assert_int_equal(alert.kind, INCIDENT_FAILURE);
}

static void a_damaged_manifest_is_reported_and_forgets_the_incident(void **state)
{
	struct incident_alert alert;

	(void)state;
	fixture_course("c1", "Erster", "erster", 1);
	fail_times(3);
	assert_true(due(&alert));
	fixture_put(MANIFEST_NAME, "{\"version\":1");
	assert_int_equal(note_sent(&alert, NULL), -EBADMSG);
	scratch_assert_content(MANIFEST_PATH, "{\"version\":1");
	assert_false(due(&alert));
	fail_times(1);
	assert_true(fixture_report.manifest_damaged);
	assert_false(fixture_report.manifest_unsaved);
	assert_int_equal(fixture_report.consecutive_failures, 1);
	assert_false(due(&alert));
	fail_times(1);
	assert_false(fixture_report.manifest_damaged);
}

static void without_a_manifest_no_mail_can_be_noted(void **state)
{
	const struct incident_alert alert = { .message_id = "<a@b>" };
	struct error problem = { 0 };

	(void)state;
	assert_int_equal(note_sent(&alert, &problem), -ENOENT);
	assert_int_equal(problem.code, ERROR_OUTPUT);
	assert_int_equal(scratch_count(), 0);
	assert_int_equal(mkdirat(scratch_fd, "out", 0750), 0);
	assert_int_equal(note_sent(&alert, &problem), -ENOENT);
	assert_int_equal(problem.code, ERROR_OUTPUT);
	assert_false(fixture_exists(MANIFEST_NAME));
	assert_false(fixture_exists("courses"));
}

static void no_mail_is_noted_while_a_sync_runs(void **state)
{
	struct incident_alert alert;
	struct error problem = { 0 };
	CLEANUP(file_closep) int lock = -1;

	(void)state;
	fixture_course("c1", "Erster", "erster", 1);
	fail_times(3);
	assert_true(due(&alert));
	lock = openat(scratch_fd, "out/.sync.lock", O_RDWR | O_CLOEXEC);
	assert_int_equal(flock(lock, LOCK_EX | LOCK_NB), 0);
	assert_int_equal(note_sent(&alert, &problem), -EWOULDBLOCK);
	assert_int_equal(problem.code, ERROR_SYNC_IN_PROGRESS);
	assert_int_equal(flock(lock, LOCK_UN), 0);
	assert_int_equal(note_sent(&alert, &problem), 0);
	assert_false(due(&alert));
}

static void a_full_disk_is_reported_and_leaves_the_mail_due(void **state)
{
	struct incident_alert alert, again;
	struct error problem = { 0 };
	int r;

	(void)state;
	fixture_course("c1", "Erster", "erster", 1);
	fail_times(3);
	assert_true(due(&alert));
	faulty_disk_arm(FAULTY_DISK_FULL, 1);
	r = note_sent(&alert, &problem);
	faulty_disk_arm(FAULTY_DISK_NONE, 0);
	assert_int_equal(r, -ENOSPC);
	assert_int_equal(problem.code, ERROR_OUTPUT);
	assert_true(due(&again));
	assert_string_equal(again.message_id, alert.message_id);
}

static void an_end_that_cannot_be_stored_is_reported(void **state)
{
	(void)state;
	fixture_course("c1", "Erster", "erster", 1);
	fixture_sync(REPORT_SUCCESS);
	faulty_disk_arm(FAULTY_DISK_FULL, 1);
	fixture_sync(REPORT_FAILED);
	faulty_disk_arm(FAULTY_DISK_NONE, 0);
	assert_true(fixture_report.manifest_unsaved);
	fixture_sync(REPORT_SUCCESS);
	assert_false(fixture_report.manifest_unsaved);
}

static void a_directory_that_cannot_be_opened_is_reported(void **state)
{
	(void)state;
	scratch_put("out", "in the way");
	report_init(&fixture_report, fixture_options.job_id);
	assert_int_not_equal(sync_run(&fixture_options, &fixture_report, &fixture_error), 0);
	assert_int_equal(fixture_report.status, REPORT_FAILED);
	assert_true(fixture_report.manifest_unsaved);
	report_done(&fixture_report);
	report_init(&fixture_report, fixture_options.job_id);
	fixture_options.dry_run = true;
	assert_int_not_equal(sync_run(&fixture_options, &fixture_report, &fixture_error), 0);
	assert_false(fixture_report.manifest_unsaved);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SYNC_TEST(a_healthy_manifest_knows_no_incident),
		SYNC_TEST(three_failures_make_a_mail_due_and_a_success_another),
		SYNC_TEST(a_mail_is_noted_and_nothing_else_changes),
		SYNC_TEST(partial_syncs_that_name_the_same_course_make_a_mail_due),
		SYNC_TEST(a_cancelled_sync_leaves_the_incident_as_it_is),
		SYNC_TEST(a_dry_run_counts_for_nothing),
		SYNC_TEST(nonsense_in_the_manifest_counts_as_no_incident),
		SYNC_TEST(a_damaged_manifest_is_reported_and_forgets_the_incident),
		SYNC_TEST(without_a_manifest_no_mail_can_be_noted),
		SYNC_TEST(no_mail_is_noted_while_a_sync_runs),
		SYNC_TEST(a_full_disk_is_reported_and_leaves_the_mail_due),
		SYNC_TEST(an_end_that_cannot_be_stored_is_reported),
		SYNC_TEST(a_directory_that_cannot_be_opened_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
