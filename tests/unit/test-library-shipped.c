/* SPDX-License-Identifier: MIT */

/* Both directories of templates as no package installs them and no operator means them. */

#include "render/library.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "published/texts.h"
#include "scratch.h"

#define FILES_MAX 1000 /* of templates in a directory, as library.c has it */

static const char *shipped_path(void)
{
	static char path[200];
	const char *source = getenv("top_srcdir");

	snprintf(path, sizeof(path), "%s/templates", source ? source : ".");
	return path;
}

/* A shipped file with one word in it replaced, as it stands in scratch then. */
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
	char entity[256], message[ERROR_MESSAGE_MAX]; /* of the last one */
};

static void on_problem(void *arg, const char *entity, const struct error *problem)
{
	struct problems *problems = arg;

	problems->count++;
	snprintf(problems->entity, sizeof(problems->entity), "%s", entity);
	snprintf(problems->message, sizeof(problems->message), "%s", problem->message);
}

/* What is shipped stands in scratch, and is not good. */
static void assert_refused(int expected, const char *message)
{
	CLEANUP(library_done) struct library library = { 0 };
	struct problems problems = { 0 };
	struct error err = { 0 };

	assert_int_equal(library_load(&library, NULL, scratch_path, on_problem, &problems, &err), expected);
	if (!strstr(err.message, message))
		fail_msg("%s", err.message);
	assert_int_equal(problems.count, 0);
	assert_int_equal(err.code, ERROR_TEMPLATE);
}

/* The operator's files stand in `own`; the problems that they make. */
static struct problems load_own(struct library *library, const char *own)
{
	struct problems problems = { 0 };
	struct error err = { 0 };

	if (library_load(library, own, shipped_path(), on_problem, &problems, &err) < 0)
		fail_msg("%s", err.message);
	return problems;
}

static void assert_one_problem(const char *own, const char *entity, const char *message)
{
	CLEANUP(library_done) struct library library = { 0 };
	struct problems problems = load_own(&library, own);

	if (problems.count != 1 || !strstr(problems.entity, entity) || !strstr(problems.message, message))
		fail_msg("%u problems, the last: %s: %s", problems.count, problems.entity, problems.message);
	assert_non_null(library.homepage);
	assert_non_null(library.course);
}

static void both_pages_need_a_template(void **state)
{
	(void)state;
	put_texts();
	assert_refused(-ENOENT, "there is no template homepage.hbs");
	scratch_put("homepage.hbs", "x" PUBLISHED_STATUS_MARK);
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

static void nothing_shipped_is_an_error(void **state)
{
	CLEANUP(library_done) struct library library = { 0 };
	struct error err = { 0 };

	(void)state;
	assert_int_equal(library_load(&library, NULL, "/nonexistent/aither", NULL, NULL, &err), -ENOENT);
	assert_non_null(strstr(err.message, "/nonexistent/aither"));
}

static void an_operators_file_that_cannot_be_read_is_told(void **state)
{
	(void)state;
	put_directory("course.hbs");
	assert_one_problem(scratch_path, "course.hbs", "not a regular file");
}

static void an_operators_directory_that_is_none_is_told(void **state)
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

static void a_directory_has_room_for_so_many_templates(void **state)
{
	(void)state;
	for (unsigned i = 0; i <= FILES_MAX; i++) {
		char name[32];

		snprintf(name, sizeof(name), "part%u.hbs", i);
		scratch_put(name, "");
	}
	assert_one_problem(scratch_path, scratch_path, "more than");
}

static void the_operators_words_take_the_place_of_the_shipped_ones(void **state)
{
	CLEANUP(library_done) struct library library = { 0 };

	(void)state;
	put_changed("texts.de.json", "Januar", "Jänner");
	assert_int_equal(load_own(&library, scratch_path).count, 0);
	assert_string_equal(texts_get(library.texts[LANGUAGE_DE], "month.1"), "Jänner");
}

static void words_that_lack_one_have_the_shipped_one(void **state)
{
	CLEANUP(library_done) struct library library = { 0 };

	(void)state;
	put_changed("texts.de.json", "\"nav.language\"", "\"nav.other\"");
	struct problems problems = load_own(&library, scratch_path);
	assert_int_equal(problems.count, 0);
	assert_non_null(texts_get(library.texts[LANGUAGE_DE], "nav.language"));
	assert_non_null(texts_get(library.texts[LANGUAGE_DE], "nav.other"));
}

/* Not the first that there is: that one is good, and stays. */
static void of_several_partials_the_bad_one_is_found(void **state)
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(both_pages_need_a_template),
		SCRATCH_TEST(a_shipped_mistake_is_an_error),
		SCRATCH_TEST(a_shipped_file_that_cannot_be_read_is_an_error),
		SCRATCH_TEST(nothing_shipped_is_an_error),
		SCRATCH_TEST(an_operators_file_that_cannot_be_read_is_told),
		SCRATCH_TEST(an_operators_directory_that_is_none_is_told),
		SCRATCH_TEST(a_directory_has_room_for_so_many_templates),
		SCRATCH_TEST(the_operators_words_take_the_place_of_the_shipped_ones),
		SCRATCH_TEST(words_that_lack_one_have_the_shipped_one),
		SCRATCH_TEST(of_several_partials_the_bad_one_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
