/* SPDX-License-Identifier: MIT */
/* A changed template causes only the pages that use it to be written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "scratch.h"
#include "sync-fixture.h"
#include "tree.h"

#define PEOPLE "{{#each participants}}{{> participant}}{{/each}}"

static struct hemera_template own_c1 = { (char *)"t1", (char *)"c1", (char *)"C1 " PEOPLE, (char *)"1" };
static struct hemera_template own_c2 = { (char *)"t2", (char *)"c2", (char *)"C2 {{course.title}}",
	(char *)"1" };
static struct hemera_template for_all = { (char *)"t3", NULL, (char *)"ALL {{course.title}}", (char *)"1" };

static void serve(const struct hemera_template *template)
{
	fake_hemera.templates[fake_hemera.template_count++] = *template;
}

/* c1 and c2 have templates of their own in Hemera, c3 and c4 the local one. */
static void begin(void)
{
	static char directory[300];

	snprintf(directory, sizeof(directory), "%s/templates", scratch_path);
	assert_int_equal(mkdir(directory, 0755), 0);
	fixture_config.site.template_directory = directory;
	fixture_course("c1", "Erster", "c1", 1);
	fixture_course("c2", "Zweiter", "c2", 1);
	fixture_course("c3", "Dritter", "c3", 1);
	fixture_course("c4", "Vierter", "c4", 0);
	serve(&own_c1);
	serve(&own_c2);
	fixture_sync(REPORT_SUCCESS);
}

/* Appends "c1 " for every page that is new or was written between the two readings. */
static void tell_written(struct buf *ret_names, const struct tree *before, const struct tree *after)
{
	const struct tree_item *page;
	size_t index = 0;

	while ((page = tree_next_page(after, &index)) != NULL) {
		const struct tree_item *old = tree_find(before, page->path);

		if (!old || !tree_is_untouched(old, page))
			buf_printf(ret_names, "%.2s ", strchr(page->path, '/') + 1);
	}
}

static void assert_written(const char *change, const char *expected, enum report_status status)
{
	CLEANUP(buf_done) struct buf written = BUF_INIT(1000);
	CLEANUP(tree_done) struct tree before = { 0 }, after = { 0 };
	CLEANUP(mem_freep) char *directory = mem_printf("%s/out", scratch_path);

	tree_read(&before, directory);
	fixture_sync(status);
	tree_read(&after, directory);
	tell_written(&written, &before, &after);
	if (strcmp(buf_text(&written), expected) != 0)
		fail_msg("%s: written are %s", change, buf_text(&written));
}

static void a_changed_file_of_the_operator_writes_the_pages_that_use_it(void **state)
{
	static const struct {
		const char *change, *file, *text; /* NULL: removed */
		const char *written;
		enum report_status status;
	} rows[] = {
		{ "nothing", "other.txt", "", "", REPORT_SUCCESS },
		{ "a partial that no template uses", "unused.hbs", "x", "", REPORT_SUCCESS },
		{ "a partial", "participant.hbs", "<p>{{name}}</p>", "c1 c3 c4 ", REPORT_SUCCESS },
		{ "another text of the partial", "participant.hbs", "<i>{{name}}</i>", "c1 c3 c4 ",
			REPORT_SUCCESS },
		{ "the same text again", "participant.hbs", "<i>{{name}}</i>", "", REPORT_SUCCESS },
		{ "a partial of a partial", "style.hbs", "p{}", "c3 c4 ", REPORT_SUCCESS },
		{ "the homepage's template", "homepage.hbs", "<!--aither:status-->", "", REPORT_SUCCESS },
		{ "the course's template", "course.hbs", "own {{course.title}}", "c3 c4 ", REPORT_SUCCESS },
		{ "a partial that is not used any more", "participant.hbs", "<b>{{name}}</b>", "c1 ",
			REPORT_SUCCESS },
		{ "one that does not compile", "course.hbs", "{{#if", "c3 c4 ", REPORT_PARTIAL },
		{ "the shipped one, used already", "course.hbs", NULL, "", REPORT_SUCCESS },
		{ "the shipped partial", "participant.hbs", NULL, "c1 c3 c4 ", REPORT_SUCCESS },
	};

	(void)state;
	begin();
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEANUP(mem_freep) char *path = mem_printf("templates/%s", rows[i].file);

		if (rows[i].text)
			scratch_put(path, rows[i].text);
		else
			unlinkat(scratch_fd, path, 0);
		assert_written(rows[i].change, rows[i].written, rows[i].status);
	}
}

static void change_one(void)
{
	fake_hemera.templates[1].markup = (char *)"C2 again {{course.title}}";
}

static void raise_version(void)
{
	fake_hemera.templates[1].version = (char *)"9";
}

static void add_for_all(void)
{
	serve(&for_all);
}

static void change_for_all(void)
{
	fake_hemera.templates[2].markup = (char *)"ALL again {{course.title}}";
}

static void break_for_all(void)
{
	fake_hemera.templates[2].markup = (char *)"ALL {{#bad";
}

static void remove_one_and_for_all(void)
{
	fake_hemera.template_count = 1;
}

static void a_changed_template_of_hemera_writes_the_pages_that_use_it(void **state)
{
	static const struct {
		const char *name;
		void (*change)(void);
		const char *written;
		enum report_status status;
	} rows[] = {
		{ "another text of one course's", change_one, "c2 ", REPORT_SUCCESS },
		{ "the same text with a higher version", raise_version, "", REPORT_SUCCESS },
		{ "one for all", add_for_all, "c3 c4 ", REPORT_SUCCESS },
		{ "another text of the one for all", change_for_all, "c3 c4 ", REPORT_SUCCESS },
		{ "one for all that does not compile", break_for_all, "c3 c4 ", REPORT_PARTIAL },
		{ "no more for all, and none for one course", remove_one_and_for_all, "c2 ", REPORT_SUCCESS },
	};

	(void)state;
	begin();
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		rows[i].change();
		assert_written(rows[i].name, rows[i].written, rows[i].status);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SYNC_TEST(a_changed_file_of_the_operator_writes_the_pages_that_use_it),
		SYNC_TEST(a_changed_template_of_hemera_writes_the_pages_that_use_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
