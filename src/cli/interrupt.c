/* SPDX-License-Identifier: MIT */
#include "cli/interrupt.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "cli/command.h"

void interrupt_open(struct interrupt *interrupt, unsigned sets)
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH };
	size_t count = sets & INTERRUPT_OF_TERMINAL ? ARRAY_SIZE(numbers) : 1;
	struct sigaction action;
	sigset_t signals;

	sigemptyset(&signals);
	for (size_t i = 0; i < count; i++)
		if (sigaction(numbers[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN)
			sigaddset(&signals, numbers[i]);
	interrupt->fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	if (interrupt->fd < 0)
		return;
	if (sets & INTERRUPT_NO_STOP)
		sigaddset(&signals, SIGTSTP);
	sigprocmask(SIG_BLOCK, &signals, &interrupt->before);
}

void interrupt_close(struct interrupt *interrupt)
{
	if (interrupt->fd < 0)
		return;
	sigprocmask(SIG_SETMASK, &interrupt->before, NULL);
	file_closep(&interrupt->fd);
}

int interrupt_wait(const struct interrupt *interrupt, int fd, int timeout_ms)
{
	struct pollfd waits[] = { { .fd = interrupt->fd, .events = POLLIN }, { .fd = fd, .events = POLLIN } };
	struct signalfd_siginfo info;
	int count;

	do
		count = poll(waits, ARRAY_SIZE(waits), timeout_ms);
	while (count < 0 && errno == EINTR); /* the process was stopped and continued */
	if (count <= 0 || !waits[0].revents)
		return 0;
	return read(interrupt->fd, &info, sizeof(info)) == sizeof(info) ? (int)info.ssi_signo : 0;
}

int interrupt_leave(struct interrupt *interrupt, int signal_number)
{
	fflush(stdout); /* a process that a signal ends does not flush */
	interrupt_close(interrupt);
	raise(signal_number);
	return COMMAND_INTERRUPTED;
}
