/* SPDX-License-Identifier: MIT */
#include "cli/units.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <systemd/sd-bus.h>

#include "base/mem.h"
#include "base/time.h"

#define SERVICE "org.freedesktop.systemd1"
#define MANAGER_PATH "/org/freedesktop/systemd1"
#define UNKNOWN "unknown"
#define START_POLL_MS 50
#define START_REST_MS 500 /* time that is kept for the calls after it */

struct units {
	sd_bus *bus; /* owned */
	uint64_t deadline_mono_ms;
};

/* The properties that are used. A unit has about two hundred. */
static const struct {
	const char *name, *type; /* of D-Bus */
	size_t offset;           /* in struct unit */
} PROPERTIES[] = {
	{ "DropInPaths", "as", offsetof(struct unit, drop_in) },
	{ "LoadState", "s", offsetof(struct unit, load) },
	{ "ActiveState", "s", offsetof(struct unit, active) },
	{ "SubState", "s", offsetof(struct unit, sub) },
	{ "UnitFileState", "s", offsetof(struct unit, file) },
	{ "Result", "s", offsetof(struct unit, result) },
	{ "ExecMainStartTimestamp", "t", offsetof(struct unit, started_ms) },
	{ "NextElapseUSecRealtime", "t", offsetof(struct unit, next_ms) },
	{ "ExecMainCode", "i", offsetof(struct unit, exit_code) },
	{ "ExecMainStatus", "i", offsetof(struct unit, exit_status) },
	{ "NRestarts", "u", offsetof(struct unit, restarts) },
	{ "MainPID", "u", offsetof(struct unit, main_pid) },
	{ "BindToDevice", "s", offsetof(struct unit, device) },
	{ "IPAddressDeny", "a(iayu)", offsetof(struct unit, denies) },
	{ "Listen", "a(ss)", 0 },
};

/* ---- the connection ---- */

/* Microseconds until the deadline; at least one, since 0 is sd-bus's default time-out. */
static uint64_t left_us(const struct units *units)
{
	uint64_t now = time_mono_ms();

	return now < units->deadline_mono_ms ? (units->deadline_mono_ms - now) * 1000 : 1;
}

/* Waits until the bus has answered the greeting; sd-bus itself would wait for 90 s. */
static int wait_until_ready(struct units *units)
{
	int r;

	while ((r = sd_bus_is_ready(units->bus)) == 0 && time_mono_ms() < units->deadline_mono_ms) {
		r = sd_bus_process(units->bus, NULL);
		if (r == 0)
			r = sd_bus_wait(units->bus, left_us(units));
		if (r < 0 && r != -EINTR)
			return r;
	}
	return r == 0 ? -ETIMEDOUT : r;
}

struct units *units_open(void)
{
	CLEANUP(units_freep) struct units *units = mem_zalloc(sizeof(*units));

	units->deadline_mono_ms = time_mono_ms() + UNITS_TIMEOUT_MS;
	if (sd_bus_open_system(&units->bus) < 0 || wait_until_ready(units) < 0)
		return NULL;
	return STEAL(units);
}

void units_freep(struct units **units)
{
	if (!*units)
		return;
	sd_bus_close_unref((*units)->bus);
	free(*units);
	*units = NULL;
}

/* ---- properties ---- */

static int read_value(sd_bus_message *reply, const char *type, void *target, struct unit *unit)
{
	const char *kind, *word;
	uint64_t us;
	int r;

	if (strcmp(type, "a(ss)") == 0) { /* kind and address: ("Stream", "127.0.0.1:3500") */
		r = sd_bus_message_enter_container(reply, 'a', "(ss)");
		while (r >= 0 && (r = sd_bus_message_read(reply, "(ss)", &kind, &word)) > 0)
			if (unit->listen_count < UNITS_LISTEN_MAX)
				snprintf(unit->listen[unit->listen_count++], UNITS_ADDRESS_SIZE, "%s", word);
		return r < 0 ? r : sd_bus_message_exit_container(reply);
	}
	if (strcmp(type, "as") == 0) { /* the files, from the lowest to the highest priority */
		r = sd_bus_message_enter_container(reply, 'a', "s");
		while (r >= 0 && (r = sd_bus_message_read(reply, "s", &word)) > 0)
			if (strncmp(word, "/etc/", 5) == 0 || strncmp(word, "/run/", 5) == 0)
				snprintf(target, UNITS_ADDRESS_SIZE, "%s", word);
		return r < 0 ? r : sd_bus_message_exit_container(reply);
	}
	if (strcmp(type, "a(iayu)") == 0) { /* family, address and length of each prefix: are there any? */
		r = sd_bus_message_enter_container(reply, 'a', "(iayu)");
		*(bool *)target = r > 0 && sd_bus_message_at_end(reply, false) == 0;
		while (r > 0 && sd_bus_message_at_end(reply, false) == 0)
			r = sd_bus_message_skip(reply, "(iayu)");
		return r < 0 ? r : sd_bus_message_exit_container(reply);
	}
	switch (*type) {
	case 's':
		r = sd_bus_message_read_basic(reply, 's', &word);
		if (r > 0)
			snprintf(target, UNITS_WORD_SIZE, "%s", word);
		return r;
	case 't': /* all ones: never */
		r = sd_bus_message_read_basic(reply, 't', &us);
		if (r > 0)
			*(int64_t *)target = us == UINT64_MAX ? 0 : (int64_t)(us / 1000);
		return r;
	default:
		return sd_bus_message_read_basic(reply, *type, target);
	}
}

/* Reads the variant of one property; other names and types are skipped. */
static int read_property(sd_bus_message *reply, const char *name, struct unit *unit)
{
	const char *contents;
	size_t i = 0;
	int r = sd_bus_message_peek_type(reply, NULL, &contents);

	while (i < ARRAY_SIZE(PROPERTIES) && strcmp(PROPERTIES[i].name, name) != 0)
		i++;
	if (r < 0)
		return r;
	if (i == ARRAY_SIZE(PROPERTIES) || strcmp(contents, PROPERTIES[i].type) != 0)
		return sd_bus_message_skip(reply, "v");
	r = sd_bus_message_enter_container(reply, 'v', contents);
	if (r > 0)
		r = read_value(reply, contents, (char *)unit + PROPERTIES[i].offset, unit);
	return r < 0 ? r : sd_bus_message_exit_container(reply);
}

/* An empty name stands for all interfaces. systemd loads the unit if necessary. */
static int get_all(struct units *units, const char *path, struct unit *unit)
{
	CLEANUP(sd_bus_message_unrefp) sd_bus_message *call = NULL;
	CLEANUP(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
	const char *name;
	int r = sd_bus_message_new_method_call(
		units->bus, &call, SERVICE, path, "org.freedesktop.DBus.Properties", "GetAll");

	if (r >= 0)
		r = sd_bus_message_append(call, "s", "");
	if (r >= 0)
		r = sd_bus_call(units->bus, call, left_us(units), NULL, &reply);
	if (r >= 0)
		r = sd_bus_message_enter_container(reply, 'a', "{sv}");
	while (r >= 0 && (r = sd_bus_message_enter_container(reply, 'e', "sv")) > 0) {
		r = sd_bus_message_read(reply, "s", &name);
		if (r > 0)
			r = read_property(reply, name, unit);
		if (r >= 0)
			r = sd_bus_message_exit_container(reply);
	}
	return r;
}

void units_read(struct units *units, const char *name, struct unit *ret_unit)
{
	CLEANUP(mem_freep) char *path = NULL;
	struct unit unknown = { .load = UNKNOWN, .active = UNKNOWN, .sub = UNKNOWN, .file = UNKNOWN }, unit;

	snprintf(unknown.name, sizeof(unknown.name), "%s", name);
	unit = unknown;
	if (units && sd_bus_path_encode(MANAGER_PATH "/unit", name, &path) >= 0 &&
		get_all(units, path, &unit) < 0)
		unit = unknown;
	*ret_unit = unit;
}

/* While a service starts, systemd no longer reports the exit status of the start before. A start that fails
 * takes milliseconds, so wait for it. */
void units_read_started(struct units *units, const char *name, struct unit *ret_unit)
{
	units_read(units, name, ret_unit);
	while (units && strcmp(ret_unit->active, "activating") == 0 &&
		strncmp(ret_unit->sub, "start", 5) == 0 && left_us(units) > START_REST_MS * 1000) {
		poll(NULL, 0, START_POLL_MS);
		units_read(units, name, ret_unit);
	}
}

size_t units_find(struct units *units, const char *pattern, struct unit *ret_units, size_t max)
{
	CLEANUP(sd_bus_message_unrefp) sd_bus_message *call = NULL;
	CLEANUP(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
	const char *name;
	size_t count = 0;

	if (!units ||
		sd_bus_message_new_method_call(units->bus, &call, SERVICE, MANAGER_PATH, SERVICE ".Manager",
			"ListUnitsByPatterns") < 0 ||
		sd_bus_message_append(call, "asas", 0, 1, pattern) < 0 ||
		sd_bus_call(units->bus, call, left_us(units), NULL, &reply) < 0 ||
		sd_bus_message_enter_container(reply, 'a', "(ssssssouso)") < 0)
		return 0;
	/* The list contains only names: each unit needs another call for its properties. */
	while (count < max && sd_bus_message_enter_container(reply, 'r', "ssssssouso") > 0) {
		if (sd_bus_message_read(reply, "s", &name) < 0 ||
			sd_bus_message_skip(reply, "sssssouso") < 0 ||
			sd_bus_message_exit_container(reply) < 0)
			break;
		units_read(units, name, &ret_units[count++]);
	}
	return count;
}

/* ---- the meaning of the properties ---- */

bool unit_is_known(const struct unit *unit)
{
	return strcmp(unit->load, UNKNOWN) != 0;
}

bool unit_is_installed(const struct unit *unit)
{
	return unit_is_known(unit) && strcmp(unit->load, "not-found") != 0;
}

bool unit_is_active(const struct unit *unit)
{
	return strcmp(unit->active, "active") == 0 || strcmp(unit->active, "reloading") == 0;
}

bool unit_is_enabled(const struct unit *unit)
{
	return strcmp(unit->file, "enabled") == 0 || strcmp(unit->file, "enabled-runtime") == 0;
}

/* Exit statuses that systemd itself sets before it runs the program (systemd.exec(5), "Process Exit Codes"),
 * as far as a directive of aither's units or of a drop-in can cause them. */
static const struct exit_status {
	int32_t status;
	const char *name, *meaning;
} EXIT_STATUSES[] = {
	{ 200, "CHDIR", "its working directory cannot be entered" },
	{ 203, "EXEC", "its program cannot be executed" },
	{ 205, "LIMITS", "its resource limits cannot be set" },
	{ 206, "OOM_ADJUST", "its OOM score cannot be set" },
	{ 209, "STDOUT", "its standard output cannot be opened" },
	{ 210, "CHROOT", "its root directory cannot be entered" },
	{ 213, "SECUREBITS", "its secure bits cannot be set" },
	{ 216, "GROUP", "its group does not exist or cannot be set" },
	{ 217, "USER", "its user does not exist or cannot be set" },
	{ 218, "CAPABILITIES", "its capabilities cannot be dropped" },
	{ 219, "CGROUP", "its control group cannot be set up" },
	{ 225, "NETWORK", "its network namespace cannot be set up" },
	{ 226, "NAMESPACE", "its mount or user namespace cannot be set up" },
	{ 227, "NO_NEW_PRIVILEGES", "it cannot be kept from new privileges" },
	{ 228, "SECCOMP", "its system call filter cannot be installed" },
	{ 230, "PERSONALITY", "its execution domain cannot be set" },
	{ 231, "APPARMOR", "its AppArmor profile cannot be used" },
	{ 232, "ADDRESS_FAMILIES", "its address families cannot be restricted" },
	{ 233, "RUNTIME_DIRECTORY", "its directory below /run cannot be made" },
	{ 237, "KEYRING", "its kernel keyring cannot be set up" },
	{ 238, "STATE_DIRECTORY", "its directory below /var/lib cannot be made" },
	{ 243, "CREDENTIALS", "its stored secrets cannot be loaded" },
	{ 245, "BPF", "its BPF restrictions cannot be set up" },
};

static const struct {
	const char *result, *meaning;
} RESULTS[] = {
	{ "core-dump", "it crashed" },
	{ "oom-kill", "the kernel killed it because memory ran out" },
	{ "protocol", "it ended before it was ready" },
	{ "resources", "systemd cannot set up what it needs" },
	{ "service-start-limit-hit", "its service failed too often" },
	{ "start-limit-hit", "it failed too often" },
	{ "timeout", "it did not start or stop in time" },
	{ "trigger-limit-hit", "it was activated too often" },
	{ "watchdog", "it hung, and systemd killed it" },
};

static const struct exit_status *find_exit_status(const struct unit *unit)
{
	for (size_t i = 0; i < ARRAY_SIZE(EXIT_STATUSES) && unit->exit_code == CLD_EXITED; i++)
		if (EXIT_STATUSES[i].status == unit->exit_status)
			return &EXIT_STATUSES[i];
	return NULL;
}

bool unit_is_restarting(const struct unit *unit)
{
	/* systemd 254 has "auto-restart-queued", too. The result is "success" after Restart=always. */
	return strcmp(unit->active, "activating") == 0 && strncmp(unit->sub, "auto-restart", 12) == 0 &&
	       strcmp(unit->result, "success") != 0;
}

bool unit_has_failed(const struct unit *unit)
{
	return strcmp(unit->active, "failed") == 0 || unit_is_restarting(unit);
}

bool unit_is_crashing(const struct unit *unit, int64_t now_ms)
{
	return unit_is_active(unit) && unit->restarts >= UNITS_CRASHES && unit->started_ms > 0 &&
	       now_ms - unit->started_ms < UNITS_CRASHED_MS;
}

bool unit_has_not_run(const struct unit *unit)
{
	return unit_has_failed(unit) && (strcmp(unit->result, "resources") == 0 || find_exit_status(unit));
}

char *unit_describe_failure(const struct unit *unit)
{
	const struct exit_status *row = find_exit_status(unit);
	const char *signal_name = unit->exit_code == CLD_KILLED || unit->exit_code == CLD_DUMPED
					  ? sigabbrev_np(unit->exit_status)
					  : NULL;

	for (size_t i = 0; i < ARRAY_SIZE(RESULTS); i++)
		if (strcmp(RESULTS[i].result, unit->result) == 0)
			return mem_printf("%s: %s", unit->result, RESULTS[i].meaning);
	if (row)
		return mem_printf("exit status %" PRId32 "/%s: %s", row->status, row->name, row->meaning);
	if (unit->exit_code == CLD_EXITED)
		return mem_printf("exit status %" PRId32, unit->exit_status);
	if (signal_name)
		return mem_printf("signal %" PRId32 "/%s", unit->exit_status, signal_name);
	return mem_strdup(unit->result[0] ? unit->result : UNKNOWN);
}

char *unit_describe(const struct unit *unit)
{
	CLEANUP(mem_freep) char *failure = NULL;
	/* `sub` of a unit that is not running is "dead", which sounds worse than "inactive". */
	const char *state = unit_is_active(unit)       ? unit->sub
			    : unit_is_restarting(unit) ? "restarting"
						       : unit->active;

	if (!unit_is_installed(unit))
		return mem_strdup(unit_is_known(unit) ? "not installed" : UNKNOWN);
	if (strcmp(unit->load, "loaded") != 0)
		return mem_strdup(unit->load);
	if (unit_has_failed(unit))
		failure = unit_describe_failure(unit);
	return mem_printf("%s%s%s%s%s%s", state, failure ? " (" : "", failure ?: "", failure ? ")" : "",
		unit->file[0] ? ", " : "", unit->file);
}
