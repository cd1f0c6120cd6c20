/* SPDX-License-Identifier: MIT */
#include "base/config-table.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/address.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/time.h"

#define MAIL_ADDRESS_MAX 254    /* RFC 5321, 4.5.3.1.3, without the angle brackets */
#define MAIL_LOCAL_MAX 64       /* RFC 5321, 4.5.3.1.1 */
#define MAIL_LIST_SIZE_MAX 8192 /* 20 addresses and their commas fit */

/* Replaces the string that the target points to. */
static int store(void *target, const char *text)
{
	char **string = target;

	mem_freep(string);
	*string = mem_strdup(text);
	return 0;
}

int config_parse_number(const struct config_key *key, const char *text, void *target, struct error *err)
{
	size_t digits = strspn(text, "0123456789");
	/* Nine digits fit an unsigned; the bounds of all keys have fewer. */
	unsigned long value =
		digits > 0 && digits <= 9 && !text[digits] ? strtoul(text, NULL, 10) : ULONG_MAX;

	if (value < key->min || value > key->max)
		return error_set(err, -EINVAL, "not a number%s%s from %u to %u", key->unit ? " of " : "",
			key->unit ? key->unit : "", key->min, key->max);
	*(unsigned *)target = (unsigned)value;
	return 0;
}

static int fail_choice(const struct config_key *key, struct error *err)
{
	CLEANUP(buf_done) struct buf list = BUF_INIT(ERROR_MESSAGE_MAX);

	for (size_t i = 0; key->words[i]; i++)
		buf_printf(&list, "%s%s", i ? ", " : "", key->words[i]);
	return error_set(err, -EINVAL, "not one of: %s", buf_text(&list));
}

static int find_word(const char *const *words, const char *text)
{
	for (int i = 0; words[i]; i++)
		if (strcasecmp(words[i], text) == 0)
			return i;
	return -1;
}

int config_parse_choice(const struct config_key *key, const char *text, void *target, struct error *err)
{
	int index = find_word(key->words, text);

	if (index < 0)
		return fail_choice(key, err);
	*(unsigned *)target =
		(unsigned)index; /* what gcc and clang make of an enum without negative values */
	return 0;
}

int config_parse_flag(const struct config_key *key, const char *text, void *target, struct error *err)
{
	static const char *const plain[] = { "no", "yes", "false", "true", "off", "on", "0", "1", NULL };
	int index = find_word(key->words ? key->words : plain, text);

	if (index < 0)
		return key->words ? fail_choice(key, err) : error_set(err, -EINVAL, "neither yes nor no");
	*(bool *)target = index % 2 == 1;
	return 0;
}

static bool has_control_character(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return true;
	return false;
}

static bool is_visible_ascii(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (text[i] <= ' ' || text[i] >= 0x7f)
			return false;
	return true;
}

int config_parse_text(const struct config_key *key, const char *text, void *target, struct error *err)
{
	if (strlen(text) > key->max)
		return error_set(err, -EINVAL, "longer than %u characters", key->max);
	for (const char *c = text; *c; c++)
		if (*c < ' ' || *c >= 0x7f)
			return error_set(err, -EINVAL, "only printable ASCII characters are possible");
	return store(target, text);
}

int config_parse_path(const struct config_key *key, const char *text, void *target, struct error *err)
{
	size_t length = strlen(text);

	if (*text != '/' || has_control_character(text))
		return error_set(err, -EINVAL, "not an absolute path (one that begins with /)");
	while (length > 1 && text[length - 1] == '/')
		length--;
	if (length > key->max)
		return error_set(err, -EINVAL, "longer than %u bytes", key->max);
	CLEANUP(mem_freep) char *path = mem_strndup(text, length);
	return store(target, path);
}

int config_parse_zone(const struct config_key *key, const char *text, void *target, struct error *err)
{
	/* The default always stands: what is said when it is not installed needs a name. */
	int r = text == key->default_text ? 0 : time_zone_check(text, err);

	if (r == 0)
		return store(target, text);
	if (strncmp(text, TIME_ZONE_COUNTING, strlen(TIME_ZONE_COUNTING)) != 0 ||
		time_zone_check(text + strlen(TIME_ZONE_COUNTING), NULL) < 0)
		return r;
	store(target, text + strlen(TIME_ZONE_COUNTING));
	return CONFIG_CORRECTED;
}

/* Letters, digits, dots, hyphens, or an address literal in brackets (RFC 5321, 4.1.3). */
static bool is_mail_domain(const char *text, size_t length)
{
	if (length == 0 || text[0] == '.' || text[length - 1] == '.')
		return false;
	if (text[0] == '[')
		return length > 2 && text[length - 1] == ']';
	for (size_t i = 0; i < length; i++)
		if (!strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-", text[i]))
			return false;
	return true;
}

/* local@domain; quoted local parts are as good as extinct and refused. */
static bool is_mail_address(const char *text, size_t length)
{
	const char *at = memchr(text, '@', length);
	size_t local = at ? (size_t)(at - text) : 0;

	if (local == 0 || local > MAIL_LOCAL_MAX || length > MAIL_ADDRESS_MAX ||
		!is_visible_ascii(text, length))
		return false;
	for (size_t i = 0; i < local; i++)
		if (strchr("()<>[]:;\\\",", text[i]))
			return false;
	return is_mail_domain(at + 1, length - local - 1);
}

static int fail_mail(const struct config_key *key, struct error *err)
{
	return error_set(err, -EINVAL, "%s",
		key->max > 1 ? "not a list of mail addresses separated by commas" : "not a mail address");
}

/* The end of a quoted string or of a comment, in which comments may stand (RFC 5322, 3.2.4 and 3.2.2); NULL:
 * it has none. */
static const char *skip_string(const char *text)
{
	for (text++; *text; text++) {
		if (*text == '\\' && text[1])
			text++;
		else if (*text == '"')
			return text + 1;
	}
	return NULL;
}

static const char *skip_comment(const char *text)
{
	for (unsigned depth = 0; *text; text++) {
		if (*text == '\\' && text[1])
			text++;
		else if (*text == '(')
			depth++;
		else if (*text == ')' && --depth == 0)
			return text + 1;
	}
	return NULL;
}

/* Blanks and comments; NULL: a comment does not end. */
static const char *skip_blanks(const char *text)
{
	while (text && (*text == ' ' || *text == '\t' || *text == '('))
		text = *text == '(' ? skip_comment(text) : text + 1;
	return text;
}

/* The length of a word without blanks and marks; within the brackets of an address literal marks count. */
static size_t span_word(const char *text)
{
	size_t length = strcspn(text, " \t\"(),:;<>[");

	if (text[length] == '[')
		length += strcspn(text + length, "] \t");
	return text[length] == ']' ? length + 1 : length;
}

static int check_mail(const struct config_key *key, const char *text, size_t length, struct error *err)
{
	const char *at = memchr(text, '@', length);

	if (is_mail_address(text, length))
		return 0;
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)text[i] >= 0x80)
			return error_set(err, -EINVAL, "%s",
				at && text + i > at
					? "a mail address's host name " CONFIG_WRITE_ASCII
					: "a mail address has letters before its @ that are not ASCII");
	return fail_mail(key, err);
}

/* One mailbox of RFC 5322, 3.4: an address, or a name and the address in angle brackets. Sets *text to its
 * end, and *ret_address to the address in it. */
static int parse_mailbox(const struct config_key *key, const char **text, const char **ret_address,
	size_t *ret_length, struct error *err)
{
	const char *next = skip_blanks(*text), *word = NULL;
	size_t length = 0;
	unsigned words = 0; /* of an address, or of the name before one */
	bool has_at = false, is_quoted = false;

	for (; next && *next && !strchr(",:;<>)", *next); next = skip_blanks(next), words++) {
		word = next;
		length = span_word(next);
		has_at |= memchr(word, '@', length) != NULL;
		is_quoted |= *next == '"';
		next = *next == '"' ? skip_string(next) : next + length;
	}
	bool is_bare = words == 1 && !is_quoted;
	if (next && *next == ':')
		return error_set(err, -EINVAL,
			"a group of mail addresses (name: address, ...;) is not possible; write the "
			"addresses alone");
	if (next && *next == '<' && !has_at) {
		word = skip_blanks(next + 1);
		length = word ? span_word(word) : 0;
		next = word ? skip_blanks(word + length) : NULL;
		is_bare = next && *next == '>';
		if (is_bare)
			next = skip_blanks(next + 1);
	}
	if (!next)
		return error_set(err, -EINVAL, "a quotation mark or parenthesis is not closed");
	if (!is_bare || (*next && *next != ','))
		return fail_mail(key, err);
	*text = next;
	*ret_address = word;
	*ret_length = length;
	return check_mail(key, word, length, err);
}

int config_parse_mail(const struct config_key *key, const char *text, void *target, struct error *err)
{
	CLEANUP(buf_done) struct buf list = BUF_INIT(MAIL_LIST_SIZE_MAX);
	unsigned count = 0;

	for (const char *next = text; next; count++) {
		const char *address = NULL;
		size_t length = 0;
		int r = parse_mailbox(key, &next, &address, &length, err);

		if (r < 0)
			return r;
		if (count > 0)
			buf_append_char(&list, ',');
		buf_append(&list, address, length);
		next = *next ? next + 1 : NULL;
	}
	if (count > key->max)
		return error_set(
			err, -EINVAL, "more than %u mail address%s", key->max, key->max > 1 ? "es" : "");
	return store(target, buf_text(&list));
}

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
