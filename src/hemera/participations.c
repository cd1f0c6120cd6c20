/* SPDX-License-Identifier: MIT */
#include "hemera/client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "hemera/exchange.h"
#include "hemera/reply.h"

/* Rows of the courses that are asked for, as text. They are read in one sync or not at all, and kept until
 * the last page has come, in a unit that may use 512 MB; where there are more, the details come one by one.
 */
#define PARTICIPATIONS_BYTES_MAX (64 << 20)
#define PARTICIPATIONS_PAGES_MAX 80 /* a window of 100 requests has room for them */

/* Of one course, as large as its detail may be. */
#define PARTICIPATIONS_SIZE_MAX HEMERA_DETAIL_BODY_MAX
#define PARTICIPATION_PATH_SIZE 48 /* "data.participations[4294967295]" */

struct wanted {
	const char *id;        /* borrowed */
	size_t index;          /* in the caller's order */
	struct buf rows;       /* as text with a comma behind each: a tree would take four times the room */
	struct error *problem; /* owned; NULL: none of its rows is bad */
};

struct participations {
	struct wanted *wanted; /* owned, sorted by id */
	size_t count;
	size_t rows, page_rows, bytes;
	unsigned pages;
	bool usable; /* false: a row belongs to no course that could be named, or there are too many */
};

static void participations_done(struct participations *all)
{
	for (size_t i = 0; i < all->count; i++) {
		buf_done(&all->wanted[i].rows);
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

static void participations_prepare(struct participations *all, const char *const *ids, size_t count)
{
	all->wanted = mem_resize(NULL, count, sizeof(*all->wanted));
	all->count = count;
	for (size_t i = 0; i < count; i++)
		all->wanted[i] = (struct wanted){ ids[i], i, BUF_INIT(PARTICIPATIONS_SIZE_MAX), NULL };
	qsort(all->wanted, count, sizeof(*all->wanted), wanted_compare);
}

/* A bad row costs its course, for a page without that participant would be wrong. */
static void participations_add(
	struct participations *all, struct wanted *wanted, const struct json *row, const char *path)
{
	struct error problem = { 0 };
	size_t before = wanted->rows.length;

	if (wanted->problem)
		return;
	if (course_participant_check(row, path, &problem) < 0) {
		wanted->problem = mem_alloc(sizeof(problem));
		*wanted->problem = problem;
		all->bytes -= before;
		buf_done(&wanted->rows);
		return;
	}
	json_write(&wanted->rows, row);
	buf_append_char(&wanted->rows, ',');
	all->bytes += wanted->rows.length - before;
}

static int participations_on_data(void *arg, const struct json *data, struct error *err)
{
	struct participations *all = arg;
	const struct json *rows = reply_rows(data, "participations");

	if (!rows)
		return error_fail(err, ERROR_HEMERA_BAD_DATA, -EBADMSG,
			"the participations: data is not an array of rows");
	all->page_rows = 0;
	JSON_FOREACH (row, rows) {
		struct wanted key = { .id = json_string(json_get(row, "courseId")) };
		struct wanted *wanted;
		char path[PARTICIPATION_PATH_SIZE];

		snprintf(path, sizeof(path), "%s[%zu]", rows == data ? "data" : "data.participations",
			all->page_rows++);
		if (!key.id) {
			all->usable = false;
			return 0;
		}
		wanted = bsearch(&key, all->wanted, all->count, sizeof(key), wanted_compare);
		if (wanted)
			participations_add(all, wanted, row, path);
	}
	all->rows += all->page_rows;
	all->usable = all->bytes <= PARTICIPATIONS_BYTES_MAX && ++all->pages <= PARTICIPATIONS_PAGES_MAX;
	return 0;
}

/* The rows of one course in their normal form. */
static int participations_read(struct json **ret_participants, const struct wanted *wanted, struct error *err)
{
	/* A name that was no text stands in the rows as another one, which may be there already. */
	const struct json_limits limits = {
		.size_max = PARTICIPATIONS_SIZE_MAX,
		.depth_max = JSON_DEPTH_MAX,
		.node_max = REPLY_NODES_MAX,
		.keeps_broken = true,
	};
	const struct buf *rows = &wanted->rows;
	CLEANUP(buf_done) struct buf text = BUF_INIT(PARTICIPATIONS_SIZE_MAX);
	CLEANUP(json_freep) struct json *array = NULL;
	int r;

	if (wanted->problem)
		return error_pass(err, wanted->problem);
	buf_append_char(&text, '[');
	buf_append(&text, buf_text(rows), rows->length > 0 ? rows->length - 1 : 0);
	buf_append_char(&text, ']');
	if (buf_overflowed(&text) || buf_overflowed(rows))
		return error_fail(err, ERROR_HEMERA_BAD_DATA, -E2BIG,
			"participations: more than %d bytes for one course", PARTICIPATIONS_SIZE_MAX);
	r = json_parse(&array, buf_text(&text), text.length, &limits, err);
	if (r < 0 && err)
		err->code = ERROR_HEMERA_BAD_DATA;
	if (r < 0)
		return r;
	return course_participants_from_json(ret_participants, array, "participations", err);
}

static int participations_report(struct participations *all, hemera_detail *detail, void *arg)
{
	qsort(all->wanted, all->count, sizeof(*all->wanted), wanted_compare_index);
	for (size_t i = 0; i < all->count; i++) {
		CLEANUP(json_freep) struct json *participants = NULL;
		struct error problem = { 0 };
		int r = participations_read(&participants, &all->wanted[i], &problem);

		if (r < 0)
			r = detail(arg, i, HEMERA_DETAIL_FAILED, NULL, &problem);
		else
			r = detail(arg, i, HEMERA_DETAIL_READ, participants, NULL);
		if (r < 0)
			return r;
	}
	return 0;
}

int hemera_participations(struct hemera *client, const char *const *ids, size_t count, hemera_detail *detail,
	void *arg, bool *ret_available, struct error *err)
{
	CLEANUP(participations_done) struct participations all = { 0 };

	participations_prepare(&all, ids, count);
	do {
		CLEANUP(mem_freep)
		char *path = mem_printf(
			"/api/service/participations?limit=%d&offset=%zu", HEMERA_PAGE_ROWS, all.rows);
		const struct exchange_query query = {
			.path = path,
			.body_max = HEMERA_LIST_BODY_MAX,
			.on_data = participations_on_data,
			.arg = &all,
		};
		int r = exchange_get(client, &query, err);

		if (r < 0 && r != -ENOENT)
			return r;
		if (r == -ENOENT || !all.usable) {
			*ret_available = false;
			return 0;
		}
	} while (all.page_rows >= HEMERA_PAGE_ROWS);
	*ret_available = true;
	return participations_report(&all, detail, arg);
}
