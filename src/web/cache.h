/* SPDX-License-Identifier: MIT */
#ifndef AITHER_WEB_CACHE_H
#define AITHER_WEB_CACHE_H

/*
 * Recently requested files, ready to be sent. The cache exists because compressing a page takes a hundred
 * times as long as sending it, and so that slow clients share the bytes. Each request costs one fstatat,
 * which checks that the file is still the one that was read.
 */

#include <stdbool.h>
#include <stddef.h>

#include "web/page.h"

struct cache;
struct error;
struct stat;

/* The cache is emptied when it is full. The largest expected Academy has 500 courses, and the links on its
 * two homepages lead to each of them in two languages. */
#define CACHE_PAGES_MAX 1024
#define CACHE_BYTES_MAX (16u << 20) /* of files: 1000 pages of 16 KiB */
#define CACHE_PATH_SIZE 300         /* for a folder and a name in it */

/* Bodies that are being sent to slow clients stay in memory when the cache is emptied. If all bodies take
 * this many bytes, no further large file is read. http/server.c counts what fits below the unit's MemoryMax=.
 */
#define CACHE_BODIES_MAX (64u << 20)
#define CACHE_SMALL_MAX (64u << 10) /* bytes of a file that is read in any case */

struct cache_file {
	int directory;    /* descriptor */
	const char *name; /* in the directory */
	const char *path; /* for messages, and the key in the cache */
	size_t size_max;
	/* "de": "?lang=de" is appended to each href="/" and href="/courses/"; NULL: the file as it is */
	const char *link_language;
	struct page_kind kind;
};

struct cache *cache_new(void); /* owned */
void cache_freep(struct cache **cache);
void cache_clear(struct cache *cache);

/* The file's page, borrowed until the next call. Errors as from file_read; only regular files are opened. */
int cache_read(struct cache *cache, const struct cache_file *file, struct page **ret_page, struct error *err);

/* Do both describe the same file, not written in between? */
bool cache_is_same_file(const struct stat *a, const struct stat *b);

#endif
