/* SPDX-License-Identifier: MIT */
#ifndef AITHER_CLI_WORDS_H
#define AITHER_CLI_WORDS_H

/*
 * Text for a person: numbers, ages and times, and lines that may contain foreign text. Returned strings are
 * owned.
 */

#include <stdint.h>
#include <stdio.h>

char *words_count(int64_t count, const char *one, const char *many); /* "1 page", "12 pages" */

/* A span in its largest fitting unit, rounded down: "90 seconds", "12 minutes", "5 hours", "3 days". */
char *words_span(int64_t seconds);

/* A time for people, in the machine's time zone, or that of TZ: "today 14:03, 12 minutes ago", "tomorrow
 * 03:12, in 5 hours", "23 Nov 10:00, 7 days ago"; with the year if it is not the current one. */
char *words_time(int64_t then_ms, int64_t now_ms);

/* Print a line: words_print to `out`, words_complain to stderr after "aither: ". Foreign text (from Hemera or
 * a mail server, or a file name) must not control the terminal, so control characters, including those of C1
 * in UTF-8, become '?'. */
void words_print(FILE *out, const char *format, ...) __attribute__((format(printf, 2, 3)));
void words_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
