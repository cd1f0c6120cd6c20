/* SPDX-License-Identifier: MIT */
#ifndef AITHER_CLI_UNITS_H
#define AITHER_CLI_UNITS_H

/*
 * Reads the state of units from systemd over the system bus (org.freedesktop.systemd1(5)), changes nothing
 * and needs no privilege. No other module uses sd-bus.
 *
 *	CLEANUP(units_freep) struct units *units = units_open();     NULL: no systemd or no bus
 *	struct unit socket;
 *	units_read(units, "aither.socket", &socket);                 NULL is accepted: all "unknown"
 *	if (unit_is_known(&socket)) ...
 *
 * All calls over one connection take at most UNITS_TIMEOUT_MS together, so that a systemd that hangs does not
 * hang the command that looks for the reason. A unit that has not been read by then is unknown.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct units;

#define UNITS_TIMEOUT_MS 2000
#define UNITS_NAME_SIZE 256 /* limit of systemd, NUL included */
#define UNITS_WORD_SIZE 24  /* the longest, "service-start-limit-hit", has 23 */
#define UNITS_LISTEN_MAX 16 /* addresses of a socket unit; aither.socket has two */
#define UNITS_ADDRESS_SIZE 128

struct unit {
	char name[UNITS_NAME_SIZE];
	char load[UNITS_WORD_SIZE];   /* loaded, not-found, bad-setting, error, masked; "unknown" */
	char active[UNITS_WORD_SIZE]; /* active, inactive, failed, activating, deactivating...; "unknown" */
	char sub[UNITS_WORD_SIZE];    /* listening, running, waiting, dead...; "unknown" */
	char file[UNITS_WORD_SIZE];   /* enabled, disabled, static, masked...; "": no file; "unknown" */
	char result[UNITS_WORD_SIZE]; /* success, exit-code, signal, resources...; "": has none */
	int32_t exit_code;   /* services: how the last main process ended, CLD_EXITED, CLD_KILLED... of
			      * sigaction(2); 0: it has not, or none was started */
	int32_t exit_status; /* services: its exit status or signal */
	int64_t started_ms;  /* services: when the main process was last started; 0: never, or not known */
	int64_t next_ms;     /* timers: next run, the random delay included; 0: none is planned */
	uint32_t main_pid;   /* services; 0: not running */
	uint32_t restarts;   /* services: by systemd, since the last start or stop by a user */
	char listen[UNITS_LISTEN_MAX][UNITS_ADDRESS_SIZE]; /* sockets: "127.0.0.1:3500", "/run/..." */
	size_t listen_count;
	char drop_in[UNITS_ADDRESS_SIZE]; /* the operator's drop-in with the highest priority; "": none */
	char device[UNITS_WORD_SIZE];     /* sockets: BindToDevice=; "": any */
	bool denies;                      /* sockets: IPAddressDeny= keeps some clients away */
};

struct units *units_open(void); /* owned */
void units_freep(struct units **units);

/* Fills all of *ret_unit, also for a unit that does not exist (load "not-found"). */
void units_read(struct units *units, const char *name, struct unit *ret_unit);

/* The same for a service that may be starting: waits until the start has succeeded or failed, or most of
 * the connection's time is over. */
void units_read_started(struct units *units, const char *name, struct unit *ret_unit);

/* Reads at most `max` of the units in memory (active, failed or needed) whose names match a shell pattern
 * such as "aither-sync@*.timer". Returns how many. */
size_t units_find(struct units *units, const char *pattern, struct unit *ret_units, size_t max);

/* Has systemd answered? */
bool unit_is_known(const struct unit *unit);
bool unit_is_installed(const struct unit *unit); /* known, and the unit exists */
bool unit_is_active(const struct unit *unit);
bool unit_is_enabled(const struct unit *unit); /* starts at boot, or is enabled until the next boot */

/* The unit has failed, or is a service that systemd restarts after a failure: with Restart= and without a
 * start limit, a service that cannot start never becomes "failed". */
bool unit_has_failed(const struct unit *unit);
bool unit_is_restarting(const struct unit *unit); /* only the latter */

/* The service is running now, but systemd has restarted it at least UNITS_CRASHES times, the last time within
 * UNITS_CRASHED_MS. A worker that crashes during its work starts without an error each time. */
#define UNITS_CRASHES 3
#define UNITS_CRASHED_MS (INT64_C(3600) * 1000)
bool unit_is_crashing(const struct unit *unit, int64_t now_ms);

/* Has systemd failed to execute the service's program, or to set up its sandbox? */
bool unit_has_not_run(const struct unit *unit);

/* The state in a few words: "listening, enabled", "failed (exit-code), disabled", "restarting (exit status
 * 203/EXEC: its program cannot be executed), static", "not installed", "unknown". Owned. */
char *unit_describe(const struct unit *unit);

/* The reason of a failure: "exit status 217/USER: its user does not exist or cannot be set", "oom-kill: ...".
 * Owned. */
char *unit_describe_failure(const struct unit *unit);

#endif
