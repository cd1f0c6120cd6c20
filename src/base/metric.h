/* SPDX-License-Identifier: MIT */
#ifndef AITHER_BASE_METRIC_H
#define AITHER_BASE_METRIC_H

/*
 * Figures for Prometheus in its text format, version 0.0.4
 * (https://prometheus.io/docs/instrumenting/exposition_formats/):
 *
 *	metric_gauge(out, "aither_http_connections", "Open connections.", 3);
 *	metric_family(out, "aither_sync_runs_total", METRIC_COUNTER, "Syncs that have ended, by result.");
 *	metric_sample(out, "aither_sync_runs_total", &(struct metric_label){ "result", "success" }, 1, 7);
 *
 * Names and units follow Prometheus' conventions: seconds and bytes, _total for counters. A family is written
 * once, all its samples behind it. Labels have few values, all of them ours: never an id, a path or a name of
 * a course. Overflow shows in the buffer.
 */

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

#define METRIC_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"
#define METRIC_SIZE_MAX (256u << 10) /* all figures of both daemons are some 15 KiB */
#define METRIC_BOUNDS_MAX 12

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

struct metric_label {
	const char *name, *value;
};

void metric_family(struct buf *out, const char *name, enum metric_type type, const char *help);

/* Integers are exact up to 2^53, anything else is rounded to a thousandth. */
void metric_sample(
	struct buf *out, const char *name, const struct metric_label *labels, size_t count, double value);

/* A gauge of one sample without labels. */
void metric_gauge(struct buf *out, const char *name, const char *help, double value);

/* How long things took. Any thread may add to it. */
struct metric_histogram {
	unsigned bounds_ms[METRIC_BOUNDS_MAX]; /* ascending; 0 ends them */
	atomic_ullong counts[METRIC_BOUNDS_MAX + 1];
	atomic_ullong sum_ms;
};

void metric_observe(struct metric_histogram *histogram, uint64_t duration_ms);

/* With a base name in seconds: "aither_sync_duration_seconds". */
void metric_histogram(
	struct buf *out, const char *name, const char *help, const struct metric_histogram *histogram);

/* What every process can tell of itself: PREFIX_cpu_seconds_total, _open_fds, _max_fds,
 * _resident_memory_bytes, _start_time_seconds. start_ms: wall clock. */
void metric_process(struct buf *out, const char *prefix, int64_t start_ms);

#endif
