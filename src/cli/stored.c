/* SPDX-License-Identifier: MIT */
#include "cli/stored.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/check.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "cli/machine.h"
#include "cli/port.h"
#include "config/config-check.h"
#include "config/config.h"

#define CREDENTIALS "credentials"
#define MAKE_TOKEN "aither set-secret --generate sync-token"
#define LOADED "/run/credentials/" /* where systemd puts the secrets of each unit */

const char *const stored_directories[] = { "/etc/credstore", "/etc/credstore.encrypted", "/run/credstore",
	"/run/credstore.encrypted", "/usr/lib/credstore", "/usr/lib/credstore.encrypted",
	"/run/credentials/aither.service", "/run/credentials/aither-worker.service", NULL };

enum stored { STORED_NOT, STORED_THERE, STORED_HIDDEN };

static int64_t changed_ms(const struct stat *status)
{
	return (int64_t)status->st_mtim.tv_sec * 1000 + status->st_mtim.tv_nsec / 1000000;
}

/* Finds a secret in the first directory that has it. STORED_HIDDEN: only root may know. */
static enum stored find_stored(
	const char *const *directories, enum config_secret secret, int64_t *ret_changed_ms)
{
	enum stored found = STORED_NOT;

	for (; *directories; directories++) {
		CLEANUP(mem_freep)
		char *path = mem_printf("%s/aither.%s", *directories, config_secret_name(secret));
		struct stat status;

		if (stat(path, &status) == 0) {
			*ret_changed_ms = changed_ms(&status);
			return STORED_THERE;
		}
		if (errno == EACCES)
			found = STORED_HIDDEN;
	}
	return found;
}

/* ---- secrets ---- */

/* Does the daemon refuse the stored secret? An encrypted one is not checked: only systemd can read it. */
static bool is_refused(const char *const *directories, enum config_secret secret, struct error *err)
{
	int r = -ENOENT;

	for (; *directories && r == -ENOENT; directories++) {
		CLEANUP(mem_freep)
		char *path = mem_printf("%s/aither.%s", *directories, config_secret_name(secret));

		if (!strstr(*directories, ".encrypted"))
			r = config_secret_check_file(secret, path, err);
	}
	return r != 0 && r != -ENOENT && r != -EACCES && r != -EPERM;
}

/* Adds a check for a secret that its daemon refuses, and returns true. */
static bool check_refused(const char *const *directories, enum config_secret secret, struct json *checks)
{
	const char *name = config_secret_name(secret),
		   *program = config_secret_program(secret) == CONFIG_WEB ? "aither-web" : "aither-worker";
	CLEANUP(mem_freep) char *remedy = mem_printf("aither set-secret %s", name);
	struct error err = { 0 };

	if (!is_refused(directories, secret, &err))
		return false;
	check_add(
		checks, name, CHECK_FAILED, remedy, "%s refuses the stored secret: %s", program, err.message);
	return true;
}

static bool check_loaded(const struct machine *machine, const char *const *directories,
	const struct json *loaded, enum check_status status, struct json *checks)
{
	bool is_old = false;
	unsigned stale = 0;

	for (int i = 0; i < CONFIG_SECRETS; i++) {
		const char *name = config_secret_name((enum config_secret)i);
		bool is_web = config_secret_program((enum config_secret)i) == CONFIG_WEB;
		const struct unit *unit = &machine->units[is_web ? MACHINE_WEB : MACHINE_WORKER];
		int64_t stored_ms = 0;
		enum stored stored = find_stored(directories, (enum config_secret)i, &stored_ms);

		if (stored == STORED_HIDDEN) {
			check_add(checks, CREDENTIALS, CHECK_SKIPPED, check_as_root(),
				"only root may see which secrets are stored");
			return false;
		}
		/* A daemon that is not running will load the secret when it starts. aither-web does not
		 * report which secrets it has, nor does a worker that does not answer. */
		bool is_newer = unit->main_pid && unit->started_ms && stored_ms > unit->started_ms;
		bool is_loaded = is_web || !loaded;
		JSON_FOREACH (item, loaded)
			is_loaded = is_loaded || strcmp(json_string(item) ?: "", name) == 0;
		if (stored == STORED_NOT || (!is_newer && is_loaded) ||
			(stored == STORED_THERE && is_refused(directories, (enum config_secret)i, NULL)))
			continue;
		/* A file may have been put there after its time of change (cp -p). */
		check_add(checks, CREDENTIALS, is_web ? CHECK_WARNING : status, CHECK_RESTART,
			"%s is stored, but %s %s", name, unit->name,
			is_newer ? "was started before that and has not loaded it yet"
				 : "has not loaded it: it was stored later, or its form is wrong");
		is_old |= !is_web;
		stale++;
	}
	if (stale == 0)
		check_add(checks, CREDENTIALS, CHECK_OK, NULL, "the daemons have loaded all stored secrets");
	return is_old;
}

static bool is_public(const struct unit *socket)
{
	for (size_t i = 0; i < socket->listen_count; i++) {
		struct port_address address;

		if (port_parse(socket->listen[i], &address) == 0 && !port_is_loopback(&address))
			return true;
	}
	return false;
}

/* A proxy that adds no header makes strangers look local, so a token is advised for local addresses, too. */
void stored_check_token(const struct machine *machine, const struct config *config,
	const char *const *directories, struct json *checks)
{
	const struct unit *socket = &machine->units[MACHINE_WEB_SOCKET];
	bool is_reachable = is_public(socket);
	int64_t ignored;
	enum stored stored = find_stored(directories, CONFIG_SECRET_SYNC_TOKEN, &ignored);
	struct json *check = NULL;

	if (check_refused(directories, CONFIG_SECRET_SYNC_TOKEN, checks))
		return;
	/* Only root may see what is stored, and a drop-in may set a token without storing it. */
	for (size_t i = 0; i < socket->listen_count && stored != STORED_THERE; i++)
		if (machine->answers[i] == PORT_HAS_TOKEN || machine->answers[i] == PORT_HAS_NO_TOKEN) {
			stored = machine->answers[i] == PORT_HAS_TOKEN ? STORED_THERE : STORED_NOT;
			break;
		}
	if (stored == STORED_THERE)
		check_add(checks, "sync-token", CHECK_OK, NULL, "is set: calls over TCP need it");
	else if (stored == STORED_HIDDEN)
		check_add(checks, "sync-token", CHECK_SKIPPED, check_as_root(),
			"only root may see whether it is set");
	else
		check = check_add(checks, "sync-token", is_reachable ? CHECK_WARNING : CHECK_OK, MAKE_TOKEN,
			"is not set: %s%s",
			is_reachable ? "aither.socket listens on other addresses than loopback; " : "",
			config->web.local_access
				? "all programs on this machine may run syncs, and so may strangers through a proxy that leaves no trace"
				: "LocalAccess=no refuses all calls over TCP");
	if (check && is_reachable)
		check_set_headline(check,
			"no sync token is set, and aither.socket listens on other addresses than loopback");
}

/* A sync token opens the course pages as well as the pages password does. */
static void check_pages(const struct machine *machine, const struct config *config,
	const char *const *directories, struct json *checks)
{
	const struct unit *socket = &machine->units[MACHINE_WEB_SOCKET];
	int64_t ignored;
	enum stored password = find_stored(directories, CONFIG_SECRET_PAGES_PASSWORD, &ignored);
	bool has_token = find_stored(directories, CONFIG_SECRET_SYNC_TOKEN, &ignored) == STORED_THERE;

	for (size_t i = 0; i < socket->listen_count; i++)
		has_token |= machine->answers[i] == PORT_HAS_TOKEN;
	if (config->site.course_pages_public || has_token || password != STORED_NOT)
		return;
	check_add(checks, "course-pages", CHECK_WARNING, "aither set-secret --generate pages-password",
		"CoursePages=private, but neither a pages password nor a sync token is set, so course pages are closed");
}

bool stored_check_secrets(const struct machine *machine, const struct config *config,
	const char *const *directories, const struct json *loaded, enum check_status status,
	struct json *checks)
{
	bool is_old;

	if (!machine->managed) {
		check_add(checks, CREDENTIALS, CHECK_SKIPPED, NULL, "not checked, because no unit is used");
		return false;
	}
	is_old = check_loaded(machine, directories, loaded, status, checks);
	stored_check_token(machine, config, directories, checks);
	if (!check_refused(directories, CONFIG_SECRET_PAGES_PASSWORD, checks))
		check_pages(machine, config, directories, checks);
	if (is_public(&machine->units[MACHINE_WEB_SOCKET]))
		check_add(checks, "tls", CHECK_WARNING,
			"systemctl edit aither.socket\nsystemctl restart aither.socket",
			"aither.socket listens on other addresses than loopback, without TLS: the token, passwords and private pages cross the network in the clear; listen on 127.0.0.1 and put a proxy with TLS in front, as in /usr/share/doc/aither/examples/nginx.conf");
	return is_old;
}

/* ---- on behalf of the worker ---- */

static void check_key(
	const struct machine *machine, const char *const *directories, bool is_hidden, struct json *checks)
{
	static const char id[] = "hemera-api-key";
	const char *variable = getenv(config_secret_environment(CONFIG_SECRET_HEMERA_API_KEY));
	int64_t ignored;
	enum stored stored = find_stored(directories, CONFIG_SECRET_HEMERA_API_KEY, &ignored);

	if (check_refused(directories, CONFIG_SECRET_HEMERA_API_KEY, checks))
		return;
	if (stored == STORED_THERE || (variable && *variable))
		check_add(checks, id, CHECK_OK, NULL, "is stored");
	else if (stored == STORED_HIDDEN || is_hidden)
		check_add(checks, id, CHECK_SKIPPED, check_as_root(), "only root may see whether it is set");
	else if (machine->units[MACHINE_WORKER].drop_in[0])
		check_add(checks, id, CHECK_SKIPPED, NULL, "is not stored, but %s may load it",
			machine->units[MACHINE_WORKER].drop_in);
	else
		check_add(checks, id, CHECK_FAILED, "aither set-secret hemera-api-key",
			"is not set: without it, Hemera refuses all requests");
}

/* Leaves the restart out of remedies: a daemon that is not running reads its files when it starts. */
static void add_without_restart(const struct json *from, struct json *checks)
{
	static const char restart[] = "\n" CHECK_RESTART;

	JSON_FOREACH (check, from) {
		const char *remedy = json_string(json_get(check, "remedy"));
		CLEANUP(mem_freep) char *shorter = remedy ? mem_strdup(remedy) : NULL;
		char *end = shorter ? strstr(shorter, restart) : NULL;

		if (end)
			*end = '\0';
		check_add(checks, json_string(json_get(check, "name")) ?: "?", check_status_of(check),
			shorter, "%s", json_string(json_get(check, "message")) ?: "");
	}
}

void stored_check_configuration(const struct machine *machine, const struct config *config,
	const char *const *directories, const char *environment_file, struct json *checks)
{
	CLEANUP(config_done) struct config worker = { 0 };
	CLEANUP(json_freep) struct json *found = json_new_array();
	int r;

	if (!machine->managed) {
		config_check(config, checks);
		return;
	}
	r = config_environment_load(environment_file, NULL);
	if (r == -EACCES || r == -EPERM) {
		check_add(found, "configuration", CHECK_SKIPPED, check_as_root(),
			"only root may read %s, which is part of it", environment_file);
	} else {
		config_load(&worker, config->path, CONFIG_WORKER);
		config_check(&worker, found);
	}
	check_key(machine, directories, r == -EACCES || r == -EPERM, found);
	if (machine->units[MACHINE_WEB].main_pid || machine->units[MACHINE_WORKER].main_pid)
		check_add_all(checks, found);
	else
		add_without_restart(found, checks);
}

/* ---- files that others can read ---- */

/* Does a user other than root have one of these rights? */
static bool is_open(const struct stat *status, mode_t rights)
{
	return (status->st_mode & rights & S_IRWXO) ||
	       (status->st_gid != 0 && (status->st_mode & rights & S_IRWXG));
}

static void check_store(const char *directory, struct json *checks)
{
	const char *const directories[] = { directory, NULL };
	CLEANUP(mem_freep)
	char *remedy = mem_printf("chmod 700 %s\nchmod 600 %s/aither.*", directory, directory);
	bool has_secret = false; /* a store without aither's secrets is none of its business */
	struct stat status;
	int64_t ignored;

	if (stat(directory, &status) < 0 || !is_open(&status, 0777))
		return;
	for (int i = 0; i < CONFIG_SECRETS; i++)
		has_secret |= find_stored(directories, (enum config_secret)i, &ignored) != STORED_NOT;
	if (has_secret)
		check_add(checks, CREDENTIALS, CHECK_WARNING, remedy,
			"users other than root may list %s, where secrets are stored (mode %03o)", directory,
			status.st_mode & 0777);
}

void stored_check_exposed(const char *const *directories, const char *environment_file, struct json *checks)
{
	CLEANUP(mem_freep) char *remedy = mem_printf("chmod 600 %s", environment_file);
	const char *variable = NULL;
	struct stat status;

	for (; *directories; directories++)
		if (strncmp(*directories, LOADED, strlen(LOADED)) != 0)
			check_store(*directories, checks);
	if (stat(environment_file, &status) == 0 && is_open(&status, 0444))
		variable = config_environment_find_secret(environment_file);
	if (variable)
		check_add(checks, CREDENTIALS, CHECK_WARNING, remedy,
			"users other than root may read %s, which contains %s (mode %03o)", environment_file,
			variable, status.st_mode & 0777);
}

/* ---- configuration files ---- */

static void take_newest(const char *path, int64_t *newest_ms)
{
	struct stat status;

	if (stat(path, &status) == 0 && changed_ms(&status) > *newest_ms)
		*newest_ms = changed_ms(&status);
}

bool stored_check_restart(const struct machine *machine, enum check_status status, struct json *checks)
{
	static const char directory[] = CONFIG_PATH_DEFAULT ".d";
	CLEANUP(file_closedirp) DIR *stream = opendir(directory);
	const struct dirent *item;
	int64_t newest_ms = 0;

	take_newest(CONFIG_PATH_DEFAULT, &newest_ms);
	take_newest(CONFIG_ENVIRONMENT_FILE, &newest_ms);
	take_newest(directory, &newest_ms); /* changes when a file is removed */
	while (stream && (item = readdir(stream)) != NULL) {
		CLEANUP(mem_freep) char *path = mem_printf("%s/%s", directory, item->d_name);

		take_newest(path, &newest_ms);
	}
	for (int i = MACHINE_WORKER; i >= MACHINE_WEB && machine->managed; i--) {
		const struct unit *unit = &machine->units[i];

		if (unit->main_pid && unit->started_ms && newest_ms > unit->started_ms) {
			check_add(checks, "restart", status, CHECK_RESTART,
				"the configuration was changed after %s was started", unit->name);
			return i == MACHINE_WORKER; /* the command restarts both */
		}
	}
	return false;
}
