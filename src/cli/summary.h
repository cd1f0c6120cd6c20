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

#define SUMMARY_ERRORS_MAX 10 /* what fits a screen; the rest is in the JSON */

/* "12 pages written, 488 unchanged, 0 removed in 1.8 s"; a dry run: the pages that would change.
 * names_removed: also the pages that were removed. */
void summary_print(const struct json *report, bool names_removed);

/* On stderr, for a sync that did not succeed altogether: what failed, what to do, and last the line that
 * finds the journal's entries. */
void summary_complain(const struct answer *answer);

/* The first errors[] of a report, one in a line, how many more there are and that the command `all` shows
 * them; then what to do about each code among them, and about `more` (NULL: none). An error with the message
 * `except` (NULL: none) has been printed already. */
struct summary_errors {
	const struct json *report;
	const char *except, *more, *all;
};
void summary_print_errors(FILE *out, const struct summary_errors *errors);

/* "details: journalctl AITHER_JOB_ID=..." */
void summary_print_details(FILE *out, const struct json *report);

#endif
