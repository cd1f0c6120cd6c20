/* SPDX-License-Identifier: MIT */
#include "sync/sync.h"

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "notify/incident.h"
#include "sync/manifest.h"
#include "sync/publish.h"

int sync_history_load(const char *output_directory, struct sync_history *ret_history, struct error *err)
{
	CLEANUP(manifest_done) struct manifest manifest = { 0 };
	int r = manifest_load_from(output_directory, &manifest, err);

	if (r < 0)
		return r;
	*ret_history = (struct sync_history){
		.last_success_ms = manifest.last_success_ms,
		.consecutive_failures = manifest.consecutive_failures,
		.courses = (unsigned)manifest.count,
		.kept = manifest.known.kept,
	};
	ret_history->last_report = STEAL(manifest.last_sync);
	return 0;
}

void sync_history_done(struct sync_history *history)
{
	json_free(history->last_report);
	*history = (struct sync_history){ 0 };
}

int sync_incident_load(const char *output_directory, struct json **ret_incident, struct error *err)
{
	CLEANUP(manifest_done) struct manifest manifest = { 0 };
	int r = manifest_load_from(output_directory, &manifest, err);

	if (r < 0)
		return r;
	*ret_incident = STEAL(manifest.incident);
	return 0;
}

int sync_incident_sent(const char *output_directory, const char *message_id, int64_t now_ms,
	const struct incident_rest *rest, struct error *err)
{
	CLEANUP(publish_close) struct publish out = PUBLISH_INIT;
	CLEANUP(manifest_done) struct manifest manifest = { 0 };
	struct error problem = { 0 };
	struct json *incident;
	int r = publish_open_briefly(&out, output_directory, err);

	if (r < 0)
		return r;
	r = manifest_load(out.root, &manifest, &problem);
	if (r < 0)
		return error_fail(err, ERROR_OUTPUT, r, "%s", problem.message);
	incident = incident_sent(manifest.incident, message_id, now_ms, rest);
	json_free(manifest.incident);
	manifest.incident = incident;
	return manifest_save(out.root, &manifest, err);
}
