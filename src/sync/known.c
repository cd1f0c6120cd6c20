/* SPDX-License-Identifier: MIT */
#include "sync/known.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/time.h"
#include "hemera/client.h"
#include "hemera/member.h"
#include "sync/names.h"

static const char *const known_reasons[] = {
	[KNOWN_ACCEPTED] = "",
	[KNOWN_EMPTY] = "empty",
	[KNOWN_INCOMPLETE] = "incomplete",
	[KNOWN_SHRUNK] = "shrunk",
	[KNOWN_UNREADABLE] = "unreadable",
};

static int known_compare(const void *left, const void *right)
{
	return strcmp(((const struct course *)left)->id, ((const struct course *)right)->id);
}

void known_done(struct known *known)
{
	for (size_t i = 0; i < known->count; i++)
		course_done(&known->courses[i]);
	free(known->courses);
	free(known->changed_ms);
	*known = (struct known){ 0 };
}

void known_add(struct known *known, const struct course *course, int64_t changed_ms)
{
	known->courses = mem_grow(known->courses, known->count, sizeof(*known->courses));
	known->changed_ms = mem_grow(known->changed_ms, known->count, sizeof(*known->changed_ms));
	course_copy(&known->courses[known->count], course);
	known->changed_ms[known->count++] = changed_ms;
}

static void known_sort(struct course *courses, size_t count)
{
	if (count > 0)
		qsort(courses, count, sizeof(*courses), known_compare);
}

/* Finds the course with the same id; NULL: there is none. */
static const struct course *known_find(const struct course *sorted, size_t count, const struct course *course)
{
	return count > 0 ? bsearch(course, sorted, count, sizeof(*sorted), known_compare) : NULL;
}

/* ---- as JSON ---- */

static int known_read_kept(const struct json *kept, struct known_kept *ret_kept, struct error *err)
{
	const char *reason = json_string(json_get(kept, "reason"));
	int64_t courses = json_integer(json_get(kept, "courses"), 0);

	if (json_type(kept) == JSON_NULL)
		return 0;
	for (int i = KNOWN_EMPTY; i <= KNOWN_UNREADABLE && reason; i++)
		if (strcmp(reason, known_reasons[i]) == 0)
			ret_kept->reason = (enum known_verdict)i;
	if (ret_kept->reason == KNOWN_ACCEPTED || courses <= 0 ||
		time_parse(json_string(json_get(kept, "since")), &ret_kept->since_ms) < 0)
		return error_set(err, -EBADMSG, "list.kept is not valid");
	ret_kept->courses = (size_t)courses;
	return 0;
}

/* Reads the courses of the rows, sorted, with the times of their last changes. */
static int known_read_rows(
	const struct json *rows, int64_t changed_ms, struct known *known, struct error *err)
{
	known->courses = mem_zalloc((json_count(rows) + 1) * sizeof(*known->courses));
	known->changed_ms = mem_zalloc((json_count(rows) + 1) * sizeof(*known->changed_ms));
	JSON_FOREACH (row, rows) {
		if (course_from_json(&known->courses[known->count], row, "list.courses[]", err) < 0)
			return -EBADMSG;
		known->count++;
	}
	known_sort(known->courses, known->count);
	JSON_FOREACH (row, rows) {
		const struct json *changed_at = json_get(row, "changedAt");
		const struct course key = { .id = json_string(json_get(row, "id")) };
		const struct course *course = known_find(known->courses, known->count, &key);
		int64_t *at = &known->changed_ms[course - known->courses];

		*at = changed_ms;
		if (changed_at && time_parse(json_string(changed_at), at) < 0)
			return error_set(err, -EBADMSG, "list.courses[].changedAt is not a time");
	}
	return 0;
}

int known_read(const struct json *object, int64_t changed_ms, struct known *ret_known, struct error *err)
{
	const struct json *courses = json_get(object, "courses");
	int64_t empty_syncs = json_integer(json_get(object, "emptySyncs"), -1);
	CLEANUP(known_done) struct known known = { 0 };
	int r;

	if (json_type(courses) != JSON_ARRAY || empty_syncs < 0 || empty_syncs > UINT_MAX)
		return error_set(err, -EBADMSG, "list is not valid");
	known.empty_syncs = (unsigned)empty_syncs;
	r = known_read_rows(courses, changed_ms, &known, err);
	if (r == 0)
		r = known_read_kept(json_get(object, "kept"), &known.kept, err);
	if (r < 0)
		return r;
	*ret_known = known;
	known = (struct known){ 0 };
	return 0;
}

struct json *known_kept_to_json(const struct known_kept *kept)
{
	struct json *object;

	if (kept->reason == KNOWN_ACCEPTED)
		return NULL;
	object = json_new_object();
	json_set_string(object, "reason", known_reasons[kept->reason]);
	json_set_integer(object, "courses", (int64_t)kept->courses);
	json_set_time(object, "since", kept->since_ms);
	return object;
}

void known_write(struct buf *out, const struct known *known)
{
	CLEANUP(json_freep) struct json *kept = known_kept_to_json(&known->kept);

	buf_printf(out, "{\"emptySyncs\":%u,\"kept\":", known->empty_syncs);
	json_write(out, kept);
	buf_append_text(out, ",\"courses\":[");
	for (size_t i = 0; i < known->count; i++) {
		char changed_at[TIME_TEXT_SIZE];

		time_format(known->changed_ms[i], changed_at);
		buf_append_text(out, i ? ",\n" : "\n");
		member_write_open(out, &course_table, &known->courses[i]);
		buf_printf(out, ",\"changedAt\":\"%s\"}", changed_at);
	}
	buf_append_text(out, "]}");
}

/* ---- update by a list ---- */

bool known_may_lack(const struct hemera_list *list)
{
	return !hemera_list_has_all(list) || list->unidentified > 0;
}

bool known_is_too_much(size_t gone, size_t known, unsigned delete_percent_max)
{
	return gone > KNOWN_FREE_COUNT && gone * 100 > (uint64_t)delete_percent_max * known;
}

static enum known_verdict known_judge(const struct known *known, const struct hemera_list *list,
	const struct known_rules *rules, size_t missing)
{
	bool is_empty = list->count + list->bad_count == 0;

	if (missing == 0)
		return KNOWN_ACCEPTED;
	if (!hemera_list_has_all(list))
		return KNOWN_INCOMPLETE;
	if (list->unidentified > 0)
		return KNOWN_UNREADABLE;
	if (rules->force)
		return KNOWN_ACCEPTED;
	if (known_is_too_much(missing, known->count, rules->delete_percent_max))
		return is_empty ? KNOWN_EMPTY : KNOWN_SHRUNK;
	if (is_empty && !(rules->is_sync && known->empty_syncs + 1 >= KNOWN_EMPTY_SYNCS))
		return KNOWN_EMPTY;
	return KNOWN_ACCEPTED;
}

void known_update(struct known *known, const struct hemera_list *list, const struct known_rules *rules)
{
	struct known next = { .empty_syncs = known->empty_syncs };
	CLEANUP(nameset_done) struct nameset bad = { 0 }; /* ids of rows that are there but not valid */
	size_t valid, missing = 0;
	enum known_verdict verdict;

	for (size_t i = 0; i < list->bad_count; i++)
		nameset_add(&bad, list->bad_ids[i]);
	nameset_sort(&bad);
	next.courses = mem_zalloc((list->count + known->count + 1) * sizeof(*next.courses));
	for (size_t i = 0; i < list->count; i++)
		course_copy(&next.courses[next.count++], &list->courses[i]);
	known_sort(next.courses, next.count);
	valid = next.count;
	for (size_t i = 0; i < known->count; i++)
		missing += !known_find(next.courses, valid, &known->courses[i]) &&
			   !nameset_has(&bad, known->courses[i].id);
	verdict = known_judge(known, list, rules, missing);
	for (size_t i = 0; i < known->count; i++) {
		const struct course *course = &known->courses[i];

		if (!known_find(next.courses, valid, course) &&
			(verdict != KNOWN_ACCEPTED || nameset_has(&bad, course->id)))
			course_copy(&next.courses[next.count++], course);
	}
	known_sort(next.courses, next.count);
	next.changed_ms = mem_zalloc((next.count + 1) * sizeof(*next.changed_ms));
	for (size_t i = 0; i < next.count; i++) {
		const struct course *before = known_find(known->courses, known->count, &next.courses[i]);

		next.changed_ms[i] = before && member_is_equal(&course_table, before, &next.courses[i])
					     ? known->changed_ms[before - known->courses]
					     : rules->now_ms;
	}
	if (verdict != KNOWN_EMPTY)
		next.empty_syncs = 0;
	else if (rules->is_sync && next.empty_syncs < KNOWN_EMPTY_SYNCS)
		next.empty_syncs++;
	/* An incomplete list changes what is kept only if its lost rows were searched for. */
	if (verdict == KNOWN_INCOMPLETE && !rules->is_thorough)
		next.kept = known->kept;
	else if (verdict != KNOWN_ACCEPTED)
		next.kept = (struct known_kept){ verdict, missing,
			known->kept.reason == verdict ? known->kept.since_ms : rules->now_ms };
	known_done(known);
	*known = next;
}
