/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "scratch.h"
#include "sync-fixture.h"

static void three_courses(void)
{
	fixture_course("c1", "Erster Kurs", "erster", 2);
	fixture_course("c2", "Zweiter Kurs", "zweiter", 0);
	fixture_course("c3", "Dritter Kurs", "dritter", 1)->start_date = "2099-03-14T23:00:00.000Z";
}

static void a_first_sync_publishes_everything(void **state)
{
	(void)state;
	three_courses();
	fixture_sync(REPORT_SUCCESS);
	assert_int_equal(fixture_report.courses_fetched, 3);
	assert_int_equal(fixture_report.participants_fetched, 3);
	assert_int_equal(fixture_report.files_generated, 3);
	assert_int_equal(fixture_report.files_skipped, 0);
	assert_true(fixture_report.homepage_changed);
	assert_string_equal(fixture_report.course_id, "c3");
	assert_int_equal(fixture_pages(), 3);
	fixture_assert_page("erster.html", "Erster Kurs");
	fixture_assert_page("erster.html", "Ada");
	fixture_assert_text("public/index.de.html", "Dritter Kurs");
	fixture_assert_text("public/index.en.html", "<!--aither:status-->");
	assert_int_equal(scratch_mode("out/courses/erster.html"), 0640);
	assert_int_equal(scratch_mode("out/public/index.de.html"), 0640);
	assert_int_equal(scratch_mode("out/.sync-manifest.json"), 0600);
	assert_string_equal(json_string(json_get(fixture_entry("c1"), "outputPath")), "courses/erster.html");
	assert_string_equal(
		json_string(json_get(json_get(fixture_manifest, "lastSync"), "status")), "success");
	assert_non_null(json_string(json_get(fixture_manifest, "lastSuccessTime")));
}

static void unchanged_data_writes_nothing_but_the_manifest(void **state)
{
	static const char *const files[] = { "courses/erster.html", "courses/zweiter.html",
		"courses/dritter.html", "public/index.de.html", "public/index.en.html" };
	struct stat marks[ARRAY_SIZE(files)], directory;

	(void)state;
	three_courses();
	fixture_sync(REPORT_SUCCESS);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		marks[i] = fixture_mark(files[i]);
	directory = fixture_mark("courses");
	fixture_sync(REPORT_SUCCESS);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		if (!fixture_is_same(files[i], &marks[i]))
			fail_msg("%s was written again", files[i]);
	assert_true(fixture_is_same("courses", &directory));
	assert_int_equal(fixture_report.files_generated, 0);
	assert_int_equal(fixture_report.files_skipped, 3);
	assert_int_equal(fixture_report.files_deleted, 0);
	assert_false(fixture_report.homepage_changed);
}

static void the_order_of_rows_and_participants_does_not_matter(void **state)
{
	struct fake_course first;

	(void)state;
	three_courses();
	fixture_sync(REPORT_SUCCESS);
	first = fake_hemera.courses[0];
	fake_hemera.courses[0] = fake_hemera.courses[2];
	fake_hemera.courses[2] = first;
	fixture_find("c1")->reversed = true;
	fixture_sync(REPORT_SUCCESS);
	assert_int_equal(fixture_report.files_generated, 0);
	assert_int_equal(fixture_report.files_skipped, 3);
}

static void one_changed_title_writes_one_page(void **state)
{
	struct stat second, third;

	(void)state;
	three_courses();
	fixture_sync(REPORT_SUCCESS);
	second = fixture_mark("courses/zweiter.html");
	third = fixture_mark("courses/dritter.html");
	fixture_find("c1")->title = "Neuer Titel";
	fixture_sync(REPORT_SUCCESS);
	assert_int_equal(fixture_report.files_generated, 1);
	assert_int_equal(fixture_report.files_skipped, 2);
	fixture_assert_page("erster.html", "Neuer Titel");
	fixture_assert_text("public/index.de.html", "Neuer Titel");
	assert_true(fixture_is_same("courses/zweiter.html", &second));
	assert_true(fixture_is_same("courses/dritter.html", &third));
}

static void one_changed_participant_writes_one_page(void **state)
{
	(void)state;
	three_courses();
	fixture_sync(REPORT_SUCCESS);
	fixture_find("c3")->participant = "Grace";
	fixture_sync(REPORT_SUCCESS);
	assert_int_equal(fixture_report.files_generated, 1);
	assert_false(fixture_report.homepage_changed);
	fixture_assert_page("dritter.html", "Grace");
}

static void a_page_spoilt_on_disk_is_made_again(void **state)
{
	char same_size[100000];
	struct stat mark;

	(void)state;
	three_courses();
	fixture_sync(REPORT_SUCCESS);
	assert_int_equal(unlinkat(scratch_fd, "out/courses/erster.html", 0), 0);
	fixture_put("courses/zweiter.html", "cut");
	mark = fixture_mark("courses/dritter.html");
	assert_true((size_t)mark.st_size < sizeof(same_size));
	memset(same_size, 'x', sizeof(same_size));
	same_size[mark.st_size] = '\0';
	fixture_put("courses/dritter.html", same_size);
	fixture_sync(REPORT_SUCCESS);
	assert_int_equal(fixture_report.files_generated, 3);
	fixture_assert_page("erster.html", "Erster Kurs");
	fixture_assert_page("zweiter.html", "Zweiter Kurs");
	fixture_assert_page("dritter.html", "Dritter Kurs");
}

static void a_page_cut_without_a_trace_of_when_is_made_again(void **state)
{
	struct timespec times[2];

	(void)state;
	three_courses();
	fixture_sync(REPORT_SUCCESS);
	times[0] = times[1] = fixture_mark("courses/erster.html").st_mtim;
	fixture_put("courses/erster.html", "cut");
	assert_int_equal(utimensat(scratch_fd, "out/courses/erster.html", times, 0), 0);
	fixture_sync(REPORT_SUCCESS);
	fixture_assert_page("erster.html", "Erster Kurs");
}

static void a_manifest_that_is_lost_or_damaged_means_full_regeneration(void **state)
{
	static const struct {
		const char *label, *text; /* NULL: removed */
		bool kept;
	} rows[] = {
		{ "missing", NULL, false },
		{ "no members", "{}", true },
		{ "garbage", "\x80 garbage", true },
		{ "empty", "", true },
		{ "other version", "{\"version\":99}", true },
	};

	(void)state;
	three_courses();
	fixture_sync(REPORT_SUCCESS);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (rows[i].text)
			fixture_put(".sync-manifest.json", rows[i].text);
		else
			unlinkat(scratch_fd, "out/.sync-manifest.json", 0);
		fixture_sync(REPORT_SUCCESS);
		if (fixture_report.files_generated != 3 || fixture_pages() != 3)
			fail_msg("%s: %u pages written", rows[i].label, fixture_report.files_generated);
		if (fixture_exists(".sync-manifest.json.bad") != rows[i].kept)
			fail_msg("%s: the damaged file was treated wrongly", rows[i].label);
		if (rows[i].kept)
			fixture_assert_text(".sync-manifest.json.bad", rows[i].text);
		unlinkat(scratch_fd, "out/.sync-manifest.json.bad", 0);
		fixture_sync(REPORT_SUCCESS);
		assert_int_equal(fixture_report.files_generated, 0);
	}
}

static void hostile_slugs_stay_inside(void **state)
{
	static const char *const slugs[] = { "../../escaped", "/escaped", "a/b", ".tmp-1", "..", "", "x\ny",
		".htaccess" };
	char id[ARRAY_SIZE(slugs)][8];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(slugs); i++) {
		snprintf(id[i], sizeof(id[i]), "c%zu", i);
		fixture_course(id[i], "Titel", slugs[i], 0);
	}
	fixture_sync(REPORT_SUCCESS);
	assert_int_equal(fixture_pages(), ARRAY_SIZE(slugs));
	assert_int_equal(scratch_count(), 1); /* "out" alone */
	for (size_t i = 0; i < ARRAY_SIZE(slugs); i++)
		assert_int_equal(strncmp(json_string(json_get(fixture_entry(id[i]), "outputPath")),
					 "courses/course-", 15),
			0);
}

static void courses_that_swap_slugs_both_keep_theirs(void **state)
{
	(void)state;
	three_courses();
	fixture_sync(REPORT_SUCCESS);
	fixture_find("c1")->slug = "zweiter";
	fixture_find("c2")->slug = "erster";
	fixture_sync(REPORT_SUCCESS);
	assert_int_equal(fixture_pages(), 3);
	assert_int_equal(fixture_report.files_deleted, 0);
	fixture_assert_page("zweiter.html", "Erster Kurs");
	fixture_assert_page("erster.html", "Zweiter Kurs");
	fixture_sync(REPORT_SUCCESS);
	assert_int_equal(fixture_report.files_generated, 0);
}

static void a_course_that_swaps_before_its_detail_is_read_has_a_page_all_the_time(void **state)
{
	(void)state;
	fixture_course("c1", "Erster Kurs", "erster", 2);
	fixture_course("c2", "Zweiter Kurs", "zweiter", 2);
	fixture_sync(REPORT_SUCCESS);
	fixture_find("c1")->slug = "zweiter";
	fixture_find("c2")->slug = "erster";
	fixture_find("c2")->detail = HEMERA_DETAIL_DEFERRED;
	fixture_sync(REPORT_SUCCESS);
	assert_int_equal(fixture_pages(), 2);
	fixture_assert_page("zweiter.html", "Erster Kurs");
	fixture_assert_page("zweiter.html", "Ada");
	fixture_assert_page("erster.html", "Zweiter Kurs");
	fixture_refute_text("courses/erster.html", "Ada");
	fixture_find("c2")->detail = HEMERA_DETAIL_READ;
	fixture_sync(REPORT_SUCCESS);
	fixture_assert_page("erster.html", "Ada");
}

static void a_new_slug_leaves_no_old_page(void **state)
{
	(void)state;
	three_courses();
	fake_hemera.pages = 2; /* a course in the list is certain to exist */
	fixture_sync(REPORT_SUCCESS);
	fixture_find("c1")->slug = "anders";
	fixture_sync(REPORT_SUCCESS);
	assert_false(fixture_exists("courses/erster.html"));
	fixture_assert_page("anders.html", "Erster Kurs");
	assert_int_equal(fixture_report.files_generated, 1);
	assert_int_equal(fixture_report.files_deleted, 1);
	assert_int_equal(fixture_pages(), 3);
}

/* No text on the page has changed, only its name. */
static void a_shared_slug_passes_to_the_course_that_is_left(void **state)
{
	(void)state;
	fixture_course("c1", "Erster Kurs", "gleich", 0);
	fixture_course("c2", "Zweiter Kurs", "gleich", 0);
	fixture_sync(REPORT_SUCCESS);
	fixture_assert_page("gleich.html", "Erster Kurs");
	fixture_drop("c1");
	fixture_sync(REPORT_SUCCESS);
	fixture_assert_page("gleich.html", "Zweiter Kurs");
	assert_int_equal(fixture_pages(), 1);
}

static void a_deferred_course_without_a_page_gets_one_at_once(void **state)
{
	(void)state;
	three_courses();
	fixture_find("c1")->detail = HEMERA_DETAIL_DEFERRED;
	fake_hemera.retry_after_s = 37;
	fixture_sync(REPORT_SUCCESS);
	assert_int_equal(fixture_report.courses_deferred, 1);
	assert_int_equal(fixture_report.retry_after_s, 37);
	assert_int_equal(fixture_pages(), 3);
	fixture_assert_page("erster.html", "Erster Kurs");
	fixture_refute_text("courses/erster.html", "Ada");
	assert_int_equal(json_type(json_get(fixture_entry("c1"), "seenAt")), JSON_NULL);
	fixture_find("c1")->title = "Noch neuer";
	fixture_sync(REPORT_SUCCESS);
	fixture_assert_page("erster.html", "Noch neuer");
	fixture_find("c1")->detail = HEMERA_DETAIL_READ;
	fixture_sync(REPORT_SUCCESS);
	assert_int_equal(fixture_report.courses_deferred, 0);
	fixture_assert_page("erster.html", "Ada");
}

static void a_deferred_course_keeps_the_page_it_has(void **state)
{
	struct stat mark;

	(void)state;
	three_courses();
	fixture_sync(REPORT_SUCCESS);
	mark = fixture_mark("courses/erster.html");
	fixture_find("c1")->title = "Neuer Titel";
	fixture_find("c1")->slug = "neuer-slug";
	fixture_find("c1")->detail = HEMERA_DETAIL_DEFERRED;
	fixture_sync(REPORT_SUCCESS);
	assert_true(fixture_is_same("courses/erster.html", &mark));
	assert_int_equal(fixture_report.courses_deferred, 1);
	assert_true(json_bool(json_get(fixture_entry("c1"), "deferred"), false));
	fixture_assert_text("public/index.de.html", "Neuer Titel");
	fixture_find("c1")->detail = HEMERA_DETAIL_READ;
	fixture_sync(REPORT_SUCCESS);
	fixture_assert_page("neuer-slug.html", "Neuer Titel");
	assert_false(fixture_exists("courses/erster.html"));
	assert_null(json_get(fixture_entry("c1"), "deferred"));
}

static void new_and_changed_courses_come_first_then_the_deferred(void **state)
{
	(void)state;
	fixture_course("c1", "A", "a", 1)->start_date = "2099-01-01T23:00:00.000Z";
	fixture_course("c2", "B", "b", 1)->start_date = "2001-01-01T23:00:00.000Z";
	fixture_course("c3", "C", "c", 1)->start_date = "2098-01-01T23:00:00.000Z";
	fixture_course("c4", "D", "d", 1);
	fixture_course("c0", "E", "e", 0);
	fixture_sync(REPORT_SUCCESS);
	assert_string_equal(fake_hemera.asked, "c3 c1 c4 c2 "); /* all new: upcoming, undated, past */
	fixture_find("c2")->detail = HEMERA_DETAIL_DEFERRED;
	fixture_sync(REPORT_SUCCESS);
	fixture_find("c2")->detail = HEMERA_DETAIL_READ;
	fixture_find("c4")->title = "D2";
	fixture_sync(REPORT_SUCCESS);
	assert_string_equal(fake_hemera.asked, "c4 c2 c3 c1 ");
}

static void participations_are_read_at_once_where_hemera_has_them(void **state)
{
	(void)state;
	three_courses();
	fake_hemera.has_participations = true;
	fixture_sync(REPORT_SUCCESS);
	assert_string_equal(fake_hemera.asked, "");
	assert_int_equal(fixture_report.participants_fetched, 3);
	fixture_assert_page("erster.html", "Ada");
}

static void errors_that_end_a_sync_end_it_among_the_participations_too(void **state)
{
	static const enum error_code codes[] = { ERROR_HEMERA_AUTH_FAILED, ERROR_SHUTTING_DOWN };

	(void)state;
	three_courses();
	fake_hemera.has_participations = true;
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		fake_hemera.participations_error = codes[i];
		fixture_sync(REPORT_FAILED);
		assert_int_equal(fixture_error.code, codes[i]);
	}
}

/* The journal names twenty of them, the report a hundred. */
static void many_problems_are_all_counted(void **state)
{
	(void)state;
	three_courses();
	for (int i = 0; i < 30; i++)
		fixture_course(NULL, "Nobody", "nobody", 0);
	fixture_sync(REPORT_PARTIAL);
	assert_int_equal(fixture_report.errors_total, 30);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SYNC_TEST(a_first_sync_publishes_everything),
		SYNC_TEST(unchanged_data_writes_nothing_but_the_manifest),
		SYNC_TEST(the_order_of_rows_and_participants_does_not_matter),
		SYNC_TEST(one_changed_title_writes_one_page),
		SYNC_TEST(one_changed_participant_writes_one_page),
		SYNC_TEST(a_page_spoilt_on_disk_is_made_again),
		SYNC_TEST(a_page_cut_without_a_trace_of_when_is_made_again),
		SYNC_TEST(a_manifest_that_is_lost_or_damaged_means_full_regeneration),
		SYNC_TEST(hostile_slugs_stay_inside),
		SYNC_TEST(courses_that_swap_slugs_both_keep_theirs),
		SYNC_TEST(a_course_that_swaps_before_its_detail_is_read_has_a_page_all_the_time),
		SYNC_TEST(a_new_slug_leaves_no_old_page),
		SYNC_TEST(a_shared_slug_passes_to_the_course_that_is_left),
		SYNC_TEST(a_deferred_course_without_a_page_gets_one_at_once),
		SYNC_TEST(a_deferred_course_keeps_the_page_it_has),
		SYNC_TEST(new_and_changed_courses_come_first_then_the_deferred),
		SYNC_TEST(errors_that_end_a_sync_end_it_among_the_participations_too),
		SYNC_TEST(many_problems_are_all_counted),
		SYNC_TEST(participations_are_read_at_once_where_hemera_has_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
