/* SPDX-License-Identifier: MIT */
#include "web/shelf.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "web/page.h"

#define LOOKS 4 /* for each page that is added: those left behind stay the smaller part of the shelf */

struct book {
	char name[SHELF_NAME_SIZE];
	struct stat stat; /* of the bytes in `page` */
	struct page page;
	uint64_t last_used; /* by the shelf's own count */
};

struct shelf {
	struct book *books; /* owned; room for SHELF_PAGES_MAX, which costs nothing until it is used */
	size_t count, bytes;
	size_t next_look; /* the book that is compared with its file next */
	uint64_t uses;
};

struct shelf *shelf_new(void)
{
	struct shelf *shelf = mem_zalloc(sizeof(*shelf));

	shelf->books = mem_zalloc(SHELF_PAGES_MAX * sizeof(*shelf->books));
	return shelf;
}

static void remove_book(struct shelf *shelf, struct book *book)
{
	shelf->bytes -= (size_t)book->stat.st_size;
	page_done(&book->page);
	*book = shelf->books[--shelf->count];
}

void shelf_freep(struct shelf **shelf_pointer)
{
	struct shelf *shelf = STEAL(*shelf_pointer);

	if (!shelf)
		return;
	while (shelf->count > 0)
		remove_book(shelf, &shelf->books[0]);
	mem_freep(&shelf->books);
	mem_freep(&shelf);
}

bool shelf_is_same_file(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static struct book *find_book(struct shelf *shelf, const char *file)
{
	for (size_t i = 0; i < shelf->count; i++) {
		if (strcmp(shelf->books[i].name, file) == 0)
			return &shelf->books[i];
	}
	return NULL;
}

struct page *shelf_find(struct shelf *shelf, const char *file, const struct stat *stat_now)
{
	struct book *book = find_book(shelf, file);

	if (!book || !shelf_is_same_file(&book->stat, stat_now))
		return NULL;
	book->last_used = ++shelf->uses;
	return &book->page;
}

static struct book *longest_unused(struct shelf *shelf)
{
	struct book *oldest = &shelf->books[0];

	for (size_t i = 1; i < shelf->count; i++) {
		if (shelf->books[i].last_used < oldest->last_used)
			oldest = &shelf->books[i];
	}
	return oldest;
}

struct page *shelf_add(struct shelf *shelf, const char *file, const struct stat *stat_read)
{
	struct book *stale = find_book(shelf, file);
	size_t size = (size_t)stat_read->st_size;

	if (stale)
		remove_book(shelf, stale);
	while (shelf->count > 0 && (shelf->count == SHELF_PAGES_MAX || shelf->bytes + size > SHELF_BYTES_MAX))
		remove_book(shelf, longest_unused(shelf));
	struct book *book = &shelf->books[shelf->count++];
	*book = (struct book){ .stat = *stat_read, .last_used = ++shelf->uses };
	snprintf(book->name, sizeof(book->name), "%s", file);
	shelf->bytes += size;
	return &book->page;
}

void shelf_tidy(struct shelf *shelf, int directory)
{
	struct stat stat_now;

	for (int looks = 0; looks < LOOKS && shelf->count > 0; looks++) {
		struct book *book = &shelf->books[shelf->next_look %= shelf->count];
		if (fstatat(directory, book->name, &stat_now, AT_SYMLINK_NOFOLLOW) < 0 ||
			!shelf_is_same_file(&book->stat, &stat_now))
			remove_book(shelf, book);
		else
			shelf->next_look++;
	}
}
