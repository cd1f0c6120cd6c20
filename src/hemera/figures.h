/* SPDX-License-Identifier: MIT */
#ifndef AITHER_HEMERA_FIGURES_H
#define AITHER_HEMERA_FIGURES_H

/*
 * What became of the requests to Hemera, for GET /metrics. It lives as long as the worker; the one running
 * job adds to it on its thread while the loop reads.
 */

#include <stdatomic.h>
#include <stdint.h>

#include "base/fetch.h"
#include "base/metric.h"

struct buf;

#define HEMERA_STATUS_MIN 100
#define HEMERA_STATUS_MAX 599 /* what a server says beyond counts as the highest */
#define HEMERA_FAILURES (FETCH_REFUSED + 1)

struct hemera_figures {
	atomic_uint answered[HEMERA_STATUS_MAX - HEMERA_STATUS_MIN + 1]; /* by HTTP status */
	atomic_uint failed[HEMERA_FAILURES]; /* requests without an answer; of FETCH_OK: none */
	struct metric_histogram durations;
};

void hemera_figures_init(struct hemera_figures *figures);

/* A request has ended. figures may be NULL: nobody counts. */
void hemera_figures_add(
	struct hemera_figures *figures, enum fetch_failure failure, long status, uint64_t duration_ms);

void hemera_figures_write(struct buf *out, const struct hemera_figures *figures);

#endif
