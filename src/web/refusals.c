/* SPDX-License-Identifier: MIT */
#include "web/refusals.h"

#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "http/http.h"

void refusals_log(struct refusals *refusals, const struct http_request *request, enum auth_need need)
{
	char address[HTTP_ADDRESS_SIZE];

	if (request->peer == HTTP_PEER_UNIX || !auth_has_credentials(request, need))
		return;
	if (refusals->logged == REFUSALS_PER_MINUTE) {
		refusals->unlogged++;
		return;
	}
	refusals->logged++;
	http_request_address(request, address);
	const struct log_field fields[] = {
		{ "AITHER_REMOTE_ADDR", address },
		{ "REQUEST_ID", request->request_id },
	};
	/* The route: what follows it is the caller's text. */
	int length = (int)(strlen(request->path) - strlen(request->tail));
	log_event(LOG_NOTICE, LOG_EVENT_AUTH_REFUSED, fields, ARRAY_SIZE(fields),
		"a wrong token from %s: %s %.*s", address, request->method_name, length, request->path);
}

void refusals_next_minute(struct refusals *refusals)
{
	if (refusals->unlogged > 0)
		log_write(LOG_WARNING, "%u more wrong tokens in the last minute", refusals->unlogged);
	*refusals = (struct refusals){ 0 };
}
