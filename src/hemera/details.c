/* SPDX-License-Identifier: MIT */
#include "hemera/client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "hemera/exchange.h"
#include "hemera/reply.h"

/* Of all participants together. They are kept in memory until the last page has arrived, in a unit that may
 * use 512 MB. If there are more, hemera_details reads them course by course. */
#define PARTICIPATIONS_BYTES_MAX (64 << 20)
#define PARTICIPATIONS_PAGES_MAX 80 /* fits into a window of 100 requests */

/* Of one course: the same limit as for its detail. */
#define PARTICIPATIONS_SIZE_MAX HEMERA_DETAIL_BODY_MAX
#define PARTICIPATION_PATH_SIZE 48 /* "data.participations[4294967295]" */

/* ---- one request for each course ---- */

struct details {
	const struct hemera_wanted *wanted;
	hemera_detail *detail;
	void *arg;
	bool deferred; /* at least one due course */
};

/* `data` is the course, or {course} if Hemera is set to its older format. */
static int details_read(
	struct participants *ret_participants, const struct json *data, const char *id, struct error *err)
{
	const struct json *inner = json_get(data, "course");
	const struct json *course = inner ? inner : data;
	const char *answered_id = json_string(json_get(course, "id"));

	if (json_fault(course))
		return error_fail(err, ERROR_HEMERA_BAD_DATA, -EBADMSG, "%s: %s",
			inner ? "data.course" : "data", json_fault(course));
	if (!answered_id || strcmp(answered_id, id) != 0)
		return error_fail(err, ERROR_HEMERA_BAD_DATA, -EBADMSG, "%s: is not the requested course",
			inner ? "data.course.id" : "data.id");
	return participants_from_json(ret_participants, json_get(course, "participants"),
		inner ? "data.course.participants" : "data.participants", err);
}

static int details_done(
	void *arg, size_t index, enum exchange_end end, struct reply *reply, const struct error *problem)
{
	struct details *details = arg;
	CLEANUP(participants_done) struct participants participants = { 0 };
	struct error bad = { 0 };

	switch (end) {
	case EXCHANGE_DATA:
		if (details_read(&participants, reply->data, details->wanted->ids[index], &bad) == 0)
			return details->detail(details->arg, index, HEMERA_DETAIL_READ, &participants, NULL);
		problem = &bad;
		break;
	case EXCHANGE_NOT_FOUND:
		if (reply->is_hemera)
			return details->detail(details->arg, index, HEMERA_DETAIL_NOT_SEEN, NULL, NULL);
		break;
	case EXCHANGE_FAILED:
		break;
	case EXCHANGE_DEFERRED:
		details->deferred |= index < details->wanted->due;
		return details->detail(details->arg, index, HEMERA_DETAIL_DEFERRED, NULL, NULL);
	}
	return details->detail(details->arg, index, HEMERA_DETAIL_FAILED, NULL, problem);
}

int hemera_details(struct hemera *client, const struct hemera_wanted *wanted, hemera_detail *detail,
	void *arg, unsigned *ret_retry_after_s, struct error *err)
{
	struct details details = { wanted, detail, arg, false };
	struct exchange exchange = {
		.path = "/api/service/courses/",
		.ids = wanted->ids,
		.count = wanted->count,
		.due = wanted->due,
		.body_max = HEMERA_DETAIL_BODY_MAX,
		.done = details_done,
		.arg = &details,
	};
	int r = exchange_run(client, &exchange, err);

	if (r < 0)
		return r;
	*ret_retry_after_s = details.deferred ? exchange_retry_after_s(client, false) : 0;
	return 0;
}

/* ---- all participations at once ---- */

struct wanted {
	const char *id; /* borrowed */
	size_t index;   /* in the caller's order */
	struct participants participants;
	size_t bytes;          /* of the participants */
	struct error *problem; /* owned; NULL: all its rows are valid */
};

struct participations {
	struct wanted *wanted; /* owned, sorted by id */
	size_t count;
	size_t rows, page_rows, bytes;
	unsigned pages;
	bool usable; /* false: no such route, a row without a course, or too many rows */
};

static void participations_done(struct participations *all)
{
	for (size_t i = 0; i < all->count; i++) {
		participants_done(&all->wanted[i].participants);
		free(all->wanted[i].problem);
	}
	free(all->wanted);
}

static int wanted_compare(const void *left, const void *right)
{
	const struct wanted *a = left, *b = right;

	return strcmp(a->id, b->id);
}

static int wanted_compare_index(const void *left, const void *right)
{
	const struct wanted *a = left, *b = right;

	return a->index < b->index ? -1 : a->index > b->index;
}

/* An invalid row fails its course: a page without that participant would be wrong. */
static void participations_add(
	struct participations *all, struct wanted *wanted, const struct json *row, const char *path)
{
	struct participant participant;
	struct error problem = { 0 };
	size_t bytes = 0;
	int r;

	if (wanted->problem)
		return;
	r = participant_from_json(&participant, row, path, &problem);
	if (r == 0) {
		bytes = participant_own(&participant);
		participants_add(&wanted->participants, &participant);
		if (wanted->participants.count > COURSE_PARTICIPANTS_MAX)
			r = error_fail(&problem, ERROR_HEMERA_BAD_DATA, -EBADMSG,
				"participations: more than %d participants", COURSE_PARTICIPANTS_MAX);
		else if (wanted->bytes + bytes > PARTICIPATIONS_SIZE_MAX)
			r = error_fail(&problem, ERROR_HEMERA_BAD_DATA, -E2BIG,
				"participations: more than %d bytes for one course", PARTICIPATIONS_SIZE_MAX);
	}
	if (r < 0) {
		wanted->problem = mem_alloc(sizeof(problem));
		*wanted->problem = problem;
		all->bytes -= wanted->bytes;
		participants_done(&wanted->participants);
		return;
	}
	wanted->bytes += bytes;
	all->bytes += bytes;
}

static int participations_read_page(struct hemera *client, struct participations *all, struct error *err)
{
	CLEANUP(reply_done) struct reply reply = { 0 };
	CLEANUP(mem_freep)
	char *path =
		mem_printf("/api/service/participations?limit=%d&offset=%zu", HEMERA_PAGE_ROWS, all->rows);
	const struct exchange exchange = { .path = path, .due = 1, .body_max = HEMERA_LIST_BODY_MAX };
	const struct json *rows;
	const char *rows_path;
	int r = exchange_get(client, &exchange, &reply, err);

	all->usable = false;
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	rows = reply_rows(reply.data, "data.participations", &rows_path);
	if (!rows)
		return error_fail(err, ERROR_HEMERA_BAD_DATA, -EBADMSG,
			"the participations: data is not an array of rows");
	all->page_rows = 0;
	JSON_FOREACH (row, rows) {
		struct wanted key = { .id = json_string(json_get(row, "courseId")) };
		struct wanted *wanted;
		char row_path[PARTICIPATION_PATH_SIZE];

		snprintf(row_path, sizeof(row_path), "%s[%zu]", rows_path, all->page_rows++);
		if (!key.id)
			return 0;
		wanted = bsearch(&key, all->wanted, all->count, sizeof(key), wanted_compare);
		if (wanted)
			participations_add(all, wanted, row, row_path);
	}
	all->rows += all->page_rows;
	all->usable = all->bytes <= PARTICIPATIONS_BYTES_MAX && ++all->pages <= PARTICIPATIONS_PAGES_MAX;
	return 0;
}

int hemera_participations(struct hemera *client, const char *const *ids, size_t count, hemera_detail *detail,
	void *arg, bool *ret_available, struct error *err)
{
	CLEANUP(participations_done)
	struct participations all = { .wanted = mem_zalloc((count + 1) * sizeof(*all.wanted)),
		.count = count };

	for (size_t i = 0; i < count; i++)
		all.wanted[i] = (struct wanted){ .id = ids[i], .index = i };
	qsort(all.wanted, count, sizeof(*all.wanted), wanted_compare);
	do {
		int r = participations_read_page(client, &all, err);

		if (r < 0)
			return r;
		if (!all.usable) {
			*ret_available = false;
			return 0;
		}
	} while (all.page_rows >= HEMERA_PAGE_ROWS);
	*ret_available = true;
	qsort(all.wanted, all.count, sizeof(*all.wanted), wanted_compare_index);
	for (size_t i = 0; i < all.count; i++) {
		struct wanted *wanted = &all.wanted[i];
		int r;

		participants_sort(&wanted->participants);
		r = detail(arg, i, wanted->problem ? HEMERA_DETAIL_FAILED : HEMERA_DETAIL_READ,
			wanted->problem ? NULL : &wanted->participants, wanted->problem);
		if (r < 0)
			return r;
	}
	return 0;
}
