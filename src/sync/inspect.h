/* SPDX-License-Identifier: MIT */
#ifndef AITHER_SYNC_INSPECT_H
#define AITHER_SYNC_INSPECT_H

/*
 * Checks for `aither doctor`: whether a sync finds what it needs on this machine. They read directory,
 * manifest and templates as a sync does, with the rights of the calling process, change nothing that stays,
 * and may run beside a sync. Each adds to `checks` (base/check.h). May block as long as the file system
 * does.
 */

struct config;
struct json;

/* output-directory: there or creatable, really writable (by writing a file that is removed again), with room
 * for a sync. */
void inspect_output(const struct config *config, struct json *checks);

/* manifest: none yet, good or damaged. course-list: whether the homepage shows courses that Hemera's list
 * lacks. */
void inspect_manifest(const struct config *config, struct json *checks);

/* templates: each of the operator's files that cannot be used, with its position, or that loads something
 * that browsers will refuse (render/policy.h). */
void inspect_templates(const struct config *config, const char *shipped_directory, struct json *checks);

/* site-files: each file in FileDirectory that aither-web does not serve, and why. */
void inspect_site_files(const struct config *config, struct json *checks);

#endif
