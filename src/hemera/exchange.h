/* SPDX-License-Identifier: MIT */
#ifndef AITHER_HEMERA_EXCHANGE_H
#define AITHER_HEMERA_EXCHANGE_H

/*
 * The engine under the client: a row of GET requests, sent in order and several at a time, each with
 * its retries, as the budget permits, until all are answered, the deadline comes or the job is cancelled.
 * It also decides on the origin: the second one, if the first request cannot reach the first one.
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
struct json;

struct hemera {
	struct hemera_options options;
	struct fetch *fetch;       /* owned */
	char *key_header;          /* owned, wiped on release */
	const char *origin;        /* one of the options' two */
	bool reached;              /* the origin has answered: the job keeps to it */
	uint64_t tried_at_mono_ms; /* when the origin was first tried; 0: not yet */
};

enum exchange_end {
	EXCHANGE_DATA,
	EXCHANGE_NOT_FOUND, /* 404 */
	EXCHANGE_FAILED,
	EXCHANGE_DEFERRED, /* not answered: budget, deadline, cancel or a 401 ended the row */
};

struct exchange_answer {
	enum exchange_end end;
	const struct json *data; /* the envelope's; NULL unless EXCHANGE_DATA */
	bool is_hemera; /* EXCHANGE_NOT_FOUND: said by Hemera, not by a server that has no such route */
	const struct error *problem; /* NULL on EXCHANGE_DATA; when deferred, why */
};

/* All in *answer is borrowed for the call. A negative return value ends the row. */
typedef int exchange_done(void *arg, size_t index, const struct exchange_answer *answer);

struct exchange {
	const char *path;
	const char *const *ids; /* each appended to the path; NULL: the path as it is, count 1 */
	size_t count;
	size_t due;       /* for these first ones a new window is waited for */
	bool use_reserve; /* may use the requests that are kept for the homepage (hemera/budget.h) */
	size_t body_max;
	exchange_done *done; /* called once for each index */
	void *arg;
};

/* Fails only on 401 (HEMERA_AUTH_FAILED), on cancel (SHUTTING_DOWN) and as `done` says, after all have been
 * reported. What is under way then is dropped. */
int exchange_run(struct hemera *client, const struct exchange *exchange, struct error *err);

/* Reads the data of a single request; the return value is handed on. */
typedef int exchange_data(void *arg, const struct json *data, struct error *err);

struct exchange_query {
	const char *path; /* with the query string */
	bool use_reserve;
	bool only_now; /* a new window is not waited for */
	size_t body_max;
	exchange_data *on_data;
	void *arg;
};

/* One GET: what on_data returns, -ENOENT on 404, else the error that ended it. */
int exchange_get(struct hemera *client, const struct exchange_query *query, struct error *err);

/* Seconds until the budget is open again, 0: it is. */
unsigned exchange_retry_after_s(const struct hemera *client, bool use_reserve);

#endif
