/* SPDX-License-Identifier: MIT */
#ifndef AITHER_CONFIG_CONFIG_CHECK_H
#define AITHER_CONFIG_CONFIG_CHECK_H

/*
 * The checks of the configuration (base/check.h), and the shell commands that change a setting: in the file
 * that sets it, or in a new file in aither.conf.d if it is not set yet.
 *
 *	CLEANUP(mem_freep) char *remedy = config_remedy(config, "Notify", "MailTo", "YOUR-ADDRESS");
 */

struct config;
struct json;

/* The file that sets a key: the last of the files that contain it, or CONFIG_ENVIRONMENT_FILE if a variable
 * sets it. NULL: none. Borrowed. */
const char *config_find_file(const struct config *config, const char *section, const char *name);

/* Commands that open this file in an editor, or write NAME=EXAMPLE to a new file, and apply the change.
 * Owned. */
char *config_remedy(const struct config *config, const char *section, const char *name, const char *example);

/* Commands that open the file in an installed editor and apply the change. Owned. */
char *config_edit(const char *path);

/* Adds a check "configuration" for each problem that a program has found, except a missing API key or token:
 * these have their own checks. */
void config_check(const struct config *config, struct json *checks);

#endif
