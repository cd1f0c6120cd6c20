/* SPDX-License-Identifier: MIT */
#ifndef AITHER_SYNC_INSPECT_H
#define AITHER_SYNC_INSPECT_H

/*
 * Would a sync find what it needs on this machine? For `aither doctor`: looks at directory, manifest and
 * templates as a sync does, with the rights of the process that asks, changes nothing that stays, and may run
 * beside a sync. Adds to `checks` (base/check.h). May block as long as the file system does.
 */

struct config;
struct json;

/* output-directory: there or creatable, really writable (by writing a file that is removed again), with room
 * for what a sync writes. */
void inspect_output(const struct config *config, struct json *checks);

/* manifest: none yet, good or damaged. course-list: does the homepage show courses that Hemera's list lacks?
 */
void inspect_manifest(const struct config *config, struct json *checks);

/* templates: each of the operator's files that cannot be used, with its position. */
void inspect_templates(const struct config *config, const char *shipped_directory, struct json *checks);

#endif
