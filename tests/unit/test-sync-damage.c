/* SPDX-License-Identifier: MIT */
/* A sync with a damaged manifest or without one succeeds, and every page is right afterwards. */
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

#include "base/mem.h"
#include "scratch.h"
#include "sync-fixture.h"
#include "tree.h"

#define MANIFEST ".sync-manifest.json"
#define COURSES 3
#define COURSES_READ 1 /* the other courses' pages stay as they are */
#define SPANS_MAX 1000

static const char *const pages[COURSES] = { "courses/erster.html", "courses/zweiter.html",
	"courses/dritter.html" };

/* One course that is read, one that is not reached and one with invalid details, so that every member of
 * the manifest has content. */
static void begin(void)
{
	fixture_use_small_templates();
	fixture_course("c1", "Erster", "erster", 2)->start_date = "2099-03-14T23:00:00.000Z";
	fixture_course("c2", "Zweiter", "zweiter", 1)->detail = HEMERA_DETAIL_DEFERRED;
	fixture_course("c3", "Dritter", "dritter", 1)->detail = HEMERA_DETAIL_FAILED;
	fixture_course("c4", "Vierter", "vierter", 0);
	fake_hemera.pages = 2; /* an orphaned page is remembered, and c4 counts as missing */
	fixture_sync(REPORT_PARTIAL);
	fixture_drop("c4");
	fixture_put("courses/fremd.html", "of nobody");
	fixture_sync(REPORT_PARTIAL);
}

static void read_out(struct tree *tree)
{
	CLEANUP(mem_freep) char *directory = mem_printf("%s/out", scratch_path);

	tree_read(tree, directory);
}

/* Owned. */
static char *read_manifest(void)
{
	CLEANUP(tree_done) struct tree out = { 0 };

	read_out(&out);
	return mem_strdup(tree_find(&out, MANIFEST)->text);
}

/* Runs a sync and checks that every page exists; *ret_out: the files afterwards. */
static void sync_goes_on(const char *label, struct tree *ret_out)
{
	report_done(&fixture_report);
	report_init(&fixture_report, fixture_options.job_id);
	sync_run(&fixture_options, &fixture_report, &fixture_error);
	if (fixture_report.status != REPORT_PARTIAL)
		fail_msg("%s: the sync ended as %s: %s", label, report_status_name(fixture_report.status),
			fixture_error.message);
	read_out(ret_out);
	for (size_t i = 0; i < COURSES; i++) {
		const struct tree_item *page = tree_find(ret_out, pages[i]);

		if (!page || !strstr(page->text, "</html>"))
			fail_msg("%s: %s is not whole", label, pages[i]);
	}
}

/* Returns whether the manifest was refused; then it is set aside, and every page whose participants are read
 * is new. */
static bool sync_with(const char *text, const char *label)
{
	CLEANUP(tree_done) struct tree out = { 0 };
	const struct tree_item *kept;

	fixture_put(MANIFEST, text);
	sync_goes_on(label, &out);
	kept = tree_find(&out, MANIFEST ".bad");
	if (!kept)
		return false;
	if (strcmp(kept->text, text) != 0)
		fail_msg("%s: what is kept is not what was damaged", label);
	if (fixture_report.files_generated != COURSES_READ)
		fail_msg("%s: %u pages were made anew", label, fixture_report.files_generated);
	unlinkat(scratch_fd, "out/" MANIFEST ".bad", 0);
	return true;
}

static void a_manifest_cut_at_any_byte_is_kept_and_made_anew(void **state)
{
	CLEANUP(mem_freep) char *good = NULL;
	size_t length;

	(void)state;
	begin();
	good = read_manifest();
	length = strlen(good) - 1; /* the last byte is a line break */
	while (length-- > 0) {
		CLEANUP(mem_freep) char *label = mem_printf("%zu bytes", length);

		good[length] = '\0';
		if (!sync_with(good, label))
			fail_msg("%s were taken for a manifest", label);
	}
}

/* ---- wrong values ---- */

static struct span {
	const char *from, *to;
} spans[SPANS_MAX];
static size_t span_count;

static const char *after_string(const char *at)
{
	for (at++; *at != '"'; at++)
		at += *at == '\\';
	return at + 1;
}

static const char *after_blanks(const char *at)
{
	return at + strspn(at, " \n");
}

/* Records the beginning and the end of the value, and of every value inside it. */
static const char *find_values(const char *at)
{
	struct span *span = &spans[span_count++];
	bool object = *at == '{';

	assert_true(span_count < SPANS_MAX);
	span->from = at;
	if (*at == '"') {
		at = after_string(at);
	} else if (!object && *at != '[') {
		at += strcspn(at, ",]}\n");
	} else {
		at = after_blanks(at + 1);
		while (*at != '}' && *at != ']') {
			if (object)
				at = after_blanks(after_string(at) + 1);
			at = after_blanks(find_values(at));
			at = after_blanks(at + (*at == ','));
		}
		at++;
	}
	span->to = at;
	return at;
}

static void a_wrong_value_anywhere_stops_no_sync(void **state)
{
	static const char *const values[] = { "null", "true", "7", "-1", "\"x\"", "[]", "{}" };
	CLEANUP(mem_freep) char *good = NULL;
	size_t refused = 0;

	(void)state;
	begin();
	good = read_manifest();
	span_count = 0;
	find_values(good);
	for (size_t i = 0; i < span_count; i++) {
		for (size_t j = 0; j < ARRAY_SIZE(values); j++) {
			CLEANUP(mem_freep)
			char *text = mem_printf(
				"%.*s%s%s", (int)(spans[i].from - good), good, values[j], spans[i].to);
			CLEANUP(mem_freep)
			char *label = mem_printf("%s for %.60s", values[j], spans[i].from);

			refused += sync_with(text, label);
		}
	}
	assert_true(span_count > 100);         /* the manifest was full, */
	assert_true(refused > 4 * span_count); /* and everything except the report is checked */
}

/* ---- no file ---- */

static void make_empty_directory(void)
{
	assert_int_equal(mkdirat(scratch_fd, "out/" MANIFEST, 0755), 0);
}

static void make_directory(void)
{
	make_empty_directory();
	fixture_put(MANIFEST "/x", "");
}

static void make_symlink(void)
{
	assert_int_equal(symlinkat("../victim", scratch_fd, "out/" MANIFEST), 0);
}

static void make_broken_symlink(void)
{
	assert_int_equal(symlinkat("nowhere", scratch_fd, "out/" MANIFEST), 0);
}

static void make_fifo(void)
{
	assert_int_equal(mkfifoat(scratch_fd, "out/" MANIFEST, 0600), 0);
}

static void make_garbage(void)
{
	fixture_put(MANIFEST, "garbage");
}

/* One after the other, so that each meets the files kept from the one before. */
static void nothing_in_its_place_stops_a_sync(void **state)
{
	static const struct {
		const char *label;
		void (*make)(void);
	} rows[] = {
		{ "garbage", make_garbage },
		{ "an empty directory after a file", make_empty_directory },
		{ "a symlink after a directory", make_symlink },
		{ "a directory after a symlink", make_empty_directory },
		{ "a FIFO after a directory", make_fifo },
		{ "a symlink that leads nowhere after a FIFO", make_broken_symlink },
		{ "garbage after a symlink", make_garbage },
		{ "a full directory after a file", make_directory },
	};

	(void)state;
	begin();
	scratch_put("victim", "untouched");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEANUP(tree_done) struct tree out = { 0 }, again = { 0 };

		unlinkat(scratch_fd, "out/" MANIFEST, 0);
		rows[i].make();
		sync_goes_on(rows[i].label, &out);
		if (fixture_report.files_generated != COURSES_READ)
			fail_msg(
				"%s: %u pages were made anew", rows[i].label, fixture_report.files_generated);
		if (!S_ISREG(tree_find(&out, MANIFEST)->status.st_mode))
			fail_msg("%s is still there", rows[i].label);
		if (!tree_find(&out, MANIFEST ".bad"))
			fail_msg("%s: nothing is kept", rows[i].label);
		sync_goes_on(rows[i].label, &again);
		if (fixture_report.files_generated != 0)
			fail_msg("%s: the new manifest is of no use", rows[i].label);
	}
	scratch_assert_content("victim", "untouched");
	unlinkat(scratch_fd, "out/" MANIFEST ".bad/x", 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SYNC_TEST(a_manifest_cut_at_any_byte_is_kept_and_made_anew),
		SYNC_TEST(a_wrong_value_anywhere_stops_no_sync),
		SYNC_TEST(nothing_in_its_place_stops_a_sync),
	};

	if (access("/dev/shm", W_OK) == 0)
		setenv("TMPDIR", "/dev/shm", 0); /* for thousands of syncs memory is faster than a disk */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
