/* SPDX-License-Identifier: MIT */
#ifndef AITHER_CLI_STATUS_H
#define AITHER_CLI_STATUS_H

/*
 * The first line of `aither status` and its exit code: is aither healthy, by the report of the last sync and
 * the checks of the machine (base/check.h)?
 */

#include <stdint.h>

struct answer;
struct config;
struct json;
struct machine;

#define STATUS_STALE_MS (INT64_C(2) * 24 * 3600 * 1000) /* two days, as for /readyz */

/* Adds the checks sync (or configuration, if the worker cannot use its configuration), deferred, sync-token,
 * and machine_check(). `answer`: of GET /api/sync/status. Returns the exit code; 0: healthy. */
int status_check(const struct answer *answer, const struct machine *machine, const struct config *config,
	int64_t now_ms, struct json *checks);

/* The worst problem, or how the last sync ended; borrowed from the checks. */
const char *status_sentence(const struct json *checks);

/* Output of --json: the worker's envelope, with the sentence and the state of systemd's units added to its
 * data. There are always data, so that a script finds `healthy` in one place. Owned. */
struct json *status_to_json(
	const struct answer *answer, const struct machine *machine, const struct json *checks, int exit_code);

#endif
