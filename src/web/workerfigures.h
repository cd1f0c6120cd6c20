/* SPDX-License-Identifier: MIT */
#ifndef AITHER_WEB_WORKERFIGURES_H
#define AITHER_WEB_WORKERFIGURES_H

/*
 * The worker's figures as last heard. The worker leaves when it is idle, and the next one counts from zero: a
 * monitor that saw 1 sync yesterday and sees 1 today takes it for the same one. So counters and histograms go
 * on here where the former worker's ended, and begin anew only with aither-web itself.
 */

#include <stddef.h>

struct buf;

#define WORKERFIGURES_SERIES_MAX 1024 /* the worker has some 70; more are shown as they come */
#define WORKERFIGURES_LINE_MAX 512    /* longer lines are dropped */

/* The sample by which a new worker is known from the former one. */
#define WORKERFIGURES_START "aither_worker_start_time_seconds"

struct workerfigures;

struct workerfigures *workerfigures_new(void); /* owned */
void workerfigures_freep(struct workerfigures **figures);

/* What the worker answered, in the format of base/metric.h. */
void workerfigures_take(struct workerfigures *figures, const char *text);

/* Appends what was taken last, with the counters continued. */
void workerfigures_write(struct buf *out, const struct workerfigures *figures);

/* The value of a sample without labels, as taken last; `otherwise` when there is none of that name. */
double workerfigures_value(const struct workerfigures *figures, const char *name, double otherwise);

#endif
