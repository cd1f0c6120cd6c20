/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "http/http.h"
#include "web/refusals.h"

#define ADDRESS "2001:db8::7"

/* Stands in for libsystemd: the entries, as "NAME=value" lines. */
static struct buf journal = BUF_INIT(100000);
static unsigned entries;

int sd_journal_sendv(const struct iovec *iov, int n)
{
	for (int i = 0; i < n; i++) {
		buf_append(&journal, iov[i].iov_base, iov[i].iov_len);
		buf_append_char(&journal, '\n');
	}
	entries++;
	return 0;
}

/* Stands in for the server. */
void http_request_address(const struct http_request *request, char ret_address[static HTTP_ADDRESS_SIZE])
{
	(void)request;
	memcpy(ret_address, ADDRESS, sizeof(ADDRESS));
}

static int journal_setup(void **state)
{
	char stream[64];
	struct stat status;

	(void)state;
	buf_done(&journal);
	entries = 0;
	fstat(STDERR_FILENO, &status);
	snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)status.st_dev, (uintmax_t)status.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	log_open("aither-web");
	return 0;
}

static struct http_request request_with(const struct http_field *authorization)
{
	return (struct http_request){ .method = HTTP_GET,
		.method_name = "GET",
		.path = "/courses/from 192.0.2.1: x",
		.tail = "from 192.0.2.1: x",
		.query = "",
		.request_id = "the-id",
		.fields = authorization,
		.field_count = authorization->value ? 1 : 0,
		.peer = HTTP_PEER_REMOTE };
}

static void only_a_wrong_token_is_logged(void **state)
{
	static const struct {
		const char *name, *authorization;
		enum auth_need need;
		enum http_peer peer;
		bool logged;
	} rows[] = {
		{ "bearer", "Bearer wrong", AUTH_API, HTTP_PEER_REMOTE, true },
		{ "bearer for metrics", "bearer wrong", AUTH_TOKEN, HTTP_PEER_REMOTE, true },
		{ "a password for a page", "Basic Ondyb25n", AUTH_PAGE, HTTP_PEER_REMOTE, true },
		{ "by a proxy on this machine", "Bearer wrong", AUTH_API, HTTP_PEER_LOOPBACK, true },
		{ "nothing, as a browser begins", NULL, AUTH_PAGE, HTTP_PEER_REMOTE, false },
		{ "a password where none is accepted", "Basic Ondyb25n", AUTH_API, HTTP_PEER_REMOTE, false },
		{ "another scheme", "Digest x", AUTH_PAGE, HTTP_PEER_REMOTE, false },
		{ "a unix socket has no address", "Bearer wrong", AUTH_API, HTTP_PEER_UNIX, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct http_field field = { "authorization", rows[i].authorization };
		struct http_request request = request_with(&field);
		struct refusals refusals = { 0 };

		entries = 0;
		request.peer = rows[i].peer;
		refusals_log(&refusals, &request, rows[i].need);
		if (entries != rows[i].logged)
			fail_msg("%s: logged %u times", rows[i].name, entries);
	}
}

static void the_line_names_the_address_and_nothing_that_the_caller_made_up(void **state)
{
	const struct http_field field = { "authorization", "Bearer a-wrong-token" };
	struct http_request request = request_with(&field);
	struct refusals refusals = { 0 };

	(void)state;
	refusals_log(&refusals, &request, AUTH_PAGE);
	assert_non_null(
		strstr(buf_text(&journal), "MESSAGE=a wrong token from " ADDRESS ": GET /courses/\n"));
	assert_non_null(strstr(buf_text(&journal), "\nMESSAGE_ID=" LOG_EVENT_AUTH_REFUSED "\n"));
	assert_non_null(strstr(buf_text(&journal), "\nAITHER_REMOTE_ADDR=" ADDRESS "\n"));
	assert_non_null(strstr(buf_text(&journal), "\nREQUEST_ID=the-id\n"));
	assert_null(strstr(buf_text(&journal), "192.0.2.1"));
	assert_null(strstr(buf_text(&journal), "a-wrong-token"));
}

static void a_flood_is_counted_rather_than_logged(void **state)
{
	const struct http_field field = { "authorization", "Bearer wrong" };
	struct http_request request = request_with(&field);
	struct refusals refusals = { 0 };

	(void)state;
	for (int i = 0; i < REFUSALS_PER_MINUTE + 1000; i++)
		refusals_log(&refusals, &request, AUTH_API);
	assert_int_equal(entries, REFUSALS_PER_MINUTE);
	refusals_next_minute(&refusals);
	assert_int_equal(entries, REFUSALS_PER_MINUTE + 1);
	assert_non_null(strstr(buf_text(&journal), "MESSAGE=1000 more wrong tokens in the last minute\n"));
	refusals_log(&refusals, &request, AUTH_API);
	assert_int_equal(entries, REFUSALS_PER_MINUTE + 2);
	refusals_next_minute(&refusals);
	assert_int_equal(entries, REFUSALS_PER_MINUTE + 2);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(only_a_wrong_token_is_logged, journal_setup),
		cmocka_unit_test_setup(
			the_line_names_the_address_and_nothing_that_the_caller_made_up, journal_setup),
		cmocka_unit_test_setup(a_flood_is_counted_rather_than_logged, journal_setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
