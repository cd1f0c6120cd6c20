/* SPDX-License-Identifier: MIT */
#ifndef AITHER_WORKER_ALERT_H
#define AITHER_WORKER_ALERT_H

/*
 * aither-worker --alert, what aither-alert@.service runs when aither-sync.service has failed. The worker
 * reports every sync that it ran itself; this covers what it cannot report: that nobody could reach it
 * (exit status 69 of `aither sync`) or that the command was killed.
 */

/* Reads MONITOR_SERVICE_RESULT, MONITOR_EXIT_STATUS and MONITOR_UNIT (systemd.exec(5)); writes one event of
 * priority alert to the journal when there is something the worker has not reported. Exit code. */
int alert_scheduled_sync(void);

#endif
