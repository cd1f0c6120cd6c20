/* SPDX-License-Identifier: MIT */
#include "web/auth.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/mem.h"
#include "http/http.h"

#define CREDENTIALS_MAX 1024 /* a token has at most 256 characters, a user name is not used */

/* What follows the scheme in Authorization; NULL: another scheme. */
static const char *credentials(const struct http_request *request, const char *scheme)
{
	const char *value = http_request_header(request, "authorization");
	size_t length = strlen(scheme);

	if (!value || strncasecmp(value, scheme, length) != 0 || value[length] != ' ')
		return NULL;
	return value + length + strspn(value + length, " ");
}

static bool has_bearer(const struct auth *auth, const struct http_request *request)
{
	const char *given = credentials(request, "Bearer");

	return given && hash_secret_equal(given, strlen(given), auth->token);
}

static bool has_basic(const struct auth *auth, const struct http_request *request)
{
	const char *given = credentials(request, "Basic");
	char decoded[CREDENTIALS_MAX];

	if (!given || hash_base64_decode(given, strlen(given), decoded, sizeof(decoded)) < 0)
		return false;
	const char *colon = strchr(decoded, ':');
	bool equal = colon && hash_secret_equal(colon + 1, strlen(colon + 1), auth->token);
	explicit_bzero(decoded, sizeof(decoded));
	return equal;
}

/* A page of another site can make a browser here send requests to us, but not under these names: a name
 * that it owns and points at 127.0.0.1 stays in Host. */
static bool is_local_host(const char *host)
{
	static const char *const names[] = { "localhost", "127.0.0.1", "[::1]" };

	for (size_t i = 0; host && i < ARRAY_SIZE(names); i++) {
		size_t length = strlen(names[i]);
		if (strncasecmp(host, names[i], length) != 0)
			continue;
		const char *rest = host + length;
		if (*rest == '\0' || (*rest == ':' && strspn(rest + 1, "0123456789") == strlen(rest + 1)))
			return true;
	}
	return false;
}

static bool has_trace_of_others(const struct http_request *request)
{
	static const char *const names[] = { "forwarded", "via", "origin" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (http_request_header(request, names[i]))
			return true;
	}
	for (size_t i = 0; i < request->field_count; i++) {
		if (strncmp(request->fields[i].name, "x-forwarded-", 12) == 0)
			return true;
	}
	const char *site = http_request_header(request, "sec-fetch-site");
	return site && strcmp(site, "same-origin") != 0 && strcmp(site, "none") != 0;
}

static bool has_local_access(const struct auth *auth, const struct http_request *request)
{
	return auth->local_access && request->peer == HTTP_PEER_LOOPBACK &&
	       is_local_host(http_request_header(request, "host")) && !has_trace_of_others(request);
}

int auth_check(
	const struct auth *auth, const struct http_request *request, enum auth_need need, struct error *err)
{
	if (!auth->token) {
		if (need == AUTH_API && has_local_access(auth, request))
			return 0;
		return error_fail(err, ERROR_SYNC_TOKEN_NOT_SET, -EACCES,
			"no sync token is set on this machine, so this is not permitted%s; set one: aither "
			"set-secret sync-token",
			need == AUTH_API ? " from elsewhere" : "");
	}
	if (has_bearer(auth, request) || (need == AUTH_PAGE && has_basic(auth, request)))
		return 0;
	return error_fail(err, ERROR_UNAUTHORIZED, -EACCES, "%s",
		http_request_header(request, "authorization")
			? "the token is wrong"
			: "a token is needed: Authorization: Bearer TOKEN (the one of: aither set-secret "
			  "sync-token)");
}

bool auth_has_credentials(const struct http_request *request, enum auth_need need)
{
	return credentials(request, "Bearer") || (need == AUTH_PAGE && credentials(request, "Basic"));
}

void auth_challenge(struct http_response *response, enum auth_need need)
{
	http_response_header(response, "www-authenticate", "Bearer realm=\"aither\"");
	if (need == AUTH_PAGE)
		http_response_header(
			response, "www-authenticate", "Basic realm=\"aither\", charset=\"UTF-8\"");
}
