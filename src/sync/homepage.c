/* SPDX-License-Identifier: MIT */
#include "sync/homepage.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/config.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/time.h"
#include "hemera/client.h"
#include "render/page.h"
#include "render/template.h"
#include "sync/manifest.h"
#include "sync/publish.h"
#include "sync/sync.h"

struct homepage_rows {
	struct page_course *items; /* owned */
	char **hrefs;              /* owned */
	size_t count;
};

static void homepage_rows_done(struct homepage_rows *rows)
{
	for (size_t i = 0; i < rows->count; i++)
		free(rows->hrefs[i]);
	free(rows->hrefs);
	free(rows->items);
}

static void homepage_add_row(
	struct homepage_rows *rows, const struct course *course, const struct manifest_entry *linked)
{
	char *href = linked ? mem_printf(NAMES_DIRECTORY "/%s", linked->name) : NULL;

	rows->hrefs[rows->count] = href;
	rows->items[rows->count++] = (struct page_course){
		.id = course->id,
		.title = course->title,
		.slug = course->slug,
		.level = course->level,
		.start_date = course->start_date,
		.end_date = course->end_date,
		.participant_count = course->participant_count,
		.href = href,
	};
}

static void homepage_collect(const struct homepage *homepage, struct homepage_rows *rows)
{
	const struct hemera_list *list = homepage->list;
	bool public = homepage->options->config->site.course_pages_public;

	rows->items = mem_alloc((list->count + list->bad_count + 1) * sizeof(*rows->items));
	rows->hrefs = mem_alloc((list->count + list->bad_count + 1) * sizeof(*rows->hrefs));
	for (size_t i = 0; i < list->count; i++) {
		const struct course *course = &list->courses[i];

		homepage_add_row(rows, course, public ? manifest_find(homepage->manifest, course->id) : NULL);
	}
	for (size_t i = 0; i < list->bad_count; i++) {
		const struct manifest_entry *entry = manifest_find(homepage->manifest, list->bad_ids[i]);

		if (entry)
			homepage_add_row(rows, &entry->course, public ? entry : NULL);
	}
}

/* Without its mark aither-web could not say how old the page is; with two it would say so twice. */
static int homepage_check_mark(const struct buf *page, struct error *err)
{
	const char *first = strstr(buf_text(page), LIBRARY_STATUS_MARK);

	if (!first || strstr(first + 1, LIBRARY_STATUS_MARK))
		return error_fail(err, ERROR_TEMPLATE, -EBADMSG,
			"the page must contain " LIBRARY_STATUS_MARK " exactly once");
	return 0;
}

static int homepage_render(const struct library *library, enum library_language language,
	const struct homepage_rows *rows, struct buf *out, struct error *err)
{
	const struct texts *texts = library->texts[language];
	CLEANUP(json_freep)
	struct json *data = page_home_data(rows->items, rows->count, texts, time_now_ms());
	const struct template_env env = { .texts = texts };
	int r;

	buf_clear(out);
	r = template_render(library->homepage, data, &env, out, err);
	return r < 0 ? r : homepage_check_mark(out, err);
}

static int homepage_render_all(
	const struct library *library, const struct homepage_rows *rows, struct buf *out, struct error *err)
{
	for (int language = 0; language < LIBRARY_LANGUAGES; language++) {
		int r = homepage_render(library, language, rows, &out[language], err);

		if (r < 0)
			return r;
	}
	return 0;
}

/* The operator's files first, else the shipped ones: a mistake in a template never takes the site down. */
static int homepage_render_safely(
	const struct homepage *homepage, const struct homepage_rows *rows, struct buf *out, struct error *err)
{
	CLEANUP(library_done) struct library shipped = { 0 };
	struct error problem = { 0 };
	int r = homepage_render_all(homepage->library, rows, out, &problem);

	if (r == 0)
		return 0;
	if (homepage->problem)
		homepage->problem(homepage->arg, "homepage.hbs", &problem);
	r = library_load(&shipped, NULL, homepage->options->shipped_templates, NULL, NULL, err);
	return r < 0 ? r : homepage_render_all(&shipped, rows, out, err);
}

static bool homepage_is_on_disk(const struct homepage *homepage, const char *name, const struct buf *page)
{
	CLEANUP(buf_done) struct buf old = BUF_INIT(page->length);

	return file_read(homepage->out->root, name, &old, NULL, NULL) == 0 && old.length == page->length &&
	       memcmp(buf_text(&old), buf_text(page), page->length) == 0;
}

static int homepage_write(const struct homepage *homepage, enum library_language language,
	const struct buf *page, bool *ret_changed, struct error *err)
{
	struct manifest_site *site = &homepage->manifest->site[language];
	const char *name = names_homepage[language];
	int r;

	if (!homepage_is_on_disk(homepage, name, page)) {
		r = file_replace(
			homepage->out->root, name, buf_text(page), page->length, PUBLISH_PAGE_MODE, err);
		/* A sync that begins beside a refresh may take its temporary file for a leftover. */
		if (r == -ENOENT)
			r = file_replace(homepage->out->root, name, buf_text(page), page->length,
				PUBLISH_PAGE_MODE, err);
		if (r < 0)
			return r;
		*ret_changed = true;
	}
	hash_hex(buf_text(page), page->length, site->hash);
	site->size = (int64_t)page->length;
	return 0;
}

static void homepage_pages_done(struct buf (*pages)[LIBRARY_LANGUAGES])
{
	for (int language = 0; language < LIBRARY_LANGUAGES; language++)
		buf_done(&(*pages)[language]);
}

int homepage_publish(const struct homepage *homepage, bool *ret_changed, struct error *err)
{
	CLEANUP(homepage_rows_done) struct homepage_rows rows = { 0 };
	CLEANUP(homepage_pages_done)
	struct buf pages[LIBRARY_LANGUAGES] = { BUF_INIT(HOMEPAGE_SIZE_MAX), BUF_INIT(HOMEPAGE_SIZE_MAX) };
	int r;

	*ret_changed = false;
	homepage_collect(homepage, &rows);
	r = homepage_render_safely(homepage, &rows, pages, err);
	for (int language = 0; language < LIBRARY_LANGUAGES && r == 0; language++)
		r = homepage_write(homepage, language, &pages[language], ret_changed, err);
	return r;
}
