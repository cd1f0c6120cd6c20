/* SPDX-License-Identifier: MIT */
#ifndef AITHER_WORKER_ALERTS_H
#define AITHER_WORKER_ALERTS_H

/*
 * Sends alert mails. Two senders share this module and the limit of one mail a day.
 *
 * The worker, after a sync (worker/notify.c; on a thread, one call at a time): sends the mails that are due
 * (notify/incident.h) and records in the manifest that they were sent.
 *
 *	struct alerts alerts = { .config, .cancelled };    all other members zeroed
 *	retry_s = alerts_run(&alerts, sync);
 *	alerts_run(&alerts, NULL);                         while alerts.is_locked_out
 *
 * The due mails are part of the manifest's incident, which the sync has saved. If a mail cannot be recorded
 * as sent, for example because a sync holds the manifest, struct alerts remembers the mail until it is
 * recorded. struct alerts_stamp remembers the mail about a manifest that cannot be written. As long as the
 * manifest cannot be written, no other mail is sent, because it could not be recorded.
 *
 * aither-worker --alert: aither-alert@.service runs this program when aither-sync.service has failed. The
 * worker itself reports a sync that has failed (exit status 1 of `aither sync`). --alert reports all other
 * failures of the command: it could not reach the worker (69), the worker is not configured (78), the command
 * may not call the worker (77), or it was killed.
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
	/* Private: state of earlier calls with this sync. */
	struct mail_retry retry;
	char *refused; /* owned; recipients refused permanently, NULL: none */
};

struct alerts_sent {                               /* a mail that the mail server has accepted */
	char message_id[INCIDENT_MESSAGE_ID_SIZE]; /* "": unused */
	int64_t at_ms;
	struct incident_rest rest; /* owned texts */
};

/* The last mail about a problem that cannot be recorded in the manifest, because the manifest cannot be
 * written or no sync runs. Kept in a file in $RUNTIME_DIRECTORY (systemd.exec(5)), which outlives the
 * process. */
struct alerts_stamp {
	char message_id[INCIDENT_MESSAGE_ID_SIZE]; /* of the first mail about it; "": none was sent */
	int64_t mailed_ms;
};

struct alerts {
	const struct config *config;
	const atomic_bool *cancelled;
	unsigned sent, failed; /* output: mails of this call */
	size_t unsent;         /* output: mails that are due or waiting after the last call with a sync */
	bool is_locked_out;    /* output: a sync holds the manifest, so sent mails are not recorded yet */

	/* Private. */
	struct alerts_sent unsaved[ALERTS_SENT_MAX]; /* sent, but not in the manifest yet; a ring */
	size_t unsaved_next;
	struct alerts_stamp stamp;
	enum incident_kind
		output_kind; /* of the last mail about the manifest, which cannot be recorded in it */
	struct alerts_sent output;
	unsigned retry_s; /* of this call: when a temporarily refused mail is retried; 0: never */
	bool wants_retry;
};

/* Records the mails that were sent before, then sends the mails that are due after the sync. With NULL it
 * only records. Returns after how many seconds to call it again with the same sync, to retry; 0: do not
 * retry. */
unsigned alerts_run(struct alerts *alerts, struct alerts_sync *sync);

void alerts_done(struct alerts *alerts);
void alerts_sync_freep(struct alerts_sync **sync);

/* Reads MONITOR_SERVICE_RESULT, MONITOR_EXIT_STATUS and MONITOR_UNIT (systemd.exec(5)). If the worker has not
 * reported this failure itself, writes one event of priority alert to the journal and sends one mail, at most
 * once a day (struct alerts_stamp). If the mail server refuses the mail temporarily, this takes up to
 * MAIL_RETRY_MS. Returns the exit code; other than 0 when the mail could not be sent. (SIGTERM ends the
 * process.) Problems of the configuration matter only if they prevent the mail. */
int alerts_scheduled_sync(const struct config *config);

#endif
