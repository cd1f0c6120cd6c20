/* SPDX-License-Identifier: MIT */
#ifndef AITHER_WORKER_ALERT_H
#define AITHER_WORKER_ALERT_H

/*
 * aither-worker --alert, what aither-alert@.service runs when aither-sync.service has failed. A sync that has
 * failed (exit status 1 of `aither sync`) the worker has reported itself. This covers what it cannot report:
 * that nobody could reach it (69), that it has not what it needs to run a sync (78), that the command may not
 * ask it (77), or that the command was killed.
 */

struct config;

/* Reads MONITOR_SERVICE_RESULT, MONITOR_EXIT_STATUS and MONITOR_UNIT (systemd.exec(5)); writes one event of
 * priority alert to the journal when there is something the worker has not reported, and sends one mail, at
 * most once a day: when is kept in a file in $RUNTIME_DIRECTORY. Where the mail server refuses it for now,
 * that takes up to NOTICES_RETRY_MS. Exit code; not 0: the mail could not be sent, or SIGTERM ended it.
 * Problems of the configuration count only where they keep the mail away. */
int alert_scheduled_sync(const struct config *config);

#endif
