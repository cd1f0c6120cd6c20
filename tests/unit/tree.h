/* SPDX-License-Identifier: MIT */
#ifndef AITHER_TESTS_TREE_H
#define AITHER_TESTS_TREE_H

/*
 * All files below a directory with their contents, for a comparison with another directory or with the same
 * one later. Symlinks are kept as symlinks and not followed.
 *
 *	CLEANUP(tree_done) struct tree tree = {0};
 *	tree_read(&tree, "/tmp/x/out");
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

struct tree_item {
	char *path; /* owned; below the directory: "courses/x.html" */
	char *text; /* owned; a file's bytes, or the target of a symlink; otherwise "" */
	struct stat status;
};

struct tree {
	struct tree_item *items; /* owned; in the order of their paths, without the directory itself */
	size_t count;
};

void tree_read(struct tree *tree, const char *directory); /* of an empty tree; no directory: it stays empty */
void tree_done(struct tree *tree);

const struct tree_item *tree_find(const struct tree *tree, const char *path);

/* The next item from *index (at first 0) in courses/ or public/courses/ whose name is a page's; NULL: no
 * more. */
const struct tree_item *tree_next_page(const struct tree *tree, size_t *index);

/* Was it written or replaced, or was its mode changed, between the two readings? */
bool tree_is_untouched(const struct tree_item *before, const struct tree_item *after);

#endif
