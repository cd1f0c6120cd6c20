/* SPDX-License-Identifier: MIT */
/* The deepest recursion of every kind that hostile input can cause fits in the stack of a thread, in this
 * build: the frames of -O0 and of the sanitizers are larger. Each runs on a stack that is larger still;
 * afterwards the kernel reports which of its pages were touched. So a recursion that is too deep fails with
 * the number of bytes. */
#include <limits.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/thread.h"
#include "render/syntax.h"
#include "render/template.h"

#define STACK_MEASURED (64u << 20)

static char *repeat(const char *text, size_t times)
{
	struct buf all = BUF_INIT(8 << 20);

	for (size_t i = 0; i < times; i++)
		buf_append_text(&all, text);
	return buf_take(&all);
}

/* open * times, then inside, then close * times */
static char *nested(const char *open, const char *inside, const char *close, size_t times)
{
	CLEANUP(mem_freep) char *opened = repeat(open, times), *closed = repeat(close, times);

	return mem_printf("%s%s%s", opened, inside, closed);
}

static struct json *parse(const char *text)
{
	static const struct json_limits limits = {
		.size_max = 1 << 20, .depth_max = UINT_MAX, .node_max = 1 << 20, .keeps_broken = true
	};
	struct json *json = NULL;

	if (json_parse(&json, text, strlen(text), &limits, NULL) < 0)
		return NULL;
	return json;
}

/* --- the recursions; each returns NULL, or an error message --- */

static const char *json_text(void)
{
	CLEANUP(mem_freep) char *deep = nested("{\"a\":[", "1", "]}", JSON_NESTING_MAX / 2);
	CLEANUP(json_freep) struct json *parsed = parse(deep), *copy = json_copy(parsed);
	CLEANUP(buf_done) struct buf written = BUF_INIT(1 << 20);

	json_write(&written, copy);
	return strcmp(buf_text(&written), deep) == 0 ? NULL : "the text is not what was written";
}

static const char *json_with_a_fault(void)
{
	CLEANUP(mem_freep) char *deep = nested("[", "\"\\ud800\"", "]", JSON_NESTING_MAX);
	CLEANUP(json_freep) struct json *parsed = parse(deep);

	return parsed ? NULL : "one bad string costs the whole text";
}

/* The page of a template with one partial "p", or the error. */
static const char *render(const char *text, const char *partial, const char *data, const char *expected)
{
	CLEANUP(template_freep) struct template *template = NULL;
	CLEANUP(json_freep) struct json *json = parse(data);
	CLEANUP(buf_done) struct buf page = BUF_INIT(1 << 20);
	struct template_partial item = { "p", partial, partial ? strlen(partial) : 0 };
	struct template_partials partials = { &item, partial != NULL };
	struct error err = { 0 };

	if (template_compile(&template, "page", text, strlen(text), &partials, &err) == 0)
		(void)template_render(template, json, NULL, NULL, &page, &err);
	if (strstr(err.message[0] ? err.message : buf_text(&page), expected))
		return NULL;
	return "another page or error than expected";
}

static const char *blocks(void)
{
	CLEANUP(mem_freep) char *text = nested("{{#with .}}", "x", "{{/with}}", TEMPLATE_NESTING_MAX);

	return render(text, NULL, "1", "x");
}

static const char *blocks_beyond(void)
{
	CLEANUP(mem_freep) char *text = nested("{{#if a}}", "x", "{{/if}}", TEMPLATE_NESTING_MAX + 1);

	return render(text, NULL, "1", "nested");
}

static const char *chain_of_else(void)
{
	CLEANUP(mem_freep) char *chain = repeat("{{else if a}}", TEMPLATE_NESTING_MAX - 1);
	CLEANUP(mem_freep) char *text = mem_printf("{{#if a}}%s{{else}}x{{/if}}", chain);

	return render(text, NULL, "1", "x");
}

static const char *parentheses(void)
{
	CLEANUP(mem_freep) char *inside = nested("(lookup a b=", "1", ")", TEMPLATE_NESTING_MAX);
	CLEANUP(mem_freep) char *text = mem_printf("[{{> p b=%s}}]", inside);

	return render(text, "", "1", "[]");
}

static const char *parentheses_in_blocks(void)
{
	CLEANUP(mem_freep) char *inside = nested("(lookup . ", "1", ")", TEMPLATE_NESTING_MAX / 2);
	CLEANUP(mem_freep) char *tag = mem_printf("x{{#with %s}}{{/with}}", inside);
	CLEANUP(mem_freep) char *text = nested("{{#with .}}", tag, "{{/with}}", TEMPLATE_NESTING_MAX / 2 - 1);

	return render(text, NULL, "{\"a\":1}", "x");
}

static const char *arrays_printed(void)
{
	CLEANUP(mem_freep) char *data = nested("[", "\"<\"", "]", JSON_NESTING_MAX);

	return render("{{this}}{{lookup . .}}", NULL, data, "&lt;");
}

/* A partial that calls itself inside blocks; `open` is one of them. */
static const char *itself(const char *open, const char *close)
{
	CLEANUP(mem_freep) char *partial = nested(open, "\n  {{> p}}\n", close, 24);

	return render("{{> p}}", partial, "{\"a\":[[0]],\"o\":{\"k\":1}}", "nested blocks and partials");
}

static const char *itself_in_each(void)
{
	return itself("{{#each @root.a}}", "{{/each}}");
}

static const char *itself_in_members(void)
{
	return itself("{{#each @root.o}}", "{{/each}}");
}

static const char *itself_in_else(void)
{
	return itself("{{#each @root.none}}{{else}}", "{{/each}}");
}

static const char *itself_in_sections(void)
{
	return itself("{{#@root.a}}", "{{/@root.a}}");
}

static const char *itself_in_with(void)
{
	return itself("{{#with @root.o}}", "{{/with}}");
}

static const char *itself_in_if(void)
{
	return itself("{{#if @root.o}}", "{{/if}}");
}

/* --- measuring --- */

struct trial {
	const char *name;
	const char *(*run)(void);
	const char *problem;
};

static void *run_trial(void *arg)
{
	struct trial *trial = arg;

	trial->problem = trial->run();
	return NULL;
}

/* The bytes from the first touched page to the end, where a stack begins. */
static size_t touched(char *stack)
{
	static unsigned char pages[STACK_MEASURED / 4096];
	size_t page_size = (size_t)sysconf(_SC_PAGESIZE), first = 0;

	assert_int_equal(mincore(stack, STACK_MEASURED, pages), 0);
	while (first < STACK_MEASURED / page_size && !(pages[first] & 1))
		first++;
	return STACK_MEASURED - first * page_size;
}

static size_t measure(struct trial *trial)
{
	char *stack = mmap(NULL, STACK_MEASURED, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	pthread_attr_t attributes;
	pthread_t thread;
	size_t size;

	assert_ptr_not_equal(stack, MAP_FAILED);
	(void)madvise(stack, STACK_MEASURED, MADV_NOHUGEPAGE);
	assert_int_equal(pthread_attr_init(&attributes), 0);
	assert_int_equal(pthread_attr_setstack(&attributes, stack, STACK_MEASURED), 0);
	assert_int_equal(pthread_create(&thread, &attributes, run_trial, trial), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	pthread_attr_destroy(&attributes);
	size = touched(stack);
	munmap(stack, STACK_MEASURED);
	return size;
}

static void every_recursion_fits_in_half_of_a_stack(void **state)
{
	struct trial trials[] = {
		{ "json", json_text, NULL },
		{ "json with a fault", json_with_a_fault, NULL },
		{ "blocks", blocks, NULL },
		{ "blocks beyond the limit", blocks_beyond, NULL },
		{ "else if", chain_of_else, NULL },
		{ "parentheses", parentheses, NULL },
		{ "parentheses in blocks", parentheses_in_blocks, NULL },
		{ "arrays printed", arrays_printed, NULL },
		{ "a partial in itself in each", itself_in_each, NULL },
		{ "in each over members", itself_in_members, NULL },
		{ "in else", itself_in_else, NULL },
		{ "in sections", itself_in_sections, NULL },
		{ "in with", itself_in_with, NULL },
		{ "in if", itself_in_if, NULL },
	};
	bool fits = true;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(trials); i++) {
		size_t size = measure(&trials[i]);

		if (size > THREAD_STACK_SIZE / 2)
			print_error("%s: %zu of %u bytes\n", trials[i].name, size, THREAD_STACK_SIZE);
		if (trials[i].problem)
			fail_msg("%s: %s", trials[i].name, trials[i].problem);
		fits = fits && size <= THREAD_STACK_SIZE / 2;
	}
	assert_true(fits);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_recursion_fits_in_half_of_a_stack),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
