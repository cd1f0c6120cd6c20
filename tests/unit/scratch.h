/* SPDX-License-Identifier: MIT */
#ifndef AITHER_TESTS_SCRATCH_H
#define AITHER_TESTS_SCRATCH_H

/*
 * For tests of files: every test gets a new, empty directory below $TMPDIR. This module does not use
 * base/file.c, so that faults of base/file.c stay visible.
 *
 *	SCRATCH_TEST(a_test_function)	in the list of tests
 */

#include <stddef.h>
#include <sys/types.h>

#define SCRATCH_TEST(function) cmocka_unit_test_setup_teardown(function, scratch_setup, scratch_teardown)

extern int scratch_fd; /* the directory; both borrowed */
extern char scratch_path[200];

int scratch_setup(void **state);
int scratch_teardown(void **state); /* removes everything in it */

void scratch_put(const char *name, const char *text);
void scratch_assert_content(const char *name, const char *expected); /* up to 199 bytes */
mode_t scratch_mode(const char *name);
size_t scratch_count(void); /* entries of the directory, all kinds */

#endif
