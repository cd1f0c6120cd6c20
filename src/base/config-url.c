/* SPDX-License-Identifier: MIT */
#include "base/config-table.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/address.h"
#include "base/error.h"
#include "base/mem.h"

/* By hand, as aither-web does not link libcurl. Narrower than RFC 3986 on purpose: what is not needed here
 * (users, queries, odd characters) is more likely a mistake than a wish. */

#define HOST_MAX 253 /* RFC 1035, 2.3.4, as text */
#define URL_PATH_MAX 1024

struct url {
	const char *scheme;      /* one of those permitted */
	char host[HOST_MAX + 1]; /* lower case; an IPv6 address as given, in brackets */
	unsigned port;           /* 0: not given */
	const char *path;        /* what follows, borrowed */
};

/* An IPv6 address in brackets, perhaps with a zone: copies it and the brackets. */
static size_t split_literal(const char *text, struct url *url)
{
	struct in6_addr address;
	const char *end = strchr(text, ']');
	size_t length = end ? (size_t)(end - text) : 0;

	if (length < 3 || length >= HOST_MAX)
		return 0;
	memcpy(url->host, text + 1, length - 1);
	url->host[length - 1] = '\0';
	if (!address_parse_v6(url->host, &address, NULL))
		return 0;
	memcpy(url->host, text, length + 1);
	url->host[length + 1] = '\0';
	return length + 1;
}

/* The number of bytes of `text` that are the host, 0 if it is none. */
static size_t split_host(const char *text, struct url *url)
{
	if (*text == '[')
		return split_literal(text, url);
	size_t length = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-");
	if (length == 0 || length > HOST_MAX || *text == '.' || *text == '-')
		return 0;
	for (size_t i = 0; i < length; i++)
		url->host[i] = (char)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] | 0x20 : text[i]);
	url->host[length] = '\0';
	return length;
}

/* The number of bytes of `text` that are ":port", 0 if it is none. */
static size_t split_port(const char *text, struct url *url)
{
	size_t digits = strspn(text + 1, "0123456789");
	unsigned long port = digits > 0 && digits <= 5 ? strtoul(text + 1, NULL, 10) : 0;

	if (port == 0 || port > 65535)
		return 0;
	url->port = (unsigned)port;
	return 1 + digits;
}

static int split_url(const char *text, const char *const *schemes, struct url *url, struct error *err)
{
	const char *rest = NULL;

	for (size_t i = 0; schemes[i] && !rest; i++) {
		size_t length = strlen(schemes[i]);
		if (strncasecmp(text, schemes[i], length) == 0 && strncmp(text + length, "://", 3) == 0) {
			url->scheme = schemes[i];
			rest = text + length + 3;
		}
	}
	if (!rest)
		return error_set(err, -EINVAL, "does not begin with %s:// or %s://", schemes[0], schemes[1]);
	if (strchr(rest, '@'))
		return error_set(err, -EINVAL, "a user name or password must not be in it");
	for (size_t i = 0; i < strcspn(rest, "/?#"); i++)
		if ((unsigned char)rest[i] >= 0x80)
			return error_set(err, -EINVAL, "the host name " CONFIG_WRITE_ASCII);
	size_t length = split_host(rest, url);
	if (length == 0)
		return error_set(err, -EINVAL, "there is no valid host name or [IPv6 address] after ://");
	rest += length;
	if (*rest == ':')
		rest += split_port(rest, url);
	if (*rest && *rest != '/' && *rest != '?' && *rest != '#')
		return error_set(err, -EINVAL, "only a port from 1 to 65535 may follow the host name");
	url->path = rest;
	return 0;
}

static int store_url(const struct url *url, const char *path, void *target)
{
	char **string = target;
	CLEANUP(mem_freep) char *port = url->port ? mem_printf(":%u", url->port) : mem_strdup("");

	mem_freep(string);
	*string = mem_printf("%s://%s%s%s", url->scheme, url->host, port, path);
	return 0;
}

static int split_http(const char *text, struct url *url, struct error *err)
{
	static const char *const schemes[] = { "https", "http", NULL };

	int result = split_url(text, schemes, url, err);
	if (result < 0)
		return result;
	/* The API key, or the report, would cross a network in the clear. */
	if (strcmp(url->scheme, "http") == 0 && !address_is_local_host(url->host))
		return error_set(err, -EINVAL,
			"http:// is possible for this machine only (localhost, 127.0.0.0/8, [::1]); use "
			"https://");
	return 0;
}

static int fail_path(const struct url *url, struct error *err)
{
	return error_set(
		err, -EINVAL, "nothing may follow %s://host[:port], no path and no query", url->scheme);
}

int config_parse_origin(const struct config_key *key, const char *text, void *target, struct error *err)
{
	struct url url = { 0 };

	(void)key;
	int result = split_http(text, &url, err);
	if (result < 0)
		return result;
	if (strcmp(url.path, "") != 0 && strcmp(url.path, "/") != 0)
		return fail_path(&url, err);
	return store_url(&url, "", target);
}

int config_parse_endpoint(const struct config_key *key, const char *text, void *target, struct error *err)
{
	struct url url = { 0 };

	(void)key;
	int result = split_http(text, &url, err);
	if (result < 0)
		return result;
	size_t length = strlen(url.path);
	if (length > URL_PATH_MAX || strpbrk(url.path, "?#\\\"<> "))
		return error_set(err, -EINVAL, "only a path may follow the host name, no query");
	for (size_t i = 0; i < length; i++)
		if (url.path[i] <= ' ' || url.path[i] >= 0x7f)
			return error_set(err, -EINVAL, "the path may have visible ASCII characters only");
	return store_url(&url, url.path, target);
}

int config_parse_smtp(const struct config_key *key, const char *text, void *target, struct error *err)
{
	static const char *const schemes[] = { "smtp", "smtps", NULL };
	struct url url = { 0 };

	(void)key;
	int result = split_url(text, schemes, &url, err);
	if (result < 0)
		return result;
	if (strcmp(url.path, "") != 0 && strcmp(url.path, "/") != 0)
		return fail_path(&url, err);
	return store_url(&url, "", target);
}

bool config_url_is_local(const char *url)
{
	static const char *const schemes[] = { "https", "http", "smtps", "smtp", NULL };
	struct url parts = { 0 };

	return split_url(url, schemes, &parts, NULL) == 0 && address_is_local_host(parts.host);
}
