/* SPDX-License-Identifier: MIT */
#ifndef AITHER_CLI_SUMMARY_H
#define AITHER_CLI_SUMMARY_H

/*
 * The report of a sync (sync/report.h, as JSON) in sentences.
 */

#include <stdbool.h>
#include <stdio.h>

struct answer;
struct json;

/* "12 pages written, 488 unchanged, 0 removed in 1.8 s"; a dry run: the pages that would change.
 * names_removed: also the pages that were removed. */
void summary_print(const struct json *report, bool names_removed);

/* On stderr, for a sync that did not succeed altogether: what failed, and summary_print_errors. */
void summary_complain(const struct answer *answer);

/* The first errors[] of the answer's report, one in a line, how many more there are and that the command
 * `all` shows them; then what to do about each code, and the command that finds the journal's entries. The
 * error that the answer itself reports has been printed already, but not what to do about it. */
void summary_print_errors(FILE *out, const struct answer *answer, const char *all);

#endif
