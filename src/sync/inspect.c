/* SPDX-License-Identifier: MIT */
#include "sync/inspect.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/time.h"
#include "config/config.h"
#include "render/library.h"
#include "sync/known.h"
#include "sync/manifest.h"
#include "sync/names.h"

#define OUTPUT "output-directory"
#define PROBE_NAME FILE_TEMPORARY_PREFIX "doctor" /* if it stays, the next sync removes it */
#define PROBE_SIZE 16384
#define SPACE_LOW (UINT64_C(50) << 20) /* 500 pages of 12 KB, twice, and as much again */
#define INODES_LOW 2000                /* pages, twice, as they are replaced */

/* ---- output directory ---- */

/* In the unit's sandbox a directory is read only unless the unit names it. Lines for a shell, to be copied as
 * they are; the path in quotes as systemd.syntax(7) reads it, for it may have blanks, and "%" is no
 * specifier. */
static char *inspect_sandbox_remedy(const char *path)
{
	CLEANUP(buf_done) struct buf line = BUF_INIT(2 * strlen(path) + sizeof("ReadWritePaths=\"\""));
	CLEANUP(mem_freep) char *word = check_quote(path), *line_word = NULL;

	buf_append_text(&line, "ReadWritePaths=\"");
	for (; *path; path++) {
		if (*path == '%')
			buf_append_char(&line, '%');
		else if (*path == '"' || *path == '\\')
			buf_append_char(&line, '\\');
		buf_append_char(&line, *path);
	}
	buf_append_char(&line, '"');
	line_word = check_quote(buf_text(&line));
	return mem_printf(
		"install -d -o aither -g aither -m 0750 %s\n"
		"mkdir -p /etc/systemd/system/aither-worker.service.d\n"
		"printf '%%s\\n' '[Service]' %s >/etc/systemd/system/aither-worker.service.d/output.conf\n"
		"systemctl daemon-reload\n"
		"systemctl restart aither-worker.service",
		word, line_word);
}

static void inspect_add_unwritable(struct json *checks, const char *path, const char *reason, int errnum)
{
	static const char *const hidden[] = { "/home/", "/root/", "/run/user/" }; /* by ProtectHome= */
	bool is_forbidden = errnum == -EROFS || errnum == -EACCES || errnum == -EPERM || errnum == -ENOENT;
	CLEANUP(mem_freep) char *remedy = NULL, *word = check_quote(path);

	for (size_t i = 0; i < ARRAY_SIZE(hidden) && is_forbidden; i++) {
		if (strncmp(path, hidden[i], strlen(hidden[i])) != 0)
			continue;
		check_add(checks, OUTPUT, CHECK_FAILED, CHECK_EDIT_CONFIG,
			"no page can be written: %s; aither's daemons do not see /home, /root and /run/user, so choose another OutputDirectory",
			reason);
		return;
	}
	if (errnum == -ENOSPC || errnum == -EDQUOT)
		remedy = mem_printf("df -h %s; df -i %s", word, word);
	else if (is_forbidden)
		remedy = inspect_sandbox_remedy(path);
	check_add(checks, OUTPUT, CHECK_FAILED, remedy, "no page can be written: %s", reason);
}

/* The first sync makes the directory: is it permitted to? */
static void inspect_missing_output(const char *path, struct json *checks)
{
	const char *slash = strrchr(path, '/');
	CLEANUP(mem_freep)
	char *parent = slash && slash > path ? mem_strndup(path, (size_t)(slash - path)) : mem_strdup("/");

	if (access(parent, W_OK | X_OK) == 0) {
		check_add(checks, OUTPUT, CHECK_OK, NULL, "%s is made by the first sync", path);
		return;
	}
	CLEANUP(mem_freep)
	char *reason = mem_printf("%s is missing, and %s: %s", path, parent, strerror(errno));
	inspect_add_unwritable(checks, path, reason, -errno);
}

static void inspect_space(int directory, const char *path, struct json *checks)
{
	struct statvfs space;

	if (fstatvfs(directory, &space) < 0) {
		check_add(checks, OUTPUT, CHECK_WARNING, NULL, "%s: free space is not known: %s", path,
			strerror(errno));
		return;
	}
	uint64_t free_bytes = (uint64_t)space.f_bavail * space.f_frsize;
	bool has_inodes = space.f_files > 0; /* btrfs does not count them */
	CLEANUP(mem_freep) char *word = check_quote(path);
	CLEANUP(mem_freep) char *remedy = mem_printf("df -h %s; df -i %s", word, word);

	if (free_bytes < SPACE_LOW || (has_inodes && space.f_favail < INODES_LOW))
		check_add(checks, OUTPUT, CHECK_WARNING, remedy,
			"%s is writable, but its file system is nearly full: %" PRIu64 " MiB and %" PRIu64
			" files are free",
			path, free_bytes >> 20, (uint64_t)space.f_favail);
	else
		check_add(checks, OUTPUT, CHECK_OK, NULL, "%s is writable, %" PRIu64 " MiB are free", path,
			free_bytes >> 20);
}

/* By a file that is removed again. It has a page's size: an empty one can be made on a full disk. */
static int inspect_write(int directory, struct error *err)
{
	static const char page[PROBE_SIZE];
	int r = file_write(directory, PROBE_NAME, page, sizeof(page), 0600, true, err);

	if (r == 0)
		unlinkat(directory, PROBE_NAME, 0);
	return r;
}

void inspect_output(const struct config *config, struct json *checks)
{
	const char *path = config->sync.output_directory;
	static const char *const folders[] = { PUBLISHED_PUBLIC, PUBLISHED_COURSES,
		PUBLISHED_PUBLIC "/" PUBLISHED_COURSES };
	CLEANUP(file_closep) int directory = -1;
	struct error err = { 0 };
	int r = file_open_directory(AT_FDCWD, path, &directory, &err);

	if (r == -ENOENT) {
		inspect_missing_output(path, checks);
		return;
	}
	if (r == 0) {
		r = inspect_write(directory, &err);
		if (r < 0)
			error_prefix(&err, "%s: ", path);
	}
	if (r < 0) {
		inspect_add_unwritable(checks, path, err.message, r);
		return;
	}
	/* A folder may have an owner of its own, when root copied pages into it. */
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		CLEANUP(mem_freep) char *full = mem_printf("%s/%s", path, folders[i]);
		CLEANUP(mem_freep) char *word = check_quote(full);
		CLEANUP(mem_freep) char *remedy = mem_printf("chown -R aither:aither %s", word);
		CLEANUP(file_closep) int folder = -1;

		r = file_open_directory(directory, folders[i], &folder, &err);
		if (r == 0)
			r = inspect_write(folder, &err);
		if (r == 0 || r == -ENOENT)
			continue;
		check_add(checks, OUTPUT, CHECK_FAILED, r == -EACCES || r == -EPERM ? remedy : NULL,
			"no page can be written: %s: %s", full, err.message);
		return;
	}
	inspect_space(directory, path, checks);
}

/* ---- manifest and course list ---- */

static void inspect_list(const struct known *known, struct json *checks)
{
	static const char *const reasons[] = {
		[KNOWN_EMPTY] = "Hemera's list has been empty",
		[KNOWN_INCOMPLETE] = "Hemera's list has been without some of its rows",
		[KNOWN_SHRUNK] = "Hemera's list has been much shorter",
		[KNOWN_UNREADABLE] = "Hemera's list has had rows without a usable id",
	};
	char since[TIME_TEXT_SIZE];
	bool can_force;

	if (known->kept.reason == KNOWN_ACCEPTED) {
		check_add(
			checks, "course-list", CHECK_OK, NULL, "courses on the homepage: %zu", known->count);
		return;
	}
	can_force = known->kept.reason == KNOWN_EMPTY || known->kept.reason == KNOWN_SHRUNK;
	time_format(known->kept.since_ms, since);
	check_add(checks, "course-list", CHECK_WARNING, can_force ? "aither sync --force" : NULL,
		"%s since %s; known courses that are missing from it and stay on the homepage: %zu of %zu%s",
		reasons[known->kept.reason], since, known->kept.courses, known->count,
		can_force ? ". If they are really gone, remove them"
			  : "; this has to be set right in Hemera");
}

void inspect_manifest(const struct config *config, struct json *checks)
{
	CLEANUP(manifest_done) struct manifest manifest = { 0 };
	CLEANUP(file_closep) int directory = -1;
	char when[TIME_TEXT_SIZE] = "never";
	struct error err = { 0 };
	int r = file_open_directory(AT_FDCWD, config->sync.output_directory, &directory, &err);

	if (r < 0 && r != -ENOENT) {
		check_add(checks, "manifest", CHECK_SKIPPED, NULL, "the output directory cannot be read");
		return;
	}
	if (r == 0)
		r = manifest_load(directory, &manifest, &err);
	if (manifest.last_success_ms)
		time_format(manifest.last_success_ms, when);
	if (r == 0)
		check_add(checks, "manifest", CHECK_OK, NULL, "%zu courses are published, last success: %s",
			manifest.count, when);
	else if (r == -ENOENT)
		check_add(checks, "manifest", CHECK_OK, NULL, "none yet: no sync has succeeded so far");
	else
		check_add(checks, "manifest", CHECK_WARNING, "aither sync",
			MANIFEST_NAME " cannot be used, so the next sync makes all pages anew: %s",
			err.message);
	if (r == 0)
		inspect_list(&manifest.known, checks);
}

/* ---- templates ---- */

struct inspect_found {
	struct json *checks;
	unsigned problems;
};

static void inspect_on_problem(void *arg, const char *entity, const struct error *problem)
{
	struct inspect_found *found = arg;
	CLEANUP(mem_freep) char *word = check_quote(entity);
	CLEANUP(mem_freep) char *remedy = mem_printf("sensible-editor %s", word);
	bool is_named = strncmp(problem->message, entity, strlen(entity)) == 0;

	found->problems++;
	check_add(found->checks, "templates", CHECK_FAILED, remedy, "%s%s%s", is_named ? "" : entity,
		is_named ? "" : ": ", problem->message);
}

void inspect_templates(const struct config *config, const char *shipped_directory, struct json *checks)
{
	CLEANUP(library_done) struct library library = { 0 };
	struct inspect_found found = { .checks = checks };
	const char *own = config->site.template_directory;
	struct error err = { 0 };

	if (library_load(&library, &(struct library_source){ own, shipped_directory, config->site.name },
		    inspect_on_problem, &found, &err) < 0)
		check_add(checks, "templates", CHECK_FAILED, "apt-get install --reinstall aither",
			"the templates that aither ships cannot be used: %s", err.message);
	else if (found.problems == 0)
		check_add(checks, "templates", CHECK_OK, NULL, "those in %s and in %s compile", own,
			shipped_directory);
}
