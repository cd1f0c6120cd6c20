/* SPDX-License-Identifier: MIT */
#ifndef AITHER_CLI_STATUS_JSON_H
#define AITHER_CLI_STATUS_JSON_H

/*
 * What `aither status --json` prints: the worker's envelope, whose data also say what the command judges and
 * what systemd says. There are data in any case, so that a script finds `healthy` at one place.
 */

struct answer;
struct error;
struct verdict;
struct doctor_units;
struct json;

/* answer NULL: the worker could not be reached, as `failure` says. Owned. */
struct json *status_to_json(const struct answer *answer, const struct error *failure,
	const struct verdict *verdict, const struct doctor_units *units);

#endif
