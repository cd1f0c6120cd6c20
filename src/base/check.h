/* SPDX-License-Identifier: MIT */
#ifndef AITHER_BASE_CHECK_H
#define AITHER_BASE_CHECK_H

/*
 * Everything that can be wrong with an installation, as one list for `aither doctor` and `aither status`. A
 * check has an id, the question that it asks, an answer (status and message) and a remedy. Two providers fill
 * the list: the daemon, with its rights, secrets and network (worker/doctor.h), and the command line, which
 * sees systemd and other processes (cli/machine.h, cli/stored.h). Both commands print what is in the list and
 * nothing of their own, so they cannot disagree about a fact or a remedy.
 *
 * The list is a JSON array of
 *
 *	{"name":"output-directory", "status":"ok|warning|failed|skipped", "message":"...", "remedy":"..."}
 *
 * An id may occur more than once. Causes stand before their consequences. The message is a sentence for a
 * person, to be read after the id. The remedy is null or lines of shell, to be run as root and in this order;
 * words in capital letters are for the operator to replace. Both go to screens and bug reports, so they
 * contain no secret and no personal data.
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
	CHECK_SKIPPED, /* does not apply, or cannot be known here */
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

/* The remedy in half a line, to be appended to a sentence: "; start it: systemctl ...", "" where there is
 * none. Owned. */
char *check_advice(const struct json *check);

/* CHECK_FAILED for a status that this version does not know. */
enum check_status check_status_of(const struct json *check);

const char *check_as_root(void); /* doctor as root, who can see the answer; static */

/* The line that opens a file in an editor that is installed, or installs one. Owned. */
char *check_edit(const char *path);

/* A word as a shell reads it: in quotes where it needs them. Owned. */
char *check_quote(const char *word);

#endif
