/* SPDX-License-Identifier: MIT */
#include "cli/doctor.h"

#include <pwd.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/config.h"
#include "base/mem.h"
#include "base/time.h"
#include "cli/port.h"

#define SWITCH_ON "systemctl enable --now aither.socket aither-sync.timer"
#define DEFAULT_SOCKET "/run/aither/worker.sock" /* of aither-worker.socket */
#define TEXT_MAX 4096
#define PORT "port"

static bool doctor_is_managed(const struct unit *socket, const char *path)
{
	for (size_t i = 0; i < socket->listen_count; i++)
		if (strcmp(socket->listen[i], path) == 0)
			return true;
	return !unit_is_installed(socket) && strcmp(path, DEFAULT_SOCKET) == 0;
}

void doctor_units_read(struct doctor_units *ret_units, const struct config *config)
{
	CLEANUP(units_freep) struct units *bus = units_open();
	struct doctor_units units = { 0 };

	units_read(bus, "aither.socket", &units.web_socket);
	units_read(bus, "aither-worker.socket", &units.worker_socket);
	units_read(bus, "aither-sync.timer", &units.timer);
	units_read(bus, "aither.service", &units.web);
	units_read(bus, "aither-worker.service", &units.worker);
	units_read(bus, "aither-sync.service", &units.sync);
	units.other_count = units_find(bus, "aither-sync@*.timer", units.others, ARRAY_SIZE(units.others));
	units.known = unit_is_known(&units.worker_socket);
	units.managed = units.known && doctor_is_managed(&units.worker_socket, config->worker.socket);
	*ret_units = units;
}

/* ---- units ---- */

static void unit_add(struct json *checks, const struct unit *unit, enum check_status status,
	const char *remedy, const char *more)
{
	CLEANUP(buf_done) struct buf text = BUF_INIT(TEXT_MAX);

	unit_describe(&text, unit);
	check_add(checks, unit->name, status, remedy, "%s%s", buf_text(&text), more);
}

/* True when the unit cannot be started at all, and that has been said. */
static bool unit_check_file(const struct unit *unit, struct json *checks)
{
	CLEANUP(mem_freep) char *unmask = mem_printf("systemctl unmask %s\n" SWITCH_ON, unit->name);
	CLEANUP(mem_freep) char *verify = mem_printf("systemd-analyze verify %s", unit->name);

	if (!unit_is_installed(unit))
		unit_add(checks, unit, CHECK_FAILED, "apt-get install --reinstall aither", "");
	else if (strcmp(unit->load, "masked") == 0)
		unit_add(checks, unit, CHECK_FAILED, unmask, "");
	else if (strcmp(unit->load, "loaded") != 0)
		unit_add(checks, unit, CHECK_FAILED, verify, ": systemd cannot use its file");
	else
		return false;
	return true;
}

static void web_socket_check(const struct unit *socket, struct json *checks)
{
	if (unit_check_file(socket, checks))
		return;
	if (!unit_is_active(socket))
		unit_add(checks, socket, CHECK_FAILED, SWITCH_ON, ": there is no homepage");
	else if (!unit_is_enabled(socket))
		unit_add(checks, socket, CHECK_WARNING, "systemctl enable aither.socket",
			": gone with the next start of this machine");
	else
		unit_add(checks, socket, CHECK_OK, NULL, "");
}

static void worker_socket_check(const struct doctor_units *units, struct json *checks)
{
	const struct unit *socket = &units->worker_socket;

	if (unit_check_file(socket, checks))
		return;
	if (unit_is_active(socket))
		unit_add(checks, socket, CHECK_OK, NULL, "");
	else
		unit_add(checks, socket, CHECK_FAILED,
			unit_is_active(&units->web_socket) ? "systemctl start aither-worker.socket"
							   : SWITCH_ON,
			": no sync can run");
}

/* Any of the timers will do. */
static void timer_check(const struct doctor_units *units, struct json *checks)
{
	const struct unit *running = unit_is_active(&units->timer) ? &units->timer : NULL;
	char when[TIME_TEXT_SIZE];

	for (size_t i = 0; i < units->other_count && !running; i++)
		if (unit_is_active(&units->others[i]))
			running = &units->others[i];
	if (!running) {
		if (!unit_check_file(&units->timer, checks))
			unit_add(checks, &units->timer, CHECK_FAILED, SWITCH_ON,
				": nothing is fetched from Hemera unless somebody asks for it");
		return;
	}
	CLEANUP(mem_freep) char *enable = mem_printf("systemctl enable '%s'", running->name);
	CLEANUP(mem_freep) char *next = NULL;
	if (running->next_ms)
		time_format(running->next_ms, when);
	next = running->next_ms ? mem_printf("; next run %s", when) : mem_strdup("");
	if (unit_is_enabled(running))
		unit_add(checks, running, CHECK_OK, NULL, next);
	else
		unit_add(
			checks, running, CHECK_WARNING, enable, ": gone with the next start of this machine");
}

static void services_check(const struct doctor_units *units, struct json *checks)
{
	const struct unit *const services[] = { &units->web, &units->worker, &units->sync };
	unsigned failed = 0;

	for (size_t i = 0; i < ARRAY_SIZE(services); i++) {
		const char *name = services[i]->name;
		CLEANUP(mem_freep)
		char *remedy = mem_printf("journalctl -x -n 20 -u %s\nsystemctl reset-failed %s", name, name);

		if (strcmp(services[i]->active, "failed") != 0)
			continue;
		failed++;
		unit_add(checks, services[i], CHECK_FAILED, remedy, "");
	}
	if (failed == 0)
		check_add(checks, "services", CHECK_OK, NULL, "none of aither's services has failed");
}

void doctor_units_check(const struct doctor_units *units, const struct config *config, struct json *checks)
{
	if (!units->known) {
		check_add(checks, "units", CHECK_SKIPPED, NULL, "systemd cannot be asked");
	} else if (!units->managed) {
		check_add(checks, "units", CHECK_SKIPPED, NULL,
			"[Worker] Socket is %s, where aither-worker.socket does not listen: no unit is used",
			config->worker.socket);
	} else {
		web_socket_check(&units->web_socket, checks);
		worker_socket_check(units, checks);
		timer_check(units, checks);
		services_check(units, checks);
	}
}

/* ---- port ---- */

static void holder_add(const char *address, const struct port_holder *holder, struct json *checks)
{
	const struct passwd *user = getpwuid(holder->uid);
	CLEANUP(mem_freep)
	char *remedy = holder->pid ? mem_printf("systemctl status %d\nkill %d\n" SWITCH_ON, (int)holder->pid,
					     (int)holder->pid)
				   : mem_strdup("sudo aither doctor");

	if (holder->pid)
		check_add(checks, PORT, CHECK_FAILED, remedy,
			"%s is held by %s (process %d, user %s), so aither.socket cannot listen there",
			address, holder->name, (int)holder->pid, user ? user->pw_name : "?");
	else
		check_add(checks, PORT, CHECK_FAILED, remedy,
			"%s is held by a program of user %s, whose name only root may see", address,
			user ? user->pw_name : "?");
}

void doctor_port_check(const struct doctor_units *units, struct json *checks)
{
	const struct unit *socket = &units->web_socket;
	CLEANUP(buf_done) struct buf addresses = BUF_INIT(TEXT_MAX);
	unsigned busy = 0;

	if (!units->managed || !unit_is_installed(socket)) {
		check_add(checks, PORT, CHECK_SKIPPED, NULL,
			"which one is wanted is known with aither.socket only");
		return;
	}
	for (size_t i = 0; i < socket->listen_count; i++) {
		struct port_address wanted;
		struct port_holder holder;

		buf_printf(&addresses, "%s%s", addresses.length ? ", " : "", socket->listen[i]);
		if (unit_is_active(socket) || port_parse(socket->listen[i], &wanted) < 0 ||
			!port_find_holder(&wanted, &holder))
			continue;
		holder_add(socket->listen[i], &holder, checks);
		busy++;
	}
	if (busy == 0)
		check_add(checks, PORT, CHECK_OK, NULL,
			unit_is_active(socket) ? "aither.socket listens on %s" : "%s: free",
			buf_text(&addresses));
}
