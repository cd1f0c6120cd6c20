/* SPDX-License-Identifier: MIT */
#include "hemera/course.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "hemera/member.h"

#define PARTICIPANT_PATH_SIZE 160 /* a path of ours and "[9999]" */
#define PARTICIPANT_SIZE 1536     /* bytes of one as JSON nodes, with short texts */

const char *const course_levels[] = { "BEGINNER", "INTERMEDIATE", "ADVANCED", NULL };

static const struct member course_members[] = {
	{ "id", MEMBER_ID, .max = COURSE_ID_MAX },
	{ "title", MEMBER_TEXT, .max = COURSE_TITLE_MAX },
	{ "slug", MEMBER_TEXT, .max = COURSE_SLUG_MAX },
	{ "level", MEMBER_CHOICE, .choices = course_levels },
	{ "startDate", MEMBER_DATE, .nullable = true },
	{ "endDate", MEMBER_DATE, .nullable = true },
	{ "participantCount", MEMBER_COUNT, .max = COURSE_COUNT_MAX },
};

/* NONE: a booking without participation, as Hemera's detail writes it. */
static const char *const participant_states[] = { "PREPARATION", "SUMMARY", "DEBRIEFING", "RESULT",
	"COMPLETE", "NONE", NULL };

/* These, in this order, are also the members of the normal form. */
static const struct member participant_members[] = {
	{ "bookingId", MEMBER_ID, .max = COURSE_ID_MAX },
	{ "participationId", MEMBER_ID, .nullable = true, .max = COURSE_ID_MAX },
	{ "name", MEMBER_TEXT, .nullable = true, .max = COURSE_TEXT_MAX },
	{ "status", MEMBER_CHOICE, .choices = participant_states },
	{ "preparationIntent", MEMBER_TEXT, .nullable = true, .max = COURSE_TEXT_MAX },
	{ "desiredResults", MEMBER_TEXT, .nullable = true, .max = COURSE_TEXT_MAX },
	{ "lineManagerProfile", MEMBER_TEXT, .nullable = true, .max = COURSE_TEXT_MAX },
	{ "preparationCompletedAt", MEMBER_DATE, .nullable = true },
};

static const struct member_table course_table = { course_members, ARRAY_SIZE(course_members),
	.quotes = true };
static const struct member_table participant_table = { participant_members, ARRAY_SIZE(participant_members),
	.quotes = false };

struct booking {
	const struct json *row;
	size_t position; /* in the array: of rows with the same bookingId the first one counts */
};

void course_done(struct course *course)
{
	free(course->id);
	free(course->title);
	free(course->slug);
	*course = (struct course){ 0 };
}

void course_copy(struct course *ret_course, const struct course *course)
{
	*ret_course = *course;
	ret_course->id = mem_strdup(course->id);
	ret_course->title = mem_strdup(course->title);
	ret_course->slug = mem_strdup(course->slug);
}

static void course_write_member(struct buf *out, const char *before, const char *text)
{
	buf_append_text(out, before);
	json_write_string(out, text);
}

void course_write(struct buf *out, const struct course *course)
{
	course_write_member(out, "{\"id\":", course->id);
	course_write_member(out, ",\"title\":", course->title);
	course_write_member(out, ",\"slug\":", course->slug);
	course_write_member(out, ",\"level\":", course->level);
	course_write_member(out, ",\"startDate\":", course->start_date[0] ? course->start_date : NULL);
	course_write_member(out, ",\"endDate\":", course->end_date[0] ? course->end_date : NULL);
	buf_append_text(out, ",\"participantCount\":");
	buf_append_integer(out, course->participant_count);
	buf_append_char(out, '}');
}

static void course_copy_date(char ret_date[static TIME_TEXT_SIZE], const struct json *value)
{
	const char *text = json_string(value);

	snprintf(ret_date, TIME_TEXT_SIZE, "%s", text ? text : "");
}

int course_from_json(struct course *ret_course, const struct json *row, const char *path, struct error *err)
{
	struct course course = { 0 };
	int r = member_check(row, &course_table, path, err);

	if (r < 0)
		return r;
	course.id = mem_strdup(json_string(json_get(row, "id")));
	course.title = mem_strdup(json_string(json_get(row, "title")));
	course.slug = mem_strdup(json_string(json_get(row, "slug")));
	course.level = member_choice(course_levels, json_string(json_get(row, "level")));
	course_copy_date(course.start_date, json_get(row, "startDate"));
	course_copy_date(course.end_date, json_get(row, "endDate"));
	course.participant_count = (unsigned)json_integer(json_get(row, "participantCount"), 0);
	*ret_course = course;
	return 0;
}

const char *course_id_of(const struct json *row)
{
	const char *id = json_string(json_get(row, "id"));

	return member_is_id(id, COURSE_ID_MAX) ? id : NULL;
}

int course_participant_check(const struct json *row, const char *path, struct error *err)
{
	return member_check(row, &participant_table, path, err);
}

static int booking_compare(const void *left, const void *right)
{
	const struct booking *a = left, *b = right;
	int order = strcmp(
		json_string(json_get(a->row, "bookingId")), json_string(json_get(b->row, "bookingId")));

	if (order != 0)
		return order;
	return a->position < b->position ? -1 : a->position > b->position;
}

static struct json *booking_normal_form(const struct booking *booking)
{
	struct json *participant = json_new_object();

	for (size_t i = 0; i < ARRAY_SIZE(participant_members); i++) {
		const char *name = participant_members[i].name;

		json_set_string(participant, name, json_string(json_get(booking->row, name)));
	}
	return participant;
}

/* Checks every row; *ret_bookings (owned) is sorted by bookingId. */
static int booking_collect(struct booking **ret_bookings, size_t count, const struct json *array,
	const char *path, struct error *err)
{
	CLEANUP(mem_freep) struct booking *bookings = mem_resize(NULL, count, sizeof(*bookings));
	size_t position = 0;

	JSON_FOREACH (row, array) {
		char row_path[PARTICIPANT_PATH_SIZE];
		int r;

		snprintf(row_path, sizeof(row_path), "%s[%zu]", path, position);
		r = course_participant_check(row, row_path, err);
		if (r < 0)
			return r;
		bookings[position] = (struct booking){ row, position };
		position++;
	}
	qsort(bookings, count, sizeof(*bookings), booking_compare);
	*ret_bookings = STEAL(bookings);
	return 0;
}

int course_participants_from_json(
	struct json **ret_participants, const struct json *array, const char *path, struct error *err)
{
	CLEANUP(mem_freep) struct booking *bookings = NULL;
	CLEANUP(json_freep) struct json *participants = NULL;
	const char *last_id = NULL;
	size_t count = json_count(array);
	int r;

	if (json_type(array) != JSON_ARRAY)
		return error_fail(err, ERROR_HEMERA_BAD_DATA, -EBADMSG, "%s: %s where an array is due", path,
			json_type_name(json_type(array)));
	if (count > COURSE_PARTICIPANTS_MAX)
		return error_fail(err, ERROR_HEMERA_BAD_DATA, -EBADMSG, "%s: more than %d participants", path,
			COURSE_PARTICIPANTS_MAX);
	r = booking_collect(&bookings, count, array, path, err);
	if (r < 0)
		return r;
	json_build_begin(count * PARTICIPANT_SIZE);
	participants = json_new_array();
	for (size_t i = 0; i < count; i++) {
		const char *id = json_string(json_get(bookings[i].row, "bookingId"));

		if (last_id && strcmp(id, last_id) == 0)
			continue;
		json_append(participants, booking_normal_form(&bookings[i]));
		last_id = id;
	}
	*ret_participants = json_build_end(STEAL(participants));
	return 0;
}
