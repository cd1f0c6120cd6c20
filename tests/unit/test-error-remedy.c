/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/error-remedy.h"
#include "base/error.h"

static const char *remedy_of(int code)
{
	return error_remedy_of_name(error_code_name((enum error_code)code));
}

static void every_code_has_a_remedy_in_one_line(void **state)
{
	(void)state;
	for (int code = 0; code < ERROR_CODES; code++) {
		const char *remedy = remedy_of(code);

		assert_non_null(remedy);
		assert_true(strlen(remedy) > 10 && !strchr(remedy, '\n'));
	}
}

static void each_has_its_own(void **state)
{
	(void)state;
	for (int code = 0; code < ERROR_CODES; code++)
		for (int other = 0; other < code; other++)
			assert_string_not_equal(remedy_of(code), remedy_of(other));
}

static void what_is_not_known_leads_to_the_journal(void **state)
{
	(void)state;
	assert_ptr_equal(error_remedy_of_name("OF_A_LATER_VERSION"), remedy_of(ERROR_INTERNAL));
	assert_ptr_equal(error_remedy_of_name(NULL), remedy_of(ERROR_INTERNAL));
	assert_non_null(strstr(remedy_of(ERROR_INTERNAL), "journalctl"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_code_has_a_remedy_in_one_line),
		cmocka_unit_test(each_has_its_own),
		cmocka_unit_test(what_is_not_known_leads_to_the_journal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
