/* SPDX-License-Identifier: MIT */
#include "render/library.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/time.h"
#include "hemera/course.h"
#include "render/page.h"
#include "render/template.h"

struct fixture {
	char directory[64]; /* the operator's */
	char *shipped;      /* owned */
	unsigned problems;
	char entity[256], message[ERROR_MESSAGE_MAX]; /* of the last problem */
	struct library library;
};

static const char *const file_names[] = { "homepage.hbs", "course.hbs", "extra.hbs", "style.hbs",
	"texts.de.json", "note.txt", ".hidden.hbs" };

static int set_up(void **state)
{
	struct fixture *fixture = mem_zalloc(sizeof(*fixture));
	const char *source = getenv("top_srcdir");

	snprintf(fixture->directory, sizeof(fixture->directory), "/tmp/aither-library-XXXXXX");
	if (!mkdtemp(fixture->directory))
		return -1;
	fixture->shipped = mem_printf("%s/templates", source ? source : ".");
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	for (size_t i = 0; i < ARRAY_SIZE(file_names); i++) {
		CLEANUP(mem_freep) char *path = mem_printf("%s/%s", fixture->directory, file_names[i]);

		unlink(path);
	}
	rmdir(fixture->directory);
	library_done(&fixture->library);
	free(fixture->shipped);
	free(fixture);
	return 0;
}

static void put(const struct fixture *fixture, const char *name, const char *text)
{
	CLEANUP(mem_freep) char *path = mem_printf("%s/%s", fixture->directory, name);
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void on_problem(void *arg, const char *entity, const struct error *problem)
{
	struct fixture *fixture = arg;

	fixture->problems++;
	snprintf(fixture->entity, sizeof(fixture->entity), "%s", entity);
	snprintf(fixture->message, sizeof(fixture->message), "%s", problem->message);
}

static void load(struct fixture *fixture)
{
	struct error err = { 0 };

	if (library_load(&fixture->library, fixture->directory, fixture->shipped, on_problem, fixture, &err) <
		0)
		fail_msg("%s", err.message);
}

static void assert_problem(const struct fixture *fixture, const char *file, const char *message)
{
	assert_int_equal(fixture->problems, 1);
	assert_non_null(strstr(fixture->entity, file));
	if (!strstr(fixture->message, message))
		fail_msg("%s", fixture->message);
}

static char *course_page(const struct fixture *fixture)
{
	const struct course course = { .id = "c", .title = "Title", .slug = "s", .level = "BEGINNER" };
	const struct texts *texts = fixture->library.texts[LANGUAGE_DE];
	CLEANUP(json_freep) struct json *data = page_course_data(&course, NULL, texts, 0);
	CLEANUP(buf_done) struct buf page = BUF_INIT(1 << 20);
	struct error err = { 0 };

	if (template_render(fixture->library.course, data, texts, NULL, &page, &err) < 0)
		fail_msg("%s", err.message);
	return buf_take(&page);
}

static void the_shipped_templates_are_good(void **state)
{
	struct fixture *fixture = *state;
	CLEANUP(mem_freep) char *page = NULL;

	load(fixture);
	assert_int_equal(fixture->problems, 0);
	page = course_page(fixture);
	assert_non_null(strstr(page, ">Title</h1>"));
	assert_non_null(strstr(page, "Vorbereitungen folgen"));
	assert_non_null(strstr(page, "<meta name=\"robots\" content=\"noindex\">"));
	assert_null(strstr(page, "style="));
}

static void the_operators_directory_may_be_missing(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(library_load(&fixture->library, "/nonexistent/aither", fixture->shipped, on_problem,
				 fixture, NULL),
		0);
	assert_int_equal(fixture->problems, 0);
}

static void an_operators_file_takes_the_place_of_the_shipped_one(void **state)
{
	struct fixture *fixture = *state;
	CLEANUP(mem_freep) char *page = NULL;

	put(fixture, "course.hbs", "\xef\xbb\xbfmine: {{> extra}}"); /* byte order marks are none of it */
	put(fixture, "extra.hbs", "\xef\xbb\xbf{{course.title}}");
	put(fixture, "note.txt", "{{#if");
	put(fixture, ".hidden.hbs", "{{#if");
	load(fixture);
	assert_int_equal(fixture->problems, 0);
	page = course_page(fixture);
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
		{ "a mistake in a partial", "style.hbs", "{{/if}}", "style.hbs:1:1: nothing is open" },
		{ "an unknown text in a partial", "style.hbs", "{{t \"typo\"}}",
			"style.hbs:1:1: {{t}} names a text" },
		{ "no mark", "homepage.hbs", "<p>hello", "with 0 times <!--aither:status-->" },
		{ "two marks", "homepage.hbs", PUBLISHED_STATUS_MARK PUBLISHED_STATUS_MARK, "with 2 times" },
		{ "texts that are no JSON", "texts.de.json", "{", "texts.de.json: line 1" },
	};
	struct fixture *fixture = *state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEANUP(mem_freep) char *path = mem_printf("%s/%s", fixture->directory, rows[i].file);
		CLEANUP(mem_freep) char *page = NULL;

		fixture->problems = 0;
		put(fixture, rows[i].file, rows[i].text);
		load(fixture);
		assert_problem(fixture, rows[i].file, rows[i].message);
		page = course_page(fixture);
		assert_non_null(strstr(page, ">Title</h1>"));
		library_done(&fixture->library);
		unlink(path);
	}
}

static void a_bad_partial_of_the_operators_own_takes_its_user_along(void **state)
{
	struct fixture *fixture = *state;
	CLEANUP(mem_freep) char *page = NULL;

	put(fixture, "course.hbs", "mine: {{> extra}}");
	put(fixture, "extra.hbs", "{{#if}");
	load(fixture);
	assert_int_equal(fixture->problems, 2);
	page = course_page(fixture);
	assert_non_null(strstr(page, ">Title</h1>"));
}

static void missing_shipped_files_are_an_error(void **state)
{
	struct fixture *fixture = *state;
	struct error err = { 0 };

	assert_true(library_load(&fixture->library, NULL, fixture->directory, on_problem, fixture, &err) < 0);
	assert_non_null(strstr(err.message, "texts.de.json"));
	assert_null(fixture->library.course);
}

static void templates_from_elsewhere_use_the_partials(void **state)
{
	static const char good[] = "\xef\xbb\xbf{{course.title}}{{> head title=\"x\"}}", bad[] = "{{> nope}}",
			  mistyped[] = "{{t \"course.tilte\"}}";
	struct fixture *fixture = *state;
	CLEANUP(template_freep) struct template *template = NULL;
	CLEANUP(buf_done) struct buf page = BUF_INIT(100000);
	struct template *none = NULL;
	struct error err = { 0 };

	load(fixture);
	const struct texts *texts = fixture->library.texts[LANGUAGE_DE];
	assert_int_equal(library_compile(&fixture->library, "template t1", good, texts, &template, &err), 0);
	assert_int_equal(template_render(template, NULL, texts, NULL, &page, NULL), 0);
	assert_int_equal(strncmp(buf_text(&page), "<meta", 5), 0);
	assert_int_equal(
		library_compile(&fixture->library, "template t1", bad, texts, &none, &err), -EBADMSG);
	assert_string_equal(err.message, "template t1:1:1: there is no partial \"nope\"");
	assert_int_equal(
		library_compile(&fixture->library, "template t1", mistyped, texts, &none, &err), -EBADMSG);
	assert_non_null(strstr(err.message, "template t1:1:1: {{t}} names a text that"));
	assert_null(none);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_shipped_templates_are_good, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_operators_directory_may_be_missing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			an_operators_file_takes_the_place_of_the_shipped_one, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_bad_file_is_reported_and_the_shipped_one_used, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_bad_partial_of_the_operators_own_takes_its_user_along, set_up, tear_down),
		cmocka_unit_test_setup_teardown(missing_shipped_files_are_an_error, set_up, tear_down),
		cmocka_unit_test_setup_teardown(templates_from_elsewhere_use_the_partials, set_up, tear_down),
	};

	time_zone_set("Europe/Berlin");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
