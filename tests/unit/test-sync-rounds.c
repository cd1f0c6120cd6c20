/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/time.h"
#include "sync-fixture.h"

#define PAUSE_MAX_MS (20 * 60000) /* as in sync/plan.c */

static void three_courses(void)
{
	fixture_course("c1", "Erster", "erster", 1);
	fixture_course("c2", "Zweiter", "zweiter", 1);
	fixture_course("c3", "Dritter", "dritter", 1);
}

static void defer(const char *id, bool deferred)
{
	fixture_find(id)->detail = deferred ? HEMERA_DETAIL_DEFERRED : HEMERA_DETAIL_READ;
}

/* A sync whose budget is enough for c1 and c2 only. */
static void begin_round(void)
{
	three_courses();
	fake_hemera.retry_after_s = 60;
	defer("c3", true);
	fixture_sync(REPORT_SUCCESS);
	assert_int_equal(fixture_report.courses_deferred, 1);
	assert_int_equal(fixture_report.retry_after_s, 60);
}

/* Changes the manifest as if the last sync had begun that long ago. */
static void age_manifest(int64_t age_ms)
{
	CLEANUP(buf_done) struct buf text = BUF_INIT(1 << 20);
	char when[TIME_TEXT_SIZE], *at;

	json_write(&text, fixture_manifest);
	at = strstr(text.data, "\"lastSyncAt\":\"");
	assert_non_null(at);
	time_format(time_now_ms() - age_ms, when);
	memcpy(at + strlen("\"lastSyncAt\":\""), when, strlen(when));
	fixture_put(".sync-manifest.json", buf_text(&text));
}

static void each_course_is_read_once_in_a_round(void **state)
{
	(void)state;
	begin_round();
	defer("c1", true);
	defer("c2", true);
	defer("c3", false);
	fixture_sync(REPORT_SUCCESS);
	assert_string_equal(fake_hemera.asked, "c3 c1 c2 ");
	assert_int_equal(fake_hemera.due, 1);
	assert_int_equal(fixture_report.courses_deferred, 0);
	assert_int_equal(fixture_report.retry_after_s, 0);
	assert_null(json_get(fixture_entry("c1"), "deferred"));
	fixture_assert_page("dritter.html", "Ada");
	assert_null(json_get(fixture_manifest, "roundStartedAt"));
}

static void after_a_round_all_are_due_again(void **state)
{
	(void)state;
	begin_round();
	defer("c3", false);
	fixture_sync(REPORT_SUCCESS);
	fixture_sync(REPORT_SUCCESS);
	assert_int_equal(fake_hemera.due, 3);
	defer("c2", true);
	fixture_sync(REPORT_SUCCESS);
	assert_int_equal(fixture_report.courses_deferred, 1);
}

static void courses_that_change_in_a_round_are_due(void **state)
{
	(void)state;
	begin_round();
	fixture_find("c2")->title = "Neu";
	fixture_sync(REPORT_SUCCESS);
	assert_string_equal(fake_hemera.asked, "c2 c3 c1 ");
	assert_int_equal(fake_hemera.due, 2);
	assert_int_equal(fixture_report.courses_deferred, 1);
}

static void courses_read_again_before_the_round_ends_are_published(void **state)
{
	(void)state;
	begin_round();
	fixture_find("c1")->participant = "Grace";
	fixture_sync(REPORT_SUCCESS);
	assert_int_equal(fake_hemera.due, 1);
	fixture_assert_page("erster.html", "Grace");
}

static void a_failed_sync_does_not_end_the_round(void **state)
{
	(void)state;
	begin_round();
	fake_hemera.list_error = ERROR_HEMERA_UNREACHABLE;
	fixture_sync(REPORT_FAILED);
	fake_hemera.list_error = ERROR_INTERNAL;
	fixture_sync(REPORT_SUCCESS);
	assert_int_equal(fake_hemera.due, 1);
}

static void after_a_long_pause_or_with_a_clock_put_back_all_are_due(void **state)
{
	static const struct {
		const char *name;
		int64_t age_ms;
		size_t due;
	} rows[] = {
		{ "short pause", PAUSE_MAX_MS - 60000, 1 },
		{ "long pause", PAUSE_MAX_MS + 60000, 3 },
		{ "last sync in the future", -60000, 3 },
	};

	(void)state;
	begin_round();
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		age_manifest(rows[i].age_ms);
		fixture_sync(REPORT_SUCCESS);
		if (fake_hemera.due != rows[i].due)
			fail_msg("%s: %zu courses are due", rows[i].name, fake_hemera.due);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SYNC_TEST(each_course_is_read_once_in_a_round),
		SYNC_TEST(after_a_round_all_are_due_again),
		SYNC_TEST(courses_that_change_in_a_round_are_due),
		SYNC_TEST(courses_read_again_before_the_round_ends_are_published),
		SYNC_TEST(a_failed_sync_does_not_end_the_round),
		SYNC_TEST(after_a_long_pause_or_with_a_clock_put_back_all_are_due),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
