/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "scratch.h"
#include "sync-fixture.h"

#define MANY 30

static char many_ids[MANY][8];

static void many_courses(void)
{
	for (size_t i = 0; i < MANY; i++) {
		snprintf(many_ids[i], sizeof(many_ids[i]), "k%02zu", i);
		fixture_course(many_ids[i], many_ids[i], many_ids[i], 0);
	}
}

static void a_course_that_is_gone_takes_its_page_along(void **state)
{
	(void)state;
	fixture_course("c1", "Erster", "erster", 1);
	fixture_course("c2", "Zweiter", "zweiter", 1);
	fixture_course("c3", "Dritter", "dritter", 1);
	fixture_sync(REPORT_SUCCESS);
	fixture_drop("c2");
	fixture_drop("c1");
	fixture_sync(REPORT_SUCCESS); /* two of three: fewer than the number that is always permitted */
	assert_int_equal(fixture_report.files_deleted, 2);
	assert_int_equal(fixture_pages(), 1);
	assert_null(fixture_entry("c1"));
	fixture_refute_text("public/index.de.html", "Zweiter");
}

static void a_course_may_take_over_the_slug_of_one_that_is_gone(void **state)
{
	(void)state;
	fixture_course("c1", "Alt", "kurs", 1);
	fixture_sync(REPORT_SUCCESS);
	fixture_drop("c1");
	fixture_course("c2", "Neu", "kurs", 1);
	fixture_sync(REPORT_SUCCESS);
	fixture_assert_page("kurs.html", "Neu");
	assert_int_equal(fixture_pages(), 1);
	assert_null(fixture_entry("c1"));
	fixture_sync(REPORT_SUCCESS);
	assert_int_equal(fixture_report.files_generated, 0);
}

static void listings_of_several_pages_have_to_agree_twice(void **state)
{
	(void)state;
	fixture_course("c1", "Erster", "erster", 1);
	fixture_course("c2", "Zweiter", "zweiter", 1);
	fake_hemera.pages = 2;
	fixture_sync(REPORT_SUCCESS);
	fixture_drop("c2");
	fixture_sync(REPORT_SUCCESS);
	assert_true(fixture_exists("courses/zweiter.html"));
	assert_int_equal(json_integer(json_get(fixture_entry("c2"), "missing"), 0), 1);
	fixture_sync(REPORT_SUCCESS);
	assert_false(fixture_exists("courses/zweiter.html"));
	assert_null(fixture_entry("c2"));
}

static void a_course_that_comes_back_is_counted_anew(void **state)
{
	(void)state;
	fixture_course("c1", "Erster", "erster", 1);
	fixture_course("c2", "Zweiter", "zweiter", 1);
	fake_hemera.pages = 2;
	fixture_sync(REPORT_SUCCESS);
	fixture_drop("c2");
	fixture_sync(REPORT_SUCCESS);
	fixture_course("c2", "Zweiter", "zweiter", 1);
	fixture_sync(REPORT_SUCCESS);
	fixture_drop("c2");
	fixture_sync(REPORT_SUCCESS);
	assert_true(fixture_exists("courses/zweiter.html"));
}

static void empty_listings_have_to_agree_twice(void **state)
{
	(void)state;
	fixture_course("c1", "Erster", "erster", 1);
	fixture_sync(REPORT_SUCCESS);
	fixture_drop("c1");
	fixture_sync(REPORT_PARTIAL);
	assert_true(fixture_has_error(ERROR_MASS_DELETE_REFUSED, "list"));
	assert_true(fixture_exists("courses/erster.html"));
	fixture_assert_text("public/index.de.html", "Erster");
	fixture_sync(REPORT_SUCCESS);
	assert_int_equal(fixture_pages(), 0);
	fixture_refute_text("public/index.de.html", "Erster");
}

static void a_mass_deletion_is_refused_until_it_is_forced(void **state)
{
	(void)state;
	many_courses();
	fixture_sync(REPORT_SUCCESS);
	for (size_t i = 0; i < 16; i++)
		fixture_drop(many_ids[i]);
	fixture_find("k29")->title = "Neu";
	fixture_sync(REPORT_PARTIAL);
	assert_true(fixture_has_error(ERROR_MASS_DELETE_REFUSED, "list"));
	assert_int_equal(fixture_report.errors_total, 1);
	fixture_assert_text("public/index.de.html", ">k00<");
	assert_int_equal(fixture_pages(), MANY);
	fixture_assert_page("k29.html", "Neu"); /* everything else is published */
	assert_non_null(fixture_entry("k00"));
	fixture_options.force = true;
	fixture_sync(REPORT_SUCCESS);
	assert_int_equal(fixture_report.files_deleted, 16);
	assert_int_equal(fixture_pages(), MANY - 16);
}

static void the_guard_permits_what_is_below_its_percentage(void **state)
{
	(void)state;
	many_courses();
	fixture_sync(REPORT_SUCCESS);
	for (size_t i = 0; i < 15; i++)
		fixture_drop(many_ids[i]);
	fixture_sync(REPORT_SUCCESS);
	assert_int_equal(fixture_report.files_deleted, 15);
}

static void new_courses_do_not_loosen_the_guard(void **state)
{
	static char ids[MANY][8];

	(void)state;
	many_courses();
	fixture_sync(REPORT_SUCCESS);
	for (size_t i = 0; i < MANY; i++) {
		fixture_drop(many_ids[i]);
		snprintf(ids[i], sizeof(ids[i]), "n%02zu", i);
	}
	for (size_t i = 0; i < MANY; i++)
		fixture_course(ids[i], "Neu", ids[i], 0);
	fixture_sync(REPORT_PARTIAL);
	assert_true(fixture_has_error(ERROR_MASS_DELETE_REFUSED, "list"));
	assert_int_equal(fixture_pages(), 2 * MANY);
}

static void orphaned_pages_leave_after_the_manifest_was_lost(void **state)
{
	(void)state;
	fixture_course("c1", "Erster", "erster", 1);
	fixture_course("c2", "Zweiter", "zweiter", 1);
	fixture_sync(REPORT_SUCCESS);
	unlinkat(scratch_fd, "out/.sync-manifest.json", 0);
	fixture_put("courses/notes.txt", "the operator's own");
	fixture_drop("c2");
	fixture_sync(REPORT_SUCCESS);
	assert_false(fixture_exists("courses/zweiter.html"));
	assert_true(fixture_exists("courses/notes.txt"));
	assert_int_equal(fixture_report.files_deleted, 1);
}

static void orphaned_pages_wait_for_a_second_long_listing(void **state)
{
	(void)state;
	fixture_course("c1", "Erster", "erster", 1);
	fake_hemera.pages = 2;
	fixture_sync(REPORT_SUCCESS);
	fixture_put("courses/fremd.html", "of nobody");
	fixture_sync(REPORT_SUCCESS);
	assert_true(fixture_exists("courses/fremd.html"));
	fixture_sync(REPORT_SUCCESS);
	assert_false(fixture_exists("courses/fremd.html"));
}

static void the_guard_counts_orphaned_pages_too(void **state)
{
	(void)state;
	many_courses();
	fixture_sync(REPORT_SUCCESS);
	unlinkat(scratch_fd, "out/.sync-manifest.json", 0);
	for (size_t i = 0; i < 20; i++)
		fixture_drop(many_ids[i]);
	fixture_sync(REPORT_PARTIAL);
	assert_true(fixture_has_error(ERROR_MASS_DELETE_REFUSED, "removal"));
	assert_int_equal(fixture_pages(), MANY);
}

static void lost_rows_that_slices_find_are_there(void **state)
{
	(void)state;
	many_courses();
	fake_hemera.pages = 2;
	fake_hemera.lost = 3;
	fixture_sync(REPORT_SUCCESS);
	assert_int_equal(fixture_pages(), MANY);
	fixture_assert_text("public/index.de.html", ">k29<");
}

static void rows_that_stay_lost_cost_no_page_and_no_place_on_the_homepage(void **state)
{
	(void)state;
	many_courses();
	fixture_sync(REPORT_SUCCESS);
	fixture_course("neu", "Neuer", "neu", 0);
	fake_hemera.pages = 2;
	fake_hemera.lost = 20;
	fake_hemera.lost_for_good = true;
	fixture_put("courses/fremd.html", "of nobody");
	for (int i = 0; i < 4; i++) {
		fixture_options.force = i == 3;
		fixture_sync(REPORT_PARTIAL);
		assert_true(fixture_has_error(ERROR_HEMERA_BAD_DATA, "list"));
		assert_int_equal(fixture_report.errors_total, 1);
		assert_int_equal(fixture_report.files_deleted, 0);
		assert_int_equal(fixture_report.kept.reason, KNOWN_INCOMPLETE);
		assert_int_equal(fixture_pages(), MANY + 1);
		fixture_assert_text("public/index.de.html", ">k29<");
		fixture_refute_text("public/index.de.html", "Neuer");
	}
	fixture_options.force = false;
	fake_hemera.lost = 0;
	fixture_drop("k29");
	fixture_sync(REPORT_SUCCESS);
	fixture_refute_text("public/index.de.html", ">k29<");
	assert_true(fixture_exists("courses/k29.html")); /* the first of two lists without it */
	fixture_sync(REPORT_SUCCESS);
	assert_false(fixture_exists("courses/k29.html"));
}

static void force_believes_an_empty_list_at_once_and_says_what_it_removed(void **state)
{
	(void)state;
	many_courses();
	fixture_sync(REPORT_SUCCESS);
	fake_hemera.count = 0;
	for (int i = 0; i < 3; i++) {
		fixture_sync(REPORT_PARTIAL);
		assert_int_equal(fixture_report.errors_total, 1);
		assert_int_equal(fixture_report.kept.courses, MANY);
		assert_int_equal(fixture_pages(), MANY);
		fixture_assert_text("public/index.de.html", ">k29<");
	}
	fixture_options.force = true;
	fixture_sync(REPORT_SUCCESS);
	assert_int_equal(fixture_pages(), 0);
	assert_int_equal(fixture_report.files_deleted, MANY);
	assert_string_equal(fixture_report.removed[0], "courses/k00.html");
	assert_int_equal(fixture_report.kept.courses, 0);
	fixture_refute_text("public/index.de.html", ">k29<");
}

static void force_removes_at_once_by_a_list_of_several_pages(void **state)
{
	(void)state;
	many_courses();
	fake_hemera.pages = 2;
	fixture_sync(REPORT_SUCCESS);
	for (size_t i = 0; i < 20; i++)
		fixture_drop(many_ids[i]);
	fixture_options.force = true;
	fixture_sync(REPORT_SUCCESS);
	assert_int_equal(fixture_pages(), MANY - 20);
}

/* ---- a lost manifest ---- */

static void a_page_stays_until_its_participants_are_read_though_the_manifest_is_lost(void **state)
{
	struct stat mark;

	(void)state;
	fixture_course("c1", "Erster", "erster", 1);
	fixture_course("c2", "Zweiter", "zweiter", 1);
	fixture_course("c3", "Erster", "erster", 1); /* the slug is taken, so its page has another name */
	fixture_sync(REPORT_SUCCESS);
	mark = fixture_mark("courses/zweiter.html");
	unlinkat(scratch_fd, "out/.sync-manifest.json", 0);
	fixture_find("c2")->detail = fixture_find("c3")->detail = HEMERA_DETAIL_DEFERRED;
	for (int i = 0; i < 2; i++) {
		fixture_sync(REPORT_SUCCESS);
		assert_int_equal(fixture_report.courses_deferred, 2);
		assert_int_equal(fixture_report.files_generated, i == 0);
		assert_int_equal(fixture_pages(), 3);
		assert_true(fixture_is_same("courses/zweiter.html", &mark));
	}
	fixture_find("c2")->detail = fixture_find("c3")->detail = HEMERA_DETAIL_READ;
	fixture_find("c2")->participant = "Grace";
	fixture_sync(REPORT_SUCCESS);
	assert_int_equal(fixture_report.files_generated, 2);
	assert_int_equal(fixture_report.courses_deferred, 0);
	fixture_assert_page("zweiter.html", "Grace");
	assert_int_equal(fixture_pages(), 3);
}

/* The times of the files are those of the copy. */
static void pages_from_a_backup_stay_until_their_participants_are_read(void **state)
{
	(void)state;
	fixture_course("c1", "Erster", "erster", 1);
	fixture_sync(REPORT_SUCCESS);
	fixture_put("courses/erster.html", "from a backup");
	fixture_find("c1")->detail = HEMERA_DETAIL_DEFERRED;
	fixture_sync(REPORT_SUCCESS);
	fixture_assert_page("erster.html", "from a backup");
	fixture_find("c1")->detail = HEMERA_DETAIL_READ;
	fixture_sync(REPORT_SUCCESS);
	fixture_assert_page("erster.html", "Ada");
}

static void a_page_of_another_course_stays_at_no_name_that_is_not_its_own(void **state)
{
	(void)state;
	fixture_course("c1", "Erster", "eins", 1);
	fixture_course("c2", "Zweiter", "zwei", 1)->participant = "Grace";
	fixture_sync(REPORT_SUCCESS);
	fixture_find("c1")->slug = "zwei";
	fixture_find("c2")->slug = "eins";
	fixture_find("c1")->detail = fixture_find("c2")->detail = HEMERA_DETAIL_DEFERRED;
	fixture_sync(REPORT_SUCCESS);
	fixture_refute_text("courses/zwei.html", "Grace");
	fixture_assert_page("zwei.html", "Erster");
}

static void without_manifest_no_page_is_made_of_another_template(void **state)
{
	(void)state;
	fixture_course("c1", "Erster", "erster", 0);
	fake_hemera.templates[0] = (struct hemera_template){ (char *)"t1", NULL,
		(char *)"FOR-ALL {{course.title}}", (char *)"1" };
	fake_hemera.template_count = 1;
	fixture_sync(REPORT_SUCCESS);
	unlinkat(scratch_fd, "out/.sync-manifest.json", 0);
	fixture_course("c2", "Zweiter", "zweiter", 0);
	fake_hemera.templates_error = ERROR_HEMERA_RATE_LIMITED;
	fixture_sync(REPORT_SUCCESS);
	fixture_assert_page("erster.html", "FOR-ALL");
	assert_int_equal(fixture_pages(), 1);
	assert_int_equal(fixture_report.courses_deferred, 2);
	fake_hemera.templates_error = ERROR_INTERNAL;
	fixture_sync(REPORT_SUCCESS);
	fixture_assert_page("zweiter.html", "FOR-ALL");
}

static void a_row_without_an_id_keeps_everything(void **state)
{
	(void)state;
	fixture_course("c1", "Erster", "erster", 1);
	fixture_course("c2", "Zweiter", "zweiter", 1);
	fixture_sync(REPORT_SUCCESS);
	fixture_find("c2")->id = NULL;
	fixture_sync(REPORT_PARTIAL);
	fixture_sync(REPORT_PARTIAL);
	assert_true(fixture_exists("courses/zweiter.html"));
}

static void a_bad_row_keeps_its_page_and_its_place_on_the_homepage(void **state)
{
	struct stat mark;

	(void)state;
	fixture_course("c1", "Erster", "erster", 1);
	fixture_course("c2", "Zweiter", "zweiter", 1);
	fixture_sync(REPORT_SUCCESS);
	mark = fixture_mark("courses/zweiter.html");
	fixture_find("c2")->level = "EXPERT";
	fixture_sync(REPORT_PARTIAL);
	fixture_sync(REPORT_PARTIAL);
	assert_true(fixture_is_same("courses/zweiter.html", &mark));
	fixture_assert_text("public/index.de.html", "Zweiter");
	assert_non_null(fixture_entry("c2"));
}

static void a_bad_row_that_the_manifest_has_lost_keeps_its_page(void **state)
{
	(void)state;
	fixture_course("c1", "Erster", "erster", 1);
	fixture_course("c2", "Zweiter", "zweiter", 1);
	fixture_sync(REPORT_SUCCESS);
	unlinkat(scratch_fd, "out/.sync-manifest.json", 0);
	fixture_find("c2")->level = "EXPERT";
	fixture_sync(REPORT_PARTIAL);
	assert_true(fixture_exists("courses/zweiter.html"));
}

static void a_dry_run_lists_and_touches_nothing(void **state)
{
	struct stat mark;

	(void)state;
	fixture_course("c1", "Erster", "erster", 1);
	fixture_course("c2", "Zweiter", "zweiter", 1);
	fixture_course("c3", "Dritter", "dritter", 1);
	fixture_sync(REPORT_SUCCESS);
	mark = fixture_mark(".sync-manifest.json");
	fixture_find("c1")->title = "Neu";
	fixture_find("c3")->slug = "drei";
	fixture_drop("c2");
	fixture_options.dry_run = true;
	fixture_sync(REPORT_SUCCESS);
	assert_int_equal(
		fixture_report.would_change_count, 4); /* written: c1, c3; removed: c2, c3's old one */
	assert_string_equal(fixture_report.would_change[0], "courses/erster.html");
	assert_int_equal(fixture_report.files_generated, 0);
	assert_int_equal(fixture_report.files_deleted, 0);
	assert_true(fixture_is_same(".sync-manifest.json", &mark));
	assert_int_equal(fixture_pages(), 3);
	fixture_assert_page("erster.html", "Erster");
	fixture_assert_text("public/index.de.html", "Erster");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SYNC_TEST(a_course_that_is_gone_takes_its_page_along),
		SYNC_TEST(a_course_may_take_over_the_slug_of_one_that_is_gone),
		SYNC_TEST(listings_of_several_pages_have_to_agree_twice),
		SYNC_TEST(a_course_that_comes_back_is_counted_anew),
		SYNC_TEST(empty_listings_have_to_agree_twice),
		SYNC_TEST(a_mass_deletion_is_refused_until_it_is_forced),
		SYNC_TEST(the_guard_permits_what_is_below_its_percentage),
		SYNC_TEST(new_courses_do_not_loosen_the_guard),
		SYNC_TEST(orphaned_pages_leave_after_the_manifest_was_lost),
		SYNC_TEST(orphaned_pages_wait_for_a_second_long_listing),
		SYNC_TEST(the_guard_counts_orphaned_pages_too),
		SYNC_TEST(lost_rows_that_slices_find_are_there),
		SYNC_TEST(rows_that_stay_lost_cost_no_page_and_no_place_on_the_homepage),
		SYNC_TEST(force_believes_an_empty_list_at_once_and_says_what_it_removed),
		SYNC_TEST(force_removes_at_once_by_a_list_of_several_pages),
		SYNC_TEST(a_page_stays_until_its_participants_are_read_though_the_manifest_is_lost),
		SYNC_TEST(pages_from_a_backup_stay_until_their_participants_are_read),
		SYNC_TEST(a_page_of_another_course_stays_at_no_name_that_is_not_its_own),
		SYNC_TEST(without_manifest_no_page_is_made_of_another_template),
		SYNC_TEST(a_row_without_an_id_keeps_everything),
		SYNC_TEST(a_bad_row_keeps_its_page_and_its_place_on_the_homepage),
		SYNC_TEST(a_bad_row_that_the_manifest_has_lost_keeps_its_page),
		SYNC_TEST(a_dry_run_lists_and_touches_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
