/* SPDX-License-Identifier: MIT */

/*
 * For LD_PRELOAD into the programs: sets their wall clock, as often as a test likes while they run, without
 * touching the machine's clock. The test and the process share a file that AITHER_CLOCK names; clock.py
 * describes it, too. It holds one number: the milliseconds by which the clock is ahead. Files that a
 * program publishes get their times from the same clock, as they would from the kernel. Monotonic clocks
 * are left alone, unless AITHER_CLOCK_MONOTONIC is in the environment: then CLOCK_MONOTONIC is ahead as
 * well, as if time had passed.
 */

#define _GNU_SOURCE

#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const _Atomic int64_t *clock_ahead_ms; /* NULL while other libraries are still starting */

static bool clock_passes;

__attribute__((constructor)) static void clock_begin(void)
{
	const char *path = getenv("AITHER_CLOCK");
	int fd = path ? (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC) : -1;
	void *memory = MAP_FAILED;

	if (fd >= 0)
		memory = mmap(NULL, sizeof(*clock_ahead_ms), PROT_READ, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED)
		abort(); /* a test that tests nothing must not pass */
	syscall(SYS_close, fd);
	clock_ahead_ms = memory;
	clock_passes = getenv("AITHER_CLOCK_MONOTONIC");
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
	int64_t ahead_ms = clock_ahead_ms ? atomic_load(clock_ahead_ms) : 0;
	int64_t ns;

	if (syscall(SYS_clock_gettime, clock, now) < 0)
		return -1;
	if (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE &&
		!(clock == CLOCK_MONOTONIC && clock_passes))
		return 0;
	ns = now->tv_nsec + ahead_ms % 1000 * 1000000;
	now->tv_sec += (time_t)(ahead_ms / 1000) + (ns >= 1000000000) - (ns < 0);
	now->tv_nsec = (long)(ns + (ns < 0) * INT64_C(1000000000) - (ns >= 1000000000) * INT64_C(1000000000));
	return 0;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
	struct timespec exact;

	(void)zone;
	clock_gettime(CLOCK_REALTIME, &exact);
	now->tv_sec = exact.tv_sec;
	now->tv_usec = exact.tv_nsec / 1000;
	return 0;
}

time_t time(time_t *ret_now)
{
	struct timespec exact;

	clock_gettime(CLOCK_REALTIME, &exact);
	if (ret_now)
		*ret_now = exact.tv_sec;
	return exact.tv_sec;
}

int renameat(int from_directory, const char *from, int to_directory, const char *to)
{
	struct timespec times[] = { { .tv_nsec = UTIME_OMIT }, { 0 } };

	clock_gettime(CLOCK_REALTIME, &times[1]);
	syscall(SYS_utimensat, from_directory, from, times, AT_SYMLINK_NOFOLLOW);
	return (int)syscall(SYS_renameat2, from_directory, from, to_directory, to, 0);
}
