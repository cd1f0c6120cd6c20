/* SPDX-License-Identifier: MIT */
#ifndef AITHER_WEB_AUTH_H
#define AITHER_WEB_AUTH_H

/*
 * Access control. Once a token is set, API calls always need it: "Authorization: Bearer TOKEN". While none is
 * set, calls that AUTH_API protects are open to this machine (LocalAccess): both ends of the connection and
 * Host are loopback addresses, and nothing suggests a proxy or a page of another site in between. A proxy
 * that leaves no trace cannot be detected.
 *
 * Private pages open with the pages password as the password of Basic, or with the token as Bearer or Basic.
 * Basic opens nothing else: a browser repeats it without asking, so it must not start a sync. The pages
 * password opens nothing else either: staff who read pages need not be able to run syncs.
 *
 * A wrong token or password is logged in the form that data/examples/fail2ban-filter.conf understands, with
 * AITHER_REMOTE_ADDR and REQUEST_ID as fields:
 *
 *	a wrong token from 192.0.2.7: POST /api/sync
 *	a wrong password from 192.0.2.7: GET /courses/
 *
 * The client cannot put text of its own into the line: the path is one of our routes. A missing token is not
 * logged as a wrong one, because every browser's first request for a private page has none.
 */

#include <stdbool.h>

/* fail2ban needs a few lines of one address for a ban. More must not push everything else out of the journal:
 * 30 per minute are at most 40 MB a day. */
#define AUTH_LOGGED_PER_MINUTE 30

struct error;
struct http_request;
struct http_response;

struct auth {
	const char *token, *pages_password; /* borrowed; NULL: not set */
	bool local_access;
	unsigned logged, unlogged; /* wrong tokens and passwords in this minute */
};

enum auth_need {
	AUTH_API,   /* the token, or LocalAccess */
	AUTH_TOKEN, /* the token */
	AUTH_PAGE,  /* the token, or the pages password */
};

/* 0, or -EACCES with code UNAUTHORIZED or SYNC_TOKEN_NOT_SET. */
int auth_check(
	const struct auth *auth, const struct http_request *request, enum auth_need need, struct error *err);

/* To be called after auth_check() has failed with UNAUTHORIZED: adds WWW-Authenticate to the response, and
 * logs a wrong token or password if it was sent with a scheme that the call accepts. Requests over a unix
 * socket have no address and are not logged. */
void auth_refuse(struct auth *auth, const struct http_request *request, struct http_response *response,
	enum auth_need need);

/* To be called once a minute: logs how many attempts were not logged, and resets the counters. */
void auth_next_minute(struct auth *auth);

#endif
