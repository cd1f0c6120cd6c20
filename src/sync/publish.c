/* SPDX-License-Identifier: MIT */
#include "sync/publish.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"

#define PUBLISH_TEMPORARY_SIZE (sizeof(FILE_TEMPORARY_PREFIX) + 20)

/* Held from publish_open_briefly to publish_close. */
static pthread_mutex_t publish_brief = PTHREAD_MUTEX_INITIALIZER;

/* In the unit's sandbox a directory is read-only unless the unit names it; the message says how to name it.
 */
static int publish_fail(struct error *err, int errnum, const char *path, const struct error *problem)
{
	if (errnum != -EROFS && errnum != -EACCES && errnum != -EPERM)
		return error_fail(err, ERROR_OUTPUT, errnum, "%s", problem->message);
	return error_fail(err, ERROR_OUTPUT, errnum,
		"%s; create the output directory with \"install -d -o aither -g aither -m 0750 %s\", run \"systemctl edit aither-worker.service\" and add the two lines \"[Service]\" and \"ReadWritePaths=%s\", then run \"systemctl restart aither-worker.service\"",
		problem->message, path, path);
}

/* A crash right after mkdir leaves a directory that aither-web cannot enter. If the operator has set a wider
 * mode, it stays. */
static int publish_open_to_group(int directory, struct error *err)
{
	struct stat status;

	if (fstat(directory, &status) == 0 && (status.st_mode & 0050) == 0050)
		return 0;
	if (fchmod(directory, PUBLISH_DIRECTORY_MODE) < 0)
		return error_fail(
			err, ERROR_OUTPUT, -errno, "cannot set the mode of the output directory: %m");
	return 0;
}

static bool publish_has(int directory, const char *name)
{
	return faccessat(directory, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Version 0.1.0 wrote the homepage into the output directory itself. */
static void publish_move_homepage(const struct publish *publish)
{
	for (int i = 0; i < LANGUAGES; i++) {
		const char *name = published_homepage[i];

		if (!publish_has(publish->root, name))
			continue;
		if (publish_has(publish->public, name))
			(void)unlinkat(publish->root, name, 0);
		else
			(void)renameat(publish->root, name, publish->public, name);
	}
}

int publish_open_unlocked(struct publish *publish, const char *path, bool is_public, struct error *err)
{
	struct error problem = { 0 };
	int r = file_make_directory(AT_FDCWD, path, PUBLISH_DIRECTORY_MODE, &publish->root, &problem);

	publish->is_public = is_public;
	if (r == 0)
		r = file_make_directory(
			publish->root, PUBLISHED_PUBLIC, PUBLISH_DIRECTORY_MODE, &publish->public, &problem);
	if (r == 0)
		r = file_make_directory(is_public ? publish->public : publish->root, PUBLISHED_COURSES,
			PUBLISH_DIRECTORY_MODE, &publish->courses, &problem);
	if (r < 0 || (r = publish_open_to_group(publish->root, &problem)) < 0 ||
		(r = publish_open_to_group(publish->public, &problem)) < 0 ||
		(r = publish_open_to_group(publish->courses, &problem)) < 0)
		return publish_fail(err, r, path, &problem);
	publish_move_homepage(publish);
	return 0;
}

static int publish_take_lock(struct publish *publish, const char *path, struct error *err)
{
	CLEANUP(file_closep)
	int fd = openat(publish->root, PUBLISH_LOCK_NAME,
		O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600);
	struct error problem = { 0 };
	struct stat status;
	int r = 0;

	if (fd < 0)
		r = error_set(&problem, -errno, "cannot open %s: %m", PUBLISH_LOCK_NAME);
	else if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode))
		r = error_set(&problem, -EINVAL, "%s is not a regular file", PUBLISH_LOCK_NAME);
	else if ((status.st_mode & 07777) != 0600 && fchmod(fd, 0600) < 0)
		r = error_set(&problem, -errno, "cannot set the mode of %s: %m", PUBLISH_LOCK_NAME);
	if (r < 0)
		return publish_fail(err, r, path, &problem);
	r = flock(fd, LOCK_EX | LOCK_NB) < 0 ? -errno : 0;
	if (r == -EWOULDBLOCK)
		return error_fail(err, ERROR_SYNC_IN_PROGRESS, r,
			"another process is running a sync into this output directory");
	if (r < 0)
		return error_fail(
			err, ERROR_OUTPUT, r, "cannot lock %s: %s", PUBLISH_LOCK_NAME, strerror(-r));
	publish->lock = file_steal(&fd);
	return 0;
}

int publish_open(struct publish *publish, const char *path, bool is_public, struct error *err)
{
	int r = publish_open_unlocked(publish, path, is_public, err);

	if (r < 0)
		return r;
	pthread_mutex_lock(&publish_brief);
	r = publish_take_lock(publish, path, err);
	pthread_mutex_unlock(&publish_brief);
	return r;
}

int publish_open_briefly(struct publish *publish, const char *path, struct error *err)
{
	struct error problem = { 0 };
	int r = file_open_directory(AT_FDCWD, path, &publish->root, &problem);

	if (r < 0)
		return publish_fail(err, r, path, &problem);
	pthread_mutex_lock(&publish_brief);
	publish->brief = true;
	return publish_take_lock(publish, path, err);
}

void publish_close(struct publish *publish)
{
	publish_drop(publish);
	file_closep(&publish->courses);
	file_closep(&publish->public);
	file_closep(&publish->root);
	file_closep(&publish->lock); /* last, because this releases the lock */
	if (publish->brief)
		pthread_mutex_unlock(&publish_brief);
	publish->brief = false;
}

/* Opens a stream at the beginning of the directory; the caller keeps the descriptor. NULL: see errno. */
static DIR *publish_stream(int directory)
{
	CLEANUP(file_closep) int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream = fd < 0 ? NULL : fdopendir(fd);

	if (stream)
		(void)file_steal(&fd);
	return stream;
}

/* A directory is never a page, and publish_remove does not remove it. */
static bool publish_is_page(const struct publish *publish, const struct dirent *item)
{
	struct stat status;

	if (!published_is_page(item->d_name))
		return false;
	if (item->d_type != DT_UNKNOWN)
		return item->d_type == DT_REG || item->d_type == DT_LNK;
	return fstatat(publish->courses, item->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
	       (S_ISREG(status.st_mode) || S_ISLNK(status.st_mode));
}

int publish_list(const struct publish *publish, bool clean, struct nameset *names, struct error *err)
{
	const int directories[] = { publish->root, publish->public, publish->courses };

	for (size_t i = clean ? 0 : 2; i < ARRAY_SIZE(directories); i++) {
		bool is_courses = directories[i] == publish->courses;
		CLEANUP(file_closedirp) DIR *stream = publish_stream(directories[i]);
		const struct dirent *item;

		errno = stream ? 0 : errno;
		while (stream && (item = readdir(stream)) != NULL) {
			if (is_courses && publish_is_page(publish, item))
				nameset_add(names, item->d_name);
			else if (clean && strncmp(item->d_name, FILE_TEMPORARY_PREFIX,
						  strlen(FILE_TEMPORARY_PREFIX)) == 0)
				unlinkat(directories[i], item->d_name, 0);
			errno = 0;
		}
		if (errno != 0 && is_courses)
			return error_fail(err, ERROR_OUTPUT, -errno, "cannot list " PUBLISHED_COURSES ": %m");
	}
	return 0;
}

/* ---- pages ---- */

static void publish_temporary(size_t index, char ret_name[static PUBLISH_TEMPORARY_SIZE])
{
	snprintf(ret_name, PUBLISH_TEMPORARY_SIZE, FILE_TEMPORARY_PREFIX "%zu", index);
}

void publish_drop(struct publish *publish)
{
	for (size_t i = 0; i < publish->count; i++) {
		char temporary[PUBLISH_TEMPORARY_SIZE];

		publish_temporary(i, temporary);
		if (!publish->pages[i].published)
			unlinkat(publish->courses, temporary, 0);
	}
	free(publish->pages);
	publish->pages = NULL;
	publish->count = 0;
}

int publish_add(struct publish *publish, const char *name, const void *bytes, size_t length,
	size_t *ret_index, struct error *err)
{
	struct publish_page page = { .published = false };
	char temporary[PUBLISH_TEMPORARY_SIZE];
	int r;

	publish_temporary(publish->count, temporary);
	r = file_write(publish->courses, temporary, bytes, length, PUBLISH_PAGE_MODE, false, err);
	if (r < 0) {
		error_prefix(err, PUBLISHED_COURSES "/%s: ", name);
		return r;
	}
	snprintf(page.name, sizeof(page.name), "%s", name);
	publish->pages = mem_grow(publish->pages, publish->count, sizeof(*publish->pages));
	*ret_index = publish->count;
	publish->pages[publish->count++] = page;
	return 0;
}

int publish_commit(struct publish *publish, struct error *err)
{
	bool at_once = publish->count >= PUBLISH_SYNCFS_FROM;
	char temporary[PUBLISH_TEMPORARY_SIZE];

	/* Rename only when the bytes are on disk: after a power failure no name may lead to an empty file. */
	if (at_once && syncfs(publish->courses) < 0)
		return error_fail(err, ERROR_OUTPUT, -errno, "cannot sync " PUBLISHED_COURSES ": %m");
	for (size_t i = 0; i < publish->count && !at_once; i++) {
		CLEANUP(file_closep) int fd = -1;

		publish_temporary(i, temporary);
		fd = openat(publish->courses, temporary, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
		if (fd < 0 || fdatasync(fd) < 0)
			return error_fail(err, ERROR_OUTPUT, -errno,
				"cannot sync " PUBLISHED_COURSES "/%s: %m", publish->pages[i].name);
	}
	for (size_t i = 0; i < publish->count; i++) {
		struct publish_page *page = &publish->pages[i];

		publish_temporary(i, temporary);
		page->published = renameat(publish->courses, temporary, publish->courses, page->name) == 0;
		if (!page->published && errno != EISDIR)
			return error_fail(err, ERROR_OUTPUT, -errno,
				"cannot replace " PUBLISHED_COURSES "/%s: %m", page->name);
	}
	return 0;
}

int publish_remove(const struct publish *publish, const char *name, bool *ret_removed, struct error *err)
{
	if (unlinkat(publish->courses, name, 0) == 0) {
		*ret_removed = true;
		return 0;
	}
	if (errno != ENOENT && errno != EISDIR)
		return error_fail(
			err, ERROR_OUTPUT, -errno, "cannot remove " PUBLISHED_COURSES "/%s: %m", name);
	*ret_removed = false;
	return 0;
}

/* Removes all pages and temporary files, and the directory if nothing else is in it. */
static int publish_empty(int parent, struct nameset *removed, struct error *err)
{
	CLEANUP(file_closep) int directory = -1;
	CLEANUP(file_closedirp) DIR *stream = NULL;
	const struct dirent *item;
	int r = file_open_directory(parent, PUBLISHED_COURSES, &directory, err);

	/* A link or a file with this name was not made by aither. */
	if (r == -ENOENT || r == -ENOTDIR || r == -ELOOP)
		return 0;
	if (r < 0) {
		if (err)
			err->code = ERROR_OUTPUT;
		return r;
	}
	stream = publish_stream(directory);
	if (!stream)
		return error_fail(err, ERROR_OUTPUT, -errno, "cannot list " PUBLISHED_COURSES ": %m");
	while ((errno = 0, item = readdir(stream)) != NULL) {
		bool is_page = published_is_page(item->d_name);

		if (!is_page &&
			strncmp(item->d_name, FILE_TEMPORARY_PREFIX, strlen(FILE_TEMPORARY_PREFIX)) != 0)
			continue;
		if (unlinkat(directory, item->d_name, 0) == 0) {
			if (is_page)
				nameset_add(removed, item->d_name);
		} else if (errno != ENOENT && errno != EISDIR)
			return error_fail(err, ERROR_OUTPUT, -errno,
				"cannot remove " PUBLISHED_COURSES "/%s: %m", item->d_name);
	}
	if (errno != 0)
		return error_fail(err, ERROR_OUTPUT, -errno, "cannot list " PUBLISHED_COURSES ": %m");
	if (unlinkat(parent, PUBLISHED_COURSES, AT_REMOVEDIR) < 0 && fsync(directory) < 0)
		return error_fail(err, ERROR_OUTPUT, -errno, "cannot sync " PUBLISHED_COURSES ": %m");
	return 0;
}

int publish_remove_other(const struct publish *publish, struct nameset *removed, struct error *err)
{
	int parent = publish->is_public ? publish->root : publish->public;
	bool has_list = false;
	int r;

	for (int i = 0; i < LANGUAGES && publish->is_public; i++) {
		if (!publish_has(publish->root, published_list[i]))
			continue;
		has_list = true;
		if (unlinkat(publish->root, published_list[i], 0) < 0 && errno != ENOENT)
			return error_fail(
				err, ERROR_OUTPUT, -errno, "cannot remove %s: %m", published_list[i]);
	}
	if (!has_list && !publish_has(parent, PUBLISHED_COURSES))
		return 0;
	r = publish_empty(parent, removed, err);
	if (r == 0 && fsync(parent) < 0)
		r = error_fail(err, ERROR_OUTPUT, -errno, "cannot sync the output directory: %m");
	return r;
}

int publish_sync(const struct publish *publish, struct error *err)
{
	if (fsync(publish->courses) < 0)
		return error_fail(err, ERROR_OUTPUT, -errno, "cannot sync " PUBLISHED_COURSES ": %m");
	return 0;
}

int publish_file(
	int directory, const char *name, const struct buf *text, bool *ret_changed, struct error *err)
{
	CLEANUP(buf_done) struct buf old = BUF_INIT(text->length);
	int r;

	*ret_changed = false;
	if (file_read(directory, name, &old, NULL, NULL) == 0 && old.length == text->length &&
		memcmp(buf_text(&old), buf_text(text), text->length) == 0)
		return 0;
	r = file_replace(directory, name, buf_text(text), text->length, PUBLISH_PAGE_MODE, err);
	/* A sync that begins during a refresh may remove the refresh's temporary file as a leftover. */
	if (r == -ENOENT)
		r = file_replace(directory, name, buf_text(text), text->length, PUBLISH_PAGE_MODE, err);
	*ret_changed = r == 0;
	return r;
}

bool publish_stat(int directory, const char *name, int64_t *ret_size, int64_t *ret_modified_us)
{
	struct stat status;

	if (fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(status.st_mode))
		return false;
	*ret_size = status.st_size;
	*ret_modified_us = (int64_t)status.st_mtim.tv_sec * 1000000 + status.st_mtim.tv_nsec / 1000;
	return true;
}
