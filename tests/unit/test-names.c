/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/mem.h"
#include "sync/names.h"

#define X127                                                               \
	"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" \
	"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

/* SHA-256 of "c1", as printed by sha256sum. */
#define C1_FALLBACK "course-d0f631ca1ddba8db.html"

static void only_harmless_slugs_become_names(void **state)
{
	static const struct {
		const char *label, *slug, *name;
	} rows[] = {
		{ "plain", "intro-2026", "intro-2026.html" },
		{ "one letter", "a", "a.html" },
		{ "a digit first", "2026", "2026.html" },
		{ "dots and underscores inside", "A_b.c..d", "A_b.c..d.html" },
		{ "with suffix", "x.html", "x.html.html" },
		{ "the longest", "x" X127, "x" X127 ".html" },
		{ "too long", "xx" X127, C1_FALLBACK },
		{ "empty", "", C1_FALLBACK },
		{ "dot", ".", C1_FALLBACK },
		{ "parent", "..", C1_FALLBACK },
		{ "hidden", ".htaccess", C1_FALLBACK },
		{ "our own temporary", ".tmp-1", C1_FALLBACK },
		{ "a dash first", "-rf", C1_FALLBACK },
		{ "path", "a/b", C1_FALLBACK },
		{ "way out", "../../etc/passwd", C1_FALLBACK },
		{ "absolute", "/etc/passwd", C1_FALLBACK },
		{ "backslash", "a\\b", C1_FALLBACK },
		{ "space", "a b", C1_FALLBACK },
		{ "line break", "a\nb", C1_FALLBACK },
		{ "line break at the end", "a\n", C1_FALLBACK },
		{ "percent", "a%2fb", C1_FALLBACK },
		{ "markup", "<b>", C1_FALLBACK },
		{ "umlaut", "k\xc3\xb6ln", C1_FALLBACK },
		{ "looks like ours", "course-0123456789abcdef", C1_FALLBACK },
		{ "looks like ours in capitals", "course-0123456789ABCDEF", C1_FALLBACK },
		{ "one digit more", "course-0123456789abcdef0", "course-0123456789abcdef0.html" },
		{ "no digit", "course-0123456789abcdeg", "course-0123456789abcdeg.html" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct names_course course = { .id = "c1", .slug = rows[i].slug };

		names_plan(&course, 1);
		if (strcmp(course.name, rows[i].name) != 0)
			fail_msg("%s: %s", rows[i].label, course.name);
		assert_true(published_is_page(course.name));
		assert_true(file_name_is_safe(course.name));
	}
}

static void the_smallest_id_keeps_a_shared_slug(void **state)
{
	struct names_course courses[] = {
		{ .id = "c3", .slug = "same" },
		{ .id = "c1", .slug = "same" },
		{ .id = "c2", .slug = "same" },
		{ .id = "c0", .slug = "other" },
	};

	(void)state;
	names_plan(courses, ARRAY_SIZE(courses));
	assert_string_equal(courses[1].name, "same.html");
	assert_string_equal(courses[3].name, "other.html");
	assert_string_not_equal(courses[0].name, courses[2].name);
	assert_int_equal(strncmp(courses[0].name, "course-", 7), 0);
	assert_int_equal(strncmp(courses[2].name, "course-", 7), 0);
}

static void a_name_depends_on_the_course_and_not_on_the_order(void **state)
{
	struct names_course forth[] = { { .id = "c1", .slug = "s" }, { .id = "c2", .slug = "s" } };
	struct names_course back[] = { { .id = "c2", .slug = "s" }, { .id = "c1", .slug = "s" } };

	(void)state;
	names_plan(forth, 2);
	names_plan(back, 2);
	assert_string_equal(forth[0].name, back[1].name);
	assert_string_equal(forth[1].name, back[0].name);
}

static void a_fixed_name_is_kept_and_given_to_no_other_course(void **state)
{
	struct names_course courses[] = {
		{ .id = "c1", .slug = "new" },
		{ .id = "c2", .slug = "old", .fixed = "new.html" },
		{ .id = "c3", .slug = "old" },
	};

	(void)state;
	names_plan(courses, ARRAY_SIZE(courses));
	assert_string_equal(courses[0].name, C1_FALLBACK);
	assert_string_equal(courses[1].name, "new.html");
	assert_string_equal(courses[2].name, "old.html");
}

static void only_names_of_pages_are_taken_for_pages(void **state)
{
	static const struct {
		const char *name;
		bool is_page;
	} rows[] = {
		{ "a.html", true },
		{ C1_FALLBACK, true },
		{ "x" X127 ".html", true },
		{ "xx" X127 ".html", false },
		{ ".html", false },
		{ "html", false },
		{ "a.htm", false },
		{ "a.html~", false },
		{ ".tmp-1", false },
		{ ".a.html", false },
		{ "../a.html", false },
		{ "a/b.html", false },
		{ "", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (published_is_page(rows[i].name) != rows[i].is_page)
			fail_msg("\"%s\" is judged wrongly", rows[i].name);
	}
}

static void no_courses_need_no_names(void **state)
{
	(void)state;
	names_plan(NULL, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_harmless_slugs_become_names),
		cmocka_unit_test(the_smallest_id_keeps_a_shared_slug),
		cmocka_unit_test(a_name_depends_on_the_course_and_not_on_the_order),
		cmocka_unit_test(a_fixed_name_is_kept_and_given_to_no_other_course),
		cmocka_unit_test(only_names_of_pages_are_taken_for_pages),
		cmocka_unit_test(no_courses_need_no_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
