/* SPDX-License-Identifier: MIT */
/* Published files have a maximum size; files that aither-web could not serve are made again. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "published/published.h"
#include "scratch.h"
#include "sync-fixture.h"

#define PEOPLE 64 /* of a course whose page has PEOPLE * CHUNK bytes plus the end of the template */
#define CHUNK (PUBLISHED_COURSE_MAX / PEOPLE)

static char large[CHUNK + 100];

/* All pages are made from a template whose output is PUBLISHED_COURSE_MAX bytes plus `rest`. */
static void serve_large(const char *rest)
{
	size_t used = (size_t)snprintf(large, sizeof(large), "{{#each participants}}");

	memset(large + used, 'x', CHUNK);
	snprintf(large + used + CHUNK, sizeof(large) - used - CHUNK, "{{/each}}%s", rest);
	fake_hemera.templates[0] = (struct hemera_template){ (char *)"t1", NULL, large, (char *)"1" };
	fake_hemera.template_count = 1;
}

static const char *message_of_first_error(void)
{
	return fixture_report.errors_total > 0 ? fixture_report.errors[0].message : "";
}

static struct buf read_manifest(void)
{
	CLEANUP(file_closep) int out = openat(scratch_fd, "out", O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	struct buf text = BUF_INIT(1 << 20);

	assert_int_equal(file_read(out, ".sync-manifest.json", &text, NULL, NULL), 0);
	return text;
}

/* Changes the size of the page in the manifest. */
static void say_size(const char *path, const char *name, long long size)
{
	CLEANUP(buf_done) struct buf text = read_manifest();
	CLEANUP(buf_done) struct buf changed = BUF_INIT(1 << 20);
	const char *at = strstr(buf_text(&text), path), *end;

	assert_non_null(at);
	at = strstr(at, name);
	assert_non_null(at);
	at = strchr(at, ':') + 1;
	strtoll(at, (char **)&end, 10);
	buf_append(&changed, text.data, (size_t)(at - text.data));
	buf_printf(&changed, "%lld%s", size, end);
	fixture_put(".sync-manifest.json", buf_text(&changed));
}

/* As if a page of that size had been published. */
static void grow(const char *path, long long size)
{
	CLEANUP(mem_freep) char *full = mem_printf("%s/out/%s", scratch_path, path);
	struct timespec times[2];
	struct stat before;

	assert_int_equal(stat(full, &before), 0);
	assert_int_equal(truncate(full, size), 0);
	times[0] = before.st_atim;
	times[1] = before.st_mtim;
	assert_int_equal(utimensat(AT_FDCWD, full, times, 0), 0);
	say_size(path, "\"size\"", size);
}

static void a_page_is_published_up_to_its_largest_size(void **state)
{
	(void)state;
	fixture_course("c1", "Erster", "erster", PEOPLE);
	serve_large("");
	fixture_sync(REPORT_SUCCESS);
	assert_int_equal(json_integer(json_get(fixture_entry("c1"), "size"), 0), PUBLISHED_COURSE_MAX);

	serve_large("y");
	fixture_sync(REPORT_PARTIAL);
	assert_int_equal(fixture_report.errors_total, 1);
	assert_true(fixture_has_error(ERROR_TEMPLATE, "course c1"));
	assert_non_null(strstr(message_of_first_error(), "the page is larger than 4194304 bytes"));
	assert_int_equal(json_integer(json_get(fixture_entry("c1"), "size"), 0), PUBLISHED_COURSE_MAX);
	fixture_refute_text("courses/erster.html", "y");

	fixture_options.dry_run = true;
	fixture_sync(REPORT_PARTIAL);
	assert_true(fixture_has_error(ERROR_TEMPLATE, "course c1"));
	assert_int_equal(fixture_report.would_change_count, 0);
}

/* A dry run writes nothing, so the disk need not have that much space; it counts the sizes in the same
 * way. */
static void all_pages_together_have_a_largest_size(void **state)
{
	static char ids[FAKE_COURSES_MAX][8];

	(void)state;
	for (size_t i = 0; i < FAKE_COURSES_MAX; i++) {
		snprintf(ids[i], sizeof(ids[i]), "c%zu", i);
		fixture_course(ids[i], "Kurs", ids[i], PEOPLE);
	}
	serve_large("");
	fixture_options.dry_run = true;
	fixture_sync(REPORT_PARTIAL);
	assert_int_equal(fixture_report.would_change_count, PUBLISHED_COURSES_MAX / PUBLISHED_COURSE_MAX);
	assert_int_equal(
		fixture_report.errors_total, FAKE_COURSES_MAX - PUBLISHED_COURSES_MAX / PUBLISHED_COURSE_MAX);
	assert_true(fixture_has_error(ERROR_TEMPLATE, "course c63"));
	assert_string_equal(message_of_first_error(), "its page of 4194304 bytes would make all course "
						      "pages together larger than 251658240 bytes");
}

/* The page of a course that stays until two lists lack the course. */
static void pages_that_stay_take_their_room(void **state)
{
	(void)state;
	fake_hemera.pages = 2;
	fixture_course("c1", "Erster", "erster", 1);
	fixture_course("c2", "Zweiter", "zweiter", 1);
	fixture_sync(REPORT_SUCCESS);
	say_size("courses/zweiter.html", "\"size\"", PUBLISHED_COURSES_MAX - 1000);
	fixture_drop("c2");
	fixture_find("c1")->participant = "Grace Brewster Murray Hopper";
	fixture_sync(REPORT_PARTIAL);
	assert_true(fixture_has_error(ERROR_TEMPLATE, "course c1"));
	fixture_refute_text("courses/erster.html", "Hopper");
	fixture_sync(REPORT_PARTIAL);
	assert_false(fixture_exists("courses/zweiter.html"));
	fixture_sync(REPORT_SUCCESS);
	fixture_assert_page("erster.html", "Hopper");
}

/* If an earlier version has let a site become too large, it gets smaller page by page. */
static void a_smaller_page_always_has_room(void **state)
{
	(void)state;
	fake_hemera.pages = 2;
	fixture_course("c1", "Erster", "erster", 1)->participant = "Grace Brewster Murray Hopper";
	fixture_course("c2", "Zweiter", "zweiter", 1);
	fixture_sync(REPORT_SUCCESS);
	say_size("courses/zweiter.html", "\"size\"", PUBLISHED_COURSES_MAX * 2LL);
	fixture_drop("c2");
	fixture_find("c1")->participant = "Ada";
	fixture_sync(REPORT_SUCCESS);
	fixture_refute_text("courses/erster.html", "Hopper");
}

static void files_too_large_to_be_served_are_made_again(void **state)
{
	CLEANUP(mem_freep) char *index = mem_printf("%s/out/public/index.de.html", scratch_path);

	(void)state;
	fixture_course("c1", "Erster", "erster", 1);
	fixture_sync(REPORT_SUCCESS);
	grow("courses/erster.html", PUBLISHED_COURSE_MAX);
	fixture_sync(REPORT_SUCCESS);
	assert_int_equal(fixture_report.files_generated, 0);
	assert_false(fixture_report.homepage_changed);

	grow("courses/erster.html", PUBLISHED_COURSE_MAX + 1);
	assert_int_equal(truncate(index, PUBLISHED_HOMEPAGE_MAX + 1), 0);
	fixture_sync(REPORT_SUCCESS);
	assert_int_equal(fixture_report.files_generated, 1);
	assert_true(fixture_report.homepage_changed);
	fixture_assert_page("erster.html", "Ada");
	fixture_assert_text("public/index.de.html", "Erster");
}

/* A page that is too large to be served is replaced at once by one made from the list's row alone; it does
 * not wait for its participants. */
static void a_page_that_cannot_be_served_does_not_wait_for_participants(void **state)
{
	(void)state;
	fixture_course("c1", "Erster", "erster", 1);
	fixture_sync(REPORT_SUCCESS);
	grow("courses/erster.html", PUBLISHED_COURSE_MAX + 1);
	fixture_find("c1")->detail = HEMERA_DETAIL_DEFERRED;
	fixture_sync(REPORT_SUCCESS);
	fixture_assert_page("erster.html", "Erster");
	fixture_refute_text("courses/erster.html", "Ada");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SYNC_TEST(a_page_is_published_up_to_its_largest_size),
		SYNC_TEST(all_pages_together_have_a_largest_size),
		SYNC_TEST(pages_that_stay_take_their_room),
		SYNC_TEST(a_smaller_page_always_has_room),
		SYNC_TEST(files_too_large_to_be_served_are_made_again),
		SYNC_TEST(a_page_that_cannot_be_served_does_not_wait_for_participants),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
