/* SPDX-License-Identifier: MIT */
/*
 * Any text as a query, and as the value of each header that aither-web parses itself.
 *
 * These rules must hold:
 *  - a list means the same in any case (where the standard says so) and with any blanks and empty elements;
 *  - another entity tag at the beginning of a list changes nothing, unless it is the tag of the page;
 *  - no Authorization matches two different tokens, and none matches if there is no token;
 *  - the pages password opens only pages;
 *  - only localhost and loopback addresses count as a local Host;
 *  - an accepted parameter is valid text and fits.
 */
#include "tests/fuzz/fuzz.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "http/http.h"
#include "web/auth.h"
#include "web/negotiate.h"

#define ETAG "\"abc\""
#define OTHER_ETAG "\"other\""
#define TOKEN "0123456789abcdef"
#define OTHER_TOKEN "fedcba9876543210"

const char fuzz_corpus[] = "headers";

static struct http_request request_with(const struct http_field *field)
{
	return (struct http_request){ .method = HTTP_POST,
		.method_name = "POST",
		.path = "/",
		.query = "",
		.tail = "",
		.fields = field,
		.field_count = 1,
		.request_id = "id",
		.peer = HTTP_PEER_LOOPBACK };
}

static enum language language_of(const char *value)
{
	const struct http_field field = { "accept-language", value };
	struct http_request request = request_with(&field);

	return negotiate_language(&request, CONFIG_LANGUAGE_AUTO);
}

static bool html_of(const char *value)
{
	const struct http_field field = { "accept", value };
	struct http_request request = request_with(&field);

	return negotiate_html(&request);
}

static void check_same_list(const char *value, const char *other)
{
	enum language language = language_of(value);

	FUZZ_CHECK(language == LANGUAGE_DE || language == LANGUAGE_EN, "%s: %d", value, (int)language);
	FUZZ_CHECK(language == language_of(other), "Accept-Language: \"%s\", \"%s\"", value, other);
	FUZZ_CHECK(negotiate_gzip(value) == negotiate_gzip(other), "Accept-Encoding: \"%s\", \"%s\"", value,
		other);
	FUZZ_CHECK(html_of(value) == html_of(other), "Accept: \"%s\", \"%s\"", value, other);
}

static void check_lists(const char *value)
{
	CLEANUP(mem_freep) char *blanks = mem_printf(" \t,, %s , ,", value);
	CLEANUP(mem_freep) char *upper = mem_strdup(value);

	for (char *c = upper; *c; c++)
		if (*c >= 'a' && *c <= 'z')
			*c = (char)(*c - 'a' + 'A');
	check_same_list(value, blanks);
	check_same_list(value, upper);
}

static void check_etags(const char *value)
{
	CLEANUP(mem_freep) char *before = mem_printf(OTHER_ETAG ", %s", value);
	CLEANUP(mem_freep) char *weak = mem_printf("W/" OTHER_ETAG ",%s", value);
	CLEANUP(mem_freep) char *with = mem_printf(OTHER_ETAG "\t,W/" ETAG ",%s", value);
	bool has = negotiate_has_etag(value, ETAG);

	FUZZ_CHECK(!has || strstr(value, ETAG) || strchr(value, '*'), "\"%s\"", value);
	FUZZ_CHECK(has == negotiate_has_etag(before, ETAG), "\"%s\"", value);
	FUZZ_CHECK(has == negotiate_has_etag(weak, ETAG), "\"%s\"", value);
	FUZZ_CHECK(negotiate_has_etag(with, ETAG), "\"%s\"", value);
}

static bool opens(const char *name, const char *value, const char *token, enum auth_need need)
{
	const struct auth auth = { .token = token, .local_access = true };
	const struct http_field field = { name, value };
	struct http_request request = request_with(&field);
	struct error err = { 0 };
	int r = auth_check(&auth, &request, need, &err);

	FUZZ_CHECK(r == 0 || r == -EACCES, "%d: %s", r, err.message);
	FUZZ_CHECK(r == 0 || err.code == (token ? ERROR_UNAUTHORIZED : ERROR_SYNC_TOKEN_NOT_SET), "%s",
		err.message);
	FUZZ_CHECK(r == 0 || !strstr(err.message, TOKEN), "%s", err.message);
	if (r == 0 && token)
		FUZZ_CHECK(strncasecmp(value, "bearer ", 7) == 0 ||
				   (need == AUTH_PAGE && strncasecmp(value, "basic ", 6) == 0),
			"\"%s\"", value);
	return r == 0;
}

static void check_authorization(const char *value)
{
	bool api = opens("authorization", value, TOKEN, AUTH_API);
	bool page = opens("authorization", value, TOKEN, AUTH_PAGE);

	FUZZ_CHECK(api == opens("authorization", value, TOKEN, AUTH_TOKEN), "\"%s\"", value);
	FUZZ_CHECK(page || !api, "opens the API but no page: \"%s\"", value);
	FUZZ_CHECK(!api || strstr(value, TOKEN), "\"%s\"", value);
	FUZZ_CHECK(
		!page || !opens("authorization", value, OTHER_TOKEN, AUTH_PAGE), "two tokens: \"%s\"", value);
	FUZZ_CHECK(!opens("authorization", value, NULL, AUTH_API), "without a host: \"%s\"", value);
	FUZZ_CHECK(!opens("authorization", value, NULL, AUTH_PAGE), "without a token: \"%s\"", value);
}

static void check_pages_password(const char *value)
{
	const struct http_field field = { "authorization", value };
	struct http_request request = request_with(&field);
	const struct auth with = { .token = OTHER_TOKEN, .pages_password = TOKEN },
			  without = { .pages_password = TOKEN };
	bool page = auth_check(&without, &request, AUTH_PAGE, NULL) == 0;

	FUZZ_CHECK(!page || auth_check(&with, &request, AUTH_PAGE, NULL) == 0, "\"%s\"", value);
	FUZZ_CHECK(!page || strncasecmp(value, "Basic ", 6) == 0, "\"%s\"", value);
	for (enum auth_need need = AUTH_API; need != AUTH_PAGE; need++) {
		FUZZ_CHECK(auth_check(&without, &request, need, NULL) < 0, "\"%s\"", value);
		FUZZ_CHECK(!page || auth_check(&with, &request, need, NULL) < 0, "\"%s\"", value);
	}
}

static void check_host(const char *value)
{
	CLEANUP(mem_freep) char *address = NULL;
	unsigned char bytes[16];

	if (!opens("host", value, NULL, AUTH_API))
		return;
	if (value[0] != '[') {
		size_t length = strcspn(value, ":");
		bool is_name = strncasecmp(value, "localhost", 9) == 0 &&
			       (length == 9 || (length == 10 && value[9] == '.'));
		FUZZ_CHECK(
			is_name || (strncmp(value, "127.", 4) == 0 && strspn(value, "0123456789.") == length),
			"\"%s\"", value);
		return;
	}
	address = mem_strndup(value + 1, strcspn(value + 1, "%]"));
	FUZZ_CHECK(inet_pton(AF_INET6, address, bytes) == 1, "\"%s\"", value);
	FUZZ_CHECK(memcmp(bytes, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 16) == 0 ||
			   memcmp(bytes, "\0\0\0\0\0\0\0\0\0\0\xff\xff\x7f", 13) == 0,
		"\"%s\"", value);
}

/* In a block of exactly this size, so that the sanitizer detects a read past the end. */
static void check_base64(const char *value)
{
	for (size_t size = 1; size <= 65; size += 8) {
		CLEANUP(mem_freep) char *decoded = mem_alloc(size);
		int length = hash_base64_decode(value, strlen(value), decoded, size);

		FUZZ_CHECK(length < 0 ? length == -EBADMSG && !decoded[0] : (size_t)length == strlen(decoded),
			"%d of \"%s\"", length, value);
	}
}

static void check_query(const char *value)
{
	struct http_request request = { .query = value };
	char parameter[16];
	bool on = true;
	int r = http_request_switch(&request, "force", &on);

	FUZZ_CHECK((r == 0 || r == -EINVAL) && (r == 0 || !on), "%d: \"%s\"", r, value);
	FUZZ_CHECK(!on || strstr(value, "force="), "\"%s\"", value);
	if (http_request_parameter(&request, "lang", parameter, sizeof(parameter)))
		FUZZ_CHECK(
			strstr(value, "lang") && utf8_is_text(parameter, strlen(parameter)), "\"%s\"", value);
	negotiate_language(&(struct http_request){ .query = value }, CONFIG_LANGUAGE_AUTO);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	CLEANUP(mem_freep) char *value = mem_strndup((const char *)bytes, size);

	check_lists(value);
	check_etags(value);
	check_authorization(value);
	check_pages_password(value);
	check_host(value);
	check_base64(value);
	check_query(value);
	return 0;
}
