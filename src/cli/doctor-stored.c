/* SPDX-License-Identifier: MIT */
#include "cli/doctor.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/config.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "cli/port.h"

#define CREDENTIALS "credentials"
#define SYNC_TOKEN "sync-token"

/* Where LoadCredential=NAME looks (systemd.exec(5)); the last is what aither-web has been given. */
const char *const doctor_credstores[] = { "/etc/credstore", "/run/credstore", "/usr/lib/credstore",
	"/run/credentials/aither.service", NULL };

enum stored { STORED_NOT, STORED_THERE, STORED_HIDDEN };

static int64_t changed_ms(const struct stat *status)
{
	return (int64_t)status->st_mtim.tv_sec * 1000 + status->st_mtim.tv_nsec / 1000000;
}

/* Finds a secret in the first directory that has it. Hidden: only root may look. */
static enum stored find_stored(const char *const *directories, const char *name, int64_t *ret_changed_ms)
{
	enum stored found = STORED_NOT;

	for (; *directories; directories++) {
		CLEANUP(mem_freep) char *path = mem_printf("%s/aither.%s", *directories, name);
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

static bool is_loaded(const struct json *loaded, const char *name)
{
	JSON_FOREACH (item, loaded)
		if (strcmp(json_string(item) ?: "", name) == 0)
			return true;
	return false;
}

/* Was it stored after its daemon was started? One that does not run takes it when it starts. */
static bool is_newer(const struct unit *unit, int64_t stored_ms)
{
	return unit->main_pid && unit->started_ms && stored_ms > unit->started_ms;
}

/* A file may be older than the time at which it was put there. */
static void stale_add(struct json *checks, const char *name, const struct unit *unit, bool newer)
{
	CLEANUP(mem_freep) char *remedy = mem_printf("systemctl try-restart %s", unit->name);

	check_add(checks, CREDENTIALS, CHECK_WARNING, remedy, "%s is stored, but %s %s", name, unit->name,
		newer ? "has been running since before and does not have it yet"
		      : "does not have it: it was put there later, or has not the right form");
}

static void secrets_check(const struct doctor_units *units, const char *const *directories,
	const struct json *loaded, struct json *checks)
{
	unsigned stale = 0;

	for (int i = 0; i < CONFIG_SECRETS; i++) {
		const char *name = config_secret_name((enum config_secret)i);
		bool is_web = i == CONFIG_SECRET_SYNC_TOKEN;
		const struct unit *unit = is_web ? &units->web : &units->worker;
		int64_t stored_ms = 0;
		enum stored stored = find_stored(directories, name, &stored_ms);

		if (stored == STORED_HIDDEN) {
			check_add(checks, CREDENTIALS, CHECK_SKIPPED, "sudo aither doctor",
				"only root may see which secrets are stored");
			return;
		}
		/* What aither-web has, nobody tells; without an answer, neither what the worker has. */
		bool has_one = is_web || !loaded || is_loaded(loaded, name);
		bool newer = is_newer(unit, stored_ms);

		if (stored == STORED_THERE && (newer || !has_one)) {
			stale_add(checks, name, unit, newer);
			stale++;
		}
	}
	if (stale == 0)
		check_add(checks, CREDENTIALS, CHECK_OK, NULL, "the daemons have what is stored");
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

/* The worker tells of the secrets that it refuses, aither-web is not asked. */
static bool is_refused(const char *const *directories, struct error *err)
{
	int result = -ENOENT;

	for (; *directories && result == -ENOENT; directories++) {
		CLEANUP(mem_freep) char *path = mem_printf("%s/aither." SYNC_TOKEN, *directories);

		result = config_secret_check_file(CONFIG_SECRET_SYNC_TOKEN, path, err);
	}
	return result < 0 && result != -ENOENT && result != -EACCES && result != -EPERM;
}

static void token_check(const struct unit *socket, const char *const *directories, struct json *checks)
{
	struct error err = { 0 };
	int64_t ignored;
	enum stored stored = find_stored(directories, SYNC_TOKEN, &ignored);

	if (stored == STORED_THERE && is_refused(directories, &err))
		check_add(checks, SYNC_TOKEN, CHECK_FAILED, "aither set-secret " SYNC_TOKEN,
			"aither-web does not accept the one that is stored: %s", err.message);
	else if (stored == STORED_THERE)
		check_add(checks, SYNC_TOKEN, CHECK_OK, NULL, "is set: calls over TCP need it");
	else if (!is_public(socket))
		check_add(checks, SYNC_TOKEN, CHECK_OK, NULL,
			"aither.socket listens on this machine's own addresses only, so none is needed");
	else if (stored == STORED_HIDDEN)
		check_add(checks, SYNC_TOKEN, CHECK_SKIPPED, "sudo aither doctor",
			"only root may see whether it is set");
	else
		check_add(checks, SYNC_TOKEN, CHECK_WARNING, "aither set-secret " SYNC_TOKEN,
			"is not set, but aither.socket listens on more than this machine's own addresses");
}

void doctor_stored_check(const struct doctor_units *units, const char *const *directories,
	const struct json *loaded, struct json *checks)
{
	if (!units->managed) {
		check_add(checks, CREDENTIALS, CHECK_SKIPPED, NULL, "no unit is used");
		return;
	}
	secrets_check(units, directories, loaded, checks);
	token_check(&units->web_socket, directories, checks);
}

/* ---- configuration files ---- */

static void newest(const char *path, int64_t *ms)
{
	struct stat status;

	if (stat(path, &status) == 0 && changed_ms(&status) > *ms)
		*ms = changed_ms(&status);
}

/* The directory itself, too: it changes when a file is removed. */
static int64_t configured_ms(void)
{
	CLEANUP(file_closedirp) DIR *stream = opendir(CONFIG_PATH_DEFAULT ".d");
	const struct dirent *item;
	int64_t ms = 0;

	newest(CONFIG_PATH_DEFAULT, &ms);
	newest(CONFIG_PATH_DEFAULT ".d", &ms);
	while (stream && (item = readdir(stream)) != NULL) {
		CLEANUP(mem_freep) char *path = mem_printf(CONFIG_PATH_DEFAULT ".d/%s", item->d_name);

		newest(path, &ms);
	}
	return ms;
}

void doctor_changed_check(const struct doctor_units *units, struct json *checks)
{
	const struct unit *const services[] = { &units->web, &units->worker };
	int64_t configured = configured_ms();

	for (size_t i = 0; units->managed && i < ARRAY_SIZE(services); i++) {
		const struct unit *unit = services[i];
		CLEANUP(mem_freep) char *remedy = mem_printf("systemctl try-restart %s", unit->name);

		if (unit->main_pid && unit->started_ms && configured > unit->started_ms)
			check_add(checks, "restart", CHECK_WARNING, remedy,
				"the configuration was changed after %s was started", unit->name);
	}
}
