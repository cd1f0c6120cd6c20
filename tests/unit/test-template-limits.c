/* SPDX-License-Identifier: MIT */
/* Every limit of the template language from both sides: just below the limit a template works; above it,
 * the error names the limit. */
#include "render/template.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "render/syntax.h"

/* A template, its data and the expected result. */
struct trial {
	const char *text;
	struct template_partial partial; /* name NULL: none */
	const struct json *data;         /* NULL: null */
	size_t size_max;                 /* of the page; 0: 1 MB */
	const char *expected;            /* the page */
	const char *error;               /* otherwise: a part of the error message */
};

static void try(const struct trial *trial)
{
	CLEANUP(template_freep) struct template *template = NULL;
	CLEANUP(buf_done) struct buf page = BUF_INIT(trial->size_max ? trial->size_max : 1 << 20);
	struct template_partials partials = { &trial->partial, trial->partial.name ? 1 : 0 };
	struct error err = { 0 };
	int r = template_compile(&template, "page", trial->text, strlen(trial->text), &partials, &err);

	if (r == 0)
		r = template_render(template, trial->data, NULL, NULL, &page, &err);
	if (trial->expected) {
		if (r < 0)
			fail_msg("instead of a page: %s", err.message);
		assert_string_equal(buf_text(&page), trial->expected);
		return;
	}
	assert_int_equal(r, -EBADMSG);
	assert_int_equal(err.code, ERROR_TEMPLATE);
	assert_int_equal(page.length, 0);
	assert_non_null(trial->error);
	if (!strstr(err.message, trial->error))
		fail_msg("\"%s\" does not say \"%s\"", err.message, trial->error);
}

static struct template_partial partial(const char *name, const char *text)
{
	return (struct template_partial){ name, text, strlen(text) };
}

static char *repeat(const char *text, size_t times)
{
	struct buf all = BUF_INIT(8 << 20);

	for (size_t i = 0; i < times; i++)
		buf_append_text(&all, text);
	return buf_take(&all);
}

/* {"next":{"next":{...}}}, an object in an object, `count` of them. */
static struct json *chain(unsigned count)
{
	struct json *inner = json_new_object();

	for (unsigned i = 1; i < count; i++) {
		struct json *outer = json_new_object();

		json_set(outer, "next", inner);
		inner = outer;
	}
	return inner;
}

/* {"l":[0,0,...]} */
static struct json *list(unsigned count)
{
	struct json *object = json_new_object(), *array = json_new_array();

	for (unsigned i = 0; i < count; i++)
		json_append(array, json_new_integer(0));
	json_set(object, "l", array);
	return object;
}

static void templates_and_partials_have_a_size_limit(void **state)
{
	CLEANUP(mem_freep) char *largest = repeat("x", TEMPLATE_SIZE_MAX);
	CLEANUP(mem_freep) char *larger = repeat("x", TEMPLATE_SIZE_MAX + 1);

	(void)state;
	try(&(struct trial){ .text = largest, .size_max = TEMPLATE_SIZE_MAX, .expected = largest });
	try(&(struct trial){ .text = larger, .error = "page: larger than 1048576 bytes" });
	try(&(struct trial){ .text = "{{> part}}",
		.partial = partial("part", largest),
		.size_max = TEMPLATE_SIZE_MAX,
		.expected = largest });
	try(&(struct trial){ .text = "{{> part}}",
		.partial = partial("part", larger),
		.error = "part.hbs: larger than 1048576 bytes" });
}

static void blocks_nest_up_to_a_limit(void **state)
{
	CLEANUP(mem_freep) char *open = repeat("{{#unless a}}", TEMPLATE_NESTING_MAX);
	CLEANUP(mem_freep) char *close = repeat("{{/unless}}", TEMPLATE_NESTING_MAX);
	CLEANUP(mem_freep) char *deep = mem_printf("%sx%s", open, close);
	CLEANUP(mem_freep) char *deeper = mem_printf("{{#unless a}}%sx%s{{/unless}}", open, close);

	(void)state;
	try(&(struct trial){ .text = deep, .expected = "x" });
	try(&(struct trial){
		.text = deeper, .error = "page:1:1301: more than 100 nested blocks or parentheses" });
}

static void parentheses_nest_up_to_a_limit(void **state)
{
	CLEANUP(mem_freep) char *open = repeat("(lookup ", TEMPLATE_NESTING_MAX);
	CLEANUP(mem_freep) char *close = repeat(" 1)", TEMPLATE_NESTING_MAX);
	CLEANUP(mem_freep) char *deep = mem_printf("[{{lookup %sx%s 1}}]", open, close);
	CLEANUP(mem_freep) char *deeper = mem_printf("[{{lookup (lookup %sx%s 1) 1}}]", open, close);

	(void)state;
	try(&(struct trial){ .text = deep, .expected = "[]" });
	try(&(struct trial){ .text = deeper, .error = "more than 100 nested blocks or parentheses" });
}

static void partials_call_partials_up_to_a_limit(void **state)
{
	CLEANUP(json_freep) struct json *deep = chain(TEMPLATE_PARTIAL_DEPTH_MAX);
	CLEANUP(json_freep) struct json *deeper = chain(TEMPLATE_PARTIAL_DEPTH_MAX + 1);
	CLEANUP(mem_freep) char *page = repeat("x", TEMPLATE_PARTIAL_DEPTH_MAX);
	struct trial trial = { .text = "{{> walk}}",
		.partial = partial("walk", "x{{#if next}}{{> walk next}}{{/if}}") };

	(void)state;
	trial.data = deep;
	trial.expected = page;
	try(&trial);
	trial.data = deeper;
	trial.expected = NULL;
	trial.error = "walk.hbs:1:14: more than 50 nested partials";
	try(&trial);
}

/* Each partial is within both limits above, but together they would exhaust the C stack. */
static void blocks_and_partials_together_have_a_limit(void **state)
{
	CLEANUP(mem_freep) char *open = repeat("{{#if next}}", 24);
	CLEANUP(mem_freep) char *close = repeat("{{/if}}", 24);
	CLEANUP(mem_freep) char *walk = mem_printf("x%s{{> walk next}}%s", open, close);
	CLEANUP(mem_freep) char *page = repeat("x", 9);
	CLEANUP(json_freep) struct json *deep = chain(9), *deeper = chain(12);
	struct trial trial = { .text = "{{> walk}}", .partial = partial("walk", walk) };

	(void)state;
	trial.data = deep; /* 25 per link of the chain */
	trial.expected = page;
	try(&trial);
	trial.data = deeper;
	trial.expected = NULL;
	trial.error = "walk.hbs:1:299: more than 250 nested blocks and partials";
	try(&trial);
}

static void work_has_a_limit(void **state)
{
	static const char steps[] = "rendering takes more than 20000000 steps";
	CLEANUP(json_freep) struct json *some = list(1000), *many = list(1000000);
	clock_t start = clock();

	(void)state;
	try(&(struct trial){
		.text = "{{#each l}}{{#each ../l}}{{/each}}{{/each}}", .data = some, .expected = "" });
	try(&(struct trial){ .text = "{{#each l}}{{#each ../l}}{{#each @root.l}}{{/each}}{{/each}}{{/each}}",
		.data = some,
		.error = steps });
	try(&(struct trial){
		.text = "{{#each l}}{{#each @root.l}}{{/each}}{{/each}}", .data = many, .error = steps });
	/* A search in a long list counts as work, too. */
	try(&(struct trial){
		.text = "{{#each l}}{{#if @root.l.length}}{{/if}}{{/each}}", .data = many, .error = steps });
	/* It takes milliseconds; without the limit it would take hours. */
	assert_true((clock() - start) / CLOCKS_PER_SEC < 20);
}

/* The text of an array, of any length, is made again whenever it is compared or used as a name. */
static void long_texts_are_work(void **state)
{
	static const char steps[] = "rendering takes more than 20000000 steps";
	CLEANUP(mem_freep) char *text = repeat("0123456789abcdef", 65536);
	CLEANUP(json_freep)
	struct json *data = json_new_object(), *array = json_new_array(), *texts = json_new_array();
	clock_t start = clock();

	(void)state;
	json_append(array, json_new_string(text));
	json_set(data, "arr", STEAL(array));
	for (int i = 0; i < 100000; i++)
		json_append(texts, json_new_string("x"));
	json_set(data, "l", STEAL(texts));
	try(&(struct trial){
		.text = "{{#with arr}}{{#each ../l}}{{/each}}{{/with}}", .data = data, .error = steps });
	try(&(struct trial){
		.text = "{{#with arr}}{{#each ../l}}{{#if (lookup @root ..)}}{{/if}}{{/each}}{{/with}}",
		.data = data,
		.error = steps });
	assert_true((clock() - start) / CLOCKS_PER_SEC < 20);
}

/* The length of a text counts as work, and its characters become members when it is a context with
 * pairs. */
static void the_length_of_texts_is_work(void **state)
{
	static const char *const texts[] = { "{{#each l}}{{#if @root.text.length}}{{/if}}{{/each}}",
		"{{#each l}}{{> p @root.text x=1}}{{/each}}" };
	CLEANUP(mem_freep) char *text = repeat("0123456789abcdef", 65536);
	CLEANUP(json_freep) struct json *data = list(100000);

	(void)state;
	json_set_string(data, "text", text);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		try(&(struct trial){ .text = texts[i],
			.partial = partial("p", ""),
			.data = data,
			.error = "rendering takes more than " });
}

/* A loop over an object makes a table of its members, and sorts names that are integers. */
static void members_take_memory(void **state)
{
	static const char *const prefixes[] = { "m", "" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
		CLEANUP(json_freep) struct json *data = list(100), *object = json_new_object();
		char name[24];

		for (int at = 0; at < 100000; at++) {
			snprintf(name, sizeof(name), "%s%d", prefixes[i], at);
			json_set_bool(object, name, true);
		}
		json_set(data, "o", STEAL(object));
		try(&(struct trial){ .text = "{{#each l}}{{#each @root.o}}{{else}}{{/each}}{{/each}}",
			.data = data,
			.error = "rendering takes more than " });
	}
}

/* Comparing a text with a number reads the number in the text. */
static void numbers_in_long_texts_are_work(void **state)
{
	CLEANUP(mem_freep) char *spaces = repeat(" ", 100000);
	CLEANUP(mem_freep) char *text = mem_printf("{{#each l}}{{#with \"%s1\"}}{{/with}}{{/each}}", spaces);
	CLEANUP(json_freep) struct json *data = list(20000);

	(void)state;
	try(&(struct trial){
		.text = text, .data = data, .error = "rendering takes more than 20000000 steps" });
}

/* Every partial with pairs copies its context, here 4 MB. */
static void memory_has_a_limit(void **state)
{
	CLEANUP(json_freep) struct json *data = json_new_object();
	char name[24];
	struct trial trial = { .data = data };

	(void)state;
	for (int i = 0; i < 100000; i++) {
		snprintf(name, sizeof(name), "m%d", i);
		json_set_bool(data, name, true);
	}
	json_set(data, "step", chain(10));
	json_set(data, "far", chain(40));
	trial.partial = partial("copy", "x{{#if step}}{{> copy step=step.next}}{{/if}}");
	trial.text = "{{> copy}}";
	trial.expected = "xxxxxxxxxxx";
	try(&trial);
	trial.text = "{{> copy step=far}}";
	trial.expected = NULL;
	trial.error = "copy.hbs:1:14: rendering takes more than 67108864 bytes of memory";
	assert_int_equal(EVALUATOR_MEMORY_MAX, 67108864);
	try(&trial);
}

static void the_page_has_a_size_limit(void **state)
{
	CLEANUP(json_freep) struct json *data = list(10);
	const char text[] = "{{#each l}}ab{{/each}}";

	(void)state;
	try(&(struct trial){
		.text = text, .data = data, .size_max = 20, .expected = "abababababababababab" });
	try(&(struct trial){
		.text = text, .data = data, .size_max = 19, .error = "the page is larger than 19 bytes" });
}

/* Each level holds its lines until it is indented; all levels together hold no more than a page. */
static void indented_partials_share_the_room_of_the_page(void **state)
{
	CLEANUP(mem_freep) char *line = repeat("x", 65535);
	CLEANUP(mem_freep) char *walk = mem_printf("%s\n  {{> walk}}\n", line);

	(void)state;
	try(&(struct trial){ .text = "{{> walk}}",
		.partial = partial("walk", walk),
		.error = "walk.hbs:1:1: the page is larger than 1048576 bytes" });
	try(&(struct trial){
		.text = "  {{> p}}", .partial = partial("p", "ab\n"), .size_max = 5, .expected = "  ab\n" });
	try(&(struct trial){ .text = "  {{> p}}",
		.partial = partial("p", "ab\n"),
		.size_max = 4,
		.error = "page:1:3: the page is larger than 4 bytes" });
}

static void a_page_that_does_not_fit_leaves_the_buffer_as_it_was(void **state)
{
	CLEANUP(template_freep) struct template *template = NULL;
	CLEANUP(buf_done) struct buf out = BUF_INIT(24);
	struct error err = { 0 };
	const char text[] = "0123456789";

	(void)state;
	assert_int_equal(template_compile(&template, "p", text, strlen(text), NULL, &err), 0);
	assert_int_equal(template_render(template, NULL, NULL, NULL, &out, &err), 0);
	assert_int_equal(template_render(template, NULL, NULL, NULL, &out, &err), 0);
	assert_int_equal(template_render(template, NULL, NULL, NULL, &out, &err), -EBADMSG);
	assert_string_equal(buf_text(&out), "01234567890123456789");
	assert_non_null(strstr(err.message, "p:1:1: the page is larger than"));
}

/* Otherwise a slow template would delay the end of the worker until its steps are used up. */
static void a_cancelled_or_late_render_ends_at_once(void **state)
{
	CLEANUP(template_freep) struct template *template = NULL;
	CLEANUP(buf_done) struct buf out = BUF_INIT(24);
	struct error err = { 0 };
	atomic_bool cancelled = false;
	struct template_stop stop = { .cancelled = &cancelled };
	const char text[] = "0123456789";

	(void)state;
	assert_int_equal(template_compile(&template, "p", text, strlen(text), NULL, &err), 0);
	assert_int_equal(template_render(template, NULL, NULL, &stop, &out, &err), 0);
	atomic_store(&cancelled, true);
	assert_int_equal(template_render(template, NULL, NULL, &stop, &out, &err), -ECANCELED);
	assert_int_equal(err.code, ERROR_SHUTTING_DOWN);
	stop = (struct template_stop){ .deadline_mono_ms = 1 };
	assert_int_equal(template_render(template, NULL, NULL, &stop, &out, &err), -ETIMEDOUT);
	assert_int_equal(err.code, ERROR_TEMPLATE);
	assert_string_equal(buf_text(&out), "0123456789");
}

/* `form` with `most` items in place of its "*" gives a page; with one more it gives an error. */
static void check_list(
	const char *form, size_t most, const char *item, const char *expected, const char *error)
{
	CLEANUP(mem_freep) char *items = repeat(item, most);
	CLEANUP(mem_freep) char *more = mem_printf("%s%s", items, item);
	CLEANUP(mem_freep) char *before = mem_strndup(form, (size_t)(strchr(form, '*') - form));
	CLEANUP(mem_freep) char *good = mem_printf("%s%s%s", before, items, strchr(form, '*') + 1);
	CLEANUP(mem_freep) char *bad = mem_printf("%s%s%s", before, more, strchr(form, '*') + 1);

	try(&(struct trial){ .text = good, .partial = partial("p", "y"), .expected = expected });
	try(&(struct trial){ .text = bad, .partial = partial("p", "y"), .error = error });
}

static void lists_in_a_tag_have_a_limit(void **state)
{
	(void)state;
	check_list("{{> p *}}", 100, "a=1 ", "y", "page:1:1: more than 100 key=value pairs");
	check_list("{{#unless x as |*|}}y{{/unless}}", 16, "a ", "y", "more than 16 block parameters");
	check_list("{{#if *}}y{{/if}}", 400, "1", "y", "this number has more than 400 digits");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(templates_and_partials_have_a_size_limit),
		cmocka_unit_test(blocks_nest_up_to_a_limit),
		cmocka_unit_test(parentheses_nest_up_to_a_limit),
		cmocka_unit_test(partials_call_partials_up_to_a_limit),
		cmocka_unit_test(blocks_and_partials_together_have_a_limit),
		cmocka_unit_test(work_has_a_limit),
		cmocka_unit_test(long_texts_are_work),
		cmocka_unit_test(the_length_of_texts_is_work),
		cmocka_unit_test(members_take_memory),
		cmocka_unit_test(numbers_in_long_texts_are_work),
		cmocka_unit_test(memory_has_a_limit),
		cmocka_unit_test(the_page_has_a_size_limit),
		cmocka_unit_test(indented_partials_share_the_room_of_the_page),
		cmocka_unit_test(a_page_that_does_not_fit_leaves_the_buffer_as_it_was),
		cmocka_unit_test(a_cancelled_or_late_render_ends_at_once),
		cmocka_unit_test(lists_in_a_tag_have_a_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
