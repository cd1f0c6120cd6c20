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

/* On stderr, for a failed or partial sync: how many problems there were, and summary_print_errors. */
void summary_complain(const struct answer *answer);

/* Prints the first errors[] of the answer's report, one per line, and the number of all others with the
 * command `all` that shows them; then the remedy for each code and the command that shows the journal's
 * entries. Leaves out the answer's own error, which has been printed already, but not its remedy. */
void summary_print_errors(FILE *out, const struct answer *answer, const char *all);

#endif
