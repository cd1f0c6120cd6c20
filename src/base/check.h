/* SPDX-License-Identifier: MIT */
#ifndef AITHER_BASE_CHECK_H
#define AITHER_BASE_CHECK_H

/*
 * The list of everything that can be wrong with an installation, for `aither doctor` and `aither status`. A
 * check has an id, the question that it asks, an answer (status and message) and a remedy. Two programs fill
 * the list: the worker, with its rights, secrets and network (worker/doctor.h), and the command line, which
 * sees systemd and other processes (cli/machine.h, cli/stored.h). Both commands print only what is in the
 * list, so they cannot disagree about a fact or a remedy.
 *
 * The list is a JSON array of
 *
 *	{"name":"output-directory", "status":"ok|warning|failed|skipped", "message":"...", "remedy":"..."}
 *
 * An id may occur more than once. Causes stand before their consequences. The message is a sentence for a
 * person, printed after the id. The remedy is null or lines of shell, to be run as root and in this order;
 * the operator has to replace words in capital letters. Message and remedy end up on screens and in bug
 * reports, so they contain no secret and no personal data.
 *
 * A check with a "headline" keeps visitors from being served or syncs from running: `aither status` is not
 * healthy and begins with the first one.
 */

struct json;

/* Remedies, or parts of them. */
#define CHECK_RESTART "systemctl restart aither aither-worker" /* applies a change */

enum check_status {
	CHECK_OK,
	CHECK_WARNING, /* works, but not as it should */
	CHECK_FAILED,
	CHECK_SKIPPED, /* does not apply, or cannot be found out here */
	CHECK_STATUSES
};

/* remedy: copied; NULL: none. Returns the new check, borrowed from the list. */
struct json *check_add(struct json *checks, const char *id, enum check_status status, const char *remedy,
	const char *format, ...) __attribute__((format(printf, 5, 6)));

/* The problem as a sentence that stands alone; the check's advice is appended. */
void check_set_headline(struct json *check, const char *format, ...) __attribute__((format(printf, 2, 3)));

void check_add_all(struct json *checks, const struct json *from); /* copies */

/* The question of a check with this id; NULL: systemd's unit of that name, or an id of another version. */
const char *check_question(const char *id);

const struct json *check_find(const struct json *checks, const char *id); /* the first; NULL: none */

/* The remedy in half a line, to be appended to a sentence: "; start it: systemctl ..."; "" if there is none.
 * Owned. */
char *check_advice(const struct json *check);

/* CHECK_FAILED for a status that this version does not know. */
enum check_status check_status_of(const struct json *check);

const char *check_as_root(void); /* the command that runs doctor as root, who can see the answer; static */

/* The command that opens a file in an editor that is installed, or the commands that install one first.
 * Owned. */
char *check_edit(const char *path);

/* A word for a shell, in quotes if it needs them. Owned. */
char *check_quote(const char *word);

#endif
