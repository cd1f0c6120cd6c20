/* SPDX-License-Identifier: MIT */
#include "base/noexec.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/syscall.h>

#include "base/error.h"
#include "base/mem.h"

/* The low half of an argument: both architectures are little-endian, and all flags are below bit 32. */
#define ARGUMENT(number) offsetof(struct seccomp_data, args[number])

#define LOAD(offset) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset)
#define REFUSE BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM)
#define PERMIT BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

/* The call's number is loaded before and after each of them. */
#define REFUSE_CALL(call) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_##call, 0, 1), REFUSE
#define REFUSE_CALL_WITH(call, number, flag)                                            \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_##call, 0, 4), LOAD(ARGUMENT(number)), \
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, flag, 0, 1), REFUSE, PERMIT

/* On another architecture the numbers mean other calls. The filter need not check the architecture: the units
 * permit only the native one (SystemCallArchitectures=), and a call refused by mistake harms only this
 * process. */
int noexec_enter(struct error *err)
{
	struct sock_filter filter[] = {
		LOAD(offsetof(struct seccomp_data, nr)),
		REFUSE_CALL_WITH(mmap, 2, PROT_EXEC),
		REFUSE_CALL_WITH(mprotect, 2, PROT_EXEC),
		REFUSE_CALL_WITH(pkey_mprotect, 2, PROT_EXEC),
		REFUSE_CALL_WITH(shmat, 2, SHM_EXEC),
		REFUSE_CALL(personality), /* READ_IMPLIES_EXEC */
		REFUSE_CALL(execve),
		REFUSE_CALL(execveat),
		PERMIT,
	};
	const struct sock_fprog program = { .len = ARRAY_SIZE(filter), .filter = filter };

	/* An unprivileged process must set this before a filter; the unit has set it already. */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
		prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
		return error_set(err, -errno, "cannot prevent this process from running new code: %m");
	return 0;
}
