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
 * Polite and bounded: the key goes to the configured origin only and into no URL, log or message; no
 * redirects; requests only as the budget permits; retries with exponential backoff and jitter on
 * connection loss and statuses that may pass (hemera/reply.h); all ends at `deadline` or on cancel. The
 * second origin is used for the whole job when the first cannot be reached by the first request.
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
struct json;

#define HEMERA_PAGE_ROWS 500             /* the API's maximum; smaller pages lose rows */
#define HEMERA_LIST_BODY_MAX (8 << 20)   /* per page; 500 rows are about 120 KB */
#define HEMERA_DETAIL_BODY_MAX (4 << 20) /* 30 participants with full texts are 160 KB */
#define HEMERA_COURSES_MAX 50000         /* ends a server that never sends a short page */
#define HEMERA_SLICES_MAX 30             /* requests of 100 in a minute: the details need most of them */

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

/* Something in the data that costs one entity, not the job: `entity` is "course c123", "template t1", or
 * "course data[17]" where there is no usable id. NULL for a caller that does not care. */
typedef void hemera_problem(void *arg, const char *entity, const struct error *problem);

struct hemera_list {
	struct course *courses; /* owned; ids are unique; in the order of first appearance */
	size_t count;
	char **bad_ids; /* owned: ids of rows that are there but not valid, so their pages stay */
	size_t bad_count;
	size_t unidentified; /* bad rows without a usable id: nothing may be deleted then */
	size_t rows;         /* that Hemera has: the offset of its last page and the rows in it */
	unsigned pages;
	int64_t fetched_at_ms; /* wall clock */
};

/* The whole list, with all of the budget, the homepage's reserve included. */
int hemera_list(struct hemera *client, struct hemera_list *ret_list, hemera_problem *problem, void *arg,
	struct error *err);

/* Hemera sorts by start date alone, so courses that begin together are in another order on each page: where a
 * page ends between them, one is lost and another one repeated, and the next time the same
 * (reference/hemera-service-api.md, section 4). Known are fewer ids than there are rows then. */
bool hemera_list_has_all(const struct hemera_list *list);

/* Looks for the lost rows: reads the list again by level and with other offsets, until none is missing, all
 * slices are read, HEMERA_SLICES_MAX requests are, or the budget without its reserve is used up. Fails only
 * on 401 and on cancel; after any other error, which *ret_reason (its code ERROR_INTERNAL: none) then
 * describes, rows may still be missing. */
int hemera_list_lost(struct hemera *client, struct hemera_list *list, hemera_problem *problem, void *arg,
	struct error *ret_reason, struct error *err);
void hemera_list_done(struct hemera_list *list);

enum hemera_detail_state {
	HEMERA_DETAIL_READ,     /* participants: sorted, borrowed */
	HEMERA_DETAIL_NOT_SEEN, /* 404 for a listed course: no error */
	HEMERA_DETAIL_FAILED,   /* err says why; the others go on */
	HEMERA_DETAIL_DEFERRED, /* budget or time ended before its turn, or the call failed as a whole */
};

/* Called once for every id, in the order in which answers come, on the calling thread. A negative return
 * value ends the call: what is under way is dropped, the rest is reported as deferred. */
typedef int hemera_detail(void *arg, size_t index, enum hemera_detail_state state,
	const struct participants *participants, const struct error *problem);

struct hemera_wanted {          /* all borrowed */
	const char *const *ids; /* of a list: they stand in URLs as they are */
	size_t count;
	size_t due; /* the first so many: when the budget is spent, a new window is waited for; the others are
		       read only as far as the present one goes */
};

/* Fetches details in the given order, in parallel. *ret_retry_after_s: seconds until the budget opens again
 * when due ones were deferred, else 0. Fails as a whole only on 401, on cancel and as `detail` says; before
 * it returns, every id has been reported. */
int hemera_details(struct hemera *client, const struct hemera_wanted *wanted, hemera_detail *detail,
	void *arg, unsigned *ret_retry_after_s, struct error *err);

struct hemera_template {
	char *id, *course_id; /* owned; course_id NULL: serves all courses */
	char *markup;         /* owned; NULL: there is one, but it cannot be read, as has been reported */
	char *version;        /* owned; "3", "2026-11-29T10:00:00Z", "": none */
};

/* Templates that aither can use (no lesson's, no other seminar's): *ret_count 0 when Hemera has no such
 * route (404, JSON or HTML). Free with hemera_templates_free. */
int hemera_templates(struct hemera *client, struct hemera_template **ret_templates, size_t *ret_count,
	hemera_problem *problem, void *arg, struct error *err);
void hemera_templates_free(struct hemera_template *templates, size_t count);

/* All participations in a few requests, where Hemera has that route: one call of `detail` for each id of
 * `ids` (one without rows: an empty array) until one is negative, then *ret_available is true. False: nothing
 * was told, use hemera_details (no such route, or rows that cannot be assigned to a course). */
int hemera_participations(struct hemera *client, const char *const *ids, size_t count, hemera_detail *detail,
	void *arg, bool *ret_available, struct error *err);

#endif
