/* SPDX-License-Identifier: MIT */
/* Prometheus' text format, byte by byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "net/metric.h"

static void a_family_is_its_help_its_type_and_its_samples(void **state)
{
	CLEANUP(buf_done) struct buf out = BUF_INIT(METRIC_SIZE_MAX);

	(void)state;
	metric_family(&out, "x_total{code=\"200\"}", METRIC_COUNTER, "What it is.");
	metric_sample(&out, 3, "x_total{code=\"%d\",method=\"GET\"}", 200);
	metric_sample(&out, 4, "x_total{code=\"200\"}");
	metric_gauge(&out, "y", "Another.", 0);
	assert_string_equal(buf_text(&out), "# HELP x_total What it is.\n"
					    "# TYPE x_total counter\n"
					    "x_total{code=\"200\",method=\"GET\"} 3\n"
					    "x_total{code=\"200\"} 4\n"
					    "# HELP y Another.\n"
					    "# TYPE y gauge\n"
					    "y 0\n");
}

static void integers_are_exact_and_the_rest_has_three_digits(void **state)
{
	static const struct {
		double value;
		const char *text;
	} rows[] = {
		{ 0, "x 0\n" },
		{ -3, "x -3\n" },
		{ 9007199254740992.0, "x 9007199254740992\n" },
		{ 1795422028.767, "x 1795422028.767\n" },
		{ 0.0004, "x 0.000\n" },
		{ 1e300, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEANUP(buf_done) struct buf out = BUF_INIT(METRIC_SIZE_MAX);

		metric_sample(&out, rows[i].value, "x");
		if (rows[i].text)
			assert_string_equal(buf_text(&out), rows[i].text);
		else
			assert_true(strtod(buf_text(&out) + 2, NULL) == rows[i].value);
	}
}

static void a_histogram_counts_up_to_each_bound(void **state)
{
	static struct metric_histogram histogram = { .bounds_ms = { 100, 2500 } };
	CLEANUP(buf_done) struct buf out = BUF_INIT(METRIC_SIZE_MAX);

	(void)state;
	metric_observe(&histogram, 0);
	metric_observe(&histogram, 100); /* a bound belongs to its bucket */
	metric_observe(&histogram, 101);
	metric_observe(&histogram, 2501);
	metric_histogram(&out, "t_seconds", "How long.", &histogram);
	assert_string_equal(buf_text(&out), "# HELP t_seconds How long.\n"
					    "# TYPE t_seconds histogram\n"
					    "t_seconds_bucket{le=\"0.1\"} 2\n"
					    "t_seconds_bucket{le=\"2.5\"} 3\n"
					    "t_seconds_bucket{le=\"+Inf\"} 4\n"
					    "t_seconds_sum 2.702\n"
					    "t_seconds_count 4\n");
}

static void a_histogram_may_have_all_bounds(void **state)
{
	static struct metric_histogram histogram = { .bounds_ms = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 } };
	CLEANUP(buf_done) struct buf out = BUF_INIT(METRIC_SIZE_MAX);

	(void)state;
	metric_observe(&histogram, 12);
	metric_observe(&histogram, 13);
	metric_histogram(&out, "t_seconds", "", &histogram);
	assert_non_null(strstr(buf_text(&out), "{le=\"0.012\"} 1\nt_seconds_bucket{le=\"+Inf\"} 2\n"));
}

static double value_of(const struct buf *out, const char *name)
{
	CLEANUP(mem_freep) char *line = mem_printf("\n%s ", name);
	const char *found = strstr(buf_text(out), line);

	assert_non_null(found);
	return strtod(found + strlen(line), NULL);
}

static void a_process_has_its_own_metrics(void **state)
{
	CLEANUP(buf_done) struct buf out = BUF_INIT(METRIC_SIZE_MAX);

	(void)state;
	metric_process(&out, 1500);
	assert_true(value_of(&out, "process_start_time_seconds") == 1.5);
	assert_true(value_of(&out, "process_resident_memory_bytes") > 100000);
	assert_true(value_of(&out, "process_open_fds") >= 3);
	assert_true(value_of(&out, "process_max_fds") > value_of(&out, "process_open_fds"));
	assert_true(value_of(&out, "process_cpu_seconds_total") >= 0);
	assert_non_null(strstr(buf_text(&out), "# TYPE process_cpu_seconds_total counter\n"));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_family_is_its_help_its_type_and_its_samples),
		cmocka_unit_test(integers_are_exact_and_the_rest_has_three_digits),
		cmocka_unit_test(a_histogram_counts_up_to_each_bound),
		cmocka_unit_test(a_histogram_may_have_all_bounds),
		cmocka_unit_test(a_process_has_its_own_metrics),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
