/* SPDX-License-Identifier: MIT */
#include "sync/sync.h"

#include <errno.h>
#include <fcntl.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "notify/incident.h"
#include "sync/manifest.h"
#include "sync/publish.h"

int sync_incident_load(const char *output_directory, struct json **ret_incident, struct error *err)
{
	CLEANUP(file_closep) int directory = -1;
	CLEANUP(manifest_done) struct manifest manifest = { 0 };
	int r = file_open_directory(AT_FDCWD, output_directory, &directory, err);

	if (r == 0)
		r = manifest_load(directory, &manifest, err);
	if (r < 0 && r != -ENOENT)
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
