/* SPDX-License-Identifier: MIT */
#include "scratch.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

int scratch_fd = -1;
char scratch_path[200];

static void scratch_remove(int parent, const char *name)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct dirent *entry;
	DIR *listing;

	if (fd < 0) {
		unlinkat(parent, name, 0);
		return;
	}
	listing = fdopendir(fd);
	assert_non_null(listing);
	while ((entry = readdir(listing)) != NULL) {
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			scratch_remove(fd, entry->d_name);
	}
	closedir(listing);
	unlinkat(parent, name, AT_REMOVEDIR);
}

int scratch_setup(void **state)
{
	const char *parent = getenv("TMPDIR");

	(void)state;
	snprintf(scratch_path, sizeof(scratch_path), "%s/aither-test-XXXXXX", parent ? parent : "/tmp");
	if (!mkdtemp(scratch_path))
		return -1;
	scratch_fd = open(scratch_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return scratch_fd < 0 ? -1 : 0;
}

int scratch_teardown(void **state)
{
	(void)state;
	close(scratch_fd);
	scratch_remove(AT_FDCWD, scratch_path);
	return 0;
}

void scratch_put(const char *name, const char *text)
{
	int fd = openat(scratch_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

void scratch_assert_content(const char *name, const char *expected)
{
	int fd = openat(scratch_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	char text[200] = "";

	assert_true(fd >= 0);
	assert_true(read(fd, text, sizeof(text) - 1) >= 0);
	close(fd);
	assert_string_equal(text, expected);
}

mode_t scratch_mode(const char *name)
{
	struct stat status;

	assert_int_equal(fstatat(scratch_fd, name, &status, AT_SYMLINK_NOFOLLOW), 0);
	return status.st_mode & 07777;
}

size_t scratch_count(void)
{
	DIR *listing = opendir(scratch_path);
	size_t count = 0;

	assert_non_null(listing);
	while (readdir(listing) != NULL)
		count++;
	closedir(listing);
	return count - 2; /* "." and ".." */
}
