/* SPDX-License-Identifier: MIT */
#ifndef AITHER_WEB_OPENAPI_H
#define AITHER_WEB_OPENAPI_H

/*
 * GET /api/openapi.json: data/openapi.json as it was when the program was built, so that program and
 * description never differ. Tests hold it against the route tables and against real answers.
 */

#include "http/http.h"

#define OPENAPI_ETAG_SIZE 35 /* quotes, 32 digits of a SHA-256, NUL */

struct openapi {
	struct http_body *body; /* owned; NULL before the first request */
	char etag[OPENAPI_ETAG_SIZE];
};

void openapi_answer(
	struct openapi *openapi, const struct http_request *request, struct http_response *response);
void openapi_done(struct openapi *openapi);

#endif
