/* SPDX-License-Identifier: MIT */
#include "render/library.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "render/library-check.h"
#include "render/library-files.h"
#include "render/template.h"
#include "published/texts.h"

struct library_partials { /* for library_compile: keeps the texts that the partials point into */
	struct library_files files;
	struct template_partial *items; /* owned */
	struct template_partials partials;
};

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
