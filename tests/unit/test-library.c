/* SPDX-License-Identifier: MIT */
#include "render/library.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/time.h"
#include "hemera/course.h"
#include "published/texts.h"
#include "render/page.h"
#include "render/template.h"
#include "scratch.h"

#define FILES_MAX 1000 /* for templates in a directory, as library.c has it */

/* --- the scratch directory is the operator's directory, or replaces the shipped one --- */

static const char *shipped_path(void)
{
	static char path[200];
	const char *source = getenv("top_srcdir");

	snprintf(path, sizeof(path), "%s/templates", source ? source : ".");
	return path;
}

/* Copies a shipped file with one word replaced. */
static void put_changed(const char *name, const char *word, const char *other)
{
	CLEANUP(mem_freep) char *path = mem_printf("%s/%s", shipped_path(), name);
	CLEANUP(buf_done) struct buf text = BUF_INIT(1 << 20), changed = BUF_INIT(1 << 20);

	assert_int_equal(file_read_path(path, &text, NULL), 0);
	const char *at = strstr(buf_text(&text), word);
	assert_non_null(at);
	buf_append(&changed, text.data, (size_t)(at - text.data));
	buf_append_text(&changed, other);
	buf_append_text(&changed, at + strlen(word));
	scratch_put(name, buf_text(&changed));
}

static void put_texts(void)
{
	put_changed("texts.de.json", "Januar", "Januar");
	put_changed("texts.en.json", "January", "January");
}

static void put_directory(const char *name)
{
	CLEANUP(mem_freep) char *path = mem_printf("%s/%s", scratch_path, name);

	assert_int_equal(mkdir(path, 0700), 0);
}

struct problems {
	unsigned count;
	char entity[256], message[ERROR_MESSAGE_MAX]; /* of the last problem */
};

static void on_problem(void *arg, const char *entity, const struct error *problem)
{
	struct problems *problems = arg;

	problems->count++;
	snprintf(problems->entity, sizeof(problems->entity), "%s", entity);
	snprintf(problems->message, sizeof(problems->message), "%s", problem->message);
}

/* The scratch directory has bad shipped files. */
static void assert_refused(int expected, const char *message)
{
	CLEANUP(library_done) struct library library = { 0 };
	struct problems problems = { 0 };
	struct error err = { 0 };

	assert_int_equal(library_load(&library, &(struct library_source){ NULL, scratch_path, "Site" },
				 on_problem, &problems, &err),
		expected);
	if (!strstr(err.message, message))
		fail_msg("%s", err.message);
	assert_int_equal(problems.count, 0);
	assert_int_equal(err.code, ERROR_TEMPLATE);
}

/* Returns the problems of the operator's files in `own`. */
static struct problems load_own(struct library *library, const char *own)
{
	struct problems problems = { 0 };
	struct error err = { 0 };

	if (library_load(library, &(struct library_source){ own, shipped_path(), "Site" }, on_problem,
		    &problems, &err) < 0)
		fail_msg("%s", err.message);
	return problems;
}

/* The scratch directory is the operator's, and its files have exactly one problem. */
static void load_one_problem(struct library *library, const char *entity, const char *message)
{
	struct problems problems = load_own(library, scratch_path);

	if (problems.count != 1 || !strstr(problems.entity, entity) || !strstr(problems.message, message))
		fail_msg("%u problems, the last: %s: %s", problems.count, problems.entity, problems.message);
	assert_non_null(library->homepage);
	assert_non_null(library->course);
}

static const struct page_site site = { .name = "Akademie" };
static const struct page_site full_site = {
	.name = "Akademie",
	.imprint_url = "/impressum.html",
	.privacy_url = "https://example.org/privacy",
	.course_url = "https://example.org/{id}",
	.logo = "/logo.svg",
	.style = "/style.css",
	.is_public = true,
};

static char *render(const struct template *template, const struct json *data, const struct texts *texts)
{
	CLEANUP(buf_done) struct buf page = BUF_INIT(1 << 20);
	struct error err = { 0 };

	if (template_render(template, data, texts, NULL, &page, &err) < 0)
		fail_msg("%s", err.message);
	return buf_take(&page);
}

/* The homepage or the course list with one upcoming course, one without a date and a past one. */
static char *list_page(
	const struct library *library, const struct template *template, const struct page_site *of)
{
	static const struct course courses[] = {
		{ .id = "c1",
			.title = "Title",
			.slug = "s",
			.level = "BEGINNER",
			.start_date = "2048-12-07T23:00:00.000Z",
			.end_date = "2048-12-08T23:00:00.000Z" },
		{ .id = "c2", .title = "Other", .slug = "o", .level = "ADVANCED" },
		{ .id = "c3",
			.title = "Old",
			.slug = "old",
			.level = "BEGINNER",
			.start_date = "1969-12-07T23:00:00.000Z" },
	};
	const struct page_home_row rows[] = { { &courses[0], "courses/s.html" }, { &courses[1], NULL },
		{ &courses[2], "courses/old.html" } };
	const struct texts *texts = library->texts[LANGUAGE_DE];
	CLEANUP(json_freep) struct json *data = page_home_data(rows, ARRAY_SIZE(rows), of, texts, 0);

	return render(template, data, texts);
}

static char *course_page(const struct library *library)
{
	const struct course course = { .id = "c", .title = "Title", .slug = "s", .level = "BEGINNER" };
	const struct texts *texts = library->texts[LANGUAGE_DE];
	CLEANUP(json_freep) struct json *data = page_course_data(&course, NULL, &site, texts, 0);

	return render(library->course, data, texts);
}

static void the_shipped_templates_are_good(void **state)
{
	CLEANUP(library_done) struct library library = { 0 };
	CLEANUP(mem_freep) char *page = NULL;

	(void)state;
	assert_int_equal(load_own(&library, scratch_path).count, 0);
	page = course_page(&library);
	assert_non_null(strstr(page, ">Title</h1>"));
	assert_non_null(strstr(page, "Vorbereitungen folgen"));
	assert_non_null(strstr(page, "<meta name=\"robots\" content=\"noindex\">"));
	assert_null(strstr(page, "style="));
}

static void assert_has(const char *page, const char *text)
{
	if (!strstr(page, text))
		fail_msg("%s is missing", text);
}

static void all_pages_show_what_the_site_has(void **state)
{
	const struct course course = { .id = "c", .title = "Title", .slug = "s", .level = "BEGINNER" };
	CLEANUP(library_done) struct library library = { 0 };

	(void)state;
	assert_int_equal(load_own(&library, scratch_path).count, 0);
	const struct texts *texts = library.texts[LANGUAGE_DE];
	CLEANUP(json_freep) struct json *data = page_course_data(&course, NULL, &full_site, texts, 0);
	CLEANUP(mem_freep)
	char *home = list_page(&library, library.homepage, &full_site),
	     *list = list_page(&library, library.list, &full_site),
	     *page = render(library.course, data, texts), *plain = list_page(&library, library.list, &site);
	const char *const pages[] = { home, list, page };

	for (size_t i = 0; i < ARRAY_SIZE(pages); i++) {
		assert_has(pages[i], "<link rel=\"icon\" href=\"/favicon.svg\"");
		assert_has(pages[i], "<link rel=\"stylesheet\" href=\"/style.css\">");
		assert_has(pages[i], "<img src=\"/logo.svg\" alt=\"Site\">");
		assert_has(pages[i], "<a href=\"/impressum.html\">Impressum</a>");
		assert_has(pages[i], "<a href=\"https://example.org/privacy\">Datenschutz</a>");
	}
	assert_has(plain, "<p class=\"brand\"><a href=\"/\">Site</a></p>");
	assert_null(strstr(plain, "Impressum"));
	assert_null(strstr(plain, "stylesheet"));
}

static void a_public_page_leads_home_and_may_be_indexed(void **state)
{
	const struct course course = {
		.id = "c", .title = "Title", .slug = "s", .level = "BEGINNER", .participant_count = 7
	};
	CLEANUP(library_done) struct library library = { 0 };

	(void)state;
	assert_int_equal(load_own(&library, scratch_path).count, 0);
	const struct texts *texts = library.texts[LANGUAGE_DE];
	CLEANUP(json_freep) struct json *data = page_course_data(&course, NULL, &full_site, texts, 0);
	CLEANUP(mem_freep) char *page = render(library.course, data, texts), *own = course_page(&library);

	assert_has(page, "<a href=\"/\">");
	assert_has(page, "<dd>7</dd>");
	assert_has(page, "<a href=\"https://example.org/c\">");
	assert_null(strstr(page, "noindex"));
	assert_null(strstr(page, "<section"));
	assert_has(own, "<a href=\"/courses/\">");
}

static void titles_lead_to_the_page_else_to_where_the_course_is_described(void **state)
{
	CLEANUP(library_done) struct library library = { 0 };

	(void)state;
	assert_int_equal(load_own(&library, scratch_path).count, 0);
	CLEANUP(mem_freep)
	char *home = list_page(&library, library.homepage, &full_site),
	     *list = list_page(&library, library.list, &site);

	assert_has(home, "<a href=\"/courses/s.html?lang&#x3D;de\" hreflang=\"de\"><bdi>Title</bdi></a>");
	assert_has(home, "href=\"https://example.org/c1\" aria-label=\"Anmeldung: Title\">Anmeldung</a>");
	assert_has(home, "<a href=\"https://example.org/c2\"><bdi>Other</bdi></a>");
	assert_has(home, "8.–9. Dezember 2048");
	assert_has(home, "<bdi>Old</bdi></a>");
	assert_null(strstr(home, "href=\"https://example.org/c3\""));
	assert_has(list, "<th role=\"rowheader\" scope=\"row\"><bdi>Other</bdi></th>");
	assert_has(list, "<meta name=\"robots\" content=\"noindex\">");
	assert_has(list, "<a href=\"/courses/?lang=en\" hreflang=\"en\"");
	assert_has(list, "<a href=\"/?lang=de\">");
	assert_null(strstr(home, "noindex"));
}

/* The operator uses one file of 0.1.0, or all of them. */
static void templates_of_version_0_1_0_still_work(void **state)
{
	static const char *const names[] = { "course-table.hbs", "course-title.hbs", "course.hbs",
		"filter-script.hbs", "filter.hbs", "head.hbs", "homepage.hbs", "participant.hbs",
		"style.hbs" };
	const char *source = getenv("top_srcdir");

	(void)state;
	for (size_t i = 0; i <= ARRAY_SIZE(names); i++) {
		CLEANUP(library_done) struct library library = { 0 };
		CLEANUP(mem_freep) char *home = NULL, *page = NULL;

		for (size_t k = 0; k < ARRAY_SIZE(names); k++) {
			CLEANUP(mem_freep)
			char *path = mem_printf(
				"%s/tests/data/templates-0.1.0/%s", source ? source : ".", names[k]);
			CLEANUP(buf_done) struct buf text = BUF_INIT(1 << 20);

			assert_int_equal(file_read_path(path, &text, NULL), 0);
			if (i == k || i == ARRAY_SIZE(names))
				scratch_put(names[k], buf_text(&text));
			else
				unlinkat(scratch_fd, names[k], 0);
		}
		if (load_own(&library, scratch_path).count != 0)
			fail_msg("%s", i < ARRAY_SIZE(names) ? names[i] : "all");
		home = list_page(&library, library.homepage, &full_site);
		page = course_page(&library);
		assert_has(home, "href=\"/courses/s.html?lang&#x3D;de\"");
		assert_has(home, "<bdi>Title</bdi></a>");
		assert_has(page, ">Title</h1>");
	}
}

static void the_operators_directory_may_be_missing(void **state)
{
	CLEANUP(library_done) struct library library = { 0 };

	(void)state;
	assert_int_equal(load_own(&library, "/nonexistent/aither").count, 0);
}

static void an_operators_file_takes_the_place_of_the_shipped_one(void **state)
{
	CLEANUP(library_done) struct library library = { 0 };
	CLEANUP(mem_freep) char *page = NULL;

	(void)state;
	scratch_put("course.hbs", "\xef\xbb\xbfmine: {{> extra}}"); /* byte order marks are skipped */
	scratch_put("extra.hbs", "\xef\xbb\xbf{{course.title}}");
	scratch_put("note.txt", "{{#if");
	scratch_put(".hidden.hbs", "{{#if");
	assert_int_equal(load_own(&library, scratch_path).count, 0);
	page = course_page(&library);
	assert_string_equal(page, "mine: Title");
}

static void a_bad_file_is_reported_and_the_shipped_one_used(void **state)
{
	static const struct {
		const char *name, *file, *text, *message;
	} rows[] = {
		{ "a mistake in a template", "course.hbs", "{{#if x}}",
			"course.hbs:1:1: {{#if}} is never closed" },
		{ "a missing partial", "course.hbs", "\n{{> nope}}",
			"course.hbs:2:1: there is no partial \"nope\"" },
		{ "an unknown text", "course.hbs", "{{t \"typo\"}}", "names a text" },
		{ "a mistake in a partial", "style.hbs", "{{/if}}", "style.hbs:1:1: no block is open" },
		{ "an unknown text in a partial", "style.hbs", "{{t \"typo\"}}",
			"style.hbs:1:1: {{t}} names a text" },
		{ "no mark", "homepage.hbs", "<p>hello", "must contain " PUBLISHED_STATUS_MARK " exactly once, not 0 times" },
		{ "no mark in the list", "courses.hbs", "<p>hello", "must contain " PUBLISHED_STATUS_MARK " exactly once, not 0 times" },
		{ "two marks", "homepage.hbs", PUBLISHED_STATUS_MARK PUBLISHED_STATUS_MARK,
			"must contain " PUBLISHED_STATUS_MARK " exactly once, not 2 times" },
		{ "texts that are no JSON", "texts.de.json", "{", "texts.de.json: line 1" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEANUP(library_done) struct library library = { 0 };
		CLEANUP(mem_freep) char *page = NULL;

		scratch_put(rows[i].file, rows[i].text);
		load_one_problem(&library, rows[i].file, rows[i].message);
		page = course_page(&library);
		assert_non_null(strstr(page, ">Title</h1>"));
		assert_int_equal(unlinkat(scratch_fd, rows[i].file, 0), 0);
	}
}

static void a_bad_partial_takes_its_user_along(void **state)
{
	CLEANUP(library_done) struct library library = { 0 };
	CLEANUP(mem_freep) char *page = NULL;

	(void)state;
	scratch_put("course.hbs", "mine: {{> extra}}");
	scratch_put("extra.hbs", "{{#if}");
	assert_int_equal(load_own(&library, scratch_path).count, 2);
	page = course_page(&library);
	assert_non_null(strstr(page, ">Title</h1>"));
}

static void missing_shipped_files_are_an_error(void **state)
{
	CLEANUP(library_done) struct library library = { 0 };
	struct error err = { 0 };

	(void)state;
	assert_true(library_load(&library, &(struct library_source){ NULL, scratch_path, "Site" }, NULL, NULL,
			    &err) < 0);
	assert_non_null(strstr(err.message, "texts.de.json"));
	assert_null(library.course);
	assert_int_equal(
		library_load(&library, &(struct library_source){ NULL, "/nonexistent/aither", "Site" }, NULL,
			NULL, &err),
		-ENOENT);
	assert_non_null(strstr(err.message, "/nonexistent/aither"));
}

static void every_page_needs_a_template(void **state)
{
	(void)state;
	put_texts();
	assert_refused(-ENOENT, "there is no template homepage.hbs");
	scratch_put("homepage.hbs", "x" PUBLISHED_STATUS_MARK);
	assert_refused(-ENOENT, "there is no template courses.hbs");
	scratch_put("courses.hbs", "x" PUBLISHED_STATUS_MARK);
	assert_refused(-ENOENT, "there is no template course.hbs");
}

static void a_shipped_mistake_is_an_error(void **state)
{
	(void)state;
	put_texts();
	scratch_put("homepage.hbs", "x" PUBLISHED_STATUS_MARK);
	scratch_put("course.hbs", "{{#if x}}");
	assert_refused(-EBADMSG, "course.hbs:1:1: {{#if}} is never closed");
	scratch_put("course.hbs", "{{t \"typo\"}}");
	assert_refused(-EBADMSG, "names a text");
}

static void a_shipped_file_that_cannot_be_read_is_an_error(void **state)
{
	(void)state;
	put_texts();
	put_directory("course.hbs");
	assert_refused(-EINVAL, "course.hbs");
}

static void an_operators_file_that_cannot_be_read_is_reported(void **state)
{
	CLEANUP(library_done) struct library library = { 0 };

	(void)state;
	put_directory("course.hbs");
	load_one_problem(&library, "course.hbs", "not a regular file");
}

static void an_operators_directory_that_is_none_is_reported(void **state)
{
	CLEANUP(library_done) struct library library = { 0 };
	CLEANUP(mem_freep) char *path = mem_printf("%s/file", scratch_path);

	(void)state;
	scratch_put("file", "");
	struct problems problems = load_own(&library, path);
	assert_true(problems.count > 0);
	assert_non_null(strstr(problems.message, "Not a directory"));
	assert_non_null(library.course);
}

static void a_directory_may_have_a_limited_number_of_templates(void **state)
{
	CLEANUP(library_done) struct library library = { 0 };

	(void)state;
	for (unsigned i = 0; i <= FILES_MAX; i++) {
		char name[32];

		snprintf(name, sizeof(name), "part%u.hbs", i);
		scratch_put(name, "");
	}
	load_one_problem(&library, scratch_path, "more than");
}

static void the_operators_words_take_the_place_of_the_shipped_ones(void **state)
{
	CLEANUP(library_done) struct library library = { 0 };

	(void)state;
	put_changed("texts.de.json", "Januar", "Jänner");
	assert_int_equal(load_own(&library, scratch_path).count, 0);
	assert_string_equal(texts_get(library.texts[LANGUAGE_DE], "month.1"), "Jänner");
}

static void a_missing_word_is_the_shipped_one(void **state)
{
	CLEANUP(library_done) struct library library = { 0 };

	(void)state;
	put_changed("texts.de.json", "\"nav.language\"", "\"nav.other\"");
	struct problems problems = load_own(&library, scratch_path);
	assert_int_equal(problems.count, 0);
	assert_non_null(texts_get(library.texts[LANGUAGE_DE], "nav.language"));
	assert_non_null(texts_get(library.texts[LANGUAGE_DE], "nav.other"));
}

/* The first partial is valid and stays. */
static void the_bad_one_of_several_partials_is_found(void **state)
{
	CLEANUP(library_done) struct library library = { 0 };

	(void)state;
	scratch_put("extra.hbs", "good");
	scratch_put("style.hbs", "{{t \"typo\"}}");
	struct problems problems = load_own(&library, scratch_path);
	assert_int_equal(problems.count, 1);
	assert_non_null(strstr(problems.entity, "style.hbs"));
	assert_non_null(strstr(problems.message, "style.hbs:1:1: {{t}} names a text"));
}

static void templates_from_elsewhere_use_the_partials(void **state)
{
	static const char good[] = "\xef\xbb\xbf{{course.title}}{{> head title=\"x\"}}", bad[] = "{{> nope}}",
			  mistyped[] = "{{t \"course.tilte\"}}";
	CLEANUP(library_done) struct library library = { 0 };
	CLEANUP(template_freep) struct template *template = NULL;
	CLEANUP(buf_done) struct buf page = BUF_INIT(100000);
	struct template *none = NULL;
	struct error err = { 0 };

	(void)state;
	assert_int_equal(load_own(&library, scratch_path).count, 0);
	const struct texts *texts = library.texts[LANGUAGE_DE];
	assert_int_equal(library_compile(&library, "template t1", good, texts, &template, &err), 0);
	assert_int_equal(template_render(template, NULL, texts, NULL, &page, NULL), 0);
	assert_int_equal(strncmp(buf_text(&page), "<meta", 5), 0);
	assert_int_equal(library_compile(&library, "template t1", bad, texts, &none, &err), -EBADMSG);
	assert_string_equal(err.message, "template t1:1:1: there is no partial \"nope\"");
	assert_int_equal(library_compile(&library, "template t1", mistyped, texts, &none, &err), -EBADMSG);
	assert_non_null(strstr(err.message, "template t1:1:1: {{t}} names a text that"));
	assert_null(none);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(the_shipped_templates_are_good),
		SCRATCH_TEST(all_pages_show_what_the_site_has),
		SCRATCH_TEST(a_public_page_leads_home_and_may_be_indexed),
		SCRATCH_TEST(titles_lead_to_the_page_else_to_where_the_course_is_described),
		SCRATCH_TEST(templates_of_version_0_1_0_still_work),
		SCRATCH_TEST(the_operators_directory_may_be_missing),
		SCRATCH_TEST(an_operators_file_takes_the_place_of_the_shipped_one),
		SCRATCH_TEST(a_bad_file_is_reported_and_the_shipped_one_used),
		SCRATCH_TEST(a_bad_partial_takes_its_user_along),
		SCRATCH_TEST(missing_shipped_files_are_an_error),
		SCRATCH_TEST(every_page_needs_a_template),
		SCRATCH_TEST(a_shipped_mistake_is_an_error),
		SCRATCH_TEST(a_shipped_file_that_cannot_be_read_is_an_error),
		SCRATCH_TEST(an_operators_file_that_cannot_be_read_is_reported),
		SCRATCH_TEST(an_operators_directory_that_is_none_is_reported),
		SCRATCH_TEST(a_directory_may_have_a_limited_number_of_templates),
		SCRATCH_TEST(the_operators_words_take_the_place_of_the_shipped_ones),
		SCRATCH_TEST(a_missing_word_is_the_shipped_one),
		SCRATCH_TEST(the_bad_one_of_several_partials_is_found),
		SCRATCH_TEST(templates_from_elsewhere_use_the_partials),
	};

	time_zone_set("Europe/Berlin");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
