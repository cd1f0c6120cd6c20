/* SPDX-License-Identifier: MIT */
#ifndef AITHER_BASE_SMTP_FAILURE_H
#define AITHER_BASE_SMTP_FAILURE_H

/*
 * Private to base/smtp.c: why a mail could not be sent, as a sentence that says what to do. The server's own
 * words are in it where it has said something, the password never.
 */

#include <curl/curl.h>
#include <stdbool.h>

#include "base/curl-common.h"

struct error;
struct smtp_dialog;
struct smtp_server;

struct smtp_failure {
	CURLcode code;  /* not CURLE_OK */
	bool named;     /* the host has an address */
	bool connected; /* somebody has answered at the address */
	enum curl_common_distrust distrust;
	const char *reason; /* libcurl's */
	const struct smtp_dialog *dialog;
};

/* The errno as smtp.h has it. */
int smtp_failure_describe(
	const struct smtp_failure *failure, const struct smtp_server *server, struct error *err);

/* After success: leaves in err what the operator is to know all the same, that some recipients were refused
 * or that there was no login, or nothing. */
void smtp_failure_warn(const struct smtp_server *server, const struct smtp_dialog *dialog, struct error *err);

#endif
