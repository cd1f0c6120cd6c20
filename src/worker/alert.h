/* SPDX-License-Identifier: MIT */
#ifndef AITHER_WORKER_ALERT_H
#define AITHER_WORKER_ALERT_H

/*
 * aither-worker --alert, the program of aither-alert@.service, which runs when aither-sync.service has
 * failed. The worker itself reports a sync that has failed (exit status 1 of `aither sync`). This covers the
 * other ends: the worker could not be reached (69), it lacks what it needs to run a sync (78), the command is
 * not allowed to ask it (77), or the command was killed.
 */

struct config;

/* Reads MONITOR_SERVICE_RESULT, MONITOR_EXIT_STATUS and MONITOR_UNIT (systemd.exec(5)). For an end that the
 * worker has not reported it writes one event of priority alert to the journal, and sends one mail, at most
 * once a day (struct mail_stamp). Where the mail server refuses it for now, that takes up to MAIL_RETRY_MS.
 * Exit code; not 0: the mail could not be sent, or SIGTERM ended it. Problems of the configuration count only
 * where they prevent the mail. */
int alert_scheduled_sync(const struct config *config);

#endif
