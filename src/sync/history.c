/* SPDX-License-Identifier: MIT */
#include "sync/sync.h"

#include <errno.h>
#include <fcntl.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "sync/manifest.h"

int sync_history_load(const char *output_directory, struct sync_history *ret_history, struct error *err)
{
	CLEANUP(file_closep) int directory = -1;
	CLEANUP(manifest_done) struct manifest manifest = { 0 };
	int r = file_open_directory(AT_FDCWD, output_directory, &directory, err);

	if (r == 0)
		r = manifest_load(directory, &manifest, err);
	if (r < 0 && r != -ENOENT)
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
