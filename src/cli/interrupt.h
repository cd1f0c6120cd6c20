/* SPDX-License-Identifier: MIT */
#ifndef AITHER_CLI_INTERRUPT_H
#define AITHER_CLI_INTERRUPT_H

/*
 * Turns Ctrl-C and similar signals into events that a command waits for, so that it can restore the terminal:
 *
 *	CLEANUP(interrupt_close) struct interrupt interrupt = INTERRUPT_INIT;
 *
 *	interrupt_open(&interrupt, INTERRUPT_OF_TERMINAL);
 *	while (...)
 *		if ((signal_number = interrupt_wait(&interrupt, fd, timeout_ms)) > 0) ...
 *	return interrupt_leave(&interrupt, signal_number);
 *
 * The signals are blocked in between. An ignored signal stays ignored, for nohup(1).
 */

#include <signal.h>

enum interrupt_set {               /* in addition to SIGINT, a sum of: */
	INTERRUPT_OF_TERMINAL = 1, /* SIGTERM, SIGHUP, SIGQUIT, and SIGWINCH, which ends nothing */
	INTERRUPT_NO_STOP = 2,     /* Ctrl-Z takes effect after interrupt_close */
};

struct interrupt {
	int fd; /* owned; -1: not open */
	sigset_t before;
};

#define INTERRUPT_INIT    \
	{                 \
		.fd = -1, \
	}

/* `sets`: of enum interrupt_set, 0 for SIGINT alone. If it fails (no descriptor left), the signals have their
 * usual effect. */
void interrupt_open(struct interrupt *interrupt, unsigned sets);
void interrupt_close(struct interrupt *interrupt); /* for CLEANUP; restores the signals */

/* Waits until `fd` (-1: none) can be read, a signal arrives or the time-out expires (-1: no time-out).
 * Returns the signal's number; 0: no signal. */
int interrupt_wait(const struct interrupt *interrupt, int fd, int timeout_ms);

/* Ends the program by the signal, because a shell leaves a loop after Ctrl-C only if the signal has killed
 * the program. Returns COMMAND_INTERRUPTED if it has not. */
int interrupt_leave(struct interrupt *interrupt, int signal_number);

#endif
