/* SPDX-License-Identifier: MIT */
#include "sync/job.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/time.h"
#include "config/config.h"
#include "published/published.h"
#include "published/texts.h"
#include "render/feed.h"
#include "render/page.h"
#include "render/template.h"

/* Visitors wait 2 s, or 8 s while nothing has been published. An answer that comes later is still of use to
 * the next visitor. */
#define REFRESH_TIME_LIMIT_MS 10000

struct homepage_rows {
	struct page_home_row *items; /* owned; with the links of the homepage */
	struct page_home_row *pages; /* owned; the same courses, each with a link to its page */
	char **hrefs;                /* owned */
	size_t count;
	int64_t now_ms; /* wall clock: decides which courses are past */
};

static void homepage_rows_done(struct homepage_rows *rows)
{
	for (size_t i = 0; i < rows->count; i++)
		free(rows->hrefs[i]);
	free(rows->hrefs);
	free(rows->items);
	free(rows->pages);
}

/* Collects the known courses, each with a link to its page if that exists. The manifest says where the page
 * is. If the manifest was lost, the page is expected at its planned name, unless the name belongs to another
 * course. The homepage links to public pages only. */
static void homepage_collect(const struct sync_job *job, struct homepage_rows *rows)
{
	const struct known *known = &job->manifest.known;
	CLEANUP(mem_freep) struct names_course *pages = mem_zalloc((known->count + 1) * sizeof(*pages));
	CLEANUP(nameset_done) struct nameset owned = { 0 };
	int64_t size, modified_us;

	for (size_t i = 0; i < job->manifest.count; i++)
		nameset_add(&owned, job->manifest.entries[i]->name);
	nameset_sort(&owned);
	for (size_t i = 0; i < known->count; i++) {
		const struct manifest_entry *entry = manifest_find(&job->manifest, known->courses[i].id);

		pages[i] = (struct names_course){ .id = known->courses[i].id,
			.slug = known->courses[i].slug,
			.fixed = entry ? entry->name : NULL };
	}
	names_plan(pages, known->count);
	rows->items = mem_alloc((known->count + 1) * sizeof(*rows->items));
	rows->pages = mem_alloc((known->count + 1) * sizeof(*rows->pages));
	rows->hrefs = mem_zalloc((known->count + 1) * sizeof(*rows->hrefs));
	rows->count = known->count;
	for (size_t i = 0; i < known->count; i++) {
		const struct course *course = &known->courses[i];

		if ((pages[i].fixed || !nameset_has(&owned, pages[i].name)) &&
			publish_stat(job->out.courses, pages[i].name, &size, &modified_us))
			rows->hrefs[i] = mem_printf(PUBLISHED_COURSES "/%s", pages[i].name);
		rows->pages[i] = (struct page_home_row){ course, rows->hrefs[i] };
		rows->items[i] =
			(struct page_home_row){ course, job->site.is_public ? rows->hrefs[i] : NULL };
	}
}

/* ---- the texts of the files ---- */

struct homepage {
	struct homepage_rows rows;
	struct buf texts[MANIFEST_SITE_FILES]; /* by file; empty: cannot be made, so the old file stays */
	struct library shipped;                /* loaded when a template of the operator's fails */
	bool is_own;                           /* no template has failed */
};

static void homepage_done(struct homepage *homepage)
{
	homepage_rows_done(&homepage->rows);
	library_done(&homepage->shipped);
	for (int i = 0; i < MANIFEST_SITE_FILES; i++)
		buf_done(&homepage->texts[i]);
}

/* Renders the homepage or the course list in one language. */
static int homepage_render(const struct sync_job *job, const struct library *library, int language,
	struct homepage *homepage, bool is_list, struct error *err)
{
	const struct homepage_rows *rows = &homepage->rows;
	const struct texts *texts = library->texts[language];
	struct buf *out = &homepage->texts[(is_list ? MANIFEST_LIST_DE : MANIFEST_HOMEPAGE_DE) + language];
	CLEANUP(json_freep)
	struct json *data = page_home_data(
		is_list ? rows->pages : rows->items, rows->count, &job->site, texts, rows->now_ms);
	const char *mark;
	int r;

	buf_clear(out);
	r = template_render(is_list ? library->list : library->homepage, data, texts, NULL, out, err);
	if (r < 0)
		return r;
	/* aither-web replaces the mark by the banner that says how old the data is, so there must be exactly
	 * one. */
	mark = strstr(buf_text(out), PUBLISHED_STATUS_MARK);
	if (!mark || strstr(mark + 1, PUBLISHED_STATUS_MARK))
		return error_fail(err, ERROR_TEMPLATE, -EBADMSG,
			"the page must contain " PUBLISHED_STATUS_MARK " exactly once");
	return 0;
}

/* Renders the page in both languages with the operator's template. If that fails, uses the shipped template,
 * so that a mistake in the operator's never removes the page. */
static int homepage_make(
	struct sync_job *job, struct homepage *homepage, bool is_list, bool reports, struct error *err)
{
	const struct library_source source = { NULL, job->options->shipped_templates, job->site.name };
	struct error problem = { 0 };
	int r = 0;

	for (int i = 0; i < LANGUAGES && r == 0; i++)
		r = homepage_render(job, &job->library, i, homepage, is_list, &problem);
	if (r == 0)
		return 0;
	homepage->is_own = false;
	r = homepage->shipped.homepage ? 0 : library_load(&homepage->shipped, &source, NULL, NULL, err);
	for (int i = 0; i < LANGUAGES && r == 0; i++)
		r = homepage_render(job, &homepage->shipped, i, homepage, is_list, err);
	if (r == 0 && reports)
		job_add_problem(job, is_list ? "courses.hbs" : "homepage.hbs", &problem);
	for (int i = 0; i < LANGUAGES && r < 0; i++)
		buf_clear(&homepage->texts[(is_list ? MANIFEST_LIST_DE : MANIFEST_HOMEPAGE_DE) + i]);
	return r;
}

static int homepage_make_feeds(const struct sync_job *job, struct homepage *homepage, struct error *err)
{
	const struct homepage_rows *rows = &homepage->rows;
	const struct feed feed = { &job->site, job->library.texts[job->site.page_language], rows->items,
		job->manifest.known.changed_ms, rows->count };
	struct buf *json = &homepage->texts[MANIFEST_JSON], *calendar = &homepage->texts[MANIFEST_CALENDAR];

	feed_json(json, &feed, rows->now_ms);
	feed_calendar(calendar, &feed);
	if (!buf_overflowed(json) && !buf_overflowed(calendar))
		return 0;
	buf_clear(json);
	buf_clear(calendar);
	return error_fail(err, ERROR_TEMPLATE, -EFBIG,
		PUBLISHED_JSON " or " PUBLISHED_CALENDAR " would be larger than %d bytes",
		PUBLISHED_HOMEPAGE_MAX);
}

/* ---- the files ---- */

struct homepage_file {
	int directory; /* -1: there is no such file, e.g. no course list if all pages are public */
	const char *name;
};

static struct homepage_file homepage_file(const struct sync_job *job, enum manifest_site_file file)
{
	switch (file) {
	case MANIFEST_HOMEPAGE_DE:
	case MANIFEST_HOMEPAGE_EN:
		return (struct homepage_file){ job->out.public,
			published_homepage[file - MANIFEST_HOMEPAGE_DE] };
	case MANIFEST_LIST_DE:
	case MANIFEST_LIST_EN:
		return (struct homepage_file){ job->site.is_public ? -1 : job->out.root,
			published_list[file - MANIFEST_LIST_DE] };
	case MANIFEST_JSON:
		return (struct homepage_file){ job->out.public, PUBLISHED_JSON };
	case MANIFEST_CALENDAR:
		return (struct homepage_file){ job->out.public, PUBLISHED_CALENDAR };
	case MANIFEST_SITE_FILES:
		break;
	}
	return (struct homepage_file){ -1, NULL };
}

/* Were all files made from data with this hash, and are they still whole? */
static bool homepage_is_current(const struct sync_job *job, const char *hash)
{
	int64_t size, modified_us;

	for (int i = 0; i < MANIFEST_SITE_FILES; i++) {
		const struct manifest_site *site = &job->manifest.site[i];
		struct homepage_file file = homepage_file(job, (enum manifest_site_file)i);

		if (file.directory < 0)
			continue;
		if (strcmp(site->hash, hash) != 0 ||
			!publish_stat(file.directory, file.name, &size, &modified_us) || size != site->size ||
			modified_us != site->modified_us)
			return false;
	}
	return true;
}

static void homepage_hash(
	const struct sync_job *job, const struct homepage_rows *rows, char ret_hex[static HASH_HEX_SIZE])
{
	const struct library *library = &job->library;
	CLEANUP(mem_freep)
	char *templates =
		mem_printf("%s %s %s %s", template_hash(library->homepage), template_hash(library->list),
			texts_hash(library->texts[LANGUAGE_DE]), texts_hash(library->texts[LANGUAGE_EN]));

	page_home_fingerprint(rows->pages, job->manifest.known.changed_ms, rows->count, &job->site, templates,
		rows->now_ms, ret_hex);
}

/* Writes the files that could be made, and notes them in the manifest. */
static int homepage_write(struct sync_job *job, const struct homepage *homepage, const char *hash,
	bool *ret_changed, struct error *err)
{
	int r = 0;

	for (int i = 0; i < MANIFEST_SITE_FILES && r == 0; i++) {
		struct manifest_site *site = &job->manifest.site[i], now = { 0 };
		struct homepage_file file = homepage_file(job, (enum manifest_site_file)i);
		const struct buf *text = &homepage->texts[i];
		bool changed = false;

		if (file.directory >= 0 && text->length > 0) {
			r = publish_file(file.directory, file.name, text, &changed, err);
			if (r == 0 && publish_stat(file.directory, file.name, &now.size, &now.modified_us) &&
				homepage->is_own)
				snprintf(now.hash, sizeof(now.hash), "%s", hash);
		}
		*ret_changed |= changed && i < MANIFEST_LIST_DE;
		job->site_written |= changed || strcmp(site->hash, now.hash) != 0;
		*site = now;
	}
	return r;
}

int homepage_publish(
	struct sync_job *job, bool reports, bool *ret_changed, const char **ret_entity, struct error *err)
{
	CLEANUP(homepage_done) struct homepage homepage = { .rows.now_ms = time_now_ms(), .is_own = true };
	char hash[HASH_HEX_SIZE];
	struct error failure = { 0 }, problem = { 0 };
	int r;

	*ret_changed = false;
	*ret_entity = "homepage.hbs";
	for (int i = 0; i < MANIFEST_SITE_FILES; i++)
		buf_init(&homepage.texts[i], PUBLISHED_HOMEPAGE_MAX);
	homepage_collect(job, &homepage.rows);
	homepage_hash(job, &homepage.rows, hash);
	if (homepage_is_current(job, hash))
		return 0;
	/* A failure of one does not stop the others; the first failure is returned. */
	(void)homepage_make(job, &homepage, false, reports, &failure);
	if (!job->site.is_public && homepage_make(job, &homepage, true, reports, &problem) < 0 &&
		!failure.errnum) {
		*ret_entity = "courses.hbs";
		failure = problem;
	}
	if (homepage_make_feeds(job, &homepage, &problem) < 0 && !failure.errnum) {
		*ret_entity = PUBLISHED_CALENDAR;
		failure = problem;
	}
	homepage.is_own &= failure.errnum == 0;
	r = job->options->dry_run ? 0 : homepage_write(job, &homepage, hash, ret_changed, err);
	return r < 0 ? r : error_pass(err, &failure);
}

/* ---- the refresh ---- */

/* Enters the list into the manifest and makes the homepage from it. The manifest is written only if this
 * changes it. It is not written while another process holds the lock, because that sync saves the list that
 * it has read itself, nor where no manifest can be read, because the next sync creates one. */
static int refresh_accept(struct sync_job *job, bool *ret_changed, struct error *err)
{
	const struct config *config = job->options->config;
	CLEANUP(publish_close) struct publish lock = PUBLISH_INIT;
	CLEANUP(buf_done)
	struct buf before = BUF_INIT(MANIFEST_SIZE_MAX), after = BUF_INIT(MANIFEST_SIZE_MAX);
	bool is_locked = publish_open_briefly(&lock, config->sync.output_directory, NULL) == 0;
	int loaded = manifest_load(job->out.root, &job->manifest, NULL), r;
	/* Without a manifest the time when a course last changed is not known and cannot be stored. 0 keeps
	 * the calendar from claiming at every refresh that all courses have changed. */
	const struct known_rules rules = {
		.delete_percent_max = config->sync.delete_percent_max,
		.now_ms = loaded < 0 ? 0 : time_now_ms(),
	};
	struct error problem = { 0 };
	const char *entity;

	/* The manifest may be good but cannot be read now: the list alone must not replace the known courses.
	 */
	if (loaded < 0 && loaded != -ENOENT && loaded != -EBADMSG)
		return error_fail(
			err, ERROR_OUTPUT, loaded, "cannot read " MANIFEST_NAME ": %s", strerror(-loaded));
	known_write(&before, &job->manifest.known);
	known_update(&job->manifest.known, &job->list, &rules);
	r = homepage_publish(job, false, ret_changed, &entity, err);
	if (r < 0 || !is_locked || loaded < 0)
		return r;
	known_write(&after, &job->manifest.known);
	if (!job->site_written && before.length == after.length &&
		memcmp(buf_text(&before), buf_text(&after), after.length) == 0)
		return r;
	if (manifest_save(job->out.root, &job->manifest, &problem) < 0)
		log_write(LOG_WARNING, "cannot save the courses of the homepage: %s", problem.message);
	return r;
}

/* Problems with rows and templates are not reported here: the sync reports them once, not every visit. */
int sync_refresh(const struct sync_options *options, struct sync_refreshed *ret_refreshed, struct error *err)
{
	const struct config *config = options->config;
	CLEANUP(job_done) struct sync_job job = { .options = options, .out = PUBLISH_INIT };
	struct error problem = { 0 };
	const char *entity;
	bool changed;
	int r;

	job.deadline_mono_ms = time_mono_ms() + REFRESH_TIME_LIMIT_MS;
	r = publish_open_unlocked(
		&job.out, config->sync.output_directory, config->site.course_pages_public, err);
	if (r == 0)
		r = job_load_library(&job, NULL, err);
	if (r < 0)
		return r;
	r = job_connect(&job, true, &problem);
	if (r == 0)
		r = hemera_list(job.client, &job.list, NULL, NULL, &problem);
	if (r < 0) {
		/* A course that ended yesterday is past today, whether Hemera answers or not. */
		if (manifest_load(job.out.root, &job.manifest, NULL) == 0 && job.manifest.known.count > 0)
			(void)homepage_publish(&job, false, &changed, &entity, NULL);
		return error_pass(err, &problem);
	}
	r = refresh_accept(&job, &changed, err);
	if (r < 0)
		return r;
	*ret_refreshed = (struct sync_refreshed){ job.list.fetched_at_ms, changed, job.manifest.known.kept };
	return 0;
}
