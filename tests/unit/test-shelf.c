/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/mem.h"
#include "http/http.h"
#include "web/page.h"
#include "web/shelf.h"
#include "web/site.h"

#include "scratch.h"

static void put(struct shelf *shelf, const char *name, const struct stat *stat)
{
	page_set(shelf_add(shelf, name, stat), mem_strdup(name), strlen(name), "de", "Accept-Encoding");
}

static bool holds(struct shelf *shelf, const char *name, const struct stat *stat)
{
	struct page *page = shelf_find(shelf, name, stat);

	if (page)
		assert_string_equal(page->plain->bytes, name);
	return page != NULL;
}

static void a_page_is_found_as_long_as_its_file_is_the_same(void **state)
{
	CLEANUP(shelf_freep) struct shelf *shelf = shelf_new();
	const struct stat written = { .st_ino = 1, .st_dev = 2, .st_size = 3, .st_mtim = { 4, 5 } };
	struct stat others[] = { written, written, written, written, written };

	(void)state;
	others[0].st_ino = others[1].st_dev = others[2].st_size = others[3].st_mtim.tv_sec =
		others[4].st_mtim.tv_nsec = 9;
	assert_false(holds(shelf, "a.html", &written));
	put(shelf, "a.html", &written);
	assert_true(holds(shelf, "a.html", &written));
	assert_false(holds(shelf, "b.html", &written));
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		assert_false(holds(shelf, "a.html", &others[i]));
	put(shelf, "a.html", &others[0]);
	assert_true(holds(shelf, "a.html", &others[0]));
	assert_false(holds(shelf, "a.html", &written));
}

static void the_longest_unused_make_room(void **state)
{
	CLEANUP(shelf_freep) struct shelf *shelf = shelf_new();
	const struct stat small = { .st_size = 10 }, large = { .st_size = SHELF_BYTES_MAX / 2 };
	char name[32];

	(void)state;
	for (int i = 0; i < SHELF_PAGES_MAX; i++) {
		snprintf(name, sizeof(name), "%d.html", i);
		put(shelf, name, &small);
	}
	assert_true(holds(shelf, "0.html", &small));
	put(shelf, "new.html", &small);
	assert_true(holds(shelf, "0.html", &small));
	assert_true(holds(shelf, "new.html", &small));
	assert_false(holds(shelf, "1.html", &small));
	/* By size: two of these and nothing else. */
	put(shelf, "large-1.html", &large);
	put(shelf, "large-2.html", &large);
	assert_true(holds(shelf, "large-1.html", &large));
	assert_false(holds(shelf, "new.html", &small));
	put(shelf, "large-3.html", &large);
	assert_true(holds(shelf, "large-1.html", &large));
	assert_false(holds(shelf, "large-2.html", &large));
}

static void bytes_that_somebody_still_reads_stay(void **state)
{
	CLEANUP(shelf_freep) struct shelf *shelf = shelf_new();
	const struct stat large = { .st_size = SHELF_BYTES_MAX };

	(void)state;
	put(shelf, "a.html", &large);
	struct http_body *body = http_body_ref(shelf_find(shelf, "a.html", &large)->plain);
	put(shelf, "b.html", &large);
	assert_false(holds(shelf, "a.html", &large));
	assert_string_equal(body->bytes, "a.html");
	http_body_unref(body);
}

enum { PUBLISHED = 40, FIRST_REMOVED = 10, REMOVED = 8, FIRST_CHANGED = 25, CHANGED = 4, LOOKS = 4 };

static bool is_outdated(int number)
{
	return (number >= FIRST_REMOVED && number < FIRST_REMOVED + REMOVED) ||
	       (number >= FIRST_CHANGED && number < FIRST_CHANGED + CHANGED);
}

static void pages_of_files_that_have_gone_or_changed_leave(void **state)
{
	CLEANUP(shelf_freep) struct shelf *shelf = shelf_new();
	char names[PUBLISHED][32];
	struct stat published[PUBLISHED];

	(void)state;
	for (int i = 0; i < PUBLISHED; i++) {
		snprintf(names[i], sizeof(names[i]), "%d.html", i);
		scratch_put(names[i], "as published");
		assert_int_equal(fstatat(scratch_fd, names[i], &published[i], 0), 0);
		put(shelf, names[i], &published[i]);
	}
	for (int i = FIRST_REMOVED; i < FIRST_REMOVED + REMOVED; i++)
		assert_int_equal(unlinkat(scratch_fd, names[i], 0), 0);
	for (int i = FIRST_CHANGED; i < FIRST_CHANGED + CHANGED; i++)
		scratch_put(names[i], "longer than it was");
	for (int i = 0; i < PUBLISHED / LOOKS; i++)
		shelf_tidy(shelf, scratch_fd);
	for (int i = 0; i < PUBLISHED; i++)
		assert_int_equal(holds(shelf, names[i], &published[i]), !is_outdated(i));
}

/* An Academy that plans and cancels courses for a year must not fill the memory with pages nobody can ask
 * for. */
static void reading_pages_takes_those_of_removed_courses_out_of_memory(void **state)
{
	CLEANUP(site_freep) struct site *site = site_new(scratch_path, scratch_path);
	struct error err = { 0 };
	struct page *page = NULL;

	(void)state;
	assert_int_equal(mkdirat(scratch_fd, "courses", 0700), 0);
	scratch_put("courses/cancelled.html", "<p>cancelled");
	scratch_put("courses/held.html", "<p>held");
	assert_int_equal(site_course(site, "cancelled", "de", &page, &err), 0);
	struct http_body *body = http_body_ref(page->plain);
	assert_int_equal(body->references, 2); /* ours and the shelf's */
	assert_int_equal(unlinkat(scratch_fd, "courses/cancelled.html", 0), 0);
	assert_int_equal(site_course(site, "held", "de", &page, &err), 0);
	assert_int_equal(body->references, 1);
	http_body_unref(body);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_page_is_found_as_long_as_its_file_is_the_same),
		cmocka_unit_test(the_longest_unused_make_room),
		cmocka_unit_test(bytes_that_somebody_still_reads_stay),
		SCRATCH_TEST(pages_of_files_that_have_gone_or_changed_leave),
		SCRATCH_TEST(reading_pages_takes_those_of_removed_courses_out_of_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
