/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "hemera/client.h"
#include "sync/known.h"

#define BEFORE_MS INT64_C(1767225600000)
#define NOW_MS INT64_C(1773532800000)

/* Courses c<first> to c<first + count - 1>; owned by the caller. */
static struct course *courses(unsigned first, unsigned count, const char *title)
{
	struct course *items = mem_zalloc((count + 1) * sizeof(*items));

	for (unsigned i = 0; i < count; i++) {
		CLEANUP(mem_freep) char *id = mem_printf("c%03u", first + i);

		course_copy(&items[i],
			&(struct course){ .id = id, .title = title, .slug = "s", .level = course_levels[0] });
	}
	return items;
}

/* The course c<i> last changed i seconds after BEFORE_MS. */
static struct known known_of(unsigned count)
{
	struct known known = { .courses = courses(0, count, "old"), .count = count };

	known.changed_ms = mem_zalloc((count + 1) * sizeof(*known.changed_ms));
	for (unsigned i = 0; i < count; i++)
		known.changed_ms[i] = BEFORE_MS + 1000 * i;
	return known;
}

static const char *title_of(const struct known *known, const char *id)
{
	for (size_t i = 0; i < known->count; i++)
		if (strcmp(known->courses[i].id, id) == 0)
			return known->courses[i].title;
	return "not known";
}

static struct hemera_list list_of(unsigned first, unsigned count)
{
	return (struct hemera_list){
		.courses = courses(first, count, "new"), .count = count, .rows = count, .pages = 1
	};
}

static void whether_rows_leave_depends_on_how_many_and_why(void **state)
{
	static const struct {
		const char *label;
		unsigned known, first, listed, lost, unidentified, percent, empty_syncs;
		bool is_sync, force;
		enum known_verdict verdict;
		unsigned shown;
	} rows[] = {
		{ "the same", 30, 0, 30, 0, 0, 50, 0, true, false, KNOWN_ACCEPTED, 30 },
		{ "the first list", 0, 0, 30, 0, 0, 50, 0, true, false, KNOWN_ACCEPTED, 30 },
		{ "one is gone", 30, 1, 29, 0, 0, 50, 0, true, false, KNOWN_ACCEPTED, 29 },
		{ "one is gone, by a refresh", 30, 1, 29, 0, 0, 50, 0, false, false, KNOWN_ACCEPTED, 29 },
		{ "half are gone", 30, 15, 15, 0, 0, 50, 0, true, false, KNOWN_ACCEPTED, 15 },
		{ "more are gone", 30, 16, 14, 0, 0, 50, 0, true, false, KNOWN_SHRUNK, 30 },
		{ "more are gone, by a refresh", 30, 16, 14, 0, 0, 50, 0, false, false, KNOWN_SHRUNK, 30 },
		{ "more are gone, forced", 30, 16, 14, 0, 0, 50, 0, true, true, KNOWN_ACCEPTED, 14 },
		{ "others have come instead", 30, 100, 30, 0, 0, 50, 0, true, false, KNOWN_SHRUNK, 60 },
		{ "ten of eleven are gone", 11, 10, 1, 0, 0, 50, 0, true, false, KNOWN_ACCEPTED, 1 },
		{ "no percentage refuses", 30, 29, 1, 0, 0, 100, 0, true, false, KNOWN_ACCEPTED, 1 },
		{ "a few, and an empty list", 3, 0, 0, 0, 0, 50, 0, true, false, KNOWN_EMPTY, 3 },
		{ "and once more", 3, 0, 0, 0, 0, 50, 1, true, false, KNOWN_ACCEPTED, 0 },
		{ "and once more, but by a refresh", 3, 0, 0, 0, 0, 50, 1, false, false, KNOWN_EMPTY, 3 },
		{ "a few, and an empty list, forced", 3, 0, 0, 0, 0, 50, 0, true, true, KNOWN_ACCEPTED, 0 },
		{ "many, and an empty list for ever", 11, 0, 0, 0, 0, 50, 2, true, false, KNOWN_EMPTY, 11 },
		{ "many, and an empty list, forced", 11, 0, 0, 0, 0, 50, 0, true, true, KNOWN_ACCEPTED, 0 },
		{ "nothing known, an empty list", 0, 0, 0, 0, 0, 50, 0, true, false, KNOWN_ACCEPTED, 0 },
		{ "one is lost by paging", 30, 1, 29, 1, 0, 50, 0, true, false, KNOWN_INCOMPLETE, 30 },
		{ "one is lost by paging, forced", 30, 1, 29, 1, 0, 50, 0, true, true, KNOWN_INCOMPLETE, 30 },
		{ "an unknown one is lost", 30, 0, 30, 1, 0, 50, 0, true, false, KNOWN_ACCEPTED, 30 },
		{ "one has no id", 30, 1, 29, 0, 1, 50, 0, true, true, KNOWN_UNREADABLE, 30 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEANUP(known_done) struct known known = known_of(rows[i].known);
		CLEANUP(hemera_list_done) struct hemera_list list = list_of(rows[i].first, rows[i].listed);
		const struct known_rules rules = { rows[i].is_sync, rows[i].is_sync, rows[i].force,
			rows[i].percent, NOW_MS };

		known.empty_syncs = rows[i].empty_syncs;
		list.rows += rows[i].lost + rows[i].unidentified;
		list.unidentified = rows[i].unidentified;
		known_update(&known, &list, &rules);
		if (known.kept.reason != rows[i].verdict || known.count != rows[i].shown)
			fail_msg("%s: verdict %d, %zu courses shown", rows[i].label, (int)known.kept.reason,
				known.count);
		if (known.kept.courses != (rows[i].verdict ? rows[i].shown - rows[i].listed : 0))
			fail_msg("%s: %zu kept", rows[i].label, known.kept.courses);
		if (rows[i].listed > 0 && strcmp(title_of(&known, list.courses[0].id), "new") != 0)
			fail_msg("%s: what the list says is not taken over", rows[i].label);
	}
}

static void a_row_that_is_not_valid_stays_as_it_is_known(void **state)
{
	CLEANUP(known_done) struct known known = known_of(3);
	CLEANUP(hemera_list_done) struct hemera_list list = list_of(0, 2);
	const struct known_rules rules = { true, true, false, 50, NOW_MS };

	(void)state;
	list.bad_ids = mem_zalloc(2 * sizeof(*list.bad_ids));
	list.bad_ids[list.bad_count++] = mem_strdup("c002");
	list.bad_ids[list.bad_count++] = mem_strdup("cnew");
	list.rows += 2;
	known_update(&known, &list, &rules);
	assert_int_equal(known.kept.reason, KNOWN_ACCEPTED);
	assert_int_equal(known.count, 3);
	assert_string_equal(title_of(&known, "c002"), "old");
}

static void a_list_with_courses_between_two_empty_ones_counts(void **state)
{
	CLEANUP(known_done) struct known known = known_of(3);
	CLEANUP(hemera_list_done) struct hemera_list none = { .pages = 1 }, all = list_of(0, 3);
	const struct known_rules sync = { true, true, false, 50, NOW_MS },
				 refresh = { .delete_percent_max = 50 };

	(void)state;
	known_update(&known, &none, &sync);
	assert_int_equal(known.empty_syncs, 1);
	known_update(&known, &all, &refresh);
	assert_int_equal(known.empty_syncs, 0);
	known_update(&known, &none, &sync);
	assert_int_equal(known.kept.reason, KNOWN_EMPTY);
	assert_int_equal(known.count, 3);
}

/* A refresh does not look for lost rows, so the last sync's verdict stays. */
static void a_refresh_does_not_change_the_verdict_on_lost_rows(void **state)
{
	CLEANUP(known_done) struct known known = known_of(30);
	CLEANUP(hemera_list_done) struct hemera_list list = list_of(1, 29);
	const struct known_rules thorough = { true, true, false, 50, NOW_MS },
				 quick = { .delete_percent_max = 50 };

	(void)state;
	list.rows++;
	known_update(&known, &list, &quick);
	assert_int_equal(known.kept.reason, KNOWN_ACCEPTED);
	assert_int_equal(known.count, 30);
	known_update(&known, &list, &thorough);
	known_update(&known, &list, &quick);
	assert_int_equal(known.kept.reason, KNOWN_INCOMPLETE);
	assert_int_equal(known.kept.since_ms, NOW_MS);
}

static void since_when_is_remembered_while_the_reason_is_the_same(void **state)
{
	CLEANUP(known_done) struct known known = known_of(30);
	CLEANUP(hemera_list_done) struct hemera_list none = { .pages = 1 }, all = list_of(0, 30);

	(void)state;
	for (int64_t now_ms = NOW_MS; now_ms < NOW_MS + 3000; now_ms += 1000) {
		known_update(&known, &none, &(struct known_rules){ true, true, false, 50, now_ms });
		assert_int_equal(known.kept.since_ms, NOW_MS);
	}
	known_update(&known, &all, &(struct known_rules){ true, true, false, 50, NOW_MS });
	assert_int_equal(known.empty_syncs, 0);
	assert_int_equal(known.kept.courses, 0);
}

/* A list with the course c000 as in known_of, except for the given members; owned. */
static struct hemera_list list_with(const struct course *members)
{
	struct hemera_list list = { .rows = 1, .pages = 1, .count = 1, .courses = courses(0, 1, "old") };
	struct course course = list.courses[0];

	course_copy(&list.courses[0], &(struct course){ .id = course.id,
					      .title = members->title ? members->title : course.title,
					      .slug = members->slug ? members->slug : course.slug,
					      .level = members->level ? members->level : course.level,
					      .start_date = members->start_date,
					      .end_date = members->end_date,
					      .participant_count = members->participant_count });
	course_done(&course);
	return list;
}

static void a_course_has_changed_when_any_member_of_its_row_has(void **state)
{
	static const struct {
		const char *label;
		struct course members;
		bool changed;
	} rows[] = {
		{ "nothing", { 0 }, false },
		{ "the title", { .title = "new" }, true },
		{ "the slug", { .slug = "t" }, true },
		{ "the level", { .level = "ADVANCED" }, true },
		{ "the start", { .start_date = "2026-03-14T23:00:00.000Z" }, true },
		{ "the end", { .end_date = "2026-03-14T23:00:00.000Z" }, true },
		{ "the number of participants", { .participant_count = 1 }, true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		for (int is_sync = 0; is_sync <= 1; is_sync++) {
			CLEANUP(known_done) struct known known = known_of(1);
			CLEANUP(hemera_list_done) struct hemera_list list = list_with(&rows[i].members);
			const struct known_rules rules = { is_sync, is_sync, false, 50, NOW_MS },
						 later = { is_sync, is_sync, false, 50, NOW_MS + 1000 };

			known_update(&known, &list, &rules);
			if (known.changed_ms[0] != (rows[i].changed ? NOW_MS : BEFORE_MS))
				fail_msg(
					"%s: changed at %lld", rows[i].label, (long long)known.changed_ms[0]);
			known_update(&known, &list, &later);
			if (known.changed_ms[0] != (rows[i].changed ? NOW_MS : BEFORE_MS))
				fail_msg("%s: changed again at %lld", rows[i].label,
					(long long)known.changed_ms[0]);
		}
	}
}

static void new_courses_have_changed_now_and_kept_ones_have_not(void **state)
{
	CLEANUP(known_done) struct known known = known_of(3);
	CLEANUP(hemera_list_done) struct hemera_list list = { .pages = 1, .rows = 4, .count = 2 };
	const struct known_rules rules = { true, true, false, 50, NOW_MS };

	(void)state;
	list.courses = courses(1, 2, "old");
	list.courses[1].id = "c0005"; /* between c000 and c001 */
	list.bad_ids = mem_zalloc(2 * sizeof(*list.bad_ids));
	list.bad_ids[list.bad_count++] = mem_strdup("c002");
	known_update(&known, &list, &rules); /* a row is lost, so c000 is kept */
	assert_int_equal(known.kept.reason, KNOWN_INCOMPLETE);
	assert_int_equal(known.count, 4);
	assert_int_equal(known.changed_ms[0], BEFORE_MS);
	assert_string_equal(known.courses[1].id, "c0005");
	assert_int_equal(known.changed_ms[1], NOW_MS);
	assert_int_equal(known.changed_ms[2], BEFORE_MS + 1000);
	assert_int_equal(known.changed_ms[3], BEFORE_MS + 2000);
}

static void a_course_that_comes_back_has_changed(void **state)
{
	CLEANUP(known_done) struct known known = known_of(2);
	CLEANUP(hemera_list_done)
	struct hemera_list one = list_with(&(struct course){ 0 }),
			   both = { .pages = 1, .rows = 2, .count = 2 };

	(void)state;
	both.courses = courses(0, 2, "old");
	known_update(&known, &one, &(struct known_rules){ true, true, false, 50, NOW_MS });
	known_update(&known, &both, &(struct known_rules){ true, true, false, 50, NOW_MS + 1000 });
	assert_int_equal(known.changed_ms[0], BEFORE_MS);
	assert_int_equal(known.changed_ms[1], NOW_MS + 1000);
}

/* The refresh compares the texts to see whether anything has to be saved. */
static void an_unchanged_list_gives_the_same_text_at_any_time(void **state)
{
	CLEANUP(known_done) struct known known = known_of(30);
	CLEANUP(hemera_list_done) struct hemera_list list = list_of(0, 30);
	CLEANUP(buf_done) struct buf first = BUF_INIT(100000), second = BUF_INIT(100000);

	(void)state;
	known_update(&known, &list, &(struct known_rules){ .delete_percent_max = 50, .now_ms = NOW_MS });
	known_write(&first, &known);
	assert_non_null(strstr(buf_text(&first), "\"changedAt\":\"2026-03-15T00:00:00.000Z\"}"));
	known_update(&known, &list, &(struct known_rules){ .delete_percent_max = 50, .now_ms = NOW_MS + 1 });
	known_write(&second, &known);
	assert_string_equal(buf_text(&second), buf_text(&first));
}

/* *ret_known: the contents of the text; false: the text is damaged. */
static bool read_text(const char *text, struct known *ret_known)
{
	const struct json_limits limits = { .size_max = 100000, .depth_max = 8, .node_max = 10000 };
	CLEANUP(json_freep) struct json *json = NULL;

	assert_int_equal(json_parse(&json, text, strlen(text), &limits, NULL), 0);
	return known_read(json, BEFORE_MS, ret_known, NULL) == 0;
}

static void written_courses_are_read_again(void **state)
{
	CLEANUP(known_done) struct known known = known_of(30), again = { 0 };
	CLEANUP(hemera_list_done) struct hemera_list none = { .pages = 1 };
	CLEANUP(buf_done) struct buf text = BUF_INIT(100000), second = BUF_INIT(100000);
	CLEANUP(json_freep) struct json *kept = NULL;

	(void)state;
	known.courses[3].start_date = "2026-03-14T23:00:00.000Z";
	known.courses[3].participant_count = 12;
	known_update(&known, &none, &(struct known_rules){ true, true, false, 50, NOW_MS });
	known_write(&text, &known);
	assert_true(read_text(buf_text(&text), &again));
	assert_int_equal(again.count, 30);
	assert_int_equal(again.empty_syncs, 1);
	assert_string_equal(again.courses[3].start_date, "2026-03-14T23:00:00.000Z");
	assert_string_equal(again.courses[3].title, "old");
	assert_int_equal(again.courses[3].participant_count, 12);
	kept = known_kept_to_json(&again.kept);
	assert_string_equal(json_string(json_get(kept, "reason")), "empty");
	assert_int_equal(json_integer(json_get(kept, "courses"), 0), 30);
	assert_string_equal(json_string(json_get(kept, "since")), "2026-03-15T00:00:00.000Z");
	known_write(&second, &again);
	assert_string_equal(buf_text(&second), buf_text(&text));
}

/* Rows written by version 0.1.0 have no such time; here they are also in an order other than that of the
 * ids. */
static void times_of_changes_are_read_with_their_rows(void **state)
{
	static const char row[] =
		"{\"id\":\"%s\",\"title\":\"T\",\"slug\":\"s\",\"level\":\"BEGINNER\",\"startDate\":null,"
		"\"endDate\":null,\"participantCount\":0%s}";
	CLEANUP(buf_done) struct buf text = BUF_INIT(10000);
	CLEANUP(known_done) struct known known = { 0 };

	(void)state;
	buf_append_text(&text, "{\"emptySyncs\":0,\"kept\":null,\"courses\":[");
	buf_printf(&text, row, "b", ",\"changedAt\":\"2026-03-15T00:00:00.000Z\"");
	buf_append_char(&text, ',');
	buf_printf(&text, row, "c", "");
	buf_append_char(&text, ',');
	buf_printf(&text, row, "a", ",\"changedAt\":\"2026-03-15T00:00:01.000Z\"");
	buf_append_text(&text, "]}");
	assert_true(read_text(buf_text(&text), &known));
	assert_int_equal(known.count, 3);
	assert_string_equal(known.courses[0].id, "a");
	assert_int_equal(known.changed_ms[0], NOW_MS + 1000);
	assert_int_equal(known.changed_ms[1], NOW_MS);
	assert_int_equal(known.changed_ms[2], BEFORE_MS);
}

#define ROW_CHANGED(changed_at)                                                       \
	"{\"emptySyncs\":0,\"kept\":null,\"courses\":[{\"id\":\"a\",\"title\":\"T\"," \
	"\"slug\":\"s\",\"level\":\"BEGINNER\",\"startDate\":null,\"endDate\":null,"  \
	"\"participantCount\":0,\"changedAt\":" changed_at "}]}"

static void damage_is_detected(void **state)
{
	static const char *const texts[] = { "null", "[]", "{}", "{\"emptySyncs\":0,\"kept\":null}",
		"{\"emptySyncs\":0,\"kept\":null,\"courses\":[{}]}",
		"{\"emptySyncs\":-1,\"kept\":null,\"courses\":[]}", "{\"emptySyncs\":0,\"courses\":[]}",
		"{\"emptySyncs\":0,\"kept\":{\"reason\":\"x\"},\"courses\":[]}",
		"{\"emptySyncs\":0,\"kept\":{\"reason\":\"empty\",\"courses\":1},\"courses\":[]}",
		ROW_CHANGED("null"), ROW_CHANGED("1"), ROW_CHANGED("\"\""), ROW_CHANGED("\"2026-03-15\"") };
	CLEANUP(known_done) struct known good = { 0 };

	(void)state;
	assert_true(read_text(ROW_CHANGED("\"2026-03-15T00:00:00.000Z\""), &good));
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct known known = { 0 };

		if (read_text(texts[i], &known))
			fail_msg("%s is used", texts[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whether_rows_leave_depends_on_how_many_and_why),
		cmocka_unit_test(a_row_that_is_not_valid_stays_as_it_is_known),
		cmocka_unit_test(a_list_with_courses_between_two_empty_ones_counts),
		cmocka_unit_test(a_refresh_does_not_change_the_verdict_on_lost_rows),
		cmocka_unit_test(since_when_is_remembered_while_the_reason_is_the_same),
		cmocka_unit_test(a_course_has_changed_when_any_member_of_its_row_has),
		cmocka_unit_test(new_courses_have_changed_now_and_kept_ones_have_not),
		cmocka_unit_test(a_course_that_comes_back_has_changed),
		cmocka_unit_test(an_unchanged_list_gives_the_same_text_at_any_time),
		cmocka_unit_test(written_courses_are_read_again),
		cmocka_unit_test(times_of_changes_are_read_with_their_rows),
		cmocka_unit_test(damage_is_detected),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
