/* SPDX-License-Identifier: MIT */
#ifndef AITHER_WEB_SHELF_H
#define AITHER_WEB_SHELF_H

/*
 * Course pages that were asked for lately, ready to be sent: compressing one takes a hundred times as long as
 * sending it, and visitors who are slow to take theirs share the bytes. Each is good only as long as its file
 * is the one that was read.
 *
 *	page = shelf_find(shelf, file, &stat_now);
 *	if (!page) {
 *		...read the file...
 *		shelf_tidy(shelf, directory);
 *		page_set(page = shelf_add(shelf, file, &stat_read), ...);
 *	}
 *
 * Pages are borrowed until the next shelf_add or shelf_tidy.
 */

#include <stdbool.h>
#include <stddef.h>

struct page;
struct shelf;
struct stat;

#define SHELF_PAGES_MAX 512        /* the largest Academy expected has 500 courses */
#define SHELF_BYTES_MAX (8u << 20) /* of files: 500 pages of 16 KiB */
#define SHELF_NAME_SIZE 144        /* a course's name of 128, and .html twice */

struct shelf *shelf_new(void); /* owned */
void shelf_freep(struct shelf **shelf);

/* NULL: not there, or the file has changed. */
struct page *shelf_find(struct shelf *shelf, const char *file, const struct stat *stat_now);

/* An empty page, in place of one of the same name; those asked for the longest ago make room. */
struct page *shelf_add(struct shelf *shelf, const char *file, const struct stat *stat_read);

/* Compares the next few pages with their files in this directory: those of a file that has gone or changed
 * leave the shelf. Once for each page that is added: nobody asks for the page of a removed course, and before
 * the shelf is full nothing else would take it away. */
void shelf_tidy(struct shelf *shelf, int directory);

/* The same file, and not written since? */
bool shelf_is_same_file(const struct stat *a, const struct stat *b);

#endif
