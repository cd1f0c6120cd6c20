/* SPDX-License-Identifier: MIT */

/*
 * The C half of tests/bench/template, whose header describes the measurements:
 *
 *	bench-template page|render|compile|writer TEMPLATE DATA [PARTIAL...]
 *
 * page prints the page; the others print the median time of making it once, in nanoseconds. The measurement
 * begins only after the template and the writer have given the same bytes.
 */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "render/slice.h"
#include "render/template.h"
#include "bench-writer.h"

#define INPUT_SIZE_MAX (1 << 20) /* of each file; real ones have a few KB */
#define PARTIALS_MAX 8
#define BATCHES 41       /* odd, so that the median is one of them */
#define BATCH_NS 5000000 /* long compared with the clock's resolution, short compared with a time slice */

/* --- the measured code --- */

struct bench {
	struct buf text; /* of the template */
	struct buf partial_texts[PARTIALS_MAX];
	struct template_partial partials[PARTIALS_MAX];
	size_t partial_count;
	struct json *data;
	struct template *tmpl;
	struct writer_page page;
	char participant_count[16]; /* borrowed by page */
	struct buf out;
	struct writer writer;
};

static void fail(const struct error *err)
{
	fprintf(stderr, "bench-template: %s\n", err->message);
	exit(EXIT_FAILURE);
}

static struct template *bench_compile(const struct bench *bench)
{
	struct template_partials partials = { bench->partials, bench->partial_count };
	struct template *tmpl;
	struct error err;

	if (template_compile(&tmpl, "template.hbs", bench->text.data, bench->text.length, &partials, &err) <
		0)
		fail(&err);
	return tmpl;
}

/* The buffer is reused from page to page, as in a sync. */
static void bench_render_with(struct bench *bench, const struct template *tmpl)
{
	struct error err;

	buf_clear(&bench->out);
	if (template_render(tmpl, bench->data, NULL, NULL, &bench->out, &err) < 0)
		fail(&err);
}

static void bench_render(struct bench *bench)
{
	bench_render_with(bench, bench->tmpl);
}

static void bench_compile_and_render(struct bench *bench)
{
	CLEANUP(template_freep) struct template *tmpl = bench_compile(bench);

	bench_render_with(bench, tmpl);
}

static void bench_write(struct bench *bench)
{
	writer_put_page(&bench->writer, &bench->page);
}

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static int64_t batch_ns(struct bench *bench, void (*make)(struct bench *), long pages)
{
	int64_t begin = now_ns();

	for (long i = 0; i < pages; i++)
		make(bench);
	return now_ns() - begin;
}

static int compare_times(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Median nanoseconds per page. Finding out how many pages make a batch warms everything up. */
static double measure(struct bench *bench, void (*make)(struct bench *))
{
	double times[BATCHES];
	long pages = 1;

	while (batch_ns(bench, make, pages) < BATCH_NS)
		pages *= 2;
	for (size_t i = 0; i < BATCHES; i++)
		times[i] = (double)batch_ns(bench, make, pages) / (double)pages;
	qsort(times, BATCHES, sizeof(*times), compare_times);
	return times[BATCHES / 2];
}

/* --- preparation --- */

static void read_file(const char *path, struct buf *ret_content)
{
	struct error err;

	buf_init(ret_content, INPUT_SIZE_MAX);
	if (file_read_path(path, ret_content, &err) < 0)
		fail(&err);
}

static void read_data(const char *path, struct json **ret_data)
{
	const struct json_limits limits = {
		.size_max = INPUT_SIZE_MAX,
		.depth_max = JSON_DEPTH_MAX,
		.node_max = 10000,
	};
	CLEANUP(buf_done) struct buf text;
	struct error err;

	read_file(path, &text);
	if (json_parse(ret_data, text.data, text.length, &limits, &err) < 0)
		fail(&err);
}

/* The name of a partial is its file name without ".hbs". */
static void read_partial(struct bench *bench, const char *path)
{
	struct buf *text = &bench->partial_texts[bench->partial_count];
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;

	read_file(path, text);
	bench->partials[bench->partial_count++] = (struct template_partial){
		.name = mem_strndup(name, strcspn(name, ".")),
		.text = text->data,
		.length = text->length,
	};
	if (strncmp(name, "style.", 6) == 0)
		bench->page.style = (struct slice){ text->data, text->length };
}

static struct slice member(const struct json *object, const char *name)
{
	const char *text = json_string(json_get(object, name));

	return text ? slice_from_text(text) : SLICE("");
}

static void fill_participant(struct writer_participant *participant, const struct json *json)
{
	*participant = (struct writer_participant){
		.name = member(json, "name"),
		.status = member(json, "statusLabel"),
		.intent = member(json, "preparationIntent"),
		.results = member(json, "desiredResults"),
		.manager = member(json, "lineManagerProfile"),
		.completed = json_bool(json_get(json, "preparationCompleted"), false),
		.completed_at = member(json, "preparationCompletedAt"),
	};
}

static void fill_page(struct bench *bench)
{
	const struct json *data = bench->data, *course = json_get(data, "course");
	struct writer_page *page = &bench->page;

	snprintf(bench->participant_count, sizeof(bench->participant_count), "%lld",
		(long long)json_integer(json_get(course, "participantCount"), 0));
	page->lang = member(data, "lang");
	page->title = member(course, "title");
	page->level = member(course, "levelLabel");
	page->start = member(course, "startDate");
	page->start_text = member(course, "startDateText");
	page->end = member(course, "endDate");
	page->end_text = member(course, "endDateText");
	page->participant_count = slice_from_text(bench->participant_count);
	page->generated_at = member(data, "generatedAt");
	page->pending = json_bool(json_get(data, "participantsPending"), false);
	JSON_FOREACH (participant, json_get(data, "participants")) {
		if (page->count < WRITER_PARTICIPANTS_MAX)
			fill_participant(&page->participants[page->count++], participant);
	}
}

static void check_equal(struct bench *bench)
{
	bench_render(bench);
	bench_write(bench);
	if (slice_equal((struct slice){ bench->out.data, bench->out.length },
		    (struct slice){ bench->writer.text, bench->writer.length }))
		return;
	fputs("bench-template: the writer's page is not the template's\n", stderr);
	exit(EXIT_FAILURE);
}

static void bench_init(struct bench *bench, char **paths)
{
	buf_init(&bench->out, WRITER_PAGE_SIZE_MAX);
	read_file(paths[0], &bench->text);
	read_data(paths[1], &bench->data);
	for (paths += 2; *paths; paths++)
		read_partial(bench, *paths);
	bench->tmpl = bench_compile(bench);
	fill_page(bench);
	check_equal(bench);
}

static void bench_done(struct bench *bench)
{
	template_free(bench->tmpl);
	json_free(bench->data);
	buf_done(&bench->text);
	buf_done(&bench->out);
	for (size_t i = 0; i < bench->partial_count; i++) {
		free((char *)bench->partials[i].name);
		buf_done(&bench->partial_texts[i]);
	}
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*make)(struct bench *);
	} modes[] = {
		{ "render", bench_render },
		{ "compile", bench_compile_and_render },
		{ "writer", bench_write },
	};
	static struct bench bench; /* too large for the stack */
	bool known;

	if (argc < 4 || argc > 4 + PARTIALS_MAX) {
		fputs("usage: bench-template page|render|compile|writer TEMPLATE DATA [PARTIAL...]\n",
			stderr);
		return 64;
	}
	bench_init(&bench, argv + 2);
	known = strcmp(argv[1], "page") == 0;
	if (known)
		fwrite(bench.out.data, 1, bench.out.length, stdout);
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		if (strcmp(argv[1], modes[i].name) != 0)
			continue;
		known = true;
		printf("%.0f\n", measure(&bench, modes[i].make));
	}
	bench_done(&bench);
	return known ? EXIT_SUCCESS : 64;
}
