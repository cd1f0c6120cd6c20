/* SPDX-License-Identifier: MIT */
#ifndef AITHER_HEMERA_CLIENT_H
#define AITHER_HEMERA_CLIENT_H

/*
 * Client of Hemera's Service API (GET /api/service/...), blocking, for one job on one thread:
 *
 *	hemera_new(&client, &options, err);
 *	hemera_list(client, &list, on_problem, arg, err);
 *	hemera_list_lost(client, &list, on_problem, arg, err);        while rows are missing
 *	hemera_details(client, &wanted, on_detail, arg, &retry_after_s, err);
 *
 * Limits: the key is sent to the configured origins only, and is in no URL, log or message. Redirects are not
 * followed. Requests are sent only as the budget permits. After a lost connection or a status that may be
 * temporary (hemera/reply.h), the client retries with exponential backoff and jitter. Everything ends at the
 * deadline or on cancel. If the first request cannot reach the first origin, the whole job uses the second
 * one.
 *
 * Errors: HEMERA_UNREACHABLE, HEMERA_AUTH_FAILED (401), HEMERA_ERROR (other statuses), HEMERA_BAD_DATA
 * (not the JSON that the API promises), HEMERA_RATE_LIMITED (with retry_after_s), HEMERA_TIMEOUT,
 * SHUTTING_DOWN (cancelled).
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hemera/course.h"

struct budget;
struct error;
struct hemera;
struct metric_requests;

#define HEMERA_PAGE_ROWS 500             /* the API's maximum; smaller pages lose rows */
#define HEMERA_LIST_BODY_MAX (8 << 20)   /* per page; 500 rows are about 120 KB */
#define HEMERA_DETAIL_BODY_MAX (4 << 20) /* 30 participants with full texts are 160 KB */
#define HEMERA_COURSES_MAX 50000         /* against a server that never sends a short page */
#define HEMERA_SLICES_MAX 30             /* requests; the details need most of the 100 in a minute */

struct hemera_options {                      /* all borrowed for the life of the client */
	const char *base_url, *fallback_url; /* origins; fallback_url may be NULL */
	const char *key;
	unsigned connections_max, connect_timeout_s, request_timeout_s, retries_max;
	struct budget *budget;
	uint64_t deadline_mono_ms;            /* never 0 */
	const atomic_bool *cancelled;         /* may be NULL */
	struct metric_requests *statistics;   /* counts the requests; may be NULL */
	atomic_ullong *limited_until_mono_ms; /* set while waiting for the budget, else 0; may be NULL */
};

int hemera_new(
	struct hemera **ret_client, const struct hemera_options *options, struct error *err); /* owned */
void hemera_freep(struct hemera **client);

/* Called for a fault in the data of one entity, which does not end the job. `entity` is "course c123",
 * "template t1", or "course data[17]" if there is no usable id. May be NULL. */
typedef void hemera_problem(void *arg, const char *entity, const struct error *problem);

struct hemera_list {
	struct course *courses; /* owned; ids are unique; in the order of first appearance */
	size_t count;
	char **bad_ids; /* owned; ids of invalid rows, whose pages stay */
	size_t bad_count;
	size_t unidentified; /* bad rows without a usable id; if there are any, no page may be removed */
	size_t rows;         /* Hemera's own count: the offset of its last page plus the rows in that page */
	unsigned pages;
	int64_t fetched_at_ms; /* wall clock */
};

/* Reads the whole list. May use the whole budget, including the homepage's reserve. */
int hemera_list(struct hemera *client, struct hemera_list *ret_list, hemera_problem *problem, void *arg,
	struct error *err);

/* False if there are fewer ids than rows. Hemera sorts by start date alone, so courses with the same start
 * date may come in a different order on each page. If a page ends between such courses, one of them is lost
 * and another one is repeated, and the next reading loses the same ones (reference/hemera-service-api.md,
 * section 4). */
bool hemera_list_has_all(const struct hemera_list *list);

/* Finds the lost rows: reads the list again by level and with other offsets, until no row is missing, all
 * slices are read, HEMERA_SLICES_MAX requests are sent, or the budget without its reserve is used up. Fails
 * only on 401 and on cancel. Any other error is described in *ret_reason, and rows may then still be missing.
 * The code in *ret_reason is ERROR_INTERNAL if there was no error. */
int hemera_list_lost(struct hemera *client, struct hemera_list *list, hemera_problem *problem, void *arg,
	struct error *ret_reason, struct error *err);
void hemera_list_done(struct hemera_list *list);

enum hemera_detail_state {
	HEMERA_DETAIL_READ,     /* participants: sorted, borrowed */
	HEMERA_DETAIL_NOT_SEEN, /* 404 for a listed course, which is not an error */
	HEMERA_DETAIL_FAILED,   /* `problem` says why; other courses are not affected */
	HEMERA_DETAIL_DEFERRED, /* budget or time ran out before its turn, or the whole call failed */
};

/* Called once for every id, in the order of the answers, on the calling thread. A negative return value ends
 * the call: requests under way are dropped, and the remaining ids are reported as deferred. */
typedef int hemera_detail(void *arg, size_t index, enum hemera_detail_state state,
	const struct participants *participants, const struct error *problem);

struct hemera_wanted {          /* all borrowed */
	const char *const *ids; /* ids from a list, which are safe in URLs as they are */
	size_t count;
	size_t due; /* if the budget is used up, the first `due` ids wait for a new window; others do not */
};

/* Fetches details in the given order, in parallel. *ret_retry_after_s: seconds until the budget opens again
 * if due ids were deferred, else 0. Fails as a whole only on 401, on cancel and if `detail` returns a
 * negative value; even then every id has been reported. */
int hemera_details(struct hemera *client, const struct hemera_wanted *wanted, hemera_detail *detail,
	void *arg, unsigned *ret_retry_after_s, struct error *err);

struct hemera_template {
	char *id, *course_id; /* owned; course_id NULL: for all courses */
	char *markup;         /* owned; NULL: the row is invalid, which has been reported */
	char *version;        /* owned; "3", "2026-11-29T10:00:00Z", "": none */
};

/* Reads the templates that aither can use, so not those of lessons. *ret_count is 0 if Hemera has no such
 * route (404, JSON or HTML). Free with hemera_templates_free. */
int hemera_templates(struct hemera *client, struct hemera_template **ret_templates, size_t *ret_count,
	hemera_problem *problem, void *arg, struct error *err);
void hemera_templates_free(struct hemera_template *templates, size_t count);

/* Reads all participations in a few requests, if Hemera has that route. Sets *ret_available and calls
 * `detail` for each of `ids` until a call returns a negative value; an id without rows has no participants.
 * If *ret_available is false (no such route, rows without a course, or too many), `detail` was not called:
 * use hemera_details. */
int hemera_participations(struct hemera *client, const char *const *ids, size_t count, hemera_detail *detail,
	void *arg, bool *ret_available, struct error *err);

#endif
