/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/json.h"
#include "base/mem.h"

static void a_check_is_an_object_of_four_members(void **state)
{
	CLEANUP(json_freep) struct json *checks = json_new_array();
	CLEANUP(buf_done) struct buf out = BUF_INIT(1024);
	(void)state;

	check_add(checks, "clock", CHECK_WARNING, "timedatectl", "%d s ahead", 61);
	check_add(checks, "clock", CHECK_SKIPPED, NULL, "not known");
	json_write(&out, checks);
	assert_string_equal(buf_text(&out),
		"[{\"name\":\"clock\",\"status\":\"warning\",\"message\":\"61 s ahead\",\"remedy\":"
		"\"timedatectl\"},"
		"{\"name\":\"clock\",\"status\":\"skipped\",\"message\":\"not known\",\"remedy\":null}]");
}

static void a_status_is_read_as_it_is_written(void **state)
{
	(void)state;
	for (int i = 0; i < CHECK_STATUSES; i++) {
		CLEANUP(json_freep) struct json *checks = json_new_array();

		check_add(checks, "x", (enum check_status)i, NULL, "y");
		assert_int_equal(check_status_of(json_first(checks)), i);
	}
}

/* Of a worker of another version, for example: what is not understood is not well. */
static void an_unknown_status_is_a_failure(void **state)
{
	CLEANUP(json_freep) struct json *object = json_new_object();
	(void)state;

	assert_int_equal(check_status_of(NULL), CHECK_FAILED);
	assert_int_equal(check_status_of(object), CHECK_FAILED);
	json_set_string(object, "status", "splendid");
	assert_int_equal(check_status_of(object), CHECK_FAILED);
}

static void words_are_quoted_where_a_shell_needs_it(void **state)
{
	static const struct {
		const char *word, *quoted;
	} rows[] = {
		{ "/var/lib/aither/output", "/var/lib/aither/output" },
		{ "http://[::1]:80", "http://[::1]:80" },
		{ "", "''" },
		{ "/srv/my pages", "'/srv/my pages'" },
		{ "/srv/$(reboot);x", "'/srv/$(reboot);x'" },
		{ "it's", "'it'\\''s'" },
		{ "'", "''\\'''" },
		{ "'''''", "''\\'''\\'''\\'''\\'''\\'''" },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEANUP(mem_freep) char *quoted = check_quote(rows[i].word);

		assert_string_equal(quoted, rows[i].quoted);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_check_is_an_object_of_four_members),
		cmocka_unit_test(a_status_is_read_as_it_is_written),
		cmocka_unit_test(an_unknown_status_is_a_failure),
		cmocka_unit_test(words_are_quoted_where_a_shell_needs_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
