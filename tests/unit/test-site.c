/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/time.h"
#include "http/http.h"
#include "published/published.h"
#include "web/negotiate.h"
#include "web/page.h"
#include "web/phrases.h"
#include "web/site.h"

static unsigned logged; /* lines for the journal */

void __wrap_log_write(int priority, const char *format, ...) __attribute__((format(printf, 2, 3)));

void __wrap_log_write(int priority, const char *format, ...)
{
	(void)priority;
	logged += strstr(format, "course page cannot be read") != NULL;
}

struct place {
	char root[32];            /* removed in the end */
	char *output, *templates; /* owned paths below it */
};

static void write_text(const char *directory, const char *name, const char *text)
{
	CLEANUP(mem_freep) char *path = mem_printf("%s/%s", directory, name);
	CLEANUP(mem_freep) char *temporary = mem_printf("%s/%s.new", directory, name);
	FILE *file = fopen(temporary, "we");

	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(rename(temporary, path), 0);
}

static int place_setup(void **state)
{
	struct place *place = mem_zalloc(sizeof(*place));
	const char *temporary = getenv("TMPDIR");

	snprintf(place->root, sizeof(place->root), "%s", "/tmp/aither-test-XXXXXX");
	if (temporary && strlen(temporary) + 16 < sizeof(place->root))
		snprintf(place->root, sizeof(place->root), "%s/aither-XXXXXX", temporary);
	assert_non_null(mkdtemp(place->root));
	place->output = mem_printf("%s/output", place->root);
	place->templates = mem_printf("%s/templates", place->root);
	assert_int_equal(mkdir(place->templates, 0700), 0);
	*state = place;
	return 0;
}

static void remove_tree(const char *root)
{
	static const char *const names[] = { "output/courses/a.html", "output/courses/b.html.html",
		"output/courses/link.html", "output/courses/fifo.html", "output/courses/.hidden.html",
		"output/courses/dir.html", "output/courses", "output/index.de.html", "output/index.en.html",
		"output/.sync-manifest.json", "output", "old/index.de.html", "old", "templates" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		CLEANUP(mem_freep) char *path = mem_printf("%s/%s", root, names[i]);
		remove(path);
	}
	assert_int_equal(rmdir(root), 0); /* whatever a test leaves must be listed above */
}

static int place_teardown(void **state)
{
	struct place *place = *state;

	remove_tree(place->root);
	mem_freep(&place->output);
	mem_freep(&place->templates);
	free(place);
	return 0;
}

/* 15 March 2026, 12:00 in Berlin. */
static const struct phrases_banner noon = {
	.is_fresh = true, .data_ms = INT64_C(1773572400000), .now_ms = INT64_C(1773572400000)
};

static struct phrases *phrases;

static struct site *site_at(const char *output_directory)
{
	return site_new(&(struct site_options){
		.output_directory = output_directory, .phrases = phrases, .course_language = LANGUAGE_DE });
}

static void the_mark_is_replaced_by_the_banner(void **state)
{
	struct place *place = *state;

	mkdir(place->output, 0700);
	write_text(place->output, "index.de.html", "<p>a</p>" PUBLISHED_STATUS_MARK "<p>b</p>");
	CLEANUP(site_freep) struct site *site = site_at(place->output);
	assert_true(site_has_home(site, LANGUAGE_DE));
	struct page *page = site_home(site, LANGUAGE_DE, &noon);
	assert_string_equal(page->plain->bytes, "<p>a</p><p class=\"status\">Stand: 12:00 Uhr</p><p>b</p>");
	char etag[PAGE_ETAG_SIZE];
	memcpy(etag, page->etag, sizeof(etag));
	struct http_body *bytes = page->plain;
	page = site_home(site, LANGUAGE_DE, &noon);
	assert_ptr_equal(page->plain, bytes);
	struct phrases_banner banner = noon;
	banner.now_ms += 60000; /* the same words */
	page = site_home(site, LANGUAGE_DE, &banner);
	assert_ptr_equal(page->plain, bytes);
	banner.data_ms += 60000;
	page = site_home(site, LANGUAGE_DE, &banner);
	assert_string_equal(page->plain->bytes, "<p>a</p><p class=\"status\">Stand: 12:01 Uhr</p><p>b</p>");
	assert_string_not_equal(page->etag, etag);
}

static void a_new_index_is_seen_at_the_next_request(void **state)
{
	struct place *place = *state;

	CLEANUP(site_freep) struct site *site = site_at(place->output);
	assert_false(site_has_home(site, LANGUAGE_DE));
	assert_non_null(strstr(site_fallback(site, LANGUAGE_DE)->plain->bytes, "nicht erreichbar"));
	assert_non_null(strstr(site_fallback(site, LANGUAGE_EN)->plain->bytes, "cannot be reached"));
	mkdir(place->output, 0700);
	assert_false(site_has_home(site, LANGUAGE_DE));
	write_text(place->output, "index.de.html", "one");
	assert_true(site_has_home(site, LANGUAGE_DE));
	assert_string_equal(site_home(site, LANGUAGE_DE, &noon)->plain->bytes, "one");
	write_text(place->output, "index.de.html", "two");
	assert_true(site_has_home(site, LANGUAGE_DE));
	assert_string_equal(site_home(site, LANGUAGE_DE, &noon)->plain->bytes, "two");
}

static void a_missing_language_is_shown_in_the_other(void **state)
{
	struct place *place = *state;

	mkdir(place->output, 0700);
	write_text(place->output, "index.de.html", "deutsch");
	CLEANUP(site_freep) struct site *site = site_at(place->output);
	assert_true(site_has_home(site, LANGUAGE_EN));
	assert_string_equal(site_home(site, LANGUAGE_EN, &noon)->language, "de");
	write_text(place->output, "index.en.html", "english");
	assert_true(site_has_home(site, LANGUAGE_EN));
	assert_string_equal(site_home(site, LANGUAGE_EN, &noon)->plain->bytes, "english");
}

static void a_removed_directory_is_found_again(void **state)
{
	struct place *place = *state;
	CLEANUP(mem_freep) char *index = mem_printf("%s/index.de.html", place->output);

	mkdir(place->output, 0700);
	write_text(place->output, "index.de.html", "one");
	CLEANUP(site_freep) struct site *site = site_at(place->output);
	assert_true(site_has_home(site, LANGUAGE_DE));
	unlink(index);
	rmdir(place->output);
	assert_false(site_has_home(site, LANGUAGE_DE));
	mkdir(place->output, 0700);
	write_text(place->output, "index.de.html", "two");
	assert_true(site_has_home(site, LANGUAGE_DE));
	assert_string_equal(site_home(site, LANGUAGE_DE, &noon)->plain->bytes, "two");
}

static void a_directory_that_was_moved_away_is_left(void **state)
{
	struct place *place = *state;
	CLEANUP(mem_freep) char *old = mem_printf("%s/old", place->root);
	const char *seen = "one";

	mkdir(place->output, 0700);
	write_text(place->output, "index.de.html", "one");
	CLEANUP(site_freep) struct site *site = site_at(place->output);
	assert_true(site_has_home(site, LANGUAGE_DE));
	assert_int_equal(rename(place->output, old), 0);
	mkdir(place->output, 0700);
	write_text(place->output, "index.de.html", "two");
	/* The path is compared once in SITE_FOLLOW_MS. */
	for (uint64_t until = time_mono_ms() + 3 * SITE_FOLLOW_MS;
		strcmp(seen, "two") != 0 && time_mono_ms() < until;) {
		assert_true(site_has_home(site, LANGUAGE_DE));
		seen = site_home(site, LANGUAGE_DE, &noon)->plain->bytes;
	}
	assert_string_equal(seen, "two");
}

static void an_index_that_is_no_file_is_not_shown(void **state)
{
	struct place *place = *state;
	CLEANUP(mem_freep) char *index = mem_printf("%s/output/index.de.html", place->root);
	CLEANUP(mem_freep) char *target = mem_printf("%s/index.html", place->templates);

	mkdir(place->output, 0700);
	assert_int_equal(symlink(target, index), 0);
	CLEANUP(site_freep) struct site *site = site_at(place->output);
	assert_false(site_has_home(site, LANGUAGE_DE));
	unlink(index);
	assert_int_equal(mkfifo(index, 0600), 0);
	assert_false(site_has_home(site, LANGUAGE_DE));
}

static void the_fallback_is_made_anew_only_when_it_changes(void **state)
{
	struct place *place = *state;
	CLEANUP(phrases_freep)
	struct phrases *own =
		phrases_new(&(struct phrases_options){ .site_name = "A", .file_directory = place->root });
	CLEANUP(mem_freep) char *style = mem_printf("%s/style.css", place->root);
	CLEANUP(site_freep)
	struct site *site =
		site_new(&(struct site_options){ .output_directory = place->output, .phrases = own });
	struct page *page = site_fallback(site, LANGUAGE_EN);
	struct http_body *bytes = page->plain;
	char etag[PAGE_ETAG_SIZE];

	assert_string_equal(page->language, "en");
	assert_string_equal(page->vary, "Accept-Language, Accept-Encoding");
	memcpy(etag, page->etag, sizeof(etag));
	assert_ptr_equal(site_fallback(site, LANGUAGE_EN)->plain, bytes);
	write_text(place->root, "style.css", "h1{color:red}");
	page = site_fallback(site, LANGUAGE_EN);
	assert_non_null(strstr(page->plain->bytes, "href=\"/style.css\""));
	assert_string_not_equal(page->etag, etag);
	unlink(style);
}

static void fill_courses(const struct place *place)
{
	CLEANUP(mem_freep) char *courses = mem_printf("%s/courses", place->output);
	CLEANUP(mem_freep) char *link = mem_printf("%s/link.html", courses);
	CLEANUP(mem_freep) char *fifo = mem_printf("%s/fifo.html", courses);
	CLEANUP(mem_freep) char *directory = mem_printf("%s/dir.html", courses);

	mkdir(place->output, 0700);
	mkdir(courses, 0700);
	write_text(place->output, ".sync-manifest.json", "secret");
	write_text(courses, "a.html", "page a");
	write_text(courses, "b.html.html", "page b.html");
	write_text(courses, ".hidden.html", "hidden");
	assert_int_equal(symlink("/etc/passwd", link), 0);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_int_equal(mkdir(directory, 0700), 0);
}

static void only_published_course_pages_are_found(void **state)
{
	static const struct {
		const char *name, *text; /* text NULL: not found */
	} rows[] = {
		{ "a", "page a" },
		{ "a.html", "page a" },
		{ "b.html", "page b.html" },
		{ "b", NULL },
		{ "A", NULL },
		{ "", NULL },
		{ ".", NULL },
		{ "..", NULL },
		{ ".hidden", NULL },
		{ ".hidden.html", NULL },
		{ "../index.de", NULL },
		{ "../.sync-manifest.json", NULL },
		{ "..%2findex.de", NULL },
		{ "/etc/passwd", NULL },
		{ "a/", NULL },
		{ "x/../a", NULL },
		{ "link", NULL },
		{ "link.html", NULL },
		{ "fifo", NULL },
		{ "dir", NULL },
		{ "a\n", NULL },
		{ "a.html/", NULL },
		{ "\xc3\xa4", NULL },
		{ "a%00", NULL },
	};
	struct place *place = *state;
	char long_name[400];

	fill_courses(place);
	CLEANUP(site_freep) struct site *site = site_at(place->output);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct page *page = NULL;
		struct error err = { 0 };
		int result = site_course(site, rows[i].name, &page, &err);
		if (rows[i].text && (result != 0 || strcmp(page->plain->bytes, rows[i].text) != 0))
			fail_msg("%s: %d %s", rows[i].name, result, err.message);
		if (!rows[i].text && (result == 0 || page))
			fail_msg("%s was found", rows[i].name);
	}
	memset(long_name, 'a', sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = '\0';
	struct page *page = NULL;
	assert_int_equal(site_course(site, long_name, &page, NULL), -ENOENT);
}

static void a_course_page_that_cannot_be_read_now_is_not_called_missing(void **state)
{
	struct place *place = *state;
	struct rlimit before, none;
	struct page *page = NULL;
	struct error err = { 0 };

	fill_courses(place);
	CLEANUP(site_freep) struct site *site = site_at(place->output);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = (struct rlimit){ .rlim_cur = 0, .rlim_max = before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	int without_output = site_course(site, "a", &page, &err);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(without_output, -EMFILE);
	assert_int_equal(err.code, ERROR_INTERNAL);
	assert_int_equal(site_course(site, "b", &page, &err), -ENOENT);
	assert_int_equal(err.code, ERROR_NOT_FOUND);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	int without_page = site_course(site, "a", &page, &err);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(without_page, -EMFILE);
	assert_int_equal(err.code, ERROR_INTERNAL);
	assert_int_equal(site_course(site, "a", &page, &err), 0);
}

/* The worker writes none: it was left by an earlier version, or is not the worker's. */
static void a_course_page_that_is_too_large_is_missing_and_logged(void **state)
{
	struct place *place = *state;
	struct page *page = NULL;
	struct error err = { 0 };

	fill_courses(place);
	CLEANUP(mem_freep) char *path = mem_printf("%s/courses/a.html", place->output);
	CLEANUP(site_freep) struct site *site = site_at(place->output);
	logged = 0;
	assert_int_equal(truncate(path, PUBLISHED_COURSE_MAX), 0);
	assert_int_equal(site_course(site, "a", &page, &err), 0);
	assert_int_equal(truncate(path, PUBLISHED_COURSE_MAX + 1), 0);
	assert_int_equal(site_course(site, "a", &page, &err), -EFBIG);
	assert_int_equal(err.code, ERROR_NOT_FOUND);
	assert_int_equal(logged, 1);
}

static void course_pages_that_cannot_be_read_do_not_fill_the_journal(void **state)
{
	struct place *place = *state;
	struct rlimit before, none;
	struct page *page = NULL;

	fill_courses(place);
	CLEANUP(site_freep) struct site *site = site_at(place->output);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = (struct rlimit){ .rlim_cur = 0, .rlim_max = before.rlim_max };
	logged = 0;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
		int bad = site_course(site, "a", &page, NULL);
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
		assert_int_equal(bad, -EMFILE);
		assert_int_equal(site_course(site, "a", &page, NULL), 0);
	}
	assert_int_equal(logged, 1);
}

/* Large pages rest in files of their own; they are sent compressed when that makes them smaller. */
static void pages_are_sent_smaller_or_as_they_are(void **state)
{
	static char text[100000];
	const struct page_request wish = { .gzip = true };
	struct place *place = *state;
	uint64_t random = 1;

	mkdir(place->output, 0700);
	for (int is_random = 0; is_random < 2; is_random++) {
		for (size_t i = 0; i < sizeof(text) - 1; i++) {
			random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
			text[i] = 'a';
			if (is_random)
				text[i] = (char)(1 + (random >> 33) % 255);
		}
		write_text(place->output, "index.de.html", text);
		CLEANUP(site_freep) struct site *site = site_at(place->output);
		struct http_response response = { 0 };
		assert_true(site_has_home(site, LANGUAGE_DE));
		struct page *page = site_home(site, LANGUAGE_DE, &noon);
		assert_true(page->plain->file >= 0);
		page_answer(page, &wish, NULL, "no-cache", &response);
		assert_int_equal(response.body == page->plain, is_random);
		assert_memory_equal(page->plain->bytes, text, sizeof(text) - 1);
		http_response_done(&response);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			the_mark_is_replaced_by_the_banner, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(
			a_new_index_is_seen_at_the_next_request, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(
			a_missing_language_is_shown_in_the_other, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(
			a_removed_directory_is_found_again, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(
			a_directory_that_was_moved_away_is_left, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(
			an_index_that_is_no_file_is_not_shown, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(
			the_fallback_is_made_anew_only_when_it_changes, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(
			only_published_course_pages_are_found, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(a_course_page_that_cannot_be_read_now_is_not_called_missing,
			place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(
			a_course_page_that_is_too_large_is_missing_and_logged, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(course_pages_that_cannot_be_read_do_not_fill_the_journal,
			place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(
			pages_are_sent_smaller_or_as_they_are, place_setup, place_teardown),
	};

	assert_int_equal(time_zone_set("Europe/Berlin"), 0);
	phrases = phrases_new(&(struct phrases_options){ .site_name = "Hemera Academy" });
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	phrases_freep(&phrases);
	return failed;
}
