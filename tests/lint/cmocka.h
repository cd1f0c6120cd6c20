/* SPDX-License-Identifier: MIT */
#ifndef AITHER_TESTS_LINT_CMOCKA_H
#define AITHER_TESTS_LINT_CMOCKA_H

/*
 * `make lint` reads this file before every unit test. It tells the analyzers a fact that cmocka's header
 * lacks: a failed assertion never returns. Without it, they follow each test beyond its failure.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define _fail(file, line) (_fail(file, line), abort())
#define _skip(file, line) (_skip(file, line), abort())

#undef assert_true
#undef assert_false
#undef assert_null
#undef assert_non_null
#undef assert_int_equal
#define assert_true(condition) ((condition) ? (void)0 : _fail(__FILE__, __LINE__))
#define assert_false(condition) assert_true(!(condition))
#define assert_null(pointer) assert_true(!(pointer))
#define assert_non_null(pointer) assert_true(pointer)
#define assert_int_equal(a, b) \
	assert_true(cast_to_largest_integral_type(a) == cast_to_largest_integral_type(b))

#endif
