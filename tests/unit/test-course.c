/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "hemera/course.h"

#define TEXT_MAX (1 << 20)

#define ROW(id, title, level, start, count)                                                          \
	"{\"id\":" id ",\"title\":" title ",\"slug\":\"s\",\"level\":" level ",\"startDate\":" start \
	",\"endDate\":null,\"participantCount\":" count ",\"unknown\":[{}]}"
#define GOOD_DATE "\"2026-03-14T23:00:00.000Z\""
#define BOOKING(id, name, status)                                                             \
	"{\"bookingId\":" id ",\"participationId\":null,\"userId\":\"user_1\",\"name\":" name \
	",\"imageUrl\":\"https://pictures.example/1\",\"status\":" status                     \
	",\"preparationIntent\":\"\",\"desiredResults\":null,\"lineManagerProfile\":null,"    \
	"\"preparationCompletedAt\":null}"

static struct json *parse(const char *text, size_t length)
{
	struct json_limits limits = { .size_max = TEXT_MAX, .depth_max = JSON_DEPTH_MAX, .node_max = 100000 };
	struct json *json = NULL;

	assert_int_equal(json_parse(&json, text, length, &limits, NULL), 0);
	return json;
}

/* The body of a recorded exchange. */
static struct json *parse_recording(const char *name)
{
	const char *top = getenv("top_srcdir");
	CLEANUP(mem_freep) char *path = mem_printf("%s/tests/data/hemera/%s", top ? top : ".", name);
	CLEANUP(buf_done) struct buf text = BUF_INIT(TEXT_MAX);
	const char *body;

	assert_int_equal(file_read_path(path, &text, NULL), 0);
	body = strstr(buf_text(&text), "=== RESPONSE BODY (");
	assert_non_null(body);
	body = strchr(body, '\n') + 1;
	return parse(body, strcspn(body, "\n"));
}

static void a_row_is_copied(void **state)
{
	static const char text[] = ROW("\"c1\"", "\"Über\\nZeilen\"", "\"ADVANCED\"", GOOD_DATE, "3");
	CLEANUP(json_freep) struct json *row = parse(text, strlen(text));
	CLEANUP(course_done) struct course course = { 0 };

	(void)state;
	assert_int_equal(course_from_json(&course, row, "data[0]", NULL), 0);
	assert_string_equal(course.id, "c1");
	assert_string_equal(course.title, "Über\nZeilen");
	assert_string_equal(course.slug, "s");
	assert_string_equal(course.level, "ADVANCED");
	assert_string_equal(course.start_date, "2026-03-14T23:00:00.000Z");
	assert_null(course.end_date);
	assert_int_equal(course.participant_count, 3);
}

static const struct {
	const char *name, *row, *message;
} bad_rows[] = {
	{ "not an object", "[]", "data[17]: must be an object, but is an array" },
	{ "id missing", "{\"title\":\"\"}", "data[17].id: missing" },
	{ "id null", ROW("null", "\"\"", "\"BEGINNER\"", "null", "0"),
		"data[17].id: must be a string, but is null" },
	{ "id empty", ROW("\"\"", "\"\"", "\"BEGINNER\"", "null", "0"), "data[17].id: \"\" is not an id" },
	{ "id leads out of the path", ROW("\"../x\"", "\"\"", "\"BEGINNER\"", "null", "0"),
		"data[17].id: \"../x\" is not an id" },
	{ "id with control characters", ROW("\"c\\u001b[2J\"", "\"\"", "\"BEGINNER\"", "null", "0"),
		"data[17].id: \"c?[2J\" is not an id" },
	{ "title a number", ROW("\"c1\"", "7", "\"BEGINNER\"", "null", "0"),
		"data[17].title: must be a string, but is a number" },
	{ "level unknown", ROW("\"c1\"", "\"\"", "\"EXPERT\"", "null", "0"),
		"data[17].level: \"EXPERT\" is not one of BEGINNER, INTERMEDIATE, ADVANCED" },
	{ "level with what terminals obey",
		ROW("\"c1\"", "\"\"",
			"\"A\xc2\x9b"
			"1mB\x7f\"",
			"null", "0"),
		"data[17].level: \"A??1mB?\" is not one of BEGINNER, INTERMEDIATE, ADVANCED" },
	{ "level in small letters", ROW("\"c1\"", "\"\"", "\"beginner\"", "null", "0"),
		"data[17].level: \"beginner\" is not one of BEGINNER, INTERMEDIATE, ADVANCED" },
	{ "level long, cut before a character",
		ROW("\"c1\"", "\"\"", "\"123456789012345678901234567890123456789äöü\"", "null", "0"),
		"data[17].level: \"123456789012345678901234567890123456789\"... is not one of BEGINNER, "
		"INTERMEDIATE, ADVANCED" },
	{ "date of no calendar", ROW("\"c1\"", "\"\"", "\"BEGINNER\"", "\"2026-02-30T00:00:00.000Z\"", "0"),
		"data[17].startDate: \"2026-02-30T00:00:00.000Z\" is not a date (YYYY-MM-DDTHH:MM:SS.sssZ)" },
	{ "date a number", ROW("\"c1\"", "\"\"", "\"BEGINNER\"", "0", "0"),
		"data[17].startDate: must be a string, but is a number" },
	{ "count negative", ROW("\"c1\"", "\"\"", "\"BEGINNER\"", "null", "-1"),
		"data[17].participantCount: not an integer from 0 to 1000000" },
	{ "count broken", ROW("\"c1\"", "\"\"", "\"BEGINNER\"", "null", "1.5"),
		"data[17].participantCount: not an integer from 0 to 1000000" },
	{ "count too large", ROW("\"c1\"", "\"\"", "\"BEGINNER\"", "null", "1e300"),
		"data[17].participantCount: not an integer from 0 to 1000000" },
	{ "count a string", ROW("\"c1\"", "\"\"", "\"BEGINNER\"", "null", "\"3\""),
		"data[17].participantCount: must be a number, but is a string" },
};

static void a_bad_row_is_refused_and_its_path_named(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad_rows); i++) {
		CLEANUP(json_freep) struct json *row = parse(bad_rows[i].row, strlen(bad_rows[i].row));
		struct course course = { .id = NULL, .participant_count = 99 };
		struct error err = { 0 };

		assert_int_equal(course_from_json(&course, row, "data[17]", &err), -EBADMSG);
		if (strcmp(err.message, bad_rows[i].message) != 0)
			fail_msg("%s: %s", bad_rows[i].name, err.message);
		assert_int_equal(err.code, ERROR_HEMERA_BAD_DATA);
		assert_null(course.id);
		assert_int_equal(course.participant_count, 99);
	}
}

static void assert_title_length(size_t length, int expected)
{
	CLEANUP(json_freep) struct json *row = NULL;
	CLEANUP(course_done) struct course course = { 0 };
	CLEANUP(mem_freep) char *title = mem_alloc(length + 1);
	CLEANUP(mem_freep) char *text = NULL;

	memset(title, 'x', length);
	title[length] = '\0';
	text = mem_printf(ROW("\"c1\"", "\"%s\"", "\"BEGINNER\"", "null", "0"), title);
	row = parse(text, strlen(text));
	assert_int_equal(course_from_json(&course, row, "data[0]", NULL), expected);
}

static void a_title_has_a_limit(void **state)
{
	(void)state;
	assert_title_length(COURSE_TITLE_MAX, 0);
	assert_title_length(COURSE_TITLE_MAX + 1, -EBADMSG);
}

static void an_id_is_found_in_a_bad_row_only_when_usable(void **state)
{
	static const char usable[] = "{\"id\":\"c1\",\"level\":7}", unusable[] = "{\"id\":\"c/1\"}";
	CLEANUP(json_freep) struct json *good = parse(usable, strlen(usable));
	CLEANUP(json_freep) struct json *bad = parse(unusable, strlen(unusable));

	(void)state;
	assert_string_equal(course_id_of(good), "c1");
	assert_null(course_id_of(bad));
	assert_null(course_id_of(NULL));
}

static void recorded_rows_are_accepted(void **state)
{
	static const char *const names[] = { "001-list-default.txt", "400-legacy-list.txt" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		CLEANUP(json_freep) struct json *body = parse_recording(names[i]);
		const struct json *data = json_get(body, "data");
		const struct json *rows = i == 0 ? data : json_get(data, "courses");

		assert_true(json_count(rows) > 0);
		JSON_FOREACH (row, rows) {
			CLEANUP(course_done) struct course course = { 0 };
			struct error err = { 0 };

			if (course_from_json(&course, row, "row", &err) < 0)
				fail_msg("%s: %s", names[i], err.message);
		}
	}
}

/* "id:name:status " of each. */
static void assert_participants(const char *array, const char *expected)
{
	CLEANUP(json_freep) struct json *rows = parse(array, strlen(array));
	CLEANUP(participants_done) struct participants participants = { 0 };
	CLEANUP(buf_done) struct buf text = BUF_INIT(TEXT_MAX);

	assert_int_equal(participants_from_json(&participants, rows, "data.participants", NULL), 0);
	for (size_t i = 0; i < participants.count; i++) {
		const struct participant *item = &participants.items[i];

		buf_printf(
			&text, "%s:%s:%s ", item->booking_id, item->name ? item->name : "null", item->status);
		assert_string_equal(item->preparation_intent, "");
		assert_null(item->desired_results);
		assert_null(item->line_manager_profile);
		assert_null(item->preparation_completed_at);
	}
	assert_string_equal(buf_text(&text), expected);
}

static void participants_are_sorted_by_booking(void **state)
{
	(void)state;
	assert_participants("[]", "");
	assert_participants("[" BOOKING("\"b2\"", "\"Zoe\"", "\"NONE\"") "," BOOKING(
				    "\"b1\"", "null", "\"COMPLETE\"") "]",
		"b1:null:COMPLETE b2:Zoe:NONE ");
}

static void the_first_of_two_rows_of_a_booking_counts(void **state)
{
	(void)state;
	assert_participants("[" BOOKING("\"b2\"", "\"A\"", "\"NONE\"") "," BOOKING("\"b1\"", "\"B\"",
				    "\"NONE\"") "," BOOKING("\"b2\"", "\"C\"", "\"NONE\"") "]",
		"b1:B:NONE b2:A:NONE ");
}

static void a_participant_outlives_its_row(void **state)
{
	static const char text[] = BOOKING("\"b1\"", "\"Ada\"", "\"NONE\"");
	CLEANUP(participants_done) struct participants participants = { 0 };
	struct json *row = parse(text, strlen(text));
	struct participant participant;

	(void)state;
	assert_int_equal(participant_from_json(&participant, row, "data[0]", NULL), 0);
	assert_int_equal(
		participant_own(&participant), sizeof(participant) + sizeof("b1") + sizeof("Ada") + 1);
	json_free(row);
	participants_add(&participants, &participant);
	assert_string_equal(participants.items[0].booking_id, "b1");
	assert_string_equal(participants.items[0].name, "Ada");
	assert_string_equal(participants.items[0].status, "NONE");
}

static const struct {
	const char *name, *array, *message;
} bad_participants[] = {
	{ "no array", "{}", "data.participants: must be an array, but is an object" },
	{ "no object", "[null]", "data.participants[0]: must be an object, but is null" },
	{ "booking without id", "[" BOOKING("null", "null", "\"NONE\"") "]",
		"data.participants[0].bookingId: must be a string, but is null" },
	{ "status of a later version",
		"[" BOOKING("\"b1\"", "null", "\"NONE\"") "," BOOKING(
			"\"b2\"", "null", "\"SECRET TEXT\"") "]",
		"data.participants[1].status: is not one of PREPARATION, SUMMARY, DEBRIEFING, RESULT, "
		"COMPLETE, "
		"NONE" },
	{ "name an object", "[" BOOKING("\"b1\"", "{}", "\"NONE\"") "]",
		"data.participants[0].name: must be a string, but is an object" },
};

static void bad_participants_are_refused_without_their_text(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad_participants); i++) {
		const char *text = bad_participants[i].array;
		CLEANUP(json_freep) struct json *rows = parse(text, strlen(text));
		struct participants participants = { 0 };
		struct error err = { 0 };

		assert_int_equal(
			participants_from_json(&participants, rows, "data.participants", &err), -EBADMSG);
		assert_null(participants.items);
		if (strcmp(err.message, bad_participants[i].message) != 0)
			fail_msg("%s: %s", bad_participants[i].name, err.message);
	}
}

static void a_course_has_room_for_so_many_participants(void **state)
{
	CLEANUP(json_freep) struct json *rows = json_new_array();
	struct participants participants = { 0 };
	struct error err = { 0 };

	(void)state;
	for (int i = 0; i <= COURSE_PARTICIPANTS_MAX; i++)
		json_append(rows, json_new_object());
	assert_int_equal(participants_from_json(&participants, rows, "data", &err), -EBADMSG);
	assert_non_null(strstr(err.message, "data: more than "));
}

static void recorded_participants_are_accepted(void **state)
{
	CLEANUP(json_freep) struct json *body = parse_recording("100-detail-main.txt");
	CLEANUP(participants_done) struct participants participants = { 0 };
	const struct json *rows = json_get(json_get(body, "data"), "participants");

	(void)state;
	assert_int_equal(participants_from_json(&participants, rows, "data.participants", NULL), 0);
	assert_true(json_count(rows) > 0);
	assert_int_equal(participants.count, json_count(rows));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_row_is_copied),
		cmocka_unit_test(a_bad_row_is_refused_and_its_path_named),
		cmocka_unit_test(a_title_has_a_limit),
		cmocka_unit_test(an_id_is_found_in_a_bad_row_only_when_usable),
		cmocka_unit_test(recorded_rows_are_accepted),
		cmocka_unit_test(participants_are_sorted_by_booking),
		cmocka_unit_test(the_first_of_two_rows_of_a_booking_counts),
		cmocka_unit_test(a_participant_outlives_its_row),
		cmocka_unit_test(bad_participants_are_refused_without_their_text),
		cmocka_unit_test(a_course_has_room_for_so_many_participants),
		cmocka_unit_test(recorded_participants_are_accepted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
