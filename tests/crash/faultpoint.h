/* SPDX-License-Identifier: MIT */
#ifndef AITHER_TESTS_FAULTPOINT_H
#define AITHER_TESTS_FAULTPOINT_H

/*
 * Between the two halves of the library: faultpoint.c knows the sites and what is to happen at them,
 * faultpoint-calls.c has the functions that stand before those of the C library. They ask at every call:
 *
 *	fault_fails(name, caller)                       the call fails, and errno says how
 *	fault_fails_or_interrupts(name, caller, fd)     likewise, of one that a signal may interrupt
 *	fault_share(name, caller, fd, length)           how many of `length` bytes may move
 *
 * `caller` is the return address of the function that stands before.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

bool fault_fails(const char *function, void *caller);

/* `fd`: what it waits for; -1: several, or something else. */
bool fault_fails_or_interrupts(const char *function, void *caller, int fd);

/* -1: it fails. 0 though there is something to move: nothing more comes. */
ssize_t fault_share(const char *function, void *caller, int fd, size_t length);

#endif
