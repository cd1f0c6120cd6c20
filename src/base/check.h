/* SPDX-License-Identifier: MIT */
#ifndef AITHER_BASE_CHECK_H
#define AITHER_BASE_CHECK_H

/*
 * What `aither doctor` finds: a JSON array to which every check adds one or more objects
 *
 *	{"name":"output-directory", "status":"ok|warning|failed|skipped", "message":"...", "remedy":"..."}
 *
 * A name may occur more than once. The message is a sentence for a person. The remedy is null or lines of
 * shell, to be run as root and in this order; what the operator has to fill in is written in capital letters.
 * Both go to screens and bug reports: nothing secret and nobody's data is in them.
 */

#include "base/config.h"

struct json;

/* Remedies, or parts of them. */
#define CHECK_RESTART_WORKER "systemctl try-restart aither-worker.service"
#define CHECK_EDIT_CONFIG "sensible-editor " CONFIG_PATH_DEFAULT "\n" CHECK_RESTART_WORKER

enum check_status {
	CHECK_OK,
	CHECK_WARNING, /* works, but not as it should */
	CHECK_FAILED,
	CHECK_SKIPPED, /* does not apply, or cannot be known here */
	CHECK_STATUSES
};

/* remedy: copied; NULL: none. */
void check_add(struct json *checks, const char *name, enum check_status status, const char *remedy,
	const char *format, ...) __attribute__((format(printf, 5, 6)));

void check_add_all(struct json *checks, const struct json *from); /* copies */

/* A word as a shell reads it: in quotes where it needs them. Owned. */
char *check_quote(const char *word);

/* Of one of the array's objects; CHECK_FAILED for a word that is none. */
enum check_status check_status_of(const struct json *check);

#endif
