/* SPDX-License-Identifier: MIT */

/* For LD_PRELOAD into programs that valgrind runs: a kernel without seccomp(2) filters. valgrind makes memory
 * executable itself, which a program's own filter (src/base/noexec.c) would forbid it. */

#define _GNU_SOURCE

#include <errno.h>
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int prctl(int option, ...)
{
	unsigned long values[4];
	va_list arguments;

	if (option == PR_SET_SECCOMP) {
		errno = EINVAL;
		return -1;
	}
	va_start(arguments, option);
	for (int i = 0; i < 4; i++)
		values[i] = va_arg(arguments, unsigned long);
	va_end(arguments);
	return (int)syscall(SYS_prctl, option, values[0], values[1], values[2], values[3]);
}
