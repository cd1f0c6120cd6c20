/* SPDX-License-Identifier: MIT */
#ifndef AITHER_NOTIFY_INCIDENT_H
#define AITHER_NOTIFY_INCIDENT_H

/*
 * When the operator gets a mail, and which. Pure: state and report in, state out; nothing is sent here.
 *
 * The state is a JSON object that the manifest keeps as "incident" (NULL: nothing is wrong and nothing is
 * waiting), so it survives restarts:
 *
 *	{"openedAt", "messageId", "mailedAt", "mails":2,              the failures in a row
 *	 "due":{"kind":"failure","messageId"},                        the mail about them that is due
 *	 "withdrawn":{"kind","messageId","openedAt"},                 one that the last sync made untrue
 *	 "courses":[{"entity":"course c1","partials":3,"told":true}], courses that keep syncs partial, and
 *	 "coursesMessageId",                                          the mail that is due ("told" is false)
 *	 "waiting":[{"kind","messageId","since","to","text"}]}        mails that some recipients have got
 *
 *	state = incident_advance(state, &sync);     at the end of every sync, saved with the manifest
 *	incident_due(state, &alert), send it;       whenever there is time, also after a restart
 *	state = incident_sent(state, id, now_ms, rest);    sent, except to the recipients of rest
 *	incident_waiting(state, 0, &waiting), send it again to the rest, and call incident_sent as before
 *
 * Two mails may be due at once, about failures and about courses; incident_due gives one after the other.
 *
 * A mail that could not be sent stays due, and is dropped when what it says is no longer true: a
 * failure or a reminder when a sync succeeds (then a recovery takes the reminder's place), a recovery
 * when the next sync fails, for which the old incident continues. If the process dies before it has noted
 * that a mail was sent, the mail is sent again with the same Message-ID, which mail programs show once.
 * If a sync ends in between, a mail that this sync has dropped can still be noted as sent until the
 * next sync ends; the mail that follows from it becomes due.
 *
 * A mail that the server has accepted for some recipients but refused for others for now waits for
 * these, in the form in which it was sent. It is dropped when a newer mail about the failures is due,
 * which goes to all; a mail about courses is dropped when every course is well again.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json;

/* Between two mails about the same failures, half an hour less than a day: a daily timer's syncs do not end a
 * day apart to the second, and a mail every other day would be too few. */
#define INCIDENT_PAUSE_MS INT64_C(84600000)
#define INCIDENT_COURSES_MAX 100     /* as many as a report names */
#define INCIDENT_MESSAGE_ID_SIZE 320 /* "<uuid@host>", host of at most 253 bytes */
#define INCIDENT_WAITING_MAX 4       /* about failures one, the rest about courses; the oldest gives way */
#define INCIDENT_RECIPIENTS_MAX 8192 /* bytes; 20 addresses of MailTo */

enum incident_kind {
	INCIDENT_FAILURE,  /* FailureThreshold failed syncs in a row */
	INCIDENT_REMINDER, /* syncs still fail, INCIDENT_PAUSE_MS after the last mail */
	INCIDENT_RECOVERY, /* a sync succeeded after a mail about failures */
	INCIDENT_COURSES,  /* FailureThreshold partial syncs in a row name the same course */
	INCIDENT_OUTPUT,   /* the manifest cannot be written: state kept elsewhere, see worker/alerts.h */
	INCIDENT_SCHEDULE, /* the scheduled sync did not run: sent by aither-worker --alert */
	INCIDENT_TEST,     /* aither test-mail */
	INCIDENT_KINDS
};

struct incident_sync {             /* a sync that has ended; all borrowed */
	const struct json *report; /* sync/report.h, as in the API */
	unsigned consecutive_failures, threshold;
	bool says_nothing; /* about health: cancelled, or at the rate limit */
	int64_t now_ms;
};

struct incident_alert {
	enum incident_kind kind;
	char message_id[INCIDENT_MESSAGE_ID_SIZE];
	char thread_id[INCIDENT_MESSAGE_ID_SIZE]; /* of the incident's first mail, "" for the first itself */
};

/* Recipients that the mail server refuses for now. */
struct incident_rest {
	const char *to;   /* addresses separated by commas */
	const char *text; /* the whole mail, as the others have received it (message.h) */
	int64_t since_ms; /* it was first refused */
};

struct incident_waiting { /* borrowed from the state */
	enum incident_kind kind;
	const char *message_id;
	struct incident_rest rest;
};

/* The state after that sync; owned, NULL: none. `json` is the state before it and stays the caller's. A
 * state that makes no sense (after manual editing) counts as none. */
struct json *incident_advance(const struct json *json, const struct incident_sync *sync);

bool incident_due(const struct json *json, struct incident_alert *ret_alert);

/* The state after the mail with that id has been sent; unchanged if no such mail was due or waits. `rest`:
 * the recipients who have not got it yet; NULL, or `to` NULL: none is left. Owned. */
struct json *incident_sent(
	const struct json *json, const char *message_id, int64_t now_ms, const struct incident_rest *rest);

/* The mail with that index, the oldest is 0; false: there is none. */
bool incident_waiting(const struct json *json, size_t index, struct incident_waiting *ret_waiting);

/* How many mails are due or wait, for some recipients at least. */
size_t incident_unsent(const struct json *json);

const char *incident_kind_name(enum incident_kind kind); /* "failure" */

/* A new "<uuid@host>"; and whether a text has that form and can be used in headers unchanged. */
void incident_message_id(const char *host, char ret_id[static INCIDENT_MESSAGE_ID_SIZE]);
bool incident_is_message_id(const char *text); /* NULL: no */

#endif
