/* SPDX-License-Identifier: MIT */
#include "sync/sync.h"

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "notify/incident.h"
#include "sync/manifest.h"
#include "sync/publish.h"

int sync_incident_sent(
	const char *output_directory, const char *message_id, int64_t now_ms, struct error *err)
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
	incident = incident_sent(manifest.incident, message_id, now_ms);
	json_free(manifest.incident);
	manifest.incident = incident;
	return manifest_save(out.root, &manifest, err);
}
