/* SPDX-License-Identifier: MIT */
#ifndef AITHER_TESTS_BENCH_WATCH_H
#define AITHER_TESTS_BENCH_WATCH_H

/*
 * A stopwatch inside the sync. The linker (--wrap, see Makefile.am) redirects the sync's calls of
 * hemera/client.h, of the manifest, templates and homepage, and of fsync, fdatasync and syncfs to
 * bench-watch.c, which attributes the time:
 *
 *	watch_start();
 *	sync_run(...);
 *	watch_stop(times, &flushes);
 *
 * The time of callbacks from Hemera's client counts as the sync's own again. Reading the clocks takes about
 * 1 us. That happens twice for each course, and half of it counts as the sync's.
 */

#include <stdint.h>

enum watch_kind {
	WATCH_OWN,      /* the pages: plan, hash, render, publish, remove; the report */
	WATCH_MANIFEST, /* reading and writing it */
	WATCH_SITE,     /* reading the templates, the homepage */
	WATCH_FETCH,    /* Hemera's client: requests, parsing and checking the answers */
	WATCH_FLUSH,    /* fsync, fdatasync, syncfs */
	WATCH_KINDS
};

/* Of all threads. The sum of user and system is exact; the kernel splits it by sampling. */
struct watch_time {
	int64_t user_us, system_us, wall_us;
};

void watch_start(void);
void watch_stop(struct watch_time ret_times[static WATCH_KINDS], unsigned *ret_flushes);

#endif
