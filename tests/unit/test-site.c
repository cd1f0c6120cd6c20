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
	char text[512];
	va_list values;

	(void)priority;
	va_start(values, format);
	vsnprintf(text, sizeof(text), format, values);
	va_end(values);
	logged += strncmp(text, "cannot read a course page", 25) == 0 ||
		  strncmp(text, "cannot read a file of the site", 30) == 0;
}

struct place {
	char root[32];                     /* removed at the end */
	char *output, *public, *templates; /* owned paths below it */
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

static void make_output(const struct place *place)
{
	mkdir(place->output, 0700);
	assert_int_equal(mkdir(place->public, 0700), 0);
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
	place->public = mem_printf("%s/" PUBLISHED_PUBLIC, place->output);
	place->templates = mem_printf("%s/templates", place->root);
	assert_int_equal(mkdir(place->templates, 0700), 0);
	*state = place;
	return 0;
}

static void remove_tree(const char *root)
{
	static const char *const names[] = { "output/courses/a.html", "output/courses/b.html.html",
		"output/courses/link.html", "output/courses/fifo.html", "output/courses/.hidden.html",
		"output/courses/dir.html", "output/courses/index.html", "output/courses",
		"output/public/courses/a.html", "output/public/courses", "output/public/index.de.html",
		"output/public/index.en.html", "output/public/courses.json", "output/public/courses.ics",
		"output/public/courses.de.html", "output/public", "output/courses.de.html",
		"output/courses.en.html", "output/.sync-manifest.json", "output", "old/public/index.de.html",
		"old/public", "old", "templates", "files/logo.svg", "files/style.css", "files/robots.txt",
		"files/fonts/a.woff2", "files/fonts/deep/a.svg", "files/fonts/deep", "files/fonts",
		"files/imprint.html", "files/.hidden.svg", "files/link.svg", "files/fifo.svg",
		"files/dir.svg", "files/notes.exe", "files/plain", "files/folder", "files",
		"shipped/robots.txt", "shipped/favicon.svg", "shipped" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		CLEANUP(mem_freep) char *path = mem_printf("%s/%s", root, names[i]);
		remove(path);
	}
	assert_int_equal(rmdir(root), 0); /* everything that a test leaves must be listed above */
}

static int place_teardown(void **state)
{
	struct place *place = *state;

	remove_tree(place->root);
	mem_freep(&place->output);
	mem_freep(&place->public);
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
	return site_new(&(struct site_options){ .output_directory = output_directory,
		.file_directory = "/nonexistent",
		.shipped_files = "/nonexistent",
		.phrases = phrases,
		.course_language = LANGUAGE_DE });
}

static void the_mark_is_replaced_by_the_banner(void **state)
{
	struct place *place = *state;

	make_output(place);
	write_text(place->public, "index.de.html", "<p>a</p>" PUBLISHED_STATUS_MARK "<p>b</p>");
	CLEANUP(site_freep) struct site *site = site_at(place->output);
	assert_true(site_has_index(site, SITE_HOME, LANGUAGE_DE));
	struct page *page = site_index(site, SITE_HOME, LANGUAGE_DE, &noon);
	assert_string_equal(page->plain->bytes, "<p>a</p><p class=\"status\">Stand: 12:00 Uhr</p><p>b</p>");
	char etag[PAGE_ETAG_SIZE];
	memcpy(etag, page->etag, sizeof(etag));
	struct http_body *bytes = page->plain;
	page = site_index(site, SITE_HOME, LANGUAGE_DE, &noon);
	assert_ptr_equal(page->plain, bytes);
	struct phrases_banner banner = noon;
	banner.now_ms += 60000; /* the same words */
	page = site_index(site, SITE_HOME, LANGUAGE_DE, &banner);
	assert_ptr_equal(page->plain, bytes);
	banner.data_ms += 60000;
	page = site_index(site, SITE_HOME, LANGUAGE_DE, &banner);
	assert_string_equal(page->plain->bytes, "<p>a</p><p class=\"status\">Stand: 12:01 Uhr</p><p>b</p>");
	assert_string_not_equal(page->etag, etag);
}

static void a_new_index_is_seen_at_the_next_request(void **state)
{
	struct place *place = *state;

	CLEANUP(site_freep) struct site *site = site_at(place->output);
	assert_false(site_has_index(site, SITE_HOME, LANGUAGE_DE));
	assert_non_null(strstr(site_fallback(site, LANGUAGE_DE)->plain->bytes, "nicht erreichbar"));
	assert_non_null(strstr(site_fallback(site, LANGUAGE_EN)->plain->bytes, "cannot be reached"));
	make_output(place);
	assert_false(site_has_index(site, SITE_HOME, LANGUAGE_DE));
	write_text(place->public, "index.de.html", "one");
	assert_true(site_has_index(site, SITE_HOME, LANGUAGE_DE));
	assert_string_equal(site_index(site, SITE_HOME, LANGUAGE_DE, &noon)->plain->bytes, "one");
	write_text(place->public, "index.de.html", "two");
	assert_true(site_has_index(site, SITE_HOME, LANGUAGE_DE));
	assert_string_equal(site_index(site, SITE_HOME, LANGUAGE_DE, &noon)->plain->bytes, "two");
}

static void a_missing_language_is_shown_in_the_other(void **state)
{
	struct place *place = *state;

	make_output(place);
	write_text(place->public, "index.de.html", "deutsch");
	CLEANUP(site_freep) struct site *site = site_at(place->output);
	assert_true(site_has_index(site, SITE_HOME, LANGUAGE_EN));
	assert_string_equal(site_index(site, SITE_HOME, LANGUAGE_EN, &noon)->kind.language, "de");
	write_text(place->public, "index.en.html", "english");
	assert_true(site_has_index(site, SITE_HOME, LANGUAGE_EN));
	assert_string_equal(site_index(site, SITE_HOME, LANGUAGE_EN, &noon)->plain->bytes, "english");
}

static void a_removed_directory_is_found_again(void **state)
{
	struct place *place = *state;
	CLEANUP(mem_freep) char *index = mem_printf("%s/index.de.html", place->public);

	make_output(place);
	write_text(place->public, "index.de.html", "one");
	CLEANUP(site_freep) struct site *site = site_at(place->output);
	assert_true(site_has_index(site, SITE_HOME, LANGUAGE_DE));
	unlink(index);
	rmdir(place->public);
	rmdir(place->output);
	assert_false(site_has_index(site, SITE_HOME, LANGUAGE_DE));
	make_output(place);
	write_text(place->public, "index.de.html", "two");
	assert_true(site_has_index(site, SITE_HOME, LANGUAGE_DE));
	assert_string_equal(site_index(site, SITE_HOME, LANGUAGE_DE, &noon)->plain->bytes, "two");
}

static void a_directory_that_was_moved_away_is_left(void **state)
{
	struct place *place = *state;
	CLEANUP(mem_freep) char *old = mem_printf("%s/old", place->root);
	const char *seen = "one";

	make_output(place);
	write_text(place->public, "index.de.html", "one");
	CLEANUP(site_freep) struct site *site = site_at(place->output);
	assert_true(site_has_index(site, SITE_HOME, LANGUAGE_DE));
	assert_int_equal(rename(place->output, old), 0);
	make_output(place);
	write_text(place->public, "index.de.html", "two");
	/* The path is checked once in SITE_FOLLOW_MS. */
	for (uint64_t until = time_mono_ms() + 3 * SITE_FOLLOW_MS;
		strcmp(seen, "two") != 0 && time_mono_ms() < until;) {
		assert_true(site_has_index(site, SITE_HOME, LANGUAGE_DE));
		seen = site_index(site, SITE_HOME, LANGUAGE_DE, &noon)->plain->bytes;
	}
	assert_string_equal(seen, "two");
}

static void an_index_that_is_no_file_is_not_shown(void **state)
{
	struct place *place = *state;
	CLEANUP(mem_freep) char *index = mem_printf("%s/index.de.html", place->public);
	CLEANUP(mem_freep) char *target = mem_printf("%s/index.html", place->templates);

	make_output(place);
	assert_int_equal(symlink(target, index), 0);
	CLEANUP(site_freep) struct site *site = site_at(place->output);
	assert_false(site_has_index(site, SITE_HOME, LANGUAGE_DE));
	unlink(index);
	assert_int_equal(mkfifo(index, 0600), 0);
	assert_false(site_has_index(site, SITE_HOME, LANGUAGE_DE));
}

static void the_fallback_is_made_anew_only_when_it_changes(void **state)
{
	struct place *place = *state;
	CLEANUP(phrases_freep)
	struct phrases *own =
		phrases_new(&(struct phrases_options){ .site_name = "A", .file_directory = place->root });
	CLEANUP(mem_freep) char *style = mem_printf("%s/style.css", place->root);
	CLEANUP(site_freep)
	struct site *site = site_new(&(struct site_options){ .output_directory = place->output,
		.file_directory = place->root,
		.shipped_files = "/nonexistent",
		.phrases = own });
	struct page *page = site_fallback(site, LANGUAGE_EN);
	struct http_body *bytes = page->plain;
	char etag[PAGE_ETAG_SIZE];

	assert_string_equal(page->kind.language, "en");
	assert_string_equal(page->kind.vary, "Accept-Language, Accept-Encoding");
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

	make_output(place);
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
		int result = site_course(site, rows[i].name, NULL, &page, &err);
		if (rows[i].text && (result != 0 || strcmp(page->plain->bytes, rows[i].text) != 0))
			fail_msg("%s: %d %s", rows[i].name, result, err.message);
		if (!rows[i].text && (result == 0 || page))
			fail_msg("%s was found", rows[i].name);
	}
	memset(long_name, 'a', sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = '\0';
	struct page *page = NULL;
	assert_int_equal(site_course(site, long_name, NULL, &page, NULL), -ENOENT);
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
	int without_output = site_course(site, "a", NULL, &page, &err);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(without_output, -EMFILE);
	assert_int_equal(err.code, ERROR_INTERNAL);
	assert_int_equal(site_course(site, "b", NULL, &page, &err), -ENOENT);
	assert_int_equal(err.code, ERROR_NOT_FOUND);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	int without_page = site_course(site, "a", NULL, &page, &err);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(without_page, -EMFILE);
	assert_int_equal(err.code, ERROR_INTERNAL);
	assert_int_equal(site_course(site, "a", NULL, &page, &err), 0);
}

/* The worker writes no such page: it is from an earlier version, or from another program. */
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
	assert_int_equal(site_course(site, "a", NULL, &page, &err), 0);
	assert_int_equal(truncate(path, PUBLISHED_COURSE_MAX + 1), 0);
	assert_int_equal(site_course(site, "a", NULL, &page, &err), -EFBIG);
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
		write_text(place->output, "courses/a.html", "changed"); /* so that it must be read again */
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
		int bad = site_course(site, "a", NULL, &page, NULL);
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
		assert_int_equal(bad, -EMFILE);
		assert_int_equal(site_course(site, "a", NULL, &page, NULL), 0);
	}
	assert_int_equal(logged, 1);
}

static void the_list_is_handled_like_the_homepage(void **state)
{
	struct place *place = *state;

	make_output(place);
	write_text(place->public, "index.de.html", "home");
	write_text(place->public, "courses.de.html", "for visitors");
	CLEANUP(site_freep) struct site *site = site_at(place->output);
	assert_false(site_has_index(site, SITE_LIST, LANGUAGE_DE));
	write_text(place->output, "courses.de.html", "<ul>" PUBLISHED_STATUS_MARK);
	assert_true(site_has_index(site, SITE_LIST, LANGUAGE_EN));
	struct page *page = site_index(site, SITE_LIST, LANGUAGE_EN, &noon);
	assert_string_equal(page->plain->bytes, "<ul><p class=\"status\">Stand: 12:00 Uhr</p>");
	assert_string_equal(page->kind.language, "de");
	assert_null(strstr(page->policy, "sandbox"));
	write_text(place->output, "courses.en.html", "english");
	assert_true(site_has_index(site, SITE_LIST, LANGUAGE_EN));
	assert_string_equal(site_index(site, SITE_LIST, LANGUAGE_EN, &noon)->plain->bytes, "english");
	/* The two pages are not mixed up. */
	assert_true(site_has_index(site, SITE_HOME, LANGUAGE_EN));
	assert_string_equal(site_index(site, SITE_HOME, LANGUAGE_EN, &noon)->plain->bytes, "home");
}

static void assert_course(struct site *site, const char *name, const char *language, const char *text)
{
	struct page *page = NULL;
	struct error err = { 0 };

	if (site_course(site, name, language, &page, &err) < 0)
		fail_msg("%s: %s", name, err.message);
	assert_string_equal(page->plain->bytes, text);
}

/* After a change of CoursePages, pages of the other mode stay until the next sync. */
static void each_audience_has_pages_of_its_own(void **state)
{
	struct place *place = *state;
	CLEANUP(mem_freep) char *courses = mem_printf("%s/courses", place->public);
	struct page *page = NULL;

	fill_courses(place);
	CLEANUP(site_freep) struct site *staff = site_at(place->output);
	CLEANUP(site_freep)
	struct site *visitors = site_new(&(struct site_options){
		.output_directory = place->output,
		.file_directory = "/nonexistent",
		.shipped_files = "/nonexistent",
		.phrases = phrases,
		.are_courses_public = true,
	});
	assert_int_equal(site_course(visitors, "a", NULL, &page, NULL), -ENOENT);
	assert_int_equal(mkdir(courses, 0700), 0);
	assert_int_equal(site_course(visitors, "a", NULL, &page, NULL), -ENOENT);
	write_text(courses, "a.html", "for everybody");
	assert_course(visitors, "a", NULL, "for everybody");
	assert_course(staff, "a", NULL, "page a");
	assert_int_equal(site_course(visitors, "b.html", NULL, &page, NULL), -ENOENT);
}

static void a_page_leads_back_in_the_language_of_its_visitor(void **state)
{
	static const char text[] = "<a href=\"/\">x</a><a href=\"/courses/\">y</a><a href=\"/courses/b\">"
				   "<a href=\"/x\"><p data-href='/'>href=/ <a href=\"/\">";
	struct place *place = *state;
	struct page *page = NULL;
	char etag[PAGE_ETAG_SIZE];

	fill_courses(place);
	CLEANUP(mem_freep) char *courses = mem_printf("%s/courses", place->output);
	write_text(courses, "a.html", text);
	CLEANUP(site_freep) struct site *site = site_at(place->output);
	assert_course(site, "a", NULL, text);
	assert_course(site, "a", "en",
		"<a href=\"/?lang=en\">x</a><a href=\"/courses/?lang=en\">y</a><a href=\"/courses/b\">"
		"<a href=\"/x\"><p data-href='/'>href=/ <a href=\"/?lang=en\">");
	assert_int_equal(site_course(site, "a", "de", &page, NULL), 0);
	memcpy(etag, page->etag, sizeof(etag));
	assert_int_equal(site_course(site, "a", NULL, &page, NULL), 0);
	assert_string_not_equal(page->etag, etag);
	/* Each variant is cached separately. */
	struct http_body *body = page->plain;
	assert_course(site, "a", "en",
		"<a href=\"/?lang=en\">x</a><a href=\"/courses/?lang=en\">y</a><a href=\"/courses/b\">"
		"<a href=\"/x\"><p data-href='/'>href=/ <a href=\"/?lang=en\">");
	assert_int_equal(site_course(site, "a", NULL, &page, NULL), 0);
	assert_ptr_equal(page->plain, body);
}

static void feeds_are_found_in_public_only(void **state)
{
	struct place *place = *state;
	struct page *page = NULL;

	CLEANUP(site_freep) struct site *site = site_at(place->output);
	assert_int_equal(site_feed(site, PUBLISHED_JSON, &page, NULL), -ENOENT);
	make_output(place);
	assert_int_equal(site_feed(site, PUBLISHED_JSON, &page, NULL), -ENOENT);
	write_text(place->public, "courses.json", "{}");
	write_text(place->public, "courses.ics", "BEGIN");
	assert_int_equal(site_feed(site, PUBLISHED_JSON, &page, NULL), 0);
	assert_string_equal(page->plain->bytes, "{}");
	assert_string_equal(page->kind.content_type, "application/json");
	assert_int_equal(site_feed(site, PUBLISHED_CALENDAR, &page, NULL), 0);
	assert_string_equal(page->kind.content_type, "text/calendar; charset=utf-8");
	write_text(place->public, "courses.json", "[1]");
	assert_int_equal(site_feed(site, PUBLISHED_JSON, &page, NULL), 0);
	assert_string_equal(page->plain->bytes, "[1]");
}

/* The operator's files take precedence over the shipped ones. */
static struct site *site_with_files(const struct place *place)
{
	static const char *const directories[] = { "files", "files/fonts", "files/fonts/deep", "shipped",
		"files/dir.svg" };
	CLEANUP(mem_freep) char *files = mem_printf("%s/files", place->root);
	CLEANUP(mem_freep) char *shipped = mem_printf("%s/shipped", place->root);
	CLEANUP(mem_freep) char *link = mem_printf("%s/link.svg", files);
	CLEANUP(mem_freep) char *folder_link = mem_printf("%s/folder", files);
	CLEANUP(mem_freep) char *fifo = mem_printf("%s/fifo.svg", files);

	for (size_t i = 0; i < ARRAY_SIZE(directories); i++) {
		CLEANUP(mem_freep) char *path = mem_printf("%s/%s", place->root, directories[i]);
		assert_int_equal(mkdir(path, 0700), 0);
	}
	write_text(files, "logo.svg", "<svg>logo");
	write_text(files, "imprint.html", "<style>p{}</style>imprint");
	write_text(files, "fonts/a.woff2", "font");
	write_text(files, "fonts/deep/a.svg", "deep");
	write_text(files, ".hidden.svg", "hidden");
	write_text(files, "notes.exe", "no type");
	write_text(files, "plain", "no suffix");
	write_text(shipped, "robots.txt", "shipped robots");
	write_text(shipped, "favicon.svg", "shipped icon");
	assert_int_equal(symlink("logo.svg", link), 0);
	assert_int_equal(symlink("fonts", folder_link), 0);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	return site_new(&(struct site_options){
		.output_directory = place->output,
		.file_directory = files,
		.shipped_files = shipped,
		.phrases = phrases,
	});
}

static void files_are_served_by_a_strict_list(void **state)
{
	static const struct {
		const char *path, *text, *type; /* text NULL: not found */
	} rows[] = {
		{ "logo.svg", "<svg>logo", "image/svg+xml" },
		{ "fonts/a.woff2", "font", "font/woff2" },
		{ "imprint.html", "<style>p{}</style>imprint", PAGE_HTML },
		{ "robots.txt", "shipped robots", "text/plain; charset=utf-8" },
		{ "favicon.svg", "shipped icon", "image/svg+xml" },
		{ "fonts/deep/a.svg", NULL, NULL },
		{ "fonts/", NULL, NULL },
		{ "fonts", NULL, NULL },
		{ "fonts//a.woff2", NULL, NULL },
		{ "/logo.svg", NULL, NULL },
		{ "./logo.svg", NULL, NULL },
		{ "../shipped/robots.txt", NULL, NULL },
		{ "../files", NULL, NULL },
		{ "..", NULL, NULL },
		{ "", NULL, NULL },
		{ ".svg", NULL, NULL },
		{ ".hidden.svg", NULL, NULL },
		{ "notes.exe", NULL, NULL },
		{ "plain", NULL, NULL },
		{ "link.svg", NULL, NULL },
		{ "folder/a.woff2", NULL, NULL },
		{ "fifo.svg", NULL, NULL },
		{ "dir.svg", NULL, NULL },
		{ "dir.svg/x.svg", NULL, NULL },
		{ "logo.svg/x.svg", NULL, NULL },
		{ "logo.svg\n", NULL, NULL },
		{ "logo.svg ", NULL, NULL },
		{ "logo%2esvg", NULL, NULL },
		{ "l\xc3\xb6go.svg", NULL, NULL },
		{ "other.svg", NULL, NULL },
	};
	struct place *place = *state;
	char long_name[400];
	struct page *page = NULL;

	CLEANUP(site_freep) struct site *site = site_with_files(place);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct error err = { 0 };
		page = NULL;
		int result = site_file(site, rows[i].path, &page, &err);
		if (rows[i].text && (result != 0 || strcmp(page->plain->bytes, rows[i].text) != 0 ||
					    strcmp(page->kind.content_type, rows[i].type) != 0))
			fail_msg("%s: %d %s", rows[i].path, result, err.message);
		if (!rows[i].text && (result == 0 || page || err.code != ERROR_NOT_FOUND))
			fail_msg("%s was found", rows[i].path);
	}
	memset(long_name, 'a', sizeof(long_name) - 1);
	memcpy(long_name + sizeof(long_name) - 5, ".svg", 5);
	assert_int_equal(site_file(site, long_name, &page, NULL), -ENOENT);
}

static void a_file_of_the_operator_replaces_a_shipped_one(void **state)
{
	struct place *place = *state;
	struct page *page = NULL;

	CLEANUP(site_freep) struct site *site = site_with_files(place);
	CLEANUP(mem_freep) char *files = mem_printf("%s/files", place->root);
	assert_int_equal(site_file(site, "robots.txt", &page, NULL), 0);
	assert_string_equal(page->plain->bytes, "shipped robots");
	write_text(files, "robots.txt", "own robots");
	assert_int_equal(site_file(site, "robots.txt", &page, NULL), 0);
	assert_string_equal(page->plain->bytes, "own robots");
	write_text(files, "robots.txt", "changed robots");
	assert_int_equal(site_file(site, "robots.txt", &page, NULL), 0);
	assert_string_equal(page->plain->bytes, "changed robots");
}

/* A page may have styles; nothing that a browser opens directly may run a script or load anything. */
static void files_have_the_policy_of_their_type(void **state)
{
	struct place *place = *state;
	struct page *page = NULL;

	CLEANUP(site_freep) struct site *site = site_with_files(place);
	assert_int_equal(site_file(site, "logo.svg", &page, NULL), 0);
	assert_string_equal(page->policy, "default-src 'none'; style-src 'unsafe-inline'; sandbox");
	assert_int_equal(site_file(site, "imprint.html", &page, NULL), 0);
	assert_non_null(strstr(page->policy, "style-src 'self' 'sha256-"));
	assert_null(strstr(page->policy, "unsafe"));
	assert_null(strstr(page->policy, "sandbox"));
}

static void a_file_that_is_too_large_is_missing_and_logged(void **state)
{
	struct place *place = *state;
	struct page *page = NULL;
	struct error err = { 0 };

	CLEANUP(site_freep) struct site *site = site_with_files(place);
	CLEANUP(mem_freep) char *path = mem_printf("%s/files/logo.svg", place->root);
	logged = 0;
	assert_int_equal(truncate(path, PUBLISHED_FILE_MAX), 0);
	assert_int_equal(site_file(site, "logo.svg", &page, &err), 0);
	assert_int_equal(truncate(path, PUBLISHED_FILE_MAX + 1), 0);
	assert_int_equal(site_file(site, "logo.svg", &page, &err), -EFBIG);
	assert_int_equal(err.code, ERROR_NOT_FOUND);
	assert_int_equal(logged, 1);
}

static void only_text_is_compressed(void **state)
{
	static char text[5000];
	const struct page_request wanted = { .gzip = true };
	struct place *place = *state;

	CLEANUP(site_freep) struct site *site = site_with_files(place);
	CLEANUP(mem_freep) char *files = mem_printf("%s/files", place->root);
	memset(text, 'a', sizeof(text) - 1);
	write_text(files, "logo.svg", text);
	write_text(files, "fonts/a.woff2", text);
	for (int is_font = 0; is_font <= 1; is_font++) {
		struct http_response response = { 0 };
		struct page *page = NULL;
		assert_int_equal(site_file(site, is_font ? "fonts/a.woff2" : "logo.svg", &page, NULL), 0);
		page_answer(page, &wanted, NULL, "max-age=3600", &response);
		assert_int_equal(response.body == page->plain, is_font);
		http_response_done(&response);
	}
}

/* Large pages are kept in files of their own; they are sent compressed if that makes them smaller. */
static void pages_are_sent_smaller_or_as_they_are(void **state)
{
	static char text[100000];
	const struct page_request wish = { .gzip = true };
	struct place *place = *state;
	uint64_t random = 1;

	make_output(place);
	for (int is_random = 0; is_random < 2; is_random++) {
		for (size_t i = 0; i < sizeof(text) - 1; i++) {
			random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
			text[i] = 'a';
			if (is_random)
				text[i] = (char)(1 + (random >> 33) % 255);
		}
		write_text(place->public, "index.de.html", text);
		CLEANUP(site_freep) struct site *site = site_at(place->output);
		struct http_response response = { 0 };
		assert_true(site_has_index(site, SITE_HOME, LANGUAGE_DE));
		struct page *page = site_index(site, SITE_HOME, LANGUAGE_DE, &noon);
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
			the_list_is_handled_like_the_homepage, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(
			each_audience_has_pages_of_its_own, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(
			a_page_leads_back_in_the_language_of_its_visitor, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(feeds_are_found_in_public_only, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(
			files_are_served_by_a_strict_list, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(
			a_file_of_the_operator_replaces_a_shipped_one, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(
			files_have_the_policy_of_their_type, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(
			a_file_that_is_too_large_is_missing_and_logged, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(only_text_is_compressed, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(
			pages_are_sent_smaller_or_as_they_are, place_setup, place_teardown),
	};

	assert_int_equal(time_zone_set("Europe/Berlin"), 0);
	phrases = phrases_new(&(struct phrases_options){ .site_name = "Hemera Academy" });
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	phrases_freep(&phrases);
	return failed;
}
