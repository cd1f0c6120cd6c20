/* SPDX-License-Identifier: MIT */
#ifndef AITHER_NOTIFY_MESSAGE_H
#define AITHER_NOTIFY_MESSAGE_H

/*
 * The text of a mail to the operator, ready for SMTP (RFC 5322, CRLF, lines of at most 998 bytes): From, To,
 * Date, Message-ID, In-Reply-To and References, Subject (RFC 2047 where it is not ASCII), Auto-Submitted,
 * MIME headers, X-Aither-Job, and a text/plain UTF-8 body (quoted-printable) that says what happened, since
 * when, the last errors with a remedy for each code, which site it is about, and the commands that tell more.
 * No header can be injected by anything that comes from Hemera or from the configuration: control characters
 * become spaces. No secret and nothing of a participant is in it: errors name entities and codes, and their
 * messages are made so.
 */

#include <stdint.h>

#include "notify/incident.h"

struct buf;
struct json;

#define MESSAGE_SIZE_MAX (256 << 10) /* 100 errors of 1 KiB, and the rest */
#define MESSAGE_ERRORS_MAX 10        /* in the body; the report has more */

struct message {
	const struct incident_alert *alert;
	const char *from;      /* "NAME <ADDRESS>", not quoted, or a bare address */
	const char *to;        /* bare addresses, or names on `host`, separated by commas */
	const char *host;      /* where aither runs */
	const char *site_name; /* [Site] Name */
	const char *site_url;  /* NULL: not known */
	/* Of the last sync, as GET /api/sync/status shows it; NULL: none, for a test mail. INCIDENT_SCHEDULE:
	 * only its "errors". */
	const struct json *report;
	const struct json *state;   /* of the incident; NULL where there is none */
	const struct json *courses; /* that it names, {"course c1":{"title","slug"}}; may be NULL */
	int64_t now_ms;
};

void message_write(
	struct buf *out, const struct message *message); /* appends; overflow shows in the buffer */

#endif
