/* SPDX-License-Identifier: MIT */
#include "sync/homepage.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/time.h"
#include "config/config.h"
#include "hemera/client.h"
#include "published/published.h"
#include "render/library.h"
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
	char digest[HASH_HEX_SIZE];

	page_home_digest(rows->items, rows->count, rows->now_ms, digest);
	for (int language = 0; language < LANGUAGES; language++)
		page_home_fingerprint(digest, homepage->library->homepage, homepage->library->texts[language],
			ret_hex[language]);
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

/* ---- the refresh ---- */

/* Visitors wait 2 s, and 8 s while nothing has been published; a later answer still serves the next one. */
#define REFRESH_TIME_LIMIT_MS 10000

/* What is wrong with rows and templates is the sync's to report, not that of every visit. */
static void refresh_ignore(void *arg, const char *entity, const struct error *problem)
{
	(void)arg;
	(void)entity;
	(void)problem;
}

static int refresh_list(const struct sync_options *options, struct hemera_list *ret_list, struct error *err)
{
	const struct config *config = options->config;
	const struct hemera_options client_options = {
		.base_url = config->hemera.base_url,
		.fallback_url = config->hemera.fallback_url,
		.key = config->secrets[CONFIG_SECRET_HEMERA_API_KEY],
		.connections_max = 1,
		.connect_timeout_s = config->hemera.connect_timeout_s,
		.request_timeout_s = config->hemera.request_timeout_s,
		.retries_max = 0,
		.budget = options->budget,
		.deadline_mono_ms = time_mono_ms() + REFRESH_TIME_LIMIT_MS,
		.cancelled = options->cancelled,
		.statistics = options->statistics,
	};
	CLEANUP(hemera_freep) struct hemera *client = NULL;
	int r = hemera_new(&client, &client_options, err);

	return r < 0 ? r : hemera_list(client, ret_list, refresh_ignore, NULL, err);
}

static bool refresh_is_same(const struct buf *before, const struct known *known)
{
	CLEANUP(buf_done) struct buf after = BUF_INIT(MANIFEST_SIZE_MAX);

	known_write(&after, known);
	return before->length == after.length &&
	       memcmp(buf_text(before), buf_text(&after), after.length) == 0;
}

/* Takes the list over into the manifest, on disk only if it differs. Nothing is saved while another process
 * has the lock, whose sync saves the list that it reads, nor where no manifest can be read: the next sync
 * makes one. */
static void refresh_accept(
	const struct sync_options *options, const struct hemera_list *list, struct manifest *manifest)
{
	const struct config *config = options->config;
	const struct known_rules rules = {
		.delete_percent_max = config->sync.delete_percent_max,
		.now_ms = time_now_ms(),
	};
	CLEANUP(publish_close) struct publish lock = PUBLISH_INIT;
	CLEANUP(buf_done) struct buf before = BUF_INIT(MANIFEST_SIZE_MAX);
	bool is_locked = publish_open_briefly(&lock, config->sync.output_directory, NULL) == 0;
	int loaded = manifest_load(lock.root, manifest, NULL);
	struct error problem = { 0 };

	known_write(&before, &manifest->known);
	known_update(&manifest->known, list, &rules);
	if (!is_locked || loaded < 0 || refresh_is_same(&before, &manifest->known))
		return;
	if (manifest_save(lock.root, manifest, &problem) < 0)
		log_write(LOG_WARNING, "the courses of the homepage cannot be saved: %s", problem.message);
}

int sync_refresh(const struct sync_options *options, struct sync_refreshed *ret_refreshed, struct error *err)
{
	const struct config *config = options->config;
	CLEANUP(publish_close) struct publish out = PUBLISH_INIT;
	CLEANUP(library_done) struct library library = { 0 };
	CLEANUP(hemera_list_done) struct hemera_list list = { 0 };
	CLEANUP(manifest_done) struct manifest manifest = { 0 };
	struct homepage homepage = { .options = options,
		.out = &out,
		.library = &library,
		.known = &manifest.known,
		.manifest = &manifest };
	struct error problem = { 0 };
	bool changed;
	int r;

	if ((r = publish_open_unlocked(&out, config->sync.output_directory, err)) < 0 ||
		(r = library_load(&library, config->site.template_directory, options->shipped_templates,
			 refresh_ignore, NULL, err)) < 0)
		return r;
	if (refresh_list(options, &list, &problem) < 0) {
		/* A course that ended yesterday is past today, whether Hemera answers or not. */
		if (manifest_load(out.root, &manifest, NULL) == 0 && manifest.known.count > 0)
			(void)homepage_publish(&homepage, &changed, NULL);
		return error_pass(err, &problem);
	}
	refresh_accept(options, &list, &manifest);
	r = homepage_publish(&homepage, &changed, err);
	if (r < 0)
		return r;
	*ret_refreshed = (struct sync_refreshed){ list.fetched_at_ms, changed, manifest.known.kept };
	return 0;
}
