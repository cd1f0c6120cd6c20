/* SPDX-License-Identifier: MIT */
#include "web/web.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"
#include "base/time.h"
#include "config/config.h"
#include "http/daemon.h"
#include "http/server.h"
#include "web/live.h"
#include "web/phrases.h"
#include "web/relay.h"
#include "web/site.h"

#define MINUTE_MS 60000

static void on_queue(void *arg)
{
	struct web *web = arg;

	thread_queue_dispatch(web->queue);
}

/* Sets the text that systemctl status shows. main has already put problems of the configuration there. */
static void show_status(const struct web *web)
{
	int64_t data_ms = live_data_ms(web->live);
	char when[TIME_TEXT_SIZE];

	if (!config_is_usable(web->options.config))
		return;
	if (data_ms == 0) {
		daemon_status("nothing has been published yet");
		return;
	}
	time_format(data_ms, when);
	daemon_status("serving the courses as of %s", when);
}

static void on_minute(void *arg)
{
	struct web *web = arg;
	uint64_t refused = server_refused(web->server) - web->connections_refused;

	show_status(web);
	web->connections_refused += refused;
	if (refused > 0)
		log_write(LOG_WARNING,
			"refused %" PRIu64
			" connections in the last minute from clients that already held half of the %u connections ([Web] MaxConnections=)",
			refused, web->options.config->web.connections_max);
	auth_next_minute(&web->auth);
}

static void make_parts(struct web *web)
{
	const struct config *config = web->options.config;

	web->phrases = phrases_new(&(struct phrases_options){
		.template_directory = config->site.template_directory,
		.site_name = config->site.name,
		.imprint_url = config->site.imprint_url,
		.privacy_url = config->site.privacy_url,
		.file_directory = config->site.file_directory,
	});
	web->site = site_new(&(struct site_options){
		.output_directory = config->sync.output_directory,
		.file_directory = config->site.file_directory,
		.shipped_files = web->options.shipped_site,
		.phrases = web->phrases,
		/* Course pages exist in one language: German, unless the site is set to English. */
		.course_language = config->site.language == CONFIG_LANGUAGE_EN ? LANGUAGE_EN : LANGUAGE_DE,
		.are_courses_public = web_has_public_courses(web),
	});
	web->relay = relay_new(web->queue, config->worker.socket, &web->call_failed_ms);
	web->patience = server_timer(web->server, relay_give_up, web->relay);
	web->live = live_new(&(struct live_options){
		.server = web->server,
		.queue = web->queue,
		.site = web->site,
		.socket_path = config->worker.socket,
		.ret_failed_ms = &web->call_failed_ms,
		.ttl_ms = config->web.live_ttl_s * 1000,
		.wait_ms = config->web.live_wait_s * 1000,
		.may_refresh = config_is_usable(config),
	});
}

int web_new(struct web **ret_web, const struct web_options *options, struct error *err)
{
	CLEANUP(web_freep) struct web *web = mem_zalloc(sizeof(*web));

	web->options = *options;
	web->start_ms = time_now_ms();
	web->auth = (struct auth){
		.token = options->config->secrets[CONFIG_SECRET_SYNC_TOKEN],
		.pages_password = options->config->secrets[CONFIG_SECRET_PAGES_PASSWORD],
		.local_access = options->config->web.local_access,
	};
	web->router = (struct http_router){
		.routes = web_routes,
		.count = web_route_count,
		.otherwise = web_file,
		.fail = web_fail,
		.app = web,
	};
	struct server_options server_options = {
		.router = &web->router,
		.connections_max = options->config->web.connections_max,
	};
	int result = server_new(&web->server, &server_options, err);
	if (result == 0)
		result = thread_queue_new(&web->queue, err);
	if (result < 0)
		return result;
	server_watch(web->server, thread_queue_fd(web->queue), on_queue, web);
	make_parts(web);
	show_status(web);
	server_every(web->server, MINUTE_MS, on_minute, web);
	*ret_web = STEAL(web);
	return 0;
}

void web_freep(struct web **web_pointer)
{
	struct web *web = STEAL(*web_pointer);

	if (!web)
		return;
	server_freep(&web->server);
	http_body_unref(web->openapi);
	live_freep(&web->live);
	relay_freep(&web->relay);
	site_freep(&web->site);
	phrases_freep(&web->phrases);
	thread_queue_freep(&web->queue);
	free(web);
}

void web_begin(struct web *web)
{
	live_begin(web->live);
}

void web_stop(void *arg)
{
	struct web *web = arg;

	relay_stop(web->relay);
	server_timer_set(web->patience, RELAY_STOPPING_TIMEOUT_MS);
	live_stop(web->live);
}
