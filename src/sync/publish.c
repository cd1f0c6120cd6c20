/* SPDX-License-Identifier: MIT */
#include "sync/publish.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"

#define PUBLISH_TEMPORARY_SIZE (sizeof(FILE_TEMPORARY_PREFIX) + 20)

static void publish_temporary(unsigned number, char ret_name[static PUBLISH_TEMPORARY_SIZE])
{
	snprintf(ret_name, PUBLISH_TEMPORARY_SIZE, FILE_TEMPORARY_PREFIX "%u", number);
}

void publish_drop(struct publish *publish)
{
	for (size_t i = 0; i < publish->count; i++) {
		char temporary[PUBLISH_TEMPORARY_SIZE];

		publish_temporary(publish->pages[i].number, temporary);
		if (!publish->pages[i].published)
			unlinkat(publish->courses, temporary, 0);
	}
	free(publish->pages);
	publish->pages = NULL;
	publish->count = publish->capacity = 0;
}

int publish_add(struct publish *publish, const char *name, const void *bytes, size_t length,
	size_t *ret_index, struct error *err)
{
	struct publish_page page = { .number = (unsigned)publish->count };
	char temporary[PUBLISH_TEMPORARY_SIZE];
	int r;

	publish_temporary(page.number, temporary);
	r = file_write(publish->courses, temporary, bytes, length, PUBLISH_PAGE_MODE, false, err);
	if (r < 0) {
		error_prefix(err, PUBLISHED_COURSES "/%s: ", name);
		return r;
	}
	snprintf(page.name, sizeof(page.name), "%s", name);
	if (publish->count == publish->capacity) {
		publish->capacity = publish->capacity ? 2 * publish->capacity : 64;
		publish->pages = mem_resize(publish->pages, publish->capacity, sizeof(*publish->pages));
	}
	*ret_index = publish->count;
	publish->pages[publish->count++] = page;
	return 0;
}

static int publish_flush_page(
	const struct publish *publish, const struct publish_page *page, struct error *err)
{
	CLEANUP(file_closep) int fd = -1;
	char temporary[PUBLISH_TEMPORARY_SIZE];

	publish_temporary(page->number, temporary);
	fd = openat(publish->courses, temporary, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || fdatasync(fd) < 0)
		return error_fail(
			err, ERROR_OUTPUT, -errno, PUBLISHED_COURSES "/%s: cannot sync: %m", page->name);
	return 0;
}

/* No rename before the bytes are on disk: after a power cut a name must not lead to an empty file. */
static int publish_flush(const struct publish *publish, struct error *err)
{
	if (publish->count >= PUBLISH_SYNCFS_FROM) {
		if (syncfs(publish->courses) < 0)
			return error_fail(err, ERROR_OUTPUT, -errno, PUBLISHED_COURSES ": cannot sync: %m");
		return 0;
	}
	for (size_t i = 0; i < publish->count; i++) {
		int r = publish_flush_page(publish, &publish->pages[i], err);

		if (r < 0)
			return r;
	}
	return 0;
}

int publish_commit(struct publish *publish, struct error *err)
{
	int r = publish_flush(publish, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < publish->count; i++) {
		struct publish_page *page = &publish->pages[i];
		char temporary[PUBLISH_TEMPORARY_SIZE];

		publish_temporary(page->number, temporary);
		page->published = renameat(publish->courses, temporary, publish->courses, page->name) == 0;
		if (!page->published && errno != EISDIR)
			return error_fail(err, ERROR_OUTPUT, -errno,
				PUBLISHED_COURSES "/%s: cannot replace: %m", page->name);
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
			err, ERROR_OUTPUT, -errno, PUBLISHED_COURSES "/%s: cannot remove: %m", name);
	*ret_removed = false;
	return 0;
}

int publish_sync(const struct publish *publish, struct error *err)
{
	if (fsync(publish->courses) < 0)
		return error_fail(err, ERROR_OUTPUT, -errno, PUBLISHED_COURSES ": cannot sync: %m");
	return 0;
}

static bool publish_is_on_disk(int directory, const char *name, const struct buf *text)
{
	CLEANUP(buf_done) struct buf old = BUF_INIT(text->length);

	return file_read(directory, name, &old, NULL, NULL) == 0 && old.length == text->length &&
	       memcmp(buf_text(&old), buf_text(text), text->length) == 0;
}

int publish_homepage(
	int directory, const char *name, const struct buf *text, bool *ret_changed, struct error *err)
{
	int r;

	*ret_changed = false;
	if (publish_is_on_disk(directory, name, text))
		return 0;
	r = file_replace(directory, name, buf_text(text), text->length, PUBLISH_PAGE_MODE, err);
	/* A sync that begins beside a refresh may take its temporary file for a leftover. */
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
