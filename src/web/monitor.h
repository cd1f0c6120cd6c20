/* SPDX-License-Identifier: MIT */
#ifndef AITHER_WEB_MONITOR_H
#define AITHER_WEB_MONITOR_H

/*
 * For monitoring. GET /healthz says that the process serves requests, GET /readyz that there is a recent
 * homepage, and GET /metrics returns the metrics of both daemons. The worker's metrics come from its state
 * (published/state.h), so that monitoring neither starts the worker nor keeps it running. Only
 * after a call to the worker has failed may a scrape request a refresh, to find out whether it answers again.
 */

#include "http/router.h"

struct web;

#define MONITOR_AGE_MAX_MS (2 * 24 * 3600 * 1000LL) /* two days: the daily sync has failed twice */

http_handler monitor_health, monitor_ready; /* arg is the web */

/* Answers GET /metrics, after the caller has checked the token. */
void monitor_metrics(struct web *web, struct http_response *response);

#endif
