/* SPDX-License-Identifier: MIT */
#include "web/cache.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "http/http.h"

struct entry {
	char path[CACHE_PATH_SIZE];
	const char *link_language; /* static */
	struct stat stat;          /* of the file when it was read */
	struct page page;
};

struct cache {
	size_t count, bytes;
	uint32_t hashes[CACHE_PAGES_MAX]; /* of the entries, so that a search reads one array */
	struct entry *entries; /* owned; room for CACHE_PAGES_MAX, which takes no memory until it is used */
};

struct cache *cache_new(void)
{
	struct cache *cache = mem_zalloc(sizeof(*cache));

	cache->entries = mem_zalloc(CACHE_PAGES_MAX * sizeof(*cache->entries));
	return cache;
}

void cache_clear(struct cache *cache)
{
	while (cache->count > 0)
		page_done(&cache->entries[--cache->count].page);
	cache->bytes = 0;
}

void cache_freep(struct cache **cache_pointer)
{
	struct cache *cache = STEAL(*cache_pointer);

	if (!cache)
		return;
	cache_clear(cache);
	free(cache->entries);
	free(cache);
}

bool cache_is_same_file(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* FNV-1a. Names with equal hashes do no harm, because the names are compared as well. */
static uint32_t hash_path(const char *path)
{
	uint32_t hash = 2166136261;

	for (; *path; path++)
		hash = (hash ^ (unsigned char)*path) * 16777619;
	return hash;
}

static struct entry *find_entry(const struct cache *cache, const struct cache_file *file, uint32_t hash)
{
	for (size_t i = 0; i < cache->count; i++) {
		struct entry *entry = &cache->entries[i];
		if (cache->hashes[i] == hash && entry->link_language == file->link_language &&
			strcmp(entry->path, file->path) == 0)
			return entry;
	}
	return NULL;
}

/* Adds the language to the links that lead back to the homepage and the course list. */
static void add_language(struct buf *text, const char *language)
{
	static const char home[] = "href=\"/\"", list[] = "href=\"/courses/\"";
	CLEANUP(buf_done) struct buf changed = BUF_INIT(2 * text->size_max); /* a link may double in size */
	const char *rest = buf_text(text);
	const char *end = rest + text->length;

	for (const char *next; (next = strstr(rest, "href=\"/"));) {
		size_t length = strlen("href=\"/");
		bool is_back = strncmp(next, home, strlen(home)) == 0;
		if (strncmp(next, list, strlen(list)) == 0) {
			is_back = true;
			length = strlen(list) - 1;
		}
		buf_append(&changed, rest, (size_t)(next - rest) + length);
		if (is_back)
			buf_printf(&changed, "?lang=%s", language);
		rest = next + length;
	}
	buf_append(&changed, rest, (size_t)(end - rest));
	buf_done(text);
	*text = changed;
	buf_init(&changed, 0);
}

int cache_read(struct cache *cache, const struct cache_file *file, struct page **ret_page, struct error *err)
{
	CLEANUP(buf_done) struct buf text = BUF_INIT(file->size_max);
	uint32_t hash = hash_path(file->path);
	struct entry *entry = find_entry(cache, file, hash);
	struct stat stat_now;

	if (fstatat(file->directory, file->name, &stat_now, AT_SYMLINK_NOFOLLOW) < 0)
		return error_set(err, -errno, "%s: %s", file->path, strerror(errno));
	if (entry && cache_is_same_file(&entry->stat, &stat_now)) {
		*ret_page = &entry->page;
		return 0;
	}
	if (!S_ISREG(stat_now.st_mode)) /* opening a device could have side effects */
		return error_set(err, S_ISLNK(stat_now.st_mode) ? -ELOOP : -EINVAL, "%s: not a regular file",
			file->path);
	if ((uintmax_t)stat_now.st_size > file->size_max)
		return error_set(err, -EFBIG, "%s: larger than %zu bytes", file->path, file->size_max);
	if (stat_now.st_size > CACHE_SMALL_MAX &&
		http_body_total() + (size_t)stat_now.st_size > CACHE_BODIES_MAX)
		return error_set(err, -EAGAIN, "%s: %zu bytes are still being sent to slow clients",
			file->path, http_body_total());
	int r = file_read(file->directory, file->name, &text, &stat_now, err);
	if (r < 0)
		return r;
	if (file->link_language)
		add_language(&text, file->link_language);
	size_t length = text.length;
	if (entry || cache->count == CACHE_PAGES_MAX || cache->bytes + length > CACHE_BYTES_MAX)
		cache_clear(cache);
	cache->hashes[cache->count] = hash;
	entry = &cache->entries[cache->count++];
	*entry = (struct entry){ .link_language = file->link_language, .stat = stat_now };
	snprintf(entry->path, sizeof(entry->path), "%s", file->path);
	cache->bytes += length;
	page_set(&entry->page, buf_take(&text), length, &file->kind);
	*ret_page = &entry->page;
	return 0;
}
