/* SPDX-License-Identifier: MIT */
/* The meaning of a unit's states, and secrets that are stored but not loaded.
 * tests/contract/test_doctor_units.py tests the calls to systemd. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/json.h"
#include "base/mem.h"
#include "cli/machine.h"
#include "cli/port.h"
#include "cli/stored.h"
#include "cli/units.h"
#include "config/config.h"
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
		{ "cannot start",
			{ .load = "loaded",
				.active = "activating",
				.sub = "auto-restart",
				.file = "static",
				.result = "exit-code",
				.exit_code = CLD_EXITED,
				.exit_status = 226 },
			"restarting (exit status 226/NAMESPACE: its mount or user namespace cannot be set "
			"up), static",
			true, false, false },
		{ "is restarted, as systemd 254 has it",
			{ .load = "loaded",
				.active = "activating",
				.sub = "auto-restart-queued",
				.result = "signal",
				.exit_code = CLD_KILLED,
				.exit_status = SIGSEGV },
			"restarting (signal 11/SEGV)", true, false, false },
		{ "ended normally",
			{ .load = "loaded",
				.active = "activating",
				.sub = "auto-restart",
				.result = "success",
				.exit_code = CLD_EXITED },
			"activating", true, false, false },
		{ "an exit status of the program",
			{ .load = "loaded",
				.active = "failed",
				.result = "exit-code",
				.exit_code = CLD_EXITED,
				.exit_status = 71 },
			"failed (exit status 71)", true, false, false },
		{ "a signal without a name",
			{ .load = "loaded",
				.active = "failed",
				.result = "signal",
				.exit_code = CLD_KILLED,
				.exit_status = 4711 },
			"failed (signal)", true, false, false },
		{ "a result that says more than the status",
			{ .load = "loaded",
				.active = "failed",
				.result = "oom-kill",
				.exit_code = CLD_KILLED,
				.exit_status = SIGKILL },
			"failed (oom-kill: the kernel killed it because memory ran out)", true, false,
			false },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEANUP(mem_freep) char *words = unit_describe(&rows[i].unit);

		assert_string_equal(words, rows[i].words);
		if (unit_is_installed(&rows[i].unit) != rows[i].installed ||
			unit_is_active(&rows[i].unit) != rows[i].active ||
			unit_is_enabled(&rows[i].unit) != rows[i].enabled)
			fail_msg("%s", rows[i].name);
	}
}

static void without_systemd_all_is_unknown(void **state)
{
	CLEANUP(mem_freep) char *words = NULL;
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
	words = unit_describe(&unit);
	assert_string_equal(words, "unknown");
	assert_int_equal(units_find(units, "aither-sync@*.timer", none, 1), 0);
}

/* ---- secrets ---- */

static const struct config config = { .web.local_access = true };

#define STARTED_MS INT64_C(1700000000000)

/* Both daemons have been running for years. */
static struct machine running_machine(void)
{
	struct machine machine = { .managed = true };

	machine.units[MACHINE_WORKER] = machine.units[MACHINE_WEB] = (struct unit){
		.load = "loaded", .active = "active", .main_pid = 1, .started_ms = STARTED_MS
	};
	memcpy(machine.units[MACHINE_WORKER].name, "aither-worker.service", sizeof("aither-worker.service"));
	memcpy(machine.units[MACHINE_WEB].name, "aither.service", sizeof("aither.service"));
	memcpy(machine.units[MACHINE_WEB_SOCKET].listen[0], "127.0.0.1:3500", sizeof("127.0.0.1:3500"));
	machine.units[MACHINE_WEB_SOCKET].listen_count = 1;
	return machine;
}

/* As if it had been stored at that time. */
static void store(const char *name, int64_t ms)
{
	const struct timespec times[2] = { { .tv_sec = ms / 1000 }, { .tv_sec = ms / 1000 } };

	scratch_put(name, "a-secret-of-good-length-for-any-of-them\n");
	assert_int_equal(utimensat(scratch_fd, name, times, 0), 0);
}

static struct json *stored_checks(const struct machine *machine, const char *loaded_name)
{
	const char *const directories[] = { "/nonexistent/credstore", scratch_path, NULL };
	CLEANUP(json_freep) struct json *loaded = json_new_array();
	struct json *checks = json_new_array();

	if (loaded_name)
		json_append(loaded, json_new_string(loaded_name));
	stored_check_secrets(machine, &config, directories, loaded, CHECK_WARNING, checks);
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

static void a_secret_that_is_not_loaded_needs_a_restart(void **state)
{
	static const char restart[] = CHECK_RESTART;
	static const char since_before[] = "was started before that and has not loaded it yet";
	static const char refused[] = "has not loaded it: it was stored later, or its form is wrong";
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
	const struct machine machine = running_machine();
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (rows[i].stored)
			store(rows[i].stored, rows[i].stored_ms);
		CLEANUP(json_freep) struct json *checks = stored_checks(&machine, rows[i].loaded);
		assert_check(json_first(checks), "credentials", rows[i].why ? CHECK_WARNING : CHECK_OK,
			rows[i].why ? restart : NULL);
		if (rows[i].why)
			assert_non_null(
				strstr(json_string(json_get(json_first(checks), "message")), rows[i].why));
		if (rows[i].stored)
			assert_int_equal(unlinkat(scratch_fd, rows[i].stored, 0), 0);
	}
}

static void a_stopped_daemon_loads_it_when_it_starts(void **state)
{
	struct machine machine = running_machine();
	(void)state;

	machine.units[MACHINE_WEB].main_pid = 0;
	store("aither.sync-token", STARTED_MS + 5000);
	CLEANUP(json_freep) struct json *idle = stored_checks(&machine, NULL);
	assert_check(json_first(idle), "credentials", CHECK_OK, NULL);
	machine.units[MACHINE_WEB].main_pid = 1;
	CLEANUP(json_freep) struct json *old = stored_checks(&machine, NULL);
	assert_check(json_first(old), "credentials", CHECK_WARNING, CHECK_RESTART);
}

static void a_token_is_advised_where_others_can_call(void **state)
{
	struct machine machine = running_machine();
	(void)state;

	CLEANUP(json_freep) struct json *local = stored_checks(&machine, NULL);
	assert_check(json_next(json_first(local)), "sync-token", CHECK_OK,
		"aither set-secret --generate sync-token");
	assert_non_null(
		strstr(json_string(json_get(json_next(json_first(local)), "message")), "is not set: "));
	assert_int_equal(json_count(local), 3); /* with course-pages */
	memcpy(machine.units[MACHINE_WEB_SOCKET].listen[1], "[::]:3500", sizeof("[::]:3500"));
	machine.units[MACHINE_WEB_SOCKET].listen_count = 2;
	CLEANUP(json_freep) struct json *open = stored_checks(&machine, NULL);
	assert_check(json_next(json_first(open)), "sync-token", CHECK_WARNING,
		"aither set-secret --generate sync-token");
	store("aither.sync-token", STARTED_MS - 5000);
	CLEANUP(json_freep) struct json *safe = stored_checks(&machine, NULL);
	assert_check(json_next(json_first(safe)), "sync-token", CHECK_OK, NULL);
	/* A token gives no protection if others can read it on the way. */
	assert_check(json_next(json_next(json_first(safe))), "tls", CHECK_WARNING,
		"systemctl edit aither.socket\nsystemctl restart aither.socket");
}

static const struct json *check_of(const struct json *checks, const char *name)
{
	JSON_FOREACH (check, checks)
		if (strcmp(json_string(json_get(check, "name")), name) == 0)
			return check;
	fail_msg("no check %s", name);
	return NULL;
}

static void a_secret_that_aither_web_refuses_is_reported(void **state)
{
	CLEANUP(mem_freep) char *long_one = mem_printf("%04000d", 0);
	const struct {
		const char *secret, *text, *message;
	} rows[] = {
		{ "sync-token", "short\n", "sync-token must have 16 to 256 characters, this one has 5" },
		{ "sync-token", long_one, "refuses the stored secret: " },
		{ "pages-password", "short\n",
			"pages-password must have 12 to 256 characters, this one has 5" },
	};
	const struct machine machine = running_machine();
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEANUP(mem_freep) char *file = mem_printf("aither.%s", rows[i].secret);
		CLEANUP(mem_freep) char *remedy = mem_printf("aither set-secret %s", rows[i].secret);
		scratch_put(file, rows[i].text);
		CLEANUP(json_freep) struct json *checks = stored_checks(&machine, NULL);
		const struct json *check = check_of(checks, rows[i].secret);
		assert_check(check, rows[i].secret, CHECK_FAILED, remedy);
		assert_non_null(strstr(json_string(json_get(check, "message")), rows[i].message));
		assert_int_equal(unlinkat(scratch_fd, file, 0), 0);
	}
}

static void private_pages_that_nobody_can_open_are_reported(void **state)
{
	static const struct config public = { .web.local_access = true, .site.course_pages_public = true };
	static const char *const openers[] = { "aither.pages-password", "aither.sync-token" };
	const char *const directories[] = { scratch_path, NULL };
	struct machine machine = running_machine();
	(void)state;

	CLEANUP(json_freep) struct json *closed = stored_checks(&machine, NULL);
	assert_check(check_of(closed, "course-pages"), "course-pages", CHECK_WARNING,
		"aither set-secret --generate pages-password");
	for (size_t i = 0; i < ARRAY_SIZE(openers); i++) {
		store(openers[i], STARTED_MS - 5000);
		CLEANUP(json_freep) struct json *open = stored_checks(&machine, NULL);
		assert_null(check_find(open, "course-pages"));
		assert_int_equal(unlinkat(scratch_fd, openers[i], 0), 0);
	}
	/* A drop-in may set a token without storing it. */
	machine.answers[0] = PORT_HAS_TOKEN;
	CLEANUP(json_freep) struct json *answered = stored_checks(&machine, NULL);
	assert_null(check_find(answered, "course-pages"));
	machine.answers[0] = PORT_HAS_NO_TOKEN;
	CLEANUP(json_freep) struct json *loaded = json_new_array(), *checks = json_new_array();
	stored_check_secrets(&machine, &public, directories, loaded, CHECK_WARNING, checks);
	assert_null(check_find(checks, "course-pages"));
}

/* Only systemd can read the file, so its format proves nothing. */
static void an_encrypted_token_counts_as_set(void **state)
{
	CLEANUP(mem_freep) char *directory = mem_printf("%s/credstore.encrypted", scratch_path);
	const char *const directories[] = { directory, NULL };
	const struct machine machine = running_machine();
	CLEANUP(json_freep) struct json *loaded = json_new_array(), *checks = json_new_array();
	(void)state;

	assert_int_equal(mkdirat(scratch_fd, "credstore.encrypted", 0700), 0);
	scratch_put("credstore.encrypted/aither.sync-token", "short\n");
	stored_check_secrets(&machine, &config, directories, loaded, CHECK_WARNING, checks);
	assert_non_null(strstr(json_string(json_get(check_of(checks, "sync-token"), "message")), "is set"));
}

/* ---- files that others can read ---- */

static void secrets_that_others_can_read_are_reported(void **state)
{
	static const struct {
		const char *name, *text;
		mode_t file_mode, directory_mode;
		const char *remedy; /* its beginning; NULL: no problem */
	} rows[] = {
		{ "closed", "HEMERA_API_KEY=x\n", 0600, 0700, NULL },
		{ "an open store", "", 0600, 0705, "chmod 700 " },
		{ "a store whose names others see", "", 0600, 0704, "chmod 700 " },
		{ "an open file with a key", "# of Node\nA=b\n HEMERA_API_KEY = 'x'\n", 0604, 0700,
			"chmod 600 " },
		{ "with a password", "SMTP_PASS=x", 0604, 0700, "chmod 600 " },
		{ "without a secret", "HEMERA_API_BASE_URL=https://x\n#HEMERA_API_KEY=x\n", 0604, 0700,
			NULL },
		{ "an empty one", "HEMERA_API_KEY=\n", 0604, 0700, NULL },
	};
	CLEANUP(mem_freep) char *credstore = mem_printf("%s/store", scratch_path);
	CLEANUP(mem_freep) char *file = mem_printf("%s/default", scratch_path);
	const char *const directories[] = { "/nonexistent/credstore", credstore, NULL };
	(void)state;

	assert_int_equal(mkdirat(scratch_fd, "store", 0704), 0);
	CLEANUP(json_freep) struct json *empty = json_new_array();
	stored_check_exposed(directories, file, empty);
	assert_int_equal(json_count(empty), 0);
	scratch_put("store/aither.hemera-api-key", "x");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEANUP(json_freep) struct json *checks = json_new_array();

		scratch_put("default", rows[i].text);
		assert_int_equal(fchmodat(scratch_fd, "default", rows[i].file_mode, 0), 0);
		assert_int_equal(fchmodat(scratch_fd, "store", rows[i].directory_mode, 0), 0);
		stored_check_exposed(directories, file, checks);
		if (json_count(checks) != (rows[i].remedy ? 1 : 0))
			fail_msg("%s: %zu checks", rows[i].name, json_count(checks));
		if (!rows[i].remedy)
			continue;
		const char *remedy = json_string(json_get(json_first(checks), "remedy"));
		assert_int_equal(check_status_of(json_first(checks)), CHECK_WARNING);
		if (strncmp(remedy, rows[i].remedy, strlen(rows[i].remedy)) != 0)
			fail_msg("%s: %s", rows[i].name, remedy);
	}
}

static void without_units_secrets_are_skipped(void **state)
{
	const struct machine machine = { .managed = false };
	(void)state;

	CLEANUP(json_freep) struct json *checks = stored_checks(&machine, NULL);
	assert_check(json_first(checks), "credentials", CHECK_SKIPPED, NULL);
	assert_int_equal(json_count(checks), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(states_become_words),
		cmocka_unit_test(without_systemd_all_is_unknown),
		SCRATCH_TEST(a_secret_that_is_not_loaded_needs_a_restart),
		SCRATCH_TEST(a_stopped_daemon_loads_it_when_it_starts),
		SCRATCH_TEST(a_token_is_advised_where_others_can_call),
		SCRATCH_TEST(a_secret_that_aither_web_refuses_is_reported),
		SCRATCH_TEST(private_pages_that_nobody_can_open_are_reported),
		SCRATCH_TEST(an_encrypted_token_counts_as_set),
		SCRATCH_TEST(secrets_that_others_can_read_are_reported),
		SCRATCH_TEST(without_units_secrets_are_skipped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
