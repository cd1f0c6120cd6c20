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

#define ROW_PATH_SIZE 48 /* "data.courses[4294967295]" */

struct listing {
	struct hemera_list list;
	void *seen; /* tree of ids, borrowed from list */
	size_t course_capacity, bad_capacity;
	size_t offset;
	size_t page_rows, page_news; /* of the page just read: all rows, and those not seen before */
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

static void listing_add(struct listing *listing, const struct course *course)
{
	struct hemera_list *list = &listing->list;

	if (list->count == listing->course_capacity) {
		listing->course_capacity = listing->course_capacity * 2 + HEMERA_PAGE_ROWS;
		list->courses = mem_resize(list->courses, listing->course_capacity, sizeof(*list->courses));
	}
	list->courses[list->count++] = *course;
	listing_mark_seen(listing, course->id);
}

static void listing_add_bad(struct listing *listing, const char *id, const char *path, struct error *problem)
{
	struct hemera_list *list = &listing->list;
	CLEANUP(mem_freep) char *entity = mem_printf("course %s", id ? id : path);

	if (listing->offset > 0)
		error_prefix(problem, "at offset %zu: ", listing->offset);
	if (listing->problem)
		listing->problem(listing->arg, entity, problem);
	if (!id) {
		list->unidentified++;
		return;
	}
	if (list->bad_count == listing->bad_capacity) {
		listing->bad_capacity = listing->bad_capacity * 2 + 16;
		list->bad_ids = mem_resize(list->bad_ids, listing->bad_capacity, sizeof(*list->bad_ids));
	}
	list->bad_ids[list->bad_count] = mem_strdup(id);
	listing_mark_seen(listing, list->bad_ids[list->bad_count++]);
}

static void listing_read_row(struct listing *listing, const struct json *row, const char *path)
{
	const char *id = course_id_of(row);
	struct course course;
	struct error problem = { 0 };

	if (id && tfind(id, &listing->seen, id_compare))
		return; /* Hemera's paging repeats rows */
	listing->page_news++;
	if (course_from_json(&course, row, path, &problem) < 0)
		listing_add_bad(listing, id, path, &problem);
	else
		listing_add(listing, &course);
}

/* `data` is an array, or {courses, total} where Hemera is set to its older shape. */
static int listing_on_data(void *arg, const struct json *data, struct error *err)
{
	struct listing *listing = arg;
	bool is_array = json_type(data) == JSON_ARRAY;
	const struct json *rows = is_array ? data : json_get(data, "courses");

	if (json_type(rows) != JSON_ARRAY)
		return error_fail(err, ERROR_HEMERA_BAD_DATA, -EBADMSG,
			"the course list: data is not an array of rows");
	if (listing->list.pages++ == 0)
		listing->list.fetched_at_ms = time_now_ms();
	listing->page_rows = listing->page_news = 0;
	JSON_FOREACH (row, rows) {
		char path[ROW_PATH_SIZE];

		snprintf(path, sizeof(path), "%s[%zu]", is_array ? "data" : "data.courses",
			listing->page_rows++);
		listing_read_row(listing, row, path);
	}
	return 0;
}

static int listing_read_page(struct hemera *client, struct listing *listing, struct error *err)
{
	CLEANUP(mem_freep)
	char *path =
		mem_printf("/api/service/courses?limit=%d&offset=%zu", HEMERA_PAGE_ROWS, listing->offset);
	int r = exchange_get(client, path, HEMERA_LIST_BODY_MAX, listing_on_data, listing, err);

	if (r < 0)
		return r;
	listing->offset += listing->page_rows;
	if (listing->page_rows >= HEMERA_PAGE_ROWS &&
		(listing->page_news == 0 || listing->offset > HEMERA_COURSES_MAX))
		return error_fail(err, ERROR_HEMERA_BAD_DATA, -EBADMSG,
			"the course list does not end (%zu rows read)", listing->offset);
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
	} while (listing.page_rows >= HEMERA_PAGE_ROWS);
	*ret_list = listing.list;
	listing.list = (struct hemera_list){ 0 };
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
