/* SPDX-License-Identifier: MIT */
#include "base/noexec.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"

enum result { REFUSED, OTHERWISE, NOT_ENTERED, STILL_WORKS_NOT };

static char *const arguments[] = { (char *)"true", NULL };
static char *const no_environment[] = { NULL };

static enum result exec_path(void)
{
	execve("/bin/true", arguments, no_environment);
	return errno == EPERM ? REFUSED : OTHERWISE;
}

/* As a program in memory would be started. */
static enum result exec_descriptor(void)
{
	int fd = memfd_create("program", 0);

	if (fd < 0 || write(fd, "#!/bin/true\n", 12) != 12)
		return OTHERWISE;
	syscall(SYS_execveat, fd, "", arguments, no_environment, AT_EMPTY_PATH);
	return errno == EPERM ? REFUSED : OTHERWISE;
}

static void *exec_in_thread(void *ret_result)
{
	*(enum result *)ret_result = exec_path();
	return NULL;
}

static enum result exec_from_thread(void)
{
	enum result result = OTHERWISE;
	pthread_t thread;

	if (pthread_create(&thread, NULL, exec_in_thread, &result) != 0)
		return STILL_WORKS_NOT;
	pthread_join(thread, NULL);
	return result;
}

/* In a process of its own: it is for good. What a program that does start ends with is none of ours. */
static int status_of(enum result (*try)(void))
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		if (noexec_enter(NULL) < 0)
			_exit(NOT_ENTERED + 10);
		_exit((int)try() + 10);
	}
	assert_true(child > 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status) - 10;
}

static void no_program_is_started(void **state)
{
	static const struct {
		const char *name;
		enum result (*try)(void);
	} rows[] = { { "by its path", exec_path }, { "out of memory", exec_descriptor },
		{ "by a thread", exec_from_thread } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (status_of(rows[i].try) != REFUSED)
			fail_msg("%s", rows[i].name);
}

/* REFUSED stands for "as it should be". */
static enum result write_nothing(void)
{
	return write(STDERR_FILENO, "", 0) == 0 ? REFUSED : STILL_WORKS_NOT;
}

static void everything_else_goes_on(void **state)
{
	(void)state;
	assert_int_equal(status_of(write_nothing), REFUSED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_program_is_started),
		cmocka_unit_test(everything_else_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
