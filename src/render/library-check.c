/* SPDX-License-Identifier: MIT */
#include "render/library-check.h"

#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "published/published.h"
#include "render/library-files.h"
#include "render/page.h"
#include "render/template.h"

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

int library_check_course(
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

int library_check_alone(struct library_files *files, library_problem *problem, void *arg, struct error *err)
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

int library_check(const char *name, const struct library_version *version,
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
