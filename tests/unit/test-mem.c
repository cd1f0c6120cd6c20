/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <malloc.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"

static void zalloc_gives_zeroed_memory(void **state)
{
	static const unsigned char zero[300];
	CLEANUP(mem_freep) unsigned char *memory = mem_zalloc(sizeof(zero));

	(void)state;
	assert_memory_equal(memory, zero, sizeof(zero));
}

static void nothing_can_be_allocated_and_freed(void **state)
{
	CLEANUP(mem_freep) void *alloc = mem_alloc(0);
	CLEANUP(mem_freep) void *zalloc = mem_zalloc(0);
	CLEANUP(mem_freep) void *resized = mem_resize(NULL, 0, 8);
	void *null = NULL;

	(void)state;
	mem_freep(&null);
	assert_non_null(alloc);
	assert_non_null(zalloc);
	assert_non_null(resized);
}

static void resize_keeps_the_content(void **state)
{
	CLEANUP(mem_freep) int *numbers = mem_resize(NULL, 3, sizeof(*numbers));

	(void)state;
	for (int i = 0; i < 3; i++)
		numbers[i] = i;
	numbers = mem_resize(numbers, 3000, sizeof(*numbers));
	for (int i = 0; i < 3; i++)
		assert_int_equal(numbers[i], i);
	numbers[2999] = 1;
}

static void grow_makes_room_for_one_more_and_keeps_the_content(void **state)
{
	int *numbers = NULL;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		numbers = mem_grow(numbers, (size_t)i, sizeof(*numbers));
		assert_true(malloc_usable_size(numbers) >= ((size_t)i + 1) * sizeof(*numbers));
		numbers[i] = i;
	}
	for (int i = 0; i < 1000; i++)
		assert_int_equal(numbers[i], i);
	free(numbers);
}

static void strndup_stops_at_the_limit_or_the_end(void **state)
{
	const char unterminated[3] = { 'a', 'b', 'c' };
	CLEANUP(mem_freep) char *cut = mem_strndup(unterminated, sizeof(unterminated));
	CLEANUP(mem_freep) char *whole = mem_strndup("ab", 10);
	CLEANUP(mem_freep) char *none = mem_strndup("ab", 0);

	(void)state;
	assert_string_equal(cut, "abc");
	assert_string_equal(whole, "ab");
	assert_string_equal(none, "");
}

static void printf_gives_text_of_any_length(void **state)
{
	CLEANUP(mem_freep) char *empty = mem_printf("%s", "");
	CLEANUP(mem_freep) char *large = mem_printf("%d%*s", 42, 5000, "x");

	(void)state;
	assert_string_equal(empty, "");
	assert_int_equal(strlen(large), 5002);
	assert_memory_equal(large, "42 ", 3);
}

static void a_stolen_pointer_survives_its_scope(void **state)
{
	char *taken = NULL;

	(void)state;
	{
		CLEANUP(mem_freep) char *owner = mem_strdup("kept");

		taken = STEAL(owner);
		assert_null(owner);
	}
	assert_string_equal(taken, "kept");
	free(taken);
}

/* 2^33 elements of 2^33 bytes: the product is 4 modulo 2^64. */
static void a_product_that_overflows_aborts_with_a_message(void **state)
{
	size_t huge = (SIZE_MAX >> 31) + 1;
	char text[64] = "";
	int ends[2], status;
	pid_t child;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		/* cmocka in the child would turn SIGABRT into a failed test. */
		signal(SIGABRT, SIG_DFL);
		dup2(ends[1], STDERR_FILENO);
		free(mem_resize(NULL, huge, huge));
		_exit(0);
	}
	close(ends[1]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(read(ends[0], text, sizeof(text) - 1) > 0);
	close(ends[0]);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
	assert_string_equal(text, "out of memory\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(zalloc_gives_zeroed_memory),
		cmocka_unit_test(nothing_can_be_allocated_and_freed),
		cmocka_unit_test(resize_keeps_the_content),
		cmocka_unit_test(grow_makes_room_for_one_more_and_keeps_the_content),
		cmocka_unit_test(strndup_stops_at_the_limit_or_the_end),
		cmocka_unit_test(printf_gives_text_of_any_length),
		cmocka_unit_test(a_stolen_pointer_survives_its_scope),
		cmocka_unit_test(a_product_that_overflows_aborts_with_a_message),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
