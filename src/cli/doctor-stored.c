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

/* Where LoadCredential= and LoadCredentialEncrypted= look (systemd.exec(5)); the last is what aither-web has
 * been given. */
const char *const doctor_credstores[] = { "/etc/credstore", "/etc/credstore.encrypted", "/run/credstore",
	"/run/credstore.encrypted", "/usr/lib/credstore", "/usr/lib/credstore.encrypted",
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
		bool is_web = config_secret_program((enum config_secret)i) == CONFIG_WEB;
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

/* The worker tells of the secrets that it refuses, aither-web is not asked. What is encrypted only systemd
 * can read. */
static bool is_refused(const char *const *directories, enum config_secret secret, struct error *err)
{
	int result = -ENOENT;

	for (; *directories && result == -ENOENT; directories++) {
		CLEANUP(mem_freep)
		char *path = mem_printf("%s/aither.%s", *directories, config_secret_name(secret));

		if (!strstr(*directories, ".encrypted"))
			result = config_secret_check_file(secret, path, err);
	}
	return result < 0 && result != -ENOENT && result != -EACCES && result != -EPERM;
}

static bool refused_add(const char *const *directories, enum config_secret secret, struct json *checks)
{
	const char *name = config_secret_name(secret);
	CLEANUP(mem_freep) char *remedy = mem_printf("aither set-secret %s", name);
	struct error err = { 0 };

	if (!is_refused(directories, secret, &err))
		return false;
	check_add(checks, name, CHECK_FAILED, remedy, "aither-web does not accept the one that is stored: %s",
		err.message);
	return true;
}

bool doctor_token_is_set(const struct doctor_units *units, const char *const *directories, bool *ret_hidden)
{
	int64_t ignored;
	enum stored stored = find_stored(directories, SYNC_TOKEN, &ignored);

	*ret_hidden = stored == STORED_HIDDEN;
	if (stored == STORED_THERE)
		return true;
	/* Only root may see what is stored, and a drop-in may give a token without storing it. */
	for (size_t i = 0; i < units->web_socket.listen_count; i++) {
		int answer = units->answers[i];
		if (answer != PORT_HAS_TOKEN && answer != PORT_HAS_NO_TOKEN)
			continue;
		*ret_hidden = false;
		return answer == PORT_HAS_TOKEN;
	}
	return false;
}

static void token_check(const struct doctor_units *units, const char *const *directories, struct json *checks)
{
	const struct unit *socket = &units->web_socket;
	bool is_hidden, is_set = doctor_token_is_set(units, directories, &is_hidden);

	if (refused_add(directories, CONFIG_SECRET_SYNC_TOKEN, checks))
		return;
	if (is_set)
		check_add(checks, SYNC_TOKEN, CHECK_OK, NULL, "is set: calls over TCP need it");
	else if (is_hidden)
		check_add(checks, SYNC_TOKEN, CHECK_SKIPPED, "sudo aither doctor",
			"only root may see whether it is set");
	else if (!is_public(socket))
		check_add(checks, SYNC_TOKEN, CHECK_OK, NULL,
			"is not set: all programs on this machine may run syncs, and so may strangers by a "
			"proxy that leaves no trace; set one before there is a proxy: " DOCTOR_MAKE_TOKEN);
	else
		check_add(checks, SYNC_TOKEN, CHECK_WARNING, DOCTOR_MAKE_TOKEN,
			"is not set, but aither.socket listens on more than this machine's own addresses");
}

/* aither-web does not speak TLS. */
static void tls_check(const struct unit *socket, struct json *checks)
{
	if (is_public(socket))
		check_add(checks, "tls", CHECK_WARNING,
			"systemctl edit aither.socket\nsystemctl restart aither.socket",
			"aither.socket listens on more than this machine's own addresses, without TLS: the "
			"token, passwords and private pages cross the network in the clear; listen on "
			"127.0.0.1 and put a proxy with TLS in front, as in "
			"/usr/share/doc/aither/examples/nginx.conf");
}

void doctor_stored_check(const struct doctor_units *units, const char *const *directories,
	const struct json *loaded, struct json *checks)
{
	if (!units->managed) {
		check_add(checks, CREDENTIALS, CHECK_SKIPPED, NULL, "no unit is used");
		return;
	}
	secrets_check(units, directories, loaded, checks);
	token_check(units, directories, checks);
	refused_add(directories, CONFIG_SECRET_PAGES_PASSWORD, checks);
	tls_check(&units->web_socket, checks);
}

/* ---- what others can read ---- */

/* Has somebody beside root one of these rights? */
static bool is_open(const struct stat *status, mode_t rights)
{
	return (status->st_mode & rights & S_IRWXO) ||
	       (status->st_gid != 0 && (status->st_mode & rights & S_IRWXG));
}

/* One that holds none of our secrets is none of our business. */
static bool has_secret(const char *directory)
{
	const char *const directories[] = { directory, NULL };
	int64_t ignored;

	for (int i = 0; i < CONFIG_SECRETS; i++)
		if (find_stored(directories, config_secret_name((enum config_secret)i), &ignored) !=
			STORED_NOT)
			return true;
	return false;
}

static void store_check(const char *directory, struct json *checks)
{
	CLEANUP(mem_freep)
	char *remedy = mem_printf("chmod 700 %s\nchmod 600 %s/aither.*", directory, directory);
	struct stat status;

	if (stat(directory, &status) == 0 && is_open(&status, 0777) && has_secret(directory))
		check_add(checks, CREDENTIALS, CHECK_WARNING, remedy,
			"others than root may look into %s, where secrets are stored (mode %03o)", directory,
			status.st_mode & 0777);
}

void doctor_exposed_check(const char *const *directories, const char *environment_file, struct json *checks)
{
	const char *variable = NULL;
	struct stat status;

	for (; *directories; directories++)
		if (strncmp(*directories, "/run/credentials/", 17) != 0)
			store_check(*directories, checks);
	if (stat(environment_file, &status) == 0 && is_open(&status, 0444))
		variable = config_environment_find_secret(environment_file);
	if (variable) {
		CLEANUP(mem_freep) char *remedy = mem_printf("chmod 600 %s", environment_file);

		check_add(checks, CREDENTIALS, CHECK_WARNING, remedy,
			"others than root may read %s, and with it %s (mode %03o)", environment_file,
			variable, status.st_mode & 0777);
	}
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
