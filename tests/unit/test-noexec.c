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
#include <sys/personality.h>
#include <sys/shm.h>
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

/* This is how a program in memory would be started. */
static enum result exec_descriptor(void)
{
	int fd = memfd_create("program", 0);

	if (fd < 0 || write(fd, "#!/bin/true\n", 12) != 12)
		return OTHERWISE;
	syscall(SYS_execveat, fd, "", arguments, no_environment, AT_EMPTY_PATH);
	return errno == EPERM ? REFUSED : OTHERWISE;
}

static enum result is_refused(void *mapped)
{
	if (mapped == MAP_FAILED)
		return errno == EPERM ? REFUSED : OTHERWISE;
	munmap(mapped, 4096);
	return OTHERWISE;
}

/* Maps a file in memory, which is never writable through this mapping. */
static enum result map_descriptor(void)
{
	int fd = memfd_create("code", 0);

	if (fd < 0 || ftruncate(fd, 4096) < 0)
		return OTHERWISE;
	return is_refused(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0));
}

static enum result map_library(void)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return OTHERWISE;
	return is_refused(mmap(NULL, 4096, PROT_EXEC, MAP_SHARED, fd, 0));
}

/* The kernel takes prot as a long, and ignores the upper half. */
static enum result map_with_high_bits(void)
{
	long code = syscall(
		SYS_mmap, NULL, 4096L, PROT_READ | PROT_EXEC | 1L << 40, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0L);

	return code == -1 && errno == EPERM ? REFUSED : OTHERWISE;
}

static void *new_page(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static enum result protect(void)
{
	void *page = new_page();

	if (page == MAP_FAILED)
		return STILL_WORKS_NOT;
	return mprotect(page, 4096, PROT_READ | PROT_EXEC) < 0 && errno == EPERM ? REFUSED : OTHERWISE;
}

static enum result protect_with_key(void)
{
	void *page = new_page();

	if (page == MAP_FAILED)
		return STILL_WORKS_NOT;
	return syscall(SYS_pkey_mprotect, page, 4096L, PROT_READ | PROT_EXEC, -1) < 0 && errno == EPERM
		       ? REFUSED
		       : OTHERWISE;
}

static enum result attach_shared(void)
{
	int id = shmget(IPC_PRIVATE, 4096, 0700);

	if (id < 0)
		return OTHERWISE;
	void *code = shmat(id, NULL, SHM_EXEC);
	int errnum = errno;
	shmctl(id, IPC_RMID, NULL);
	return (intptr_t)code == -1 && errnum == EPERM ? REFUSED : OTHERWISE;
}

static enum result make_all_executable(void)
{
	return personality(READ_IMPLIES_EXEC) < 0 && errno == EPERM ? REFUSED : OTHERWISE;
}

static void *map_in_thread(void *ret_result)
{
	*(enum result *)ret_result = map_descriptor();
	return NULL;
}

static void *exec_in_thread(void *ret_result)
{
	*(enum result *)ret_result = exec_path();
	return NULL;
}

static enum result from_thread(void *(*try)(void *))
{
	enum result result = OTHERWISE;
	pthread_t thread;

	if (pthread_create(&thread, NULL, try, &result) != 0)
		return STILL_WORKS_NOT;
	pthread_join(thread, NULL);
	return result;
}

static enum result exec_from_thread(void)
{
	return from_thread(exec_in_thread);
}

static enum result map_from_thread(void)
{
	return from_thread(map_in_thread);
}

/* In a separate process, because the filter cannot be removed. If the program does start, it ends with
 * another status. */
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

static void only_loaded_code_can_run(void **state)
{
	static const struct {
		const char *name;
		enum result (*try)(void);
	} rows[] = {
		{ "a program by its path", exec_path },
		{ "a program out of memory", exec_descriptor },
		{ "a program by a thread", exec_from_thread },
		{ "mmap of a file in memory", map_descriptor },
		{ "mmap of a file in memory by a thread", map_from_thread },
		{ "mmap of a file that may be executed", map_library },
		{ "mmap with bits above 32", map_with_high_bits },
		{ "mprotect", protect },
		{ "pkey_mprotect", protect_with_key },
		{ "shmat", attach_shared },
		{ "personality", make_all_executable },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (status_of(rows[i].try) != REFUSED)
			fail_msg("%s", rows[i].name);
}

/* REFUSED means "as it should be" here. */
static enum result write_nothing(void)
{
	return write(STDERR_FILENO, "", 0) == 0 ? REFUSED : STILL_WORKS_NOT;
}

/* As in http/server.c. */
static enum result map_to_read_and_write(void)
{
	int fd = memfd_create("data", 0);

	if (fd < 0 || ftruncate(fd, 4096) < 0)
		return STILL_WORKS_NOT;
	void *data = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (data == MAP_FAILED || mprotect(data, 4096, PROT_READ) < 0)
		return STILL_WORKS_NOT;
	return REFUSED;
}

static void everything_else_goes_on(void **state)
{
	(void)state;
	assert_int_equal(status_of(write_nothing), REFUSED);
	assert_int_equal(status_of(map_to_read_and_write), REFUSED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_loaded_code_can_run),
		cmocka_unit_test(everything_else_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
