/* SPDX-License-Identifier: MIT */
#include "hemera/figures.h"

#include <stdio.h>

#include "base/buf.h"

#define REQUESTS "aither_hemera_requests_total"

void hemera_figures_init(struct hemera_figures *figures)
{
	*figures = (struct hemera_figures){
		.durations.bounds_ms = { 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000 },
	};
}

static long limit_status(long status)
{
	if (status < HEMERA_STATUS_MIN)
		return HEMERA_STATUS_MIN;
	return status > HEMERA_STATUS_MAX ? HEMERA_STATUS_MAX : status;
}

void hemera_figures_add(
	struct hemera_figures *figures, enum fetch_failure failure, long status, uint64_t duration_ms)
{
	if (!figures)
		return;
	if (failure == FETCH_OK)
		atomic_fetch_add(&figures->answered[limit_status(status) - HEMERA_STATUS_MIN], 1);
	else
		atomic_fetch_add(&figures->failed[failure], 1);
	metric_observe(&figures->durations, duration_ms);
}

static void write_requests(struct buf *out, const char *code, unsigned count)
{
	const struct metric_label label = { "code", code };

	if (count > 0)
		metric_sample(out, REQUESTS, &label, 1, count);
}

void hemera_figures_write(struct buf *out, const struct hemera_figures *figures)
{
	static const char *const failures[HEMERA_FAILURES] = {
		[FETCH_OK] = "",
		[FETCH_UNREACHABLE] = "unreachable",
		[FETCH_LOST] = "lost",
		[FETCH_TIMEOUT] = "timeout",
		[FETCH_TOO_LARGE] = "too_large",
		[FETCH_UNREADABLE] = "unreadable",
		[FETCH_CANCELLED] = "cancelled",
		[FETCH_REFUSED] = "refused",
	};
	char code[12]; /* any int */

	metric_family(out, REQUESTS, METRIC_COUNTER,
		"Requests to Hemera that have ended, by HTTP status, or by what came instead of an answer.");
	for (int status = HEMERA_STATUS_MIN; status <= HEMERA_STATUS_MAX; status++) {
		snprintf(code, sizeof(code), "%d", status);
		write_requests(out, code, atomic_load(&figures->answered[status - HEMERA_STATUS_MIN]));
	}
	for (int failure = FETCH_OK + 1; failure < HEMERA_FAILURES; failure++)
		write_requests(out, failures[failure], atomic_load(&figures->failed[failure]));
	metric_histogram(out, "aither_hemera_request_duration_seconds",
		"How long requests to Hemera took, with or without an answer.", &figures->durations);
}
