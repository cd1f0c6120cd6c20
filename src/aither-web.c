/* SPDX-License-Identifier: MIT */

/* aither-web(8): the public half of aither. Options and wiring; the work is in web/. */

#include <errno.h>
#include <stdlib.h>
#include <sysexits.h>

#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/noexec.h"
#include "base/time.h"
#include "config/config.h"
#include "http/daemon.h"
#include "web/web.h"

static int serve(const struct config *config, const struct daemon_options *options)
{
	CLEANUP(web_freep) struct web *web = NULL;
	struct error err = { 0 };
	bool activated;
	int result = web_new(
		&web, &(struct web_options){ .config = config, .shipped_site = config_shipped_site() }, &err);

	if (result == 0)
		result = daemon_listen(web->server, options, &activated, &err);
	if (result < 0) {
		log_write(LOG_ERR, "%s", err.message);
		return result == -EDESTADDRREQ || result == -EINVAL ? EX_USAGE : EXIT_FAILURE;
	}
	daemon_log_problems(config);
	if (!config_is_usable(config))
		daemon_status("not configured (%zu problems; see: aither-web --check-config)",
			config->problems.count);
	web_begin(web);
	return daemon_run(web->server, web_stop, web);
}

int main(int argc, char **argv)
{
	CLEANUP(config_done) struct config config = { 0 };
	struct daemon_options options = {
		.program = "aither-web",
		.purpose = "Serves the homepage and the course pages, and passes API calls to aither-worker.",
	};
	struct error err = { 0 };
	int exit_code = daemon_options_parse(&options, argc, argv);

	if (exit_code >= 0)
		return exit_code;
	log_open(options.program);
	config_load(&config, options.config_path, CONFIG_WEB);
	if (options.check_config)
		return daemon_check_config(&config);
	if (time_zone_set(config.site.time_zone) < 0)
		log_write(LOG_WARNING, "time zone %s is not installed; dates are shown in UTC",
			config.site.time_zone);
	if (noexec_enter(&err) < 0)
		log_write(LOG_WARNING, "%s", err.message);
	return serve(&config, &options);
}
