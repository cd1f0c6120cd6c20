/* SPDX-License-Identifier: MIT */
#include "sync/inspect.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/time.h"
#include "base/utf8.h"
#include "config/config-check.h"
#include "config/config.h"
#include "published/published.h"
#include "published/site-file.h"
#include "published/texts.h"
#include "render/library.h"
#include "render/policy.h"
#include "render/template.h"
#include "sync/job.h"
#include "sync/known.h"
#include "sync/manifest.h"
#include "sync/names.h"

#define OUTPUT "output-directory"
#define PROBE_NAME FILE_TEMPORARY_PREFIX "doctor" /* if it stays, the next sync removes it */
#define PROBE_SIZE 16384
#define MOUNTINFO_SIZE_MAX (1 << 20)
#define SPACE_LOW     \
	(UINT64_C(50) \
		<< 20)  /* 500 pages of 12 KB take 6 MB, twice that while they are replaced; and a reserve */
#define EXCERPT_MAX 120 /* bytes of a template in a message */
#define INSPECT_PROBLEMS_MAX 20 /* of templates, or of files; the same mistake is often made again */
#define INSPECT_FILES_MAX 1000  /* in FileDirectory, which is meant for a few pictures and fonts */
#define INODES_LOW 2000         /* 500 pages, twice that while they are replaced; and a reserve */

/* ---- output directory ---- */

/* In the unit's sandbox a directory is read-only unless the unit names it. Returns lines to copy into a shell
 * as they are. The path is quoted for systemd.syntax(7), because it may contain blanks, and "%" must not be
 * read as a specifier. */
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
		"systemctl daemon-reload\n" CHECK_RESTART,
		word, line_word);
}

/* The mount point of the path's file system if that is read-only everywhere, not only in the unit's sandbox;
 * owned, else NULL. The last field of proc_pid_mountinfo(5), the options of the super block, says so. */
static char *inspect_read_only_mount(const char *path)
{
	CLEANUP(buf_done) struct buf text = BUF_INIT(MOUNTINFO_SIZE_MAX);
	CLEANUP(mem_freep) char *found = NULL;
	size_t longest = 0;
	int fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	bool is_read = fd >= 0 && file_read_stream(fd, "mountinfo", &text, NULL) == 0;

	file_closep(&fd);
	for (char *rest = is_read && *buf_text(&text) ? text.data : NULL, *line;
		(line = strsep(&rest, "\n")) != NULL;) {
		const char *super = strstr(line, " - "), *point = NULL;
		size_t length;
		bool is_above;

		for (int i = 0; i < 5; i++) /* the mount point is the fifth field */
			point = strsep(&line, " ");
		if (!super || !point)
			continue;
		length = strcmp(point, "/") == 0 ? 0 : strlen(point);
		is_above = strncmp(path, point, length) == 0 && (path[length] == '/' || path[length] == '\0');
		if (!is_above || length < longest)
			continue;
		longest = length;
		super += strlen(" - ");
		for (int i = 0; i < 2; i++) /* type and source */
			super += strcspn(super, " ") + 1;
		free(STEAL(found));
		if (strncmp(super, "ro", 2) == 0 && (super[2] == ',' || super[2] == '\0'))
			found = mem_strdup(point);
	}
	return STEAL(found);
}

static void inspect_add_unwritable(
	const struct config *config, struct json *checks, const char *path, const char *reason, int errnum)
{
	static const char *const hidden[] = { "/home/", "/root/", "/run/user/" }; /* by ProtectHome= */
	bool is_forbidden = errnum == -EROFS || errnum == -EACCES || errnum == -EPERM || errnum == -ENOENT;
	CLEANUP(mem_freep) char *remedy = NULL, *word = check_quote(path), *mount = NULL;
	struct stat status;

	for (size_t i = 0; i < ARRAY_SIZE(hidden) && is_forbidden; i++) {
		if (strncmp(path, hidden[i], strlen(hidden[i])) != 0)
			continue;
		remedy = config_remedy(config, "Sync", "OutputDirectory", "/var/lib/aither/output");
		check_add(checks, OUTPUT, CHECK_FAILED, remedy,
			"cannot write pages: %s; aither's daemons do not see /home, /root and /run/user, so choose another OutputDirectory",
			reason);
		return;
	}
	if (errnum == -EROFS)
		mount = inspect_read_only_mount(path);
	if (mount) {
		CLEANUP(mem_freep) char *mount_word = check_quote(mount);

		remedy = mem_printf("mount -o remount,rw %s", mount_word);
		check_add(checks, OUTPUT, CHECK_FAILED, remedy,
			"cannot write pages: %s: the file system at %s is mounted read-only", reason, mount);
		return;
	}
	if (errnum == -ENOSPC || errnum == -EDQUOT)
		remedy = mem_printf("df -h %s; df -i %s", word, word);
	else if (errnum == -ENOTDIR || errnum == -ELOOP)
		remedy = config_remedy(config, "Sync", "OutputDirectory", "/var/lib/aither/output");
	else if ((errnum == -EACCES || errnum == -EPERM) && stat(path, &status) == 0)
		remedy = mem_printf(
			status.st_uid == geteuid() ? "chmod u+rwx,g+rx %s" : "chown -R aither:aither %s",
			word);
	else if (is_forbidden)
		remedy = inspect_sandbox_remedy(path);
	check_add(checks, OUTPUT, CHECK_FAILED, remedy, "cannot write pages: %s", reason);
}

/* The first sync creates the directory: does it have the permission? */
static void inspect_missing_output(const struct config *config, const char *path, struct json *checks)
{
	const char *slash = strrchr(path, '/');
	CLEANUP(mem_freep)
	char *parent = slash && slash > path ? mem_strndup(path, (size_t)(slash - path)) : mem_strdup("/");

	if (access(parent, W_OK | X_OK) == 0) {
		check_add(checks, OUTPUT, CHECK_OK, NULL, "the first sync will create %s", path);
		return;
	}
	CLEANUP(mem_freep)
	char *reason =
		mem_printf("%s is missing and cannot be created in %s: %s", path, parent, strerror(errno));
	inspect_add_unwritable(config, checks, path, reason, -errno);
}

static void inspect_space(int directory, const char *path, struct json *checks)
{
	struct statvfs space;

	if (fstatvfs(directory, &space) < 0) {
		check_add(checks, OUTPUT, CHECK_WARNING, NULL, "cannot determine the free space of %s: %s",
			path, strerror(errno));
		return;
	}
	uint64_t free_bytes = (uint64_t)space.f_bavail * space.f_frsize;
	bool has_inodes = space.f_files > 0; /* btrfs does not count them */
	CLEANUP(mem_freep) char *word = check_quote(path);
	CLEANUP(mem_freep) char *remedy = mem_printf("df -h %s; df -i %s", word, word);
	CLEANUP(mem_freep)
	char *inodes = has_inodes ? mem_printf(" and %" PRIu64 " inodes", (uint64_t)space.f_favail) : NULL;

	if (free_bytes < SPACE_LOW || (has_inodes && space.f_favail < INODES_LOW))
		check_add(checks, OUTPUT, CHECK_WARNING, remedy,
			"%s is writable, but its file system is nearly full: %" PRIu64 " MiB%s are free",
			path, free_bytes >> 20, inodes ?: "");
	else
		check_add(checks, OUTPUT, CHECK_OK, NULL, "%s is writable, %" PRIu64 " MiB are free", path,
			free_bytes >> 20);
}

/* Tries to write a file and removes it again. The file has the size of a page, because an empty file can be
 * created even on a full disk. */
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
		inspect_missing_output(config, path, checks);
		return;
	}
	if (r == 0) {
		r = inspect_write(directory, &err);
		if (r < 0)
			error_prefix(&err, "%s: ", path);
	}
	if (r < 0) {
		inspect_add_unwritable(config, checks, path, err.message, r);
		return;
	}
	/* A folder may have another owner, if root has copied pages into the directory. */
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		CLEANUP(mem_freep) char *full = mem_printf("%s/%s", path, folders[i]);
		CLEANUP(mem_freep) char *word = check_quote(full);
		CLEANUP(mem_freep) char *remedy = mem_printf("chown -R aither:aither %s", word);
		CLEANUP(file_closep) int folder = -1;

		r = file_open_directory(AT_FDCWD, full, &folder, &err); /* `full` has several components */
		if (r == 0)
			r = inspect_write(folder, &err);
		if (r == 0 || r == -ENOENT)
			continue;
		check_add(checks, OUTPUT, CHECK_FAILED, r == -EACCES || r == -EPERM ? remedy : NULL,
			"cannot write pages: %s: %s", full, err.message);
		return;
	}
	inspect_space(directory, path, checks);
}

/* ---- manifest and course list ---- */

static void inspect_list(const struct known *known, struct json *checks)
{
	static const char *const reasons[] = {
		[KNOWN_EMPTY] = "Hemera's list has been empty",
		[KNOWN_INCOMPLETE] = "Hemera's list has lacked rows",
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
		"%s since %s; known courses that it lacks and the homepage still shows: %zu of %zu%s",
		reasons[known->kept.reason], since, known->kept.courses, known->count,
		can_force ? ". If they are really gone, remove them" : "; fix the list in Hemera");
}

void inspect_manifest(const struct config *config, struct json *checks)
{
	CLEANUP(manifest_done) struct manifest manifest = { 0 };
	CLEANUP(file_closep) int directory = -1;
	char when[TIME_TEXT_SIZE] = "never";
	struct error err = { 0 };
	int r = file_open_directory(AT_FDCWD, config->sync.output_directory, &directory, &err);

	if (r < 0 && r != -ENOENT) {
		check_add(checks, "manifest", CHECK_SKIPPED, NULL, "cannot read the output directory");
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
		check_add(checks, "manifest", CHECK_OK, NULL,
			"there is none yet, because no sync has succeeded so far");
	else {
		/* A sync replaces a damaged file, but not a directory. */
		CLEANUP(mem_freep)
		char *path = mem_printf("%s/" MANIFEST_NAME, config->sync.output_directory);
		CLEANUP(mem_freep) char *word = check_quote(path), *remedy = NULL;
		struct stat status;

		if (lstat(path, &status) == 0 && !S_ISREG(status.st_mode))
			remedy = mem_printf("mv %s /root/\naither sync", word);
		check_add(checks, "manifest", CHECK_WARNING, remedy ?: "aither sync",
			"cannot use " MANIFEST_NAME ", so the next sync writes all pages again: %s",
			err.message);
	}
	if (r == 0)
		inspect_list(&manifest.known, checks);
}

/* ---- templates ---- */

struct inspect_found {
	struct json *checks;
	const struct library *library;
	const char *page; /* the template whose page is being checked: "homepage.hbs" */
	unsigned problems;
};

static void inspect_on_problem(void *arg, const char *entity, const struct error *problem)
{
	struct inspect_found *found = arg;
	CLEANUP(mem_freep) char *remedy = check_edit(entity);
	bool is_named = strncmp(problem->message, entity, strlen(entity)) == 0;

	found->problems++;
	check_add(found->checks, "templates", CHECK_FAILED, remedy, "%s%s%s", is_named ? "" : entity,
		is_named ? "" : ": ", problem->message);
}

/* Shortens the text to one line for a message; owned. */
static char *inspect_excerpt(const char *text, size_t length)
{
	char *line = mem_strndup(text, length < EXCERPT_MAX ? length : EXCERPT_MAX);

	utf8_defuse(line);
	utf8_trim(line);
	return line;
}

static void inspect_on_forbidden(void *arg, const char *what, const char *text, size_t length)
{
	struct inspect_found *found = arg;
	const char *path = library_find_text(found->library, text, length) ?: found->page;
	CLEANUP(mem_freep) char *excerpt = inspect_excerpt(text, length);
	CLEANUP(mem_freep) char *remedy = *path == '/' ? check_edit(path) : NULL;
	bool is_foreign = strncmp(text, "http", 4) == 0 || strncmp(text, "//", 2) == 0;
	CLEANUP(mem_freep)
	char *message = mem_printf(
		"%s: browsers refuse %s %s because of the pages' Content-Security-Policy%s", path, what,
		excerpt, is_foreign ? "; copy the file to FileDirectory and refer to it as /FILE" : "");

	JSON_FOREACH (check, found->checks) /* already found in another row, page or language */
		if (strcmp(json_string(json_get(check, "message")) ?: "", message) == 0)
			return;
	if (found->problems++ < INSPECT_PROBLEMS_MAX)
		check_add(found->checks, "templates", CHECK_WARNING, remedy, "%s", message);
}

/* The content of the one script that the policy permits; owned, NULL: there is none. */
static char *inspect_script(const char *shipped_directory)
{
	CLEANUP(mem_freep) char *path = mem_printf("%s/filter-script.hbs", shipped_directory);
	CLEANUP(buf_done) struct buf text = BUF_INIT(TEMPLATE_SIZE_MAX);
	const char *start, *end;

	if (file_read_text(path, &text, NULL) < 0)
		return NULL;
	start = strstr(buf_text(&text), "<script");
	start = start ? strchr(start, '>') : NULL;
	end = start ? strstr(start, "</script>") : NULL;
	return end ? mem_strndup(start + 1, (size_t)(end - start) - 1) : NULL;
}

/* Checks whether the pages load anything that browsers will refuse. Pages with participants may have no
 * script. */
static void inspect_policy(const struct config *config, const char *shipped_directory,
	const struct library *library, struct inspect_found *found)
{
	CLEANUP(mem_freep) char *script = inspect_script(shipped_directory);
	const struct page_site site = job_site(config);
	const struct {
		const struct template *tmpl;
		const char *page;
		bool may_run;
	} pages[] = {
		{ library->homepage, "homepage.hbs", true },
		{ library->list, "courses.hbs", true },
		{ library->course, "course.hbs", config->site.course_pages_public },
	};

	found->library = library;
	for (size_t i = 0; i < ARRAY_SIZE(pages); i++) {
		for (enum language k = 0; k < LANGUAGES; k++) {
			const struct policy_permitted permitted = {
				.script = pages[i].may_run ? script : NULL, .origin = config->site.url
			};
			CLEANUP(mem_freep) char *html = library_sample(library, pages[i].tmpl, &site, k);

			found->page = pages[i].page;
			if (html)
				policy_scan(html, &permitted, inspect_on_forbidden, found);
		}
	}
}

/* Reports keys of the operator's texts that have no effect, because neither aither nor a template of the
 * operator uses them. */
static void inspect_texts(const char *directory, const struct library *library, struct inspect_found *found)
{
	for (enum language k = 0; k < LANGUAGES; k++) {
		const char *key;

		for (size_t i = 0; i < INSPECT_PROBLEMS_MAX && (key = texts_unknown(library->texts[k], i));
			i++) {
			CLEANUP(mem_freep)
			char *path = mem_printf("%s/texts.%s.json", directory, language_name(k));
			CLEANUP(mem_freep) char *remedy = check_edit(path);

			if (library_find_text(library, key, strlen(key)))
				continue;
			found->problems++;
			check_add(found->checks, "templates", CHECK_WARNING, remedy,
				"%s: \"%s\" is not used: aither has no text of this name, and no template uses it",
				path, key);
		}
	}
}

/* If the configuration names a directory that does not exist, adds a check and returns true. The default
 * directories need not exist. */
static bool inspect_is_lost(
	const struct config *config, const char *key, const char *path, const char *id, struct json *checks)
{
	const char *file = config_find_file(config, "Site", key);

	if (!file || access(path, F_OK) == 0 || errno != ENOENT)
		return false;
	CLEANUP(mem_freep) char *remedy = config_edit(file);
	check_add(checks, id, CHECK_WARNING, remedy, "%s=%s in %s names a directory that does not exist", key,
		path, file);
	return true;
}

void inspect_templates(const struct config *config, const char *shipped_directory, struct json *checks)
{
	CLEANUP(library_done) struct library library = { 0 };
	struct inspect_found found = { .checks = checks };
	const char *own = config->site.template_directory;
	struct error err = { 0 };

	if (library_load(&library, &(struct library_source){ own, shipped_directory, config->site.name },
		    inspect_on_problem, &found, &err) < 0) {
		check_add(checks, "templates", CHECK_FAILED, "apt-get install --reinstall aither",
			"cannot use the templates that aither ships: %s", err.message);
		return;
	}
	inspect_policy(config, shipped_directory, &library, &found);
	inspect_texts(own, &library, &found);
	if (inspect_is_lost(config, "TemplateDirectory", own, "templates", checks))
		found.problems++;
	if (found.problems == 0)
		check_add(checks, "templates", CHECK_OK, NULL, "all templates in %s and %s compile", own,
			shipped_directory);
}

/* ---- the operator's files ---- */

struct inspect_files {
	struct json *checks;
	const char *directory;
	unsigned served, refused;
};

/* Can aither-web read it? aither-web has a user of its own, and the group of aither-worker. */
static bool inspect_can_read(const struct stat *status, bool is_folder)
{
	mode_t group = is_folder ? S_IRGRP | S_IXGRP : S_IRGRP,
	       others = is_folder ? S_IROTH | S_IXOTH : S_IROTH;

	return (status->st_mode & others) == others ||
	       (status->st_gid == getegid() && (status->st_mode & group) == group);
}

/* `remedy` NULL: there is none. */
static void inspect_refuse(
	struct inspect_files *files, const char *path, const char *remedy, const char *reason)
{
	CLEANUP(mem_freep) char *shown = inspect_excerpt(path, strlen(path));

	if (files->refused++ < INSPECT_PROBLEMS_MAX)
		check_add(files->checks, "site-files", CHECK_WARNING, remedy, "%s/%s is not served: %s",
			files->directory, shown, reason);
}

/* The reason why a file is not served; NULL: it is served. *ret_remedy: the command that makes it servable or
 * moves it away; owned. */
static const char *inspect_reason(
	const char *path, const char *full, const struct stat *status, char **ret_remedy)
{
	const char *name = strrchr(full, '/') + 1;
	CLEANUP(mem_freep) char *word = check_quote(full);
	CLEANUP(mem_freep) char *away = mem_printf("mv %s /root/", word);

	if (S_ISLNK(status->st_mode)) {
		*ret_remedy = mem_printf("cp --remove-destination \"$(readlink -f %s)\" %s", word, word);
		return "it is a symbolic link; replace it with the file itself";
	}
	*ret_remedy = STEAL(away);
	if (!published_is_name(name, strlen(name)))
		return "its name must have at most 128 characters, begin with a letter or digit and contain only letters, digits and . _ -";
	if (!S_ISREG(status->st_mode))
		return "it is not a regular file";
	if (site_file_is_hidden(path))
		return "aither has a page of its own at this address";
	if (!site_file_is_path(path)) {
		const char *dot = strrchr(name, '.');

		if (dot && (strcasecmp(dot, ".ttf") == 0 || strcasecmp(dot, ".otf") == 0)) {
			free(*ret_remedy);
			*ret_remedy = mem_printf(
				"apt-get install woff2\nwoff2_compress %s\nmv %s /root/", word, word);
			return "fonts are served as .woff2; see FILES in aither-web(8)";
		}
		return "files of this type are not served; see FILES in aither-web(8)";
	}
	if (status->st_size > PUBLISHED_FILE_MAX)
		return "it is larger than 4 MiB";
	free(STEAL(*ret_remedy));
	return NULL;
}

/* `folder`: "" or "fonts/" */
static void inspect_folder(struct inspect_files *files, int directory, const char *folder)
{
	CLEANUP(file_closep) int copy = fcntl(directory, F_DUPFD_CLOEXEC, 0);
	CLEANUP(file_closedirp) DIR *stream = copy >= 0 ? fdopendir(copy) : NULL;
	const struct dirent *entry;

	if (stream)
		file_steal(&copy); /* the stream owns it now */
	while (stream && (entry = readdir(stream)) && files->served + files->refused <= INSPECT_FILES_MAX) {
		CLEANUP(mem_freep) char *path = mem_printf("%s%s", folder, entry->d_name);
		CLEANUP(mem_freep) char *full = mem_printf("%s/%s", files->directory, path);
		CLEANUP(mem_freep) char *word = check_quote(full);
		CLEANUP(mem_freep) char *readable = mem_printf("chmod o+rX %s", word), *inside = NULL;
		CLEANUP(mem_freep) char *away = mem_printf("mv %s /root/", word), *remedy = NULL;
		CLEANUP(file_closep) int below = -1;
		struct stat status;

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
			fstatat(directory, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		bool is_folder =
			S_ISDIR(status.st_mode) && published_is_name(entry->d_name, strlen(entry->d_name));
		const char *reason = is_folder ? NULL : inspect_reason(path, full, &status, &remedy);
		if (is_folder && *folder)
			inspect_refuse(files, path, away, "only one level of folders is served");
		else if (reason)
			inspect_refuse(files, path, remedy, reason);
		else if (!inspect_can_read(&status, is_folder))
			inspect_refuse(
				files, path, readable, "the user that aither-web runs as cannot read it");
		else if (!is_folder)
			files->served++;
		else if (file_open_directory(directory, entry->d_name, &below, NULL) == 0) {
			inside = mem_printf("%s/", path);
			inspect_folder(files, below, inside);
		}
	}
}

/* Checks that a link in the configuration to a file of this site leads to a file that exists. */
static void inspect_link(const char *key, const char *link, struct inspect_files *files)
{
	struct stat status;

	if (!link || *link != '/' || !link[1])
		return;
	CLEANUP(mem_freep)
	char *path = mem_printf("%s/%.*s", files->directory, (int)strcspn(link + 1, "?#"), link + 1);
	if (lstat(path, &status) == 0 && S_ISREG(status.st_mode))
		return;
	CLEANUP(mem_freep) char *remedy = check_edit(path);
	check_add(files->checks, "site-files", CHECK_WARNING, remedy,
		"every page links to %s=%s, but there is no file %s", key, link, path);
	files->refused++;
}

void inspect_site_files(const struct config *config, struct json *checks)
{
	struct inspect_files files = { .checks = checks, .directory = config->site.file_directory };
	CLEANUP(file_closep) int directory = -1;
	CLEANUP(mem_freep) char *word = check_quote(files.directory);
	CLEANUP(mem_freep) char *remedy = mem_printf("chmod o+rx %s", word);
	struct stat status;
	struct error err = { 0 };
	int r = file_open_directory(AT_FDCWD, files.directory, &directory, &err);

	inspect_link("ImprintURL", config->site.imprint_url, &files);
	inspect_link("PrivacyURL", config->site.privacy_url, &files);
	if (r == -ENOENT) {
		if (!inspect_is_lost(config, "FileDirectory", files.directory, "site-files", checks))
			check_add(checks, "site-files", CHECK_OK, NULL,
				"%s does not exist, so no files of your own are served", files.directory);
		return;
	}
	if (r == 0 && fstat(directory, &status) < 0)
		r = error_set(&err, -errno, "cannot examine %s: %s", files.directory, strerror(errno));
	if (r == 0 && !inspect_can_read(&status, true))
		r = error_set(
			&err, -EACCES, "the user that aither-web runs as cannot read %s", files.directory);
	if (r < 0) {
		check_add(checks, "site-files", CHECK_WARNING, r == -EACCES ? remedy : NULL,
			"cannot serve your own files: %s", err.message);
		return;
	}
	inspect_folder(&files, directory, "");
	if (files.served + files.refused > INSPECT_FILES_MAX)
		check_add(checks, "site-files", CHECK_WARNING, NULL,
			"%s has more than %d files, so not all were checked", files.directory,
			INSPECT_FILES_MAX);
	else if (files.refused > INSPECT_PROBLEMS_MAX)
		check_add(checks, "site-files", CHECK_WARNING, NULL, "%u more files in %s are not served",
			files.refused - INSPECT_PROBLEMS_MAX, files.directory);
	else if (files.refused == 0)
		check_add(checks, "site-files", CHECK_OK, NULL, "%u file%s in %s %s served", files.served,
			files.served == 1 ? "" : "s", files.directory, files.served == 1 ? "is" : "are");
}
