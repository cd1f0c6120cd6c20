/* SPDX-License-Identifier: MIT */
#include "tree.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

#define TREE_PAGES "courses/"
#define TREE_PUBLIC_PAGES "public/courses/"
#define TREE_SUFFIX ".html"

static char *tree_read_file(const char *path, size_t size)
{
	char *text = mem_zalloc(size + 1);
	FILE *file = fopen(path, "re");

	if (!file || fread(text, 1, size, file) != size)
		abort();
	fclose(file);
	return text;
}

static char *tree_read_text(const char *path, const struct stat *status)
{
	char target[PATH_MAX] = "";

	if (S_ISREG(status->st_mode))
		return tree_read_file(path, (size_t)status->st_size);
	if (S_ISLNK(status->st_mode) && readlink(path, target, sizeof(target) - 1) < 0)
		abort();
	return mem_strdup(target);
}

static void tree_add(struct tree *tree, const char *directory, const char *below)
{
	CLEANUP(mem_freep) char *full = mem_printf("%s/%s", directory, below);
	DIR *listing = opendir(full);
	struct dirent *entry;

	while (listing && (entry = readdir(listing)) != NULL) {
		CLEANUP(mem_freep) char *path = mem_printf("%s%s", below, entry->d_name);
		CLEANUP(mem_freep) char *name = mem_printf("%s/%s", directory, path);
		CLEANUP(mem_freep) char *inside = mem_printf("%s/", path);
		struct tree_item item = { 0 };

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (lstat(name, &item.status) < 0)
			abort();
		item.text = tree_read_text(name, &item.status);
		if (S_ISDIR(item.status.st_mode))
			tree_add(tree, directory, inside);
		item.path = STEAL(path);
		tree->items = mem_resize(tree->items, tree->count + 1, sizeof(*tree->items));
		tree->items[tree->count++] = item;
	}
	if (listing)
		closedir(listing);
}

static int tree_compare(const void *left, const void *right)
{
	return strcmp(((const struct tree_item *)left)->path, ((const struct tree_item *)right)->path);
}

void tree_read(struct tree *tree, const char *directory)
{
	tree_add(tree, directory, "");
	if (tree->count > 0)
		qsort(tree->items, tree->count, sizeof(*tree->items), tree_compare);
}

void tree_done(struct tree *tree)
{
	for (size_t i = 0; i < tree->count; i++) {
		free(tree->items[i].path);
		free(tree->items[i].text);
	}
	free(tree->items);
	*tree = (struct tree){ 0 };
}

const struct tree_item *tree_find(const struct tree *tree, const char *path)
{
	const struct tree_item wanted = { .path = (char *)path };

	if (tree->count == 0)
		return NULL;
	return bsearch(&wanted, tree->items, tree->count, sizeof(wanted), tree_compare);
}

const struct tree_item *tree_next_page(const struct tree *tree, size_t *index)
{
	const size_t suffix = strlen(TREE_SUFFIX);

	while (*index < tree->count) {
		const struct tree_item *item = &tree->items[(*index)++];
		size_t length = strlen(item->path);

		if ((strncmp(item->path, TREE_PAGES, strlen(TREE_PAGES)) == 0 ||
			    strncmp(item->path, TREE_PUBLIC_PAGES, strlen(TREE_PUBLIC_PAGES)) == 0) &&
			length > suffix && strcmp(item->path + length - suffix, TREE_SUFFIX) == 0)
			return item;
	}
	return NULL;
}

bool tree_is_untouched(const struct tree_item *before, const struct tree_item *after)
{
	const struct stat *old = &before->status, *now = &after->status;

	return old->st_ino == now->st_ino && old->st_mode == now->st_mode && old->st_size == now->st_size &&
	       old->st_mtim.tv_sec == now->st_mtim.tv_sec && old->st_mtim.tv_nsec == now->st_mtim.tv_nsec &&
	       old->st_ctim.tv_sec == now->st_ctim.tv_sec && old->st_ctim.tv_nsec == now->st_ctim.tv_nsec;
}
