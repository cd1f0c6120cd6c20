/* SPDX-License-Identifier: MIT */
#include "render/template.h"

#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/time.h"
#include "published/texts.h"
#include "render/arena.h"
#include "render/helpers.h"
#include "render/value.h"

struct row {
	const char *name, *template, *data;
	const char *expected; /* the output, or NULL */
	const char *error;    /* otherwise: a part of the error message */
};

static const struct template_partial partial_items[] = {
	{ "row", "<{{name}}>", 10 },
	{ "lines", "a\nb\n", 4 },
	{ "self", "x{{> self}}", 11 },
	{ "tree", "{{name}}{{#each kids}}({{> tree}}){{/each}}", 43 },
	{ "up", "[{{../name}}{{@index}}]", 23 },
};

static const struct template_partials partials = { partial_items, ARRAY_SIZE(partial_items) };

static const char texts_json[] =
	"{\"language\":\"de\",\"date.format\":\"{day}. {month} {year}\",\"greeting\":\"Guten Tag & "
	"<willkommen>\","
	"\"month.1\":\"Januar\",\"month.2\":\"Februar\",\"month.3\":\"März\",\"month.4\":\"April\",\"month."
	"5\":\"Mai\","
	"\"month.6\":\"Juni\",\"month.7\":\"Juli\",\"month.8\":\"August\",\"month.9\":\"September\","
	"\"month.10\":\"Oktober\",\"month.11\":\"November\",\"month.12\":\"Dezember\"}";

static struct json *parse_data(const char *text)
{
	static const struct json_limits limits = {
		.size_max = 8 << 20, .depth_max = 100, .node_max = 1000000
	};
	struct json *data = NULL;
	struct error err = { 0 };

	if (json_parse(&data, text, strlen(text), &limits, &err) < 0)
		fail_msg("%s: %s", text, err.message);
	return data;
}

static int run(const char *text, const char *data_text, struct buf *out, struct error *err)
{
	CLEANUP(json_freep) struct json *data = parse_data(data_text);
	CLEANUP(template_freep) struct template *template = NULL;
	CLEANUP(texts_freep) struct texts *texts = NULL;
	int r = texts_parse(&texts, "Site", "texts", texts_json, strlen(texts_json), err);

	if (r == 0)
		r = template_compile(&template, "page.hbs", text, strlen(text), &partials, err);
	return r < 0 ? r : template_render(template, data, texts, NULL, out, err);
}

static bool row_holds(const struct row *row)
{
	CLEANUP(buf_done) struct buf out = BUF_INIT(1 << 20);
	struct error err = { 0 };
	int r = run(row->template, row->data ? row->data : "{}", &out, &err);

	if (row->expected && r == 0 && strcmp(buf_text(&out), row->expected) == 0)
		return true;
	if (!row->expected && r == -EBADMSG && err.code == ERROR_TEMPLATE &&
		strstr(err.message, row->error) && out.length == 0)
		return true;
	print_error("%s: %s\n  expected: %s\n  got:      %s\n", row->name, row->template,
		row->expected ? row->expected : row->error, r < 0 ? err.message : buf_text(&out));
	return false;
}

static void check_rows(const struct row *rows, size_t count)
{
	size_t failed = 0;

	for (size_t i = 0; i < count; i++)
		failed += !row_holds(&rows[i]);
	assert_int_equal(failed, 0);
}

static void values_are_printed_and_escaped(void **state)
{
	static const struct row rows[] = {
		{ "text only", "a {b} }} c", NULL, "a {b} }} c", NULL },
		{ "empty template", "", NULL, "", NULL },
		{ "seven characters", "{{x}}", "{\"x\":\"&<>\\\"'`=\"}",
			"&amp;&lt;&gt;&quot;&#x27;&#x60;&#x3D;", NULL },
		{ "three braces do not escape", "{{{x}}}{{&x}}", "{\"x\":\"<\"}", "<<", NULL },
		{ "a member named unlike", "{{[a b].c}}{{a/b}}{{this.d}}{{./d}}",
			"{\"a b\":{\"c\":1},\"a\":{\"b\":2},\"d\":3}", "1233", NULL },
		{ "missing and null", "[{{x}}{{a.b.c}}{{n}}]", "{\"n\":null}", "[]", NULL },
		{ "booleans", "{{a}}{{b}}", "{\"a\":true,\"b\":false}", "truefalse", NULL },
		{ "arrays and objects", "{{a}} {{o}}", "{\"a\":[1,null,[2,\"<\"]],\"o\":{}}",
			"1,,2,&lt; [object Object]", NULL },
		{ "upper and lower case differ", "{{name}}", "{\"Name\":1}", "", NULL },
		{ "a comment", "a{{! x }}b{{!-- }} --}}c", NULL, "abc", NULL },
		{ "an escaped mustache", "\\{{x}} \\\\{{x}}", "{\"x\":1}", "{{x}} \\1", NULL },
		{ "literals as keys", "{{12}}{{true}}{{\"x y\"}}", "{\"12\":1,\"true\":2,\"x y\":3}", "123",
			NULL },
	};

	(void)state;
	check_rows(rows, ARRAY_SIZE(rows));
}

static void numbers_are_printed_as_in_javascript(void **state)
{
	static const struct row rows[] = {
		{ "integers", "{{n}}", "{\"n\":[0,-0,7,-120,9007199254740993]}",
			"0,0,7,-120,9007199254740992", NULL },
		{ "fractions", "{{n}}", "{\"n\":[0.1,1.50,-2.25,100.001]}", "0.1,1.5,-2.25,100.001", NULL },
		{ "large", "{{n}}", "{\"n\":[1e20,123456789012345680000,1e21,1.5e300]}",
			"100000000000000000000,123456789012345680000,1e+21,1.5e+300", NULL },
		{ "small", "{{n}}", "{\"n\":[0.000001,1e-7,1.25e-9,5e-324]}", "0.000001,1e-7,1.25e-9,5e-324",
			NULL },
		{ "2 to the power of -24", "{{n}}", "{\"n\":5.9604644775390625e-8}", "5.960464477539063e-8",
			NULL },
		{ "of a text that equals it",
			"{{#with n}}{{#with \"0x1f\"}}{{../m}}{{/with}}{{#with \" 3.1e1 "
			"\"}}{{../m}}{{/with}}{{#with \"0b11111\"}}{{../m}}{{/with}}{{/with}}",
			"{\"n\":31,\"m\":\"y\"}", "yyy", NULL },
		{ "of a text that does not",
			"{{#with n}}{{#with \"0x1g\"}}{{..}}{{/with}}{{#with \"-Infinity"
			"\"}}{{..}}{{/with}}{{#with \"nan\"}}{{..}}{{/with}}{{/with}}",
			"{\"n\":31}", "313131", NULL },
		{ "a third", "{{n}}", "{\"n\":0.3333333333333333}", "0.3333333333333333", NULL },
	};

	(void)state;
	check_rows(rows, ARRAY_SIZE(rows));
}

static void blocks_choose_and_repeat(void **state)
{
	static const struct row rows[] = {
		{ "if", "{{#if a}}y{{else}}n{{/if}}", "{\"a\":1}", "y", NULL },
		{ "falsy values", "{{#each l}}{{#if this}}y{{else}}n{{/if}}{{/each}}",
			"{\"l\":[null,false,0,\"\",[],{},\"0\",\"x\"]}", "nnnnnyyy", NULL },
		{ "includeZero", "{{#if n includeZero=true}}y{{/if}}", "{\"n\":0}", "y", NULL },
		{ "unless", "{{#unless a}}y{{else}}n{{/unless}}", "{}", "y", NULL },
		{ "else if", "{{#if a}}1{{else if b}}2{{else}}3{{/if}}", "{\"b\":1}", "2", NULL },
		{ "each over an array", "{{#each l}}{{@index}}{{@first}}{{@last}}{{this}} {{/each}}",
			"{\"l\":[\"a\",\"b\"]}", "0truefalsea 1falsetrueb ", NULL },
		{ "each over an object", "{{#each o}}{{@key}}={{.}};{{/each}}",
			"{\"o\":{\"b\":1,\"2\":2,\"a\":3,\"1\":4}}", "1=4;2=2;b=1;a=3;", NULL },
		{ "each over nothing", "{{#each l}}x{{else}}none{{/each}}", "{\"l\":[]}", "none", NULL },
		{ "parent and root", "{{#each l}}{{../n}}{{@root.n}}{{n}}{{/each}}", "{\"n\":1,\"l\":[{}]}",
			"11", NULL },
		{ "loop in a loop", "{{#each l}}{{#each this}}{{@../index}}{{@index}} {{/each}}{{/each}}",
			"{\"l\":[[1,2],[3]]}", "00 01 10 ", NULL },
		{ "with", "{{#with a}}{{b}}{{../c}}{{else}}no{{/with}}", "{\"a\":{\"b\":1},\"c\":2}", "12",
			NULL },
		{ "block parameters", "{{#each l as |v k|}}{{k}}{{v.a}}{{/each}}", "{\"l\":[{\"a\":\"x\"}]}",
			"0x", NULL },
		{ "a section", "{{#a}}[{{b}}]{{/a}}{{^c}}none{{/c}}", "{\"a\":[{\"b\":1},{\"b\":2}]}",
			"[1][2]none", NULL },
		{ "lookup", "{{#each k}}{{lookup ../o this}}{{/each}}",
			"{\"k\":[\"x\",\"y\"],\"o\":{\"x\":1,\"y\":2}}", "12", NULL },
		{ "each over what a helper writes", "{{#each (image u a)}}{{@key}}{{/each}}", "{\"u\":\"x\"}",
			"string", NULL },
		{ "what a helper writes in itself",
			"{{#with (image u a)}}{{#with this}}{{string}}{{/with}}{{/with}}", "{\"u\":\"x\"}",
			"&lt;img src&#x3D;&quot;x&quot; alt&#x3D;&quot;&quot; "
			"loading&#x3D;&quot;lazy&quot; class&#x3D;&quot;media-fallback&quot; /&gt;",
			NULL },
		{ "a call in parentheses", "{{#if (lookup o \"x\")}}y{{/if}}", "{\"o\":{\"x\":1}}", "y",
			NULL },
		{ "length", "{{l.length}}{{s.length}}", "{\"l\":[1,2],\"s\":\"äb\"}", "22", NULL },
	};

	(void)state;
	check_rows(rows, ARRAY_SIZE(rows));
}

static void a_tag_that_stands_alone_takes_its_line_with_it(void **state)
{
	static const struct row rows[] = {
		{ "block tags", "a\n{{#if x}}\nb\n{{/if}}\nc", "{\"x\":1}", "a\nb\nc", NULL },
		{ "else", "{{#if x}}\na\n  {{else}}\nb\n{{/if}}\n", "{}", "b\n", NULL },
		{ "a comment", "a\n  {{! x }}  \nb", NULL, "a\nb", NULL },
		{ "values never", "a\n{{x}}\nb", NULL, "a\n\nb", NULL },
		{ "CR LF", "a\r\n{{#if x}}\r\nb\r\n{{/if}}\r\nc", "{\"x\":1}", "a\r\nb\r\nc", NULL },
		{ "tilde", "a \n {{~x~}} \n b", "{\"x\":1}", "a1b", NULL },
		{ "a partial with indentation", "<\n  {{> lines}}\n>", NULL, "<\n  a\n  b\n>", NULL },
	};

	(void)state;
	check_rows(rows, ARRAY_SIZE(rows));
}

static void partials_get_a_context(void **state)
{
	static const struct row rows[] = {
		{ "the present one", "{{> row}}", "{\"name\":\"n\"}", "<n>", NULL },
		{ "a given one", "{{> row a}}", "{\"a\":{\"name\":\"n\"}}", "<n>", NULL },
		{ "pairs", "{{> row name=\"p\"}}", "{\"name\":\"n\"}", "<p>", NULL },
		{ "a computed name", "{{> (lookup . \"which\")}}", "{\"which\":\"row\",\"name\":\"n\"}",
			"<n>", NULL },
		{ "the caller's parents are out of sight, its loop is not", "{{#each l}}{{> up}}{{/each}}",
			"{\"name\":\"n\",\"l\":[1]}", "[0]", NULL },
		{ "recursion over data", "{{> tree}}",
			"{\"name\":1,\"kids\":[{\"name\":2,\"kids\":[]},{\"name\":3}]}", "1(2)(3)", NULL },
		{ "a missing one in a branch not taken", "{{#if no}}{{> nope}}{{/if}}ok", NULL, "ok", NULL },
		{ "a missing one", "\n {{> nope}}", NULL, NULL,
			"page.hbs:2:2: there is no partial \"nope\"" },
		{ "a computed name that is none is not told: it is data", "{{> (lookup . \"name\")}}",
			"{\"name\":\"Ada\"}", NULL,
			"page.hbs:1:1: there is no partial with the computed name" },
		{ "endless recursion", "{{> self}}", NULL, NULL,
			"self.hbs:1:2: more than 50 nested partials" },
		{ "two contexts", "{{> row a b}}", NULL, NULL,
			"page.hbs:1:1: a partial takes at most one context" },
	};

	(void)state;
	check_rows(rows, ARRAY_SIZE(rows));
}

static void helpers_write_texts_dates_and_media(void **state)
{
	static const struct row rows[] = {
		{ "a text is escaped", "{{t \"greeting\"}}", NULL, "Guten Tag &amp; &lt;willkommen&gt;",
			NULL },
		{ "an unknown text", "{{t \"nope\"}}", NULL, NULL, "page.hbs:1:1: {{t}} names a text" },
		{ "a date", "{{date d}}", "{\"d\":\"2026-03-14T23:00:00.000Z\"}", "15. März 2026", NULL },
		{ "no date", "[{{date d}}{{date x}}{{date \"\"}}]", "{\"d\":null}", "[]", NULL },
		{ "something else", "{{date d}}", "{\"d\":\"soon\"}", NULL, "{{date}} takes a date like" },
		{ "two dates", "{{date d d}}", NULL, NULL, "{{date}} takes exactly one value" },
		{ "data of that name", "{{date}}{{t}}{{this.date}}", "{\"date\":1,\"t\":2}", "121", NULL },
		{ "a picture", "{{image u a}}", "{\"u\":\"a\\\"b\",\"a\":null}",
			"<img src=\"a&quot;b\" alt=\"\" loading=\"lazy\" class=\"media-fallback\" />", NULL },
		{ "an unknown helper", "{{foo 1}}", NULL, NULL, "page.hbs:1:1: there is no helper \"foo\"" },
		{ "a block as a value", "{{if x}}", NULL, NULL, "are blocks" },
	};

	(void)state;
	check_rows(rows, ARRAY_SIZE(rows));
}

static void media_helpers_spend_steps_for_what_they_write(void **state)
{
	static const struct {
		const char *name;
		size_t length;
		uint64_t steps;
		int expected;
	} rows[] = { { "short", 10, 100, 0 }, { "long", 8000, 1000, 0 }, { "too long", 8000, 100, -ENOMEM } };
	static char url[8000];

	(void)state;
	memset(url, '&', sizeof(url));
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEANUP(arena_done) struct arena arena = { .size_max = 1 << 20 };
		struct work work = { .steps_left = rows[i].steps, .arena = &arena };
		struct value argument = value_text((struct slice){ url, rows[i].length }), result;
		const char *reason;
		int r = helper_call(HELPER_IMAGE, &argument, 1, NULL, &work, &result, &reason);

		if (r != rows[i].expected || work.steps_left == rows[i].steps)
			fail_msg("%s: %d, %" PRIu64 " steps left", rows[i].name, r, work.steps_left);
	}
}

static void mistakes_are_refused_with_their_position(void **state)
{
	static const struct row rows[] = {
		{ "wrong end", "\n{{#if a}}\n  {{/each}}", NULL, NULL,
			"page.hbs:3:3: {{/each}} closes {{#if}} opened at 2:1" },
		{ "no end", "x{{#if a}}", NULL, NULL, "page.hbs:1:2: {{#if}} is never closed" },
		{ "an end of nothing", "ä{{/if}}", NULL, NULL, "page.hbs:1:2: no block is open here" },
		{ "else of nothing", "{{else}}", NULL, NULL, "page.hbs:1:1: {{else}} outside" },
		{ "not closed", "{{a", NULL, NULL, "page.hbs:1:3: expected" },
		{ "a comment not closed", "{{!-- a }}", NULL, NULL,
			"page.hbs:1:1: this comment is never closed" },
		{ "a path upwards in the middle", "{{a/../b}}", NULL, NULL, "page.hbs:1:3: invalid path" },
		{ "a raw block", "{{{{raw}}}}{{{{/raw}}}}", NULL, NULL, "page.hbs:1:1: raw blocks" },
		{ "a partial block", "{{#> row}}{{/row}}", NULL, NULL, "page.hbs:1:1: partial blocks" },
		{ "an inline partial", "{{#*inline \"x\"}}{{/inline}}", NULL, NULL,
			"page.hbs:1:1: inline partials" },
		{ "a decorator", "{{* x}}", NULL, NULL, "page.hbs:1:1: decorators" },
		{ "bytes that are no text", "a\n\xff", NULL, NULL, "page.hbs:2:1: must be valid UTF-8" },
		{ "an end of a raw block", "{{{{/raw}}}}", NULL, NULL, "page.hbs:1:1: " },
		{ "a key that is no text", "{{lookup o k}}", "{\"o\":{},\"k\":{\"toString\":1}}", NULL,
			"cannot use this key" },
		{ "four braces", "{{{x}}}}", NULL, NULL, "found \"}}}}\"" },
		{ "a tag in a tag", "{{x {{{y}}}}}", NULL, NULL, "page.hbs:1:5: expected }}, found \"{{{\"" },
		{ "a character that begins nothing", "{{ä", NULL, NULL, "found \"ä\"" },
	};

	(void)state;
	check_rows(rows, ARRAY_SIZE(rows));
}

static void hash_of(const char *text, const char *partial, char ret_hex[static HASH_HEX_SIZE])
{
	CLEANUP(template_freep) struct template *template = NULL;
	struct template_partial items[] = { { "p", partial, strlen(partial) }, { "other", "x", 1 } };
	struct template_partials set = { items, ARRAY_SIZE(items) };

	assert_int_equal(template_compile(&template, "t", text, strlen(text), &set, NULL), 0);
	snprintf(ret_hex, HASH_HEX_SIZE, "%s", template_hash(template));
}

static void the_hash_covers_the_partials_in_use(void **state)
{
	char plain[HASH_HEX_SIZE], plain_again[HASH_HEX_SIZE], with[HASH_HEX_SIZE], changed[HASH_HEX_SIZE];

	(void)state;
	hash_of("a", "1", plain);
	hash_of("a", "2", plain_again);
	hash_of("a{{> p}}", "1", with);
	hash_of("a{{> p}}", "2", changed);
	assert_string_equal(plain, plain_again);
	assert_string_not_equal(plain, with);
	assert_string_not_equal(with, changed);
}

static void missing_partials_can_be_found_before_rendering(void **state)
{
	CLEANUP(template_freep) struct template *template = NULL;
	struct error err = { 0 };
	const char text[] = "{{#if a}}{{> row}}\n{{> nope}}{{/if}}";

	(void)state;
	assert_int_equal(template_compile(&template, "t", text, strlen(text), &partials, &err), 0);
	assert_int_equal(template_check_partials(template, &err), -EBADMSG);
	assert_string_equal(err.message, "t:2:1: there is no partial \"nope\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_printed_and_escaped),
		cmocka_unit_test(numbers_are_printed_as_in_javascript),
		cmocka_unit_test(blocks_choose_and_repeat),
		cmocka_unit_test(a_tag_that_stands_alone_takes_its_line_with_it),
		cmocka_unit_test(partials_get_a_context),
		cmocka_unit_test(helpers_write_texts_dates_and_media),
		cmocka_unit_test(media_helpers_spend_steps_for_what_they_write),
		cmocka_unit_test(mistakes_are_refused_with_their_position),
		cmocka_unit_test(the_hash_covers_the_partials_in_use),
		cmocka_unit_test(missing_partials_can_be_found_before_rendering),
	};

	time_zone_set("Europe/Berlin");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
