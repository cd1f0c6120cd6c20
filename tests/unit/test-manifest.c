/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
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

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "scratch.h"
#include "sync/manifest.h"

#define HASH_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HEAD                                                                                              \
	"{\"version\":1,\"lastSyncAt\":null,\"durationMs\":0,\"lastSync\":null,\"lastSuccessTime\":null," \
	"\"consecutiveFailures\":0,\"incident\":null,\"hemeraTemplates\":false,"
#define COURSE                                                                                                     \
	"\"id\":\"c1\",\"title\":\"T\",\"slug\":\"s\",\"level\":\"BEGINNER\",\"startDate\":null,\"endDate\":null," \
	"\"participantCount\":2"
#define ROW "\"course\":{" COURSE "}"
#define PATH "\"outputPath\":\"courses/s.html\","
#define MIDDLE "\"size\":10,\"modifiedUs\":11,\"updatedAt\":null,\"seenAt\":null,"
#define GOOD_ENTRY "\"c1\":{\"hash\":\"" HASH_A "\"," PATH MIDDLE ROW "}"
#define COURSES(entries) "\"entities\":{\"courses\":{" entries "}}}"
/* `site` as 0.1.0 wrote it: it is ignored. */
#define TAIL "\"site\":{\"index.de.html\":{\"hash\":\"" HASH_A "\",\"size\":7}},\"orphans\":[],"

static void add_entry(struct manifest *manifest, const char *id, const char *title, const char *name)
{
	const struct course course = { .id = id,
		.title = title,
		.slug = "s",
		.level = "ADVANCED",
		.start_date = "2026-03-14T23:00:00.000Z",
		.participant_count = 3 };
	struct manifest_entry *entry = manifest_add(manifest, &course);

	memcpy(entry->hash, HASH_A, sizeof(entry->hash));
	entry->name = mem_strdup(name);
	entry->size = 1234;
	entry->modified_us = INT64_C(1790000000123456);
	entry->updated_ms = 1790000000123;
	entry->seen_ms = 1790000000456;
}

static void fill(struct manifest *manifest)
{
	add_entry(manifest, "c2", "Zwei \"quoted\"\n", "zwei.html");
	add_entry(manifest, "c1", "", "eins.html");
	manifest->entries[0]->deferred = true;
	manifest->entries[0]->missing = 1;
	manifest->last_sync = json_new_object();
	json_set_string(manifest->last_sync, "status", "partial");
	manifest->incident = json_new_object();
	json_set_integer(manifest->incident, "since", 5);
	manifest->last_sync_ms = 1790000000001;
	manifest->last_success_ms = 1790000000002;
	manifest->duration_ms = 77;
	manifest->consecutive_failures = 4;
	manifest->hemera_templates = true;
	nameset_add(&manifest->orphans, "orphan.html");
}

static void assert_filled(const struct manifest *manifest)
{
	const struct manifest_entry *entry = manifest_find(manifest, "c2");

	assert_int_equal(manifest->count, 2);
	assert_non_null(entry);
	assert_string_equal(entry->course.title, "Zwei \"quoted\"\n");
	assert_string_equal(entry->course.start_date, "2026-03-14T23:00:00.000Z");
	assert_null(entry->course.end_date);
	assert_string_equal(entry->course.level, "ADVANCED");
	assert_int_equal(entry->course.participant_count, 3);
	assert_string_equal(entry->name, "zwei.html");
	assert_string_equal(entry->hash, HASH_A);
	assert_int_equal(entry->size, 1234);
	assert_int_equal(entry->modified_us, INT64_C(1790000000123456));
	assert_int_equal(entry->updated_ms, 1790000000123);
	assert_int_equal(entry->seen_ms, 1790000000456);
	assert_true(entry->deferred);
	assert_int_equal(entry->missing, 1);
	assert_false(manifest_find(manifest, "c1")->deferred);
	assert_null(manifest_find(manifest, "c3"));
	assert_string_equal(json_string(json_get(manifest->last_sync, "status")), "partial");
	assert_int_equal(json_integer(json_get(manifest->incident, "since"), 0), 5);
	assert_int_equal(manifest->last_success_ms, 1790000000002);
	assert_int_equal(manifest->consecutive_failures, 4);
	assert_true(manifest->hemera_templates);
	assert_true(nameset_has(&manifest->orphans, "orphan.html"));
}

static void a_saved_manifest_is_loaded_again(void **state)
{
	CLEANUP(manifest_done) struct manifest saved = { 0 }, loaded = { 0 };

	(void)state;
	fill(&saved);
	assert_int_equal(manifest_save(scratch_fd, &saved, NULL), 0);
	assert_int_equal(scratch_mode(MANIFEST_NAME), 0600);
	assert_int_equal(scratch_count(), 1);
	assert_int_equal(manifest_load(scratch_fd, &loaded, NULL), 0);
	assert_filled(&loaded);
}

static void an_empty_manifest_is_a_good_one(void **state)
{
	CLEANUP(manifest_done) struct manifest saved = { 0 }, loaded = { 0 };

	(void)state;
	assert_int_equal(manifest_save(scratch_fd, &saved, NULL), 0);
	assert_int_equal(manifest_load(scratch_fd, &loaded, NULL), 0);
	assert_int_equal(loaded.count, 0);
	assert_null(loaded.last_sync);
	assert_int_equal(loaded.last_success_ms, 0);
}

static void a_manifest_cut_at_any_byte_is_damaged(void **state)
{
	CLEANUP(manifest_done) struct manifest saved = { 0 };
	CLEANUP(buf_done) struct buf text = BUF_INIT(100000);

	(void)state;
	fill(&saved);
	manifest_sort(&saved);
	manifest_write(&text, &saved);
	for (size_t length = 0; length + 1 < text.length; length++) { /* the last byte is a line break */
		struct manifest loaded = { .count = 77 };
		struct error problem = { 0 };

		if (manifest_parse(&loaded, text.data, length, &problem) != -EBADMSG)
			fail_msg("%zu of %zu bytes were taken for a manifest", length, text.length);
		assert_int_equal(loaded.count, 77);
		assert_true(problem.message[0] != '\0');
	}
}

static void every_kind_of_damage_is_detected(void **state)
{
	static const struct {
		const char *label, *text;
	} rows[] = {
		{ "empty", "" },
		{ "no members", "{}" },
		{ "null", "null" },
		{ "array", "[]" },
		{ "garbage", "\x80\xff not json" },
		{ "two values", HEAD TAIL COURSES("") "{}" },
		{ "older version", "{\"version\":0," TAIL COURSES("") },
		{ "newer version", "{\"version\":2," TAIL COURSES("") },
		{ "version as text", "{\"version\":\"1\"," TAIL COURSES("") },
		{ "version only", "{\"version\":1}" },
		{ "orphans missing", HEAD "\"site\":{}," COURSES("") },
		{ "orphan outside", HEAD "\"site\":{},\"orphans\":[\"../x.html\"]," COURSES("") },
		{ "orphan a number", HEAD "\"site\":{},\"orphans\":[1]," COURSES("") },
		{ "no entities", HEAD TAIL "\"entities\":null}" },
		{ "entities without courses", HEAD TAIL "\"entities\":{}}" },
		{ "courses is a list", HEAD TAIL "\"entities\":{\"courses\":[]}}" },
		{ "entry is a number", HEAD TAIL COURSES("\"c1\":1") },
		{ "entry is empty", HEAD TAIL COURSES("\"c1\":{}") },
		{ "entry twice", HEAD TAIL COURSES(GOOD_ENTRY "," GOOD_ENTRY) },
		{ "entry of another id",
			HEAD TAIL COURSES("\"c2\":{\"hash\":\"" HASH_A "\"," PATH MIDDLE ROW "}") },
		{ "short hash", HEAD TAIL COURSES("\"c1\":{\"hash\":\"aa\"," PATH MIDDLE ROW "}") },
		{ "hash a number", HEAD TAIL COURSES("\"c1\":{\"hash\":1," PATH MIDDLE ROW "}") },
		{ "no path", HEAD TAIL COURSES("\"c1\":{\"hash\":\"" HASH_A "\"," MIDDLE ROW "}") },
		{ "path outside",
			HEAD TAIL COURSES("\"c1\":{\"hash\":\"" HASH_A
					  "\",\"outputPath\":\"courses/../../x.html\"," MIDDLE ROW "}") },
		{ "path of the manifest",
			HEAD TAIL COURSES("\"c1\":{\"hash\":\"" HASH_A
					  "\",\"outputPath\":\".sync-manifest.json\"," MIDDLE ROW "}") },
		{ "negative size", HEAD TAIL COURSES("\"c1\":{\"hash\":\"" HASH_A "\"," PATH
						     "\"size\":-1,\"modifiedUs\":1," ROW "}") },
		{ "no size", HEAD TAIL COURSES(
				     "\"c1\":{\"hash\":\"" HASH_A "\"," PATH "\"modifiedUs\":1," ROW "}") },
		{ "bad time",
			HEAD TAIL COURSES("\"c1\":{\"hash\":\"" HASH_A "\"," PATH
					  "\"size\":1,\"modifiedUs\":1,\"seenAt\":\"yesterday\"," ROW "}") },
		{ "deferred a number", HEAD TAIL COURSES("\"c1\":{\"hash\":\"" HASH_A "\"," PATH MIDDLE
							 "\"deferred\":1," ROW "}") },
		{ "missing beyond all counts",
			HEAD TAIL COURSES(
				"\"c1\":{\"hash\":\"" HASH_A "\"," PATH MIDDLE "\"missing\":1e12," ROW "}") },
		{ "no course", HEAD TAIL COURSES("\"c1\":{\"hash\":\"" HASH_A "\"," PATH MIDDLE "\"x\":1}") },
		{ "report is a list",
			"{\"version\":1,\"durationMs\":0,\"consecutiveFailures\":0,\"lastSync\":[]," TAIL
				COURSES("") },
		{ "failures negative",
			"{\"version\":1,\"durationMs\":0,\"consecutiveFailures\":-1," TAIL COURSES("") },
		{ "success a number", "{\"version\":1,\"durationMs\":0,\"consecutiveFailures\":0,"
				      "\"lastSuccessTime\":5," TAIL COURSES("") },
	};
	CLEANUP(manifest_done) struct manifest good = { 0 };
	const char *text = HEAD TAIL COURSES(GOOD_ENTRY);

	(void)state;
	assert_int_equal(manifest_parse(&good, text, strlen(text), NULL), 0);
	assert_int_equal(good.count, 1);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct manifest loaded = { .count = 77 };
		struct error problem = { 0 };

		if (manifest_parse(&loaded, rows[i].text, strlen(rows[i].text), &problem) != -EBADMSG ||
			loaded.count != 77)
			fail_msg("%s: taken for a manifest", rows[i].label);
		if (!problem.message[0])
			fail_msg("%s: not explained", rows[i].label);
	}
}

static void a_name_that_is_no_id_stays_out_of_the_message(void **state)
{
	static const char text[] = HEAD TAIL COURSES("\"\\u001b[2J\\u0085\\u007f\":{}");
	struct manifest loaded = { 0 };
	struct error problem = { 0 };

	(void)state;
	assert_int_equal(manifest_parse(&loaded, text, strlen(text), &problem), -EBADMSG);
	assert_string_equal(
		problem.message, "course without an id: course: must be an object, but is missing");
}

static void nesting_without_end_is_damage(void **state)
{
	CLEANUP(buf_done) struct buf text = BUF_INIT(2000000);
	struct manifest loaded = { 0 };

	(void)state;
	for (int i = 0; i < 1000000; i++)
		buf_append_char(&text, '[');
	assert_int_equal(manifest_parse(&loaded, text.data, text.length, NULL), -EBADMSG);
}

static void a_missing_file_is_not_damage(void **state)
{
	struct manifest loaded = { 0 };

	(void)state;
	assert_int_equal(manifest_load(scratch_fd, &loaded, NULL), -ENOENT);
}

static void anything_but_a_file_is_damage(void **state)
{
	struct manifest loaded = { 0 };
	struct error problem = { 0 };

	(void)state;
	assert_int_equal(mkdirat(scratch_fd, MANIFEST_NAME, 0700), 0);
	assert_int_equal(manifest_load(scratch_fd, &loaded, &problem), -EBADMSG);
	assert_int_equal(unlinkat(scratch_fd, MANIFEST_NAME, AT_REMOVEDIR), 0);
	scratch_put("elsewhere", HEAD TAIL COURSES(GOOD_ENTRY));
	assert_int_equal(symlinkat("elsewhere", scratch_fd, MANIFEST_NAME), 0);
	assert_int_equal(manifest_load(scratch_fd, &loaded, &problem), -EBADMSG);
	assert_int_equal(unlinkat(scratch_fd, MANIFEST_NAME, 0), 0);
	assert_int_equal(mkfifoat(scratch_fd, MANIFEST_NAME, 0600), 0);
	assert_int_equal(manifest_load(scratch_fd, &loaded, &problem), -EBADMSG);
}

static void entries_that_are_gone_leave_and_the_rest_is_found(void **state)
{
	CLEANUP(manifest_done) struct manifest manifest = { 0 };

	(void)state;
	fill(&manifest);
	manifest_sort(&manifest);
	manifest_find(&manifest, "c1")->gone = true;
	manifest_drop_gone(&manifest);
	assert_int_equal(manifest.count, 1);
	assert_non_null(manifest_find(&manifest, "c2"));
	assert_null(manifest_find(&manifest, "c1"));
}

/* Version 0.1.0 did not record when a row changed, and its first manifests had no list. */
static void a_course_without_the_time_of_its_change_has_that_of_the_last_sync(void **state)
{
	static const char *const lists[] = { "",
		"\"list\":{\"emptySyncs\":0,\"kept\":null,\"courses\":[{" COURSE "}]}," };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		CLEANUP(manifest_done) struct manifest manifest = { 0 }, again = { 0 };
		CLEANUP(buf_done) struct buf text = BUF_INIT(100000), saved = BUF_INIT(100000);

		buf_append_text(&text,
			"{\"version\":1,\"lastSyncAt\":\"2026-03-15T00:00:00.000Z\",\"durationMs\":0,\"lastSync\":null,"
			"\"lastSuccessTime\":null,\"consecutiveFailures\":0,\"incident\":null," TAIL);
		buf_printf(&text, "%s" COURSES(GOOD_ENTRY), lists[i]);
		assert_int_equal(manifest_parse(&manifest, text.data, text.length, NULL), 0);
		assert_int_equal(manifest.known.count, 1);
		assert_int_equal(manifest.known.changed_ms[0], INT64_C(1773532800000));
		/* The time is kept after the next sync. */
		manifest.last_sync_ms += 86400000;
		manifest_write(&saved, &manifest);
		assert_int_equal(manifest_parse(&again, saved.data, saved.length, NULL), 0);
		assert_int_equal(again.known.changed_ms[0], INT64_C(1773532800000));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(a_saved_manifest_is_loaded_again),
		SCRATCH_TEST(an_empty_manifest_is_a_good_one),
		cmocka_unit_test(a_manifest_cut_at_any_byte_is_damaged),
		cmocka_unit_test(every_kind_of_damage_is_detected),
		cmocka_unit_test(a_name_that_is_no_id_stays_out_of_the_message),
		cmocka_unit_test(nesting_without_end_is_damage),
		SCRATCH_TEST(a_missing_file_is_not_damage),
		SCRATCH_TEST(anything_but_a_file_is_damage),
		cmocka_unit_test(entries_that_are_gone_leave_and_the_rest_is_found),
		cmocka_unit_test(a_course_without_the_time_of_its_change_has_that_of_the_last_sync),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
