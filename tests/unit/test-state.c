/* SPDX-License-Identifier: MIT */
#include "published/state.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/time.h"

#include "scratch.h"

static void a_written_state_is_read_back(void **state)
{
	struct state written, read;
	struct stat status;

	(void)state;
	state_init(&written);
	for (int i = 0; i < STATE_VALUES; i++)
		written.values[i] = 1000 + i;
	for (unsigned i = 0; i < METRIC_RESULTS; i++)
		atomic_store(&written.hemera.counts[i], i * 2);
	for (unsigned ms = 1; ms < 1000000; ms *= 3) {
		metric_observe(&written.hemera.durations, ms);
		metric_observe(&written.syncs, ms / 2);
	}
	assert_int_equal(state_write(&written, scratch_fd, NULL), 0);
	assert_true(time_now_ms() - written.values[STATE_WRITTEN_MS] < 60000);
	assert_int_equal(scratch_mode(STATE_FILE), 0640);
	assert_int_equal(scratch_count(), 1);
	assert_int_equal(state_read(&read, scratch_fd, &status, NULL), 0);
	assert_true(status.st_size > 100 && status.st_size < STATE_SIZE_MAX);
	assert_memory_equal(&read, &written, sizeof(read));
}

static void members_that_are_missing_or_make_no_sense_are_zero(void **state)
{
	struct state read;
	struct stat status;

	(void)state;
	scratch_put(STATE_FILE,
		"{\"version\":1,\"values\":{\"dataMs\":-5,\"runsFailed\":\"7\",\"runsSuccess\":3,\"x\":1},"
		"\"hemeraRequests\":{\"200\":4,\"1000\":9},\"hemeraDurations\":{\"counts\":[1,2,3,4,5,6,7,8,"
		"9,10,"
		"11,12,13,14,15,16]}}");
	assert_int_equal(state_read(&read, scratch_fd, &status, NULL), 0);
	assert_int_equal(read.values[STATE_DATA_MS], 0);
	assert_int_equal(read.values[STATE_RUNS_FAILED], 0);
	assert_int_equal(read.values[STATE_RUNS_SUCCESS], 3);
	assert_int_equal(read.hemera.counts[200 - METRIC_STATUS_MIN], 4);
	assert_int_equal(read.hemera.durations.counts[METRIC_BOUNDS_MAX], 13);
	assert_int_equal(read.syncs.sum_ms, 0);
}

static void a_file_that_is_no_state_changes_nothing(void **state)
{
	static const struct {
		const char *text, *message;
	} rows[] = {
		{ "{", ".state.json: line 1" },
		{ "[]", "not of version 1" },
		{ "{\"version\":2}", "not of version 1" },
	};
	struct state read;
	struct stat status;
	struct error err = { 0 };

	(void)state;
	state_init(&read);
	read.values[STATE_DATA_MS] = 77;
	assert_int_equal(state_read(&read, scratch_fd, &status, &err), -ENOENT);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		scratch_put(STATE_FILE, rows[i].text);
		assert_true(state_read(&read, scratch_fd, &status, &err) < 0);
		if (!strstr(err.message, rows[i].message))
			fail_msg("%s", err.message);
		assert_int_equal(read.values[STATE_DATA_MS], 77);
	}
}

static void a_failed_write_leaves_the_old_state(void **state)
{
	struct state written, read;
	struct stat status;
	struct error err = { 0 };

	(void)state;
	state_init(&written);
	written.values[STATE_RUNS_FAILED] = 5;
	assert_int_equal(state_write(&written, scratch_fd, NULL), 0);
	assert_int_equal(mkdirat(scratch_fd, ".state.json.new", 0700), 0); /* a directory is in the way */
	written.values[STATE_RUNS_FAILED] = 6;
	assert_true(state_write(&written, scratch_fd, &err) < 0);
	assert_int_equal(err.code, ERROR_OUTPUT);
	assert_int_equal(state_read(&read, scratch_fd, &status, NULL), 0);
	assert_int_equal(read.values[STATE_RUNS_FAILED], 5);
}

static void every_value_of_a_metric_has_its_family(void **state)
{
	CLEANUP(buf_done) struct buf out = BUF_INIT(METRIC_SIZE_MAX);
	struct state written;

	(void)state;
	state_init(&written);
	state_metrics(&out, &written);
	for (const char *line = buf_text(&out), *next; *line; line = next) {
		next = strchr(line, '\n') + 1;
		if (line[0] == '#')
			continue;
		size_t length = strcspn(line, "{ ");
		for (const char *const *suffix = (const char *const[]){ "_bucket", "_sum", "_count", NULL };
			*suffix; suffix++) {
			size_t end = strlen(*suffix);
			if (length > end && strncmp(line + length - end, *suffix, end) == 0)
				length -= end;
		}
		CLEANUP(mem_freep) char *family = mem_printf("# TYPE %.*s ", (int)length, line);
		const char *first = strstr(buf_text(&out), family);
		if (!first || first > line || strstr(first + 1, family))
			fail_msg("%s", family);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		SCRATCH_TEST(a_written_state_is_read_back),
		SCRATCH_TEST(members_that_are_missing_or_make_no_sense_are_zero),
		SCRATCH_TEST(a_file_that_is_no_state_changes_nothing),
		SCRATCH_TEST(a_failed_write_leaves_the_old_state),
		cmocka_unit_test(every_value_of_a_metric_has_its_family),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
