/* SPDX-License-Identifier: MIT */
#ifndef AITHER_NOTIFY_INCIDENT_H
#define AITHER_NOTIFY_INCIDENT_H

/*
 * Decides when the operator gets a mail, and which mail. Pure: state and report in, state out; this module
 * sends nothing.
 *
 * The state is a JSON object that the manifest keeps as "incident", so it survives restarts. NULL: nothing is
 * wrong and no mail is waiting.
 *
 *	{"openedAt", "messageId", "mailedAt", "mails":2,              the failures in a row
 *	 "due":{"kind":"failure","messageId"},                        the mail about them that is due
 *	 "withdrawn":{"kind","messageId","openedAt"},                 the mail that the last sync made untrue
 *	 "courses":[{"entity":"course c1","partials":3,"told":true}], courses that keep syncs partial, and
 *	 "coursesMessageId",                                          the mail due about those not "told"
 *	 "waiting":[{"kind","messageId","since","to","text"}]}        mails that some recipients still lack
 *
 *	state = incident_advance(state, &sync);     at the end of every sync, saved with the manifest
 *	incident_due(state, &alert), send it;       whenever there is time, also after a restart
 *	state = incident_sent(state, id, now_ms, rest);    sent, except to the recipients of rest
 *	incident_waiting(state, 0, &waiting), send it to its recipients, and call incident_sent again
 *
 * Two mails may be due at once, one about failures and one about courses; incident_due returns one after the
 * other.
 *
 * A mail that could not be sent stays due. It is dropped when it is no longer true: a failure or a reminder
 * when a sync succeeds (a recovery then replaces the reminder), a recovery when the next sync fails (the old
 * incident then continues). If the process dies before it has recorded that a mail was sent, the mail is sent
 * again with the same Message-ID, and mail programs show it once. If a sync ends between sending and
 * recording and drops that mail, the mail can still be recorded as sent until the next sync ends; the mail
 * that follows from it becomes due.
 *
 * If the server accepts a mail for some recipients but temporarily refuses it for others, the mail waits for
 * those others, exactly as it was sent. It is dropped when a newer mail about the failures, which goes to
 * all, becomes due; a mail about courses is dropped when no course has a problem any more.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json;

/* The time between two mails about the same failures. Half an hour less than a day, because the syncs of a
 * daily timer do not end exactly a day apart, and the mail would otherwise come only every other day. */
#define INCIDENT_PAUSE_MS INT64_C(84600000)
#define INCIDENT_COURSES_MAX 100     /* the most that a report names */
#define INCIDENT_MESSAGE_ID_SIZE 320 /* "<uuid@host>", host of at most 253 bytes */
#define INCIDENT_WAITING_MAX 4       /* one about failures, others about courses; the oldest is replaced */
#define INCIDENT_RECIPIENTS_MAX 8192 /* bytes; 20 addresses of MailTo */

enum incident_kind {
	INCIDENT_FAILURE,  /* FailureThreshold failed syncs in a row */
	INCIDENT_REMINDER, /* syncs still fail, INCIDENT_PAUSE_MS after the last mail */
	INCIDENT_RECOVERY, /* a sync has succeeded after a mail about failures */
	INCIDENT_COURSES,  /* FailureThreshold partial syncs in a row name the same course */
	INCIDENT_OUTPUT,   /* the manifest cannot be written: state kept elsewhere, see worker/alerts.h */
	INCIDENT_SCHEDULE, /* the scheduled sync did not run: sent by aither-worker --alert */
	INCIDENT_TEST,     /* aither test-mail */
	INCIDENT_KINDS
};

struct incident_sync {             /* a sync that has ended; all borrowed */
	const struct json *report; /* sync/report.h, as in the API */
	unsigned consecutive_failures, threshold;
	bool says_nothing; /* about health: it was cancelled or met the rate limit */
	int64_t now_ms;
};

struct incident_alert {
	enum incident_kind kind;
	char message_id[INCIDENT_MESSAGE_ID_SIZE];
	char thread_id[INCIDENT_MESSAGE_ID_SIZE]; /* the incident's first mail; "" in that mail itself */
};

/* Recipients for whom the mail server has temporarily refused a mail. */
struct incident_rest {
	const char *to;   /* addresses separated by commas */
	const char *text; /* the whole mail, as the other recipients got it (message.h) */
	int64_t since_ms; /* when it was first refused */
};

struct incident_waiting { /* borrowed from the state */
	enum incident_kind kind;
	const char *message_id;
	struct incident_rest rest;
};

/* Returns the state after that sync; owned, NULL: none. `json`, the state before the sync, stays the
 * caller's. An invalid state (after manual editing) counts as none. */
struct json *incident_advance(const struct json *json, const struct incident_sync *sync);

/* The mail that is due now; false: none is. */
bool incident_due(const struct json *json, struct incident_alert *ret_alert);

/* Returns the state after the mail with that id was sent; unchanged if no such mail is due or waiting.
 * `rest`: the recipients who have not got it yet; NULL, or `to` NULL: all have. Owned. */
struct json *incident_sent(
	const struct json *json, const char *message_id, int64_t now_ms, const struct incident_rest *rest);

/* The waiting mail with that index, where 0 is the oldest; false: there is none. */
bool incident_waiting(const struct json *json, size_t index, struct incident_waiting *ret_waiting);

/* The number of mails that are due or are waiting for at least one recipient. */
size_t incident_unsent(const struct json *json);

const char *incident_kind_name(enum incident_kind kind); /* "failure" */

/* Makes a new "<uuid@host>". The second function checks that a text has this form and can be used in headers
 * unchanged. */
void incident_message_id(const char *host, char ret_id[static INCIDENT_MESSAGE_ID_SIZE]);
bool incident_is_message_id(const char *text); /* NULL: no */

#endif
