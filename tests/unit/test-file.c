/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "scratch.h"

static void names_are_one_harmless_component(void **state)
{
	static const struct {
		const char *name;
		bool safe;
	} rows[] = {
		{ "a", true },
		{ "c1.html", true },
		{ ".sync-manifest.json", true },
		{ "...", true },
		{ "..a", true },
		{ "-rf", true },
		{ "K\xc3\xb6ln", true },
		{ "", false },
		{ ".", false },
		{ "..", false },
		{ "/", false },
		{ "a/b", false },
		{ "../a", false },
		{ "a/", false },
		{ "a\nb", false },
		{ "\x1b[31m", false },
		{ "a\x7f", false },
	};
	char longest[257];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (file_name_is_safe(rows[i].name) != rows[i].safe)
			fail_msg("\"%s\" is judged wrongly", rows[i].name);
	}
	memset(longest, 'x', sizeof(longest));
	longest[256] = '\0';
	assert_false(file_name_is_safe(longest));
	longest[255] = '\0';
	assert_true(file_name_is_safe(longest));
}

static void unsafe_names_are_refused_everywhere(void **state)
{
	CLEANUP(buf_done) struct buf content = BUF_INIT(100);
	struct error err = { 0 };
	int fd = -1;

	(void)state;
	scratch_put("victim", "as it was");
	assert_int_equal(file_read(scratch_fd, "./victim", &content, NULL, &err), -EINVAL);
	assert_int_equal(file_write(scratch_fd, "./victim", "x", 1, 0644, false, &err), -EINVAL);
	assert_int_equal(file_replace(scratch_fd, "./victim", "x", 1, 0644, &err), -EINVAL);
	assert_int_equal(file_open_directory(scratch_fd, "..", &fd, &err), -EINVAL);
	assert_int_equal(file_make_directory(scratch_fd, "../evil", 0755, &fd, &err), -EINVAL);
	assert_int_equal(file_make_directory(scratch_fd, "a/", 0755, &fd, &err), -EINVAL);
	assert_null(strstr(err.message, "a/"));
	assert_int_equal(fd, -1);
	scratch_assert_content("victim", "as it was");
	assert_int_equal(scratch_count(), 1);
}

static void anything_but_a_regular_file_is_refused_without_waiting(void **state)
{
	static const struct {
		const char *name;
		int errnum;
		const char *message;
	} rows[] = {
		{ "missing", -ENOENT, "cannot open missing: No such file or directory" },
		{ "symlink", -ELOOP, "cannot open symlink: Too many levels of symbolic links" },
		{ "dangling", -ELOOP, "cannot open dangling: Too many levels of symbolic links" },
		{ "directory", -EINVAL, "directory: not a regular file" },
		{ "fifo", -EINVAL, "fifo: not a regular file" },
	};

	(void)state;
	scratch_put("target", "x");
	assert_int_equal(symlinkat("target", scratch_fd, "symlink"), 0);
	assert_int_equal(symlinkat("nowhere", scratch_fd, "dangling"), 0);
	assert_int_equal(mkdirat(scratch_fd, "directory", 0755), 0);
	assert_int_equal(mkfifoat(scratch_fd, "fifo", 0644), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEANUP(buf_done) struct buf content = BUF_INIT(10);
		struct error err = { 0 };
		int r = file_read(scratch_fd, rows[i].name, &content, NULL, &err);

		if (r != rows[i].errnum)
			fail_msg("%s: read returns %d", rows[i].name, r);
		assert_int_equal(err.errnum, rows[i].errnum);
		assert_string_equal(err.message, rows[i].message);
	}
}

static void reading_replaces_the_content_of_the_buffer(void **state)
{
	CLEANUP(buf_done) struct buf content = BUF_INIT(100);
	struct stat status;

	(void)state;
	scratch_put("a", "12345");
	scratch_put("empty", "");
	buf_append_text(&content, "old");
	assert_int_equal(file_read(scratch_fd, "a", &content, &status, NULL), 0);
	assert_string_equal(buf_text(&content), "12345");
	assert_int_equal(content.length, 5);
	assert_int_equal(content.size_max, 100);
	assert_int_equal(status.st_size, 5);
	assert_int_equal(file_read(scratch_fd, "empty", &content, NULL, NULL), 0);
	assert_int_equal(content.length, 0);
	assert_string_equal(buf_text(&content), "");
}

static void reading_stops_at_the_limit(void **state)
{
	CLEANUP(buf_done) struct buf content = BUF_INIT(5);
	struct error err = { 0 };

	(void)state;
	scratch_put("exact", "12345");
	scratch_put("more", "123456");
	assert_int_equal(file_read(scratch_fd, "exact", &content, NULL, &err), 0);
	assert_int_equal(file_read(scratch_fd, "more", &content, NULL, &err), -EFBIG);
	assert_string_equal(err.message, "more: larger than 5 bytes");
	assert_string_equal(buf_text(&content), "12345");
	assert_false(buf_overflowed(&content));
}

static void large_files_are_read_and_written_whole(void **state)
{
	size_t length = 1 << 20;
	CLEANUP(mem_freep) char *bytes = mem_alloc(length);
	CLEANUP(buf_done) struct buf content = BUF_INIT(length);

	(void)state;
	for (size_t i = 0; i < length; i++)
		bytes[i] = (char)(i * 7 + i / 251);
	assert_int_equal(file_write(scratch_fd, "a", bytes, length, 0600, true, NULL), 0);
	assert_int_equal(file_read(scratch_fd, "a", &content, NULL, NULL), 0);
	assert_int_equal(content.length, length);
	assert_memory_equal(content.data, bytes, length);
}

static void paths_of_the_operator_may_be_symlinks(void **state)
{
	CLEANUP(mem_freep) char *link_path = mem_printf("%s/link", scratch_path);
	CLEANUP(mem_freep) char *missing_path = mem_printf("%s/missing", scratch_path);
	CLEANUP(buf_done) struct buf content = BUF_INIT(100000);
	struct error err = { 0 };

	(void)state;
	scratch_put("a", "text");
	assert_int_equal(symlinkat("a", scratch_fd, "link"), 0);
	assert_int_equal(file_read_path(link_path, &content, &err), 0);
	assert_string_equal(buf_text(&content), "text");
	assert_int_equal(file_read_path(missing_path, &content, &err), -ENOENT);
	assert_non_null(strstr(err.message, missing_path));
	assert_int_equal(file_read_path(scratch_path, &content, &err), -EINVAL);
	assert_int_equal(file_read_path("/dev/zero", &content, &err), -EINVAL);
	/* A file of size 0 that has content, as in /proc: the bytes read count, not the size. */
	assert_int_equal(file_read_path("/proc/self/status", &content, &err), 0);
	assert_true(content.length > 0);
}

static void a_text_begins_behind_its_byte_order_mark(void **state)
{
	static const struct {
		const char *content, *text;
	} rows[] = {
		{ "text", "text" },
		{ "\xef\xbb\xbftext", "text" },
		{ "\xef\xbb\xbf", "" },
		{ "\xef\xbb\xbf\xef\xbb\xbf", "\xef\xbb\xbf" },
		{ "", "" },
	};
	CLEANUP(mem_freep) char *path = mem_printf("%s/a", scratch_path);
	CLEANUP(buf_done) struct buf text = BUF_INIT(100);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		scratch_put("a", rows[i].content);
		assert_int_equal(file_read_text(path, &text, NULL), 0);
		assert_string_equal(buf_text(&text), rows[i].text);
		assert_int_equal(text.length, strlen(rows[i].text));
	}
	assert_int_equal(file_read_text(scratch_path, &text, NULL), -EINVAL);
}

static void directories_are_made_once_with_their_mode(void **state)
{
	CLEANUP(file_closep) int first = -1, second = -1;
	mode_t old = umask(077);
	struct error err = { 0 };

	(void)state;
	assert_int_equal(file_make_directory(scratch_fd, "d", 02755, &first, &err), 0);
	umask(old);
	assert_int_equal(scratch_mode("d"), 02755);
	assert_true((fcntl(first, F_GETFD) & FD_CLOEXEC) != 0);
	/* The mode of an existing directory is the operator's decision. */
	assert_int_equal(file_make_directory(scratch_fd, "d", 0700, &second, &err), 0);
	assert_int_equal(scratch_mode("d"), 02755);
	assert_int_equal(file_write(second, "a", "x", 1, 0644, false, &err), 0);
	assert_int_equal(faccessat(first, "a", F_OK, 0), 0);
}

static void directories_by_path_may_end_with_slashes(void **state)
{
	CLEANUP(mem_freep) char *path = mem_printf("%s/d//", scratch_path);
	CLEANUP(mem_freep) char *deep = mem_printf("%s/missing/d", scratch_path);
	CLEANUP(file_closep) int made = -1, opened = -1, root = -1;
	struct error err = { 0 };
	int fd = -1;

	(void)state;
	assert_int_equal(file_make_directory(AT_FDCWD, path, 0755, &made, &err), 0);
	assert_int_equal(file_open_directory(AT_FDCWD, path, &opened, &err), 0);
	assert_int_equal(file_open_directory(AT_FDCWD, "/", &root, &err), 0);
	assert_int_equal(file_make_directory(AT_FDCWD, deep, 0755, &fd, &err), -ENOENT);
	assert_int_equal(err.code, ERROR_OUTPUT);
	assert_int_equal(fd, -1);
}

static void a_directory_is_never_reached_by_symlink(void **state)
{
	CLEANUP(mem_freep) char *path = mem_printf("%s/link/", scratch_path);
	struct error err = { 0 };
	int fd = -1;

	(void)state;
	scratch_put("file", "x");
	assert_int_equal(mkdirat(scratch_fd, "d", 0755), 0);
	assert_int_equal(symlinkat("d", scratch_fd, "link"), 0);
	assert_true(file_open_directory(scratch_fd, "link", &fd, &err) < 0);
	assert_true(file_open_directory(AT_FDCWD, path, &fd, &err) < 0);
	assert_true(file_make_directory(scratch_fd, "link", 0755, &fd, &err) < 0);
	assert_int_equal(err.code, ERROR_OUTPUT);
	assert_int_equal(file_make_directory(scratch_fd, "file", 0755, &fd, &err), -ENOTDIR);
	assert_int_equal(file_open_directory(scratch_fd, "missing", &fd, &err), -ENOENT);
	assert_string_equal(err.message, "cannot open directory missing: No such file or directory");
	assert_int_equal(fd, -1);
}

static void closing_keeps_errno_and_happens_once(void **state)
{
	int fd = dup(scratch_fd), none = -1, closed = fd;

	(void)state;
	errno = EIO;
	file_closep(&fd);
	file_closep(&none);
	assert_int_equal(errno, EIO);
	assert_int_equal(fcntl(closed, F_GETFD), -1);
	assert_int_equal(fd, -1);
}

static int writing_end;

static void write_late(int signal_number)
{
	ssize_t ignored = write(writing_end, "late", 4);

	(void)signal_number;
	(void)ignored;
	close(writing_end);
}

/* Standard input is non-blocking if another program has left it so. */
static void a_stream_that_does_not_block_is_waited_for(void **state)
{
	const struct itimerval soon = { .it_value.tv_usec = 20000 };
	CLEANUP(buf_done) struct buf text = BUF_INIT(100);
	int ends[2];

	(void)state;
	assert_int_equal(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
	writing_end = ends[1];
	signal(SIGALRM, write_late);
	setitimer(ITIMER_REAL, &soon, NULL);
	assert_int_equal(file_read_stream(ends[0], "standard input", &text, NULL), 0);
	assert_string_equal(buf_text(&text), "late");
	signal(SIGALRM, SIG_DFL);
	close(ends[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stream_that_does_not_block_is_waited_for),
		cmocka_unit_test(names_are_one_harmless_component),
		SCRATCH_TEST(unsafe_names_are_refused_everywhere),
		SCRATCH_TEST(anything_but_a_regular_file_is_refused_without_waiting),
		SCRATCH_TEST(reading_replaces_the_content_of_the_buffer),
		SCRATCH_TEST(reading_stops_at_the_limit),
		SCRATCH_TEST(large_files_are_read_and_written_whole),
		SCRATCH_TEST(paths_of_the_operator_may_be_symlinks),
		SCRATCH_TEST(a_text_begins_behind_its_byte_order_mark),
		SCRATCH_TEST(directories_are_made_once_with_their_mode),
		SCRATCH_TEST(directories_by_path_may_end_with_slashes),
		SCRATCH_TEST(a_directory_is_never_reached_by_symlink),
		SCRATCH_TEST(closing_keeps_errno_and_happens_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
