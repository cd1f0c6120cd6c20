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
	int status;
} rows[] = {
	{ "plain", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 0 },
	{ "an empty line first", "\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", 0 },
	{ "letters of any case", "GET / HTTP/1.1\r\nhOsT:\r\n\r\n", 0 },
	{ "a length", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\na", 0 },
	{ "chunks", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411 },
	{ "chunks of any case", "GET / HTTP/1.1\r\nHost: x\r\nTRANSFER-ENCODING:\tChunked \r\n\r\n", 411 },
	{ "another coding", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501 },
	{ "nearly chunks", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked,\r\n\r\n", 501 },
	{ "no coding", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: \t\r\n\r\n", 501 },
	{ "a coding without a value", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding:\r\n\r\n", 501 },
	{ "names that only begin alike",
		"GET / HTTP/1.1\r\nHost: x\r\nHosts: y\r\nContent-Lengths: 1\r\n\r\n", 0 },
	{ "bytes after the head do not count", "GET / HTTP/1.1\r\nHost: x\r\n\r\nHost: y\nHost: z\r\n", 0 },
	{ "old, without a host", "GET / HTTP/1.0\r\n\r\n", 0 },
	{ "without a host", "GET / HTTP/1.1\r\nA: b\r\n\r\n", 400 },
	{ "two hosts", "GET / HTTP/1.1\r\nHost: x\r\nHOST: x\r\n\r\n", 400 },
	{ "old, with two hosts", "GET / HTTP/1.0\r\nHost: x\r\nHost: y\r\n\r\n", 400 },
	{ "two lengths", "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\ncontent-length: 1\r\n\r\na",
		400 },
	{ "a length and a coding",
		"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400 },
	{ "two codings",
		"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: x\r\nTransfer-Encoding: chunked\r\n\r\n",
		400 },
	{ "old, with a coding", "GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400 },
	{ "the request line ends in LF", "GET / HTTP/1.1\nHost: x\r\n\r\n", 400 },
	{ "a header ends in LF", "GET / HTTP/1.1\r\nHost: x\nA: b\r\n\r\n", 400 },
	{ "the head ends in LF", "GET / HTTP/1.1\r\nHost: x\r\n\n", 400 },
	{ "all lines end in LF", "GET / HTTP/1.1\nHost: x\n\n", 400 },
	{ "a lone LF first", "\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
	{ "no end yet", "GET / HTTP/1.1\r\nA: b\r\n", 0 },
	{ "nothing yet", "", 0 },
};

static void faults_that_the_library_overlooks_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		size_t length = strlen(rows[i].head);
		/* Not NUL-terminated, so that a sanitizer detects a read past the end. */
		CLEANUP(mem_freep) char *bytes = mem_alloc(length + 1);
		bytes = mem_resize(bytes, length > 0 ? length : 1, 1);
		memcpy(bytes, rows[i].head, length);
		int status = head_check(bytes, length);
		if (status != rows[i].status)
			fail_msg("%s: %d", rows[i].name, status);
	}
}

static void nothing_is_read_or_promised_for_a_request_that_is_refused(void **state)
{
	static const struct {
		const char *head, *disarmed;
		int status;
	} heads[] = {
		{ "POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n", NULL,
			0 },
		{ "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n", NULL, 0 },
		{ "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nExpect: "
		  "100-continue\r\n\r\nffff",
			"POST / HTTP/1.1\r\nHost: x\r\n_ransfer-Encoding: chunked\r\n_xpect: "
			"100-continue\r\n\r\nffff",
			411 },
		{ "POST / HTTP/1.1\r\nHost: x\r\ntransfer-encoding: gzip\r\n\r\nExpect: body\r\n",
			"POST / HTTP/1.1\r\nHost: x\r\n_ransfer-encoding: gzip\r\n\r\nExpect: body\r\n",
			501 },
		{ "POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\n",
			"POST / HTTP/1.1\r\n_ontent-Length: 9\r\n\r\n", 400 },
		{ "POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n",
			"POST / HTTP/1.0\r\n_xpect: 100-continue\r\nContent-Length: 1\r\n\r\n", 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(heads); i++) {
		CLEANUP(mem_freep) char *bytes = mem_strdup(heads[i].head);
		assert_int_equal(head_check(bytes, strlen(bytes)), heads[i].status);
		assert_string_equal(bytes, heads[i].disarmed ? heads[i].disarmed : heads[i].head);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(faults_that_the_library_overlooks_are_refused),
		cmocka_unit_test(nothing_is_read_or_promised_for_a_request_that_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
