/* SPDX-License-Identifier: MIT */
#ifndef AITHER_NET_METRIC_H
#define AITHER_NET_METRIC_H

/*
 * Statistics for Prometheus in its text format, version 0.0.4
 * (https://prometheus.io/docs/instrumenting/exposition_formats/):
 *
 *	metric_gauge(out, "aither_http_connections", "Open connections.", 3);
 *	metric_family(out, "aither_sync_runs_total", METRIC_COUNTER, "Syncs that have ended, by result.");
 *	metric_sample(out, 7, "aither_sync_runs_total{result=\"%s\"}", "success");
 *
 * Names and units follow Prometheus' conventions: seconds and bytes, _total for counters. A family is written
 * once, followed by all its samples. Labels have few values: never an id, a path or the name of a course.
 * All texts come from our own code and contain neither quotes nor backslashes. Check the buffer for overflow.
 */

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "net/fetch.h"

struct buf;

#define METRIC_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"
#define METRIC_SIZE_MAX (256u << 10) /* the metrics of both daemons take about 15 KiB */
#define METRIC_BOUNDS_MAX 12

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

/* `name` may be that of a sample, with its labels. */
void metric_family(struct buf *out, const char *name, enum metric_type type, const char *help);

/* Integers are exact up to 2^53; other values are rounded to a thousandth. `format`: name and labels. */
void metric_sample(struct buf *out, double value, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* A family that consists of one gauge. */
void metric_gauge(struct buf *out, const char *name, const char *help, double value);

/* A histogram of durations. Any thread may add to it. */
struct metric_histogram {
	unsigned bounds_ms[METRIC_BOUNDS_MAX]; /* ascending; 0 ends them */
	atomic_ullong counts[METRIC_BOUNDS_MAX + 1];
	atomic_ullong sum_ms;
};

void metric_observe(struct metric_histogram *histogram, uint64_t duration_ms);

/* `name` ends in the unit, seconds: "aither_sync_duration_seconds". */
void metric_histogram(
	struct buf *out, const char *name, const char *help, const struct metric_histogram *histogram);

/* HTTP requests by result: the first 500 counts are for the statuses 100 to 599, the others for the values of
 * enum fetch_failure. Any thread may add to it. */
#define METRIC_STATUS_MIN 100
#define METRIC_STATUS_MAX 599 /* a higher status counts as this one */
#define METRIC_RESULTS (METRIC_STATUS_MAX - METRIC_STATUS_MIN + 1 + FETCH_REFUSED)
#define METRIC_RESULT_SIZE 16

struct metric_requests {
	atomic_ullong counts[METRIC_RESULTS];
	struct metric_histogram durations;
};

/* `status` is used if failure is FETCH_OK. If `requests` is NULL, nothing is counted. */
void metric_request_ended(
	struct metric_requests *requests, enum fetch_failure failure, long status, uint64_t duration_ms);

const char *metric_result_name(
	unsigned index, char ret_name[static METRIC_RESULT_SIZE]); /* "200", "timeout" */

struct metric_process { /* of this process */
	double cpu_s, max_fds, open_fds, resident_bytes;
};

void metric_process_read(struct metric_process *ret_process);

/* process_cpu_seconds_total, _open_fds, _max_fds, _resident_memory_bytes, _start_time_seconds. start_ms: wall
 * clock. */
void metric_process(struct buf *out, int64_t start_ms);

#endif
