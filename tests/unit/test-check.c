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

/* For example from a worker of another version: a result that is not understood counts as a problem. */
static void an_unknown_status_is_a_failure(void **state)
{
	CLEANUP(json_freep) struct json *object = json_new_object();
	(void)state;

	assert_int_equal(check_status_of(NULL), CHECK_FAILED);
	assert_int_equal(check_status_of(object), CHECK_FAILED);
	json_set_string(object, "status", "splendid");
	assert_int_equal(check_status_of(object), CHECK_FAILED);
}

static void a_remedy_becomes_half_a_line(void **state)
{
	static const struct {
		const char *remedy, *advice;
	} rows[] = {
		{ NULL, "" },
		{ "aither sync", "; try: aither sync" },
		{ "systemctl enable --now aither.socket",
			"; start it: systemctl enable --now aither.socket" },
		{ "aither set-secret --generate sync-token",
			"; set one: aither set-secret --generate sync-token" },
		{ "journalctl -x -n 20 -u a.service\nsystemctl restart a.service",
			"; see: journalctl -x -n 20 -u a.service" },
		{ "systemctl unmask a.service\nsystemctl start a.service", "; see: aither doctor" },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEANUP(json_freep) struct json *checks = json_new_array();
		struct json *check = check_add(checks, "x", CHECK_FAILED, rows[i].remedy, "y");
		CLEANUP(mem_freep) char *advice = check_advice(check);
		CLEANUP(mem_freep) char *headline = mem_printf("x is y%s", rows[i].advice);

		assert_string_equal(advice, rows[i].advice);
		check_set_headline(check, "x is %s", "y");
		assert_string_equal(json_string(json_get(check, "headline")), headline);
	}
}

static void a_check_is_found_by_its_id_and_has_a_question(void **state)
{
	CLEANUP(json_freep) struct json *checks = json_new_array();
	(void)state;

	check_add(checks, "clock", CHECK_OK, NULL, "agrees");
	check_add(checks, "mail", CHECK_OK, NULL, "first");
	check_add(checks, "mail", CHECK_OK, NULL, "second");
	assert_string_equal(json_string(json_get(check_find(checks, "mail"), "message")), "first");
	assert_null(check_find(checks, "hemera"));
	assert_string_equal(check_question("clock"), "Does the clock agree with Hemera's?");
	assert_null(check_question("aither.socket"));
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
		cmocka_unit_test(a_remedy_becomes_half_a_line),
		cmocka_unit_test(a_check_is_found_by_its_id_and_has_a_question),
		cmocka_unit_test(words_are_quoted_where_a_shell_needs_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
