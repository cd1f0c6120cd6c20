/* SPDX-License-Identifier: MIT */

/*
 * For LD_PRELOAD into aither-worker: counts the calls that change files below one directory, and makes the
 * call with a given number kill the process or fail. All other calls go to the kernel unchanged.
 *
 * The test and the process share a file that AITHER_CRASHPOINT names; crashpoint.py describes it, too.
 * Between two syncs of a running worker, the test can set another point and read which calls were made:
 *
 *	mkdirat courses
 *	renameat courses/.tmp-0 courses/x.html
 *	unlinkat /etc/motd                      a change elsewhere: not counted, the test decides
 *
 * The library wraps the functions that the worker calls; tests/style/test_source.py checks that none is
 * missing.
 */

#define _GNU_SOURCE
/* Otherwise the headers define some of these functions themselves. */
#undef _FORTIFY_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CRASH_DIRECTORY_SIZE 512
#define CRASH_LOG_SIZE (256 << 10)
#define CRASH_PATH_SIZE (2 * PATH_MAX)

enum crash_action {
	CRASH_NOTHING,
	CRASH_KILL, /* before the call */
	CRASH_FAIL, /* without making the call */
	/* For write: half of the bytes, then death; or success with half of them, and the next call
	 * fails. */
	CRASH_HALF_KILL,
	CRASH_HALF_FAIL,
};

struct crash_control { /* the shared file */
	_Atomic uint32_t at, action, errnum;
	_Atomic uint32_t all;   /* count opening for reading, and closing of written files, too */
	_Atomic uint32_t count; /* the calls so far */
	_Atomic uint32_t log_length;
	char directory[CRASH_DIRECTORY_SIZE];
	char log[CRASH_LOG_SIZE];
};

static struct crash_control *crash_control; /* NULL while other libraries are still starting */

__attribute__((constructor)) static void crash_begin(void)
{
	const char *path = getenv("AITHER_CRASHPOINT");
	int fd = path ? (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC) : -1;
	void *memory = MAP_FAILED;

	if (fd >= 0)
		memory = mmap(NULL, sizeof(*crash_control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED)
		abort(); /* a test that tests nothing must not pass */
	syscall(SYS_close, fd);
	crash_control = memory;
}

static _Noreturn void crash_die(void)
{
	for (;;)
		syscall(SYS_kill, getpid(), SIGKILL);
}

__attribute__((format(printf, 1, 2))) static void crash_log(const char *format, ...)
{
	char line[3 * CRASH_PATH_SIZE];
	va_list arguments;
	uint32_t start;
	int length;

	va_start(arguments, format);
	length = vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	start = atomic_fetch_add(&crash_control->log_length, (uint32_t)length);
	if (start + (uint32_t)length > CRASH_LOG_SIZE)
		abort();
	memcpy(crash_control->log + start, line, (size_t)length);
}

/* The path of a descriptor; false: it is not a file or directory. */
static bool crash_locate_fd(int fd, char ret_path[static CRASH_PATH_SIZE])
{
	char link[64];
	struct stat status;
	ssize_t length;

	if (!crash_control || fstat(fd, &status) < 0 || !(S_ISREG(status.st_mode) || S_ISDIR(status.st_mode)))
		return false;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	length = readlink(link, ret_path, CRASH_PATH_SIZE - 1);
	if (length < 0)
		return false;
	ret_path[length] = '\0';
	return true;
}

static bool crash_locate(int directory, const char *name, char ret_path[static CRASH_PATH_SIZE])
{
	size_t length;

	if (!crash_control)
		return false;
	if (name[0] == '/') {
		snprintf(ret_path, CRASH_PATH_SIZE, "%s", name);
		return true;
	}
	if (directory == AT_FDCWD && !getcwd(ret_path, PATH_MAX))
		return false;
	if (directory != AT_FDCWD && !crash_locate_fd(directory, ret_path))
		return false;
	length = strlen(ret_path);
	snprintf(ret_path + length, CRASH_PATH_SIZE - length, "/%s", name);
	return true;
}

/* The part of the path below the directory, "." for the directory itself; NULL: the path is outside. */
static const char *crash_inside(const char *path)
{
	size_t length = strlen(crash_control->directory);

	if (strncmp(path, crash_control->directory, length) != 0 || strstr(path, "/.."))
		return NULL;
	if (path[length] == '\0')
		return ".";
	return path[length] == '/' ? path + length + 1 : NULL;
}

/* The action for the call that now begins. */
static enum crash_action crash_count(void)
{
	uint32_t number = atomic_fetch_add(&crash_control->count, 1) + 1;
	enum crash_action action = (enum crash_action)atomic_load(&crash_control->action);

	if (number != atomic_load(&crash_control->at))
		return CRASH_NOTHING;
	if (action == CRASH_KILL)
		crash_die();
	if (action == CRASH_HALF_FAIL) {
		atomic_store(&crash_control->action, CRASH_FAIL);
		atomic_store(&crash_control->at, number + 1);
	}
	errno = (int)atomic_load(&crash_control->errnum);
	return action;
}

/* Only the sync's thread counts. The main thread writes the worker's state at the same time, so counting it
 * would make the numbers depend on timing. Those calls fail in test_fault_worker.py. */
static enum crash_action crash_meet(const char *call, const char *path)
{
	const char *where = crash_inside(path);

	if (gettid() == getpid())
		return CRASH_NOTHING;
	crash_log("%s %s\n", call, where ? where : path);
	return where ? crash_count() : CRASH_NOTHING;
}

/* Returns true if the call must fail; errno says how. */
static bool crash_fails_at(const char *call, int directory, const char *name)
{
	char path[CRASH_PATH_SIZE];

	return crash_locate(directory, name, path) && crash_meet(call, path) == CRASH_FAIL;
}

static bool crash_fails_fd(const char *call, int fd)
{
	char path[CRASH_PATH_SIZE];

	return crash_locate_fd(fd, path) && crash_meet(call, path) == CRASH_FAIL;
}

/* ---- calls that change names ---- */

static bool crash_fails_open(int directory, const char *name, int flags)
{
	char path[CRASH_PATH_SIZE];

	if (flags & (O_CREAT | O_TRUNC))
		return crash_fails_at("openat", directory, name);
	return crash_control && crash_control->all && crash_locate(directory, name, path) &&
	       crash_inside(path) && crash_meet("read", path) == CRASH_FAIL;
}

static int crash_open(int directory, const char *name, int flags, va_list arguments)
{
	mode_t mode = (flags & O_CREAT) ? va_arg(arguments, mode_t) : 0;

	if (crash_fails_open(directory, name, flags))
		return -1;
	return (int)syscall(SYS_openat, directory, name, flags, mode);
}

int openat(int directory, const char *name, int flags, ...)
{
	va_list arguments;

	va_start(arguments, flags);
	int fd = crash_open(directory, name, flags, arguments);
	va_end(arguments);
	return fd;
}

int open(const char *name, int flags, ...)
{
	va_list arguments;

	va_start(arguments, flags);
	int fd = crash_open(AT_FDCWD, name, flags, arguments);
	va_end(arguments);
	return fd;
}

int renameat(int from, const char *old, int to, const char *new)
{
	char source[CRASH_PATH_SIZE], target[CRASH_PATH_SIZE], both[2 * CRASH_PATH_SIZE + 1];
	const char *inside;

	if (crash_locate(from, old, source) && crash_locate(to, new, target)) {
		inside = crash_inside(target);
		snprintf(both, sizeof(both), "%s %s", source, inside ? inside : target);
		if (crash_meet("renameat", both) == CRASH_FAIL)
			return -1;
	}
	return (int)syscall(SYS_renameat2, from, old, to, new, 0);
}

int unlinkat(int directory, const char *name, int flags)
{
	if (crash_fails_at("unlinkat", directory, name))
		return -1;
	return (int)syscall(SYS_unlinkat, directory, name, flags);
}

int unlink(const char *name)
{
	return unlinkat(AT_FDCWD, name, 0);
}

int mkdirat(int directory, const char *name, mode_t mode)
{
	if (crash_fails_at("mkdirat", directory, name))
		return -1;
	return (int)syscall(SYS_mkdirat, directory, name, mode);
}

/* ---- calls that change files ---- */

ssize_t write(int fd, const void *bytes, size_t length)
{
	char path[CRASH_PATH_SIZE];
	enum crash_action action = CRASH_NOTHING;
	ssize_t written;

	if (crash_locate_fd(fd, path))
		action = crash_meet("write", path);
	if (action == CRASH_FAIL)
		return -1;
	if (action == CRASH_HALF_KILL || action == CRASH_HALF_FAIL)
		length /= 2;
	written = syscall(SYS_write, fd, bytes, length);
	if (action == CRASH_HALF_KILL)
		crash_die();
	return written;
}

int fchmod(int fd, mode_t mode)
{
	return crash_fails_fd("fchmod", fd) ? -1 : (int)syscall(SYS_fchmod, fd, mode);
}

int chmod(const char *name, mode_t mode)
{
	if (crash_fails_at("chmod", AT_FDCWD, name))
		return -1;
	return (int)syscall(SYS_fchmodat, AT_FDCWD, name, mode);
}

int utimensat(int directory, const char *name, const struct timespec times[2], int flags)
{
	if (crash_fails_at("utimensat", directory, name))
		return -1;
	return (int)syscall(SYS_utimensat, directory, name, times, flags);
}

/* On Linux, the call has taken effect even when it fails. */
int close(int fd)
{
	char path[CRASH_PATH_SIZE];
	int flags = crash_control && crash_control->all ? fcntl(fd, F_GETFL) : -1;
	bool fails = flags >= 0 && (flags & O_ACCMODE) != O_RDONLY && crash_locate_fd(fd, path) &&
		     crash_inside(path) && crash_meet("close", path) == CRASH_FAIL;
	int errnum = errno;
	int r = (int)syscall(SYS_close, fd);

	if (!fails)
		return r;
	errno = errnum;
	return -1;
}

/* ---- calls that flush to disk are only counted. A killed process loses no data that the kernel has, and
 * hundreds of syncs would wait for a slow disk. ---- */

int fdatasync(int fd)
{
	return crash_fails_fd("fdatasync", fd) ? -1 : 0;
}

int fsync(int fd)
{
	return crash_fails_fd("fsync", fd) ? -1 : 0;
}

int syncfs(int fd)
{
	return crash_fails_fd("syncfs", fd) ? -1 : 0;
}
