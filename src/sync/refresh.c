/* SPDX-License-Identifier: MIT */
#include "sync/sync.h"

#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/time.h"
#include "config/config.h"
#include "hemera/client.h"
#include "render/library.h"
#include "sync/homepage.h"
#include "sync/known.h"
#include "sync/manifest.h"
#include "sync/publish.h"

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
