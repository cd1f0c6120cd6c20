/* SPDX-License-Identifier: MIT */
#ifndef AITHER_WORKER_ALERTS_H
#define AITHER_WORKER_ALERTS_H

/*
 * Sends alert mails. Two senders share this module, and the rule of one mail a day:
 *
 * After a sync (worker/notify.c, on a thread, one call at a time): sends the mails that are due
 * (notify/incident.h), and notes in the manifest that they were sent.
 *
 *	struct alerts alerts = { .config, .cancelled };    the rest zeroed
 *	retry_s = alerts_run(&alerts, sync);
 *	alerts_run(&alerts, NULL);                         while alerts.is_locked_out
 *
 * The due mails are in the manifest's incident, which the sync has saved. A mail that was sent while a sync
 * holds the manifest, or that cannot be noted for another reason, is remembered in struct alerts until it is
 * noted. That the manifest cannot be written is remembered in struct alerts_stamp. While that lasts, no other
 * mail is sent, because nothing could be noted about it.
 *
 * aither-worker --alert, the program of aither-alert@.service, which runs when aither-sync.service has
 * failed: the worker itself reports a sync that has failed (exit status 1 of `aither sync`). This covers the
 * other ends: the worker could not be reached (69), it lacks what it needs to run a sync (78), the command is
 * not allowed to ask it (77), or the command was killed.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "notify/incident.h"
#include "worker/mail.h"

struct config;
struct json;

#define ALERTS_DUE_MAX 2 /* mails of one sync: about failures and about courses */
#define ALERTS_SENT_MAX (2 * ALERTS_DUE_MAX + INCIDENT_WAITING_MAX)

struct alerts_sync {         /* owned by the caller of alerts_run */
	struct json *report; /* owned; as GET /api/sync/status shows it */
	bool manifest_unsaved;
	/* Private: of earlier calls with this sync. */
	struct mail_retry retry;
	char *refused; /* owned; recipients refused for good, NULL: none */
};

struct alerts_sent {                               /* a mail that the server has accepted */
	char message_id[INCIDENT_MESSAGE_ID_SIZE]; /* "": unused */
	int64_t at_ms;
	struct incident_rest rest; /* owned texts */
};

/* The last mail about a problem that the manifest cannot record: it cannot be written, or no sync is run.
 * Kept in a file in $RUNTIME_DIRECTORY (systemd.exec(5)), which outlives the process. */
struct alerts_stamp {
	char message_id[INCIDENT_MESSAGE_ID_SIZE]; /* of the first mail about it; "": there was none */
	int64_t mailed_ms;
};

struct alerts {
	const struct config *config;
	const atomic_bool *cancelled;
	unsigned sent, failed; /* output: mails of this call */
	size_t unsent;         /* output: mails that are due or wait, after the last call with a sync */
	bool is_locked_out;    /* output: a sync holds the manifest, so mails that were sent are not noted */

	/* Private. */
	struct alerts_sent unsaved[ALERTS_SENT_MAX]; /* not in the manifest yet; a ring */
	size_t unsaved_next;
	struct alerts_stamp stamp;
	enum incident_kind
		output_kind; /* of the last mail about the output, which cannot be in the manifest */
	struct alerts_sent output;
	unsigned retry_s; /* of this call: when a mail that is refused for now is tried again; 0: never */
	bool wants_retry;
};

/* Notes the mails that were sent before, and sends those that are due after the sync (NULL: none). Returns in
 * how many seconds it is to be called with that sync again, to retry; 0: not at all. */
unsigned alerts_run(struct alerts *alerts, struct alerts_sync *sync);

void alerts_done(struct alerts *alerts);
void alerts_sync_freep(struct alerts_sync **sync);

/* Reads MONITOR_SERVICE_RESULT, MONITOR_EXIT_STATUS and MONITOR_UNIT (systemd.exec(5)). For an end that the
 * worker has not reported it writes one event of priority alert to the journal, and sends one mail, at most
 * once a day (struct alerts_stamp). Where the mail server refuses it for now, that takes up to MAIL_RETRY_MS.
 * Exit code; not 0: the mail could not be sent, or SIGTERM ended it. Problems of the configuration count only
 * where they prevent the mail. */
int alerts_scheduled_sync(const struct config *config);

#endif
