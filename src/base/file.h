/* SPDX-License-Identifier: MIT */
#ifndef AITHER_BASE_FILE_H
#define AITHER_BASE_FILE_H

/*
 * Files below a directory descriptor. Every name is one path component that has passed file_name_is_safe.
 * Except for reading a file by its path, these functions do not follow symlinks. Except for
 * file_read_stream, none of them blocks on a FIFO. None of them leaves the directory. (openat2 is not used:
 * RestrictSUIDSGID= makes it fail with ENOSYS.)
 */

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

struct buf;
struct error;

/* For CLEANUP: closes *fd unless it is negative, and leaves -1; errno stays. */
void file_closep(int *fd);
void file_closedirp(DIR **stream); /* NULL: nothing */

/* STEAL for a descriptor: `*ret_fd = file_steal(&fd)`. */
static inline int file_steal(int *fd)
{
	int stolen = *fd;

	*fd = -1;
	return stolen;
}

/* One component of 1 to 255 bytes, not "." or "..", no '/', no control character. */
bool file_name_is_safe(const char *name);

/* Opens a directory below `parent`, or by its path if `parent` is AT_FDCWD. The last component must not be a
 * symlink. file_make_directory creates the directory if it is missing (its parents must exist) and sets
 * `mode` by fchmod, but only on a directory that it has created. On success *ret_fd is owned. */
int file_open_directory(int parent, const char *path, int *ret_fd, struct error *err);
int file_make_directory(int parent, const char *path, mode_t mode, int *ret_fd, struct error *err);

/* Reads a whole regular file into the buffer and replaces its content; on failure the content stays. Errors:
 * -EFBIG (larger than the buffer's size_max), -ENOENT, -ELOOP (a symlink), -EINVAL (not a regular file)... */
int file_read(
	int directory, const char *name, struct buf *ret_content, struct stat *ret_stat, struct error *err);

/* Like file_read, but by path and following symlinks: for files that the operator names. */
int file_read_path(const char *path, struct buf *ret_content, struct error *err);

/* Like file_read_path, but skips a byte order mark at the beginning. */
int file_read_text(const char *path, struct buf *ret_text, struct error *err);

/* Reads a pipe, a terminal or a device to its end and skips a byte order mark; for commands. Waits until the
 * other end has closed. `name` is used in messages. The descriptor stays open. */
int file_read_stream(int fd, const char *name, struct buf *ret_text, struct error *err);

/* Writing fails with the code ERROR_OUTPUT (also file_make_directory), reading with ERROR_INTERNAL.
 *
 * Writes a new file `name`, replacing a leftover of that name, and sets its mode by fchmod. With `sync` the
 * file is on disk when the call returns (fdatasync). On failure no file of that name is left. */
int file_write(int directory, const char *name, const void *bytes, size_t length, mode_t mode, bool sync,
	struct error *err);

/* Writes all of the bytes, however few write(2) takes at a time: 0 or -errno. */
int file_write_all(int fd, const void *bytes, size_t length);

/* Replaces `name` atomically: temporary file, fdatasync, rename over `name`, sync of the directory. The
 * temporary name is random, so writers of the same name do not disturb each other; the last one wins. */
int file_replace(
	int directory, const char *name, const void *bytes, size_t length, mode_t mode, struct error *err);

#define FILE_TEMPORARY_PREFIX ".tmp-" /* a crash may leave such files */

#endif
