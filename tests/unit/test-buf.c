/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"

static void an_empty_buffer_is_the_empty_text(void **state)
{
	CLEANUP(buf_done) struct buf buf = BUF_INIT(10);

	(void)state;
	assert_string_equal(buf_text(&buf), "");
	assert_int_equal(buf_append(&buf, NULL, 0), 0);
	assert_int_equal(buf.length, 0);
	assert_false(buf_overflowed(&buf));
}

static void appends_follow_each_other_and_end_with_nul(void **state)
{
	CLEANUP(buf_done) struct buf buf = BUF_INIT(100);

	(void)state;
	assert_int_equal(buf_append_text(&buf, "one"), 0);
	assert_int_equal(buf_append_char(&buf, ' '), 0);
	assert_int_equal(buf_printf(&buf, "%s=%d", "two", 2), 0);
	assert_int_equal(buf_append(&buf, "\0x", 2), 0);
	assert_int_equal(buf.length, 11);
	assert_memory_equal(buf.data, "one two=2\0x", 12);
}

static void the_maximum_itself_fits(void **state)
{
	CLEANUP(buf_done) struct buf buf = BUF_INIT(4);

	(void)state;
	assert_int_equal(buf_append_text(&buf, "1234"), 0);
	assert_false(buf_overflowed(&buf));
	assert_string_equal(buf_text(&buf), "1234");
	assert_int_equal(buf.capacity, 5);
}

static void too_much_is_dropped_and_everything_after_it(void **state)
{
	CLEANUP(buf_done) struct buf buf = BUF_INIT(4);

	(void)state;
	assert_int_equal(buf_append_text(&buf, "123"), 0);
	assert_int_equal(buf_append_text(&buf, "45"), -E2BIG);
	assert_true(buf_overflowed(&buf));
	assert_string_equal(buf_text(&buf), "123");
	assert_int_equal(buf_append_char(&buf, '4'), -E2BIG);
	assert_int_equal(buf_printf(&buf, "4"), -E2BIG);
	assert_string_equal(buf_text(&buf), "123");
}

static void printf_beyond_the_maximum_overflows(void **state)
{
	CLEANUP(buf_done) struct buf buf = BUF_INIT(1000);

	(void)state;
	assert_int_equal(buf_printf(&buf, "%*s", 1000, "x"), 0);
	assert_int_equal(buf.length, 1000);
	buf_clear(&buf);
	assert_int_equal(buf_printf(&buf, "%*s", 1001, "x"), -E2BIG);
	assert_int_equal(buf.length, 0);
}

static void a_maximum_of_zero_takes_nothing(void **state)
{
	CLEANUP(buf_done) struct buf buf = BUF_INIT(0);

	(void)state;
	assert_int_equal(buf_append_text(&buf, ""), 0);
	assert_int_equal(buf_append_char(&buf, 'x'), -E2BIG);
}

static void lengths_near_the_address_space_do_not_wrap(void **state)
{
	CLEANUP(buf_done) struct buf buf = BUF_INIT(SIZE_MAX);
	volatile size_t huge = SIZE_MAX - 1; /* volatile, or the compiler would warn about it */

	(void)state;
	assert_int_equal(buf_append_text(&buf, "x"), 0);
	assert_int_equal(buf_append(&buf, "y", huge), -E2BIG);
	assert_string_equal(buf_text(&buf), "x");
}

static void room_that_was_reserved_is_used_without_moving(void **state)
{
	CLEANUP(buf_done) struct buf buf = BUF_INIT(1000);
	const char *data;

	(void)state;
	assert_int_equal(buf_reserve(&buf, 1000), 0);
	assert_string_equal(buf_text(&buf), "");
	data = buf.data;
	for (size_t i = 0; i < 1000; i++)
		assert_int_equal(buf_append_char(&buf, 'x'), 0);
	assert_ptr_equal(buf.data, data);
	assert_int_equal(buf_reserve(&buf, 1), -E2BIG);
	assert_true(buf_overflowed(&buf));
}

static void truncating_goes_back_to_what_was_before(void **state)
{
	CLEANUP(buf_done) struct buf buf = BUF_INIT(6);

	(void)state;
	assert_int_equal(buf_append_text(&buf, "before"), 0);
	assert_int_equal(buf_append_text(&buf, "after"), -E2BIG);
	buf_truncate(&buf, 4);
	assert_string_equal(buf_text(&buf), "befo");
	assert_int_equal(buf_append_text(&buf, "re"), 0);
	assert_string_equal(buf_text(&buf), "before");
}

static void clear_forgets_content_and_overflow(void **state)
{
	CLEANUP(buf_done) struct buf buf = BUF_INIT(3);

	(void)state;
	buf_append_text(&buf, "123");
	buf_append_text(&buf, "4");
	buf_clear(&buf);
	assert_false(buf_overflowed(&buf));
	assert_string_equal(buf_text(&buf), "");
	assert_int_equal(buf_append_text(&buf, "567"), 0);
	assert_string_equal(buf_text(&buf), "567");
}

static void take_hands_over_and_leaves_an_empty_buffer(void **state)
{
	CLEANUP(mem_freep) char *taken = NULL, *nothing = NULL;
	struct buf buf;

	(void)state;
	buf_init(&buf, 3);
	buf_append_text(&buf, "123");
	buf_append_text(&buf, "4");
	taken = buf_take(&buf);
	assert_string_equal(taken, "123");
	assert_null(buf.data);
	assert_int_equal(buf.size_max, 3);
	assert_false(buf_overflowed(&buf));
	nothing = buf_take(&buf);
	assert_string_equal(nothing, "");
}

static void many_appends_grow_without_losing_a_byte(void **state)
{
	CLEANUP(buf_done) struct buf buf = BUF_INIT(100000);

	(void)state;
	for (int i = 0; i < 100000; i++)
		assert_int_equal(buf_append_char(&buf, (char)('a' + i % 26)), 0);
	for (int i = 0; i < 100000; i++)
		assert_int_equal(buf.data[i], 'a' + i % 26);
	assert_int_equal(buf.data[100000], '\0');
	assert_int_equal(buf_append_char(&buf, 'x'), -E2BIG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_buffer_is_the_empty_text),
		cmocka_unit_test(appends_follow_each_other_and_end_with_nul),
		cmocka_unit_test(the_maximum_itself_fits),
		cmocka_unit_test(too_much_is_dropped_and_everything_after_it),
		cmocka_unit_test(printf_beyond_the_maximum_overflows),
		cmocka_unit_test(a_maximum_of_zero_takes_nothing),
		cmocka_unit_test(lengths_near_the_address_space_do_not_wrap),
		cmocka_unit_test(room_that_was_reserved_is_used_without_moving),
		cmocka_unit_test(truncating_goes_back_to_what_was_before),
		cmocka_unit_test(clear_forgets_content_and_overflow),
		cmocka_unit_test(take_hands_over_and_leaves_an_empty_buffer),
		cmocka_unit_test(many_appends_grow_without_losing_a_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
