/* SPDX-License-Identifier: MIT */
/* Pages for visitors and pages for staff: where they are, and what a change of CoursePages does to them. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "scratch.h"
#include "sync-fixture.h"

static void two_courses(void)
{
	fixture_course("c1", "Erster", "erster", 3);
	fixture_course("c2", "Zweiter", "zweiter", 0);
}

static void make_public(bool is_public)
{
	fixture_config.site.course_pages_public = is_public;
}

static void public_pages_have_no_participants_and_ask_for_none(void **state)
{
	(void)state;
	two_courses();
	/* Hemera's template shows everything that it gets. */
	fake_hemera.templates[0] = (struct hemera_template){ (char *)"t1", NULL,
		(char *)"{{course.title}}: {{course.participantCount}} [{{#each participants}}{{name}}{{/each}}] "
			"{{participantsHidden}} {{participantsPending}}",
		(char *)"1" };
	fake_hemera.template_count = 1;
	make_public(true);
	fixture_sync(REPORT_SUCCESS);
	fixture_assert_text("public/courses/erster.html", "Erster: 3 [] true true");
	assert_int_equal(fixture_report.participants_fetched, 0);
	assert_int_equal(fixture_report.courses_deferred, 0);
	assert_false(fixture_exists("courses"));
	assert_false(fixture_exists("courses.de.html"));
}

static void private_pages_lie_outside_what_visitors_get(void **state)
{
	(void)state;
	two_courses();
	fixture_sync(REPORT_SUCCESS);
	fixture_assert_text("courses/erster.html", "Ada");
	assert_false(fixture_exists("public/courses"));
	fixture_refute_text("public/index.de.html", "Ada");
	fixture_refute_text("public/index.de.html", "erster.html");
	assert_int_equal(scratch_mode("out/public"), 0750);
	assert_int_equal(scratch_mode("out/courses.de.html"), 0640);
}

static void the_private_list_leads_to_each_page(void **state)
{
	(void)state;
	two_courses();
	fixture_sync(REPORT_SUCCESS);
	fixture_assert_text("courses.de.html", "<!--aither:status-->");
	fixture_assert_text("courses.de.html", "courses/erster.html?lang&#x3D;de");
	fixture_assert_text("courses.en.html", "courses/zweiter.html?lang&#x3D;en");
	fixture_refute_text("courses.de.html", "Ada");
	fixture_drop("c2");
	fixture_sync(REPORT_SUCCESS);
	fixture_refute_text("courses.de.html", "zweiter.html");
}

static void pages_of_the_other_audience_leave_and_come(void **state)
{
	(void)state;
	two_courses();
	fixture_sync(REPORT_SUCCESS);
	for (int i = 0; i < 2; i++) {
		make_public(true);
		fixture_sync(REPORT_SUCCESS);
		assert_int_equal(fixture_report.files_generated, 2);
		fixture_assert_text("public/courses/erster.html", "Erster");
		fixture_refute_text("public/courses/erster.html", "Ada");
		assert_false(fixture_exists("courses"));
		assert_false(fixture_exists("courses.en.html"));
		make_public(false);
		fixture_sync(REPORT_SUCCESS);
		assert_int_equal(fixture_report.files_generated, 2);
		fixture_assert_text("courses/erster.html", "Ada");
		fixture_assert_text("courses.en.html", "courses/erster.html");
		assert_false(fixture_exists("public/courses"));
	}
}

/* A name must not stay on disk just because Hemera or a template fails today. */
static void they_leave_though_hemera_is_away(void **state)
{
	(void)state;
	two_courses();
	fixture_sync(REPORT_SUCCESS);
	fake_hemera.list_error = ERROR_HEMERA_UNREACHABLE;
	make_public(true);
	fixture_sync(REPORT_FAILED);
	assert_false(fixture_exists("courses"));
	assert_false(fixture_exists("courses.de.html"));
	fixture_assert_text("public/index.de.html", "Erster");
}

static void files_of_the_operators_stay_when_pages_leave(void **state)
{
	(void)state;
	two_courses();
	fixture_sync(REPORT_SUCCESS);
	fixture_put("courses/notes.txt", "the operator's own");
	fixture_put("courses/.tmp-9", "half");
	make_public(true);
	fixture_sync(REPORT_SUCCESS);
	assert_true(fixture_exists("courses/notes.txt"));
	assert_false(fixture_exists("courses/erster.html"));
	assert_false(fixture_exists("courses/.tmp-9"));
}

static void a_link_in_place_of_the_other_folder_is_not_followed(void **state)
{
	(void)state;
	two_courses();
	make_public(true);
	fixture_sync(REPORT_SUCCESS);
	assert_int_equal(mkdirat(scratch_fd, "elsewhere", 0755), 0);
	scratch_put("elsewhere/erster.html", "not ours");
	assert_int_equal(symlinkat("../elsewhere", scratch_fd, "out/courses"), 0);
	fixture_sync(REPORT_SUCCESS);
	scratch_assert_content("elsewhere/erster.html", "not ours");
}

static void a_dry_run_removes_nothing(void **state)
{
	(void)state;
	two_courses();
	fixture_sync(REPORT_SUCCESS);
	make_public(true);
	fixture_options.dry_run = true;
	fixture_sync(REPORT_SUCCESS);
	fixture_assert_text("courses/erster.html", "Ada");
	assert_true(fixture_exists("courses.de.html"));
	assert_int_equal(fixture_report.would_change_count, 2);
}

static void the_homepage_of_the_first_version_moves(void **state)
{
	struct sync_refreshed refreshed = { 0 };

	(void)state;
	assert_int_equal(mkdirat(scratch_fd, "out", 0750), 0);
	scratch_put("out/index.de.html", "of 0.1.0");
	scratch_put("out/index.en.html", "of 0.1.0");
	fake_hemera.list_error = ERROR_HEMERA_UNREACHABLE;
	assert_true(sync_refresh(&fixture_options, &refreshed, NULL) < 0);
	fixture_assert_text("public/index.de.html", "of 0.1.0");
	assert_false(fixture_exists("index.de.html"));
	/* The newer file wins. */
	scratch_put("out/index.en.html", "put back");
	assert_true(sync_refresh(&fixture_options, &refreshed, NULL) < 0);
	fixture_assert_text("public/index.en.html", "of 0.1.0");
	assert_false(fixture_exists("index.en.html"));
}

/* ---- files made from the list ---- */

static void what_is_current_is_not_made_again(void **state)
{
	static const char *const files[] = { "public/index.de.html", "public/index.en.html",
		"courses.de.html", "courses.en.html", "public/courses.json", "public/courses.ics" };
	struct stat marks[6];

	(void)state;
	two_courses();
	fixture_sync(REPORT_SUCCESS);
	for (int i = 0; i < 6; i++) {
		marks[i] = fixture_mark(files[i]);
		assert_non_null(json_get(json_get(json_get(fixture_manifest, "site"), files[i]), "hash"));
	}
	fixture_sync(REPORT_SUCCESS);
	for (int i = 0; i < 6; i++)
		assert_true(fixture_is_same(files[i], &marks[i]));
	for (int i = 0; i < 6; i++) {
		fixture_put(files[i], "spoilt");
		fixture_sync(REPORT_SUCCESS);
		fixture_refute_text(files[i], "spoilt");
	}
}

/* Templates that show the site's members, independent of the shipped ones. */
static void use_own_templates(void)
{
	static char directory[300];

	snprintf(directory, sizeof(directory), "%s/own", scratch_path);
	assert_int_equal(mkdir(directory, 0755), 0);
	scratch_put("own/homepage.hbs",
		"<!--aither:status--> {{site.name}} {{site.style}} {{site.logo}}{{#each undated}} {{url}}{{/each}}");
	scratch_put("own/course.hbs", "{{site.name}} {{site.style}} {{site.imprintURL}} {{course.url}}");
	fixture_config.site.template_directory = directory;
}

static void the_operators_files_are_noticed(void **state)
{
	(void)state;
	two_courses();
	use_own_templates();
	fixture_sync(REPORT_SUCCESS);
	fixture_refute_text("public/index.de.html", "/style.css");
	assert_int_equal(mkdirat(scratch_fd, "site", 0755), 0);
	scratch_put("site/style.css", "h1{color:red}");
	scratch_put("site/logo.svg", "<svg/>");
	fixture_sync(REPORT_SUCCESS);
	assert_int_equal(fixture_report.files_generated, 2);
	fixture_assert_text("public/index.de.html", "/style.css");
	fixture_assert_text("public/index.de.html", "/logo.svg");
	fixture_assert_page("erster.html", "/style.css");
	/* A link is never served, so it must not be used. */
	assert_int_equal(unlinkat(scratch_fd, "site/style.css", 0), 0);
	assert_int_equal(symlinkat("logo.svg", scratch_fd, "site/style.css"), 0);
	fixture_sync(REPORT_SUCCESS);
	fixture_refute_text("public/index.de.html", "/style.css");
}

static void a_setting_of_the_site_reaches_every_page(void **state)
{
	(void)state;
	two_courses();
	use_own_templates();
	fixture_sync(REPORT_SUCCESS);
	fixture_config.site.name = (char *)"Akademie & Söhne";
	fixture_config.site.imprint_url = (char *)"/imprint.html";
	fixture_config.site.course_url = (char *)"https://academy.example/{lang}/{id}?s={slug}";
	fixture_sync(REPORT_SUCCESS);
	assert_int_equal(fixture_report.files_generated, 2);
	fixture_assert_text("public/index.de.html", "Akademie &amp; Söhne");
	fixture_assert_text("public/index.de.html", "https://academy.example/de/c1?s&#x3D;erster");
	fixture_assert_text("public/index.en.html", "https://academy.example/en/c1?s&#x3D;erster");
	fixture_assert_page("erster.html", "/imprint.html");
	fixture_assert_page("erster.html", "Akademie &amp; Söhne");
}

/* A new course has the slug of a removed one: until the next sync, the file is the page of that other
 * course. */
static void another_courses_page_is_not_linked(void **state)
{
	struct sync_refreshed refreshed = { 0 };

	(void)state;
	two_courses();
	fixture_sync(REPORT_SUCCESS);
	fixture_drop("c1");
	fixture_course("c3", "Dritter", "erster", 2);
	assert_int_equal(sync_refresh(&fixture_options, &refreshed, NULL), 0);
	fixture_assert_text("courses.de.html", "Dritter");
	fixture_refute_text("courses.de.html", "courses/erster.html");
	fixture_assert_text("courses.de.html", "courses/zweiter.html");
}

static void a_template_that_public_pages_cannot_use_is_replaced(void **state)
{
	(void)state;
	two_courses();
	use_own_templates();
	scratch_put("own/course.hbs", "MINE{{#if participantsHidden}}{{t \"tpyo\"}}{{/if}}");
	make_public(true);
	fixture_sync(REPORT_PARTIAL);
	fixture_assert_text("public/courses/erster.html", "Erster");
	fixture_refute_text("public/courses/erster.html", "MINE");
}

/* The template is valid with the samples and fails with today's title: only the page whose template fails
 * uses the shipped one. */
static void a_mistake_in_one_template_does_not_cost_the_other_page(void **state)
{
	(void)state;
	two_courses();
	use_own_templates();
	scratch_put("own/homepage.hbs", "<!--aither:status--> MY-HOMEPAGE");
	scratch_put("own/courses.hbs", "<!--aither:status--> MY-LIST {{#each undated}}{{{title}}}{{/each}}");
	fixture_find("c1")->title = "<!--aither:status-->";
	fixture_sync(REPORT_PARTIAL);
	assert_true(fixture_has_error(ERROR_TEMPLATE, "courses.hbs"));
	assert_false(fixture_has_error(ERROR_TEMPLATE, "homepage.hbs"));
	fixture_assert_text("public/index.de.html", "MY-HOMEPAGE");
	fixture_refute_text("courses.de.html", "MY-LIST");
	fixture_assert_text("courses.de.html", "Zweiter");
}

static void a_mistake_that_only_many_or_running_courses_show_is_found(void **state)
{
	static const char *const mistakes[] = {
		"{{#each current}}{{#if running}}{{t \"tpyo\"}}{{/if}}{{/each}}",
		"{{#each currentMonths}}{{t \"tpyo\"}}{{/each}}",
	};

	(void)state;
	two_courses();
	use_own_templates();
	for (size_t i = 0; i < 2; i++) {
		char text[200];

		snprintf(text, sizeof(text), "<!--aither:status--> MY-OWN %s", mistakes[i]);
		scratch_put("own/homepage.hbs", text);
		fixture_sync(REPORT_PARTIAL);
		assert_true(fixture_has_error(ERROR_TEMPLATE, "homepage.hbs"));
		fixture_refute_text("public/index.de.html", "MY-OWN");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SYNC_TEST(public_pages_have_no_participants_and_ask_for_none),
		SYNC_TEST(private_pages_lie_outside_what_visitors_get),
		SYNC_TEST(the_private_list_leads_to_each_page),
		SYNC_TEST(pages_of_the_other_audience_leave_and_come),
		SYNC_TEST(they_leave_though_hemera_is_away),
		SYNC_TEST(files_of_the_operators_stay_when_pages_leave),
		SYNC_TEST(a_link_in_place_of_the_other_folder_is_not_followed),
		SYNC_TEST(a_dry_run_removes_nothing),
		SYNC_TEST(the_homepage_of_the_first_version_moves),
		SYNC_TEST(what_is_current_is_not_made_again),
		SYNC_TEST(the_operators_files_are_noticed),
		SYNC_TEST(a_setting_of_the_site_reaches_every_page),
		SYNC_TEST(another_courses_page_is_not_linked),
		SYNC_TEST(a_template_that_public_pages_cannot_use_is_replaced),
		SYNC_TEST(a_mistake_in_one_template_does_not_cost_the_other_page),
		SYNC_TEST(a_mistake_that_only_many_or_running_courses_show_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
