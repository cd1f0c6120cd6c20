/* SPDX-License-Identifier: MIT */
/*
 * Runs recorded cases of Handlebars 4.7.10 (template, data, partials, exact output or error) against the
 * template engine. They are looked for in $HANDLEBARS_CASES, else beside the source tree; without them the
 * test is skipped.
 *
 * What is in the language must come out exactly. What is not may be refused, never be wrong.
 */
#include "render/template.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"

#define CASES_SIZE_MAX (16 << 20)
#define CASES_SUITES_MAX 100
#define CASES_PARTIALS_MAX 32

static const struct json_limits cases_limits = { CASES_SIZE_MAX, 200, 1000000 };

/* OUTCOME_DATA: base/json.h does not accept the data ("\u0000", 1e400, a member twice), so no template ever
 * sees it. */
enum outcome { OUTCOME_PASSED, OUTCOME_REFUSED, OUTCOME_DATA, OUTCOME_WRONG, OUTCOMES };

struct suite {
	const char *name;
	unsigned count[OUTCOMES];
};

struct tally {
	struct suite suites[CASES_SUITES_MAX];
	size_t suite_count;
	unsigned count[OUTCOMES];
	unsigned refused_in_scope;
};

static bool has_text(const struct json *array, const char *text)
{
	JSON_FOREACH (element, array) {
		if (strcmp(json_string(element), text) == 0)
			return true;
	}
	return false;
}

static bool is_in_scope(const struct json *test_case)
{
	static const char *const names[] = { "core", "partials", "subexpressions", "media-helpers" };

	JSON_FOREACH (feature, json_get(test_case, "features")) {
		bool known = false;

		for (size_t i = 0; i < ARRAY_SIZE(names); i++)
			known = known || strcmp(json_string(feature), names[i]) == 0;
		if (!known)
			return false;
	}
	return true;
}

static bool is_optional(const struct json *test_case)
{
	const struct json *tags = json_get(test_case, "tags");

	return has_text(tags, "quirk") || has_text(tags, "js-key-order") || has_text(tags, "js-json-parse");
}

static int case_data(const struct json *test_case, struct json **ret_data)
{
	const char *text = json_string(json_get(test_case, "dataText"));

	if (text)
		return json_parse(ret_data, text, strlen(text), &cases_limits, NULL);
	*ret_data = json_copy(json_get(test_case, "data"));
	return 0;
}

static struct template_partials case_partials(const struct json *test_case, struct template_partial *items)
{
	struct template_partials partials = { .items = items };

	JSON_FOREACH (partial, json_get(test_case, "partials")) {
		const char *text = json_string(partial);

		assert_true(partials.count < CASES_PARTIALS_MAX);
		items[partials.count++] = (struct template_partial){ json_name(partial), text, strlen(text) };
	}
	return partials;
}

/* Output of a case into *out, or the phase that reported an error: 'd'ata, 'c'ompile, 'r'ender; 0: none. */
static char case_run(const struct json *test_case, struct buf *out, struct error *err)
{
	CLEANUP(json_freep) struct json *data = NULL;
	CLEANUP(template_freep) struct template *template = NULL;
	struct template_partial items[CASES_PARTIALS_MAX];
	struct template_partials partials = case_partials(test_case, items);
	const char *text = json_string(json_get(test_case, "template"));

	if (json_get(json_get(test_case, "options"), "strict"))
		return 'c'; /* there is no strict mode */
	if (case_data(test_case, &data) < 0)
		return 'd';
	if (template_compile(&template, "case", text, strlen(text), &partials, err) < 0)
		return 'c';
	return template_render(template, data, NULL, out, err) < 0 ? 'r' : 0;
}

static enum outcome case_outcome(const struct json *test_case)
{
	CLEANUP(buf_done) struct buf out = BUF_INIT(4 << 20);
	struct error err = { 0 };
	const char *expected = json_string(json_get(test_case, "expected"));
	const char *id = json_string(json_get(test_case, "id"));
	char failed = case_run(test_case, &out, &err);

	if (failed && out.length > 0) {
		print_error("%s: an error, and output as well\n", id);
		return OUTCOME_WRONG;
	}
	if (failed == 'd')
		return OUTCOME_DATA;
	if (failed)
		return expected ? OUTCOME_REFUSED : OUTCOME_PASSED;
	if (expected && strcmp(buf_text(&out), expected) == 0)
		return OUTCOME_PASSED;
	if (!is_optional(test_case))
		print_error("%s: %s\n  expected: %s\n  got:      %s\n", id,
			json_string(json_get(test_case, "template")), expected ? expected : "an error",
			buf_text(&out));
	return OUTCOME_WRONG;
}

static struct suite *tally_suite(struct tally *tally, const char *name)
{
	for (size_t i = 0; i < tally->suite_count; i++) {
		if (strcmp(tally->suites[i].name, name) == 0)
			return &tally->suites[i];
	}
	assert_true(tally->suite_count < CASES_SUITES_MAX);
	tally->suites[tally->suite_count].name = name;
	return &tally->suites[tally->suite_count++];
}

static void tally_case(struct tally *tally, const struct json *test_case)
{
	enum outcome outcome = case_outcome(test_case);

	tally_suite(tally, json_string(json_get(test_case, "suite")))->count[outcome]++;
	if (outcome == OUTCOME_REFUSED && is_in_scope(test_case)) {
		print_error("%s: refused, but it is in the language: %s\n",
			json_string(json_get(test_case, "id")), json_string(json_get(test_case, "template")));
		tally->refused_in_scope++;
	}
	if (outcome == OUTCOME_WRONG && is_optional(test_case))
		outcome = OUTCOME_REFUSED;
	tally->count[outcome]++;
}

static void tally_print(const struct tally *tally)
{
	for (size_t i = 0; i < tally->suite_count; i++) {
		const unsigned *count = tally->suites[i].count;
		unsigned total = 0;

		for (size_t outcome = 0; outcome < OUTCOMES; outcome++)
			total += count[outcome];
		print_message("# %-32s %4u/%u\n", tally->suites[i].name, count[OUTCOME_PASSED], total);
	}
	print_message("# passed %u, refused or optional %u, data not accepted %u, wrong %u\n",
		tally->count[OUTCOME_PASSED], tally->count[OUTCOME_REFUSED], tally->count[OUTCOME_DATA],
		tally->count[OUTCOME_WRONG]);
}

static char *cases_path(const char *file)
{
	const char *directory = getenv("HANDLEBARS_CASES"), *source = getenv("top_srcdir");

	if (directory)
		return mem_printf("%s/%s", directory, file);
	return mem_printf("%s/../shared/reference/handlebars/%s", source ? source : ".", file);
}

static void run_file(const char *file)
{
	CLEANUP(mem_freep) char *path = cases_path(file);
	CLEANUP(buf_done) struct buf text = BUF_INIT(CASES_SIZE_MAX);
	CLEANUP(json_freep) struct json *cases = NULL;
	struct error err = { 0 };
	struct tally tally = { 0 };

	assert_int_equal(file_read_path(path, &text, &err), 0);
	if (json_parse(&cases, buf_text(&text), text.length, &cases_limits, &err) < 0)
		fail_msg("%s: %s", path, err.message);
	JSON_FOREACH (test_case, cases)
		tally_case(&tally, test_case);
	tally_print(&tally);
	assert_int_equal(tally.count[OUTCOME_WRONG], 0);
	assert_int_equal(tally.refused_in_scope, 0);
	assert_true(tally.count[OUTCOME_PASSED] > 0);
}

static void own_cases_come_out_exactly(void **state)
{
	(void)state;
	run_file("public-own.json");
}

static void cases_of_the_upstream_specs_come_out_exactly(void **state)
{
	(void)state;
	run_file("public-spec.json");
}

static void cases_of_the_mustache_specification_come_out_exactly(void **state)
{
	(void)state;
	run_file("public-mustache.json");
}

static void generated_cases_come_out_exactly(void **state)
{
	(void)state;
	run_file("public-fuzz.json");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(own_cases_come_out_exactly),
		cmocka_unit_test(cases_of_the_upstream_specs_come_out_exactly),
		cmocka_unit_test(cases_of_the_mustache_specification_come_out_exactly),
		cmocka_unit_test(generated_cases_come_out_exactly),
	};

	CLEANUP(mem_freep) char *path = cases_path("public-own.json");

	if (access(path, R_OK) < 0) {
		puts("1..0 # SKIP the reference's cases are not here");
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
