/* SPDX-License-Identifier: MIT */
#include "cli/doctor.h"

#include <assert.h>
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/config.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/time.h"
#include "cli/port.h"

#define SWITCH_ON "systemctl enable --now aither.socket aither-sync.timer"
#define DEFAULT_SOCKET "/run/aither/worker.sock" /* of aither-worker.socket */
#define TEXT_MAX 4096
#define PORT "port"
#define CONTAINER_PATH "/run/systemd/container" /* written by systemd, where it runs in one */
#define CONTAINER_NAME_MAX 64

static_assert(UNITS_LISTEN_MAX <= PORT_ASK_MAX, "all addresses are asked");

static bool doctor_is_managed(const struct unit *socket, const char *path)
{
	for (size_t i = 0; i < socket->listen_count; i++)
		if (strcmp(socket->listen[i], path) == 0)
			return true;
	return !unit_is_installed(socket) && strcmp(path, DEFAULT_SOCKET) == 0;
}

static void ask_port(struct doctor_units *units)
{
	const struct unit *socket = &units->web_socket;
	struct port_address addresses[UNITS_LISTEN_MAX];
	int results[UNITS_LISTEN_MAX];
	size_t indexes[UNITS_LISTEN_MAX], count = 0;

	for (size_t i = 0; i < socket->listen_count && unit_is_active(socket); i++)
		if (port_parse(socket->listen[i], &addresses[count]) == 0)
			indexes[count++] = i;
	port_ask(addresses, count, DOCTOR_PORT_MS, results);
	for (size_t i = 0; i < count; i++)
		units->answers[indexes[i]] = results[i];
}

void doctor_units_read(struct doctor_units *ret_units, const struct config *config)
{
	CLEANUP(units_freep) struct units *bus = units_open();
	CLEANUP(units_freep) struct units *later = NULL;
	struct doctor_units units = { 0 };

	units_read(bus, "aither.socket", &units.web_socket);
	units_read(bus, "aither-worker.socket", &units.worker_socket);
	units_read(bus, "aither-worker-web.socket", &units.worker_web_socket);
	units_read(bus, "aither-sync.timer", &units.timer);
	units.other_count = units_find(bus, "aither-sync@*.timer", units.others, ARRAY_SIZE(units.others));
	units.known = unit_is_known(&units.worker_socket);
	units.managed = units.known && doctor_is_managed(&units.worker_socket, config->worker.socket);
	if (units.managed)
		ask_port(&units);
	later = bus ? units_open() : NULL;
	units_read(later, "aither-sync.service", &units.sync);
	units_read_started(later, "aither.service", &units.web);
	units_read_started(later, "aither-worker.service", &units.worker);
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

/* `remedy` helps while aither.socket is active; else that one has to be switched on. */
static void worker_socket_check(const struct doctor_units *units, const struct unit *socket,
	const char *remedy, const char *effect, struct json *checks)
{
	if (unit_check_file(socket, checks))
		return;
	if (unit_is_active(socket))
		unit_add(checks, socket, CHECK_OK, NULL, "");
	else
		unit_add(checks, socket, CHECK_FAILED,
			unit_is_active(&units->web_socket) ? remedy : SWITCH_ON, effect);
}

static void failed_timer_check(const struct unit *timer, struct json *checks)
{
	CLEANUP(mem_freep) char *name = check_quote(timer->name);
	CLEANUP(mem_freep)
	char *remedy = mem_printf("journalctl -x -n 20 -u %s\nsystemctl restart %s", name, name);

	if (unit_has_failed(timer))
		unit_add(checks, timer, CHECK_FAILED, remedy, ": it starts no sync any more");
}

/* Any of the timers will do, but one that has failed was to run. */
static void timer_check(const struct doctor_units *units, struct json *checks)
{
	const struct unit *running = unit_is_active(&units->timer) ? &units->timer : NULL;
	char when[TIME_TEXT_SIZE];

	for (size_t i = 0; i < units->other_count && !running; i++)
		if (unit_is_active(&units->others[i]))
			running = &units->others[i];
	failed_timer_check(&units->timer, checks);
	for (size_t i = 0; i < units->other_count; i++)
		failed_timer_check(&units->others[i], checks);
	if (!running) {
		if (!unit_has_failed(&units->timer) && !unit_check_file(&units->timer, checks))
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

/* Where the cause is most likely not the unit. */
static char *sandbox_hint(const struct unit *service)
{
	CLEANUP(buf_done) struct buf name = BUF_INIT(CONTAINER_NAME_MAX);

	if (!unit_lacks_namespace(service) || file_read_path(CONTAINER_PATH, &name, NULL) < 0)
		return mem_strdup("");
	return mem_printf(
		": this machine is a container (%.*s), which may forbid it; see CONTAINERS in aither-web(8)",
		(int)strcspn(buf_text(&name), "\n"), buf_text(&name));
}

static void services_check(const struct doctor_units *units, struct json *checks)
{
	const struct unit *const services[] = { &units->web, &units->worker, &units->sync };
	unsigned failed = 0;

	for (size_t i = 0; i < ARRAY_SIZE(services); i++) {
		const struct unit *service = services[i];
		const char *name = service->name;
		CLEANUP(mem_freep) char *hint = sandbox_hint(service);
		CLEANUP(mem_freep)
		char *remedy = mem_printf("journalctl -x -n 20 -u %s\n%s%s", name,
			unit_is_restarting(service) ? "systemctl restart " : "systemctl reset-failed ", name);

		if (!unit_has_failed(service)) {
			failed += unit_is_known(service) && unit_check_file(service, checks);
			continue;
		}
		failed++;
		unit_add(checks, service, CHECK_FAILED, remedy, hint);
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
		worker_socket_check(units, &units->worker_socket, "systemctl start aither-worker.socket",
			": no sync can run", checks);
		/* systemd opens no socket of a service that runs; the worker's restart opens it in between.
		 */
		worker_socket_check(units, &units->worker_web_socket,
			"systemctl restart aither-worker.service", ": aither-web cannot reach the worker",
			checks);
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

/* No connection, which need not be aither's fault. */
static bool is_unreachable(int result)
{
	return result == -ECONNREFUSED || result == -EINPROGRESS || result == -EADDRNOTAVAIL ||
	       result == -ENETUNREACH || result == -EHOSTUNREACH || result == -EAFNOSUPPORT;
}

static bool is_answer(int result)
{
	return result == PORT_HAS_TOKEN || result == PORT_HAS_NO_TOKEN;
}

char *doctor_port_problem(const struct doctor_units *units)
{
	const struct unit *socket = &units->web_socket;
	/* An address that cannot be reached: another one answers, or this machine is kept away from it. */
	bool is_excused = socket->device[0] || socket->denies;

	for (size_t i = 0; i < socket->listen_count; i++)
		is_excused = is_excused || is_answer(units->answers[i]);
	for (size_t i = 0; i < socket->listen_count; i++) {
		const char *address = socket->listen[i];
		int result = units->answers[i];

		if (result == 0 || is_answer(result) || (is_excused && is_unreachable(result)))
			continue;
		if (result == -ETIMEDOUT)
			return mem_printf(
				"%s takes connections, but aither-web does not answer within %.1f s", address,
				DOCTOR_PORT_MS / 1000.0);
		if (result == -EBADMSG || result > 0)
			return mem_printf("%s does not answer as aither-web does", address);
		return mem_printf("cannot reach aither-web at %s: %s", address,
			strerror(result == -EINPROGRESS ? ETIMEDOUT : -result));
	}
	return NULL;
}

void doctor_port_check(const struct doctor_units *units, struct json *checks)
{
	const struct unit *socket = &units->web_socket;
	CLEANUP(buf_done) struct buf addresses = BUF_INIT(TEXT_MAX);
	CLEANUP(mem_freep) char *problem = doctor_port_problem(units);
	bool is_answered = false;
	unsigned busy = 0;

	if (!units->managed || !unit_is_installed(socket)) {
		check_add(checks, PORT, CHECK_SKIPPED, NULL,
			"which one is wanted is known with aither.socket only");
		return;
	}
	for (size_t i = 0; i < socket->listen_count; i++) {
		struct port_address wanted;
		struct port_holder holder;

		is_answered = is_answered || is_answer(units->answers[i]);
		buf_printf(&addresses, "%s%s", addresses.length ? ", " : "", socket->listen[i]);
		if (unit_is_active(socket) || port_parse(socket->listen[i], &wanted) < 0 ||
			!port_find_holder(&wanted, &holder))
			continue;
		holder_add(socket->listen[i], &holder, checks);
		busy++;
	}
	if (problem)
		check_add(checks, PORT, CHECK_FAILED,
			"journalctl -x -n 20 -u aither.service\nsystemctl restart aither.service", "%s",
			problem);
	else if (busy == 0)
		check_add(checks, PORT, CHECK_OK, NULL,
			!unit_is_active(socket) ? "%s: free"
			: is_answered           ? "aither.socket listens on %s, and aither-web answers"
						: "aither.socket listens on %s",
			buf_text(&addresses));
}
