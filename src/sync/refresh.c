/* SPDX-License-Identifier: MIT */
#include "sync/sync.h"

#include "base/config.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/time.h"
#include "hemera/client.h"
#include "render/library.h"
#include "sync/homepage.h"
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
		.use_reserve = true,
		.deadline_mono_ms = time_mono_ms() + REFRESH_TIME_LIMIT_MS,
		.cancelled = options->cancelled,
		.figures = options->figures,
	};
	CLEANUP(hemera_freep) struct hemera *client = NULL;
	int r = hemera_new(&client, &client_options, err);

	return r < 0 ? r : hemera_list(client, ret_list, refresh_ignore, NULL, err);
}

/* The manifest knows where public pages are and what unreadable rows were; for the rest it is not needed, and
 * large. A damaged one is the next sync's to mend. */
static void refresh_load_manifest(const struct sync_options *options, const struct hemera_list *list,
	int directory, struct manifest *manifest)
{
	if (options->config->site.course_pages_public || list->bad_count > 0)
		(void)manifest_load(directory, manifest, NULL);
}

int sync_refresh(const struct sync_options *options, struct sync_refreshed *ret_refreshed, struct error *err)
{
	const struct config *config = options->config;
	CLEANUP(publish_close) struct publish out = PUBLISH_INIT;
	CLEANUP(library_done) struct library library = { 0 };
	CLEANUP(hemera_list_done) struct hemera_list list = { 0 };
	CLEANUP(manifest_done) struct manifest manifest = { 0 };
	const struct homepage homepage = {
		.options = options, .out = &out, .library = &library, .list = &list, .manifest = &manifest
	};
	bool changed = false;
	int r;

	if ((r = refresh_list(options, &list, err)) < 0 ||
		(r = publish_open_unlocked(&out, config->sync.output_directory, err)) < 0 ||
		(r = library_load(&library, config->site.template_directory, options->shipped_templates,
			 refresh_ignore, NULL, err)) < 0)
		return r;
	refresh_load_manifest(options, &list, out.root, &manifest);
	r = homepage_publish(&homepage, &changed, err);
	if (r < 0)
		return r;
	*ret_refreshed = (struct sync_refreshed){ .fetched_at_ms = list.fetched_at_ms, .changed = changed };
	return 0;
}
