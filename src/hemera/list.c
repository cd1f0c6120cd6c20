/* SPDX-License-Identifier: MIT */
#include "hemera/client.h"

#include <errno.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/time.h"
#include "hemera/exchange.h"
#include "hemera/reply.h"

#define ROW_PATH_SIZE 48 /* "data.courses[4294967295]" */

struct listing {
	struct hemera_list list;
	void *seen;                  /* tree of ids, borrowed from list */
	const char *level;           /* of the slice that is being read; NULL: all levels */
	size_t offset;               /* of its next page */
	size_t page_rows, page_news; /* of the page just read: all rows, and the new ones */
	bool again; /* second reading: bad rows without an id are known, and the reserve is not used */
	hemera_problem *problem;
	void *arg;
};

static int id_compare(const void *left, const void *right)
{
	return strcmp(left, right);
}

static void id_keep(void *id)
{
	(void)id; /* the list owns it */
}

static void listing_done(struct listing *listing)
{
	tdestroy(listing->seen, id_keep);
	hemera_list_done(&listing->list);
}

static void listing_mark_seen(struct listing *listing, const char *id)
{
	if (!tsearch(id, &listing->seen, id_compare))
		abort(); /* as mem.h does */
}

static void listing_add_bad(struct listing *listing, const char *id, const char *path, struct error *problem)
{
	struct hemera_list *list = &listing->list;
	CLEANUP(mem_freep) char *entity = mem_printf("course %s", id ? id : path);

	if (!id && listing->again)
		return;
	if (listing->offset > 0 || listing->level)
		error_prefix(problem, "at offset %zu%s%s: ", listing->offset,
			listing->level ? " of level " : "", listing->level ?: "");
	if (listing->problem)
		listing->problem(listing->arg, entity, problem);
	if (!id) {
		list->unidentified++;
		return;
	}
	list->bad_ids = mem_grow(list->bad_ids, list->bad_count, sizeof(*list->bad_ids));
	list->bad_ids[list->bad_count] = mem_strdup(id);
	listing_mark_seen(listing, list->bad_ids[list->bad_count++]);
}

static int listing_read_page(struct hemera *client, struct listing *listing, struct error *err)
{
	struct hemera_list *list = &listing->list;
	CLEANUP(reply_done) struct reply reply = { 0 };
	CLEANUP(mem_freep)
	char *path = mem_printf("/api/service/courses?limit=%d&offset=%zu%s%s", HEMERA_PAGE_ROWS,
		listing->offset, listing->level ? "&level=" : "", listing->level ?: "");
	const struct exchange exchange = {
		.path = path,
		.due = listing->again ? 0 : 1,
		.use_reserve = !listing->again,
		.body_max = HEMERA_LIST_BODY_MAX,
	};
	const struct json *rows;
	const char *rows_path;
	int r = exchange_get(client, &exchange, &reply, err);

	if (r < 0)
		return r;
	rows = reply_rows(reply.data, "data.courses", &rows_path);
	if (!rows)
		return error_fail(err, ERROR_HEMERA_BAD_DATA, -EBADMSG,
			"the course list: data is not an array of rows");
	if (list->pages++ == 0)
		list->fetched_at_ms = time_now_ms();
	listing->page_rows = listing->page_news = 0;
	JSON_FOREACH (row, rows) {
		const char *id = course_id_of(row);
		struct course course;
		struct error problem = { 0 };
		char row_path[ROW_PATH_SIZE];

		snprintf(row_path, sizeof(row_path), "%s[%zu]", rows_path, listing->page_rows++);
		if (id && tfind(id, &listing->seen, id_compare))
			continue; /* Hemera's paging repeats rows */
		listing->page_news++;
		if (course_from_json(&course, row, row_path, &problem) < 0) {
			listing_add_bad(listing, id, row_path, &problem);
			continue;
		}
		list->courses = mem_grow(list->courses, list->count, sizeof(*list->courses));
		list->courses[list->count++] = course;
		listing_mark_seen(listing, course.id);
	}
	listing->offset += listing->page_rows;
	return 0;
}

int hemera_list(struct hemera *client, struct hemera_list *ret_list, hemera_problem *problem, void *arg,
	struct error *err)
{
	CLEANUP(listing_done) struct listing listing = { .problem = problem, .arg = arg };
	int r;

	do {
		r = listing_read_page(client, &listing, err);
		if (r < 0)
			return r;
		if (listing.page_rows >= HEMERA_PAGE_ROWS &&
			(listing.page_news == 0 || listing.offset > HEMERA_COURSES_MAX))
			return error_fail(err, ERROR_HEMERA_BAD_DATA, -EBADMSG,
				"the course list does not end (%zu rows read)", listing.offset);
	} while (listing.page_rows >= HEMERA_PAGE_ROWS);
	listing.list.rows = listing.offset;
	*ret_list = listing.list;
	listing.list = (struct hemera_list){ 0 };
	return 0;
}

bool hemera_list_has_all(const struct hemera_list *list)
{
	return list->count + list->bad_count + list->unidentified >= list->rows;
}

/* Courses with the same start date are all read if they lie within one page. So each slice divides the list
 * into pages at other places, and a slice of one level has fewer courses with the same start date. */
static int listing_read_slices(struct hemera *client, struct listing *listing, struct error *err)
{
	static const size_t offsets[] = { 0, HEMERA_PAGE_ROWS / 2, HEMERA_PAGE_ROWS / 4,
		HEMERA_PAGE_ROWS * 3 / 4 };
	unsigned requests = 0;

	for (size_t i = 0; i < ARRAY_SIZE(offsets); i++) {
		/* First all levels together, then each one; hemera_list has read all levels from offset 0. */
		for (size_t next = i == 0 ? 1 : 0; next == 0 || course_levels[next - 1]; next++) {
			listing->level = next == 0 ? NULL : course_levels[next - 1];
			listing->offset = offsets[i];
			do {
				int r;

				if (hemera_list_has_all(&listing->list) || requests++ == HEMERA_SLICES_MAX)
					return 0;
				r = listing_read_page(client, listing, err);
				if (r < 0)
					return r;
			} while (listing->page_rows >= HEMERA_PAGE_ROWS);
		}
	}
	return 0;
}

int hemera_list_lost(struct hemera *client, struct hemera_list *list, hemera_problem *problem, void *arg,
	struct error *ret_reason, struct error *err)
{
	CLEANUP(listing_done) struct listing listing = { .again = true, .problem = problem, .arg = arg };
	const unsigned pages = list->pages;
	int r;

	listing.list = *list;
	for (size_t i = 0; i < list->count; i++)
		listing_mark_seen(&listing, list->courses[i].id);
	for (size_t i = 0; i < list->bad_count; i++)
		listing_mark_seen(&listing, list->bad_ids[i]);
	*ret_reason = (struct error){ 0 };
	/* A single page cannot lose rows by paging. */
	r = pages > 1 ? listing_read_slices(client, &listing, ret_reason) : 0;
	*list = listing.list;
	list->pages = pages;
	listing.list = (struct hemera_list){ 0 };
	if (r < 0 &&
		(ret_reason->code == ERROR_HEMERA_AUTH_FAILED || ret_reason->code == ERROR_SHUTTING_DOWN))
		return error_pass(err, ret_reason);
	return 0;
}

void hemera_list_done(struct hemera_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		course_done(&list->courses[i]);
	for (size_t i = 0; i < list->bad_count; i++)
		free(list->bad_ids[i]);
	free(list->courses);
	free(list->bad_ids);
	*list = (struct hemera_list){ 0 };
}
