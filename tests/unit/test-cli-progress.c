/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "cli/progress.h"

static const struct {
	const char *name;
	struct progress progress;
	unsigned width;
	const char *line;
} LINES[] = {
	{ "nothing is done yet", { "fetch", 0, 20, 0, 0 }, 40, "fetch   [                ] 0 of 20  0 s" },
	{ "half", { "fetch", 10, 20, 0, 7 }, 40, "fetch   [======>        ] 10 of 20  7 s" },
	{ "all", { "fetch", 20, 20, 0, 7 }, 40, "fetch   [===============] 20 of 20  7 s" },
	{ "more than all", { "fetch", 21, 20, 0, 7 }, 40, "fetch   [===============] 21 of 20  7 s" },
	{ "the longest name", { "publish", 1, 2, 0, 7 }, 40, "publish [=======>         ] 1 of 2  7 s" },
	{ "a wait", { "fetch", 10, 20, 31, 7 }, 60,
		"fetch   [=====>       ] 10 of 20  Hemera's rate limit: 31 s" },
	{ "an unknown amount", { "list", 0, 0, 0, 3 }, 60, "list    reading the list of courses  3 s" },
	{ "a phase of a newer worker", { "bake", 0, 0, 0, 3 }, 60, "bake    3 s" },
	{ "no room for a bar", { "fetch", 10, 20, 0, 7 }, 30, "fetch   10 of 20  7 s" },
	{ "room for the numbers only", { "fetch", 10, 20, 0, 7 }, 20, "10 of 20  7 s" },
	{ "hardly any room", { "fetch", 10, 20, 0, 7 }, 5, "10 o" },
	{ "one column", { "fetch", 10, 20, 0, 7 }, 1, "1" },
};

static void a_line_fits_its_terminal(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(LINES); i++) {
		CLEANUP(buf_done) struct buf line = BUF_INIT(PROGRESS_LINE_MAX);

		progress_line(&line, &LINES[i].progress, LINES[i].width, false);
		if (strcmp(buf_text(&line), LINES[i].line) != 0)
			fail_msg("%s: \"%s\"", LINES[i].name, buf_text(&line));
	}
}

static void no_line_is_wider_than_its_terminal(void **state)
{
	const struct progress progress = { "fetch", 499, 500, 31, 49 };

	(void)state;
	for (unsigned width = 2; width < 3000; width++) {
		CLEANUP(buf_done) struct buf line = BUF_INIT(PROGRESS_LINE_MAX);

		progress_line(&line, &progress, width, false);
		assert_in_range(line.length, 1, width - 1);
		assert_false(buf_overflowed(&line));
	}
}

static void colour_is_in_the_bar_only(void **state)
{
	const struct progress progress = { "fetch", 10, 20, 0, 7 };
	CLEANUP(buf_done) struct buf line = BUF_INIT(PROGRESS_LINE_MAX);

	(void)state;
	progress_line(&line, &progress, 40, true);
	assert_string_equal(buf_text(&line), "fetch   [\033[32m======>\033[0m        ] 10 of 20  7 s");
}

/* ---- without a terminal ---- */

struct capture {
	FILE *file;
	char *text;
	size_t length;
	struct progress_view view;
};

static int open_capture(void **state)
{
	struct capture *capture = mem_zalloc(sizeof(*capture));

	capture->file = open_memstream(&capture->text, &capture->length);
	capture->view.out = capture->file;
	progress_begin(&capture->view);
	*state = capture;
	return 0;
}

static int close_capture(void **state)
{
	struct capture *capture = *state;

	fclose(capture->file);
	free(capture->text);
	free(capture);
	return 0;
}

static const char *text_of(struct capture *capture)
{
	fflush(capture->file);
	return capture->text;
}

static void a_phase_is_reported_once(void **state)
{
	struct capture *capture = *state;

	progress_show(&capture->view, &(struct progress){ "list", 0, 0, 0, 0 });
	progress_show(&capture->view, &(struct progress){ "list", 0, 0, 0, 1 });
	progress_show(&capture->view, &(struct progress){ "fetch", 0, 1, 0, 1 });
	progress_show(&capture->view, &(struct progress){ "fetch", 1, 1, 0, 1 });
	progress_show(&capture->view, &(struct progress){ "bake", 1, 1, 0, 1 }); /* of a newer worker */
	progress_show(&capture->view, &(struct progress){ "render", 0, 3, 0, 1 });
	progress_show(&capture->view, &(struct progress){ "publish", 0, 2, 0, 1 });
	progress_end(&capture->view, "publish");
	assert_string_equal(text_of(capture), "list: reading the list of courses\n"
					      "fetch: reading participants, 1 course\n"
					      "render: making pages, 3 courses\n"
					      "publish: writing what has changed, 2 pages\n");
}

static void unseen_phases_are_reported_at_the_end(void **state)
{
	struct capture *capture = *state;

	progress_show(&capture->view, &(struct progress){ "fetch", 0, 20, 0, 1 });
	progress_end(&capture->view, "render");
	assert_string_equal(text_of(capture), "list: reading the list of courses\n"
					      "fetch: reading participants, 20 courses\n"
					      "render: making pages\n");
}

static void each_wait_is_reported_once(void **state)
{
	struct capture *capture = *state;

	progress_show(&capture->view, &(struct progress){ "fetch", 0, 20, 31, 1 });
	progress_show(&capture->view, &(struct progress){ "fetch", 0, 20, 30, 2 });
	progress_show(&capture->view, &(struct progress){ "fetch", 5, 20, 0, 33 });
	progress_show(&capture->view, &(struct progress){ "fetch", 5, 20, 9, 40 });
	assert_string_equal(text_of(capture), "list: reading the list of courses\n"
					      "fetch: reading participants, 20 courses\n"
					      "fetch: waiting 31 s: Hemera's rate limit\n"
					      "fetch: waiting 9 s: Hemera's rate limit\n");
}

static void a_wait_between_syncs_is_reported_once_until_one_begins(void **state)
{
	static const char busy[] = "another sync is running";
	struct capture *capture = *state;

	for (unsigned left_s = 5; left_s > 0; left_s--)
		progress_wait(&capture->view, left_s, busy);
	progress_wait(&capture->view, 5, busy);
	progress_begin(&capture->view);
	progress_show(&capture->view, &(struct progress){ "list", 0, 0, 0, 0 });
	progress_wait(&capture->view, 5, busy);
	assert_string_equal(text_of(capture), "waiting 5 s: another sync is running\n"
					      "list: reading the list of courses\n"
					      "waiting 5 s: another sync is running\n");
}

static void a_silent_view_prints_nothing(void **state)
{
	struct capture *capture = *state;
	struct progress_view silent;

	progress_open(&silent, capture->file, true);
	progress_begin(&silent);
	progress_show(&silent, &(struct progress){ "list", 0, 0, 0, 0 });
	progress_wait(&silent, 5, "x");
	progress_clear(&silent);
	progress_end(&silent, "publish");
	assert_string_equal(text_of(capture), "");
}

#define CAPTURE_TEST(name) cmocka_unit_test_setup_teardown(name, open_capture, close_capture)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_fits_its_terminal),
		cmocka_unit_test(no_line_is_wider_than_its_terminal),
		cmocka_unit_test(colour_is_in_the_bar_only),
		CAPTURE_TEST(a_phase_is_reported_once),
		CAPTURE_TEST(unseen_phases_are_reported_at_the_end),
		CAPTURE_TEST(each_wait_is_reported_once),
		CAPTURE_TEST(a_wait_between_syncs_is_reported_once_until_one_begins),
		CAPTURE_TEST(a_silent_view_prints_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
