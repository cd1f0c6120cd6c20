/* SPDX-License-Identifier: MIT */
#ifndef AITHER_CONFIG_CONFIG_CHECK_H
#define AITHER_CONFIG_CONFIG_CHECK_H

/*
 * The configuration's part of the list of checks (base/check.h), and the lines of shell that change a
 * setting: where it is set, or below conf.d where it is not set yet.
 *
 *	CLEANUP(mem_freep) char *remedy = config_remedy(config, "Notify", "MailTo", "YOUR-ADDRESS");
 */

struct config;
struct json;

/* The file that sets a key: CONFIG_ENVIRONMENT_FILE where the environment does, else the last of the files
 * that have it. NULL: none. Borrowed. */
const char *config_find_file(const struct config *config, const char *section, const char *name);

/* Opens that file in an editor, or writes NAME=EXAMPLE to a new one, and applies it. Owned. */
char *config_remedy(const struct config *config, const char *section, const char *name, const char *example);

/* Opens a file in an editor that is installed, and applies the change. Owned. */
char *config_edit(const char *path);

/* configuration: each problem that a program has found, but for a missing key or token, which have checks of
 * their own. */
void config_check(const struct config *config, struct json *checks);

#endif
