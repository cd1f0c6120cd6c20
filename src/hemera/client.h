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
 * Polite and bounded: the key goes to the configured origin only, and into no URL, log or message; no
 * redirects; requests only as the budget permits; retries with exponential backoff and jitter after a lost
 * connection or a status that may pass (hemera/reply.h); everything ends at the deadline or on cancel. If the
 * first request cannot reach the first origin, the whole job uses the second one.
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
	atomic_ullong *limited_until_mono_ms; /* set while the budget is waited for, else 0; may be NULL */
};

int hemera_new(
	struct hemera **ret_client, const struct hemera_options *options, struct error *err); /* owned */
void hemera_freep(struct hemera **client);

/* A fault in the data of one entity, which does not end the job: `entity` is "course c123", "template t1", or
 * "course data[17]" where there is no usable id. May be NULL. */
typedef void hemera_problem(void *arg, const char *entity, const struct error *problem);

struct hemera_list {
	struct course *courses; /* owned; ids are unique; in the order of first appearance */
	size_t count;
	char **bad_ids; /* owned; of rows that are not valid: their pages stay */
	size_t bad_count;
	size_t unidentified; /* bad rows without a usable id; if there are any, nothing may be removed */
	size_t rows;         /* Hemera's own count: the offset of its last page and the rows in it */
	unsigned pages;
	int64_t fetched_at_ms; /* wall clock */
};

/* The whole list, with all of the budget, the homepage's reserve included. */
int hemera_list(struct hemera *client, struct hemera_list *ret_list, hemera_problem *problem, void *arg,
	struct error *err);

/* False if there are fewer ids than rows. Hemera sorts by start date alone, so courses that begin together
 * come in another order on each page: where a page ends between them, one is lost and another one repeated,
 * and the same ones the next time (reference/hemera-service-api.md, section 4). */
bool hemera_list_has_all(const struct hemera_list *list);

/* Finds the lost rows: reads the list again by level and with other offsets, until no row is missing, all
 * slices are read, HEMERA_SLICES_MAX requests are sent, or the budget without its reserve is used up. Fails
 * only on 401 and on cancel. After any other error rows may still be missing; *ret_reason describes it (its
 * code ERROR_INTERNAL: there was none). */
int hemera_list_lost(struct hemera *client, struct hemera_list *list, hemera_problem *problem, void *arg,
	struct error *ret_reason, struct error *err);
void hemera_list_done(struct hemera_list *list);

enum hemera_detail_state {
	HEMERA_DETAIL_READ,     /* participants: sorted, borrowed */
	HEMERA_DETAIL_NOT_SEEN, /* 404 for a listed course: no error */
	HEMERA_DETAIL_FAILED,   /* `problem` says why; the others go on */
	HEMERA_DETAIL_DEFERRED, /* budget or time ended before its turn, or the call failed as a whole */
};

/* Called once for every id, in the order of the answers, on the calling thread. A negative return value ends
 * the call: requests under way are dropped, and the remaining ids are reported as deferred. */
typedef int hemera_detail(void *arg, size_t index, enum hemera_detail_state state,
	const struct participants *participants, const struct error *problem);

struct hemera_wanted {          /* all borrowed */
	const char *const *ids; /* of a list: safe in URLs as they are */
	size_t count;
	size_t due; /* the first `due` ids wait for a new window if the budget is spent; others do not */
};

/* Fetches details in the given order, in parallel. *ret_retry_after_s: seconds until the budget opens again
 * if due ids were deferred, else 0. Fails as a whole only on 401, on cancel and as `detail` says; even then
 * every id has been reported. */
int hemera_details(struct hemera *client, const struct hemera_wanted *wanted, hemera_detail *detail,
	void *arg, unsigned *ret_retry_after_s, struct error *err);

struct hemera_template {
	char *id, *course_id; /* owned; course_id NULL: serves all courses */
	char *markup;         /* owned; NULL: the row is not valid, as has been reported */
	char *version;        /* owned; "3", "2026-11-29T10:00:00Z", "": none */
};

/* Templates that aither can use: not those of lessons. *ret_count is 0 if Hemera has no such route (404, JSON
 * or HTML). Free with hemera_templates_free. */
int hemera_templates(struct hemera *client, struct hemera_template **ret_templates, size_t *ret_count,
	hemera_problem *problem, void *arg, struct error *err);
void hemera_templates_free(struct hemera_template *templates, size_t count);

/* All participations in a few requests, if Hemera has that route: calls `detail` for each of `ids` (without
 * rows: with no participants) until a call is negative, and sets *ret_available. False: `detail` was not
 * called, use hemera_details (no such route, rows without a course, or too many). */
int hemera_participations(struct hemera *client, const char *const *ids, size_t count, hemera_detail *detail,
	void *arg, bool *ret_available, struct error *err);

#endif
