/* SPDX-License-Identifier: MIT */
#ifndef AITHER_CLI_MACHINE_H
#define AITHER_CLI_MACHINE_H

/*
 * The state of systemd's units and of the port, and the checks of both (base/check.h). The command line makes
 * these checks because the worker's sandbox hides systemd and other processes. They change nothing and need
 * no privilege; a fact that only root can see is skipped for other users.
 *
 *	machine_read(&machine, config);
 *	machine_check(&machine, config, &failure, 0, checks);
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/units.h"

struct config;
struct error;
struct json;

enum machine_unit {
	MACHINE_WEB_SOCKET,
	MACHINE_WORKER_SOCKET,
	MACHINE_WORKER_WEB_SOCKET,
	MACHINE_WEB,
	MACHINE_WORKER,
	MACHINE_SYNC,
	MACHINE_TIMER, /* aither-sync.timer; after it come instances of aither-sync@.timer */
	MACHINE_UNITS_MAX = MACHINE_TIMER + 9
};

struct machine {
	struct unit units[MACHINE_UNITS_MAX];
	size_t count;
	int answers[UNITS_LISTEN_MAX]; /* port_ask() of each address of aither.socket */
	/* [Worker] Socket is that of aither-worker.socket. Otherwise (--listen, another Socket, no systemd),
	 * no check of units applies. */
	bool managed;
};

/* Takes at most MACHINE_READ_MS. Connects to aither.socket's port before it reads the state of the services,
 * so that systemd has tried to start them. */
#define MACHINE_PORT_MS 2500 /* aither-web answers within 0.2 s of its activation */
#define MACHINE_READ_MS (2 * UNITS_TIMEOUT_MS + MACHINE_PORT_MS)
void machine_read(struct machine *ret_machine, const struct config *config);

/* units, port, services, worker, and each socket and timer by its name. `failure`: why the worker cannot be
 * used, errnum 0 when it answers. last_sync_ms: when the last sync began; 0: not known. */
void machine_check(const struct machine *machine, const struct config *config, const struct error *failure,
	int64_t last_sync_ms, struct json *checks);

/* The timer that fires next; NULL: no timer will. Borrowed. */
const struct unit *machine_next_timer(const struct machine *machine);

#endif
