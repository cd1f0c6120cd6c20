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

#define LIBRARY_FILES_MAX 1000 /* templates of one site; aither ships 16 */

struct library_file {
	char *name;                                                  /* owned; "course" for course.hbs */
	enum { LIBRARY_NONE, LIBRARY_OWN, LIBRARY_SHIPPED } version; /* OWN: the operator's version */
	char *path;                                                  /* owned; of that version */
	struct buf text;                                             /* owned */
};

static void library_report(library_problem *problem, void *arg, const char *path, const struct error *err)
{
	if (problem)
		problem(arg, path, err);
}

/* --- files --- */

/* Sets *path to directory/name and *text to its content. Returns 0 or -errno; -ENOENT also if directory is
 * NULL. */
static int library_read(
	const char *directory, const char *name, char **path, struct buf *text, struct error *err)
{
	int r = -ENOENT;

	free(*path);
	*path = mem_printf("%s/%s", directory ? directory : "", name);
	if (directory)
		r = file_read_text(*path, text, err);
	if (r < 0 && err)
		err->code = ERROR_TEMPLATE;
	return r;
}

/* Reads the shipped version of a file, if there is one. */
static int library_use_shipped(struct library_file *file, const char *directory, struct error *err)
{
	CLEANUP(mem_freep) char *name = mem_printf("%s" TEMPLATE_SUFFIX, file->name);
	int r = library_read(directory, name, &file->path, &file->text, err);

	file->version = r == 0 ? LIBRARY_SHIPPED : LIBRARY_NONE;
	return r == -ENOENT ? 0 : r;
}

/* The member of the library that holds the template of that name; NULL: it is a partial. */
static struct template **library_place(struct library *library, const char *name)
{
	return strcmp(name, "homepage") == 0  ? &library->homepage
	       : strcmp(name, "courses") == 0 ? &library->list
	       : strcmp(name, "course") == 0  ? &library->course
					      : NULL;
}

static int library_compare_files(const void *left, const void *right)
{
	const struct library_file *a = left, *b = right;

	return strcmp(a->name, b->name);
}

/* Adds the names of all templates in a directory. Hidden files and the files that editors leave ("x.hbs~",
 * "#x.hbs#") are not templates. */
static int library_list(struct library *library, const char *path, struct error *err)
{
	CLEANUP(file_closedirp) DIR *directory = opendir(path);
	const struct dirent *entry;

	if (!directory)
		return error_fail(err, ERROR_TEMPLATE, -errno, "cannot list %s: %s", path, strerror(errno));
	while ((entry = readdir(directory))) {
		size_t length = strlen(entry->d_name), suffix = strlen(TEMPLATE_SUFFIX), i = 0;
		CLEANUP(mem_freep) char *name = NULL;

		if (entry->d_name[0] == '.' || !file_name_is_safe(entry->d_name) || length <= suffix ||
			strcmp(entry->d_name + length - suffix, TEMPLATE_SUFFIX) != 0)
			continue;
		if (library->file_count == LIBRARY_FILES_MAX)
			return error_fail(err, ERROR_TEMPLATE, -E2BIG, "%s: more than %d templates", path,
				LIBRARY_FILES_MAX);
		name = mem_strndup(entry->d_name, length - suffix);
		while (i < library->file_count && strcmp(library->files[i].name, name) != 0)
			i++;
		if (i < library->file_count)
			continue;
		library->files = mem_resize(library->files, i + 1, sizeof(*library->files));
		library->files[library->file_count++] =
			(struct library_file){ .name = STEAL(name), .text = BUF_INIT(TEMPLATE_SIZE_MAX) };
	}
	return 0;
}

/* --- texts --- */

int library_load_texts(struct texts **ret_texts, enum language language, const struct library_source *source,
	library_problem *problem, void *arg, struct error *err)
{
	CLEANUP(mem_freep) char *name = mem_printf("texts.%s.json", language_name(language)), *path = NULL;
	CLEANUP(buf_done) struct buf text = BUF_INIT(TEMPLATE_SIZE_MAX);
	CLEANUP(texts_freep) struct texts *texts = NULL;
	struct error own_err = { 0 };
	int r = library_read(source->shipped, name, &path, &text, err);

	if (r == 0)
		r = texts_parse(&texts, source->site_name, path, buf_text(&text), text.length, err);
	if (r < 0)
		return r;
	r = library_read(source->own, name, &path, &text, &own_err);
	if (r == 0)
		r = texts_override(texts, path, buf_text(&text), text.length, &own_err);
	if (r < 0 && r != -ENOENT)
		library_report(problem, arg, path, &own_err);
	*ret_texts = STEAL(texts);
	return 0;
}

/* --- checks --- */

/* A template must compile and find its partials. Homepage, list and course must give a page from sample data
 * in every language; the pages of homepage and list must contain exactly one PUBLISHED_STATUS_MARK. This
 * finds a mistyped {{t "key"}} here and not on every page. */
#define LIBRARY_SAMPLE_NOW INT64_C(1767225600000) /* 2026-01-01, between the dates of the sample */

static const struct course library_courses[] = {
	{ "c1", "A", "a", "BEGINNER", "2026-02-01T00:00:00.000Z", "2026-02-02T00:00:00.000Z", 2, NULL },
	{ "c2", "", "b", "INTERMEDIATE", NULL, NULL, 0, NULL },
	{ "c3", "C", "c", "ADVANCED", "2025-02-01T00:00:00.000Z", NULL, 1, NULL },
	{ "c4", "D", "d", "ADVANCED", "2025-12-30T00:00:00.000Z", "2026-01-05T00:00:00.000Z", 1, NULL },
};

/* Upcoming, undated, past and running courses. The upcoming one is repeated so often that pages group the
 * courses by month. */
#define UPCOMING                                      \
	{                                             \
		&library_courses[0], "courses/a.html" \
	}
static const struct page_home_row library_rows[] = { UPCOMING, { &library_courses[1], NULL },
	{ &library_courses[2], NULL }, { &library_courses[3], NULL }, UPCOMING, UPCOMING, UPCOMING, UPCOMING,
	UPCOMING, UPCOMING, UPCOMING, UPCOMING, UPCOMING, UPCOMING };
#undef UPCOMING

static const struct page_site library_bare = { .name = "A" };
static const struct page_site library_full = { .name = "A",
	.url = "https://a.example",
	.imprint_url = "/imprint.html",
	.privacy_url = "https://a.example/privacy",
	.course_url = "https://a.example/{lang}/{id}",
	.logo = "/logo.svg",
	.style = "/style.css" };
static const struct page_site library_public = { .name = "A", .is_public = true };

/* One participant with all members and one with none. */
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

/* Renders a page with all data (`full`), or a homepage without courses or a course without data. */
static int library_render(const struct template *tmpl, bool is_home, bool full, const struct page_site *site,
	const struct texts *texts, struct buf *page, struct error *err)
{
	CLEANUP(json_freep)
	struct json *data = is_home ? page_home_data(library_rows, full ? ARRAY_SIZE(library_rows) : 0, site,
					      texts, LIBRARY_SAMPLE_NOW)
				    : page_course_data(&library_courses[full ? 0 : 1],
					      full ? &library_participants : NULL, site, texts,
					      full ? LIBRARY_SAMPLE_NOW : 0);

	return template_render(tmpl, data, texts, NULL, page, err);
}

/* `path` is named in messages. */
static int library_try(const struct template *tmpl, const char *path, bool is_home, const struct texts *texts,
	struct error *err)
{
	static const struct {
		const struct page_site *site;
		bool full;
	} samples[] = { { &library_full, true }, { &library_bare, false }, { &library_public, true } };

	/* Homepage and list need no third sample: whether course pages are public matters to course.hbs only.
	 */
	for (size_t i = 0; i < ARRAY_SIZE(samples) - is_home; i++) {
		CLEANUP(buf_done)
		struct buf page = BUF_INIT(is_home ? PUBLISHED_HOMEPAGE_MAX : PUBLISHED_COURSE_MAX);
		int r = library_render(tmpl, is_home, samples[i].full, samples[i].site, texts, &page, err);
		size_t marks = 0;

		if (r < 0)
			return r;
		for (const char *at = buf_text(&page); (at = strstr(at, PUBLISHED_STATUS_MARK)); at++)
			marks++;
		if (is_home && marks != 1)
			return error_fail(err, ERROR_TEMPLATE, -EBADMSG,
				"%s: the page must contain %s exactly once, not %zu times", path,
				PUBLISHED_STATUS_MARK, marks);
	}
	return 0;
}

char *library_sample(const struct library *library, const struct template *tmpl, const struct page_site *site,
	enum language language)
{
	CLEANUP(buf_done) struct buf page = BUF_INIT(PUBLISHED_HOMEPAGE_MAX);
	bool is_home = tmpl != library->course;

	if (library_render(tmpl, is_home, true, site, library->texts[language], &page, NULL) < 0)
		return NULL;
	return buf_take(&page);
}

const char *library_find_text(const struct library *library, const char *text, size_t length)
{
	for (size_t i = 0; i < library->file_count; i++) {
		const struct library_file *file = &library->files[i];

		if (file->version == LIBRARY_OWN && length > 0 &&
			memmem(buf_text(&file->text), file->text.length, text, length))
			return file->path;
	}
	return NULL;
}

/* Compiles with the partials of the library; all partials that the template uses must exist. */
static int library_compile_text(const struct library *library, const char *name, const char *text,
	size_t length, struct template **ret_template, struct error *err)
{
	const struct template_partials partials = { library->partials, library->partial_count };
	CLEANUP(template_freep) struct template *tmpl = NULL;
	int r = template_compile(&tmpl, name, text, length, &partials, err);

	if (r == 0)
		r = template_check_partials(tmpl, err);
	if (r == 0)
		*ret_template = STEAL(tmpl);
	return r;
}

/* --- templates --- */

/* Finds the file with the mistake after `file` has failed the check: a partial that the message names; else
 * the file itself, if it is the operator's; else one of the operator's partials. NULL: no file of the
 * operator's can be the cause. */
static struct library_file *library_culprit(
	struct library *library, struct library_file *file, const char *message)
{
	struct library_file *other = NULL;

	for (size_t i = 0; i < library->file_count; i++) {
		struct library_file *candidate = &library->files[i];
		CLEANUP(mem_freep) char *beginning = mem_printf("%s" TEMPLATE_SUFFIX ":", candidate->name);

		if (candidate->version != LIBRARY_OWN)
			continue;
		if (strncmp(message, beginning, strlen(beginning)) == 0)
			return candidate;
		if (!other && !library_place(library, candidate->name))
			other = candidate;
	}
	return file->version == LIBRARY_OWN ? file : other;
}

/* Compiles all files together; returns the first that is not good, or NULL. */
static struct library_file *library_find_bad(struct library *library, struct error *err)
{
	library->partials = mem_resize(library->partials, library->file_count, sizeof(*library->partials));
	library->partial_count = 0;
	for (size_t i = 0; i < library->file_count; i++) {
		const struct library_file *file = &library->files[i];

		if (file->version != LIBRARY_NONE && !library_place(library, file->name))
			library->partials[library->partial_count++] = (struct template_partial){ file->name,
				buf_text(&file->text), file->text.length };
	}
	for (size_t i = 0; i < library->file_count; i++) {
		struct library_file *file = &library->files[i];
		CLEANUP(template_freep) struct template *tmpl = NULL;
		struct template **place = library_place(library, file->name);
		bool has_rows = place == &library->homepage || place == &library->list;
		int r;

		if (file->version == LIBRARY_NONE)
			continue;
		r = library_compile_text(
			library, file->path, buf_text(&file->text), file->text.length, &tmpl, err);
		for (size_t j = 0; j < LANGUAGES && r == 0 && place; j++)
			r = library_try(tmpl, file->path, has_rows, library->texts[j], err);
		if (r < 0)
			return file;
		if (place) {
			template_free(*place);
			*place = STEAL(tmpl);
		}
	}
	return NULL;
}

int library_load(struct library *ret_library, const struct library_source *source, library_problem *problem,
	void *arg, struct error *err)
{
	CLEANUP(library_done) struct library library = { 0 };
	struct error own_err = { 0 };
	int r = 0;

	for (enum language i = 0; i < LANGUAGES && r == 0; i++)
		r = library_load_texts(&library.texts[i], i, source, problem, arg, err);
	if (r == 0)
		r = library_list(&library, source->shipped, err);
	if (r < 0)
		return r;
	r = source->own ? library_list(&library, source->own, &own_err) : 0;
	if (r < 0 && r != -ENOENT)
		library_report(problem, arg, source->own, &own_err);
	for (size_t i = 0; i < library.file_count; i++) {
		struct library_file *file = &library.files[i];
		CLEANUP(mem_freep) char *name = mem_printf("%s" TEMPLATE_SUFFIX, file->name);

		file->version = LIBRARY_OWN;
		r = library_read(source->own, name, &file->path, &file->text, &own_err);
		if (r < 0 && r != -ENOENT)
			library_report(problem, arg, file->path, &own_err);
		if (r < 0)
			r = library_use_shipped(file, source->shipped, err);
		if (r < 0)
			return r;
	}
	/* readdir returns files in any order; the library's order must not depend on it. */
	if (library.file_count > 0)
		qsort(library.files, library.file_count, sizeof(*library.files), library_compare_files);

	/* The operator's bad files are replaced one after the other, until all files are good together,
	 * because each file can make others bad or good. A file that is bad with shipped files only is an
	 * error. */
	for (;;) {
		struct error found = { 0 };
		struct library_file *bad = library_find_bad(&library, &found), *culprit;

		if (!bad)
			break;
		culprit = library_culprit(&library, bad, found.message);
		if (!culprit)
			return error_pass(err, &found);
		library_report(problem, arg, culprit->path, &found);
		r = library_use_shipped(culprit, source->shipped, err);
		if (r < 0)
			return r;
	}
	if (!library.homepage || !library.list || !library.course)
		return error_fail(err, ERROR_TEMPLATE, -ENOENT, "there is no template %s" TEMPLATE_SUFFIX,
			!library.homepage ? "homepage"
			: !library.list   ? "courses"
					  : "course");
	*ret_library = library;
	library = (struct library){ 0 };
	return 0;
}

void library_done(struct library *library)
{
	template_free(library->homepage);
	template_free(library->list);
	template_free(library->course);
	for (size_t i = 0; i < LANGUAGES; i++)
		texts_free(library->texts[i]);
	for (size_t i = 0; i < library->file_count; i++) {
		free(library->files[i].name);
		free(library->files[i].path);
		buf_done(&library->files[i].text);
	}
	free(library->files);
	free(library->partials);
	*library = (struct library){ 0 };
}

int library_compile(const struct library *library, const char *name, const char *text,
	const struct texts *texts, struct template **ret_template, struct error *err)
{
	CLEANUP(template_freep) struct template *tmpl = NULL;
	int r;

	text += utf8_mark_length(text, strlen(text));
	r = library_compile_text(library, name, text, strlen(text), &tmpl, err);
	if (r == 0)
		r = library_try(tmpl, name, false, texts, err);
	if (r == 0)
		*ret_template = STEAL(tmpl);
	return r;
}
