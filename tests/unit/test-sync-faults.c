/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "scratch.h"
#include "sync-fixture.h"
#include "sync/publish.h"

static void two_courses(void)
{
	fixture_course("c1", "Erster", "erster", 1);
	fixture_course("c2", "Zweiter", "zweiter", 1);
}

static int64_t failures(void)
{
	return json_integer(json_get(fixture_manifest, "consecutiveFailures"), -1);
}

static void an_unreachable_hemera_changes_nothing_published(void **state)
{
	struct stat page, index;

	(void)state;
	two_courses();
	fixture_sync(REPORT_SUCCESS);
	page = fixture_mark("courses/erster.html");
	index = fixture_mark("public/index.de.html");
	fake_hemera.list_error = ERROR_HEMERA_UNREACHABLE;
	fixture_sync(REPORT_FAILED);
	assert_int_equal(fixture_error.code, ERROR_HEMERA_UNREACHABLE);
	assert_int_equal(failures(), 1);
	fixture_sync(REPORT_FAILED);
	assert_int_equal(failures(), 2);
	assert_int_equal(fixture_report.consecutive_failures, 2);
	assert_int_equal(fixture_report.courses_published, 2);
	assert_int_not_equal(fixture_report.last_success_ms, 0);
	assert_true(fixture_is_same("courses/erster.html", &page));
	assert_true(fixture_is_same("public/index.de.html", &index));
	assert_non_null(fixture_entry("c2"));
	assert_string_equal(
		json_string(json_get(json_get(fixture_manifest, "lastSync"), "status")), "failed");
	fake_hemera.list_error = ERROR_INTERNAL;
	fixture_sync(REPORT_SUCCESS);
	assert_int_equal(failures(), 0);
	assert_int_equal(fixture_report.files_generated, 0);
}

static void a_key_refused_in_the_middle_publishes_nothing(void **state)
{
	(void)state;
	two_courses();
	fixture_sync(REPORT_SUCCESS);
	fixture_find("c1")->title = "Neu";
	fake_hemera.details_error = ERROR_HEMERA_AUTH_FAILED;
	fixture_sync(REPORT_FAILED);
	fixture_assert_page("erster.html", "Erster");
	assert_int_equal(failures(), 1);
}

static void a_cancelled_sync_is_no_failure(void **state)
{
	(void)state;
	two_courses();
	fixture_sync(REPORT_SUCCESS);
	fixture_find("c1")->title = "Neu";
	fake_hemera.cancel = &fixture_cancelled;
	fixture_sync(REPORT_FAILED);
	assert_int_equal(fixture_error.code, ERROR_SHUTTING_DOWN);
	assert_int_equal(failures(), 0);
	fixture_assert_page("erster.html", "Erster");
	fake_hemera.cancel = NULL;
	atomic_store(&fixture_cancelled, false);
	fixture_sync(REPORT_SUCCESS);
	fixture_assert_page("erster.html", "Neu");
}

static void a_sync_cancelled_before_it_begins_ends_at_once(void **state)
{
	(void)state;
	two_courses();
	atomic_store(&fixture_cancelled, true);
	fixture_sync(REPORT_FAILED);
	assert_int_equal(fixture_error.code, ERROR_SHUTTING_DOWN);
	assert_int_equal(fake_hemera.calls, 0);
}

static void a_course_that_fails_keeps_its_page_and_hash(void **state)
{
	CLEANUP(mem_freep) char *hash = NULL;
	struct stat mark;

	(void)state;
	two_courses();
	fixture_sync(REPORT_SUCCESS);
	mark = fixture_mark("courses/erster.html");
	hash = mem_strdup(json_string(json_get(fixture_entry("c1"), "hash")));
	fixture_find("c1")->title = "Neu";
	fixture_find("c1")->detail = HEMERA_DETAIL_FAILED;
	fixture_find("c2")->title = "Auch neu";
	fixture_sync(REPORT_PARTIAL);
	assert_true(fixture_has_error(ERROR_HEMERA_BAD_DATA, "course c1"));
	assert_true(fixture_is_same("courses/erster.html", &mark));
	assert_string_equal(json_string(json_get(fixture_entry("c1"), "hash")), hash);
	fixture_assert_page("zweiter.html", "Auch neu");
	assert_int_equal(failures(), 0);
	fixture_find("c1")->detail = HEMERA_DETAIL_READ;
	fixture_sync(REPORT_SUCCESS);
	fixture_assert_page("erster.html", "Neu");
}

static void a_course_not_seen_is_no_error(void **state)
{
	struct stat mark;

	(void)state;
	two_courses();
	fixture_sync(REPORT_SUCCESS);
	mark = fixture_mark("courses/erster.html");
	fixture_find("c1")->detail = HEMERA_DETAIL_NOT_SEEN;
	fixture_sync(REPORT_SUCCESS);
	assert_true(fixture_is_same("courses/erster.html", &mark));
	assert_int_equal(fixture_report.courses_deferred, 0);
}

static void participations_that_fail_are_read_one_by_one(void **state)
{
	(void)state;
	two_courses();
	fake_hemera.participations_error = ERROR_HEMERA_BAD_DATA;
	fixture_sync(REPORT_PARTIAL);
	fixture_assert_page("erster.html", "Ada");
	assert_true(fixture_has_error(ERROR_HEMERA_BAD_DATA, "participations"));
}

static void participations_that_come_too_late_are_deferred(void **state)
{
	(void)state;
	two_courses();
	fake_hemera.participations_error = ERROR_HEMERA_RATE_LIMITED;
	fixture_sync(REPORT_SUCCESS);
	assert_int_equal(fixture_report.courses_deferred, 2);
	assert_int_equal(fixture_pages(), 2);
	fake_hemera.participations_error = ERROR_HEMERA_TIMEOUT;
	fixture_config.sync.time_limit_s = 0;
	fixture_sync(REPORT_SUCCESS);
	assert_int_equal(fixture_report.courses_deferred, 2);
}

/* The time limit has not passed. If the courses were deferred, every sync would defer them, and no report
 * would say why. */
static void participations_that_take_too_long_are_read_one_by_one(void **state)
{
	(void)state;
	two_courses();
	fake_hemera.participations_error = ERROR_HEMERA_TIMEOUT;
	fixture_sync(REPORT_PARTIAL);
	assert_int_equal(fixture_report.courses_deferred, 0);
	fixture_assert_page("erster.html", "Ada");
	assert_true(fixture_has_error(ERROR_HEMERA_TIMEOUT, "participations"));
}

static void a_budget_spent_before_the_templates_is_no_fault(void **state)
{
	(void)state;
	two_courses();
	fake_hemera.templates_error = fake_hemera.participations_error = ERROR_HEMERA_RATE_LIMITED;
	fixture_sync(REPORT_SUCCESS);
	assert_int_equal(fixture_report.courses_deferred, 2);
	assert_int_equal(fixture_pages(), 0); /* Hemera may have a template for these courses */
	fake_hemera.templates_error = ERROR_INTERNAL;
	fixture_sync(REPORT_SUCCESS);
	assert_int_equal(fixture_pages(), 2);
	fixture_course("c3", "Dritter", "dritter", 0);
	fake_hemera.templates_error = ERROR_HEMERA_RATE_LIMITED;
	fixture_sync(REPORT_SUCCESS);
	assert_int_equal(fixture_pages(), 3); /* Hemera is known to have none */
}

/* Other clients may have used up the limit, and the next sync reads the list: this is not a failure. */
static void the_rate_limit_alone_is_no_failure_in_a_row(void **state)
{
	(void)state;
	two_courses();
	fake_hemera.list_error = ERROR_HEMERA_RATE_LIMITED;
	fixture_sync(REPORT_FAILED);
	assert_int_equal(fixture_report.consecutive_failures, 1); /* no sync has ever published anything */
	fake_hemera.list_error = ERROR_INTERNAL;
	fixture_sync(REPORT_SUCCESS);
	fake_hemera.list_error = ERROR_HEMERA_RATE_LIMITED;
	for (int i = 0; i < 4; i++) {
		fixture_sync(REPORT_FAILED);
		assert_int_equal(fixture_report.consecutive_failures, 0);
		assert_int_equal(json_type(json_get(fixture_manifest, "incident")), JSON_NULL);
	}
	fake_hemera.list_error = ERROR_HEMERA_UNREACHABLE;
	fixture_sync(REPORT_FAILED);
	assert_int_equal(fixture_report.consecutive_failures, 1);
	fake_hemera.list_error = ERROR_HEMERA_RATE_LIMITED;
	fixture_sync(REPORT_FAILED);
	assert_int_equal(fixture_report.consecutive_failures, 1);
}

/* ---- the directory ---- */

static void a_lock_held_by_another_process_means_in_progress(void **state)
{
	int ready[2], finish[2];
	char byte = 0;
	pid_t child;

	(void)state;
	two_courses();
	fixture_sync(REPORT_SUCCESS);
	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(finish), 0);
	child = fork();
	if (child == 0) {
		struct publish out = PUBLISH_INIT;

		close(finish[1]);
		byte = publish_open(&out, fixture_config.sync.output_directory, false, NULL) == 0 ? 'y' : 'n';
		_exit(write(ready[1], &byte, 1) == 1 && read(finish[0], &byte, 1) == 0 ? 0 : 1);
	}
	close(finish[0]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_int_equal(byte, 'y');
	fixture_find("c1")->title = "Neu";
	fixture_sync(REPORT_FAILED);
	assert_int_equal(fixture_error.code, ERROR_SYNC_IN_PROGRESS);
	assert_int_equal(failures(), 0);
	fixture_assert_page("erster.html", "Erster");
	close(finish[1]);
	assert_int_equal(waitpid(child, NULL, 0), child);
	close(ready[0]);
	close(ready[1]);
	fixture_sync(REPORT_SUCCESS); /* the lock died with its process */
}

static void a_symlink_at_a_pages_name_is_not_followed(void **state)
{
	(void)state;
	two_courses();
	scratch_put("victim", "untouched");
	fixture_sync(REPORT_SUCCESS);
	unlinkat(scratch_fd, "out/courses/erster.html", 0);
	assert_int_equal(symlinkat("../../victim", scratch_fd, "out/courses/erster.html"), 0);
	unlinkat(scratch_fd, "out/public/index.de.html", 0);
	assert_int_equal(symlinkat("../../victim", scratch_fd, "out/public/index.de.html"), 0);
	unlinkat(scratch_fd, "out/.sync-manifest.json", 0);
	assert_int_equal(symlinkat("../victim", scratch_fd, "out/.sync-manifest.json"), 0);
	fixture_sync(REPORT_SUCCESS);
	scratch_assert_content("victim", "untouched");
	assert_true(S_ISREG(fixture_mark("courses/erster.html").st_mode));
	assert_true(S_ISREG(fixture_mark("public/index.de.html").st_mode));
	assert_true(S_ISREG(fixture_mark(".sync-manifest.json").st_mode));
	fixture_assert_page("erster.html", "Erster");
}

static void a_directory_at_a_pages_name_costs_that_page(void **state)
{
	(void)state;
	two_courses();
	mkdirat(scratch_fd, "out", 0750);
	mkdirat(scratch_fd, "out/courses", 0750);
	mkdirat(scratch_fd, "out/courses/erster.html", 0750);
	fixture_sync(REPORT_PARTIAL);
	assert_true(fixture_has_error(ERROR_OUTPUT, "course c1"));
	fixture_assert_page("zweiter.html", "Zweiter");
	assert_null(fixture_entry("c1"));
}

static void leftovers_of_a_crash_are_cleaned(void **state)
{
	(void)state;
	two_courses();
	fixture_sync(REPORT_SUCCESS);
	fixture_put(".tmp-1234", "half");
	fixture_put("courses/.tmp-7", "half");
	fixture_sync(REPORT_SUCCESS); /* it checks that no temporary file is left */
}

/* As on a full disk: no file may exceed the limit. */
static void pages_that_cannot_be_written_leave_the_old_ones(void **state)
{
	struct rlimit old, small;

	(void)state;
	two_courses();
	fixture_sync(REPORT_SUCCESS);
	fixture_find("c2")->participants = 3000;
	fixture_find("c2")->participant = "a name of sixty-four characters, so that the page exceeds 100 KB.";
	fixture_find("c2")->title = "Neu";
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &old);
	small = (struct rlimit){ .rlim_cur = 100000, .rlim_max = old.rlim_max };
	setrlimit(RLIMIT_FSIZE, &small);
	fixture_sync(REPORT_FAILED);
	setrlimit(RLIMIT_FSIZE, &old);
	assert_int_equal(fixture_error.code, ERROR_OUTPUT);
	assert_string_equal(fake_hemera.asked, "c2 "); /* there would be no space for the others either */
	assert_int_equal(failures(), 1);
	fixture_assert_page("zweiter.html", "Zweiter");
	fixture_sync(REPORT_SUCCESS);
	fixture_assert_page("zweiter.html", "Neu");
}

/* After the manifest has been read, replaces it by something that no file can replace. */
static void block_manifest(void *arg)
{
	(void)arg;
	unlinkat(scratch_fd, "out/.sync-manifest.json", 0);
	mkdirat(scratch_fd, "out/.sync-manifest.json", 0750);
	fixture_put(".sync-manifest.json/x", "");
}

static void a_manifest_that_cannot_be_saved_is_one_more_failure(void **state)
{
	(void)state;
	two_courses();
	fixture_sync(REPORT_SUCCESS);
	int64_t success_ms = fixture_report.last_success_ms;
	fake_hemera.list_error = ERROR_HEMERA_UNREACHABLE;
	fixture_sync(REPORT_FAILED);
	fake_hemera.list_error = ERROR_INTERNAL;
	fixture_options.on_listed = block_manifest;
	fixture_sync(REPORT_FAILED);
	assert_int_equal(fixture_error.code, ERROR_OUTPUT);
	assert_int_equal(fixture_report.consecutive_failures, 2);
	assert_true(fixture_report.manifest_unsaved);
	assert_true(fixture_report.last_success_ms == success_ms);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SYNC_TEST(an_unreachable_hemera_changes_nothing_published),
		SYNC_TEST(a_key_refused_in_the_middle_publishes_nothing),
		SYNC_TEST(a_cancelled_sync_is_no_failure),
		SYNC_TEST(a_sync_cancelled_before_it_begins_ends_at_once),
		SYNC_TEST(a_course_that_fails_keeps_its_page_and_hash),
		SYNC_TEST(a_course_not_seen_is_no_error),
		SYNC_TEST(participations_that_fail_are_read_one_by_one),
		SYNC_TEST(participations_that_come_too_late_are_deferred),
		SYNC_TEST(participations_that_take_too_long_are_read_one_by_one),
		SYNC_TEST(a_budget_spent_before_the_templates_is_no_fault),
		SYNC_TEST(the_rate_limit_alone_is_no_failure_in_a_row),
		SYNC_TEST(a_lock_held_by_another_process_means_in_progress),
		SYNC_TEST(a_symlink_at_a_pages_name_is_not_followed),
		SYNC_TEST(a_directory_at_a_pages_name_costs_that_page),
		SYNC_TEST(leftovers_of_a_crash_are_cleaned),
		SYNC_TEST(pages_that_cannot_be_written_leave_the_old_ones),
		SYNC_TEST(a_manifest_that_cannot_be_saved_is_one_more_failure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
