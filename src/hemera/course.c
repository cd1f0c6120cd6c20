/* SPDX-License-Identifier: MIT */
#include "hemera/course.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "hemera/member.h"

#define PARTICIPANT_PATH_SIZE 160 /* one of our own paths and "[9999]" */

const char *const course_levels[] = { "BEGINNER", "INTERMEDIATE", "ADVANCED", NULL };

/* NONE: Hemera's word, in the details of a course, for a booking without a participation. */
const char *const participant_states[] = { "PREPARATION", "SUMMARY", "DEBRIEFING", "RESULT", "COMPLETE",
	"NONE", NULL };

#define AT(member) .offset = offsetof(struct course, member)
static const struct member course_members[] = {
	{ "id", MEMBER_ID, AT(id), .max = COURSE_ID_MAX },
	{ "title", MEMBER_TEXT, AT(title), .max = COURSE_TITLE_MAX },
	{ "slug", MEMBER_SLUG, AT(slug), .max = COURSE_SLUG_MAX },
	{ "level", MEMBER_CHOICE, AT(level), .choices = course_levels },
	{ "startDate", MEMBER_DATE, AT(start_date), .nullable = true },
	{ "endDate", MEMBER_DATE, AT(end_date), .nullable = true },
	{ "participantCount", MEMBER_COUNT, AT(participant_count), .max = COURSE_COUNT_MAX },
};
#undef AT

#define AT(member) .offset = offsetof(struct participant, member)
static const struct member participant_members[] = {
	{ "bookingId", MEMBER_ID, AT(booking_id), .hidden = true, .max = COURSE_ID_MAX },
	{ "participationId", MEMBER_ID, .offset = MEMBER_NOT_KEPT, .nullable = true, .hidden = true,
		.max = COURSE_ID_MAX },
	{ "name", MEMBER_TEXT, AT(name), .nullable = true, .max = COURSE_TEXT_MAX },
	{ "status", MEMBER_CHOICE, AT(status), .choices = participant_states },
	{ "preparationIntent", MEMBER_TEXT, AT(preparation_intent), .nullable = true,
		.max = COURSE_TEXT_MAX },
	{ "desiredResults", MEMBER_TEXT, AT(desired_results), .nullable = true, .max = COURSE_TEXT_MAX },
	{ "lineManagerProfile", MEMBER_TEXT, AT(line_manager_profile), .nullable = true,
		.max = COURSE_TEXT_MAX },
	{ "preparationCompletedAt", MEMBER_TIME, AT(preparation_completed_at), .nullable = true },
};
#undef AT

const struct member_table course_table = { course_members, ARRAY_SIZE(course_members), .quotes = true };
const struct member_table participant_table = { participant_members, ARRAY_SIZE(participant_members),
	.quotes = false };

int course_from_json(struct course *ret_course, const struct json *row, const char *path, struct error *err)
{
	struct course course = { 0 };
	int r = member_read(row, &course_table, path, &course, err);

	if (r < 0)
		return r;
	member_own(&course_table, &course, &course.texts);
	*ret_course = course;
	return 0;
}

void course_copy(struct course *ret_course, const struct course *course)
{
	*ret_course = *course;
	member_own(&course_table, ret_course, &ret_course->texts);
}

void course_done(struct course *course)
{
	free(course->texts);
	*course = (struct course){ 0 };
}

const char *course_id_of(const struct json *row)
{
	const char *id = json_string(json_get(row, "id"));

	return member_is_id(id, COURSE_ID_MAX) ? id : NULL;
}

int participant_from_json(
	struct participant *ret_participant, const struct json *row, const char *path, struct error *err)
{
	struct participant participant = { 0 };
	int r = member_read(row, &participant_table, path, &participant, err);

	if (r == 0)
		*ret_participant = participant;
	return r;
}

size_t participant_own(struct participant *participant)
{
	return sizeof(*participant) + member_own(&participant_table, participant, &participant->texts);
}

void participants_add(struct participants *participants, const struct participant *participant)
{
	participants->items =
		mem_grow(participants->items, participants->count, sizeof(*participants->items));
	participants->items[participants->count] = *participant;
	participants->items[participants->count].position = participants->count;
	participants->count++;
}

static int participant_compare(const void *left, const void *right)
{
	const struct participant *a = left, *b = right;
	int order = strcmp(a->booking_id, b->booking_id);

	return order ? order : a->position < b->position ? -1 : 1;
}

void participants_sort(struct participants *participants)
{
	size_t kept = 0;

	if (participants->count > 0)
		qsort(participants->items, participants->count, sizeof(*participants->items),
			participant_compare);
	for (size_t i = 0; i < participants->count; i++) {
		const struct participant item = participants->items[i];

		if (kept > 0 && strcmp(participants->items[kept - 1].booking_id, item.booking_id) == 0)
			free(item.texts);
		else
			participants->items[kept++] = item;
	}
	participants->count = kept;
}

void participants_done(struct participants *participants)
{
	for (size_t i = 0; i < participants->count; i++)
		free(participants->items[i].texts);
	free(participants->items);
	*participants = (struct participants){ 0 };
}

int participants_from_json(
	struct participants *ret_participants, const struct json *array, const char *path, struct error *err)
{
	CLEANUP(participants_done) struct participants participants = { 0 };

	if (json_type(array) != JSON_ARRAY)
		return error_fail(err, ERROR_HEMERA_BAD_DATA, -EBADMSG, "%s: must be an array, but is %s",
			path, json_type_name(json_type(array)));
	if (json_count(array) > COURSE_PARTICIPANTS_MAX)
		return error_fail(err, ERROR_HEMERA_BAD_DATA, -EBADMSG, "%s: more than %d participants", path,
			COURSE_PARTICIPANTS_MAX);
	JSON_FOREACH (row, array) {
		struct participant participant;
		char row_path[PARTICIPANT_PATH_SIZE];
		int r;

		snprintf(row_path, sizeof(row_path), "%s[%zu]", path, participants.count);
		r = participant_from_json(&participant, row, row_path, err);
		if (r < 0)
			return r;
		participants_add(&participants, &participant);
	}
	participants_sort(&participants);
	*ret_participants = participants;
	participants = (struct participants){ 0 };
	return 0;
}
