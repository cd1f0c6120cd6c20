/* SPDX-License-Identifier: MIT */
#include "render/library.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "render/library-check.h"
#include "render/library-files.h"
#include "render/template.h"
#include "render/texts.h"

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

static int library_parse_texts(struct texts **ret_texts, const struct library_version *version,
	const struct texts *shipped, struct error *err)
{
	CLEANUP(texts_freep) struct texts *texts = NULL;
	const char *missing;
	int r = texts_parse(&texts, version->path, buf_text(&version->text), version->text.length, err);

	if (r < 0)
		return r;
	missing = shipped ? texts_missing_key(texts, shipped) : NULL;
	if (missing)
		return error_fail(
			err, ERROR_TEMPLATE, -EBADMSG, "%s: \"%s\" is missing", version->path, missing);
	*ret_texts = STEAL(texts);
	return 0;
}

static int library_load_texts(struct texts **ret_texts, const char *name, const char *directory,
	const char *shipped_directory, library_problem *problem, void *arg, struct error *err)
{
	CLEANUP(library_version_done) struct library_version own = { 0 }, shipped = { 0 };
	CLEANUP(texts_freep) struct texts *texts = NULL;
	CLEANUP(mem_freep) char *path = mem_printf("%s/%s", directory ? directory : "", name);
	struct error own_err = { 0 };
	int r = library_version_read(&shipped, shipped_directory, name, err);

	if (r == 0)
		r = library_parse_texts(&texts, &shipped, NULL, err);
	if (r < 0)
		return r;
	r = library_version_read(&own, directory, name, &own_err);
	if (r == 0) {
		struct texts *own_texts = NULL;

		r = library_parse_texts(&own_texts, &own, texts, &own_err);
		if (r == 0) {
			texts_free(texts);
			texts = own_texts;
		}
	}
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
		size_t length = strlen(candidate->name);

		if (!candidate->own.path)
			continue;
		if (strncmp(message, candidate->name, length) == 0 && message[length] == ':')
			return candidate;
		if (!other && strcmp(candidate->name, "homepage") != 0 &&
			strcmp(candidate->name, "course") != 0)
			other = candidate;
	}
	return file->own.path ? file : other;
}

/* The first file that is not good together with all others, NULL if there is none. */
static struct library_file *library_find_bad(
	struct library_files *files, struct texts *const texts[static LIBRARY_LANGUAGES], struct error *err)
{
	CLEANUP(mem_freep) struct template_partial *items = NULL;
	struct template_partials partials = library_files_partials(files, &items);

	for (size_t i = 0; i < files->count; i++) {
		const struct library_version *version = library_file_version(&files->items[i]);

		if (version && library_check(files->items[i].name, version, &partials, texts, err) < 0)
			return &files->items[i];
	}
	return NULL;
}

/* Gives bad files of the operator's up, one after the other, until the rest is good together: each can make
 * others bad or good. What is bad with shipped files only is an error. */
static int library_settle(struct library_files *files, struct texts *const texts[static LIBRARY_LANGUAGES],
	library_problem *problem, void *arg, struct error *err)
{
	for (;;) {
		struct error found = { 0 };
		struct library_file *bad = library_find_bad(files, texts, &found);
		struct library_file *culprit = bad ? library_culprit(files, bad, found.message) : NULL;

		if (!bad)
			return 0;
		if (!culprit) {
			if (err)
				*err = found;
			return found.errnum;
		}
		if (problem)
			problem(arg, culprit->own.path, &found);
		library_file_reject(culprit);
	}
}

static int library_compile_file(const struct library_partials *partials, const char *name,
	struct template **ret_template, struct error *err)
{
	for (size_t i = 0; i < partials->files.count; i++) {
		const struct library_file *file = &partials->files.items[i];
		const struct library_version *version = library_file_version(file);

		if (version && strcmp(file->name, name) == 0)
			return template_compile(ret_template, version->path, buf_text(&version->text),
				version->text.length, &partials->partials, err);
	}
	return error_fail(err, ERROR_TEMPLATE, -ENOENT, "there is no template %s.hbs", name);
}

static int library_load_templates(struct library *library, const char *directory,
	const char *shipped_directory, library_problem *problem, void *arg, struct error *err)
{
	struct library_partials *partials = library->partials = mem_zalloc(sizeof(*partials));
	int r = library_files_read(&partials->files, directory, shipped_directory, problem, arg, err);

	if (r == 0)
		r = library_check_alone(&partials->files, problem, arg, err);
	if (r == 0)
		r = library_settle(&partials->files, library->texts, problem, arg, err);
	if (r < 0)
		return r;
	partials->partials = library_files_partials(&partials->files, &partials->items);
	r = library_compile_file(partials, "homepage", &library->homepage, err);
	return r < 0 ? r : library_compile_file(partials, "course", &library->course, err);
}

int library_load(struct library *ret_library, const char *directory, const char *shipped_directory,
	library_problem *problem, void *arg, struct error *err)
{
	static const char *const texts_names[] = {
		[LIBRARY_DE] = "texts.de.json", [LIBRARY_EN] = "texts.en.json"
	};
	CLEANUP(library_done) struct library library = { 0 };
	int r = 0;

	for (size_t i = 0; i < LIBRARY_LANGUAGES && r == 0; i++)
		r = library_load_texts(
			&library.texts[i], texts_names[i], directory, shipped_directory, problem, arg, err);
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
	for (size_t i = 0; i < LIBRARY_LANGUAGES; i++)
		texts_free(library->texts[i]);
	library_partials_free(library->partials);
	*library = (struct library){ 0 };
}

int library_compile(const struct library *library, const char *name, const char *text, size_t length,
	struct template **ret_template, struct error *err)
{
	CLEANUP(template_freep) struct template *tmpl = NULL;
	int r = template_compile(&tmpl, name, text, length, &library->partials->partials, err);

	if (r == 0)
		r = template_check_partials(tmpl, err);
	if (r < 0)
		return r;
	*ret_template = STEAL(tmpl);
	return 0;
}
