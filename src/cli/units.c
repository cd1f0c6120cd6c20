/* SPDX-License-Identifier: MIT */
#include "cli/units.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <systemd/sd-bus.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/time.h"

#define SERVICE "org.freedesktop.systemd1"
#define MANAGER_PATH "/org/freedesktop/systemd1"
#define UNKNOWN "unknown"

struct units {
	sd_bus *bus; /* owned */
	uint64_t deadline_mono_ms;
};

enum kind { WORD, TIME, COUNT, ADDRESSES };

/* The properties that matter, among the two hundred of a unit. */
static const struct {
	const char *name;
	enum kind kind;
	size_t offset; /* in struct unit */
} PROPERTIES[] = {
	{ "LoadState", WORD, offsetof(struct unit, load) },
	{ "ActiveState", WORD, offsetof(struct unit, active) },
	{ "SubState", WORD, offsetof(struct unit, sub) },
	{ "UnitFileState", WORD, offsetof(struct unit, file) },
	{ "Result", WORD, offsetof(struct unit, result) },
	{ "ExecMainStartTimestamp", TIME, offsetof(struct unit, started_ms) },
	{ "NextElapseUSecRealtime", TIME, offsetof(struct unit, next_ms) },
	{ "MainPID", COUNT, offsetof(struct unit, main_pid) },
	{ "Listen", ADDRESSES, 0 },
};

/* ---- one conversation, bounded ---- */

/* Microseconds until the deadline, as sd-bus counts; at least one, since 0 is its "default". */
static uint64_t units_left_us(const struct units *units)
{
	uint64_t now = time_mono_ms();

	return now < units->deadline_mono_ms ? (units->deadline_mono_ms - now) * 1000 : 1;
}

/* The greeting of the bus, for which sd-bus itself would wait 90 s. */
static int units_wait_until_ready(struct units *units)
{
	int r;

	while ((r = sd_bus_is_ready(units->bus)) == 0 && time_mono_ms() < units->deadline_mono_ms) {
		r = sd_bus_process(units->bus, NULL);
		if (r == 0)
			r = sd_bus_wait(units->bus, units_left_us(units));
		if (r < 0 && r != -EINTR)
			return r;
	}
	return r == 0 ? -ETIMEDOUT : r;
}

struct units *units_open(void)
{
	CLEANUP(units_freep) struct units *units = mem_zalloc(sizeof(*units));

	units->deadline_mono_ms = time_mono_ms() + UNITS_TIMEOUT_MS;
	if (sd_bus_open_system(&units->bus) < 0 || units_wait_until_ready(units) < 0)
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

static void units_unref_messagep(sd_bus_message **message)
{
	sd_bus_message_unref(*message);
}

/* Sends `call` and waits for what is left of the time. */
static int units_call(struct units *units, sd_bus_message *call, sd_bus_message **ret_reply)
{
	return sd_bus_call(units->bus, call, units_left_us(units), NULL, ret_reply);
}

/* ---- properties ---- */

static void units_take_word(char ret_word[static UNITS_WORD_SIZE], const char *word)
{
	snprintf(ret_word, UNITS_WORD_SIZE, "%s", word);
}

/* "a(ss)": kind and address, ("Stream", "127.0.0.1:3500"). */
static int units_read_addresses(sd_bus_message *reply, struct unit *unit)
{
	const char *kind, *address;
	int r = sd_bus_message_enter_container(reply, 'a', "(ss)");

	while (r >= 0 && (r = sd_bus_message_read(reply, "(ss)", &kind, &address)) > 0)
		if (unit->listen_count < UNITS_LISTEN_MAX)
			snprintf(unit->listen[unit->listen_count++], UNITS_ADDRESS_SIZE, "%s", address);
	return r < 0 ? r : sd_bus_message_exit_container(reply);
}

/* Microseconds; all ones stand for never. */
static int units_read_time(sd_bus_message *reply, int64_t *ret_ms)
{
	uint64_t us;
	int r = sd_bus_message_read(reply, "t", &us);

	if (r > 0)
		*ret_ms = us == UINT64_MAX ? 0 : (int64_t)(us / 1000);
	return r;
}

static int units_read_value(sd_bus_message *reply, enum kind kind, void *target, struct unit *unit)
{
	const char *word;
	int r;

	switch (kind) {
	case WORD:
		r = sd_bus_message_read(reply, "s", &word);
		if (r > 0)
			units_take_word(target, word);
		return r;
	case TIME:
		return units_read_time(reply, target);
	case COUNT:
		return sd_bus_message_read(reply, "u", target);
	case ADDRESSES:
		break;
	}
	return units_read_addresses(reply, unit);
}

static const char *units_type_of(enum kind kind)
{
	switch (kind) {
	case WORD:
		return "s";
	case TIME:
		return "t";
	case COUNT:
		return "u";
	case ADDRESSES:
		break;
	}
	return "a(ss)";
}

/* The variant of one property; those of other names or types are skipped. */
static int units_read_property(sd_bus_message *reply, const char *name, struct unit *unit)
{
	const char *contents;
	size_t i = 0;
	int r = sd_bus_message_peek_type(reply, NULL, &contents);

	while (i < ARRAY_SIZE(PROPERTIES) && strcmp(PROPERTIES[i].name, name) != 0)
		i++;
	if (r < 0)
		return r;
	if (i == ARRAY_SIZE(PROPERTIES) || strcmp(contents, units_type_of(PROPERTIES[i].kind)) != 0)
		return sd_bus_message_skip(reply, "v");
	r = sd_bus_message_enter_container(reply, 'v', contents);
	if (r > 0)
		r = units_read_value(reply, PROPERTIES[i].kind, (char *)unit + PROPERTIES[i].offset, unit);
	return r < 0 ? r : sd_bus_message_exit_container(reply);
}

/* "a{sv}" */
static int units_read_properties(sd_bus_message *reply, struct unit *unit)
{
	const char *name;
	int r = sd_bus_message_enter_container(reply, 'a', "{sv}");

	while (r >= 0 && (r = sd_bus_message_enter_container(reply, 'e', "sv")) > 0) {
		r = sd_bus_message_read(reply, "s", &name);
		if (r > 0)
			r = units_read_property(reply, name, unit);
		if (r >= 0)
			r = sd_bus_message_exit_container(reply);
	}
	return r;
}

/* All interfaces at once: an empty name. systemd loads a unit of which it is asked. */
static int units_get_all(struct units *units, const char *path, struct unit *unit)
{
	CLEANUP(units_unref_messagep) sd_bus_message *call = NULL;
	CLEANUP(units_unref_messagep) sd_bus_message *reply = NULL;
	int r = sd_bus_message_new_method_call(
		units->bus, &call, SERVICE, path, "org.freedesktop.DBus.Properties", "GetAll");

	if (r >= 0)
		r = sd_bus_message_append(call, "s", "");
	if (r >= 0)
		r = units_call(units, call, &reply);
	return r < 0 ? r : units_read_properties(reply, unit);
}

static struct unit units_unknown(const char *name)
{
	struct unit unit = { .load = UNKNOWN, .active = UNKNOWN, .sub = UNKNOWN, .file = UNKNOWN };

	snprintf(unit.name, sizeof(unit.name), "%s", name);
	return unit;
}

void units_read(struct units *units, const char *name, struct unit *ret_unit)
{
	CLEANUP(mem_freep) char *path = NULL;
	struct unit unit = units_unknown(name);

	if (units && sd_bus_path_encode(MANAGER_PATH "/unit", name, &path) >= 0 &&
		units_get_all(units, path, &unit) < 0)
		unit = units_unknown(name);
	*ret_unit = unit;
}

/* ---- lists ---- */

static int units_list(struct units *units, const char *pattern, sd_bus_message **ret_reply)
{
	CLEANUP(units_unref_messagep) sd_bus_message *call = NULL;
	int r = sd_bus_message_new_method_call(
		units->bus, &call, SERVICE, MANAGER_PATH, SERVICE ".Manager", "ListUnitsByPatterns");

	if (r >= 0)
		r = sd_bus_message_append(call, "asas", 0, 1, pattern);
	return r < 0 ? r : units_call(units, call, ret_reply);
}

/* The names first: each is asked about in a call of its own. */
size_t units_find(struct units *units, const char *pattern, struct unit *ret_units, size_t max)
{
	CLEANUP(units_unref_messagep) sd_bus_message *reply = NULL;
	const char *name;
	size_t count = 0;

	if (!units || units_list(units, pattern, &reply) < 0 ||
		sd_bus_message_enter_container(reply, 'a', "(ssssssouso)") < 0)
		return 0;
	while (count < max && sd_bus_message_enter_container(reply, 'r', "ssssssouso") > 0) {
		if (sd_bus_message_read(reply, "s", &name) < 0 ||
			sd_bus_message_skip(reply, "sssssouso") < 0 ||
			sd_bus_message_exit_container(reply) < 0)
			break;
		units_read(units, name, &ret_units[count++]);
	}
	return count;
}

/* ---- what it means ---- */

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

void unit_describe(struct buf *out, const struct unit *unit)
{
	bool failed = strcmp(unit->active, "failed") == 0;

	if (!unit_is_known(unit) || !unit_is_installed(unit)) {
		buf_append_text(out, unit_is_known(unit) ? "not installed" : UNKNOWN);
		return;
	}
	if (strcmp(unit->load, "loaded") != 0) {
		buf_append_text(out, unit->load);
		return;
	}
	/* "dead" is systemd's word for what is merely not running. */
	if (unit_is_active(unit))
		buf_append_text(out, unit->sub);
	else
		buf_append_text(out, unit->active);
	if (failed && unit->result[0])
		buf_printf(out, " (%s)", unit->result);
	if (unit->file[0])
		buf_printf(out, ", %s", unit->file);
}
