/* SPDX-License-Identifier: MIT */
#ifndef AITHER_PUBLISHED_STATE_H
#define AITHER_PUBLISHED_STATE_H

/*
 * The state of aither-worker, in a file for aither-web: OUTPUT/.state.json, mode 0640, a few KB, without any
 * text from Hemera. The worker writes it when it starts, when a sync begins, when a list has been read, when
 * a sync or a refresh has ended, and when a mail has been sent or has failed. When it starts, it reads the
 * totals back, so that a restart resets no counter. aither-web answers /readyz and /metrics from the file,
 * and reads the age of the homepage's data from it.
 *
 *	{"version":1,"values":{"lastSuccessMs":1772000000000,...},
 *	 "hemeraRequests":{"200":12,"timeout":1},"hemeraDurations":{"counts":[0,3,...],"sumMs":812},
 *	 "syncDurations":{...}}
 *
 * The file is replaced by rename, without fdatasync: after a power cut it may be missing or old. Then the
 * counters start again from zero or from the old values; everything else is in the manifest.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "net/metric.h"

struct buf;
struct error;

#define STATE_FILE ".state.json"
#define STATE_SIZE_MAX (64u << 10) /* bytes; 4 KB with every status that Hemera is known to give */

enum state_value { /* points in time are in ms since 1970; 0 means never */
	STATE_WRITTEN_MS,
	STATE_DATA_MS,    /* when Hemera's list was last read: the age of the homepage's data */
	STATE_CONFIGURED, /* 0 or 1 */
	STATE_SYNCING,    /* 0 or 1 */
	STATE_FAILURES,   /* consecutive */
	STATE_LAST_SUCCESS_MS,
	STATE_LAST_ATTEMPT_MS,
	STATE_LAST_DURATION_MS,
	STATE_LAST_ERRORS,
	STATE_COURSES_PUBLISHED,
	STATE_COURSES_DEFERRED,
	STATE_NOTIFICATIONS_PENDING,
	STATE_NOTIFICATIONS_RUNNING,
	STATE_RUNS_SUCCESS, /* totals, from here on */
	STATE_RUNS_PARTIAL,
	STATE_RUNS_FAILED,
	STATE_RUNS_CANCELLED,
	STATE_PAGES_GENERATED,
	STATE_PAGES_SKIPPED,
	STATE_PAGES_DELETED,
	STATE_MAILS_SENT,
	STATE_MAILS_FAILED,
	STATE_MAILS_DROPPED,
	STATE_ITEMS_SENT,
	STATE_ITEMS_FAILED,
	STATE_ITEMS_DROPPED,
	STATE_CPU_MS,
	STATE_START_MS, /* about the current process, from here on */
	STATE_MAX_FDS,
	STATE_OPEN_FDS,
	STATE_RESIDENT_BYTES,
	STATE_VALUES
};

struct state {
	int64_t values[STATE_VALUES];
	struct metric_requests hemera; /* the running job adds to it on its thread */
	struct metric_histogram syncs;
};

void state_init(struct state *state); /* all zero; sets the bounds of the histograms */

/* Leaves *state unchanged on failure. A member that is missing or makes no sense is 0. *ret_stat: of the
 * file. */
int state_read(struct state *state, int directory, struct stat *ret_stat, struct error *err);

/* Sets STATE_WRITTEN_MS. One writer at a time. Errors: OUTPUT_ERROR. */
int state_write(struct state *state, int directory, struct error *err);

/* Appends the worker's part of GET /metrics, except for aither_worker_configured, about which aither-web
 * knows more. */
void state_metrics(struct buf *out, const struct state *state);

#endif
