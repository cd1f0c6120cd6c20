/* SPDX-License-Identifier: MIT */
#ifndef AITHER_CLI_STORED_H
#define AITHER_CLI_STORED_H

/*
 * Checks (base/check.h) of the files that an operator writes for the daemons: have the daemons loaded the
 * stored secrets and the present configuration, and can only root read the secrets? A fact that only root
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

/* credentials, sync-token, pages-password, tls, for secrets in one of `directories`. `loaded`: the names of
 * the worker's secrets; NULL: not known. `status`: of a secret that the worker has not loaded; returns
 * whether there is one. */
bool stored_check_secrets(const struct machine *machine, const struct config *config,
	const char *const *directories, const struct json *loaded, enum check_status status,
	struct json *checks);

/* sync-token alone. */
void stored_check_token(const struct machine *machine, const struct config *config,
	const char *const *directories, struct json *checks);

/* credentials: stores, and an environment file (CONFIG_ENVIRONMENT_FILE) with a secret, that others can read.
 */
void stored_check_exposed(const char *const *directories, const char *environment_file, struct json *checks);

/* configuration, hemera-api-key: what the worker would find in its files, for when it cannot be asked or has
 * read older ones. Changes the environment of this process. */
void stored_check_configuration(const struct machine *machine, const struct config *config,
	const char *const *directories, const char *environment_file, struct json *checks);

/* restart: a daemon was started before a file of the configuration was changed. Returns whether the worker
 * was. */
bool stored_check_restart(const struct machine *machine, enum check_status status, struct json *checks);

#endif
