/* SPDX-License-Identifier: MIT */
#ifndef AITHER_CLI_DOCTOR_H
#define AITHER_CLI_DOCTOR_H

/*
 * The checks that `aither doctor` makes itself, for the worker's sandbox shows neither systemd nor other
 * processes. All add to `checks` (base/check.h), change nothing, and need no privilege; what only root can
 * see is skipped for others.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/units.h"

struct config;
struct json;

/* What systemd says. `managed`: the daemon that is asked is that of the units; else (--listen, another
 * Socket, no systemd) nothing about units applies. */
struct doctor_units {
	struct unit web_socket, worker_socket, worker_web_socket, timer, web, worker, sync;
	struct unit others[8]; /* instances of aither-sync@.timer */
	size_t other_count;
	int answers[UNITS_LISTEN_MAX]; /* of web_socket.listen: of port_ask(); 0: not asked */
	bool known, managed;
};

/* Takes at most DOCTOR_UNITS_MS. Asks aither.socket's port before it asks systemd about the services, so that
 * one that cannot start has been tried. */
#define DOCTOR_PORT_MS 2500 /* aither-web answers 0.2 s after it was activated */
#define DOCTOR_UNITS_MS (2 * UNITS_TIMEOUT_MS + DOCTOR_PORT_MS)
void doctor_units_read(struct doctor_units *ret_units, const struct config *config);

/* The sockets, the timer, the services. */
void doctor_units_check(const struct doctor_units *units, const struct config *config, struct json *checks);

/* Why visitors get no answer at aither.socket's addresses, as a sentence: owned; NULL: they do, or it is not
 * known. An address that cannot be reached (FreeBind=, no IPv6) counts only where no other one answers and
 * the socket is for all clients. */
char *doctor_port_problem(const struct doctor_units *units);

/* port: who holds an address that aither.socket should have, and whether it is answered there. */
void doctor_port_check(const struct doctor_units *units, struct json *checks);

#define DOCTOR_MAKE_TOKEN "aither set-secret --generate sync-token"

/* credentials, sync-token, pages-password, tls: what is stored in one of `directories` (NULL-terminated;
 * doctor_credstores), what `loaded` (an array of names) says that the worker has of it, and what came after
 * its unit was started. */
extern const char *const doctor_credstores[];
void doctor_stored_check(const struct doctor_units *units, const char *const *directories,
	const struct json *loaded, struct json *checks);

/* Is a sync token stored, or does aither-web have one from elsewhere? *ret_hidden: only root may see it. */
bool doctor_token_is_set(const struct doctor_units *units, const char *const *directories, bool *ret_hidden);

/* credentials: stores and an environment file (CONFIG_ENVIRONMENT_FILE) with a secret that others can read.
 */
void doctor_exposed_check(const char *const *directories, const char *environment_file, struct json *checks);

/* restart: daemons that were started before a file of theirs was changed. */
void doctor_changed_check(const struct doctor_units *units, struct json *checks);

#endif
