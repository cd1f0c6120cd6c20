/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/time.h"
#include "hemera-script.h"

#define EMPTY_LIST "{\"success\":true,\"data\":[],\"meta\":{}}"
#define GOOD_ROW(id)                                                                                   \
	"{\"id\":\"" id "\",\"title\":\"T\",\"slug\":\"s\",\"level\":\"ADVANCED\",\"startDate\":null," \
	"\"endDate\":null,\"participantCount\":0}"

#define PAGE(offset) LIST_PATH "limit=500&offset=" offset

static void add_reply(const char *path, const char *body)
{
	script_add((struct script_reply){ .path = path, .status = 200, .body = body });
}

static void one_short_page_is_the_whole_list(void **state)
{
	CLEANUP(hemera_list_done) struct hemera_list list = { 0 };

	(void)state;
	add_reply(LIST_PATH, script_list_body(0, 3));
	assert_int_equal(script_read_list(&list, NULL), 0);
	assert_int_equal(list.count, 3);
	assert_string_equal(list.courses[2].id, "c2");
	assert_string_equal(list.courses[2].title, "Kurs 2");
	assert_int_equal(list.pages, 1);
	assert_true(list.fetched_at_ms > time_now_ms() - SCRIPT_PATIENCE_MS);
	assert_int_equal(script_count(LIST_PATH "limit=500&offset=0 "), 1);
	assert_int_equal(script_count(""), 1);
}

static void pages_are_read_until_a_short_one_and_repeated_rows_dropped(void **state)
{
	CLEANUP(hemera_list_done) struct hemera_list list = { 0 };

	(void)state;
	add_reply(PAGE("0"), script_list_body(0, 500));
	add_reply(PAGE("500"), script_list_body(490, 990));
	add_reply(PAGE("1000"), script_list_body(985, 992));
	assert_int_equal(script_read_list(&list, NULL), 0);
	assert_int_equal(list.count, 992);
	assert_string_equal(list.courses[500].id, "c500");
	assert_int_equal(list.pages, 3);
	assert_int_equal(script_connections(), 1);
	assert_string_equal(script_problems(), "");
}

static void an_empty_page_ends_the_list(void **state)
{
	CLEANUP(hemera_list_done) struct hemera_list list = { 0 };

	(void)state;
	add_reply(PAGE("0"), script_list_body(0, 500));
	add_reply(LIST_PATH, EMPTY_LIST);
	assert_int_equal(script_read_list(&list, NULL), 0);
	assert_int_equal(list.count, 500);
	assert_int_equal(list.pages, 2);
}

static void a_server_that_repeats_the_same_page_is_left(void **state)
{
	struct hemera_list list = { 0 };
	struct error err = { 0 };

	(void)state;
	add_reply(LIST_PATH, script_list_body(0, 500));
	assert_int_equal(script_read_list(&list, &err), -EBADMSG);
	assert_int_equal(err.code, ERROR_HEMERA_BAD_DATA);
	assert_int_equal(script_count(""), 2);
}

static void no_courses_are_a_list_too(void **state)
{
	static const char *const bodies[] = { EMPTY_LIST,
		"{\"success\":true,\"data\":{\"courses\":[],\"total\":0}}" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bodies); i++) {
		CLEANUP(hemera_list_done) struct hemera_list list = { .pages = 99 };

		script_add((struct script_reply){
			.path = LIST_PATH, .status = 200, .body = bodies[i], .count = 1 });
		assert_int_equal(script_read_list(&list, NULL), 0);
		assert_int_equal(list.count, 0);
		assert_int_equal(list.pages, 1);
	}
}

static void the_older_shape_is_read(void **state)
{
	CLEANUP(hemera_list_done) struct hemera_list list = { 0 };

	(void)state;
	add_reply(LIST_PATH,
		"{\"success\":true,\"data\":{\"courses\":[" GOOD_ROW("c1") ",{\"id\":\"c2\"}],\"total\":2}}");
	assert_int_equal(script_read_list(&list, NULL), 0);
	assert_int_equal(list.count, 1);
	assert_string_equal(script_problems(), "course c2: data.courses[1].title: missing\n");
}

static void a_bad_row_costs_one_course(void **state)
{
	CLEANUP(hemera_list_done) struct hemera_list list = { 0 };

	(void)state;
	add_reply(LIST_PATH, "{\"success\":true,\"data\":[" GOOD_ROW(
				     "c1") ",{\"id\":\"c2\"},{\"id\":7},"
					   "\"x\"," GOOD_ROW("c1") "," GOOD_ROW("c3") "," GOOD_ROW("c2") "]"
													 "}");
	assert_int_equal(script_read_list(&list, NULL), 0);
	assert_int_equal(list.count, 2);
	assert_string_equal(list.courses[1].id, "c3");
	assert_int_equal(list.bad_count, 1);
	assert_string_equal(list.bad_ids[0], "c2");
	assert_int_equal(list.unidentified, 2);
	assert_string_equal(script_problems(),
		"course c2: data[1].title: missing\n"
		"course data[2]: data[2].id: must be a string, but is a number\n"
		"course data[3]: data[3]: must be an object, but is a string\n");
}

static void a_bad_row_of_a_later_page_says_where_it_is(void **state)
{
	CLEANUP(hemera_list_done) struct hemera_list list = { 0 };

	(void)state;
	add_reply(PAGE("0"), script_list_body(0, 500));
	add_reply(PAGE("500"), "{\"success\":true,\"data\":[{\"id\":\"x\"}]}");
	assert_int_equal(script_read_list(&list, NULL), 0);
	assert_string_equal(script_problems(), "course x: at offset 500: data[0].title: missing\n");
}

static void a_row_with_bytes_that_are_no_text_costs_one_course(void **state)
{
	CLEANUP(hemera_list_done) struct hemera_list list = { 0 };

	(void)state;
	add_reply(LIST_PATH,
		"{\"success\":true,\"data\":[" GOOD_ROW(
			"c1") ",{\"id\":\"c2\",\"title\":\"cut \\ud83d\",\"slug\":\"s\","
			      "\"level\":\"ADVANCED\",\"startDate\":null,\"endDate\":null,"
			      "\"participantCount\":0},"
			      "{\"id\":\"c3\",\"title\":\"T\",\"slug\":\"s\",\"level\":\"ADVANCED\","
			      "\"startDate\":null,"
			      "\"endDate\":null,\"participantCount\":1e400},{\"id\":\"c4\",\"id\":\"c5\"},"
			      "{\"id\":\"c\xff\"}," GOOD_ROW("c6") "]}");
	assert_int_equal(script_read_list(&list, NULL), 0);
	assert_int_equal(list.count, 2);
	assert_int_equal(list.bad_count, 3);
	assert_int_equal(list.unidentified, 1);
	assert_true(hemera_list_has_all(&list));
	assert_string_equal(script_problems(), "course c2: data[1].title: half of a surrogate pair\n"
					       "course c3: data[2].participantCount: number too large\n"
					       "course c4: data[3]: duplicate member name\n"
					       "course data[4]: data[4].id: invalid UTF-8\n");
}

/* ---- rows that paging loses ---- */

#define SLICE(level, offset) PAGE(offset) "&level=" level " "

/* Reads the list, then the slices; *ret_reason: why the slices ended. */
static int read_all(struct hemera_list *ret_list, struct error *ret_reason, struct error *err)
{
	CLEANUP(hemera_freep) struct hemera *client = NULL;
	int r;

	assert_int_equal(hemera_new(&client, &script_options, NULL), 0);
	r = hemera_list(client, ret_list, script_on_problem, NULL, err);
	return r < 0 ? r : hemera_list_lost(client, ret_list, script_on_problem, NULL, ret_reason, err);
}

/* 600 rows; the second page repeats one and loses one. */
static void two_pages_that_lose_a_row(void)
{
	add_reply(PAGE("0 "), script_list_body(0, 500));
	add_reply(PAGE("500 "), script_list_body(499, 599));
}

static void a_list_without_repeated_rows_is_whole(void **state)
{
	CLEANUP(hemera_list_done) struct hemera_list list = { 0 };
	struct error reason = { 0 };

	(void)state;
	add_reply(PAGE("0 "), script_list_body(0, 500));
	add_reply(PAGE("500 "), script_list_body(500, 600));
	assert_int_equal(read_all(&list, &reason, NULL), 0);
	assert_true(hemera_list_has_all(&list));
	assert_int_equal(list.rows, 600);
	assert_int_equal(script_count(""), 2);
}

static void a_lost_row_is_found_by_level(void **state)
{
	CLEANUP(hemera_list_done) struct hemera_list list = { 0 };
	struct error reason = { 0 };

	(void)state;
	two_pages_that_lose_a_row();
	add_reply(SLICE("BEGINNER", "0"), script_list_body(0, 200));
	add_reply(SLICE("INTERMEDIATE", "0"), script_list_body(590, 600));
	assert_int_equal(read_all(&list, &reason, NULL), 0);
	assert_true(hemera_list_has_all(&list));
	assert_int_equal(list.count, 600);
	assert_string_equal(list.courses[599].id, "c599");
	assert_int_equal(list.pages, 2);
	assert_int_equal(script_count(""), 4); /* no more requests than needed */
	assert_int_equal(reason.errnum, 0);
}

/* Invalid rows count like the others, and a row without an id is reported once. */
static void bad_rows_are_not_lost(void **state)
{
	CLEANUP(hemera_list_done) struct hemera_list list = { 0 };
	struct error reason = { 0 };

	(void)state;
	add_reply(PAGE("0 "), script_list_body(0, 500));
	add_reply(
		PAGE("500 "), "{\"success\":true,\"data\":[{\"id\":\"bad\"},{\"id\":7}," GOOD_ROW("c1") "]}");
	add_reply(SLICE("BEGINNER", "0"),
		"{\"success\":true,\"data\":[{\"id\":7},{\"id\":\"bad\"}," GOOD_ROW("cx") "]}");
	assert_int_equal(read_all(&list, &reason, NULL), 0);
	assert_true(hemera_list_has_all(&list));
	assert_int_equal(list.count, 501);
	assert_int_equal(list.bad_count, 1);
	assert_int_equal(list.unidentified, 1);
	assert_string_equal(script_problems(),
		"course bad: at offset 500: data[0].title: missing\n"
		"course data[1]: at offset 500: data[1].id: must be a string, but is a number\n");
}

static void a_lost_row_is_found_with_other_offsets(void **state)
{
	CLEANUP(hemera_list_done) struct hemera_list list = { 0 };
	struct error reason = { 0 };

	(void)state;
	two_pages_that_lose_a_row();
	add_reply(SLICE("BEGINNER", "0"), script_list_body(0, 500));
	add_reply(SLICE("BEGINNER", "500"), script_list_body(499, 599));
	add_reply(LIST_PATH "limit=500&offset=0&level=", EMPTY_LIST);
	add_reply(PAGE("250 "), script_list_body(250, 600));
	assert_int_equal(read_all(&list, &reason, NULL), 0);
	assert_int_equal(list.count, 600);
	assert_int_equal(script_count(""), 2 + 4 + 1);
}

static void a_row_that_no_slice_has_stays_lost(void **state)
{
	CLEANUP(hemera_list_done) struct hemera_list list = { 0 };
	struct error reason = { 0 };

	(void)state;
	two_pages_that_lose_a_row();
	add_reply(LIST_PATH, EMPTY_LIST);
	assert_int_equal(read_all(&list, &reason, NULL), 0);
	assert_false(hemera_list_has_all(&list));
	assert_int_equal(list.count, 599);
	assert_int_equal(script_count(""), 2 + 4 * 4 - 1); /* for each offset: all and three levels */
}

static void slices_leave_the_budget_for_the_details(void **state)
{
	CLEANUP(hemera_list_done) struct hemera_list list = { 0 };
	struct error reason = { 0 };

	(void)state;
	add_reply(PAGE("0 "), script_list_body(0, 500));
	add_reply(PAGE("500 "), script_list_body(499, 599));
	add_reply(LIST_PATH, script_list_body(0, 500)); /* never ends */
	assert_int_equal(read_all(&list, &reason, NULL), 0);
	assert_false(hemera_list_has_all(&list));
	assert_int_equal(script_count(""), 2 + HEMERA_SLICES_MAX);
}

static void a_slice_that_fails_says_why_and_the_list_is_used(void **state)
{
	CLEANUP(hemera_list_done) struct hemera_list list = { 0 };
	struct error reason = { 0 };

	(void)state;
	script_options.retries_max = 0;
	two_pages_that_lose_a_row();
	script_add((struct script_reply){ .path = LIST_PATH, .status = 500, .body = "" });
	assert_int_equal(read_all(&list, &reason, NULL), 0);
	assert_int_equal(list.count, 599);
	assert_int_equal(reason.code, ERROR_HEMERA_FAILED);
}

static void a_key_that_is_refused_meanwhile_ends_all(void **state)
{
	CLEANUP(hemera_list_done) struct hemera_list list = { 0 };
	struct error reason = { 0 }, err = { 0 };

	(void)state;
	two_pages_that_lose_a_row();
	script_add((struct script_reply){ .path = LIST_PATH, .status = 401, .body = "" });
	assert_true(read_all(&list, &reason, &err) < 0);
	assert_int_equal(err.code, ERROR_HEMERA_AUTH_FAILED);
}

/* The reserve is meant for the homepage's list; the details never use it. */
static void the_list_may_use_the_reserve_and_slices_may_not(void **state)
{
	CLEANUP(hemera_list_done) struct hemera_list list = { 0 };
	struct error reason = { 0 };

	(void)state;
	budget_init(&script_budget, 20);
	script_budget.left = 2;
	script_budget.answered = true;
	script_budget.window_end_mono_ms = time_mono_ms() + 60000;
	script_options.deadline_mono_ms = time_mono_ms() + 20000;
	two_pages_that_lose_a_row();
	assert_int_equal(read_all(&list, &reason, NULL), 0);
	assert_int_equal(list.count, 599);
	assert_int_equal(reason.code, ERROR_HEMERA_RATE_LIMITED);
	assert_int_equal(script_count(""), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRIPT_TEST(one_short_page_is_the_whole_list),
		SCRIPT_TEST(pages_are_read_until_a_short_one_and_repeated_rows_dropped),
		SCRIPT_TEST(an_empty_page_ends_the_list),
		SCRIPT_TEST(a_server_that_repeats_the_same_page_is_left),
		SCRIPT_TEST(no_courses_are_a_list_too),
		SCRIPT_TEST(the_older_shape_is_read),
		SCRIPT_TEST(a_bad_row_costs_one_course),
		SCRIPT_TEST(a_bad_row_of_a_later_page_says_where_it_is),
		SCRIPT_TEST(a_row_with_bytes_that_are_no_text_costs_one_course),
		SCRIPT_TEST(a_list_without_repeated_rows_is_whole),
		SCRIPT_TEST(a_lost_row_is_found_by_level),
		SCRIPT_TEST(bad_rows_are_not_lost),
		SCRIPT_TEST(a_lost_row_is_found_with_other_offsets),
		SCRIPT_TEST(a_row_that_no_slice_has_stays_lost),
		SCRIPT_TEST(slices_leave_the_budget_for_the_details),
		SCRIPT_TEST(a_slice_that_fails_says_why_and_the_list_is_used),
		SCRIPT_TEST(a_key_that_is_refused_meanwhile_ends_all),
		SCRIPT_TEST(the_list_may_use_the_reserve_and_slices_may_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
