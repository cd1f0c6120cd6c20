/* SPDX-License-Identifier: MIT */
#ifndef AITHER_TESTS_BENCH_BENCH_WRITER_H
#define AITHER_TESTS_BENCH_BENCH_WRITER_H

/*
 * The floor of tests/bench/template: the page of template.hbs and its partials as straight-line C, which
 * knows it by heart. Strings whose lengths are known go into one array; nothing is looked up or allocated.
 * Whoever changes the templates changes this file, too: the benchmark compares the bytes.
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

struct writer_page { /* all borrowed, and ended by NUL; an empty text is one that is missing */
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

/* Replaces what the writer has; aborts when the page does not fit. */
void writer_put_page(struct writer *writer, const struct writer_page *page);

#endif
