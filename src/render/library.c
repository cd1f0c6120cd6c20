/* SPDX-License-Identifier: MIT */
#include "render/library.h"

#include <dirent.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "published/published.h"
#include "base/utf8.h"
#include "render/page.h"
#include "render/template.h"
#include "published/texts.h"

#define LIBRARY_FILES_MAX 1000 /* templates of one site; there are four */

struct library_version {
	char *path;      /* owned; NULL: there is no such file */
	struct buf text; /* owned */
};

struct library_file {
	char *name;                          /* owned; "course" for course.hbs */
	struct library_version own, shipped; /* own: the operator's; gone as soon as it is found bad */
};

struct library_files {
	struct library_file *items; /* owned, sorted by name */
	size_t count;
};

struct library_partials { /* for library_compile: keeps the texts that the partials point into */
	struct library_files files;
	struct template_partial *items; /* owned */
	struct template_partials partials;
};

/* --- files --- */

static void library_version_done(struct library_version *version)
{
	free(version->path);
	version->path = NULL;
	buf_done(&version->text);
}

/* Reads directory/name: 0 or -errno; -ENOENT also when directory is NULL. *ret_version is filled on success.
 */
static int library_version_read(
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

static void library_files_done(struct library_files *files)
{
	for (size_t i = 0; i < files->count; i++) {
		free(files->items[i].name);
		library_version_done(&files->items[i].own);
		library_version_done(&files->items[i].shipped);
	}
	free(files->items);
	*files = (struct library_files){ 0 };
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

/* Reads all *.hbs of both directories. A file of the operator's that cannot be read is a problem. */
static int library_files_read(struct library_files *ret_files, const char *directory,
	const char *shipped_directory, library_problem *problem, void *arg, struct error *err)
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

/* The version in use; NULL when the file is gone altogether. */
static const struct library_version *library_file_version(const struct library_file *file)
{
	if (file->own.path)
		return &file->own;
	return file->shipped.path ? &file->shipped : NULL;
}

static void library_file_reject(struct library_file *file)
{
	library_version_done(&file->own);
}

/* Partials: everything but homepage and course. `items` is owned by the caller; the texts are borrowed from
 * the files. */
static struct template_partials library_files_partials(
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

/* --- checks --- */

#define LIBRARY_SAMPLE_NOW                                                               \
	INT64_C(1767225600000) /* 2026-01-01; the sample has courses before and after it \
				*/

static const struct page_course library_sample[] = {
	{ "c1", "A", "a", "BEGINNER", "2026-02-01T00:00:00.000Z", "2026-02-02T00:00:00.000Z", 2,
		"courses/a.html" },
	{ "c2", "", "b", "INTERMEDIATE", "", "", 0, NULL },
	{ "c3", "C", "c", "ADVANCED", "2025-02-01T00:00:00.000Z", "", 1, NULL },
};

/* One participant with everything and one with nothing. */
static const char library_sample_participants[] =
	"[{\"name\":\"A\",\"status\":\"PREPARATION\",\"preparationIntent\":\"x\",\"desiredResults\":\"x\","
	"\"lineManagerProfile\":\"x\",\"preparationCompletedAt\":\"2026-01-15T00:00:00.000Z\"},"
	"{\"name\":null,\"status\":\"NONE\",\"preparationIntent\":null,\"desiredResults\":null,"
	"\"lineManagerProfile\":null,\"preparationCompletedAt\":null}]";

static int library_render(const struct template *tmpl, const char *path, const struct json *data,
	const struct texts *texts, bool is_home, struct error *err)
{
	CLEANUP(buf_done)
	struct buf page = BUF_INIT(is_home ? PUBLISHED_HOMEPAGE_MAX : PUBLISHED_COURSE_MAX);
	int r = template_render(tmpl, data, texts, NULL, &page, err);
	size_t marks = 0;

	if (r < 0)
		return r;
	for (const char *at = buf_text(&page); (at = strstr(at, PUBLISHED_STATUS_MARK)); at++)
		marks++;
	if (is_home && marks != 1)
		return error_fail(err, ERROR_TEMPLATE, -EBADMSG,
			"%s: gives a page with %zu times %s instead of once", path, marks,
			PUBLISHED_STATUS_MARK);
	return 0;
}

static int library_check_home(
	const struct template *tmpl, const char *path, const struct texts *texts, struct error *err)
{
	CLEANUP(json_freep)
	struct json *full =
		page_home_data(library_sample, ARRAY_SIZE(library_sample), texts, LIBRARY_SAMPLE_NOW);
	CLEANUP(json_freep) struct json *empty = page_home_data(NULL, 0, texts, LIBRARY_SAMPLE_NOW);
	int r = library_render(tmpl, path, full, texts, true, err);

	return r < 0 ? r : library_render(tmpl, path, empty, texts, true, err);
}

static int library_check_course(
	const struct template *tmpl, const char *path, const struct texts *texts, struct error *err)
{
	static const struct json_limits limits = { .size_max = 4096, .depth_max = 4, .node_max = 100 };
	CLEANUP(json_freep) struct json *participants = NULL;
	CLEANUP(json_freep) struct json *full = NULL, *pending = NULL;
	int r = json_parse(&participants, library_sample_participants, strlen(library_sample_participants),
		&limits, err);

	if (r < 0)
		return r;
	full = page_course_data(&library_sample[0], participants, texts, LIBRARY_SAMPLE_NOW);
	pending = page_course_data(&library_sample[1], NULL, texts, 0);
	r = library_render(tmpl, path, full, texts, false, err);
	return r < 0 ? r : library_render(tmpl, path, pending, texts, false, err);
}

/* The form of every file by itself, so that a mistake is found in the file that has it: bad ones of the
 * operator's are reported and given up. */
static int library_check_alone(
	struct library_files *files, library_problem *problem, void *arg, struct error *err)
{
	for (size_t i = 0; i < files->count; i++) {
		struct library_file *file = &files->items[i];

		while (library_file_version(file)) {
			const struct library_version *version = library_file_version(file);
			CLEANUP(template_freep) struct template *tmpl = NULL;
			struct error found = { 0 };
			int r = template_compile(&tmpl, version->path, buf_text(&version->text),
				version->text.length, NULL, &found);

			if (r == 0)
				break;
			if (version == &file->shipped)
				return error_pass(err, &found);
			if (problem)
				problem(arg, version->path, &found);
			library_file_reject(file);
		}
	}
	return 0;
}

/* One file together with all partials; the compiled template, owned, points into the version's text. */
static int library_check(const char *name, const struct library_version *version,
	const struct template_partials *partials, struct texts *const texts[static LANGUAGES],
	struct template **ret_template, struct error *err)
{
	CLEANUP(template_freep) struct template *tmpl = NULL;
	int r = template_compile(
		&tmpl, version->path, buf_text(&version->text), version->text.length, partials, err);

	if (r == 0)
		r = template_check_partials(tmpl, err);
	for (size_t i = 0; i < LANGUAGES && r == 0; i++) {
		if (strcmp(name, "homepage") == 0)
			r = library_check_home(tmpl, version->path, texts[i], err);
		else if (strcmp(name, "course") == 0)
			r = library_check_course(tmpl, version->path, texts[i], err);
	}
	if (r == 0)
		*ret_template = STEAL(tmpl);
	return r;
}

static void library_partials_free(struct library_partials *partials)
{
	if (!partials)
		return;
	library_files_done(&partials->files);
	free(partials->items);
	free(partials);
}

/* --- texts --- */

int library_load_texts(struct texts **ret_texts, enum language language, const char *directory,
	const char *shipped_directory, library_problem *problem, void *arg, struct error *err)
{
	CLEANUP(library_version_done) struct library_version own = { 0 }, shipped = { 0 };
	CLEANUP(texts_freep) struct texts *texts = NULL;
	CLEANUP(mem_freep) char *name = mem_printf("texts.%s.json", language_name(language));
	CLEANUP(mem_freep) char *path = mem_printf("%s/%s", directory ? directory : "", name);
	struct error own_err = { 0 };
	int r = library_version_read(&shipped, shipped_directory, name, err);

	if (r == 0)
		r = texts_parse(&texts, shipped.path, buf_text(&shipped.text), shipped.text.length, err);
	if (r < 0)
		return r;
	r = library_version_read(&own, directory, name, &own_err);
	if (r == 0)
		r = texts_override(texts, own.path, buf_text(&own.text), own.text.length, &own_err);
	if (r < 0 && r != -ENOENT && problem)
		problem(arg, path, &own_err);
	*ret_texts = STEAL(texts);
	return 0;
}

/* --- templates --- */

/* Whose mistake is it when `file` failed the check? A partial that the message names; else the file itself,
 * if it is the operator's; else one of the operator's partials. NULL: all that is left is shipped. */
static struct library_file *library_culprit(
	struct library_files *files, struct library_file *file, const char *message)
{
	struct library_file *other = NULL;

	for (size_t i = 0; i < files->count; i++) {
		struct library_file *candidate = &files->items[i];
		CLEANUP(mem_freep) char *beginning = mem_printf("%s" TEMPLATE_SUFFIX ":", candidate->name);

		if (!candidate->own.path)
			continue;
		if (strncmp(message, beginning, strlen(beginning)) == 0)
			return candidate;
		if (!other && strcmp(candidate->name, "homepage") != 0 &&
			strcmp(candidate->name, "course") != 0)
			other = candidate;
	}
	return file->own.path ? file : other;
}

/* Where the library keeps the compiled file, NULL: nowhere, it is a partial. */
static struct template **library_place(struct library *library, const char *name)
{
	if (strcmp(name, "homepage") == 0)
		return &library->homepage;
	return strcmp(name, "course") == 0 ? &library->course : NULL;
}

/* The first file that is not good together with all others; NULL if there is none: then the library has them
 * compiled. */
static struct library_file *library_find_bad(
	struct library *library, struct library_files *files, struct error *err)
{
	CLEANUP(mem_freep) struct template_partial *items = NULL;
	struct template_partials partials = library_files_partials(files, &items);

	for (size_t i = 0; i < files->count; i++) {
		CLEANUP(template_freep) struct template *tmpl = NULL;
		struct library_file *file = &files->items[i];
		const struct library_version *version = library_file_version(file);
		struct template **place = library_place(library, file->name);

		if (!version)
			continue;
		if (library_check(file->name, version, &partials, library->texts, &tmpl, err) < 0)
			return file;
		if (!place)
			continue;
		template_free(*place);
		*place = STEAL(tmpl);
	}
	return NULL;
}

/* Gives bad files of the operator's up, one after the other, until the rest is good together: each can make
 * others bad or good. What is bad with shipped files only is an error. */
static int library_settle(struct library *library, struct library_files *files, library_problem *problem,
	void *arg, struct error *err)
{
	for (;;) {
		struct error found = { 0 };
		struct library_file *bad = library_find_bad(library, files, &found);
		struct library_file *culprit = bad ? library_culprit(files, bad, found.message) : NULL;

		if (!bad)
			return 0;
		if (!culprit)
			return error_pass(err, &found);
		if (problem)
			problem(arg, culprit->own.path, &found);
		library_file_reject(culprit);
	}
}

static int library_check_files(struct library *library, struct library_files *files, library_problem *problem,
	void *arg, struct error *err)
{
	int r;

	if (!library_find_bad(library, files, NULL)) /* as nearly always */
		return 0;
	r = library_check_alone(files, problem, arg, err);
	return r < 0 ? r : library_settle(library, files, problem, arg, err);
}

static int library_load_templates(struct library *library, const char *directory,
	const char *shipped_directory, library_problem *problem, void *arg, struct error *err)
{
	struct library_partials *partials = library->partials = mem_zalloc(sizeof(*partials));
	struct library_files *files = &partials->files;
	int r = library_files_read(files, directory, shipped_directory, problem, arg, err);

	if (r == 0)
		r = library_check_files(library, files, problem, arg, err);
	if (r < 0)
		return r;
	partials->partials = library_files_partials(files, &partials->items);
	if (!library->homepage || !library->course)
		return error_fail(err, ERROR_TEMPLATE, -ENOENT, "there is no template %s" TEMPLATE_SUFFIX,
			library->homepage ? "course" : "homepage");
	return 0;
}

int library_load(struct library *ret_library, const char *directory, const char *shipped_directory,
	library_problem *problem, void *arg, struct error *err)
{
	CLEANUP(library_done) struct library library = { 0 };
	int r = 0;

	for (enum language i = 0; i < LANGUAGES && r == 0; i++)
		r = library_load_texts(&library.texts[i], i, directory, shipped_directory, problem, arg, err);
	if (r == 0)
		r = library_load_templates(&library, directory, shipped_directory, problem, arg, err);
	if (r < 0)
		return r;
	*ret_library = library;
	library = (struct library){ 0 };
	return 0;
}

void library_done(struct library *library)
{
	template_free(library->homepage);
	template_free(library->course);
	for (size_t i = 0; i < LANGUAGES; i++)
		texts_free(library->texts[i]);
	library_partials_free(library->partials);
	*library = (struct library){ 0 };
}

int library_compile(const struct library *library, const char *name, const char *text,
	const struct texts *texts, struct template **ret_template, struct error *err)
{
	CLEANUP(template_freep) struct template *tmpl = NULL;
	int r;

	text += utf8_mark_length(text, strlen(text));
	r = template_compile(&tmpl, name, text, strlen(text), &library->partials->partials, err);
	if (r == 0)
		r = template_check_partials(tmpl, err);
	if (r == 0)
		r = library_check_course(tmpl, name, texts, err);
	if (r < 0)
		return r;
	*ret_template = STEAL(tmpl);
	return 0;
}
