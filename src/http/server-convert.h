/* SPDX-License-Identifier: MIT */
#ifndef AITHER_HTTP_SERVER_CONVERT_H
#define AITHER_HTTP_SERVER_CONVERT_H

/*
 * Converts libh2o's request to ours, and our response to libh2o's. Nothing here reads or sends. All memory
 * comes from the pool of libh2o's request and is valid as long as the request.
 */

#include <h2o.h>

struct http_request;
struct http_response;

/* Fills in all members except peer and connection. Returns 0, or the status that refuses the request: 400,
 * 414 or 431. Even then, method and request id are valid; the path is "/".
 */
int convert_request(h2o_req_t *req, struct http_request *ret_request);

/* Fills in the library's status, headers and Content-Length. req->res.content_length is SIZE_MAX if the
 * response has no length and therefore no body. */
void convert_response(h2o_req_t *req, const struct http_response *response, const char *request_id);

#endif
