/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/mem.h"
#include "http/http.h"
#include "web/auth.h"

#define TOKEN "0123456789abcdef"
#define BASIC_OF_TOKEN "dXNlcjowMTIzNDU2Nzg5YWJjZGVm" /* user:TOKEN */
#define BASIC_EMPTY_USER "OjAxMjM0NTY3ODlhYmNkZWY="   /* :TOKEN */
#define BASIC_NO_COLON "MDEyMzQ1Njc4OWFiY2RlZg=="     /* TOKEN */

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
		{ "private page", "localhost", "user-agent", "curl", HTTP_PEER_LOOPBACK, AUTH_PAGE, false },
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
	/* The operator learns what gave it away. */
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

static void pages_are_challenged_with_both_schemes(void **state)
{
	struct http_response page = { 0 }, api = { 0 };

	(void)state;
	auth_challenge(&page, AUTH_PAGE);
	assert_int_equal(page.header_count, 2);
	assert_string_equal(page.headers[0].name, "www-authenticate");
	assert_non_null(strstr(page.headers[0].value, "Bearer"));
	assert_non_null(strstr(page.headers[1].value, "Basic"));
	auth_challenge(&api, AUTH_API);
	assert_int_equal(api.header_count, 1);
	assert_non_null(strstr(api.headers[0].value, "Bearer"));
	http_response_done(&page);
	http_response_done(&api);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_token_that_is_set_is_always_needed),
		cmocka_unit_test(without_a_token_only_this_machine_gets_in),
		cmocka_unit_test(whatever_names_a_proxy_is_a_trace_of_one),
		cmocka_unit_test(local_access_can_be_switched_off),
		cmocka_unit_test(pages_are_challenged_with_both_schemes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
