/* SPDX-License-Identifier: MIT */
/* Course pages in memory: how long they stay in the cache. */
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

#include "base/error.h"
#include "base/mem.h"
#include "http/http.h"
#include "published/published.h"
#include "web/cache.h"
#include "web/page.h"
#include "web/site.h"

#include "scratch.h"

static const struct site_options options = {
	.output_directory = scratch_path, .file_directory = scratch_path, .shipped_files = scratch_path
};

static void publish(const char *name, const char *text)
{
	CLEANUP(mem_freep) char *path = mem_printf("courses/%s.html", name);

	scratch_put(path, text);
}

static void unpublish(const char *name)
{
	CLEANUP(mem_freep) char *path = mem_printf("courses/%s.html", name);

	assert_int_equal(unlinkat(scratch_fd, path, 0), 0);
}

/* The bytes of the page, as sent; the caller must release them. */
static struct http_body *visit(struct site *site, const char *name)
{
	struct page *page = NULL;
	struct error err = { 0 };

	if (site_course(site, name, NULL, &page, &err) < 0)
		fail_msg("%s", err.message);
	return http_body_ref(page->plain);
}

static bool is_cached(const struct http_body *body)
{
	return body->references > 1; /* ours and the cache's */
}

static int setup(void **state)
{
	return scratch_setup(state) || mkdirat(scratch_fd, "courses", 0700) < 0;
}

static void a_page_is_kept_as_long_as_its_file_is_the_same(void **state)
{
	CLEANUP(site_freep) struct site *site = site_new(&options);

	(void)state;
	publish("a", "<p>one");
	struct http_body *first = visit(site, "a"), *second = visit(site, "a");
	assert_ptr_equal(first, second);
	http_body_unref(second);
	publish("a", "<p>three");
	second = visit(site, "a");
	assert_false(is_cached(first));
	assert_string_equal(first->bytes, "<p>one"); /* which a client may still be receiving */
	assert_string_equal(second->bytes, "<p>three");
	http_body_unref(first);
	http_body_unref(second);
}

/* Publishing a page empties the cache, too: so first publish all, then visit them. */
static void a_full_cache_is_emptied(void **state)
{
	CLEANUP(site_freep) struct site *site = site_new(&options);
	struct http_body *bodies[CACHE_PAGES_MAX];
	char name[32];

	(void)state;
	publish("new", "<p>new");
	for (int i = 0; i < CACHE_PAGES_MAX; i++) {
		snprintf(name, sizeof(name), "%d", i);
		publish(name, name);
	}
	for (int i = 0; i < CACHE_PAGES_MAX; i++) {
		snprintf(name, sizeof(name), "%d", i);
		bodies[i] = visit(site, name);
	}
	for (int i = 0; i < CACHE_PAGES_MAX; i++)
		assert_true(is_cached(bodies[i]));
	struct http_body *more = visit(site, "new");
	assert_true(is_cached(more));
	for (int i = 0; i < CACHE_PAGES_MAX; i++) {
		assert_false(is_cached(bodies[i]));
		http_body_unref(bodies[i]);
	}
	http_body_unref(more);
}

static void large_pages_fill_it_by_their_size(void **state)
{
	enum { COUNT = CACHE_BYTES_MAX / PUBLISHED_COURSE_MAX };
	CLEANUP(site_freep) struct site *site = site_new(&options);
	CLEANUP(mem_freep) char *large = mem_zalloc(PUBLISHED_COURSE_MAX + 1);
	struct http_body *bodies[COUNT];
	char name[32];

	(void)state;
	memset(large, 'x', PUBLISHED_COURSE_MAX);
	publish("small", "<p>small");
	for (int i = 0; i < COUNT; i++) {
		snprintf(name, sizeof(name), "large-%d", i);
		publish(name, large);
	}
	for (int i = 0; i < COUNT; i++) {
		snprintf(name, sizeof(name), "large-%d", i);
		bodies[i] = visit(site, name);
	}
	for (int i = 0; i < COUNT; i++)
		assert_true(is_cached(bodies[i]));
	struct http_body *small = visit(site, "small");
	assert_true(is_cached(small));
	for (int i = 0; i < COUNT; i++) {
		assert_false(is_cached(bodies[i]));
		http_body_unref(bodies[i]);
	}
	http_body_unref(small);
}

/* An academy that plans and cancels courses for a year must not fill the memory with pages of removed
 * courses. */
static void pages_of_files_that_have_gone_leave(void **state)
{
	CLEANUP(site_freep) struct site *site = site_new(&options);

	(void)state;
	publish("gone", "<p>gone");
	publish("other", "<p>other");
	struct http_body *gone = visit(site, "gone");
	assert_true(is_cached(gone));
	unpublish("gone");
	http_body_unref(visit(site, "other"));
	assert_false(is_cached(gone));
	http_body_unref(gone);
}

/* Responses keep their bytes when the cache is emptied, so no more may be read for other clients. */
static void slow_readers_of_large_files_cannot_take_all_memory(void **state)
{
	CLEANUP(site_freep) struct site *site = site_new(&options);
	CLEANUP(mem_freep) char *large = mem_zalloc(CACHE_SMALL_MAX + 2);
	struct http_body *held = http_body_new(mem_zalloc(1), CACHE_BODIES_MAX);
	struct page *page = NULL;
	struct error err = { 0 };

	(void)state;
	memset(large, 'x', CACHE_SMALL_MAX + 1);
	scratch_put("large.png", large);
	scratch_put("small.png", "x");
	assert_int_equal(site_file(site, "large.png", &page, &err), -EAGAIN);
	assert_int_equal(site_file(site, "small.png", &page, NULL), 0);
	http_body_unref(held);
	assert_int_equal(site_file(site, "large.png", &page, NULL), 0);
	assert_int_equal(page->plain->length, CACHE_SMALL_MAX + 1);
}

#define CACHE_TEST(function) cmocka_unit_test_setup_teardown(function, setup, scratch_teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		CACHE_TEST(a_page_is_kept_as_long_as_its_file_is_the_same),
		CACHE_TEST(a_full_cache_is_emptied),
		CACHE_TEST(large_pages_fill_it_by_their_size),
		CACHE_TEST(pages_of_files_that_have_gone_leave),
		CACHE_TEST(slow_readers_of_large_files_cannot_take_all_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
