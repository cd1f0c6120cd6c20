/* SPDX-License-Identifier: MIT */
#include "sync/job.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/time.h"
#include "config/config.h"
#include "published/published.h"
#include "render/page.h"
#include "render/template.h"

/* Visitors wait 2 s, and 8 s while nothing has been published; a later answer still serves the next
 * visitor. */
#define REFRESH_TIME_LIMIT_MS 10000

struct homepage_rows {
	struct page_home_row *items; /* owned */
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
}

/* The known courses, each with a link where pages are public and its page is there: where the manifest
 * says, or, if that was lost, where the page has to be. */
static void homepage_collect(const struct sync_job *job, struct homepage_rows *rows)
{
	const struct known *known = &job->manifest.known;
	CLEANUP(mem_freep) struct names_course *pages = mem_zalloc((known->count + 1) * sizeof(*pages));
	bool public = job->options->config->site.course_pages_public;
	int64_t size, modified_us;

	for (size_t i = 0; i < known->count && public; i++) {
		const struct manifest_entry *entry = manifest_find(&job->manifest, known->courses[i].id);

		pages[i] = (struct names_course){ .id = known->courses[i].id,
			.slug = known->courses[i].slug,
			.fixed = entry ? entry->name : NULL };
	}
	if (public)
		names_plan(pages, known->count);
	rows->items = mem_alloc((known->count + 1) * sizeof(*rows->items));
	rows->hrefs = mem_zalloc((known->count + 1) * sizeof(*rows->hrefs));
	rows->count = known->count;
	for (size_t i = 0; i < known->count; i++) {
		if (public && (pages[i].fixed ||
				      publish_stat(job->out.courses, pages[i].name, &size, &modified_us)))
			rows->hrefs[i] = mem_printf(PUBLISHED_COURSES "/%s", pages[i].name);
		rows->items[i] = (struct page_home_row){ &known->courses[i], rows->hrefs[i] };
	}
}

/* Both languages, or an error. */
static int homepage_render(
	const struct library *library, const struct homepage_rows *rows, struct buf *out, struct error *err)
{
	for (int language = 0; language < LANGUAGES; language++) {
		const struct texts *texts = library->texts[language];
		CLEANUP(json_freep)
		struct json *data = page_home_data(rows->items, rows->count, texts, rows->now_ms);
		const char *mark;
		int r;

		buf_clear(&out[language]);
		r = template_render(library->homepage, data, texts, NULL, &out[language], err);
		if (r < 0)
			return r;
		/* Without its mark aither-web could not say how old the page is; with two it would say so
		 * twice. */
		mark = strstr(buf_text(&out[language]), PUBLISHED_STATUS_MARK);
		if (!mark || strstr(mark + 1, PUBLISHED_STATUS_MARK))
			return error_fail(err, ERROR_TEMPLATE, -EBADMSG,
				"the page must contain " PUBLISHED_STATUS_MARK " exactly once");
	}
	return 0;
}

static void homepage_pages_done(struct buf (*pages)[LANGUAGES])
{
	for (int language = 0; language < LANGUAGES; language++)
		buf_done(&(*pages)[language]);
}

int homepage_publish(struct sync_job *job, bool reports, bool *ret_changed, struct error *err)
{
	CLEANUP(homepage_rows_done) struct homepage_rows rows = { .now_ms = time_now_ms() };
	CLEANUP(homepage_pages_done)
	struct buf pages[LANGUAGES] = { BUF_INIT(PUBLISHED_HOMEPAGE_MAX), BUF_INIT(PUBLISHED_HOMEPAGE_MAX) };
	struct error problem = { 0 };
	int r;

	*ret_changed = false;
	homepage_collect(job, &rows);
	r = homepage_render(&job->library, &rows, pages, &problem);
	/* With the shipped templates instead: a mistake in the operator's never takes the site down. */
	if (r < 0) {
		CLEANUP(library_done) struct library shipped = { 0 };

		r = library_load(&shipped, NULL, job->options->shipped_templates, NULL, NULL, err);
		if (r == 0)
			r = homepage_render(&shipped, &rows, pages, err);
		if (r == 0 && reports)
			job_add_problem(job, "homepage.hbs", &problem);
	}
	if (r < 0 || job->options->dry_run)
		return r;
	for (int language = 0; language < LANGUAGES && r == 0; language++) {
		bool changed;

		r = publish_homepage(
			job->out.root, published_homepage[language], &pages[language], &changed, err);
		*ret_changed |= changed;
	}
	return r;
}

/* ---- the refresh ---- */

/* Takes the list over into the manifest, on disk only if that changes the known courses. Nothing is saved
 * while another process has the lock, whose sync saves the list that it reads, nor where no manifest can
 * be read: the next sync makes one. */
static void refresh_accept(struct sync_job *job)
{
	const struct config *config = job->options->config;
	const struct known_rules rules = {
		.delete_percent_max = config->sync.delete_percent_max,
		.now_ms = time_now_ms(),
	};
	CLEANUP(publish_close) struct publish lock = PUBLISH_INIT;
	CLEANUP(buf_done)
	struct buf before = BUF_INIT(MANIFEST_SIZE_MAX), after = BUF_INIT(MANIFEST_SIZE_MAX);
	bool is_locked = publish_open_briefly(&lock, config->sync.output_directory, NULL) == 0;
	int loaded = manifest_load(job->out.root, &job->manifest, NULL);
	struct error problem = { 0 };

	known_write(&before, &job->manifest.known);
	known_update(&job->manifest.known, &job->list, &rules);
	if (!is_locked || loaded < 0)
		return;
	known_write(&after, &job->manifest.known);
	if (before.length == after.length && memcmp(buf_text(&before), buf_text(&after), after.length) == 0)
		return;
	if (manifest_save(job->out.root, &job->manifest, &problem) < 0)
		log_write(LOG_WARNING, "the courses of the homepage cannot be saved: %s", problem.message);
}

/* Problems of rows and templates are not reported: that is the sync's task, not that of every visit. */
int sync_refresh(const struct sync_options *options, struct sync_refreshed *ret_refreshed, struct error *err)
{
	const struct config *config = options->config;
	CLEANUP(job_done) struct sync_job job = { .options = options, .out = PUBLISH_INIT };
	struct error problem = { 0 };
	bool changed;
	int r;

	job.deadline_mono_ms = time_mono_ms() + REFRESH_TIME_LIMIT_MS;
	if ((r = publish_open_unlocked(&job.out, config->sync.output_directory, err)) < 0 ||
		(r = library_load(&job.library, config->site.template_directory, options->shipped_templates,
			 NULL, NULL, err)) < 0)
		return r;
	r = job_connect(&job, true, &problem);
	if (r == 0)
		r = hemera_list(job.client, &job.list, NULL, NULL, &problem);
	if (r < 0) {
		/* A course that ended yesterday is past today, whether Hemera answers or not. */
		if (manifest_load(job.out.root, &job.manifest, NULL) == 0 && job.manifest.known.count > 0)
			(void)homepage_publish(&job, false, &changed, NULL);
		return error_pass(err, &problem);
	}
	refresh_accept(&job);
	r = homepage_publish(&job, false, &changed, err);
	if (r < 0)
		return r;
	*ret_refreshed = (struct sync_refreshed){ job.list.fetched_at_ms, changed, job.manifest.known.kept };
	return 0;
}
