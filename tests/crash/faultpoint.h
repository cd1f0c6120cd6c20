/* SPDX-License-Identifier: MIT */
#ifndef AITHER_TESTS_FAULTPOINT_H
#define AITHER_TESTS_FAULTPOINT_H

/*
 * The interface between the two halves of the library: faultpoint.c knows the sites and their faults;
 * faultpoint-calls.c has the functions that replace those of the C library. These ask at every call:
 *
 *	fault_fails(name, caller)                       the call fails, and errno says how
 *	fault_fails_or_interrupts(name, caller, fd)     the same for a call that a signal may interrupt
 *	fault_share(name, caller, fd, length)           how many of `length` bytes may be transferred
 *
 * `caller` is the return address of the replacing function.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

bool fault_fails(const char *function, void *caller);

/* `fd`: the descriptor on which it waits; -1: several, or something else. */
bool fault_fails_or_interrupts(const char *function, void *caller, int fd);

/* -1: the call fails. 0 for a `length` above 0: the end of the data. */
ssize_t fault_share(const char *function, void *caller, int fd, size_t length);

#endif
