/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "scratch.h"

/* Replacements of libc functions: a disk that reports its errors only on fsync, as disks do. */
static int sync_errno;
static unsigned data_syncs, directory_syncs;

int fdatasync(int fildes)
{
	(void)fildes;
	data_syncs++;
	errno = sync_errno;
	return sync_errno ? -1 : 0;
}

int fsync(int fd)
{
	directory_syncs += fd == scratch_fd;
	errno = sync_errno;
	return sync_errno ? -1 : 0;
}

static void writing_sets_the_mode_whatever_the_umask(void **state)
{
	mode_t old = umask(077);

	(void)state;
	assert_int_equal(file_write(scratch_fd, "open", "x", 1, 0644, false, NULL), 0);
	umask(0);
	assert_int_equal(file_write(scratch_fd, "closed", "x", 1, 0600, false, NULL), 0);
	umask(old);
	assert_int_equal(scratch_mode("open"), 0644);
	assert_int_equal(scratch_mode("closed"), 0600);
	scratch_assert_content("open", "x");
}

static void writing_replaces_a_leftover_and_never_its_target(void **state)
{
	(void)state;
	scratch_put("target", "as it was");
	assert_int_equal(symlinkat("target", scratch_fd, "leftover"), 0);
	assert_int_equal(linkat(scratch_fd, "target", scratch_fd, "hardlink", 0), 0);
	assert_int_equal(file_write(scratch_fd, "leftover", "new", 3, 0644, false, NULL), 0);
	assert_int_equal(file_write(scratch_fd, "hardlink", "new", 3, 0644, false, NULL), 0);
	scratch_assert_content("leftover", "new");
	scratch_assert_content("hardlink", "new");
	scratch_assert_content("target", "as it was");
}

static void a_directory_in_the_way_is_reported(void **state)
{
	struct error err = { 0 };

	(void)state;
	assert_int_equal(mkdirat(scratch_fd, "a", 0755), 0);
	assert_int_equal(file_write(scratch_fd, "a", "x", 1, 0644, false, &err), -EISDIR);
	assert_int_equal(err.code, ERROR_OUTPUT);
	assert_int_equal(file_replace(scratch_fd, "a", "x", 1, 0644, &err), -EISDIR);
	assert_int_equal(err.code, ERROR_OUTPUT);
	assert_int_equal(scratch_count(), 1);
}

/* With RLIMIT_FSIZE, the first write is short and the second fails, as on a full disk. */
static int with_file_size_limit(int (*act)(struct error *err), struct error *err)
{
	void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
	struct rlimit old, limited;
	int r;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	limited = old;
	limited.rlim_cur = 1000;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limited), 0);
	r = act(err);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	signal(SIGXFSZ, handler);
	return r;
}

static const char too_many[1001];

static int write_too_much(struct error *err)
{
	return file_write(scratch_fd, "a", too_many, sizeof(too_many), 0644, true, err);
}

static int replace_too_much(struct error *err)
{
	return file_replace(scratch_fd, "a", too_many, sizeof(too_many), 0644, err);
}

static void a_failed_write_leaves_nothing(void **state)
{
	struct error err = { 0 };

	(void)state;
	scratch_put("a", "leftover");
	assert_int_equal(with_file_size_limit(write_too_much, &err), -EFBIG);
	assert_int_equal(err.code, ERROR_OUTPUT);
	assert_string_equal(err.message, "cannot write a: File too large");
	assert_int_equal(scratch_count(), 0);
}

static void a_failed_replacement_leaves_the_old_file(void **state)
{
	struct error err = { 0 };

	(void)state;
	scratch_put("a", "as it was");
	assert_int_equal(with_file_size_limit(replace_too_much, &err), -EFBIG);
	assert_int_equal(err.code, ERROR_OUTPUT);
	assert_memory_equal(err.message, "a: cannot write .tmp-", 21);
	scratch_assert_content("a", "as it was");
	assert_int_equal(scratch_count(), 1);
}

static void replacing_swaps_the_name_and_leaves_no_temporary_file(void **state)
{
	CLEANUP(mem_freep) char *longest = mem_alloc(256);

	(void)state;
	scratch_put("target", "as it was");
	assert_int_equal(symlinkat("target", scratch_fd, "a"), 0);
	assert_int_equal(file_replace(scratch_fd, "a", "new", 3, 0640, NULL), 0);
	scratch_assert_content("a", "new");
	assert_int_equal(scratch_mode("a"), 0640);
	scratch_assert_content("target", "as it was");
	assert_int_equal(file_replace(scratch_fd, "a", "", 0, 0640, NULL), 0);
	scratch_assert_content("a", "");

	memset(longest, 'x', 255);
	longest[255] = '\0';
	assert_int_equal(file_replace(scratch_fd, longest, "long", 4, 0640, NULL), 0);
	scratch_assert_content(longest, "long");
	assert_int_equal(scratch_count(), 3);
}

static void files_are_synced_on_request_only(void **state)
{
	(void)state;
	data_syncs = directory_syncs = 0;
	assert_int_equal(file_write(scratch_fd, "a", "x", 1, 0644, false, NULL), 0);
	assert_int_equal(data_syncs, 0);
	assert_int_equal(file_write(scratch_fd, "a", "x", 1, 0644, true, NULL), 0);
	assert_int_equal(data_syncs, 1);
	assert_int_equal(directory_syncs, 0);
	assert_int_equal(file_replace(scratch_fd, "a", "x", 1, 0644, NULL), 0);
	assert_int_equal(data_syncs, 2);
	assert_int_equal(directory_syncs, 1);
}

static void a_failed_sync_is_a_failed_write(void **state)
{
	struct error err = { 0 };

	(void)state;
	scratch_put("a", "as it was");
	sync_errno = ENOSPC;
	assert_int_equal(file_replace(scratch_fd, "a", "new", 3, 0644, &err), -ENOSPC);
	assert_int_equal(error_http_status(&err), 507);
	assert_non_null(strstr(err.message, "cannot sync " FILE_TEMPORARY_PREFIX));
	assert_non_null(strstr(err.message, ": No space left on device"));
	scratch_assert_content("a", "as it was");
	assert_int_equal(file_write(scratch_fd, "b", "new", 3, 0644, true, &err), -ENOSPC);
	assert_int_equal(scratch_count(), 1);
	sync_errno = 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(writing_sets_the_mode_whatever_the_umask),
		SCRATCH_TEST(writing_replaces_a_leftover_and_never_its_target),
		SCRATCH_TEST(a_directory_in_the_way_is_reported),
		SCRATCH_TEST(a_failed_write_leaves_nothing),
		SCRATCH_TEST(a_failed_replacement_leaves_the_old_file),
		SCRATCH_TEST(replacing_swaps_the_name_and_leaves_no_temporary_file),
		SCRATCH_TEST(files_are_synced_on_request_only),
		SCRATCH_TEST(a_failed_sync_is_a_failed_write),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
