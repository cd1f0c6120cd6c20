/* SPDX-License-Identifier: MIT */
#include "http/server.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/time.h"
#include "http/server-internal.h"

#define CLOSING_TURNS 16 /* of the loop, until every aborted connection has been seen to end */

/* A connection that is accepted but has no descriptor left to work with helps nobody. */
static unsigned limit_connections(unsigned wanted)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return wanted;
	/* Each has two, see connection_open. */
	rlim_t wished = 2 * (rlim_t)wanted + SERVER_RESERVED_FDS;
	if (limit.rlim_cur < wished && limit.rlim_cur < limit.rlim_max) {
		struct rlimit higher = { .rlim_cur = wished < limit.rlim_max ? wished : limit.rlim_max,
			.rlim_max = limit.rlim_max };
		if (setrlimit(RLIMIT_NOFILE, &higher) == 0)
			limit = higher;
	}
	rlim_t reserved = limit.rlim_cur > 2 * SERVER_RESERVED_FDS ? SERVER_RESERVED_FDS : limit.rlim_cur / 2;
	rlim_t possible = (limit.rlim_cur - reserved) / 2;
	return possible < wanted ? (unsigned)possible : wanted;
}

static void configure(struct server *server)
{
	h2o_config_init(&server->config);
	server->config.server_name = h2o_iovec_init(H2O_STRLIT("aither"));
	server->config.max_request_entity_size = SERVER_BODY_MAX;
	server->config.http1.upgrade_to_http2 = 0; /* neither by prior knowledge nor by Upgrade: h2c */

	/* Without any path of its own, this host sends everything to its fallback. */
	h2o_hostconf_t *host =
		h2o_config_register_host(&server->config, h2o_iovec_init(H2O_STRLIT("default")), 65535);
	h2o_handler_t *handler = h2o_create_handler(&host->fallback_path, sizeof(*handler));
	handler->on_req = call_on_request;
	h2o_filter_t *filter = h2o_create_filter(&host->fallback_path, sizeof(*filter));
	filter->on_setup_ostream = call_on_setup_ostream;
}

/* The library's own limit of a request runs on the wall clock, which may jump by any time: at one that is too
 * long, too, since it is taken off the time that it is now. Out of the loop's list nobody looks at it;
 * connections are ended by the sweep. */
static void disarm_library(h2o_timeout_t *limit)
{
	h2o_linklist_unlink(&limit->_link);
	h2o_linklist_init_anchor(&limit->_link); /* the library unlinks it when the context is disposed of */
}

int server_new(struct server **ret_server, const struct server_options *options, struct error *err)
{
	h2o_evloop_t *loop = h2o_evloop_create();

	if (!loop)
		return error_set(err, -ENOMEM, "cannot create an event loop");
	struct server *server = mem_zalloc(sizeof(*server));
	server->loop = loop;
	server->router = options->router;
	server->may_wait = options->may_wait;
	server->connections_max = limit_connections(options->connections_max);
	LIST_INIT(&server->watches);
	LIST_INIT(&server->listeners);
	LIST_INIT(&server->connections);
	LIST_INIT(&server->unhooked);
	TAILQ_INIT(&server->waiting);
	configure(server);
	h2o_context_init(&server->context, server->loop, &server->config);
	disarm_library(&server->context.http1.req_timeout);
	server->accept = (h2o_accept_ctx_t){ .ctx = &server->context, .hosts = server->config.hosts };
	server->sweep = server_timer(server, connections_sweep, server);
	*ret_server = server;
	return 0;
}

void server_freep(struct server **server_pointer)
{
	struct server *server = STEAL(*server_pointer);

	if (!server)
		return;
	server->state = SERVER_ENDED;
	listeners_close(server);
	connections_abort(server);
	for (int i = 0; i < CLOSING_TURNS && server->connection_count > 0; i++)
		h2o_evloop_run(server->loop, 0);
	watches_close(server);
	h2o_evloop_run(server->loop, 0); /* closed sockets are freed here */
	if (server->connection_count > 0)
		return; /* the library has no other way to let go of one; the process ends anyway */
	h2o_context_dispose(&server->context);
	free(server->context.queue); /* h2o_multithread_destroy_queue leaves it behind */
	h2o_config_dispose(&server->config);
	h2o_evloop_destroy(server->loop);
	free(server);
}

bool server_is_running(const struct server *server)
{
	return server->state != SERVER_ENDED;
}

void server_turn(struct server *server)
{
	bool has_waiting = !TAILQ_EMPTY(&server->waiting);

	server->turn++;
	calls_take_turns(server);
	connections_hook(server);
	/* Calls that were handled have answers to send: do not wait. -1 is EINTR: the caller turns on. */
	h2o_evloop_run(server->loop, has_waiting ? 0 : INT32_MAX);
	connections_check_input(server);
}

size_t server_connections(const struct server *server)
{
	return server->connection_count;
}

uint64_t server_refused(const struct server *server)
{
	return server->refused;
}

uint64_t server_requests(const struct server *server)
{
	return server->requests;
}

void server_count(struct server *server, enum http_method method, int status)
{
	if (status >= SERVER_STATUS_MIN && status < SERVER_STATUS_MIN + SERVER_STATUSES)
		server->answers[__builtin_ctz(method)][status - SERVER_STATUS_MIN]++;
}

uint64_t server_answers(const struct server *server, enum http_method method, int status)
{
	return server->answers[__builtin_ctz(method)][status - SERVER_STATUS_MIN];
}

void server_drain(struct server *server, unsigned deadline_ms)
{
	if (server->state != SERVER_RUNNING)
		return;
	listeners_close(server);
	server->context.shutdown_requested = 1; /* HTTP/1: Connection: close from now on */
	server->drain_began_ms = time_mono_ms();
	server->drain_ends_ms = server->drain_began_ms + deadline_ms;
	server->state = server->connection_count > 0 ? SERVER_DRAINING : SERVER_ENDED;
	connections_want_sweep(server, SERVER_DRAIN_SWEEP_MS);
}

bool server_is_draining(const struct server *server)
{
	return server->state != SERVER_RUNNING;
}

bool server_leave_if_idle(struct server *server)
{
	if (server->state != SERVER_RUNNING || server->connection_count > 0)
		return false;
	/* First deaf, then look: who comes in between waits in the queue and is seen. */
	listeners_rest(server);
	if (listeners_have_waiting(server)) {
		listeners_resume(server);
		return false;
	}
	listeners_close(server);
	server->state = SERVER_ENDED;
	return true;
}
