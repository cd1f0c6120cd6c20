/* SPDX-License-Identifier: MIT */

/* aither-worker(8), the private half of aither: options and start-up. The work is in worker/ and sync/. */

#include <errno.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/collate.h"
#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/noexec.h"
#include "base/time.h"
#include "config/config.h"
#include "http/daemon.h"
#include "net/fetch.h"
#include "worker/alerts.h"
#include "worker/worker.h"

#define FINISH_MS 2000 /* enough for a cancelled sync to end */

static int serve(const struct config *config, const struct daemon_options *options)
{
	CLEANUP(worker_freep) struct worker *worker = NULL;
	struct error err = { 0 };
	bool activated;
	int result = worker_new(&worker,
		&(struct worker_options){ .config = config, .shipped_templates = config_shipped_templates() },
		&err);

	if (result == 0)
		result = daemon_listen(worker_server(worker), options, &activated, &err);
	if (result != 0) {
		log_write(LOG_ERR, "%s", err.message);
		return result == -EDESTADDRREQ || result == -EINVAL ? EX_USAGE : EXIT_FAILURE;
	}
	worker_set_may_leave(worker, activated);
	result = daemon_run(worker_server(worker), worker_stop, worker);
	if (!worker_finish(worker, FINISH_MS)) {
		log_write(LOG_WARNING,
			"exiting while a job is still running; the next sync repairs what it has left behind");
		_exit(result);
	}
	return result;
}

/* Reads the environment file as systemd does for the unit. Tests use another path. */
static void read_environment_file(void)
{
	const char *path = getenv("AITHER_ENVIRONMENT_FILE") ?: CONFIG_ENVIRONMENT_FILE;
	struct error err = { 0 };
	int r = config_environment_load(path, &err);

	if (r < 0 && r != -ENOENT)
		log_write(LOG_WARNING,
			"cannot check the variables that the unit gets from its environment file: %s",
			err.message);
}

int main(int argc, char **argv)
{
	CLEANUP(config_done) struct config config = { 0 };
	struct daemon_options options = {
		.program = "aither-worker",
		.purpose = "Fetches courses from Hemera and publishes their pages. Listens on unix sockets.",
		.has_alert = true,
		.unix_only = true,
	};
	struct error err = { 0 };
	int exit_code = daemon_options_parse(&options, argc, argv);

	if (exit_code >= 0)
		return exit_code;
	log_open(options.program);
	if (options.check_config)
		read_environment_file();
	config_load(&config, options.config_path, CONFIG_WORKER);
	if (options.check_config)
		return daemon_check_config(&config);
	if (!options.alert)
		daemon_log_problems(&config);
	if (time_zone_set(config.site.time_zone) < 0)
		log_write(LOG_WARNING, "time zone %s is not installed; dates are shown in UTC",
			config.site.time_zone);
	if (collate_prepare(&err) < 0)
		log_write(LOG_WARNING, "%s", err.message);
	fetch_load_libraries();
	if (noexec_enter(&err) < 0)
		log_write(LOG_WARNING, "%s", err.message);
	if (options.alert)
		return alerts_scheduled_sync(&config);
	return serve(&config, &options);
}
