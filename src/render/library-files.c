/* SPDX-License-Identifier: MIT */
#include "render/library-files.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"

#define LIBRARY_FILES_MAX 1000 /* templates of one site; there are four */

void library_version_done(struct library_version *version)
{
	free(version->path);
	version->path = NULL;
	buf_done(&version->text);
}

int library_version_read(
	struct library_version *ret_version, const char *directory, const char *name, struct error *err)
{
	CLEANUP(mem_freep) char *path = directory ? mem_printf("%s/%s", directory, name) : NULL;
	struct buf text = BUF_INIT(TEMPLATE_SIZE_MAX);
	int r;

	if (!path)
		return -ENOENT;
	r = file_read_text(path, &text, err);
	if (r < 0) {
		buf_done(&text);
		if (err)
			err->code = ERROR_TEMPLATE;
		return r;
	}
	*ret_version = (struct library_version){ .path = STEAL(path), .text = text };
	return 0;
}

static int library_compare_files(const void *left, const void *right)
{
	const struct library_file *a = left, *b = right;

	return strcmp(a->name, b->name);
}

/* Adds an empty file of that name unless there is one. */
static void library_files_add(struct library_files *files, const char *name, size_t length)
{
	for (size_t i = 0; i < files->count; i++) {
		if (strlen(files->items[i].name) == length && memcmp(files->items[i].name, name, length) == 0)
			return;
	}
	files->items = mem_resize(files->items, files->count + 1, sizeof(*files->items));
	files->items[files->count++] = (struct library_file){ .name = mem_strndup(name, length) };
}

/* Hidden files and what editors leave ("x.hbs~", "#x.hbs#") are no templates. */
static int library_files_list(struct library_files *files, const char *path, struct error *err)
{
	CLEANUP(file_closedirp) DIR *directory = opendir(path);
	const struct dirent *entry;

	if (!directory)
		return error_fail(err, ERROR_TEMPLATE, -errno, "%s: %s", path, strerror(errno));
	while ((entry = readdir(directory))) {
		size_t length = strlen(entry->d_name), suffix = strlen(TEMPLATE_SUFFIX);

		if (entry->d_name[0] == '.' || !file_name_is_safe(entry->d_name) || length <= suffix ||
			strcmp(entry->d_name + length - suffix, TEMPLATE_SUFFIX) != 0)
			continue;
		if (files->count == LIBRARY_FILES_MAX)
			return error_fail(err, ERROR_TEMPLATE, -E2BIG, "%s: more than %d templates", path,
				LIBRARY_FILES_MAX);
		library_files_add(files, entry->d_name, length - suffix);
	}
	return 0;
}

static int library_file_read(struct library_file *file, const char *directory, const char *shipped_directory,
	library_problem *problem, void *arg, struct error *err)
{
	CLEANUP(mem_freep) char *name = mem_printf("%s" TEMPLATE_SUFFIX, file->name);
	CLEANUP(mem_freep) char *path = mem_printf("%s/%s", directory ? directory : "", name);
	struct error own = { 0 };
	int r = library_version_read(&file->own, directory, name, &own);

	if (r < 0 && r != -ENOENT && problem)
		problem(arg, path, &own);
	r = library_version_read(&file->shipped, shipped_directory, name, err);
	return r == -ENOENT ? 0 : r;
}

int library_files_read(struct library_files *ret_files, const char *directory, const char *shipped_directory,
	library_problem *problem, void *arg, struct error *err)
{
	CLEANUP(library_files_done) struct library_files files = { 0 };
	struct error own = { 0 };
	int r = library_files_list(&files, shipped_directory, err);

	if (r < 0)
		return r;
	r = directory ? library_files_list(&files, directory, &own) : 0;
	if (r < 0 && r != -ENOENT && problem)
		problem(arg, directory, &own);
	for (size_t i = 0; i < files.count; i++) {
		r = library_file_read(&files.items[i], directory, shipped_directory, problem, arg, err);
		if (r < 0)
			return r;
	}
	if (files.count > 0) /* readdir has no order; ours must not depend on the file system */
		qsort(files.items, files.count, sizeof(*files.items), library_compare_files);
	*ret_files = files;
	files = (struct library_files){ 0 };
	return 0;
}

void library_files_done(struct library_files *files)
{
	for (size_t i = 0; i < files->count; i++) {
		free(files->items[i].name);
		library_version_done(&files->items[i].own);
		library_version_done(&files->items[i].shipped);
	}
	free(files->items);
	*files = (struct library_files){ 0 };
}

const struct library_version *library_file_version(const struct library_file *file)
{
	if (file->own.path)
		return &file->own;
	return file->shipped.path ? &file->shipped : NULL;
}

void library_file_reject(struct library_file *file)
{
	library_version_done(&file->own);
}

struct template_partials library_files_partials(
	const struct library_files *files, struct template_partial **ret_items)
{
	struct template_partial *items = mem_resize(NULL, files->count, sizeof(*items));
	size_t count = 0;

	for (size_t i = 0; i < files->count; i++) {
		const struct library_file *file = &files->items[i];
		const struct library_version *version = library_file_version(file);

		if (!version || strcmp(file->name, "homepage") == 0 || strcmp(file->name, "course") == 0)
			continue;
		items[count++] = (struct template_partial){ file->name, buf_text(&version->text),
			version->text.length };
	}
	*ret_items = items;
	return (struct template_partials){ items, count };
}
