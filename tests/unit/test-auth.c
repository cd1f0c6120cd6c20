/* SPDX-License-Identifier: MIT */
#include <errno.h>
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
#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "http/http.h"
#include "web/auth.h"

#define TOKEN "0123456789abcdef"
#define BASIC_OF_TOKEN "dXNlcjowMTIzNDU2Nzg5YWJjZGVm" /* user:TOKEN */
#define PASSWORD             \
	"gr\xc3\xbc\xc3\x9f" \
	"e: an alle"
#define BASIC_OF_PASSWORD "c3RhZmY6Z3LDvMOfZTogYW4gYWxsZQ==" /* staff:PASSWORD */
#define BASIC_EMPTY_USER "OjAxMjM0NTY3ODlhYmNkZWY="          /* :TOKEN */
#define BASIC_NO_COLON "MDEyMzQ1Njc4OWFiY2RlZg=="            /* TOKEN */

#define ADDRESS "2001:db8::7"

/* Replaces libsystemd: keeps the entries as "NAME=value" lines. */
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

/* Replaces the server. */
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

static struct http_request request_of(const struct http_field *fields, size_t count, enum http_peer peer)
{
	return (struct http_request){ .method = HTTP_POST,
		.path = "/api/sync",
		.query = "",
		.tail = "",
		.request_id = "id",
		.fields = fields,
		.field_count = count,
		.peer = peer };
}

static void a_token_that_is_set_is_always_needed(void **state)
{
	static const struct {
		const char *name, *authorization;
		enum auth_need need;
		bool permitted;
	} rows[] = {
		{ "bearer", "Bearer " TOKEN, AUTH_API, true },
		{ "bearer, any case, blanks", "bEARER   " TOKEN, AUTH_TOKEN, true },
		{ "bearer opens pages", "Bearer " TOKEN, AUTH_PAGE, true },
		{ "basic opens pages", "Basic " BASIC_OF_TOKEN, AUTH_PAGE, true },
		{ "basic without user", "Basic " BASIC_EMPTY_USER, AUTH_PAGE, true },
		{ "basic without colon", "Basic " BASIC_NO_COLON, AUTH_PAGE, false },
		{ "basic starts no sync", "Basic " BASIC_OF_TOKEN, AUTH_API, false },
		{ "basic does not force", "Basic " BASIC_OF_TOKEN, AUTH_TOKEN, false },
		{ "not base64", "Basic !!!!", AUTH_PAGE, false },
		{ "nothing, from this machine", NULL, AUTH_API, false },
		{ "wrong token", "Bearer 0123456789abcdeF", AUTH_API, false },
		{ "beginning of the token", "Bearer 0123456789abcde", AUTH_API, false },
		{ "token and more", "Bearer " TOKEN "0", AUTH_API, false },
		{ "empty token", "Bearer ", AUTH_API, false },
		{ "no scheme", TOKEN, AUTH_API, false },
		{ "scheme without blank", "Bearer" TOKEN, AUTH_API, false },
	};
	const struct auth auth = { .token = TOKEN, .local_access = true };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct http_field fields[] = { { "host", "localhost" },
			{ "authorization", rows[i].authorization } };
		struct http_request request =
			request_of(fields, rows[i].authorization ? 2 : 1, HTTP_PEER_LOOPBACK);
		struct error err = { 0 };
		int result = auth_check(&auth, &request, rows[i].need, &err);
		if (result != (rows[i].permitted ? 0 : -EACCES) ||
			(!rows[i].permitted && err.code != ERROR_UNAUTHORIZED))
			fail_msg("%s: %d %s", rows[i].name, result, err.message);
		assert_null(strstr(err.message, TOKEN));
	}
}

static void without_a_token_only_this_machine_gets_in(void **state)
{
	static const struct {
		const char *name, *host, *header, *value;
		enum http_peer peer;
		enum auth_need need;
		bool permitted;
	} rows[] = {
		{ "localhost", "localhost:3500", "user-agent", "curl", HTTP_PEER_LOOPBACK, AUTH_API, true },
		{ "IPv4", "127.0.0.1", "user-agent", "curl", HTTP_PEER_LOOPBACK, AUTH_API, true },
		{ "IPv6", "[::1]:3500", "user-agent", "curl", HTTP_PEER_LOOPBACK, AUTH_API, true },
		{ "any case", "LOCALHOST", "user-agent", "curl", HTTP_PEER_LOOPBACK, AUTH_API, true },
		{ "complete name", "localhost.:3500", "user-agent", "curl", HTTP_PEER_LOOPBACK, AUTH_API,
			true },
		{ "another IPv4", "127.8.9.1:3500", "user-agent", "curl", HTTP_PEER_LOOPBACK, AUTH_API,
			true },
		{ "IPv6, spelled out", "[0:0:0:0:0:0:0:1]", "user-agent", "curl", HTTP_PEER_LOOPBACK,
			AUTH_API, true },
		{ "IPv4 in IPv6", "[::ffff:127.0.0.1]:80", "user-agent", "curl", HTTP_PEER_LOOPBACK, AUTH_API,
			true },
		{ "IPv6 with a zone", "[::1%25lo]:3500", "user-agent", "curl", HTTP_PEER_LOOPBACK, AUTH_API,
			true },
		{ "no port", "localhost:", "user-agent", "curl", HTTP_PEER_LOOPBACK, AUTH_API, true },
		{ "not of this machine", "192.0.2.1:3500", "user-agent", "curl", HTTP_PEER_LOOPBACK, AUTH_API,
			false },
		{ "nor IPv6", "[::2]:3500", "user-agent", "curl", HTTP_PEER_LOOPBACK, AUTH_API, false },
		{ "looks like an address", "127.0.0.1.evil.example", "user-agent", "curl", HTTP_PEER_LOOPBACK,
			AUTH_API, false },
		{ "empty", "", "user-agent", "curl", HTTP_PEER_LOOPBACK, AUTH_API, false },
		{ "own page", "localhost", "sec-fetch-site", "same-origin", HTTP_PEER_LOOPBACK, AUTH_API,
			true },
		{ "typed in", "localhost", "sec-fetch-site", "none", HTTP_PEER_LOOPBACK, AUTH_API, true },
		{ "other machine", "localhost", "user-agent", "curl", HTTP_PEER_REMOTE, AUTH_API, false },
		{ "unix socket of a proxy", "localhost", "user-agent", "curl", HTTP_PEER_UNIX, AUTH_API,
			false },
		{ "name that points here", "evil.example", "user-agent", "x", HTTP_PEER_LOOPBACK, AUTH_API,
			false },
		{ "name that begins so", "localhost.evil.example", "user-agent", "x", HTTP_PEER_LOOPBACK,
			AUTH_API, false },
		{ "port that is none", "localhost:80@evil", "user-agent", "x", HTTP_PEER_LOOPBACK, AUTH_API,
			false },
		{ "no host", NULL, "user-agent", "x", HTTP_PEER_LOOPBACK, AUTH_API, false },
		{ "Forwarded", "localhost", "forwarded", "for=1.2.3.4", HTTP_PEER_LOOPBACK, AUTH_API, false },
		{ "X-Forwarded-For", "localhost", "x-forwarded-for", "1.2.3.4", HTTP_PEER_LOOPBACK, AUTH_API,
			false },
		{ "X-Forwarded-Proto", "localhost", "x-forwarded-proto", "https", HTTP_PEER_LOOPBACK,
			AUTH_API, false },
		{ "Via", "localhost", "via", "1.1 proxy", HTTP_PEER_LOOPBACK, AUTH_API, false },
		{ "Origin", "localhost", "origin", "http://localhost", HTTP_PEER_LOOPBACK, AUTH_API, false },
		{ "own Referer", "localhost:3500", "referer", "http://localhost:3500/courses/x",
			HTTP_PEER_LOOPBACK, AUTH_API, true },
		{ "own origin as Referer", "localhost:3500", "referer", "http://LOCALHOST:3500",
			HTTP_PEER_LOOPBACK, AUTH_API, true },
		{ "Referer elsewhere", "localhost:3500", "referer", "http://evil.example/",
			HTTP_PEER_LOOPBACK, AUTH_API, false },
		{ "Referer that begins so", "localhost", "referer", "http://localhost.evil.example/",
			HTTP_PEER_LOOPBACK, AUTH_API, false },
		{ "Referer with a user", "localhost", "referer", "http://localhost@evil.example/",
			HTTP_PEER_LOOPBACK, AUTH_API, false },
		{ "Referer of another port", "localhost:3500", "referer", "http://localhost:3000/",
			HTTP_PEER_LOOPBACK, AUTH_API, false },
		{ "Referer by https", "localhost", "referer", "https://localhost/", HTTP_PEER_LOOPBACK,
			AUTH_API, false },
		{ "no URL as Referer", "localhost", "referer", "about:blank", HTTP_PEER_LOOPBACK, AUTH_API,
			false },
		{ "cross-site", "localhost", "sec-fetch-site", "cross-site", HTTP_PEER_LOOPBACK, AUTH_API,
			false },
		{ "other port here", "localhost", "sec-fetch-site", "same-site", HTTP_PEER_LOOPBACK, AUTH_API,
			false },
		{ "force", "localhost", "user-agent", "curl", HTTP_PEER_LOOPBACK, AUTH_TOKEN, false },
	};
	const struct auth auth = { .token = NULL, .local_access = true };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct http_field fields[] = { { rows[i].header, rows[i].value },
			{ "host", rows[i].host } };
		struct http_request request = request_of(fields, rows[i].host ? 2 : 1, rows[i].peer);
		struct error err = { 0 };
		int result = auth_check(&auth, &request, rows[i].need, &err);
		if (result != (rows[i].permitted ? 0 : -EACCES))
			fail_msg("%s: %d", rows[i].name, result);
		if (!rows[i].permitted) {
			assert_int_equal(err.code, ERROR_SYNC_TOKEN_NOT_SET);
			assert_non_null(strstr(err.message, "aither set-secret sync-token"));
		}
	}
}

static void the_pages_password_opens_pages_and_nothing_else(void **state)
{
	static const struct {
		const char *name, *token, *password, *authorization;
		enum auth_need need;
		int result;
		enum error_code code;
		const char *says;
	} rows[] = {
		{ "password", TOKEN, PASSWORD, "Basic " BASIC_OF_PASSWORD, AUTH_PAGE, 0, 0, "" },
		{ "password, no token", NULL, PASSWORD, "Basic " BASIC_OF_PASSWORD, AUTH_PAGE, 0, 0, "" },
		{ "token by Basic", TOKEN, PASSWORD, "Basic " BASIC_OF_TOKEN, AUTH_PAGE, 0, 0, "" },
		{ "token by Bearer", TOKEN, PASSWORD, "Bearer " TOKEN, AUTH_PAGE, 0, 0, "" },
		{ "password by Bearer", TOKEN, "0123456789ab", "Bearer 0123456789ab", AUTH_PAGE, -EACCES,
			ERROR_UNAUTHORIZED, "password or token is wrong" },
		{ "a password is needed", NULL, PASSWORD, NULL, AUTH_PAGE, -EACCES, ERROR_UNAUTHORIZED,
			"set-secret pages-password" },
		{ "wrong password", NULL, PASSWORD, "Basic " BASIC_OF_TOKEN, AUTH_PAGE, -EACCES,
			ERROR_UNAUTHORIZED, "password or token is wrong" },
		{ "not by Basic", NULL, PASSWORD, "Digest x", AUTH_PAGE, -EACCES, ERROR_UNAUTHORIZED,
			"a password is needed" },
		{ "neither is set", NULL, NULL, "Basic " BASIC_OF_PASSWORD, AUTH_PAGE, -EACCES,
			ERROR_SYNC_TOKEN_NOT_SET, "aither set-secret pages-password" },
		{ "starts no sync", TOKEN, PASSWORD, "Basic " BASIC_OF_PASSWORD, AUTH_API, -EACCES,
			ERROR_UNAUTHORIZED, "a token is needed" },
		{ "nor by Bearer", TOKEN, "0123456789ab", "Bearer 0123456789ab", AUTH_API, -EACCES,
			ERROR_UNAUTHORIZED, "the token is wrong" },
		{ "no metrics", TOKEN, PASSWORD, "Basic " BASIC_OF_PASSWORD, AUTH_TOKEN, -EACCES,
			ERROR_UNAUTHORIZED, "a token is needed" },
		{ "no metrics without a token", NULL, "0123456789ab", "Bearer 0123456789ab", AUTH_TOKEN,
			-EACCES, ERROR_SYNC_TOKEN_NOT_SET, "aither set-secret sync-token" },
		{ "no sync from elsewhere", NULL, PASSWORD, "Basic " BASIC_OF_PASSWORD, AUTH_API, -EACCES,
			ERROR_SYNC_TOKEN_NOT_SET, "aither set-secret sync-token" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct auth auth = {
			.token = rows[i].token, .pages_password = rows[i].password, .local_access = true
		};
		const struct http_field fields[] = { { "host", "courses.example.org" },
			{ "authorization", rows[i].authorization } };
		struct http_request request =
			request_of(fields, rows[i].authorization ? 2 : 1, HTTP_PEER_REMOTE);
		struct error err = { 0 };
		int result = auth_check(&auth, &request, rows[i].need, &err);
		if (result != rows[i].result || (result < 0 && err.code != rows[i].code) ||
			(result < 0 && !strstr(err.message, rows[i].says)))
			fail_msg("%s: %d %s", rows[i].name, result, err.message);
		assert_null(strstr(err.message, PASSWORD));
	}
}

static bool is_local_with(const char *name, bool is_http_1_0)
{
	const struct auth auth = { .token = NULL, .local_access = true };
	const struct http_field fields[] = { { "user-agent", "curl/7.88.1" }, { "host", "127.0.0.1:3500" },
		{ name, "192.0.2.7" }, { "accept", "*/*" } };
	struct http_request request = request_of(fields, ARRAY_SIZE(fields), HTTP_PEER_LOOPBACK);
	struct error err = { 0 };

	request.is_http_1_0 = is_http_1_0;
	if (auth_check(&auth, &request, AUTH_API, &err) == 0)
		return true;
	/* The message names the header that gave the client away. */
	if (!strstr(err.message, is_http_1_0 ? "HTTP/1.0" : name))
		fail_msg("%s: %s", name, err.message);
	return false;
}

static void whatever_names_a_proxy_is_a_trace_of_one(void **state)
{
	static const char *const traces[] = { "forwarded", "via", "x-forwarded", "x-forwarded-for",
		"x-forwarded-host", "x-forwarded-server", "x-real-ip", "x-client-ip", "x-cluster-client-ip",
		"x-original-forwarded-for", "x-original-host", "x-original-url", "x-original-uri",
		"x-rewrite-url", "x-proxyuser-ip", "x-remote-ip", "x-remote-addr", "x-host", "x-scheme",
		"x-envoy-external-address", "x-amzn-trace-id", "x-amz-cf-id", "x-varnish",
		"x-appengine-remote-addr", "x-azure-clientip", "x-azure-socketip", "x-arr-log-id",
		"x-cloud-trace-context", "x-akamai-config-log-detail", "cf-connecting-ip",
		"cf-connecting-ipv6", "cf-ray", "cf-visitor", "true-client-ip", "fastly-client-ip",
		"fastly-ff", "fly-client-ip", "fly-forwarded-port", "wl-proxy-client-ip", "wl-proxy-ssl",
		"proxy-client-ip", "proxy-connection", "proxy", "client-ip", "http-client-ip", "remote-addr",
		"remote-user", "cdn-loop", "cdn-src-ip", "cloudfront-viewer-address", "incap-client-ip",
		"surrogate-capability", "forwarded-for", "ali-cdn-real-ip", "front-end-https", "early-data",
		"client-cert", "ssl-client-verify", "tailscale-user-login" };
	static const char *const others[] = { "accept-language", "cache-control", "connection",
		"content-type", "cookie", "expect", "from", "if-none-match", "prefer", "priority",
		"sec-ch-ua", "traceparent", "upgrade-insecure-requests", "x-request-id", "x-requested-with" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(traces); i++)
		if (is_local_with(traces[i], false))
			fail_msg("%s", traces[i]);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		if (!is_local_with(others[i], false))
			fail_msg("%s", others[i]);
	assert_false(is_local_with("dnt", true));
}

static void local_access_can_be_switched_off(void **state)
{
	const struct auth auth = { .token = NULL, .local_access = false };
	const struct http_field fields[] = { { "host", "localhost" } };
	struct http_request request = request_of(fields, 1, HTTP_PEER_LOOPBACK);
	struct error err = { 0 };

	(void)state;
	assert_int_equal(auth_check(&auth, &request, AUTH_API, &err), -EACCES);
	assert_int_equal(err.code, ERROR_SYNC_TOKEN_NOT_SET);
}

static void challenges_name_what_opens(void **state)
{
	static const struct {
		const char *token, *password;
		enum auth_need need;
		const char *first, *second;
	} rows[] = {
		{ TOKEN, NULL, AUTH_PAGE, "Bearer realm", "Basic realm" },
		{ TOKEN, PASSWORD, AUTH_PAGE, "Bearer realm", "Basic realm" },
		{ NULL, PASSWORD, AUTH_PAGE, "Basic realm", NULL },
		{ TOKEN, PASSWORD, AUTH_API, "Bearer realm", NULL },
		{ TOKEN, NULL, AUTH_TOKEN, "Bearer realm", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct auth auth = { .token = rows[i].token, .pages_password = rows[i].password };
		const struct http_request request = request_of(NULL, 0, HTTP_PEER_REMOTE);
		struct http_response response = { 0 };
		auth_refuse(&auth, &request, &response, rows[i].need);
		assert_int_equal(response.header_count, rows[i].second ? 2 : 1);
		assert_string_equal(response.headers[0].name, "www-authenticate");
		assert_non_null(strstr(response.headers[0].value, rows[i].first));
		if (rows[i].second)
			assert_non_null(strstr(response.headers[1].value, rows[i].second));
		http_response_done(&response);
	}
}

static void refuse(struct auth *auth, const struct http_request *request, enum auth_need need)
{
	struct http_response response = { 0 };

	auth_refuse(auth, request, &response, need);
	http_response_done(&response);
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
		struct auth auth = { .token = TOKEN };

		entries = 0;
		request.peer = rows[i].peer;
		refuse(&auth, &request, rows[i].need);
		if (entries != rows[i].logged)
			fail_msg("%s: logged %u times", rows[i].name, entries);
	}
}

static void the_line_names_the_address_and_no_text_of_the_client(void **state)
{
	const struct http_field field = { "authorization", "Bearer a-wrong-token" };
	struct http_request request = request_with(&field);
	struct auth auth = { .token = TOKEN };

	(void)state;
	refuse(&auth, &request, AUTH_PAGE);
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
	struct auth auth = { .token = TOKEN };

	(void)state;
	for (int i = 0; i < AUTH_LOGGED_PER_MINUTE + 1000; i++)
		refuse(&auth, &request, AUTH_API);
	assert_int_equal(entries, AUTH_LOGGED_PER_MINUTE);
	auth_next_minute(&auth);
	assert_int_equal(entries, AUTH_LOGGED_PER_MINUTE + 1);
	assert_non_null(strstr(
		buf_text(&journal), "MESSAGE=1000 more wrong tokens and passwords in the last minute\n"));
	refuse(&auth, &request, AUTH_API);
	assert_int_equal(entries, AUTH_LOGGED_PER_MINUTE + 2);
	auth_next_minute(&auth);
	assert_int_equal(entries, AUTH_LOGGED_PER_MINUTE + 2);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_token_that_is_set_is_always_needed),
		cmocka_unit_test(without_a_token_only_this_machine_gets_in),
		cmocka_unit_test(the_pages_password_opens_pages_and_nothing_else),
		cmocka_unit_test(whatever_names_a_proxy_is_a_trace_of_one),
		cmocka_unit_test(local_access_can_be_switched_off),
		cmocka_unit_test(challenges_name_what_opens),
		cmocka_unit_test_setup(a_flood_is_counted_rather_than_logged, journal_setup),
		cmocka_unit_test_setup(the_line_names_the_address_and_no_text_of_the_client, journal_setup),
		cmocka_unit_test_setup(only_a_wrong_token_is_logged, journal_setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
