/* SPDX-License-Identifier: MIT */
#ifndef AITHER_WEB_CACHE_H
#define AITHER_WEB_CACHE_H

/*
 * Files that were requested lately, ready to be sent. Compressing a page takes a hundred times as long as
 * sending it, and slow clients share the bytes. A page is used only as long as its file is the one that was
 * read, so a request costs one fstatat.
 */

#include <stdbool.h>
#include <stddef.h>

#include "web/page.h"

struct cache;
struct error;
struct stat;

/* The cache is emptied when it is full. The largest Academy expected has 500 courses, and its homepages lead
 * to the pages of each in two languages. */
#define CACHE_PAGES_MAX 1024
#define CACHE_BYTES_MAX (16u << 20) /* of files: 1000 pages of 16 KiB */
#define CACHE_PATH_SIZE 300         /* of a name below a folder */

/* Slow clients keep what they are being sent when the cache is emptied. With so many bytes of bodies in
 * memory no further large file is read: see http/server.c for what fits below the unit's MemoryMax=. */
#define CACHE_BODIES_MAX (64u << 20)
#define CACHE_SMALL_MAX (64u << 10) /* bytes of a file that is read in any case */

struct cache_file {
	int directory;
	const char *name; /* in it */
	const char *path; /* for messages, and the only one in the cache */
	size_t size_max;
	/* "de": "?lang=de" is appended to each href="/" and href="/courses/"; NULL: the file as it is */
	const char *link_language;
	struct page_kind kind;
};

struct cache *cache_new(void); /* owned */
void cache_freep(struct cache **cache);
void cache_clear(struct cache *cache);

/* The file's page, borrowed until the next call. Errors of file_read; nothing but a regular file is opened.
 */
int cache_read(struct cache *cache, const struct cache_file *file, struct page **ret_page, struct error *err);

/* The same file, and not written since? */
bool cache_is_same_file(const struct stat *a, const struct stat *b);

#endif
