/* SPDX-License-Identifier: MIT */
#include "sync/homepage.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/time.h"
#include "config/config.h"
#include "published/published.h"
#include "render/page.h"
#include "render/template.h"
#include "sync/known.h"
#include "sync/manifest.h"
#include "sync/publish.h"
#include "sync/sync.h"

struct homepage_rows {
	struct page_home_row *items; /* owned */
	char **hrefs;                /* owned */
	size_t count;
	int64_t now_ms; /* wall clock: what is past */
};

static void homepage_rows_done(struct homepage_rows *rows)
{
	for (size_t i = 0; i < rows->count; i++)
		free(rows->hrefs[i]);
	free(rows->hrefs);
	free(rows->items);
}

static void homepage_add_row(struct homepage_rows *rows, const struct course *course, const char *page)
{
	char *href = page ? mem_printf(PUBLISHED_COURSES "/%s", page) : NULL;

	rows->hrefs[rows->count] = href;
	rows->items[rows->count++] = (struct page_home_row){ course, href };
}

/* Where each course's page is: as the manifest says, or, if that was lost, where it has to be. Owned. */
static struct names_course *homepage_pages(const struct homepage *homepage)
{
	const struct known *known = homepage->known;
	struct names_course *pages = mem_zalloc((known->count + 1) * sizeof(*pages));

	for (size_t i = 0; i < known->count; i++) {
		const struct manifest_entry *entry = manifest_find(homepage->manifest, known->courses[i].id);

		pages[i] = (struct names_course){ .id = known->courses[i].id,
			.slug = known->courses[i].slug,
			.fixed = entry ? entry->name : NULL };
	}
	names_plan(pages, known->count);
	return pages;
}

static void homepage_collect(const struct homepage *homepage, struct homepage_rows *rows)
{
	const struct known *known = homepage->known;
	bool public = homepage->options->config->site.course_pages_public;
	CLEANUP(mem_freep) struct names_course *pages = public ? homepage_pages(homepage) : NULL;
	int64_t size, modified_us;

	rows->items = mem_alloc((known->count + 1) * sizeof(*rows->items));
	rows->hrefs = mem_alloc((known->count + 1) * sizeof(*rows->hrefs));
	for (size_t i = 0; i < known->count; i++) {
		bool is_linked = public && (pages[i].fixed || publish_stat(homepage->out->courses,
								      pages[i].name, &size, &modified_us));

		homepage_add_row(rows, &known->courses[i], is_linked ? pages[i].name : NULL);
	}
}

/* Without its mark aither-web could not say how old the page is; with two it would say so twice. */
static int homepage_check_mark(const struct buf *page, struct error *err)
{
	const char *first = strstr(buf_text(page), PUBLISHED_STATUS_MARK);

	if (!first || strstr(first + 1, PUBLISHED_STATUS_MARK))
		return error_fail(err, ERROR_TEMPLATE, -EBADMSG,
			"the page must contain " PUBLISHED_STATUS_MARK " exactly once");
	return 0;
}

static int homepage_render(const struct library *library, enum language language,
	const struct homepage_rows *rows, struct buf *out, struct error *err)
{
	const struct texts *texts = library->texts[language];
	CLEANUP(json_freep)
	struct json *data = page_home_data(rows->items, rows->count, texts, rows->now_ms);
	int r;

	buf_clear(out);
	r = template_render(library->homepage, data, texts, NULL, out, err);
	return r < 0 ? r : homepage_check_mark(out, err);
}

static int homepage_render_all(
	const struct library *library, const struct homepage_rows *rows, struct buf *out, struct error *err)
{
	for (int language = 0; language < LANGUAGES; language++) {
		int r = homepage_render(library, language, rows, &out[language], err);

		if (r < 0)
			return r;
	}
	return 0;
}

/* The operator's files first, else the shipped ones: a mistake in a template never takes the site down.
 * *ret_own: no mistake. With an error neither will do. */
static int homepage_render_safely(const struct homepage *homepage, const struct homepage_rows *rows,
	struct buf *out, bool *ret_own, struct error *err)
{
	CLEANUP(library_done) struct library shipped = { 0 };
	struct error problem = { 0 };
	int r = homepage_render_all(homepage->library, rows, out, &problem);

	*ret_own = r == 0;
	if (r == 0)
		return 0;
	r = library_load(&shipped, NULL, homepage->options->shipped_templates, NULL, NULL, err);
	if (r == 0)
		r = homepage_render_all(&shipped, rows, out, err);
	if (r == 0 && homepage->problem)
		homepage->problem(homepage->arg, "homepage.hbs", &problem);
	return r;
}

/* What the files on disk would be made from now. */
static void homepage_fingerprints(const struct homepage *homepage, const struct homepage_rows *rows,
	char ret_hex[static LANGUAGES][HASH_HEX_SIZE])
{
	for (int language = 0; language < LANGUAGES; language++)
		page_home_fingerprint(rows->items, rows->count, rows->now_ms, homepage->library->homepage,
			homepage->library->texts[language], ret_hex[language]);
}

static bool homepage_is_current(const struct homepage *homepage, char (*hex)[HASH_HEX_SIZE])
{
	for (int language = 0; language < LANGUAGES; language++) {
		const struct manifest_site *site = &homepage->manifest->site[language];
		int64_t size, modified_us;

		if (strcmp(site->hash, hex[language]) != 0 || site->size > PUBLISHED_HOMEPAGE_MAX ||
			!publish_stat(
				homepage->out->root, published_homepage[language], &size, &modified_us) ||
			size != site->size || modified_us != site->modified_us)
			return false;
	}
	return true;
}

/* A page that the shipped templates had to make is made again next time, when the mistake is told again. */
static void homepage_enter(const struct homepage *homepage, bool own, char (*hex)[HASH_HEX_SIZE])
{
	for (int language = 0; language < LANGUAGES; language++) {
		struct manifest_site *site = &homepage->manifest->site[language];

		*site = (struct manifest_site){ 0 };
		if (own && publish_stat(homepage->out->root, published_homepage[language], &site->size,
				   &site->modified_us))
			memcpy(site->hash, hex[language], sizeof(site->hash));
	}
}

static void homepage_pages_done(struct buf (*pages)[LANGUAGES])
{
	for (int language = 0; language < LANGUAGES; language++)
		buf_done(&(*pages)[language]);
}

int homepage_publish(const struct homepage *homepage, bool *ret_changed, struct error *err)
{
	CLEANUP(homepage_rows_done) struct homepage_rows rows = { .now_ms = time_now_ms() };
	CLEANUP(homepage_pages_done)
	struct buf pages[LANGUAGES] = { BUF_INIT(PUBLISHED_HOMEPAGE_MAX), BUF_INIT(PUBLISHED_HOMEPAGE_MAX) };
	char hex[LANGUAGES][HASH_HEX_SIZE];
	bool own;
	int r;

	*ret_changed = false;
	homepage_collect(homepage, &rows);
	homepage_fingerprints(homepage, &rows, hex);
	if (homepage_is_current(homepage, hex))
		return 0;
	r = homepage_render_safely(homepage, &rows, pages, &own, err);
	if (r < 0 || homepage->options->dry_run)
		return r;
	for (int language = 0; language < LANGUAGES && r == 0; language++) {
		bool changed;

		r = publish_homepage(
			homepage->out->root, published_homepage[language], &pages[language], &changed, err);
		*ret_changed |= changed;
	}
	if (r == 0)
		homepage_enter(homepage, own, hex);
	return r;
}
