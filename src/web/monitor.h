/* SPDX-License-Identifier: MIT */
#ifndef AITHER_WEB_MONITOR_H
#define AITHER_WEB_MONITOR_H

/*
 * For monitoring: GET /healthz says that the process serves, GET /readyz that there is a recent homepage, GET
 * /metrics has statistics of both daemons. Those of the worker come from the state that it has published
 * (published/state.h), so no monitor starts the worker or keeps it running.
 */

#include <stdint.h>

struct http_response;
struct live;
struct server;
struct site;

#define MONITOR_AGE_MAX_MS (2 * 24 * 3600 * 1000LL) /* two days: the daily sync has failed twice */

void monitor_alive(struct http_response *response);
void monitor_ready(struct live *live, struct site *site, struct http_response *response);

/* start_ms: of this process, wall clock. */
void monitor_metrics(const struct server *server, struct live *live, struct site *site, int64_t start_ms,
	struct http_response *response);

#endif
