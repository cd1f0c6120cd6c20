/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/error-remedy.h"

static void every_code_has_a_remedy_in_one_line(void **state)
{
	(void)state;
	for (int code = 0; code < ERROR_CODES; code++) {
		const char *remedy = error_remedy((enum error_code)code);

		assert_non_null(remedy);
		assert_true(strlen(remedy) > 10 && !strchr(remedy, '\n'));
	}
}

static void the_name_of_a_code_finds_the_same(void **state)
{
	(void)state;
	for (int code = 0; code < ERROR_CODES; code++)
		assert_ptr_equal(error_remedy_of_name(error_code_name((enum error_code)code)),
			error_remedy((enum error_code)code));
}

static void what_is_not_known_leads_to_the_journal(void **state)
{
	(void)state;
	assert_ptr_equal(error_remedy_of_name("OF_A_LATER_VERSION"), error_remedy(ERROR_INTERNAL));
	assert_ptr_equal(error_remedy_of_name(NULL), error_remedy(ERROR_INTERNAL));
	assert_ptr_equal(error_remedy(ERROR_CODES), error_remedy(ERROR_INTERNAL));
	assert_non_null(strstr(error_remedy(ERROR_INTERNAL), "journalctl"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_code_has_a_remedy_in_one_line),
		cmocka_unit_test(the_name_of_a_code_finds_the_same),
		cmocka_unit_test(what_is_not_known_leads_to_the_journal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
