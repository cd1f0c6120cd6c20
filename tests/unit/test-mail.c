/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "worker/mail.h"

/* As if that much time had passed since the first try. */
static void let_pass(struct mail_retry *retry, uint64_t seconds)
{
	retry->since_mono_ms -= seconds * 1000;
}

static void retries_slow_down_and_end_after_four_hours(void **state)
{
	struct mail_retry retry = { 0 };
	unsigned total_s = 0, tries = 0, delay_s, before_s = 0;

	(void)state;
	while ((delay_s = mail_retry_next(&retry, 60)) > 0) {
		assert_in_range(delay_s, 1, 4 * 3600);
		if (tries < 7)
			assert_int_equal(delay_s, before_s ? 2 * before_s : 60);
		before_s = delay_s;
		total_s += delay_s;
		tries++;
		let_pass(&retry, delay_s);
	}
	assert_int_equal(tries, 8); /* after 1, 3, 7, 15, 31, 63 and 127 minutes, and four hours */
	assert_in_range(total_s, 4 * 3600, 4 * 3600 + 1);
}

static void the_longest_delay_doubles_within_four_hours_too(void **state)
{
	struct mail_retry retry = { 0 };

	(void)state;
	assert_int_equal(mail_retry_next(&retry, 3600), 3600);
	let_pass(&retry, 3600);
	assert_int_equal(mail_retry_next(&retry, 3600), 7200);
	let_pass(&retry, 7200);
	assert_in_range(mail_retry_next(&retry, 3600), 3590, 3601);
	let_pass(&retry, 3601);
	assert_int_equal(mail_retry_next(&retry, 3600), 0);
}

static void recipients_are_whole_addresses(void **state)
{
	static const struct {
		const char *list, *other;
		bool are_in_it;
		const char *expected;
	} rows[] = {
		{ "a@x,b@x,c@x", "b@x", false, "a@x,c@x" },
		{ "a@x,b@x,c@x", "c@x,b@x", true, "b@x,c@x" },
		{ "a@x,b@x", NULL, false, "a@x,b@x" },
		{ "a@x,b@x", NULL, true, NULL },
		{ "a@x", "aa@x,a@xx,a@", true, NULL },
		{ "aa@x", "a@x", false, "aa@x" },
		{ "a@x", "a@x", false, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEANUP(mem_freep)
		char *got = mail_recipients(rows[i].list, rows[i].other, rows[i].are_in_it);

		if (rows[i].expected)
			assert_string_equal(got, rows[i].expected);
		else
			assert_null(got);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(retries_slow_down_and_end_after_four_hours),
		cmocka_unit_test(the_longest_delay_doubles_within_four_hours_too),
		cmocka_unit_test(recipients_are_whole_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
