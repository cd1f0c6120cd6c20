/* SPDX-License-Identifier: MIT */
#ifndef AITHER_SYNC_INSPECT_H
#define AITHER_SYNC_INSPECT_H

/*
 * Checks for `aither doctor`: does a sync find what it needs on this machine? They read the output directory,
 * the manifest and the templates as a sync does, with the rights of the calling process. They leave nothing
 * changed, and may run during a sync. Each adds its results to `checks` (base/check.h). They may block as
 * long as the file system does.
 */

struct config;
struct json;

/* output-directory: it exists or can be created, it is writable (a file is written and removed again), and it
 * has enough space for a sync. */
void inspect_output(const struct config *config, struct json *checks);

/* manifest: there is none yet, or it is good or damaged. course-list: does the homepage show courses that
 * Hemera's list lacks? */
void inspect_manifest(const struct config *config, struct json *checks);

/* templates: each of the operator's files that cannot be used, with the position of the mistake, or that
 * loads something that browsers will refuse (render/policy.h). */
void inspect_templates(const struct config *config, const char *shipped_directory, struct json *checks);

/* site-files: each file in FileDirectory that aither-web does not serve, with the reason. */
void inspect_site_files(const struct config *config, struct json *checks);

#endif
