/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/metric.h"
#include "web/workerfigures.h"

static int setup(void **state)
{
	*state = workerfigures_new();
	return 0;
}

static int teardown(void **state)
{
	struct workerfigures *figures = *state;

	workerfigures_freep(&figures);
	return 0;
}

/* A worker that started at `start`. */
static void take(struct workerfigures *figures, unsigned start, unsigned count, unsigned gauge)
{
	CLEANUP(mem_freep)
	char *text = mem_printf("# HELP n_total counter of a\n# TYPE n_total counter\nn_total{r=\"a b\"} %u\n"
				"# HELP g A gauge.\n# TYPE g gauge\ng %u\n"
				"# HELP h_seconds H.\n# TYPE h_seconds histogram\n"
				"h_seconds_bucket{le=\"+Inf\"} %u\nh_seconds_sum 0.250\nh_seconds_count %u\n"
				"# HELP " WORKERFIGURES_START " S.\n# TYPE " WORKERFIGURES_START " gauge\n"
				"" WORKERFIGURES_START " %u.500\n",
		count, gauge, count, count, start);

	workerfigures_take(figures, text);
}

static void assert_line(const struct workerfigures *figures, const char *line)
{
	CLEANUP(buf_done) struct buf out = BUF_INIT(METRIC_SIZE_MAX);

	workerfigures_write(&out, figures);
	if (!strstr(buf_text(&out), line))
		fail_msg("expected \"%s\" in: %s", line, buf_text(&out));
}

static void what_was_taken_is_written_as_it_was(void **state)
{
	CLEANUP(buf_done) struct buf out = BUF_INIT(METRIC_SIZE_MAX);
	struct workerfigures *figures = *state;

	take(figures, 7, 3, 5);
	workerfigures_write(&out, figures);
	assert_string_equal(buf_text(&out),
		"# HELP n_total counter of a\n# TYPE n_total counter\nn_total{r=\"a b\"} 3\n"
		"# HELP g A gauge.\n# TYPE g gauge\ng 5\n"
		"# HELP h_seconds H.\n# TYPE h_seconds histogram\n"
		"h_seconds_bucket{le=\"+Inf\"} 3\nh_seconds_sum 0.250\nh_seconds_count 3\n"
		"# HELP aither_worker_start_time_seconds S.\n# TYPE aither_worker_start_time_seconds gauge\n"
		"aither_worker_start_time_seconds 7.500\n");
}

static void counters_go_on_with_the_next_worker_and_gauges_do_not(void **state)
{
	struct workerfigures *figures = *state;

	take(figures, 1, 3, 5);
	take(figures, 1, 4, 6); /* the same worker, later */
	take(figures, 2, 1, 7);
	assert_line(figures, "n_total{r=\"a b\"} 5\n");
	assert_line(figures, "\ng 7\n");
	assert_line(figures, "h_seconds_bucket{le=\"+Inf\"} 5\nh_seconds_sum 0.500\nh_seconds_count 5\n");
	take(figures, 3, 1, 8);
	assert_line(figures, "n_total{r=\"a b\"} 6\n");
}

static void a_series_that_the_next_worker_lacks_returns_where_it_was(void **state)
{
	struct workerfigures *figures = *state;

	take(figures, 1, 3, 5);
	workerfigures_take(figures, WORKERFIGURES_START " 2\n");
	take(figures, 3, 1, 5);
	assert_line(figures, "n_total{r=\"a b\"} 4\n");
}

static void a_value_is_found_by_its_whole_name(void **state)
{
	struct workerfigures *figures = *state;

	assert_true(workerfigures_value(figures, "g", 9) == 9);
	take(figures, 1, 3, 5);
	assert_true(workerfigures_value(figures, "g", 9) == 5);
	assert_true(workerfigures_value(figures, "n_total", 9) == 9);
	assert_true(workerfigures_value(figures, "h_seconds_sum", 9) == 0.25);
}

static void lines_of_another_form_are_left_out(void **state)
{
	static const struct {
		const char *name, *line;
	} rows[] = {
		{ "no value", "bad\n" },
		{ "no number", "bad x\n" },
		{ "a time behind the value, which we do not write", "bad 1 2x\n" },
		{ "nothing", "\n\n" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEANUP(buf_done) struct buf out = BUF_INIT(METRIC_SIZE_MAX);
		CLEANUP(mem_freep) char *text = mem_printf("a 1\n%sb 2", rows[i].line);

		workerfigures_take(*state, text);
		workerfigures_write(&out, *state);
		if (strcmp(buf_text(&out), "a 1\nb 2\n") != 0)
			fail_msg("%s: %s", rows[i].name, buf_text(&out));
	}
}

static void long_lines_and_many_series_have_an_end(void **state)
{
	CLEANUP(buf_done) struct buf in = BUF_INIT(METRIC_SIZE_MAX), out = BUF_INIT(METRIC_SIZE_MAX);
	char name[2 * WORKERFIGURES_LINE_MAX] = { 0 };

	memset(name, 'x', sizeof(name) - 1);
	buf_printf(&in, "# TYPE n_total counter\n%s 1\n", name);
	for (unsigned i = 0; i < WORKERFIGURES_SERIES_MAX + 10; i++)
		buf_printf(&in, "n_total{i=\"%u\"} %u\n", i, i);
	workerfigures_take(*state, buf_text(&in));
	workerfigures_write(&out, *state);
	assert_null(strstr(buf_text(&out), "xx"));
	assert_non_null(strstr(buf_text(&out), "n_total{i=\"1033\"} 1033\n"));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_was_taken_is_written_as_it_was, setup, teardown),
		cmocka_unit_test_setup_teardown(
			counters_go_on_with_the_next_worker_and_gauges_do_not, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_series_that_the_next_worker_lacks_returns_where_it_was, setup, teardown),
		cmocka_unit_test_setup_teardown(a_value_is_found_by_its_whole_name, setup, teardown),
		cmocka_unit_test_setup_teardown(lines_of_another_form_are_left_out, setup, teardown),
		cmocka_unit_test_setup_teardown(long_lines_and_many_series_have_an_end, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
