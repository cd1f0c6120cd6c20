/* SPDX-License-Identifier: MIT */
#ifndef AITHER_HEMERA_EXCHANGE_H
#define AITHER_HEMERA_EXCHANGE_H

/*
 * The engine of the client. An exchange is a series of GET requests, sent in order and several at a time,
 * each with its retries, as the budget permits. It ends when all are answered, at the deadline, or when the
 * job is cancelled. The engine also chooses the origin: the second one, if the first request cannot reach the
 * first one.
 *
 *	struct exchange exchange = { .path = "/api/service/courses/", .ids = ids, ... };
 *	exchange_run(client, &exchange, err);
 *
 * Internal to hemera/.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hemera/client.h"

struct error;
struct fetch;
struct reply;

struct hemera {
	struct hemera_options options;
	struct fetch *fetch;       /* owned */
	char *key_header;          /* owned, wiped on release */
	const char *origin;        /* one of the options' two */
	bool reached;              /* the origin has answered, so the job keeps using it */
	uint64_t tried_at_mono_ms; /* when the origin was first tried; 0: not yet */
};

enum exchange_end {
	EXCHANGE_DATA,
	EXCHANGE_NOT_FOUND, /* 404; reply->is_hemera: from Hemera, not from a server that has no such route */
	EXCHANGE_FAILED,
	EXCHANGE_DEFERRED, /* not answered: the budget, the deadline, a cancel or a 401 ended the exchange */
};

/* Called once for each index. reply: borrowed, but its content may be taken; NULL except for EXCHANGE_DATA
 * and EXCHANGE_NOT_FOUND. problem: borrowed; NULL on EXCHANGE_DATA. A negative return value ends the
 * exchange. */
typedef int exchange_done(
	void *arg, size_t index, enum exchange_end end, struct reply *reply, const struct error *problem);

struct exchange {
	const char *path;       /* with the query string */
	const char *const *ids; /* each is appended to the path; NULL: one request, for the path alone */
	size_t count;           /* of the ids; 1 without ids */
	size_t due;             /* the first `due` indexes may wait for a new window */
	bool use_reserve;       /* may use the requests that are kept for the homepage (hemera/budget.h) */
	size_t body_max;
	exchange_done *done;
	void *arg;
};

/* Fails only on 401 (HEMERA_AUTH_FAILED), on cancel (SHUTTING_DOWN) and if `done` returns a negative value.
 * Requests under way are then dropped. Every index has been reported before the call returns. */
int exchange_run(struct hemera *client, const struct exchange *exchange, struct error *err);

/* Sends a single GET; count, done and arg of `exchange` are not used. On success *ret_reply has data; release
 * it with reply_done. -ENOENT on 404, else the error that ended the request. */
int exchange_get(
	struct hemera *client, const struct exchange *exchange, struct reply *ret_reply, struct error *err);

/* Seconds until the budget permits requests again; 0: it does now. */
unsigned exchange_retry_after_s(const struct hemera *client, bool use_reserve);

#endif
