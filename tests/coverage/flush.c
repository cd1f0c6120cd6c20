/* SPDX-License-Identifier: MIT */

/*
 * Linked into every program of a build with --enable-coverage: a process that ends by _exit or abort writes
 * its counters first, as gcov does for a process that returns from main. So code that a test runs in a
 * child process counts, too.
 */

#include <gcov.h>

_Noreturn void __real__exit(int status);
_Noreturn void __wrap__exit(int status);
_Noreturn void __real_abort(void);
_Noreturn void __wrap_abort(void);

void __wrap__exit(int status)
{
	__gcov_dump();
	__real__exit(status);
}

void __wrap_abort(void)
{
	__gcov_dump();
	__real_abort();
}
