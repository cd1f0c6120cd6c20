/* SPDX-License-Identifier: MIT */
#ifndef AITHER_HEMERA_REPLY_H
#define AITHER_HEMERA_REPLY_H

/*
 * Decides what the end of a request means: from the failure of the transfer, or from the HTTP status and the
 * envelope {"success":true,"data":...} or {"success":false,"error":{"code":...}}, never from a message.
 * A reply is Hemera's only if it is application/json and has a boolean `success`. Anything else comes from
 * a proxy, a portal or a wrong BaseURL.
 */

#include <stdbool.h>
#include <stddef.h>

struct error;
struct fetch_result;
struct json;

enum reply_verdict {
	REPLY_DATA,      /* 200 with an envelope: data is set */
	REPLY_NOT_FOUND, /* 404, from Hemera or not; or 200 with an envelope that says NOT_FOUND */
	REPLY_NO_KEY,    /* 401: the key is not accepted */
	REPLY_LIMITED,   /* 429 */
	REPLY_RETRY,     /* 408, 425, 500, 502 to 504, 520 to 530, a lost connection: may be temporary */
	REPLY_UNREACHED, /* no request was sent: may be temporary */
	REPLY_TIMEOUT,
	REPLY_CANCELLED,
	REPLY_FAILED, /* everything else: a retry would fail in the same way */
};

/* The largest number of values in one answer. A page of 500 rows has 4000, the details of one course (at most
 * 4 MiB) about 170000. Each value costs 100 bytes while the answer is read. */
#define REPLY_NODES_MAX 200000

struct reply {
	enum reply_verdict verdict;
	struct json *root;       /* owned; NULL unless REPLY_DATA */
	const struct json *data; /* borrowed from root */
	bool is_hemera;          /* is a 404 Hemera's own? */
};

/* Fills *ret_reply (release with reply_done), and *err unless REPLY_DATA. */
void reply_read(
	const struct fetch_result *result, size_t body_max, struct reply *ret_reply, struct error *err);
void reply_done(struct reply *reply);

/* The rows in `data`, which is an array or, in Hemera's older format, an object with the rows as a member:
 * {"courses":[...],"total":2}. `older` is the path of that member, "data.courses". Borrowed; NULL: neither of
 * them. *ret_path: the path of the rows, for messages. */
const struct json *reply_rows(const struct json *data, const char *older, const char **ret_path);

#endif
