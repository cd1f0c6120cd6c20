/* SPDX-License-Identifier: MIT */
/* Course pages in memory: how long they stay there. */
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
#include "web/page.h"
#include "web/site.h"

#include "scratch.h"

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

/* The bytes of the page, as they were sent; to be given back. */
static struct http_body *visit(struct site *site, const char *name)
{
	struct page *page = NULL;
	struct error err = { 0 };

	if (site_course(site, name, "de", &page, &err) < 0)
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
	CLEANUP(site_freep) struct site *site = site_new(scratch_path, scratch_path);

	(void)state;
	publish("a", "<p>one");
	struct http_body *first = visit(site, "a"), *second = visit(site, "a");
	assert_ptr_equal(first, second);
	http_body_unref(second);
	publish("a", "<p>three");
	second = visit(site, "a");
	assert_false(is_cached(first));
	assert_string_equal(first->bytes, "<p>one"); /* which somebody may still be reading */
	assert_string_equal(second->bytes, "<p>three");
	http_body_unref(first);
	http_body_unref(second);
}

static void the_longest_unused_make_room(void **state)
{
	CLEANUP(site_freep) struct site *site = site_new(scratch_path, scratch_path);
	struct http_body *bodies[SITE_CACHED_MAX], *more;
	char name[32];

	(void)state;
	for (int i = 0; i < SITE_CACHED_MAX; i++) {
		snprintf(name, sizeof(name), "%d", i);
		publish(name, name);
		bodies[i] = visit(site, name);
	}
	http_body_unref(visit(site, "0"));
	publish("new", "<p>new");
	more = visit(site, "new");
	for (int i = 0; i < SITE_CACHED_MAX; i++) {
		assert_int_equal(is_cached(bodies[i]), i != 1);
		http_body_unref(bodies[i]);
	}
	http_body_unref(more);
}

static void large_pages_make_room_by_their_size(void **state)
{
	CLEANUP(site_freep) struct site *site = site_new(scratch_path, scratch_path);
	const size_t size = SITE_CACHED_BYTES_MAX / 2;
	CLEANUP(mem_freep) char *large = mem_zalloc(size + 1);

	(void)state;
	memset(large, 'x', size);
	publish("small", "<p>small");
	publish("large-1", large);
	publish("large-2", large);
	publish("large-3", large);
	struct http_body *small = visit(site, "small");
	struct http_body *first = visit(site, "large-1"), *second = visit(site, "large-2");
	assert_false(is_cached(small));
	assert_true(is_cached(first) && is_cached(second));
	http_body_unref(visit(site, "large-1"));
	http_body_unref(visit(site, "large-3"));
	assert_true(is_cached(first) && !is_cached(second));
	http_body_unref(small);
	http_body_unref(first);
	http_body_unref(second);
}

/* An Academy that plans and cancels courses for a year must not fill the memory with pages nobody asks for.
 */
static void pages_of_files_that_have_gone_or_changed_leave(void **state)
{
	enum { PUBLISHED = 40, REMOVED = 8, CHANGED = 4, VISITS = 16 };
	CLEANUP(site_freep) struct site *site = site_new(scratch_path, scratch_path);
	struct http_body *bodies[PUBLISHED];
	char name[32];

	(void)state;
	for (int i = 0; i < PUBLISHED; i++) {
		snprintf(name, sizeof(name), "%d", i);
		publish(name, "as published");
		bodies[i] = visit(site, name);
	}
	for (int i = 0; i < REMOVED + CHANGED; i++) {
		snprintf(name, sizeof(name), "%d", i);
		if (i < REMOVED)
			unpublish(name);
		else
			publish(name, "longer than it was");
	}
	for (int i = 0; i < VISITS; i++) { /* each looks at some of the others */
		snprintf(name, sizeof(name), "new-%d", i);
		publish(name, name);
		http_body_unref(visit(site, name));
	}
	for (int i = 0; i < PUBLISHED; i++) {
		assert_int_equal(is_cached(bodies[i]), i >= REMOVED + CHANGED);
		http_body_unref(bodies[i]);
	}
}

#define CACHE_TEST(function) cmocka_unit_test_setup_teardown(function, setup, scratch_teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		CACHE_TEST(a_page_is_kept_as_long_as_its_file_is_the_same),
		CACHE_TEST(the_longest_unused_make_room),
		CACHE_TEST(large_pages_make_room_by_their_size),
		CACHE_TEST(pages_of_files_that_have_gone_or_changed_leave),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
