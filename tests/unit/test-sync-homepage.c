/* SPDX-License-Identifier: MIT */
#include <errno.h>
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
#include "base/time.h"
#include "scratch.h"
#include "sync-fixture.h"
#include "sync/publish.h"

static void two_courses(void)
{
	fixture_course("c1", "Erster", "erster", 1);
	fixture_course("c2", "Zweiter", "zweiter", 1);
}

/* ---- templates ---- */

static void hemeras_template_serves_its_course_the_highest_version_first(void **state)
{
	(void)state;
	two_courses();
	fake_hemera.templates[0] = (struct hemera_template){ (char *)"t1", NULL,
		(char *)"FOR-ALL {{course.title}}", (char *)"1" };
	fake_hemera.templates[1] =
		(struct hemera_template){ (char *)"t2", (char *)"c1", (char *)"OLD", (char *)"1" };
	fake_hemera.templates[2] = (struct hemera_template){ (char *)"t3", (char *)"c1",
		(char *)"FOR-C1 {{course.title}}", (char *)"2" };
	fake_hemera.template_count = 3;
	fixture_sync(REPORT_SUCCESS);
	assert_int_equal(fixture_report.templates_fetched, 3);
	fixture_assert_page("erster.html", "FOR-C1");
	fixture_assert_page("zweiter.html", "FOR-ALL");
	fake_hemera.templates[2].markup = (char *)"CHANGED {{course.title}}";
	fixture_sync(REPORT_SUCCESS);
	assert_int_equal(fixture_report.files_generated, 1);
	fixture_assert_page("erster.html", "CHANGED");
}

static void a_template_that_does_not_compile_is_replaced_by_the_local_one(void **state)
{
	(void)state;
	two_courses();
	fake_hemera.templates[0] =
		(struct hemera_template){ (char *)"t1", NULL, (char *)"FOR-ALL {{#bad", (char *)"1" };
	fake_hemera.template_count = 1;
	fixture_sync(REPORT_PARTIAL);
	assert_int_equal(fixture_report.errors_total, 1);
	assert_true(fixture_has_error(ERROR_TEMPLATE, "template t1"));
	fixture_assert_page("erster.html", "Ada");
	fixture_refute_text("courses/erster.html", "FOR-ALL");
}

/* As with the operator's own templates: an unknown helper is found once, and no course is left without a
 * page. */
static void a_template_that_gives_no_page_is_replaced_by_the_local_one(void **state)
{
	(void)state;
	two_courses();
	fake_hemera.templates[0] =
		(struct hemera_template){ (char *)"t1", NULL, (char *)"{{shout course.title}}", (char *)"1" };
	fake_hemera.template_count = 1;
	fixture_sync(REPORT_PARTIAL);
	assert_int_equal(fixture_report.errors_total, 1);
	assert_true(fixture_has_error(ERROR_TEMPLATE, "template t1"));
	fixture_assert_page("erster.html", "Ada");
	fixture_assert_page("zweiter.html", "Zweiter");
}

static void templates_that_cannot_be_read_leave_the_pages_as_they_are(void **state)
{
	(void)state;
	two_courses();
	fake_hemera.templates[0] = (struct hemera_template){ (char *)"t1", NULL,
		(char *)"FOR-ALL {{course.title}}", (char *)"1" };
	fake_hemera.template_count = 1;
	fixture_sync(REPORT_SUCCESS);
	fake_hemera.templates_error = ERROR_HEMERA_FAILED;
	fixture_sync(REPORT_PARTIAL);
	assert_int_equal(fixture_report.files_generated, 0);
	fixture_assert_page("erster.html", "FOR-ALL");
	fake_hemera.templates_error = ERROR_INTERNAL;
	fake_hemera.template_count = 0;
	fixture_sync(REPORT_SUCCESS);
	fixture_refute_text("courses/erster.html", "FOR-ALL");
}

static void a_homepage_template_without_its_mark_is_refused(void **state)
{
	char directory[300];

	(void)state;
	two_courses();
	snprintf(directory, sizeof(directory), "%s/own", scratch_path);
	assert_int_equal(mkdir(directory, 0755), 0);
	scratch_put("own/homepage.hbs", "MY-OWN page without it");
	fixture_config.site.template_directory = directory;
	fixture_sync(REPORT_PARTIAL);
	assert_int_equal(fixture_report.errors_total, 1);
	assert_true(fixture_has_error(ERROR_TEMPLATE, "homepage.hbs"));
	fixture_refute_text("public/index.de.html", "MY-OWN");
	scratch_put("own/homepage.hbs", "<!--aither:status--><!--aither:status--> MY-OWN");
	fixture_sync(REPORT_PARTIAL);
	fixture_refute_text("public/index.de.html", "MY-OWN");
	scratch_put("own/homepage.hbs", "<!--aither:status--> MY-OWN");
	fixture_sync(REPORT_SUCCESS);
	fixture_assert_text("public/index.de.html", "MY-OWN");
}

/* The template is valid with the sample data, but not with today's: it does not escape a title. */
static void a_homepage_that_a_title_spoils_is_made_of_the_shipped_template(void **state)
{
	struct sync_refreshed refreshed = { 0 };
	char directory[300];

	(void)state;
	two_courses();
	fixture_find("c1")->title = "<!--aither:status-->";
	snprintf(directory, sizeof(directory), "%s/own", scratch_path);
	assert_int_equal(mkdir(directory, 0755), 0);
	scratch_put("own/homepage.hbs", "<!--aither:status--> MY-OWN {{#each undated}}{{{title}}}{{/each}}");
	fixture_config.site.template_directory = directory;
	fixture_sync(REPORT_PARTIAL);
	assert_true(fixture_has_error(ERROR_TEMPLATE, "homepage.hbs"));
	fixture_refute_text("public/index.de.html", "MY-OWN");
	fixture_assert_text("public/index.de.html", "Zweiter");
	fixture_find("c2")->title = "Neu";
	assert_int_equal(sync_refresh(&fixture_options, &refreshed, NULL), 0);
	fixture_refute_text("public/index.de.html", "MY-OWN");
	fixture_assert_text("public/index.de.html", "Neu");
}

/* The sync reports the file; a refresh uses the shipped file, too. */
static void refresh_with_bad_file(const char *name, const char *text)
{
	CLEANUP(mem_freep) char *directory = mem_printf("%s/own", scratch_path);
	struct sync_refreshed refreshed = { 0 };
	struct error err = { 0 };

	two_courses();
	assert_int_equal(mkdir(directory, 0755), 0);
	scratch_put(name, text);
	fixture_config.site.template_directory = directory;
	fixture_sync(REPORT_PARTIAL);
	fixture_find("c2")->title = "Neu";
	assert_int_equal(sync_refresh(&fixture_options, &refreshed, &err), 0);
	fixture_assert_text("public/index.de.html", "Neu");
}

static void a_refresh_survives_a_bad_homepage_template(void **state)
{
	(void)state;
	refresh_with_bad_file("own/homepage.hbs", "{{#bad");
}

static void a_refresh_survives_a_bad_course_template(void **state)
{
	(void)state;
	refresh_with_bad_file("own/course.hbs", "{{#bad");
}

static void a_refresh_survives_a_bad_partial(void **state)
{
	(void)state;
	refresh_with_bad_file("own/foo.hbs", "{{#bad");
}

static void a_refresh_survives_bad_texts(void **state)
{
	(void)state;
	refresh_with_bad_file("own/texts.de.json", "{");
}

static void without_the_shipped_templates_a_sync_fails(void **state)
{
	(void)state;
	two_courses();
	fixture_options.shipped_templates = scratch_path;
	fixture_sync(REPORT_FAILED);
	assert_true(fixture_has_error(ERROR_TEMPLATE, "templates"));
	assert_int_equal(fixture_pages(), 0);
}

static void only_public_pages_that_are_there_are_linked(void **state)
{
	(void)state;
	two_courses();
	fixture_sync(REPORT_SUCCESS);
	fixture_refute_text("public/index.de.html", "courses/erster.html");
	fixture_config.site.course_pages_public = true;
	fixture_sync(REPORT_SUCCESS);
	fixture_assert_text("public/index.de.html", "courses/erster.html");
	fixture_course("c3", "Neu", "neu", 0);
	fixture_sync(REPORT_SUCCESS);
	fixture_assert_text("public/index.de.html", "courses/neu.html"); /* the page came after the first index */
}

/* ---- refresh and history ---- */

static void count_calls(void *arg)
{
	assert_int_not_equal(atomic_load(&fixture_progress.listed_at_ms), 0);
	fixture_assert_text("public/index.de.html", "Erster");
	assert_int_equal(fixture_pages(), 0); /* no details have been read yet */
	++*(int *)arg;
}

static void the_homepage_is_there_before_the_details(void **state)
{
	int calls = 0;

	(void)state;
	two_courses();
	fixture_options.on_listed = count_calls;
	fixture_options.on_listed_arg = &calls;
	fixture_sync(REPORT_SUCCESS);
	assert_int_equal(calls, 1);
	assert_true(atomic_load(&fixture_progress.listed_changed));
}

static void a_refresh_writes_the_homepage_only_when_it_changes(void **state)
{
	struct sync_refreshed refreshed = { 0 };
	struct stat mark;

	(void)state;
	two_courses();
	assert_int_equal(sync_refresh(&fixture_options, &refreshed, NULL), 0);
	assert_true(refreshed.changed);
	assert_int_not_equal(refreshed.fetched_at_ms, 0);
	assert_int_equal(fixture_pages(), 0);
	assert_false(fixture_exists(".sync-manifest.json"));
	mark = fixture_mark("public/index.en.html");
	assert_int_equal(sync_refresh(&fixture_options, &refreshed, NULL), 0);
	assert_false(refreshed.changed);
	assert_true(fixture_is_same("public/index.en.html", &mark));
	fixture_find("c1")->title = "Neu";
	assert_int_equal(sync_refresh(&fixture_options, &refreshed, NULL), 0);
	assert_true(refreshed.changed);
	fixture_assert_text("public/index.en.html", "Neu");
}

static void a_refresh_needs_no_lock_and_is_no_listing(void **state)
{
	CLEANUP(publish_close) struct publish out = PUBLISH_INIT;
	struct sync_refreshed refreshed = { 0 };

	(void)state;
	two_courses();
	fixture_sync(REPORT_SUCCESS);
	fixture_drop("c1");
	assert_int_equal(publish_open(&out, fixture_config.sync.output_directory, false, NULL), 0);
	assert_int_equal(sync_refresh(&fixture_options, &refreshed, NULL), 0);
	assert_int_equal(fixture_pages(), 2);
	fixture_refute_text("public/index.de.html", "Erster");
}

static void a_refresh_that_fails_leaves_the_homepage(void **state)
{
	struct sync_refreshed refreshed = { 0 };
	struct error problem = { 0 };
	struct stat mark;

	(void)state;
	two_courses();
	fixture_sync(REPORT_SUCCESS);
	mark = fixture_mark("public/index.de.html");
	fake_hemera.list_error = ERROR_HEMERA_TIMEOUT;
	assert_true(sync_refresh(&fixture_options, &refreshed, &problem) < 0);
	assert_int_equal(problem.code, ERROR_HEMERA_TIMEOUT);
	assert_int_equal(refreshed.fetched_at_ms, 0);
	assert_true(fixture_is_same("public/index.de.html", &mark));
}

static void the_history_survives_in_the_manifest(void **state)
{
	CLEANUP(sync_history_done) struct sync_history history = { 0 }, none = { 0 };

	(void)state;
	assert_int_equal(sync_history_load(fixture_config.sync.output_directory, &none, NULL), 0);
	assert_null(none.last_report);
	two_courses();
	fixture_sync(REPORT_SUCCESS);
	fake_hemera.list_error = ERROR_HEMERA_TIMEOUT;
	fixture_sync(REPORT_FAILED);
	assert_int_equal(sync_history_load(fixture_config.sync.output_directory, &history, NULL), 0);
	assert_string_equal(json_string(json_get(history.last_report, "status")), "failed");
	assert_int_equal(history.consecutive_failures, 1);
	assert_int_equal(history.courses, 2);
	assert_true(history.last_success_ms > 0);
}

static void a_damaged_manifest_is_no_history_and_says_so(void **state)
{
	CLEANUP(sync_history_done) struct sync_history history = { 0 };
	struct error err = { 0 };

	(void)state;
	two_courses();
	fixture_sync(REPORT_SUCCESS);
	scratch_put("out/.sync-manifest.json", "{");
	assert_int_equal(sync_history_load(fixture_config.sync.output_directory, &history, &err), -EBADMSG);
	assert_null(history.last_report);
	assert_non_null(strstr(err.message, ".sync-manifest.json"));
}

/* Moves the site to a time zone where it is now that hour; returns the time of three hours ago. */
static char *go_where_the_hour_is(int hour)
{
	static char text[TIME_TEXT_SIZE];
	int64_t now_ms = time_now_ms();
	int ahead_h = (int)(24 + hour - now_ms / 3600000 % 24) % 24;
	char zone[20];

	snprintf(zone, sizeof(zone), "Etc/GMT%+d", ahead_h > 12 ? 24 - ahead_h : -ahead_h);
	assert_int_equal(time_zone_set(zone), 0);
	assert_int_equal(time_local(now_ms).hour, hour);
	time_format(now_ms - 3 * 3600000, text);
	return text;
}

/* In one time zone it is noon, in another one in the morning: there, a course that ended three hours ago
 * belongs to yesterday. */
static void a_course_leaves_at_midnight_though_hemera_is_away(void **state)
{
	for (int by_refresh = 0; by_refresh < 2; by_refresh++) {
		struct sync_refreshed refreshed = { 0 };
		struct stat mark, now;

		if (by_refresh) {
			fixture_teardown(state);
			fixture_setup(state);
		}
		fixture_course("c1", "Heute", "heute", 0)->end_date = go_where_the_hour_is(12);
		fixture_course("c2", "Morgen", "morgen", 0)->start_date = "2099-01-01T00:00:00.000Z";
		fixture_find("c1")->start_date = "2001-01-01T00:00:00.000Z";
		fixture_sync(REPORT_SUCCESS);
		fixture_refute_text("public/index.de.html", "<details");
		mark = fixture_mark("public/index.de.html");
		go_where_the_hour_is(1);
		fake_hemera.list_error = ERROR_HEMERA_UNREACHABLE;
		if (by_refresh)
			assert_true(sync_refresh(&fixture_options, &refreshed, NULL) < 0);
		else
			fixture_sync(REPORT_FAILED);
		fixture_assert_text("public/index.de.html", "<details");
		fixture_assert_text("public/index.de.html", "Morgen");
		now = fixture_mark("public/index.de.html");
		assert_int_not_equal(now.st_ino, mark.st_ino);
		assert_int_equal(time_zone_set("UTC"), 0);
	}
}

static void a_refresh_saves_what_it_shows_and_believes_no_empty_list(void **state)
{
	CLEANUP(sync_history_done) struct sync_history history = { 0 };
	struct sync_refreshed refreshed = { 0 };

	(void)state;
	two_courses();
	fixture_sync(REPORT_SUCCESS);
	fixture_course("c3", "Dritter", "dritter", 0);
	assert_int_equal(sync_refresh(&fixture_options, &refreshed, NULL), 0);
	fixture_assert_text("public/index.de.html", "Dritter");
	fake_hemera.count = 0;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(sync_refresh(&fixture_options, &refreshed, NULL), 0);
		assert_int_equal(refreshed.kept.reason, KNOWN_EMPTY);
		assert_int_equal(refreshed.kept.courses, 3);
	}
	fixture_assert_text("public/index.de.html", "Dritter"); /* a course that no sync has seen */
	assert_int_equal(sync_history_load(fixture_config.sync.output_directory, &history, NULL), 0);
	assert_int_equal(history.kept.courses, 3);
}

static void a_refresh_does_not_search_for_lost_rows_and_keeps_known_courses(void **state)
{
	struct sync_refreshed refreshed = { 0 };

	(void)state;
	two_courses();
	fixture_sync(REPORT_SUCCESS);
	fake_hemera.lost = 1;
	assert_int_equal(sync_refresh(&fixture_options, &refreshed, NULL), 0);
	assert_int_equal(refreshed.kept.reason, KNOWN_ACCEPTED); /* the last sync's verdict */
	assert_false(refreshed.changed);
	fixture_assert_text("public/index.de.html", "Zweiter");
}

/* A time zone where it is after one in the morning, and a course that began there three hours ago. */
static void the_next_course_is_none_of_yesterday(void **state)
{
	const char *yesterday = go_where_the_hour_is(1);

	(void)state;
	fixture_course("c1", "Gestern", "gestern", 0)->start_date = yesterday;
	fixture_sync(REPORT_SUCCESS);
	assert_null(fixture_report.course_id);
	assert_int_equal(time_zone_set("UTC"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SYNC_TEST(hemeras_template_serves_its_course_the_highest_version_first),
		SYNC_TEST(a_template_that_does_not_compile_is_replaced_by_the_local_one),
		SYNC_TEST(a_template_that_gives_no_page_is_replaced_by_the_local_one),
		SYNC_TEST(templates_that_cannot_be_read_leave_the_pages_as_they_are),
		SYNC_TEST(a_homepage_template_without_its_mark_is_refused),
		SYNC_TEST(a_homepage_that_a_title_spoils_is_made_of_the_shipped_template),
		SYNC_TEST(without_the_shipped_templates_a_sync_fails),
		SYNC_TEST(a_refresh_survives_a_bad_homepage_template),
		SYNC_TEST(a_refresh_survives_a_bad_course_template),
		SYNC_TEST(a_refresh_survives_a_bad_partial),
		SYNC_TEST(a_refresh_survives_bad_texts),
		SYNC_TEST(only_public_pages_that_are_there_are_linked),
		SYNC_TEST(the_homepage_is_there_before_the_details),
		SYNC_TEST(a_refresh_writes_the_homepage_only_when_it_changes),
		SYNC_TEST(a_refresh_needs_no_lock_and_is_no_listing),
		SYNC_TEST(a_refresh_that_fails_leaves_the_homepage),
		SYNC_TEST(a_course_leaves_at_midnight_though_hemera_is_away),
		SYNC_TEST(a_refresh_saves_what_it_shows_and_believes_no_empty_list),
		SYNC_TEST(a_refresh_does_not_search_for_lost_rows_and_keeps_known_courses),
		SYNC_TEST(the_history_survives_in_the_manifest),
		SYNC_TEST(a_damaged_manifest_is_no_history_and_says_so),
		SYNC_TEST(the_next_course_is_none_of_yesterday),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
