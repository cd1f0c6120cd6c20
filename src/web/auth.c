/* SPDX-License-Identifier: MIT */
#include "web/auth.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/address.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "http/http.h"

#define CREDENTIALS_MAX 2048 /* a password has at most 256 characters of 4 bytes, a user name is not used */

/* The credentials in Authorization; NULL: there are none of this scheme. */
static const char *credentials(const struct http_request *request, const char *scheme)
{
	const char *value = http_request_header(request, "authorization");
	size_t length = strlen(scheme);

	if (!value || strncasecmp(value, scheme, length) != 0 || value[length] != ' ')
		return NULL;
	return value + length + strspn(value + length, " ");
}

/* Does the request send a token or password, right or wrong, with a scheme that the call accepts? */
static bool has_credentials(const struct http_request *request, enum auth_need need)
{
	return credentials(request, "Bearer") || (need == AUTH_PAGE && credentials(request, "Basic"));
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
	bool is_password = colon && hash_secret_equal(colon + 1, strlen(colon + 1), auth->pages_password);
	bool is_token = colon && hash_secret_equal(colon + 1, strlen(colon + 1), auth->token);
	explicit_bzero(decoded, sizeof(decoded));
	return is_password || is_token;
}

/* A page of another site can make a browser on this machine send us requests, but not with one of these names
 * in Host: if the site points its own name at 127.0.0.1, Host has that name. */
static bool is_local_host(const char *host)
{
	size_t length = strlen(host), digits = 0;

	while (digits < length && isdigit((unsigned char)host[length - 1 - digits]))
		digits++;
	if (digits < length && host[length - 1 - digits] == ':')
		length -= digits + 1;
	CLEANUP(mem_freep) char *name = mem_strndup(host, length);
	return address_is_local_host(name);
}

/* Does the Referer name a page of ours, "http://localhost:3500/"? */
static bool is_own_page(const char *referer, const char *host)
{
	static const char scheme[] = "http://";
	const char *authority = referer + strlen(scheme);

	if (strncasecmp(referer, scheme, strlen(scheme)) != 0)
		return false;
	/* strchr also finds the NUL at the end of the text: then the Referer is only an origin. */
	return strncasecmp(authority, host, strlen(host)) == 0 && strchr("/?#", authority[strlen(host)]);
}

/* The fields with which proxies and content delivery networks name the client or themselves; "*" stands for
 * any end. All X-... fields count: clients on this machine need only those that is_trace() permits, and
 * proxies keep inventing new ones: X-Real-IP, X-Forwarded-*, X-Original-*, X-Envoy-*, X-Amzn-*, X-Varnish,
 * ...
 */
static bool is_of_proxy(const char *name)
{
	static const char *const patterns[] = { "cdn-*", "cf-*", "client-cert*", "cloudfront-*", "early-data",
		"fastly-*", "fly-*", "forwarded*", "front-end-https", "proxy*", "remote-*", "ssl-client-*",
		"surrogate-*", "tailscale-*", "via", "wl-proxy-*", "x-*" };
	size_t length = strlen(name);

	for (size_t i = 0; i < ARRAY_SIZE(patterns); i++) {
		size_t fixed = strcspn(patterns[i], "*");
		if (strncmp(name, patterns[i], fixed) == 0 && (patterns[i][fixed] || length == fixed))
			return true;
	}
	/* "True-Client-IP", "Client-IP" and later inventions */
	return length > 3 && strcmp(name + length - 3, "-ip") == 0;
}

/* Does the field show that the request comes from a proxy or from a page of another site? */
static bool is_trace(const struct http_field *field, const char *host)
{
	if (strcmp(field->name, "origin") == 0)
		return true;
	if (strcmp(field->name, "referer") == 0)
		return !is_own_page(field->value, host);
	if (strcmp(field->name, "sec-fetch-site") == 0)
		return strcmp(field->value, "same-origin") != 0 && strcmp(field->value, "none") != 0;
	if (strcmp(field->name, "x-request-id") == 0 || strcmp(field->name, "x-requested-with") == 0)
		return false;
	return is_of_proxy(field->name);
}

/* The name of a sign that the request may not come from this machine; NULL: there is none. */
static const char *find_foreign_trace(const struct http_request *request)
{
	const char *host = http_request_header(request, "host");

	if (request->peer != HTTP_PEER_LOOPBACK)
		return "its address";
	if (!host || !is_local_host(host))
		return "Host";
	/* By default, nginx speaks HTTP/1.0 to upstream servers and leaves no other trace. */
	if (request->is_http_1_0)
		return "HTTP/1.0";
	for (size_t i = 0; i < request->field_count; i++) {
		if (is_trace(&request->fields[i], host))
			return request->fields[i].name;
	}
	return NULL;
}

static int check_page(const struct auth *auth, const struct http_request *request, struct error *err)
{
	if (!auth->token && !auth->pages_password)
		return error_fail(err, ERROR_SYNC_TOKEN_NOT_SET, -EACCES,
			"neither a pages password nor a sync token is set on this machine, so private pages are closed; set one: aither set-secret pages-password, or: aither set-secret sync-token");
	if (has_bearer(auth, request) || has_basic(auth, request))
		return 0;
	return error_fail(err, ERROR_UNAUTHORIZED, -EACCES, "%s",
		has_credentials(request, AUTH_PAGE)
			? "the password or token is wrong"
			: "a password is needed: send the pages password (aither set-secret pages-password) by Basic, with any user name");
}

int auth_check(
	const struct auth *auth, const struct http_request *request, enum auth_need need, struct error *err)
{
	if (need == AUTH_PAGE)
		return check_page(auth, request, err);
	if (auth->token) {
		if (has_bearer(auth, request))
			return 0;
		return error_fail(err, ERROR_UNAUTHORIZED, -EACCES, "%s",
			has_credentials(request, need)
				? "the token is wrong"
				: "a token is needed: send Authorization: Bearer TOKEN, with the sync token (aither set-secret sync-token)");
	}
	bool may_be_local = need == AUTH_API && auth->local_access;
	const char *trace = may_be_local ? find_foreign_trace(request) : NULL;
	if (may_be_local && !trace)
		return 0;
	CLEANUP(mem_freep)
	char *why = trace ? mem_printf(" from elsewhere (as %.64s shows)", trace) : mem_strdup("");
	return error_fail(err, ERROR_SYNC_TOKEN_NOT_SET, -EACCES,
		"no sync token is set on this machine, so this call is not permitted%s; set one: aither set-secret sync-token",
		why);
}

void auth_refuse(struct auth *auth, const struct http_request *request, struct http_response *response,
	enum auth_need need)
{
	char address[HTTP_ADDRESS_SIZE];

	if (auth->token)
		http_response_header(response, "www-authenticate", "Bearer realm=\"aither\"");
	if (need == AUTH_PAGE)
		http_response_header(
			response, "www-authenticate", "Basic realm=\"aither\", charset=\"UTF-8\"");
	if (request->peer == HTTP_PEER_UNIX || !has_credentials(request, need))
		return;
	if (auth->logged == AUTH_LOGGED_PER_MINUTE) {
		auth->unlogged++;
		return;
	}
	auth->logged++;
	http_request_address(request, address);
	const struct log_field fields[] = {
		{ "AITHER_REMOTE_ADDR", address },
		{ "REQUEST_ID", request->request_id },
	};
	/* Log only the route, because the client chooses the rest of the path. */
	int length = (int)(strlen(request->path) - strlen(request->tail));
	log_event(LOG_NOTICE, LOG_EVENT_AUTH_REFUSED, fields, ARRAY_SIZE(fields),
		"a wrong %s from %s: %s %.*s", credentials(request, "Bearer") ? "token" : "password", address,
		request->method_name, length, request->path);
}

void auth_next_minute(struct auth *auth)
{
	if (auth->unlogged > 0)
		log_write(
			LOG_WARNING, "%u more wrong tokens and passwords in the last minute", auth->unlogged);
	auth->logged = auth->unlogged = 0;
}
