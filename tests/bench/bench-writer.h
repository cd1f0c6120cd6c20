/* SPDX-License-Identifier: MIT */
#ifndef AITHER_TESTS_BENCH_BENCH_WRITER_H
#define AITHER_TESTS_BENCH_BENCH_WRITER_H

/*
 * The floor of tests/bench/template: the page of template.hbs and its partials written by straight-line C
 * with the page built in. Strings of known length go into one array; nothing is looked up or allocated.
 * Change this file along with the templates: the benchmark compares the bytes.
 */

#include <stdbool.h>
#include <stddef.h>

#include "render/slice.h"

#define WRITER_PAGE_SIZE_MAX (64 << 10) /* the page has 12 KB */
#define WRITER_PARTICIPANTS_MAX 8

struct writer_participant {
	struct slice name, status, intent, results, manager, completed_at;
	bool completed;
};

struct writer_page { /* all borrowed and NUL-terminated; an empty text counts as missing */
	struct slice style, lang, title, level, start, start_text, end, end_text, generated_at,
		participant_count;
	bool pending;
	struct writer_participant participants[WRITER_PARTICIPANTS_MAX];
	size_t count;
};

struct writer {
	size_t length;
	char text[WRITER_PAGE_SIZE_MAX];
};

/* Replaces the writer's contents; aborts if the page does not fit. */
void writer_put_page(struct writer *writer, const struct writer_page *page);

#endif
