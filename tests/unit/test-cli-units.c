/* SPDX-License-Identifier: MIT */
/* What a unit's states mean, and secrets that are stored but not yet loaded. How systemd is asked is tested
 * by tests/contract/test_doctor_units.py. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/json.h"
#include "base/mem.h"
#include "cli/doctor.h"
#include "cli/units.h"
#include "scratch.h"

static void states_become_words(void **state)
{
	static const struct {
		const char *name;
		struct unit unit;
		const char *words;
		bool installed, active, enabled;
	} rows[] = {
		{ "listens", { .load = "loaded", .active = "active", .sub = "listening", .file = "enabled" },
			"listening, enabled", true, true, true },
		{ "until the next start",
			{ .load = "loaded", .active = "active", .sub = "waiting", .file = "enabled-runtime" },
			"waiting, enabled-runtime", true, true, true },
		{ "not started",
			{ .load = "loaded", .active = "inactive", .sub = "dead", .file = "disabled" },
			"inactive, disabled", true, false, false },
		{ "failed",
			{ .load = "loaded",
				.active = "failed",
				.sub = "failed",
				.file = "static",
				.result = "exit-code" },
			"failed (exit-code), static", true, false, false },
		{ "without a file", { .load = "loaded", .active = "active", .sub = "running" }, "running",
			true, true, false },
		{ "masked", { .load = "masked", .active = "inactive", .file = "masked" }, "masked", true,
			false, false },
		{ "missing", { .load = "not-found", .active = "inactive" }, "not installed", false, false,
			false },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEANUP(buf_done) struct buf words = BUF_INIT(256);

		unit_describe(&words, &rows[i].unit);
		assert_string_equal(buf_text(&words), rows[i].words);
		if (unit_is_installed(&rows[i].unit) != rows[i].installed ||
			unit_is_active(&rows[i].unit) != rows[i].active ||
			unit_is_enabled(&rows[i].unit) != rows[i].enabled)
			fail_msg("%s", rows[i].name);
	}
}

static void without_systemd_all_is_unknown(void **state)
{
	CLEANUP(buf_done) struct buf words = BUF_INIT(256);
	CLEANUP(units_freep) struct units *units = NULL;
	struct unit unit, none[1];
	(void)state;

	setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent/bus", 1);
	units = units_open();
	assert_null(units);
	units_read(units, "aither.socket", &unit);
	assert_string_equal(unit.name, "aither.socket");
	assert_false(unit_is_known(&unit));
	assert_false(unit_is_installed(&unit));
	assert_false(unit_is_active(&unit));
	unit_describe(&words, &unit);
	assert_string_equal(buf_text(&words), "unknown");
	assert_int_equal(units_find(units, "aither-sync@*.timer", none, 1), 0);
}

/* ---- secrets ---- */

#define STARTED_MS INT64_C(1700000000000)

/* Both daemons run, and have done so for years. */
static struct doctor_units running_units(void)
{
	struct doctor_units units = { .known = true, .managed = true };

	units.worker = units.web = (struct unit){
		.load = "loaded", .active = "active", .main_pid = 1, .started_ms = STARTED_MS
	};
	memcpy(units.worker.name, "aither-worker.service", sizeof("aither-worker.service"));
	memcpy(units.web.name, "aither.service", sizeof("aither.service"));
	memcpy(units.web_socket.listen[0], "127.0.0.1:3500", sizeof("127.0.0.1:3500"));
	units.web_socket.listen_count = 1;
	return units;
}

/* As if it had been stored at that time. */
static void store(const char *name, int64_t ms)
{
	const struct timespec times[2] = { { .tv_sec = ms / 1000 }, { .tv_sec = ms / 1000 } };

	scratch_put(name, "a-secret-of-good-length-for-any-of-them\n");
	assert_int_equal(utimensat(scratch_fd, name, times, 0), 0);
}

static struct json *stored_checks(const struct doctor_units *units, const char *loaded_name)
{
	const char *const directories[] = { "/nonexistent/credstore", scratch_path, NULL };
	CLEANUP(json_freep) struct json *loaded = json_new_array();
	struct json *checks = json_new_array();

	if (loaded_name)
		json_append(loaded, json_new_string(loaded_name));
	doctor_stored_check(units, directories, loaded, checks);
	return checks;
}

static void assert_check(
	const struct json *check, const char *name, enum check_status status, const char *remedy)
{
	assert_string_equal(json_string(json_get(check, "name")), name);
	assert_int_equal(check_status_of(check), status);
	if (remedy)
		assert_string_equal(json_string(json_get(check, "remedy")), remedy);
	else
		assert_null(json_string(json_get(check, "remedy")));
}

static void what_is_stored_but_not_loaded_needs_a_restart(void **state)
{
	static const char restart[] = "systemctl try-restart aither-worker.service";
	static const char since_before[] = "has been running since before and does not have it yet";
	static const char refused[] = "does not have it: it was put there later, or has not the right form";
	static const struct {
		const char *name, *stored, *loaded;
		int64_t stored_ms;
		const char *why; /* NULL: the daemon has it */
	} rows[] = {
		{ "nothing is stored", NULL, NULL, 0, NULL },
		{ "loaded", "aither.hemera-api-key", "hemera-api-key", STARTED_MS - 5000, NULL },
		{ "loaded, then replaced", "aither.hemera-api-key", "hemera-api-key", STARTED_MS + 5000,
			since_before },
		{ "stored for the first time", "aither.hemera-api-key", NULL, STARTED_MS + 5000,
			since_before },
		{ "of a form that the worker refuses", "aither.hemera-api-key", NULL, STARTED_MS - 5000,
			refused },
		{ "another one is loaded", "aither.smtp-password", "hemera-api-key", STARTED_MS - 5000,
			refused },
		{ "not ours", "other.hemera-api-key", NULL, STARTED_MS + 5000, NULL },
	};
	const struct doctor_units units = running_units();
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (rows[i].stored)
			store(rows[i].stored, rows[i].stored_ms);
		CLEANUP(json_freep) struct json *checks = stored_checks(&units, rows[i].loaded);
		assert_check(json_first(checks), "credentials", rows[i].why ? CHECK_WARNING : CHECK_OK,
			rows[i].why ? restart : NULL);
		if (rows[i].why)
			assert_non_null(
				strstr(json_string(json_get(json_first(checks), "message")), rows[i].why));
		if (rows[i].stored)
			assert_int_equal(unlinkat(scratch_fd, rows[i].stored, 0), 0);
	}
}

static void a_daemon_that_does_not_run_takes_it_when_it_starts(void **state)
{
	struct doctor_units units = running_units();
	(void)state;

	units.web.main_pid = 0;
	store("aither.sync-token", STARTED_MS + 5000);
	CLEANUP(json_freep) struct json *idle = stored_checks(&units, NULL);
	assert_check(json_first(idle), "credentials", CHECK_OK, NULL);
	units.web.main_pid = 1;
	CLEANUP(json_freep) struct json *old = stored_checks(&units, NULL);
	assert_check(json_first(old), "credentials", CHECK_WARNING, "systemctl try-restart aither.service");
}

static void a_token_is_wanted_where_others_can_call(void **state)
{
	struct doctor_units units = running_units();
	(void)state;

	CLEANUP(json_freep) struct json *local = stored_checks(&units, NULL);
	assert_check(json_next(json_first(local)), "sync-token", CHECK_OK, NULL);
	memcpy(units.web_socket.listen[1], "[::]:3500", sizeof("[::]:3500"));
	units.web_socket.listen_count = 2;
	CLEANUP(json_freep) struct json *open = stored_checks(&units, NULL);
	assert_check(
		json_next(json_first(open)), "sync-token", CHECK_WARNING, "aither set-secret sync-token");
	store("aither.sync-token", STARTED_MS - 5000);
	CLEANUP(json_freep) struct json *safe = stored_checks(&units, NULL);
	assert_check(json_next(json_first(safe)), "sync-token", CHECK_OK, NULL);
}

static void a_token_that_aither_web_refuses_is_none(void **state)
{
	CLEANUP(mem_freep) char *long_one = mem_printf("%02000d", 0);
	const struct {
		const char *text, *message;
	} rows[] = {
		{ "short\n", "sync-token must have 16 to 256 characters, this one has 5" },
		{ long_one, "does not accept the one that is stored: " },
	};
	const struct doctor_units units = running_units();
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		scratch_put("aither.sync-token", rows[i].text);
		CLEANUP(json_freep) struct json *checks = stored_checks(&units, NULL);
		const struct json *check = json_first(checks);
		while (strcmp(json_string(json_get(check, "name")), "sync-token") != 0)
			check = json_next(check);
		assert_check(check, "sync-token", CHECK_FAILED, "aither set-secret sync-token");
		assert_non_null(strstr(json_string(json_get(check, "message")), rows[i].message));
	}
}

static void without_units_nothing_is_stored_for_anybody(void **state)
{
	const struct doctor_units units = { .known = true };
	(void)state;

	CLEANUP(json_freep) struct json *checks = stored_checks(&units, NULL);
	assert_check(json_first(checks), "credentials", CHECK_SKIPPED, NULL);
	assert_int_equal(json_count(checks), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(states_become_words),
		cmocka_unit_test(without_systemd_all_is_unknown),
		SCRATCH_TEST(what_is_stored_but_not_loaded_needs_a_restart),
		SCRATCH_TEST(a_daemon_that_does_not_run_takes_it_when_it_starts),
		SCRATCH_TEST(a_token_is_wanted_where_others_can_call),
		SCRATCH_TEST(a_token_that_aither_web_refuses_is_none),
		SCRATCH_TEST(without_units_nothing_is_stored_for_anybody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
