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
	assert_string_equal(script_problems(), "course c2: data[1].title: missing\n"
					       "course data[2]: data[2].id: number where a string is due\n"
					       "course data[3]: data[3]: string where an object is due\n");
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
