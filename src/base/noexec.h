/* SPDX-License-Identifier: MIT */
#ifndef AITHER_BASE_NOEXEC_H
#define AITHER_BASE_NOEXEC_H

/*
 * From here on this process, and every thread it starts, runs nothing but the code that is loaded: execve and
 * execveat fail with EPERM, and so do calls that would make memory executable; there is no way back.
 * systemd's NoExecPaths= does the same for files, and MemoryDenyWriteExecute= for memory that is or was
 * writable, but neither for a file in memory that memfd_create(2) gives, which aither-web needs for sending.
 *
 * Call it before the first thread, and after all code that loads libraries on demand (dlopen(3)). 0, or
 * -errno with a sentence: the kernel has no seccomp(2) filters; then the program is as safe as its unit makes
 * it.
 */

struct error;

int noexec_enter(struct error *err);

#endif
