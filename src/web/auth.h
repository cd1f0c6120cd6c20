/* SPDX-License-Identifier: MIT */
#ifndef AITHER_WEB_AUTH_H
#define AITHER_WEB_AUTH_H

/*
 * Access control. With a token set, it is needed always: as "Authorization: Bearer TOKEN". While none is
 * set, calls that AUTH_API protects are open to this machine (LocalAccess): both ends of the connection and
 * Host are loopback addresses, and nothing shows a proxy or a page of another site in between. A proxy that
 * leaves no trace cannot be detected.
 *
 * Private pages open with the pages password as that of Basic, or with the token, either way. Basic opens
 * nothing else: a browser repeats it unasked, so it must not start a sync. Nor does the pages password: staff
 * who read pages need not be able to run syncs.
 *
 * A wrong token or password is logged in the form that data/examples/fail2ban-filter.conf understands, with
 * AITHER_REMOTE_ADDR and REQUEST_ID as fields:
 *
 *	a wrong token from 192.0.2.7: POST /api/sync
 *	a wrong password from 192.0.2.7: GET /courses/
 *
 * The client chooses nothing in the line but one of our own routes. A missing token is not a wrong one: every
 * browser's first request for a private page has none.
 */

#include <stdbool.h>

/* The lines are for a ban, which needs a few of one address, and must not push everything else out of the
 * journal: 30 are at most 40 MB a day. */
#define AUTH_LOGGED_PER_MINUTE 30

struct error;
struct http_request;
struct http_response;

struct auth {
	const char *token, *pages_password; /* borrowed; NULL: not set */
	bool local_access;
	unsigned logged, unlogged; /* refusals in this minute */
};

enum auth_need {
	AUTH_API,   /* the token, or LocalAccess */
	AUTH_TOKEN, /* the token */
	AUTH_PAGE,  /* the token, or the pages password */
};

/* 0, or -EACCES with code UNAUTHORIZED or SYNC_TOKEN_NOT_SET. */
int auth_check(
	const struct auth *auth, const struct http_request *request, enum auth_need need, struct error *err);

/* After auth_check() has said UNAUTHORIZED: adds WWW-Authenticate to the answer, and logs a token or password
 * that the call accepts, but that is wrong. Requests over a unix socket have no address and are not logged.
 */
void auth_refuse(struct auth *auth, const struct http_request *request, struct http_response *response,
	enum auth_need need);

/* Once a minute: logs how many more refusals there were, and begins to count anew. */
void auth_next_minute(struct auth *auth);

#endif
