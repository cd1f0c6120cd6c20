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
 * nothing else: a browser repeats it unasked, so it must not start a sync. Nor does the pages password: those
 * who read pages need not be able to run syncs.
 */

#include <stdbool.h>

struct error;
struct http_request;
struct http_response;

struct auth {
	const char *token, *pages_password; /* borrowed; NULL: not set */
	bool local_access;
};

enum auth_need {
	AUTH_API,   /* the token, or LocalAccess */
	AUTH_TOKEN, /* the token */
	AUTH_PAGE,  /* the token, or the pages password */
};

/* 0, or -EACCES with code UNAUTHORIZED or SYNC_TOKEN_NOT_SET. */
int auth_check(
	const struct auth *auth, const struct http_request *request, enum auth_need need, struct error *err);

/* Does the request try a token or password, right or wrong, in a way that the call accepts? */
bool auth_has_credentials(const struct http_request *request, enum auth_need need);

/* Adds WWW-Authenticate to the answer of an UNAUTHORIZED. */
void auth_challenge(const struct auth *auth, struct http_response *response, enum auth_need need);

#endif
