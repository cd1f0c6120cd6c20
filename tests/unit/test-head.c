/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "http/head.h"

static const struct {
	const char *name, *head;
	bool is_http_1_0, expected;
} rows[] = {
	{ "plain", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", false, true },
	{ "an empty line first", "\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", false, true },
	{ "letters of any case", "GET / HTTP/1.1\r\nhOsT:\r\n\r\n", false, true },
	{ "a length", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\na", false, true },
	{ "a coding", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", false,
		true },
	{ "names that only begin alike",
		"GET / HTTP/1.1\r\nHost: x\r\nHosts: y\r\nContent-Lengths: 1\r\n\r\n", false, true },
	{ "what follows is not looked at", "GET / HTTP/1.1\r\nHost: x\r\n\r\nHost: y\nHost: z\r\n", false,
		true },
	{ "old, without a host", "GET / HTTP/1.0\r\n\r\n", true, true },
	{ "without a host", "GET / HTTP/1.1\r\nA: b\r\n\r\n", false, false },
	{ "two hosts", "GET / HTTP/1.1\r\nHost: x\r\nHOST: x\r\n\r\n", false, false },
	{ "old, with two hosts", "GET / HTTP/1.0\r\nHost: x\r\nHost: y\r\n\r\n", true, false },
	{ "two lengths", "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\ncontent-length: 1\r\n\r\na",
		false, false },
	{ "a length and a coding",
		"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", false,
		false },
	{ "two codings",
		"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: x\r\nTransfer-Encoding: chunked\r\n\r\n",
		false, false },
	{ "old, with a coding", "GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", true, false },
	{ "the request line ends in LF", "GET / HTTP/1.1\nHost: x\r\n\r\n", false, false },
	{ "a header ends in LF", "GET / HTTP/1.1\r\nHost: x\nA: b\r\n\r\n", false, false },
	{ "the head ends in LF", "GET / HTTP/1.1\r\nHost: x\r\n\n", false, false },
	{ "a lone LF first", "\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", false, false },
	{ "no end", "GET / HTTP/1.1\r\nHost: x\r\n", false, false },
	{ "nothing", "", false, false },
};

static void a_head_of_two_readings_is_recognised(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		size_t length = strlen(rows[i].head);
		/* Not NUL-terminated, so that a sanitizer sees a byte too far. */
		CLEANUP(mem_freep) char *bytes = mem_alloc(length + 1);
		bytes = mem_resize(bytes, length > 0 ? length : 1, 1);
		memcpy(bytes, rows[i].head, length);
		if (head_has_one_reading(bytes, length, rows[i].is_http_1_0) != rows[i].expected)
			fail_msg("%s", rows[i].name);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_head_of_two_readings_is_recognised),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
