/* SPDX-License-Identifier: MIT */
#ifndef AITHER_BASE_NOEXEC_H
#define AITHER_BASE_NOEXEC_H

/*
 * Restricts this process, and every thread that it starts later, to the code that is already loaded: execve
 * and execveat fail with EPERM, and so do calls that would make memory executable. The restriction cannot be
 * lifted. systemd's NoExecPaths= does the same for files, and MemoryDenyWriteExecute= for memory that is or
 * was writable. But neither covers a file in memory from memfd_create(2), which aither-web needs for response
 * bodies.
 *
 * Call it before the first thread, and after all code that loads libraries on demand (dlopen(3)). Returns 0,
 * or -errno with a message in *err if the kernel has no seccomp(2) filters; the program is then only as safe
 * as its unit makes it.
 */

struct error;

int noexec_enter(struct error *err);

#endif
