/* SPDX-License-Identifier: MIT */
/*
 * Runs recorded cases of Handlebars 4.7.10 (template, data, partials, exact output or error) against the
 * template engine: our own cases in tests/data/handlebars (see its README.md), and larger collections, if
 * any, in $HANDLEBARS_CASES or beside the source tree.
 *
 * A case within our language must give exactly the recorded output. Any other case may be refused, with a
 * position, but must never give a wrong page.
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
#define CASES_TEMPLATE "case" /* its name in messages */

static const struct json_limits cases_limits = {
	.size_max = CASES_SIZE_MAX, .depth_max = 200, .node_max = 1000000, .infinite_numbers = true
};

/* OUTCOME_OPTION: the case sets an option of Handlebars that our engine lacks, so it cannot be run. */
enum outcome { OUTCOME_PASSED, OUTCOME_REFUSED, OUTCOME_OPTION, OUTCOME_WRONG, OUTCOMES };

struct suite {
	const char *name;
	unsigned count[OUTCOMES];
};

struct tally {
	struct suite suites[CASES_SUITES_MAX];
	size_t suite_count;
	unsigned count[OUTCOMES];
	unsigned in_scope, in_scope_passed;
};

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

static int case_data(const struct json *test_case, struct json **ret_data, struct error *err)
{
	const char *text = json_string(json_get(test_case, "dataText"));

	if (text)
		return json_parse(ret_data, text, strlen(text), &cases_limits, err);
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

/* Appends the output of a case. Returns 0, or the phase that reported an error: 'd'ata, 'c'ompile,
 * 'r'ender. */
static char case_run(const struct json *test_case, const struct template_partials *partials, struct buf *out,
	struct error *err)
{
	CLEANUP(json_freep) struct json *data = NULL;
	CLEANUP(template_freep) struct template *template = NULL;
	const char *text = json_string(json_get(test_case, "template"));

	if (case_data(test_case, &data, err) < 0)
		return 'd';
	if (template_compile(&template, CASES_TEMPLATE, text, strlen(text), partials, err) < 0)
		return 'c';
	return template_render(template, data, NULL, NULL, out, err) < 0 ? 'r' : 0;
}

/* "name:2:7: sentence" */
static bool has_position_of(const char *message, const char *name)
{
	unsigned line = 0, column = 0;
	int length = 0;

	if (strncmp(message, name, strlen(name)) != 0)
		return false;
	message += strlen(name);
	return sscanf(message, ":%u:%u: %n", &line, &column, &length) == 2 && length > 0 && line > 0 &&
	       column > 0 && message[length];
}

/* Does the message name the file and the position? */
static bool has_position(const struct error *err, char phase, const struct template_partials *partials)
{
	if (phase == 'd')
		return strncmp(err->message, "line ", 5) == 0 && strstr(err->message, ", column ");
	if (err->code != ERROR_TEMPLATE)
		return false;
	for (size_t i = 0; i < partials->count; i++) {
		CLEANUP(mem_freep) char *file = mem_printf("%s" TEMPLATE_SUFFIX, partials->items[i].name);

		if (has_position_of(err->message, file))
			return true;
	}
	return has_position_of(err->message, CASES_TEMPLATE);
}

static enum outcome complain(const struct json *test_case, const char *got)
{
	const char *expected = json_string(json_get(test_case, "expected"));

	print_error("%s: %s\n  expected: %s\n  got:      %s\n", json_string(json_get(test_case, "id")),
		json_string(json_get(test_case, "template")), expected ? expected : "an error", got);
	return OUTCOME_WRONG;
}

static enum outcome case_outcome(const struct json *test_case)
{
	CLEANUP(buf_done) struct buf out = BUF_INIT(4 << 20);
	struct template_partial items[CASES_PARTIALS_MAX];
	struct template_partials partials = case_partials(test_case, items);
	const char *expected = json_string(json_get(test_case, "expected"));
	struct error err = { 0 };
	char failed;

	if (json_get(json_get(test_case, "options"), "strict"))
		return OUTCOME_OPTION;
	failed = case_run(test_case, &partials, &out, &err);
	if (failed && out.length > 0)
		return complain(test_case, "an error, and output as well");
	if (failed && !has_position(&err, failed, &partials))
		return complain(test_case, err.message);
	if (failed && expected && is_in_scope(test_case))
		return complain(test_case, err.message);
	if (failed)
		return expected ? OUTCOME_REFUSED : OUTCOME_PASSED;
	if (!expected || strcmp(buf_text(&out), expected) != 0)
		return complain(test_case, buf_text(&out));
	return OUTCOME_PASSED;
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
	bool in_scope = is_in_scope(test_case);

	tally_suite(tally, json_string(json_get(test_case, "suite")))->count[outcome]++;
	tally->count[outcome]++;
	tally->in_scope += in_scope;
	tally->in_scope_passed += in_scope && outcome == OUTCOME_PASSED;
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
	print_message("# in the language: passed %u/%u\n", tally->in_scope_passed, tally->in_scope);
	print_message("# all: passed %u, refused %u, strict mode %u, wrong %u\n",
		tally->count[OUTCOME_PASSED], tally->count[OUTCOME_REFUSED], tally->count[OUTCOME_OPTION],
		tally->count[OUTCOME_WRONG]);
}

static void run_file(const char *path)
{
	CLEANUP(buf_done) struct buf text = BUF_INIT(CASES_SIZE_MAX);
	CLEANUP(json_freep) struct json *cases = NULL;
	struct error err = { 0 };
	struct tally tally = { 0 };

	if (file_read_path(path, &text, &err) < 0 ||
		json_parse(&cases, buf_text(&text), text.length, &cases_limits, &err) < 0)
		fail_msg("%s: %s", path, err.message);
	JSON_FOREACH (test_case, cases)
		tally_case(&tally, test_case);
	tally_print(&tally);
	assert_int_equal(tally.count[OUTCOME_WRONG], 0);
	assert_int_equal(tally.in_scope_passed, tally.in_scope);
	assert_true(tally.in_scope > 0);
}

static const char *source_directory(void)
{
	const char *source = getenv("top_srcdir");

	return source ? source : ".";
}

static char *collection_path(const char *name)
{
	const char *directory = getenv("HANDLEBARS_CASES");

	if (directory)
		return mem_printf("%s/%s", directory, name);
	return mem_printf("%s/../shared/reference/handlebars/%s", source_directory(), name);
}

static void own_cases_come_out_exactly(void **state)
{
	CLEANUP(mem_freep) char *path = mem_printf("%s/tests/data/handlebars/own.json", source_directory());

	(void)state;
	run_file(path);
}

/* The initial state is the file name. */
static void cases_of_a_collection_come_out_exactly(void **state)
{
	CLEANUP(mem_freep) char *path = collection_path(*state);

	run_file(path);
}

static struct CMUnitTest collection(const char *name)
{
	CLEANUP(mem_freep) char *path = collection_path(name);
	struct CMUnitTest test = { name, cases_of_a_collection_come_out_exactly, NULL, NULL, (void *)name };

	if (access(path, R_OK) == 0)
		return test;
	/* cmocka skips an empty test. Its skip() is "not ok" in TAP, which automake takes for a
	 * failure.
	 */
	printf("# %s is not here, not run\n", name);
	return (struct CMUnitTest){ 0 };
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(own_cases_come_out_exactly),
		collection("public-spec.json"),
		collection("public-mustache.json"),
		collection("public-fuzz.json"),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
