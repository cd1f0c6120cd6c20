/* SPDX-License-Identifier: MIT */
#ifndef AITHER_WORKER_ALERTS_H
#define AITHER_WORKER_ALERTS_H

/*
 * The mails of a sync that has ended: which are due (notify/incident.h), their text (notify/message.h),
 * sending them (mail.h), and noting in the manifest that they were sent. Blocks and knows no threads;
 * worker/notify.c calls it, one call at a time.
 *
 *	struct alerts alerts = { .config, .cancelled, .sent, .failed };    the rest zeroed
 *	retry_s = alerts_run(&alerts, sync);
 *
 * The due mails are in the manifest's incident, which the sync has saved. A mail that was sent while a sync
 * holds the manifest, or that cannot be noted for another reason, is remembered here until it is noted. The
 * one alert without a manifest is that the manifest cannot be written: struct mail_stamp remembers it, and
 * without its file this struct. While that lasts no other mail is sent, as nothing could be noted about it.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "notify/incident.h"
#include "worker/mail.h"

struct config;
struct json;

#define ALERTS_DUE_MAX 2 /* mails of one sync: about failures and about courses */
#define ALERTS_SENT_MAX (2 * ALERTS_DUE_MAX + INCIDENT_WAITING_MAX)

struct alerts_sync { /* owned by the caller of alerts_run */
	char job_id[HASH_UUID_SIZE];
	struct json *report; /* owned */
	unsigned consecutive_failures;
	int64_t last_success_ms;
	bool has_failed, manifest_unsaved;
	/* Private: of earlier calls with this sync. */
	struct mail_retry retry;
	char *refused; /* owned; recipients refused for good, NULL: none */
};

struct alerts_sent {                               /* a mail that the server has taken */
	char message_id[INCIDENT_MESSAGE_ID_SIZE]; /* "": unused */
	int64_t at_ms;
	struct incident_rest rest; /* owned texts */
};

struct alerts {
	const struct config *config;
	const atomic_bool *cancelled;
	atomic_ullong *sent, *failed; /* count mails */
	bool is_locked_out;           /* a sync held the manifest: call again when it has ended */

	/* Private. */
	struct alerts_sent unsaved[ALERTS_SENT_MAX]; /* not in the manifest yet; a ring */
	size_t unsaved_next;
	struct mail_stamp stamp;
	enum incident_kind
		output_kind; /* of the last mail about the output, which cannot be in the manifest */
	struct alerts_sent output;
	unsigned retry_s; /* of this call: when a mail that is refused for now is tried again; 0: never */
	bool wants_retry;
};

/* Sends the mails that are due after the sync; NULL: only notes those that were sent before. Returns in how
 * many seconds it is to be called with that sync again; 0: there is nothing to try again. */
unsigned alerts_run(struct alerts *alerts, struct alerts_sync *sync);

void alerts_done(struct alerts *alerts);
void alerts_sync_freep(struct alerts_sync **sync);

#endif
