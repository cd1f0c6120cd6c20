/* SPDX-License-Identifier: MIT */
#ifndef AITHER_BASE_SLIP_H
#define AITHER_BASE_SLIP_H

/*
 * Recognises typing errors, for "did you mean ...?": in a key of the configuration, a command or an option.
 */

#include <limits.h>
#include <stddef.h>

#define SLIP_NONE UINT_MAX
#define SLIP_LENGTH_MAX 64 /* longer words are not compared */

/* The number of insertions, deletions and replacements of letters that turn one word into the other
 * (Levenshtein distance), ignoring case; SLIP_NONE if the words differ too much for a typing error. */
unsigned slip_distance(const char *given, const char *known);

#endif
