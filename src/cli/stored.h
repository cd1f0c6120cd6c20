/* SPDX-License-Identifier: MIT */
#ifndef AITHER_CLI_STORED_H
#define AITHER_CLI_STORED_H

/*
 * Checks (base/check.h) of the files that an operator writes for the daemons: have the daemons loaded the
 * stored secrets and the current configuration, and can only root read the secrets? A fact that only root
 * can see is skipped for other users.
 */

#include <stdbool.h>

#include "base/check.h"

struct config;
struct json;
struct machine;

/* The directories that LoadCredential= and LoadCredentialEncrypted= search (systemd.exec(5)), and those of
 * the secrets that the daemons have loaded; NULL-terminated. */
extern const char *const stored_directories[];

/* Adds credentials, sync-token, pages-password and tls, for secrets in one of `directories`. `loaded`: the
 * names of the worker's secrets; NULL: unknown. `status`: for a secret that the worker has not loaded;
 * returns whether there is such a secret. */
bool stored_check_secrets(const struct machine *machine, const struct config *config,
	const char *const *directories, const struct json *loaded, enum check_status status,
	struct json *checks);

/* Adds only sync-token. */
void stored_check_token(const struct machine *machine, const struct config *config,
	const char *const *directories, struct json *checks);

/* Adds credentials, for each store of secrets that users other than root can read, and for the environment
 * file (CONFIG_ENVIRONMENT_FILE) if it contains a secret and others can read it. */
void stored_check_exposed(const char *const *directories, const char *environment_file, struct json *checks);

/* Adds configuration and hemera-api-key, as the worker would report them, in case it does not answer or has
 * read older files. Changes the environment of this process. */
void stored_check_configuration(const struct machine *machine, const struct config *config,
	const char *const *directories, const char *environment_file, struct json *checks);

/* Adds restart if a daemon was started before a file of the configuration was changed. Returns whether the
 * worker was. */
bool stored_check_restart(const struct machine *machine, enum check_status status, struct json *checks);

#endif
