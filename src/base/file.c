/* SPDX-License-Identifier: MIT */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/utf8.h"

#define FILE_NAME_LENGTH_MAX 255 /* NAME_MAX of every file system in use */
#define FILE_CHUNK_SIZE 16384

/* O_NONBLOCK: opening a FIFO must not wait for a writer; the FIFO is refused afterwards. */
#define FILE_READ_FLAGS (O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)

void file_closep(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		close(file_steal(fd));
	errno = saved;
}

void file_closedirp(DIR **stream)
{
	if (*stream)
		closedir(*stream);
}

bool file_name_is_safe(const char *name)
{
	size_t length = strlen(name);

	if (length == 0 || length > FILE_NAME_LENGTH_MAX || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return false;
	for (size_t i = 0; i < length; i++) {
		unsigned char byte = (unsigned char)name[i];

		if (byte == '/' || byte < 0x20 || byte == 0x7f)
			return false;
	}
	return true;
}

/* An unsafe name is not part of the message, because it may contain anything. */
static int file_check_name(const char *name, enum error_code code, struct error *err)
{
	if (file_name_is_safe(name))
		return 0;
	return error_fail(
		err, code, -EINVAL, "a name of %zu bytes cannot be used as a file name", strlen(name));
}

/* A slash at the end would make the kernel follow a symlink in the last component. Owned. */
static char *file_without_slashes(const char *path)
{
	size_t length = strlen(path);

	while (length > 1 && path[length - 1] == '/')
		length--;
	return mem_strndup(path, length);
}

int file_open_directory(int parent, const char *path, int *ret_fd, struct error *err)
{
	CLEANUP(mem_freep) char *trimmed = file_without_slashes(path);
	int fd, r;

	r = parent == AT_FDCWD ? 0 : file_check_name(path, ERROR_INTERNAL, err);
	if (r < 0)
		return r;
	fd = openat(parent, trimmed, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return error_set(err, -errno, "cannot open directory %s: %m", trimmed);
	*ret_fd = fd;
	return 0;
}

int file_make_directory(int parent, const char *path, mode_t mode, int *ret_fd, struct error *err)
{
	CLEANUP(mem_freep) char *trimmed = file_without_slashes(path);
	CLEANUP(file_closep) int fd = -1;
	bool created;
	int r;

	r = parent == AT_FDCWD ? 0 : file_check_name(path, ERROR_OUTPUT, err);
	if (r < 0)
		return r;
	/* 0700 until fchmod: the umask does not matter, and other users have no access too early. */
	created = mkdirat(parent, trimmed, 0700) == 0;
	if (!created && errno != EEXIST)
		return error_fail(err, ERROR_OUTPUT, -errno, "cannot create directory %s: %m", trimmed);
	r = file_open_directory(parent, trimmed, &fd, err);
	if (r < 0) {
		if (err)
			err->code = ERROR_OUTPUT;
		return r;
	}
	if (created && fchmod(fd, mode) < 0) {
		r = error_fail(err, ERROR_OUTPUT, -errno, "cannot set the mode of directory %s: %m", trimmed);
		unlinkat(parent, trimmed, AT_REMOVEDIR);
		return r;
	}
	*ret_fd = file_steal(&fd);
	return 0;
}

/* Reads to the end; the size from fstat(2) is only a hint, because the file may grow. */
static int file_read_fd(int fd, const char *name, off_t size, struct buf *ret_content, struct error *err)
{
	CLEANUP(buf_done) struct buf content = BUF_INIT(ret_content->size_max);
	char chunk[FILE_CHUNK_SIZE];
	ssize_t got;

	if (size <= (off_t)content.size_max)
		buf_reserve(&content, (size_t)size);
	while ((got = read(fd, chunk, sizeof(chunk))) != 0) {
		if (got < 0 && errno == EINTR)
			continue;
		/* Another program may have made standard input non-blocking. */
		if (got < 0 && errno == EAGAIN) {
			poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, -1);
			continue;
		}
		if (got < 0)
			return error_set(err, -errno, "cannot read %s: %m", name);
		if (buf_append(&content, chunk, (size_t)got) < 0)
			return error_set(err, -EFBIG, "%s: larger than %zu bytes", name, content.size_max);
	}
	buf_done(ret_content);
	*ret_content = content;
	buf_init(&content, 0);
	return 0;
}

/* Reads a file that has just been opened; a negative descriptor means that open(2) has failed. */
static int file_read_opened(
	int owned_fd, const char *name, struct buf *ret_content, struct stat *ret_stat, struct error *err)
{
	CLEANUP(file_closep) int fd = owned_fd;
	struct stat status;
	int r;

	if (fd < 0)
		return error_set(err, -errno, "cannot open %s: %m", name);
	if (fstat(fd, &status) < 0)
		return error_set(err, -errno, "cannot examine %s: %m", name);
	if (!S_ISREG(status.st_mode))
		return error_set(err, -EINVAL, "%s: not a regular file", name);
	r = file_read_fd(fd, name, status.st_size, ret_content, err);
	if (r == 0 && ret_stat)
		*ret_stat = status;
	return r;
}

int file_read(
	int directory, const char *name, struct buf *ret_content, struct stat *ret_stat, struct error *err)
{
	int r = file_check_name(name, ERROR_INTERNAL, err);

	if (r < 0)
		return r;
	return file_read_opened(
		openat(directory, name, FILE_READ_FLAGS | O_NOFOLLOW), name, ret_content, ret_stat, err);
}

int file_read_path(const char *path, struct buf *ret_content, struct error *err)
{
	return file_read_opened(open(path, FILE_READ_FLAGS), path, ret_content, NULL, err);
}

static void skip_mark(struct buf *text)
{
	size_t mark = utf8_mark_length(buf_text(text), text->length);

	if (mark == 0)
		return;
	text->length -= mark;
	memmove(text->data, text->data + mark, text->length + 1);
}

int file_read_text(const char *path, struct buf *ret_text, struct error *err)
{
	int r = file_read_path(path, ret_text, err);

	if (r == 0)
		skip_mark(ret_text);
	return r;
}

int file_read_stream(int fd, const char *name, struct buf *ret_text, struct error *err)
{
	int r = file_read_fd(fd, name, 0, ret_text, err);

	if (r == 0)
		skip_mark(ret_text);
	return r;
}

int file_write_all(int fd, const void *bytes, size_t length)
{
	const char *at = bytes;

	while (length > 0) {
		ssize_t written = write(fd, at, length);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return -errno;
		at += written;
		length -= (size_t)written;
	}
	return 0;
}

/* Fills and closes the new file. On failure *ret_step names the step. */
static int file_fill(
	int owned_fd, const void *bytes, size_t length, mode_t mode, bool sync, const char **ret_step)
{
	CLEANUP(file_closep) int fd = owned_fd;
	int r;

	*ret_step = "write";
	r = file_write_all(fd, bytes, length);
	if (r < 0)
		return r;
	*ret_step = "set the mode of";
	if (fchmod(fd, mode) < 0)
		return -errno;
	*ret_step = "sync";
	if (sync && fdatasync(fd) < 0)
		return -errno;
	*ret_step = "close"; /* network file systems may report a failed write only here */
	return close(file_steal(&fd)) < 0 && errno != EINTR ? -errno : 0;
}

int file_write(int directory, const char *name, const void *bytes, size_t length, mode_t mode, bool sync,
	struct error *err)
{
	const char *step = "create";
	int fd, r;

	r = file_check_name(name, ERROR_OUTPUT, err);
	if (r < 0)
		return r;
	if (unlinkat(directory, name, 0) < 0 && errno != ENOENT)
		return error_fail(err, ERROR_OUTPUT, -errno, "cannot remove the old file %s: %m", name);
	fd = openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return error_fail(err, ERROR_OUTPUT, -errno, "cannot create %s: %m", name);
	r = file_fill(fd, bytes, length, mode, sync, &step);
	if (r < 0) {
		unlinkat(directory, name, 0);
		errno = -r; /* for %m */
		return error_fail(err, ERROR_OUTPUT, r, "cannot %s %s: %m", step, name);
	}
	return 0;
}

int file_replace(
	int directory, const char *name, const void *bytes, size_t length, mode_t mode, struct error *err)
{
	char temporary[sizeof(FILE_TEMPORARY_PREFIX) + HASH_UUID_SIZE] = FILE_TEMPORARY_PREFIX;
	int r;

	r = file_check_name(name, ERROR_OUTPUT, err);
	if (r < 0)
		return r;
	/* Random: two writers must not share a temporary file, and `name` may be too long for a prefix. */
	hash_uuid(temporary + sizeof(FILE_TEMPORARY_PREFIX) - 1);
	r = file_write(directory, temporary, bytes, length, mode, true, err);
	if (r < 0) {
		error_prefix(err, "%s: ", name);
		return r;
	}
	if (renameat(directory, temporary, directory, name) < 0) {
		r = error_fail(err, ERROR_OUTPUT, -errno, "cannot replace %s: %m", name);
		unlinkat(directory, temporary, 0);
		return r;
	}
	if (fsync(directory) < 0)
		return error_fail(err, ERROR_OUTPUT, -errno, "cannot sync the directory of %s: %m", name);
	return 0;
}
