/* SPDX-License-Identifier: MIT */
#ifndef AITHER_CLI_PROGRESS_H
#define AITHER_CLI_PROGRESS_H

/*
 * Shows the progress of a sync on stderr, so that stdout has only the result. On a terminal, it is one line
 * with a bar that is redrawn; elsewhere, and with TERM=dumb, it is one line for each phase.
 *
 *	fetch   [=================>                     ] 123 of 500  12 s
 *
 * The cursor is never hidden. A command calls progress_clear before it ends; a program that is killed leaves
 * only this line behind. Uses colours unless NO_COLOR is set.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct buf;

#define PROGRESS_LINE_MAX 1024 /* bytes; wider terminals get a shorter line */

struct progress {             /* as the worker reports it */
	const char *phase;    /* "fetch"; borrowed */
	unsigned done, total; /* courses or pages of the phase; total 0: not known */
	unsigned wait_s;      /* how long it still waits for Hemera's rate limit; 0: it does not wait */
	unsigned elapsed_s;   /* since the sync began */
};

struct progress_view {
	FILE *out; /* NULL: nothing is shown */
	bool is_terminal, has_color;
	bool drawn;            /* a line is on the screen */
	size_t shown;          /* lines: how many phases of the current sync have one */
	bool shown_limit;      /* lines: the current wait for the rate limit has one */
	const char *shown_why; /* lines: the reason of a wait between syncs; borrowed, a literal */
};

/* Chooses bar or lines, and colours, by the stream, TERM and NO_COLOR. `silent`: show nothing. */
void progress_open(struct progress_view *view, FILE *out, bool silent);

void progress_begin(struct progress_view *view); /* a sync begins */
void progress_show(struct progress_view *view, const struct progress *progress);

/* The sync has succeeded; `last_phase` was its last phase. Lines: adds the phases that were too short to be
 * seen. */
void progress_end(struct progress_view *view, const char *last_phase);

/* A wait between two syncs; to be called every second. `why` is a literal. */
void progress_wait(struct progress_view *view, unsigned left_s, const char *why);

void progress_clear(struct progress_view *view); /* wipes the line, if there is one */

/* The line for a terminal of `width` columns: one column shorter, since a full line would wrap. */
void progress_line(struct buf *out, const struct progress *progress, unsigned width, bool has_color);

/* Does the terminal have colours, and is NO_COLOR not set? */
bool progress_has_color(FILE *out);

#endif
