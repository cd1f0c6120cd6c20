/* SPDX-License-Identifier: MIT */
#ifndef AITHER_CLI_VERDICT_H
#define AITHER_CLI_VERDICT_H

/*
 * Is aither well? Judged from the worker's status and from what systemd says of the units, for the first
 * line of `aither status` and its exit code. Units count only where they are those of this worker
 * (cli/doctor.h, `managed`).
 */

#include <stdbool.h>
#include <stdint.h>

struct answer;
struct doctor_units;
struct error;
struct unit;

#define VERDICT_STALE_MS (INT64_C(2) * 24 * 3600 * 1000) /* two days, as for /readyz */

struct verdict {
	int exit_code;  /* 0: healthy */
	char *sentence; /* owned; why it is healthy or not */
};

/* answer: of GET /api/sync/status; NULL: the worker could not be reached, as `failure` says. */
void verdict_judge(struct verdict *ret_verdict, const struct answer *answer, const struct error *failure,
	const struct doctor_units *units, int64_t now_ms);
void verdict_done(struct verdict *verdict);

/* The timer that fires next; NULL: none does. Borrowed. */
const struct unit *verdict_next_timer(const struct doctor_units *units);

#endif
