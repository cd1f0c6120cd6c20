/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json-scan.h"
#include "base/json.h"
#include "base/mem.h"

/* Objects of this many members, the last of which is called like the member `copied`; -1: like none. Each
 * holds an object in which the same names stand again. */
static int scan_members(int count, int copied)
{
	static const struct json_limits many = { .size_max = 100000, .depth_max = 3, .node_max = 10000 };
	CLEANUP(buf_done) struct buf text = BUF_INIT(100000);

	buf_append_text(&text, "{\"m0\":{\"m0\":0,\"m1\":{}}");
	for (int i = 1; i < count - 1; i++)
		buf_printf(&text, ",\"m%d\":{\"m%d\":0}", i, i);
	buf_printf(&text, ",\"%s%d\":0}", copied % 2 ? "m" : "\\u006d", copied < 0 ? count : copied);
	return json_scan(buf_text(&text), text.length, &many, NULL, NULL, NULL);
}

static void duplicates_are_found_in_objects_of_every_size(void **state)
{
	(void)state;
	for (int count = 2; count < 140; count++) {
		assert_int_equal(scan_members(count, -1), 0);
		for (int copied = 0; copied < count - 1; copied++)
			assert_int_equal(scan_members(count, copied), -EBADMSG);
	}
}

/* A quadratic search would take minutes. Half of the names are spelled with escapes. */
static void many_members_take_linear_time(void **state)
{
	static const struct json_limits many = { .size_max = 10000000, .depth_max = 2, .node_max = 1000000 };
	CLEANUP(buf_done) struct buf text = BUF_INIT(10000000);
	struct error err = { 0 };
	clock_t start;

	(void)state;
	buf_append_char(&text, '{');
	for (int i = 0; i < 200000; i++)
		buf_printf(&text, "\"%s%d\":%d,", i % 2 ? "\\u0063" : "c", i, i);
	buf_append_text(&text, "\"c\":0}");
	start = clock();
	assert_int_equal(json_scan(text.data, text.length, &many, NULL, NULL, &err), 0);
	text.length--;
	buf_append_text(&text, ",\"c1\":0}");
	assert_int_equal(json_scan(text.data, text.length, &many, NULL, NULL, &err), -EBADMSG);
	assert_non_null(strstr(err.message, "duplicate member name"));
	assert_true((clock() - start) / CLOCKS_PER_SEC < 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(duplicates_are_found_in_objects_of_every_size),
		cmocka_unit_test(many_members_take_linear_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
