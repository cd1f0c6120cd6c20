/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/mem.h"
#include "scratch.h"
#include "sync/publish.h"

static char output[300];

static int setup(void **state)
{
	int r = scratch_setup(state);

	snprintf(output, sizeof(output), "%s/out", scratch_path);
	return r;
}

static void add(struct publish *out, const char *name, const char *text)
{
	size_t index;

	assert_int_equal(publish_add(out, name, text, strlen(text), &index, NULL), 0);
	assert_int_equal(index, out->count - 1);
}

static void missing_directories_are_made_with_their_modes(void **state)
{
	CLEANUP(publish_close) struct publish out = PUBLISH_INIT;
	mode_t old_mask = umask(0777);

	(void)state;
	assert_int_equal(publish_open(&out, output, false, NULL), 0);
	umask(old_mask);
	assert_int_equal(scratch_mode("out"), 0750);
	assert_int_equal(scratch_mode("out/courses"), 0750);
	assert_int_equal(scratch_mode("out/" PUBLISH_LOCK_NAME), 0600);
}

static void a_directory_that_a_crash_left_closed_is_opened_to_the_group(void **state)
{
	CLEANUP(publish_close) struct publish out = PUBLISH_INIT;

	(void)state;
	mkdirat(scratch_fd, "out", 0755);
	mkdirat(scratch_fd, "out/courses", 0700);
	assert_int_equal(publish_open(&out, output, false, NULL), 0);
	assert_int_equal(scratch_mode("out"), 0755);
	assert_int_equal(scratch_mode("out/courses"), 0750);
}

static void pages_appear_all_together(void **state)
{
	CLEANUP(publish_close) struct publish out = PUBLISH_INIT;

	(void)state;
	assert_int_equal(publish_open(&out, output, false, NULL), 0);
	add(&out, "a.html", "A");
	add(&out, "b.html", "B");
	assert_int_equal(faccessat(scratch_fd, "out/courses/a.html", F_OK, 0), -1);
	assert_int_equal(publish_commit(&out, NULL), 0);
	assert_int_equal(publish_sync(&out, NULL), 0);
	scratch_assert_content("out/courses/a.html", "A");
	scratch_assert_content("out/courses/b.html", "B");
	assert_int_equal(scratch_mode("out/courses/a.html"), 0640);
}

static void many_pages_are_committed_as_well(void **state)
{
	CLEANUP(publish_close) struct publish out = PUBLISH_INIT;
	char name[40];

	(void)state;
	assert_int_equal(publish_open(&out, output, false, NULL), 0);
	for (int i = 0; i < 3 * PUBLISH_SYNCFS_FROM; i++) {
		snprintf(name, sizeof(name), "page%d.html", i);
		add(&out, name, name);
	}
	assert_int_equal(publish_commit(&out, NULL), 0);
	scratch_assert_content("out/courses/page0.html", "page0.html");
	scratch_assert_content("out/courses/page98.html", "page98.html");
}

static void uncommitted_pages_leave_no_trace(void **state)
{
	struct publish out = PUBLISH_INIT;

	(void)state;
	assert_int_equal(publish_open(&out, output, false, NULL), 0);
	add(&out, "a.html", "A");
	publish_close(&out);
	assert_int_equal(unlinkat(scratch_fd, "out/courses", AT_REMOVEDIR), 0); /* empty */
}

static void leftovers_are_cleaned_and_nothing_else(void **state)
{
	CLEANUP(publish_close) struct publish out = PUBLISH_INIT;
	CLEANUP(nameset_done) struct nameset names = { 0 };

	(void)state;
	assert_int_equal(publish_open(&out, output, false, NULL), 0);
	scratch_put("out/.tmp-old", "x");
	scratch_put("out/courses/.tmp-17", "x");
	scratch_put("out/courses/a.html", "A");
	scratch_put("out/index.de.html", "I");
	assert_int_equal(publish_list(&out, true, &names, NULL), 0);
	assert_int_equal(names.count, 1);
	assert_int_equal(faccessat(scratch_fd, "out/.tmp-old", F_OK, 0), -1);
	assert_int_equal(faccessat(scratch_fd, "out/courses/.tmp-17", F_OK, 0), -1);
	scratch_assert_content("out/courses/a.html", "A");
	scratch_assert_content("out/index.de.html", "I");
}

static void a_second_sync_learns_that_one_is_running(void **state)
{
	CLEANUP(publish_close) struct publish first = PUBLISH_INIT, third = PUBLISH_INIT;
	struct publish second = PUBLISH_INIT;
	struct error problem = { 0 };

	(void)state;
	assert_int_equal(publish_open(&first, output, false, NULL), 0);
	assert_int_equal(publish_open(&second, output, false, &problem), -EWOULDBLOCK);
	assert_int_equal(problem.code, ERROR_SYNC_IN_PROGRESS);
	publish_close(&second);
	publish_close(&first);
	assert_int_equal(publish_open(&third, output, false, NULL), 0);
}

static void taking_the_lock_briefly_creates_nothing(void **state)
{
	struct publish brief = PUBLISH_INIT;
	CLEANUP(publish_close) struct publish first = PUBLISH_INIT;
	struct error problem = { 0 };

	(void)state;
	assert_int_equal(publish_open_briefly(&brief, output, &problem), -ENOENT);
	assert_int_equal(problem.code, ERROR_OUTPUT);
	publish_close(&brief);
	assert_int_equal(scratch_count(), 0);
	assert_int_equal(publish_open(&first, output, false, NULL), 0);
	assert_int_equal(publish_open_briefly(&brief, output, &problem), -EWOULDBLOCK);
	assert_int_equal(problem.code, ERROR_SYNC_IN_PROGRESS);
	publish_close(&brief);
}

static void *open_in_thread(void *ret_result)
{
	CLEANUP(publish_close) struct publish publish = PUBLISH_INIT;

	*(int *)ret_result = publish_open(&publish, output, false, NULL);
	return NULL;
}

static void a_sync_waits_while_the_lock_is_held_briefly(void **state)
{
	struct publish brief = PUBLISH_INIT;
	pthread_t thread;
	int result = -1;

	(void)state;
	assert_int_equal(mkdirat(scratch_fd, "out", 0750), 0);
	assert_int_equal(publish_open_briefly(&brief, output, NULL), 0);
	assert_int_equal(pthread_create(&thread, NULL, open_in_thread, &result), 0);
	while (faccessat(scratch_fd, "out/courses", F_OK, 0) < 0)
		sched_yield();
	for (int i = 0; i < 1000; i++)
		sched_yield();
	publish_close(&brief);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(result, 0);
}

static int lock_errno; /* for the next flock(2); 0: the call is made */

int flock(int fd, int operation)
{
	errno = lock_errno;
	lock_errno = 0;
	return errno ? -1 : (int)syscall(SYS_flock, fd, operation);
}

static void a_lock_that_cannot_be_had_is_an_output_error(void **state)
{
	CLEANUP(publish_close) struct publish out = PUBLISH_INIT;
	struct error problem = { 0 };

	(void)state;
	lock_errno = ENOLCK;
	assert_int_equal(publish_open(&out, output, false, &problem), -ENOLCK);
	assert_int_equal(problem.code, ERROR_OUTPUT);
	assert_string_equal(problem.message, "cannot lock " PUBLISH_LOCK_NAME ": No locks available");
}

static void a_symlink_is_replaced_and_not_followed(void **state)
{
	CLEANUP(publish_close) struct publish out = PUBLISH_INIT;
	int64_t size, modified_us;

	(void)state;
	scratch_put("victim", "untouched");
	assert_int_equal(publish_open(&out, output, false, NULL), 0);
	assert_int_equal(symlinkat("../../victim", out.courses, "a.html"), 0);
	assert_int_equal(symlinkat("../../victim", out.courses, ".tmp-0"), 0);
	assert_false(publish_stat(out.courses, "a.html", &size, &modified_us));
	add(&out, "a.html", "A");
	assert_int_equal(publish_commit(&out, NULL), 0);
	assert_true(publish_stat(out.courses, "a.html", &size, &modified_us));
	assert_int_equal(size, 1);
	scratch_assert_content("victim", "untouched");
	scratch_assert_content("out/courses/a.html", "A");
}

static void symlinks_for_our_own_files_are_refused(void **state)
{
	static const char *const names[] = { "out", "out/courses", ("out/" PUBLISH_LOCK_NAME) };

	(void)state;
	mkdirat(scratch_fd, "elsewhere", 0755);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		CLEANUP(publish_close) struct publish out = PUBLISH_INIT;
		struct error problem = { 0 };

		assert_int_equal(symlinkat(i == 0 ? "elsewhere" : "../elsewhere", scratch_fd, names[i]), 0);
		assert_true(publish_open(&out, output, false, &problem) < 0);
		assert_int_equal(problem.code, ERROR_OUTPUT);
		assert_int_equal(unlinkat(scratch_fd, names[i], 0), 0);
		if (i == 0)
			mkdirat(scratch_fd, "out", 0750);
		if (i == 1)
			mkdirat(scratch_fd, "out/courses", 0750);
	}
}

static void a_directory_in_the_way_costs_its_page_alone(void **state)
{
	CLEANUP(publish_close) struct publish out = PUBLISH_INIT;

	(void)state;
	assert_int_equal(publish_open(&out, output, false, NULL), 0);
	assert_int_equal(mkdirat(out.courses, "a.html", 0755), 0);
	add(&out, "a.html", "A");
	add(&out, "b.html", "B");
	assert_int_equal(publish_commit(&out, NULL), 0);
	assert_false(out.pages[0].published);
	assert_true(out.pages[1].published);
}

static void removing_says_whether_there_was_anything(void **state)
{
	CLEANUP(publish_close) struct publish out = PUBLISH_INIT;
	bool removed = false;

	(void)state;
	assert_int_equal(publish_open(&out, output, false, NULL), 0);
	scratch_put("out/courses/a.html", "A");
	assert_int_equal(publish_remove(&out, "a.html", &removed, NULL), 0);
	assert_true(removed);
	assert_int_equal(publish_remove(&out, "a.html", &removed, NULL), 0);
	assert_false(removed);
}

static void pages_on_disk_are_listed(void **state)
{
	CLEANUP(publish_close) struct publish out = PUBLISH_INIT;
	CLEANUP(nameset_done) struct nameset names = { 0 };

	(void)state;
	assert_int_equal(publish_open(&out, output, false, NULL), 0);
	scratch_put("out/courses/a.html", "A");
	scratch_put("out/courses/notes.txt", "not ours");
	scratch_put("out/courses/.tmp-3", "x");
	assert_int_equal(mkdirat(out.courses, "d.html", 0755), 0);
	assert_int_equal(symlinkat("nowhere", out.courses, "l.html"), 0);
	assert_int_equal(publish_list(&out, false, &names, NULL), 0);
	nameset_sort(&names);
	assert_int_equal(names.count, 2);
	assert_string_equal(names.items[0], "a.html");
	assert_string_equal(names.items[1], "l.html");
	scratch_assert_content("out/courses/.tmp-3", "x");
}

static void a_write_that_fails_is_an_output_error(void **state)
{
	CLEANUP(publish_close) struct publish out = PUBLISH_INIT;
	struct rlimit old, small;
	struct error problem = { 0 };
	size_t index;

	(void)state;
	assert_int_equal(publish_open(&out, output, false, NULL), 0);
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &old);
	small = (struct rlimit){ .rlim_cur = 4, .rlim_max = old.rlim_max };
	setrlimit(RLIMIT_FSIZE, &small);
	assert_int_equal(publish_add(&out, "a.html", "more than four", 14, &index, &problem), -EFBIG);
	setrlimit(RLIMIT_FSIZE, &old);
	assert_int_equal(problem.code, ERROR_OUTPUT);
	assert_non_null(strstr(problem.message, "courses/a.html"));
	publish_close(&out);
	assert_int_equal(unlinkat(scratch_fd, "out/courses", AT_REMOVEDIR), 0); /* empty */
}

static void a_directory_that_may_not_be_written_says_how_to_permit_it(void **state)
{
	CLEANUP(publish_close) struct publish out = PUBLISH_INIT;
	struct error problem = { 0 };
	bool root = geteuid() == 0;
	int r;

	(void)state;
	assert_int_equal(chmod(scratch_path, 0555), 0);
	assert_int_equal(root ? seteuid(65534) : 0, 0);
	r = publish_open(&out, output, false, &problem);
	assert_int_equal(root ? seteuid(0) : 0, 0);
	assert_int_equal(chmod(scratch_path, 0755), 0);
	assert_int_equal(r, -EACCES);
	assert_int_equal(problem.code, ERROR_OUTPUT);
	assert_non_null(strstr(problem.message, "systemctl edit aither-worker.service"));
	assert_non_null(strstr(problem.message, "ReadWritePaths="));
	assert_non_null(strstr(problem.message, output));
}

static void a_missing_parent_is_an_output_error(void **state)
{
	CLEANUP(publish_close) struct publish out = PUBLISH_INIT;
	struct error problem = { 0 };
	char deep[320];

	(void)state;
	snprintf(deep, sizeof(deep), "%s/deep", output);
	assert_int_equal(publish_open(&out, deep, false, &problem), -ENOENT);
	assert_int_equal(problem.code, ERROR_OUTPUT);
	assert_non_null(strstr(problem.message, deep));
}

#define OUTPUT_TEST(function) cmocka_unit_test_setup_teardown(function, setup, scratch_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		OUTPUT_TEST(missing_directories_are_made_with_their_modes),
		OUTPUT_TEST(a_directory_that_a_crash_left_closed_is_opened_to_the_group),
		OUTPUT_TEST(pages_appear_all_together),
		OUTPUT_TEST(many_pages_are_committed_as_well),
		OUTPUT_TEST(uncommitted_pages_leave_no_trace),
		OUTPUT_TEST(leftovers_are_cleaned_and_nothing_else),
		OUTPUT_TEST(a_second_sync_learns_that_one_is_running),
		OUTPUT_TEST(taking_the_lock_briefly_creates_nothing),
		OUTPUT_TEST(a_sync_waits_while_the_lock_is_held_briefly),
		OUTPUT_TEST(a_lock_that_cannot_be_had_is_an_output_error),
		OUTPUT_TEST(a_symlink_is_replaced_and_not_followed),
		OUTPUT_TEST(symlinks_for_our_own_files_are_refused),
		OUTPUT_TEST(a_directory_in_the_way_costs_its_page_alone),
		OUTPUT_TEST(removing_says_whether_there_was_anything),
		OUTPUT_TEST(pages_on_disk_are_listed),
		OUTPUT_TEST(a_write_that_fails_is_an_output_error),
		OUTPUT_TEST(a_directory_that_may_not_be_written_says_how_to_permit_it),
		OUTPUT_TEST(a_missing_parent_is_an_output_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
