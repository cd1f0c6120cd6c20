/* SPDX-License-Identifier: MIT */
#ifndef AITHER_HTTP_ENVELOPE_H
#define AITHER_HTTP_ENVELOPE_H

/*
 * The envelope of every JSON response:
 *	{"success":true, "data":{...}, "meta":{"requestId","timestamp","version":"1.0"}}
 *	{"success":false,"error":{"code","message"},["data":..],"meta":{...}}
 * X-Request-Id repeats the id; Cache-Control is no-store.
 */

#include "http/http.h"

struct error;
struct json;

/* Sent by both halves. Only a person at this machine may override MaxDeletePercent. */
#define ENVELOPE_FORCE_FORBIDDEN \
	"force is permitted on the command line of this machine only: aither sync --force"

/* `owned_data` may be NULL: data is then null in a success, and absent in an error. */
void envelope_success(
	struct http_response *response, const char *request_id, int status, struct json *owned_data);

/* The status comes from error_http_status, Retry-After from error->retry_after_s. */
void envelope_error(struct http_response *response, const char *request_id, const struct error *error,
	struct json *owned_data);

/* For errors without a struct error: sets the code and the message for a status (400, 404, 405, 413, 414,
 * 431...). */
void envelope_status(struct http_response *response, const char *request_id, int status, const char *path);

#endif
