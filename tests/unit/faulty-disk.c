/* SPDX-License-Identifier: MIT */
#include "faulty-disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

static enum faulty_disk faulty_disk_fault;
static unsigned faulty_disk_left; /* calls until the fault; 0: it has happened */

void faulty_disk_arm(enum faulty_disk fault, unsigned call)
{
	faulty_disk_fault = fault;
	faulty_disk_left = call;
}

/* Counts a call; returns true, with errno, if it must fail. */
static bool faulty_disk_fails(bool needs_room)
{
	if (faulty_disk_fault == FAULTY_DISK_NONE)
		return false;
	if (faulty_disk_left > 0 && --faulty_disk_left > 0)
		return false;
	if (faulty_disk_fault == FAULTY_DISK_DIES)
		_exit(0);
	if (faulty_disk_fault == FAULTY_DISK_FULL && needs_room) {
		errno = ENOSPC;
		return true;
	}
	if (faulty_disk_fault != FAULTY_DISK_ONCE)
		return false;
	faulty_disk_fault = FAULTY_DISK_NONE;
	errno = EIO;
	return true;
}

ssize_t write(int fd, const void *bytes, size_t length)
{
	if (fd > STDERR_FILENO && faulty_disk_fails(true)) {
		(void)syscall(SYS_write, fd, bytes, length / 2);
		errno = ENOSPC;
		return -1;
	}
	return syscall(SYS_write, fd, bytes, length);
}

int renameat(int old_directory, const char *old_name, int new_directory, const char *new_name)
{
	if (faulty_disk_fails(true))
		return -1;
	return (int)syscall(SYS_renameat2, old_directory, old_name, new_directory, new_name, 0);
}

int unlinkat(int directory, const char *name, int flags)
{
	if (faulty_disk_fails(false))
		return -1;
	return (int)syscall(SYS_unlinkat, directory, name, flags);
}

int fsync(int fd)
{
	(void)fd;
	return faulty_disk_fails(false) ? -1 : 0;
}

int fdatasync(int fd)
{
	(void)fd;
	return faulty_disk_fails(true) ? -1 : 0;
}

int syncfs(int fd)
{
	(void)fd;
	return faulty_disk_fails(true) ? -1 : 0;
}
