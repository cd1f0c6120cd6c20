/* SPDX-License-Identifier: MIT */
#ifndef AITHER_CLI_STORED_H
#define AITHER_CLI_STORED_H

/*
 * Checks (base/check.h) of the files that an operator writes for the daemons: stored secrets and the
 * configuration. Do the daemons have what is stored, and can only root read it? For users other than root,
 * a fact that only root can see is skipped.
 */

#include <stdbool.h>

struct config;
struct json;
struct machine;

/* Where LoadCredential= and LoadCredentialEncrypted= look (systemd.exec(5)), and what aither-web has been
 * given; NULL-terminated. */
extern const char *const stored_directories[];

/* credentials, sync-token, pages-password, tls, for secrets in one of `directories`. `loaded`: the names of
 * those that the worker has, NULL: not known. */
void stored_check_secrets(const struct machine *machine, const struct config *config,
	const char *const *directories, const struct json *loaded, struct json *checks);

/* sync-token alone. */
void stored_check_token(const struct machine *machine, const struct config *config,
	const char *const *directories, struct json *checks);

/* credentials: stores, and an environment file (CONFIG_ENVIRONMENT_FILE) with a secret, that others can read.
 */
void stored_check_exposed(const char *const *directories, const char *environment_file, struct json *checks);

/* restart: daemons that were started before a file of the configuration was changed. */
void stored_check_restart(const struct machine *machine, struct json *checks);

#endif
