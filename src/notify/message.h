/* SPDX-License-Identifier: MIT */
#ifndef AITHER_NOTIFY_MESSAGE_H
#define AITHER_NOTIFY_MESSAGE_H

/*
 * The text of a mail to the operator, ready for SMTP (RFC 5322, CRLF, lines of at most 998 bytes): From, To,
 * Date, Message-ID, In-Reply-To and References, Subject (RFC 2047 where it is not ASCII), Auto-Submitted,
 * MIME headers, X-Aither-Job, and a text/plain UTF-8 body (quoted-printable). The body says what happened and
 * since when, lists the last errors with a remedy for each code, and names the site and the commands that
 * show the details.
 *
 * Text from Hemera or the configuration cannot inject a header: control characters become spaces. A mail
 * contains no secret and no participant's data: errors name entities and codes, and their messages are
 * written without such data.
 */

#include <stdint.h>

#include "notify/incident.h"

struct buf;
struct json;

#define MESSAGE_SIZE_MAX (256 << 10) /* 100 errors of 1 KiB, and the other text */
#define MESSAGE_ERRORS_MAX 10        /* in the body; the report lists more */

struct message {
	const struct incident_alert *alert;
	const char *from;      /* "NAME <ADDRESS>" with NAME unquoted, or a bare address */
	const char *to;        /* bare addresses, or names on `host`, separated by commas */
	const char *host;      /* the machine that aither runs on */
	const char *site_name; /* [Site] Name */
	const char *site_url;  /* NULL: unknown */
	/* The report of the last sync, as GET /api/sync/status shows it. NULL for a test mail. For
	 * INCIDENT_SCHEDULE only "errors" is used. */
	const struct json *report;
	const struct json *state;   /* of the incident; NULL without one */
	const struct json *courses; /* named in it: {"course c1":{"title","slug"}}; may be NULL */
	int64_t now_ms;
};

/* Appends to `out`. On overflow, buf_overflowed(out) is true. */
void message_write(struct buf *out, const struct message *message);

#endif
