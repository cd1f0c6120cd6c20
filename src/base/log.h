/* SPDX-License-Identifier: MIT */
#ifndef AITHER_BASE_LOG_H
#define AITHER_BASE_LOG_H

/*
 * Each failure is logged once, at the top: sync, worker, web and the mains log; base, render and hemera
 * describe failures in struct error. Messages go to the journal, with fields, if stderr is connected to it
 * (JOURNAL_STREAM, systemd.exec(5)), else to stderr as "program: text" lines without a priority.
 * Never log a body, a token, a key, or a participant's name or text.
 */

#include <stdbool.h>
#include <stddef.h>
#include <syslog.h> /* LOG_ERR, LOG_WARNING, LOG_NOTICE, LOG_INFO, LOG_DEBUG */

/* A field of an event, in addition to MESSAGE, PRIORITY and SYSLOG_IDENTIFIER. Names consist of capital
 * letters, digits and underscores, as the journal requires, and begin with AITHER_. The exception is
 * REQUEST_ID, the X-Request-Id of the HTTP request. */
struct log_field {
	const char *name;
	const char *value; /* NULL: the field is left out */
};

/* Events that have an entry in the message catalog (units/aither.catalog). */
#define LOG_EVENT_SYNC_DONE "6a1d0e5e5c8b4f0c9d4f6f2b8a7c1e01"
#define LOG_EVENT_SYNC_FAILED "6a1d0e5e5c8b4f0c9d4f6f2b8a7c1e02"
#define LOG_EVENT_MANIFEST_DAMAGED "6a1d0e5e5c8b4f0c9d4f6f2b8a7c1e03"
#define LOG_EVENT_NOT_CONFIGURED "6a1d0e5e5c8b4f0c9d4f6f2b8a7c1e04"
#define LOG_EVENT_MASS_DELETE_REFUSED "6a1d0e5e5c8b4f0c9d4f6f2b8a7c1e05"
#define LOG_EVENT_KEY_REFUSED "6a1d0e5e5c8b4f0c9d4f6f2b8a7c1e06"
#define LOG_EVENT_SCHEDULED_SYNC_FAILED "6a1d0e5e5c8b4f0c9d4f6f2b8a7c1e07"
#define LOG_EVENT_ALERT_SENT "6a1d0e5e5c8b4f0c9d4f6f2b8a7c1e08"
#define LOG_EVENT_NOTIFY_FAILED "6a1d0e5e5c8b4f0c9d4f6f2b8a7c1e09"
#define LOG_EVENT_AUTH_REFUSED "6a1d0e5e5c8b4f0c9d4f6f2b8a7c1e0a"
#define LOG_EVENT_AUDIENCE_CHANGED "6a1d0e5e5c8b4f0c9d4f6f2b8a7c1e0b"

/* Call first. `program` is borrowed for the life of the process. */
void log_open(const char *program);

/* Is stderr connected to the journal? */
bool log_is_journal(void);

void log_write(int priority, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* One structured event; message_id may be NULL. Texts longer than 2 KiB are cut. */
void log_event(int priority, const char *message_id, const struct log_field *fields, size_t field_count,
	const char *format, ...) __attribute__((format(printf, 5, 6)));

#endif
