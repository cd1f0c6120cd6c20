/* SPDX-License-Identifier: MIT */
#ifndef AITHER_WEB_INTERNAL_H
#define AITHER_WEB_INTERNAL_H

#include <stdint.h>

#include "http/router.h"
#include "web/auth.h"
#include "web/openapi.h"
#include "web/web.h"

struct web {
	struct web_options options;
	struct auth auth;
	uint64_t connections_refused; /* up to the last minute */
	uint64_t gzip_pause_ms;       /* see page_answer */
	struct http_router router;
	struct server *server; /* owned, as all below */
	struct thread_queue *queue;
	struct site *site;
	struct phrases *phrases;
	struct relay *relay;
	struct server_watch *patience; /* the server's: until the relay gives up, when all stops */
	struct live *live;
	int64_t start_ms; /* of the process, wall clock */
	struct openapi openapi;
};

/* routes.c */
extern const struct http_route web_routes[];
extern const size_t web_route_count;
/* arg: the web */
void web_fail(const struct http_request *request, struct http_response *response, int status, void *arg);

#endif
