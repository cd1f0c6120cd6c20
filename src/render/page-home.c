/* SPDX-License-Identifier: MIT */
#include "render/page.h"

#include <stdlib.h>
#include <string.h>

#include "base/collate.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/time.h"
#include "render/page-parts.h"
#include "published/texts.h"

#define PAGE_ROW_SIZE 1536 /* bytes of a course as JSON nodes */

struct page_row {
	const struct page_course *course;
	const char *title_key; /* borrowed; by collation_key */
	bool started, ended;   /* is there such a date? */
	int64_t start_ms, end_ms;
};

static struct page_row page_row(const struct page_course *course, const char *title_key)
{
	struct page_row row = { .course = course, .title_key = title_key };

	row.started = time_parse(course->start_date, &row.start_ms) == 0;
	row.ended = time_parse(course->end_date, &row.end_ms) == 0;
	return row;
}

/* Hemera's data can end before it begins: then the later day counts. */
static bool page_is_past(const struct page_row *row, int64_t now_ms)
{
	int64_t last_ms = row->started ? row->start_ms : row->end_ms;

	if (!row->started && !row->ended)
		return false;
	if (row->ended && row->end_ms > last_ms)
		last_ms = row->end_ms;
	return time_day(last_ms) < time_day(now_ms);
}

static int page_compare_texts(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "");
}

/* Among equal dates Hemera's order changes from call to call; ours must not, or the page would. */
static int page_compare(const void *left, const void *right)
{
	const struct page_row *a = left, *b = right;
	int order;

	if (a->start_ms != b->start_ms)
		return a->start_ms < b->start_ms ? -1 : 1;
	order = strcmp(a->title_key, b->title_key);
	if (order == 0)
		order = page_compare_texts(a->course->title, b->course->title);
	return order ? order : page_compare_texts(a->course->id, b->course->id);
}

static int page_compare_latest(const void *left, const void *right)
{
	const struct page_row *a = left, *b = right;
	int64_t a_ms = a->started ? a->start_ms : a->end_ms, b_ms = b->started ? b->start_ms : b->end_ms;

	return a_ms != b_ms ? (a_ms > b_ms ? -1 : 1) : page_compare(left, right);
}

static struct json *page_home_row(const struct page_course *course, const struct texts *texts)
{
	struct json *object = json_new_object();
	const char *title = page_text(course->title);

	json_set_string(object, "title", title);
	json_set_bool(object, "titleMissing", !title || !title[0]);
	page_set_course(object, course, texts);
	json_set_string(object, "href", course->href);
	return object;
}

/* Owned, as each key is. */
static char **page_title_keys(const struct page_course *courses, size_t count)
{
	CLEANUP(collation_freep) struct collation *collation = collation_new();
	char **keys = mem_resize(NULL, count, sizeof(*keys));

	for (size_t i = 0; i < count; i++)
		keys[i] = collation_key(collation, courses[i].title ? courses[i].title : "");
	return keys;
}

enum page_group { PAGE_CURRENT, PAGE_UNDATED, PAGE_PAST, PAGE_GROUPS };

static enum page_group page_group(const struct page_row *row, int64_t now_ms)
{
	if (page_is_past(row, now_ms))
		return PAGE_PAST;
	return row->started ? PAGE_CURRENT : PAGE_UNDATED;
}

struct json *page_home_data(
	const struct page_course *courses, size_t count, const struct texts *texts, int64_t now_ms)
{
	static const char *const members[] = { "current", "undated", "past" };
	CLEANUP(mem_freep) struct page_row *rows = mem_resize(NULL, count, sizeof(*rows));
	CLEANUP(mem_freep) char **keys = page_title_keys(courses, count);
	struct json *data;

	json_build_begin(count * PAGE_ROW_SIZE + PAGE_ROW_SIZE);
	data = json_new_object();
	json_set_string(data, "lang", texts_language(texts));
	json_set_integer(data, "courseCount", (int64_t)count);
	for (size_t group = 0; group < PAGE_GROUPS; group++) {
		struct json *array = json_new_array();
		size_t in_group = 0;

		for (size_t i = 0; i < count; i++) {
			rows[in_group] = page_row(&courses[i], keys[i]);
			in_group += page_group(&rows[in_group], now_ms) == group;
		}
		if (in_group > 0)
			qsort(rows, in_group, sizeof(*rows),
				group == PAGE_PAST ? page_compare_latest : page_compare);
		for (size_t i = 0; i < in_group; i++)
			json_append(array, page_home_row(rows[i].course, texts));
		json_set(data, members[group], array);
	}
	for (size_t i = 0; i < count; i++)
		free(keys[i]);
	return json_build_end(data);
}
