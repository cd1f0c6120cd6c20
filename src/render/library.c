/* SPDX-License-Identifier: MIT */
#include "render/library.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "hemera/course.h"
#include "published/published.h"
#include "published/texts.h"
#include "render/page.h"
#include "render/template.h"

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
	struct template_partials partials; /* items owned; texts and names are those of the files */
};

/* The directories, and the function that hears of bad files of the operator's. */
struct library_origin {
	const char *own, *shipped; /* own: NULL or missing: there is none */
	library_problem *problem;
	void *arg;
};

static void library_report(const struct library_origin *origin, const char *path, const struct error *err)
{
	if (origin->problem)
		origin->problem(origin->arg, path, err);
}

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

/* The version in use; NULL: the file is gone altogether. */
static const struct library_version *library_file_version(const struct library_file *file)
{
	if (file->own.path)
		return &file->own;
	return file->shipped.path ? &file->shipped : NULL;
}

static bool library_is_partial(const struct library_file *file)
{
	return strcmp(file->name, "homepage") != 0 && strcmp(file->name, "course") != 0;
}

static void library_files_free(struct library_files *files)
{
	if (!files)
		return;
	for (size_t i = 0; i < files->count; i++) {
		free(files->items[i].name);
		library_version_done(&files->items[i].own);
		library_version_done(&files->items[i].shipped);
	}
	free(files->items);
	free((void *)files->partials.items);
	free(files);
}

static int library_compare_files(const void *left, const void *right)
{
	const struct library_file *a = left, *b = right;

	return strcmp(a->name, b->name);
}

/* Adds the names of all templates in a directory. Hidden files and what editors leave ("x.hbs~", "#x.hbs#")
 * are no templates. */
static int library_files_list(struct library_files *files, const char *path, struct error *err)
{
	CLEANUP(file_closedirp) DIR *directory = opendir(path);
	const struct dirent *entry;

	if (!directory)
		return error_fail(err, ERROR_TEMPLATE, -errno, "%s: %s", path, strerror(errno));
	while ((entry = readdir(directory))) {
		size_t length = strlen(entry->d_name), suffix = strlen(TEMPLATE_SUFFIX), i = 0;
		CLEANUP(mem_freep) char *name = NULL;

		if (entry->d_name[0] == '.' || !file_name_is_safe(entry->d_name) || length <= suffix ||
			strcmp(entry->d_name + length - suffix, TEMPLATE_SUFFIX) != 0)
			continue;
		if (files->count == LIBRARY_FILES_MAX)
			return error_fail(err, ERROR_TEMPLATE, -E2BIG, "%s: more than %d templates", path,
				LIBRARY_FILES_MAX);
		name = mem_strndup(entry->d_name, length - suffix);
		while (i < files->count && strcmp(files->items[i].name, name) != 0)
			i++;
		if (i < files->count)
			continue;
		files->items = mem_resize(files->items, files->count + 1, sizeof(*files->items));
		files->items[files->count++] = (struct library_file){ .name = STEAL(name) };
	}
	return 0;
}

/* Reads all templates of both directories. A file of the operator's that cannot be read is a problem. */
static int library_files_read(
	struct library_files *files, const struct library_origin *origin, struct error *err)
{
	struct error own_err = { 0 };
	int r = library_files_list(files, origin->shipped, err);

	if (r < 0)
		return r;
	r = origin->own ? library_files_list(files, origin->own, &own_err) : 0;
	if (r < 0 && r != -ENOENT)
		library_report(origin, origin->own, &own_err);
	for (size_t i = 0; i < files->count; i++) {
		struct library_file *file = &files->items[i];
		CLEANUP(mem_freep) char *name = mem_printf("%s" TEMPLATE_SUFFIX, file->name);
		CLEANUP(mem_freep) char *path = mem_printf("%s/%s", origin->own ? origin->own : "", name);

		r = library_version_read(&file->own, origin->own, name, &own_err);
		if (r < 0 && r != -ENOENT)
			library_report(origin, path, &own_err);
		r = library_version_read(&file->shipped, origin->shipped, name, err);
		if (r < 0 && r != -ENOENT)
			return r;
	}
	if (files->count > 0) /* readdir has no order; ours must not depend on the file system */
		qsort(files->items, files->count, sizeof(*files->items), library_compare_files);
	return 0;
}

/* --- texts --- */

/* `shipped`: the texts whose keys must all be there, or NULL. */
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

/* --- is a template good enough to make pages from it? --- */

/* It must compile, find its partials, and homepage and course must give a page from sample data in every
 * language, the homepage one with exactly one PUBLISHED_STATUS_MARK. So a mistyped {{t "key"}} is found here
 * and not on every page. */
#define LIBRARY_SAMPLE_NOW                                                               \
	INT64_C(1767225600000) /* 2026-01-01; the sample has courses before and after it \
				*/

static const struct course library_courses[] = {
	{ "c1", "A", "a", "BEGINNER", "2026-02-01T00:00:00.000Z", "2026-02-02T00:00:00.000Z", 2, NULL },
	{ "c2", "", "b", "INTERMEDIATE", NULL, NULL, 0, NULL },
	{ "c3", "C", "c", "ADVANCED", "2025-02-01T00:00:00.000Z", NULL, 1, NULL },
};

static const struct page_home_row library_rows[] = {
	{ &library_courses[0], "courses/a.html" },
	{ &library_courses[1], NULL },
	{ &library_courses[2], NULL },
};

/* One participant with everything and one with nothing. */
static struct participant library_items[] = {
	{ .name = "A",
		.status = "PREPARATION",
		.preparation_intent = "x",
		.desired_results = "x",
		.line_manager_profile = "x",
		.preparation_completed_at = "2026-01-15T00:00:00.000Z" },
	{ .status = "NONE" },
};
static const struct participants library_participants = { .items = library_items,
	.count = ARRAY_SIZE(library_items) };

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
	struct json *full = page_home_data(library_rows, ARRAY_SIZE(library_rows), texts, LIBRARY_SAMPLE_NOW);
	CLEANUP(json_freep) struct json *empty = page_home_data(NULL, 0, texts, LIBRARY_SAMPLE_NOW);
	int r = library_render(tmpl, path, full, texts, true, err);

	return r < 0 ? r : library_render(tmpl, path, empty, texts, true, err);
}

/* `path` stands in messages. */
static int library_check_course(
	const struct template *tmpl, const char *path, const struct texts *texts, struct error *err)
{
	CLEANUP(json_freep)
	struct json *full =
		page_course_data(&library_courses[0], &library_participants, texts, LIBRARY_SAMPLE_NOW);
	CLEANUP(json_freep) struct json *pending = page_course_data(&library_courses[1], NULL, texts, 0);
	int r = library_render(tmpl, path, full, texts, false, err);

	return r < 0 ? r : library_render(tmpl, path, pending, texts, false, err);
}

/* --- templates --- */

/* The file that has the mistake when `file` failed the check: a partial that the message names; else the file
 * itself, if it is the operator's; else one of the operator's partials. NULL: all that is left is shipped. */
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
		if (!other && library_is_partial(candidate))
			other = candidate;
	}
	return file->own.path ? file : other;
}

/* Compiles all files together; returns the first that is not good, or NULL. */
static struct library_file *library_find_bad(struct library *library, struct error *err)
{
	struct library_files *files = library->files;
	struct template_partial *partials = mem_resize(NULL, files->count, sizeof(*partials));
	size_t count = 0;

	for (size_t i = 0; i < files->count; i++) {
		const struct library_version *version = library_file_version(&files->items[i]);

		if (version && library_is_partial(&files->items[i]))
			partials[count++] = (struct template_partial){ files->items[i].name,
				buf_text(&version->text), version->text.length };
	}
	free((void *)files->partials.items);
	files->partials = (struct template_partials){ partials, count };

	for (size_t i = 0; i < files->count; i++) {
		struct library_file *file = &files->items[i];
		const struct library_version *version = library_file_version(file);
		CLEANUP(template_freep) struct template *tmpl = NULL;
		bool is_home = strcmp(file->name, "homepage") == 0, is_partial = library_is_partial(file);
		struct template **place = is_home ? &library->homepage : &library->course;
		int r;

		if (!version)
			continue;
		r = template_compile(&tmpl, version->path, buf_text(&version->text), version->text.length,
			&files->partials, err);
		if (r == 0)
			r = template_check_partials(tmpl, err);
		for (size_t language = 0; language < LANGUAGES && r == 0 && !is_partial; language++) {
			const struct texts *texts = library->texts[language];

			r = is_home ? library_check_home(tmpl, version->path, texts, err)
				    : library_check_course(tmpl, version->path, texts, err);
		}
		if (r < 0)
			return file;
		if (!is_partial) {
			template_free(*place);
			*place = STEAL(tmpl);
		}
	}
	return NULL;
}

/* Gives bad files of the operator's up, one after the other, until the rest is good together: each can make
 * others bad or good. A file that is bad with shipped files only is an error. */
static int library_load_templates(
	struct library *library, const struct library_origin *origin, struct error *err)
{
	int r;

	library->files = mem_zalloc(sizeof(*library->files));
	r = library_files_read(library->files, origin, err);
	if (r < 0)
		return r;
	for (;;) {
		struct error found = { 0 };
		struct library_file *bad = library_find_bad(library, &found), *culprit;

		if (!bad)
			break;
		culprit = library_culprit(library->files, bad, found.message);
		if (!culprit)
			return error_pass(err, &found);
		library_report(origin, culprit->own.path, &found);
		library_version_done(&culprit->own);
	}
	if (!library->homepage || !library->course)
		return error_fail(err, ERROR_TEMPLATE, -ENOENT, "there is no template %s" TEMPLATE_SUFFIX,
			library->homepage ? "course" : "homepage");
	return 0;
}

int library_load(struct library *ret_library, const char *directory, const char *shipped_directory,
	library_problem *problem, void *arg, struct error *err)
{
	const struct library_origin origin = { directory, shipped_directory, problem, arg };
	CLEANUP(library_done) struct library library = { 0 };
	int r = 0;

	for (enum language i = 0; i < LANGUAGES && r == 0; i++)
		r = library_load_texts(&library.texts[i], i, directory, shipped_directory, problem, arg, err);
	if (r == 0)
		r = library_load_templates(&library, &origin, err);
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
	library_files_free(library->files);
	*library = (struct library){ 0 };
}

int library_compile(const struct library *library, const char *name, const char *text,
	const struct texts *texts, struct template **ret_template, struct error *err)
{
	CLEANUP(template_freep) struct template *tmpl = NULL;
	int r;

	text += utf8_mark_length(text, strlen(text));
	r = template_compile(&tmpl, name, text, strlen(text), &library->files->partials, err);
	if (r == 0)
		r = template_check_partials(tmpl, err);
	if (r == 0)
		r = library_check_course(tmpl, name, texts, err);
	if (r < 0)
		return r;
	*ret_template = STEAL(tmpl);
	return 0;
}
