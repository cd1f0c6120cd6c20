/* SPDX-License-Identifier: MIT */
#ifndef AITHER_BASE_SLIP_H
#define AITHER_BASE_SLIP_H

/*
 * Slips of the keyboard, for "did you mean ...?": a key of the configuration, a command, an option.
 */

#include <limits.h>
#include <stddef.h>

#define SLIP_NONE UINT_MAX
#define SLIP_LENGTH_MAX 64 /* longer words are not compared */

/* Insertions, deletions and replacements of letters that lead from one word to the other (Levenshtein),
 * without regard to case; SLIP_NONE if they are so many that another word was meant. */
unsigned slip_distance(const char *given, const char *known);

#endif
