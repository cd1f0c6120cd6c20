/* SPDX-License-Identifier: MIT */
#ifndef AITHER_BASE_FILE_H
#define AITHER_BASE_FILE_H

/*
 * Files below a directory descriptor. Every name is one path component that passed
 * file_name_is_safe; nothing here follows a symlink, blocks on a FIFO or leaves the directory.
 * (Not openat2: RestrictSUIDSGID= makes it fail with ENOSYS.)
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

/* Opens a directory by path or below `parent` (AT_FDCWD: by path). The last component must not be a
 * symlink. file_make_directory creates it with `mode` when missing (parents must exist) and sets the
 * mode of what it created by fchmod. Return: 0 and a descriptor, owned. */
int file_open_directory(int parent, const char *path, int *ret_fd, struct error *err);
int file_make_directory(int parent, const char *path, mode_t mode, int *ret_fd, struct error *err);

/* Reads a whole regular file, at most the buffer's size_max (-EFBIG); -ENOENT, -ELOOP (symlink), -EINVAL (not
 * regular)... The content of the buffer is replaced; on failure it stays. */
int file_read(
	int directory, const char *name, struct buf *ret_content, struct stat *ret_stat, struct error *err);

/* The same by path, following symlinks: for files that the operator names. */
int file_read_path(const char *path, struct buf *ret_content, struct error *err);

/* The same without the byte order mark that a text may begin with. */
int file_read_text(const char *path, struct buf *ret_text, struct error *err);

/* The text of pipes, terminals and devices, for commands: waits until the other end has closed. `name` stands
 * in messages. The descriptor stays open. */
int file_read_stream(int fd, const char *name, struct buf *ret_text, struct error *err);

/* Writing fails with the code ERROR_OUTPUT (also file_make_directory), reading with ERROR_INTERNAL.
 *
 * Writes a new file `name` (replacing a leftover of that name), mode by fchmod; with `sync` it is on
 * disk when the call returns (fdatasync). On failure nothing of that name is left. */
int file_write(int directory, const char *name, const void *bytes, size_t length, mode_t mode, bool sync,
	struct error *err);

/* Writes all of the bytes, however few write(2) takes at a time: 0 or -errno. */
int file_write_all(int fd, const void *bytes, size_t length);

/* Temporary file, fdatasync, rename over `name`, sync of the directory. The temporary name is random,
 * so writers of the same name do not disturb each other: the last one wins. */
int file_replace(
	int directory, const char *name, const void *bytes, size_t length, mode_t mode, struct error *err);

#define FILE_TEMPORARY_PREFIX ".tmp-" /* of files that a crash leaves */

#endif
