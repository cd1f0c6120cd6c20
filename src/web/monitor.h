/* SPDX-License-Identifier: MIT */
#ifndef AITHER_WEB_MONITOR_H
#define AITHER_WEB_MONITOR_H

/*
 * For monitoring: GET /healthz says that the process serves, GET /readyz that there is a recent homepage, GET
 * /metrics has statistics of both daemons. Those of the worker come from the state that it has published
 * (published/state.h), so no monitor starts the worker or keeps it running.
 */

#include "http/router.h"

struct web;

#define MONITOR_AGE_MAX_MS (2 * 24 * 3600 * 1000LL) /* two days: the daily sync has failed twice */

http_handler monitor_health, monitor_ready; /* their arg is the web */

/* After the token was checked. */
void monitor_metrics(struct web *web, struct http_response *response);

#endif
