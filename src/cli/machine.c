/* SPDX-License-Identifier: MIT */
#include "cli/machine.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/time.h"
#include "cli/port.h"
#include "cli/words.h"
#include "config/config-check.h"
#include "config/config.h"

#define SWITCH_ON "systemctl enable --now aither.socket aither-sync.timer"
#define DEFAULT_SOCKET "/run/aither/worker.sock" /* of aither-worker.socket */
#define BECAUSE_SWITCH ", because aither.socket is off"
#define START_AGAIN "systemctl reset-failed %s\nsystemctl restart %s" /* and reset the count of restarts */
#define TEXT_MAX 4096
#define CONTAINER_PATH "/run/systemd/container" /* written by systemd in a container */
#define CONTAINER_NAME_MAX 64

static_assert(UNITS_LISTEN_MAX <= PORT_ASK_MAX, "every address gets a request");

/* ---- reading ---- */

void machine_read(struct machine *ret_machine, const struct config *config)
{
	CLEANUP(units_freep) struct units *bus = units_open();
	CLEANUP(units_freep) struct units *later = NULL;
	struct machine machine = { 0 };
	struct unit *units = machine.units;
	const struct unit *web_socket = &units[MACHINE_WEB_SOCKET];
	const struct unit *worker_socket = &units[MACHINE_WORKER_SOCKET];
	struct port_address addresses[UNITS_LISTEN_MAX] = { 0 };

	units_read(bus, "aither.socket", &units[MACHINE_WEB_SOCKET]);
	units_read(bus, "aither-worker.socket", &units[MACHINE_WORKER_SOCKET]);
	units_read(bus, "aither-worker-web.socket", &units[MACHINE_WORKER_WEB_SOCKET]);
	units_read(bus, "aither-sync.timer", &units[MACHINE_TIMER]);
	machine.count = MACHINE_TIMER + 1;
	machine.count += units_find(
		bus, "aither-sync@*.timer", &units[machine.count], MACHINE_UNITS_MAX - machine.count);
	machine.managed = unit_is_known(worker_socket) && !unit_is_installed(worker_socket) &&
			  strcmp(config->worker.socket, DEFAULT_SOCKET) == 0;
	for (size_t i = 0; i < worker_socket->listen_count; i++)
		machine.managed |= strcmp(worker_socket->listen[i], config->worker.socket) == 0;
	for (size_t i = 0; i < web_socket->listen_count && machine.managed && unit_is_active(web_socket); i++)
		port_parse(web_socket->listen[i], &addresses[i]);
	port_ask(addresses, web_socket->listen_count, MACHINE_PORT_MS, machine.answers);
	later = bus ? units_open() : NULL;
	units_read(later, "aither-sync.service", &units[MACHINE_SYNC]);
	units_read_started(later, "aither.service", &units[MACHINE_WEB]);
	units_read_started(later, "aither-worker.service", &units[MACHINE_WORKER]);
	*ret_machine = machine;
}

const struct unit *machine_next_timer(const struct machine *machine)
{
	const struct unit *next = NULL;

	for (size_t i = MACHINE_TIMER; i < machine->count; i++) {
		const struct unit *timer = &machine->units[i];

		if (timer->next_ms > 0 && (!next || timer->next_ms < next->next_ms))
			next = timer;
	}
	return next;
}

/* ---- units ---- */

static struct json *add_unit(struct json *checks, const struct unit *unit, enum check_status status,
	const char *remedy, const char *more)
{
	CLEANUP(mem_freep) char *state = unit_describe(unit);

	return check_add(checks, unit->name, status, remedy, "%s%s", state, more);
}

/* A unit that does not work. `effect`: half a sentence about the consequence, "" if the unit's name says
 * enough. `hint`: for doctor alone. */
static void add_broken(struct json *checks, const struct unit *unit, const char *remedy, const char *effect,
	const char *hint)
{
	const char *colon = *effect ? ": " : "", *so = *effect ? ", so " : "";
	CLEANUP(mem_freep) char *more = mem_printf("%s%s%s", colon, effect, hint);
	CLEANUP(mem_freep) char *why = unit_describe_failure(unit);
	struct json *check = add_unit(checks, unit, CHECK_FAILED, remedy, more);

	if (unit_is_restarting(unit))
		check_set_headline(
			check, "%s has failed (%s) and systemd keeps restarting it", unit->name, why);
	else if (unit_has_failed(unit))
		check_set_headline(check, "%s has failed (%s)%s%s", unit->name, why, so, effect);
	else
		check_set_headline(check, "%s is %s%s%s", unit->name, unit->active, so, effect);
}

/* The commands that correct the operator's drop-in, the likely reason why systemd cannot use or start the
 * unit. Owned; NULL: it has no drop-in. */
static char *drop_in_remedy(const struct unit *unit)
{
	CLEANUP(mem_freep) char *edit = check_edit(unit->drop_in);

	return unit->drop_in[0]
		       ? mem_printf("%s\nsystemctl daemon-reload\n" START_AGAIN, edit, unit->name, unit->name)
		       : NULL;
}

/* Adds a check for a unit that is unknown or cannot be started at all, and returns true. */
static bool check_file(const struct unit *unit, struct json *checks)
{
	CLEANUP(mem_freep) char *unmask = mem_printf("systemctl unmask %s\n" SWITCH_ON, unit->name);
	CLEANUP(mem_freep) char *edit = drop_in_remedy(unit);
	CLEANUP(mem_freep)
	char *replace =
		mem_printf("systemd-analyze verify %s\napt-get install --reinstall aither", unit->name);
	struct json *check;

	if (!unit_is_known(unit)) {
		add_unit(checks, unit, CHECK_SKIPPED, NULL, "");
	} else if (!unit_is_installed(unit)) {
		add_unit(checks, unit, CHECK_FAILED, "apt-get install --reinstall aither", "");
	} else if (strcmp(unit->load, "masked") == 0) {
		check = add_unit(checks, unit, CHECK_FAILED, unmask, "");
		check_set_headline(check, "%s is masked", unit->name);
	} else if (strcmp(unit->load, "loaded") != 0) {
		check = add_unit(
			checks, unit, CHECK_FAILED, edit ?: replace, ": systemd cannot use its file");
		check_set_headline(check, "systemd cannot use the file of %s", unit->name);
	} else {
		return false;
	}
	return true;
}

static void add_good(struct json *checks, const struct unit *unit, const char *more)
{
	CLEANUP(mem_freep) char *word = check_quote(unit->name);
	CLEANUP(mem_freep) char *enable = mem_printf("systemctl enable %s", word);

	if (unit_is_enabled(unit))
		add_unit(checks, unit, CHECK_OK, NULL, more);
	else
		add_unit(checks, unit, CHECK_WARNING, enable, ": does not start when this machine boots");
}

/* `is_answered`: the worker answers, so syncs can run, no matter what systemd reports about its socket. */
static void check_sockets(const struct machine *machine, bool is_answered, bool is_held, struct json *checks)
{
	const struct unit *web = &machine->units[MACHINE_WEB_SOCKET],
			  *worker = &machine->units[MACHINE_WORKER];
	static const struct {
		const char *remedy, *remedy_failed, *effect;
	} rows[] = {
		[MACHINE_WEB_SOCKET] = { SWITCH_ON, SWITCH_ON, "no visitor is served" },
		[MACHINE_WORKER_SOCKET] = { "systemctl enable --now aither.socket",
			"systemctl start aither-worker.socket", "no sync can run" },
		/* systemd does not open a socket while its service runs. */
		[MACHINE_WORKER_WEB_SOCKET] = { "systemctl restart aither-worker.service",
			"systemctl restart aither-worker.service", "aither-web cannot reach the worker" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct unit *socket = &machine->units[i];

		const char *remedy = unit_has_failed(socket) ? rows[i].remedy_failed : rows[i].remedy;

		if (check_file(socket, checks))
			continue;
		if (socket != web && !unit_is_active(socket) && unit_is_installed(worker) &&
			strcmp(worker->load, "loaded") != 0)
			add_unit(checks, socket, CHECK_SKIPPED, NULL,
				", because systemd cannot use aither-worker.service");
		else if (socket == web && is_held && unit_has_failed(web))
			add_unit(checks, socket, CHECK_SKIPPED, NULL,
				", because another program holds its port");
		else if (socket != web && !unit_is_active(web) && !unit_is_active(socket) &&
			 !unit_has_failed(socket))
			add_unit(checks, socket, CHECK_SKIPPED, NULL, BECAUSE_SWITCH);
		else if (unit_is_active(socket) && socket == web)
			add_good(checks, socket, "");
		else if (unit_is_active(socket))
			add_unit(checks, socket, CHECK_OK, NULL, "");
		else if (i == MACHINE_WORKER_SOCKET && is_answered && !unit_has_failed(socket))
			add_unit(checks, socket, CHECK_FAILED, remedy, "");
		else
			add_broken(checks, socket, remedy, rows[i].effect, "");
	}
}

/* One active timer is enough, but every timer that has failed is reported. */
static void check_timers(const struct machine *machine, struct json *checks)
{
	const struct unit *usual = &machine->units[MACHINE_TIMER], *running = NULL;
	char when[TIME_TEXT_SIZE];

	for (size_t i = MACHINE_TIMER; i < machine->count; i++) {
		const struct unit *timer = &machine->units[i];
		CLEANUP(mem_freep) char *word = check_quote(timer->name);
		CLEANUP(mem_freep)
		char *remedy = mem_printf("journalctl -x -n 20 -u %s\nsystemctl restart %s", word, word);

		if (unit_has_failed(timer))
			add_broken(checks, timer, remedy, "it starts no sync", "");
		else if (unit_is_active(timer) && !running)
			running = timer;
	}
	if (running) {
		time_format(running->next_ms, when);
		CLEANUP(mem_freep) char *next = mem_printf("; next run %s", when);
		add_good(checks, running, running->next_ms ? next : "");
	} else if (!unit_has_failed(usual) && !check_file(usual, checks)) {
		if (unit_is_active(&machine->units[MACHINE_WEB_SOCKET]))
			add_broken(checks, usual, "systemctl enable --now aither-sync.timer",
				"no sync is planned", "");
		else
			add_unit(checks, usual, CHECK_SKIPPED, NULL, BECAUSE_SWITCH);
	}
}

static void add_crashing(struct json *checks, const struct unit *service)
{
	CLEANUP(mem_freep) char *when = words_time(service->started_ms, time_now_ms());
	CLEANUP(mem_freep)
	char *more =
		mem_printf(": crashed and was restarted %" PRIu32 " times, last %s", service->restarts, when);
	CLEANUP(mem_freep)
	char *remedy = mem_printf(
		"journalctl -x -n 20 -u %s\n" START_AGAIN, service->name, service->name, service->name);
	struct json *check = add_unit(checks, service, CHECK_FAILED, remedy, more);

	check_set_headline(check, "%s keeps crashing: it was restarted %" PRIu32 " times, last %s",
		service->name, service->restarts, when);
}

/* Adds a check for a service that has failed or cannot be started, and returns true. */
static bool check_service(const struct unit *service, int64_t last_sync_ms, struct json *checks)
{
	const char *effect = "";
	CLEANUP(buf_done) struct buf container = BUF_INIT(CONTAINER_NAME_MAX);
	CLEANUP(mem_freep) char *hint = NULL;
	CLEANUP(mem_freep) char *remedy = NULL, *change = NULL;

	if (unit_is_crashing(service, time_now_ms())) {
		add_crashing(checks, service);
		return true;
	}
	if (unit_has_not_run(service))
		change = drop_in_remedy(service);
	if (!change && unit_is_restarting(service))
		change = mem_printf(START_AGAIN, service->name, service->name);
	else if (!change)
		change = mem_printf("systemctl reset-failed %s", service->name);
	remedy = mem_printf("journalctl -x -n 20 -u %s\n%s", service->name, change);
	if (!unit_has_failed(service))
		return unit_is_known(service) && check_file(service, checks);
	/* A container may forbid the namespaces that 225/NETWORK, 226/NAMESPACE and 243/CREDENTIALS need. */
	if (service->exit_code == CLD_EXITED &&
		(service->exit_status == 225 || service->exit_status == 226 || service->exit_status == 243) &&
		file_read_path(CONTAINER_PATH, &container, NULL) == 0)
		hint = mem_printf(
			": this machine is a container (%.*s), which may forbid what the unit needs; see CONTAINERS in aither-web(8)",
			(int)strcspn(buf_text(&container), "\n"), buf_text(&container));
	/* aither-sync.service also fails when its sync fails, which the report of that sync explains better.
	 * A run that began after the last sync has no report, or its report could not be saved. */
	if (last_sync_ms > 0 && !unit_has_not_run(service) && service->started_ms <= last_sync_ms) {
		add_unit(checks, service, CHECK_WARNING, remedy, "");
		return true;
	}
	if (last_sync_ms > 0)
		effect = "no sync has been recorded since it began";
	add_broken(checks, service, remedy, effect, hint ?: "");
	return true;
}

/* ---- port ---- */

/* The command that ends a process and waits until it has ended. A service is stopped by systemctl, since
 * systemd might restart it otherwise. Owned. */
static char *end_process(pid_t pid)
{
	CLEANUP(buf_done) struct buf text = BUF_INIT(TEXT_MAX);
	CLEANUP(mem_freep) char *path = mem_printf("/proc/%d/cgroup", (int)pid);
	const char *name = NULL;
	size_t length = 0;

	/* cgroups(7): "0::/system.slice/nginx.service", in version 1 "1:name=systemd:/system.slice/..." */
	if (file_read_path(path, &text, NULL) == 0)
		name = strstr(buf_text(&text), ":/system.slice/");
	if (name) {
		name += strlen(":/system.slice/");
		length = strcspn(name, "/\n");
	}
	if (length > strlen(".service") && strncmp(name + length - 8, ".service", 8) == 0) {
		CLEANUP(mem_freep) char *service = mem_strndup(name, length);
		CLEANUP(mem_freep) char *word = check_quote(service);

		return mem_printf("systemctl stop %s", word);
	}
	return mem_printf("kill %d; tail --pid=%d -f /dev/null", (int)pid, (int)pid);
}

/* If a program holds an address of aither.socket, adds a check that names it, and returns true. `is_cause`:
 * the socket has failed because of it; a socket that is switched off is off for another reason. */
static bool check_holder(const char *address, bool is_cause, struct json *checks)
{
	struct port_address wanted;
	struct port_holder holder;
	const struct passwd *user;
	struct json *check;

	if (port_parse(address, &wanted) < 0 || !port_find_holder(&wanted, &holder))
		return false;
	user = getpwuid(holder.uid);
	if (holder.pid) {
		CLEANUP(mem_freep) char *end = end_process(holder.pid);
		CLEANUP(mem_freep)
		char *remedy = mem_printf("systemctl status %d\n%s\n" SWITCH_ON, (int)holder.pid, end);

		check = check_add(checks, "port", CHECK_FAILED, remedy,
			"%s is held by %s (process %d, user %s), so aither.socket cannot listen there",
			address, holder.name, (int)holder.pid, user ? user->pw_name : "?");
	} else {
		check = check_add(checks, "port", CHECK_FAILED, check_as_root(),
			"a program of user %s holds %s, and only root may see its name",
			user ? user->pw_name : "?", address);
	}
	if (is_cause)
		check_set_headline(check, "%s is held by %s (user %s), so no visitor is served", address,
			holder.pid ? holder.name : "another program", user ? user->pw_name : "?");
	return true;
}

static bool is_answer(int result)
{
	return result == PORT_HAS_TOKEN || result == PORT_HAS_NO_TOKEN;
}

/* The reason why visitors get no answer at aither.socket's addresses, as a sentence; NULL: they get an
 * answer, or nothing is known. Owned. An address that cannot be reached (FreeBind=, no IPv6) counts only if
 * no other address answers and the socket serves all clients. */
static char *port_problem(const struct machine *machine)
{
	const struct unit *socket = &machine->units[MACHINE_WEB_SOCKET];
	bool is_excused = socket->device[0] || socket->denies;

	for (size_t i = 0; i < socket->listen_count; i++)
		is_excused = is_excused || is_answer(machine->answers[i]);
	for (size_t i = 0; i < socket->listen_count; i++) {
		const char *address = socket->listen[i];
		int result = machine->answers[i];

		switch (result) {
		case 0:
		case PORT_HAS_TOKEN:
		case PORT_HAS_NO_TOKEN:
			continue;
		case -ETIMEDOUT:
			return mem_printf(
				"%s accepts connections, but aither-web does not answer within %.1f s",
				address, MACHINE_PORT_MS / 1000.0);
		case -ECONNREFUSED:
		case -EINPROGRESS: /* not connected in time */
		case -EADDRNOTAVAIL:
		case -ENETUNREACH:
		case -EHOSTUNREACH:
		case -EAFNOSUPPORT:
			if (is_excused)
				continue;
			break;
		default:
			if (result > 0 || result == -EBADMSG)
				return mem_printf("%s answers, but not as aither-web does", address);
		}
		return mem_printf("cannot reach aither-web at %s: %s", address,
			strerror(result == -EINPROGRESS ? ETIMEDOUT : -result));
	}
	return NULL;
}

static void check_answer(const struct machine *machine, struct json *checks)
{
	const struct unit *socket = &machine->units[MACHINE_WEB_SOCKET];
	CLEANUP(buf_done) struct buf addresses = BUF_INIT(TEXT_MAX);
	CLEANUP(mem_freep) char *problem = port_problem(machine);
	bool is_answered = false;
	struct json *check;

	for (size_t i = 0; i < socket->listen_count; i++) {
		is_answered = is_answered || is_answer(machine->answers[i]);
		buf_printf(&addresses, "%s%s", addresses.length ? ", " : "", socket->listen[i]);
	}
	if (problem && unit_has_failed(&machine->units[MACHINE_WEB])) {
		check_add(checks, "port", CHECK_SKIPPED, NULL, "%s, because aither.service has failed",
			problem);
	} else if (problem) {
		check = check_add(checks, "port", CHECK_FAILED,
			"journalctl -x -n 20 -u aither.service\nsystemctl restart aither.service", "%s",
			problem);
		check_set_headline(check, "%s", problem);
	} else if (!unit_is_active(socket)) {
		check_add(checks, "port", CHECK_OK, NULL, "%s: free", buf_text(&addresses));
	} else {
		check_add(checks, "port", CHECK_OK, NULL, "aither.socket listens on %s%s",
			buf_text(&addresses), is_answered ? ", and aither-web answers" : "");
	}
}

/* ---- the worker ---- */

/* The commands that help when the worker does not answer. Owned. */
static char *worker_remedy(const struct machine *machine, const struct config *config, int errnum)
{
	const struct unit *units = machine->units;
	const char *remedy = SWITCH_ON;

	if (unit_is_known(&units[MACHINE_WORKER_SOCKET]) && !machine->managed && errnum != -EACCES &&
		errnum != -EPERM && errnum != -EBADMSG)
		return config_remedy(config, "Worker", "Socket", DEFAULT_SOCKET);
	if (errnum == -EACCES || errnum == -EPERM)
		remedy = check_as_root();
	else if (errnum == -EBADMSG) /* perhaps an older version is still running */
		remedy = "systemctl restart aither-worker.service";
	else if (machine->managed && unit_has_failed(&units[MACHINE_WORKER]))
		remedy = "journalctl -x -n 20 -u aither-worker.service\n"
			 "systemctl restart aither-worker.socket";
	else if (errnum == -ECONNREFUSED || errnum == -ETIMEDOUT || errnum == -ECONNRESET ||
		 unit_is_active(&units[MACHINE_WORKER_SOCKET]))
		remedy = "systemctl restart aither-worker.socket aither-worker.service";
	else if (unit_is_active(&units[MACHINE_WEB_SOCKET]))
		remedy = "systemctl restart aither-worker.socket";
	return mem_strdup(remedy);
}

static void check_worker(const struct machine *machine, const struct config *config,
	const struct error *failure, struct json *checks)
{
	const struct unit *units = machine->units, *cause = NULL;
	CLEANUP(mem_freep) char *remedy = NULL;
	struct json *check;

	if (failure->code == ERROR_NOT_CONFIGURED)
		return; /* the worker was not called */
	if (failure->errnum == 0) {
		check_add(checks, "worker", CHECK_OK, NULL, "answers at %s", config->worker.socket);
		return;
	}
	if (machine->managed && failure->errnum != -EACCES && failure->errnum != -EPERM &&
		failure->errnum != -EBADMSG)
		cause = !unit_is_active(&units[MACHINE_WEB_SOCKET])      ? &units[MACHINE_WEB_SOCKET]
			: !unit_is_active(&units[MACHINE_WORKER_SOCKET]) ? &units[MACHINE_WORKER_SOCKET]
			: unit_has_failed(&units[MACHINE_WORKER])        ? &units[MACHINE_WORKER]
									 : NULL;
	if (cause && unit_is_installed(cause)) {
		CLEANUP(mem_freep) char *state = unit_describe(cause);

		check_add(checks, "worker", CHECK_SKIPPED, NULL, "does not answer, because %s is %s",
			cause->name, state);
		return;
	}
	remedy = worker_remedy(machine, config, failure->errnum);
	check = check_add(checks, "worker", CHECK_FAILED, remedy, "%s", failure->message);
	json_set_string(check, "headline", failure->message); /* the message contains advice */
}

void machine_check(const struct machine *machine, const struct config *config, const struct error *failure,
	int64_t last_sync_ms, struct json *checks)
{
	const struct unit *units = machine->units, *web_socket = &units[MACHINE_WEB_SOCKET];
	bool has_failed, is_held = false;

	if (!machine->managed) {
		if (unit_is_known(&units[MACHINE_WORKER_SOCKET]))
			check_add(checks, "units", CHECK_SKIPPED, NULL,
				"[Worker] Socket is %s, where aither-worker.socket does not listen, so no unit is used",
				config->worker.socket);
		else
			check_add(checks, "units", CHECK_SKIPPED, NULL, "cannot reach systemd");
		check_worker(machine, config, failure, checks);
		check_add(checks, "port", CHECK_SKIPPED, NULL,
			"cannot be checked: only aither.socket says which port to use");
		return;
	}
	for (size_t i = 0; i < web_socket->listen_count && !unit_is_active(web_socket); i++)
		is_held |= check_holder(web_socket->listen[i], unit_has_failed(web_socket), checks);
	check_sockets(machine, failure->errnum == 0, is_held, checks);
	/* The worker comes first: without it, nothing is published and the state is unknown. */
	has_failed = check_service(&units[MACHINE_WORKER], 0, checks);
	has_failed |= check_service(&units[MACHINE_WEB], 0, checks);
	if (!unit_is_installed(web_socket))
		check_add(checks, "port", CHECK_SKIPPED, NULL,
			"cannot be checked: only aither.socket says which port to use");
	else if (!is_held)
		check_answer(machine, checks);
	check_worker(machine, config, failure, checks);
	has_failed |= check_service(&units[MACHINE_SYNC], last_sync_ms, checks);
	if (!has_failed)
		check_add(checks, "services", CHECK_OK, NULL, "none of aither's services has failed");
	check_timers(machine, checks);
}
