/* SPDX-License-Identifier: MIT */
#include "config/config-key.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/address.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/slip.h"
#include "base/time.h"
#include "base/utf8.h"
#include "config/config.h"

#define BLANKS " \t"
#define LETTERS_AND_DIGITS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

#define HOST_MAX 253            /* RFC 1035, 2.3.4, as text */
#define MAIL_ADDRESS_MAX 254    /* RFC 5321, 4.5.3.1.3, without the angle brackets */
#define MAIL_LOCAL_MAX 64       /* RFC 5321, 4.5.3.1.1 */
#define MAIL_LIST_SIZE_MAX 8192 /* 20 addresses and their commas fit */
#define URL_PATH_MAX 1024
#define NAME_MAX_BYTES 200  /* of a site: a line in the header of a page */
#define SOCKET_PATH_MAX 107 /* sun_path of unix(7) without its NUL */

/* Ends a sentence about an international host name (RFC 5890). aither does not convert such names: that needs
 * the tables of libcurl, and aither-web is not linked with it. */
#define WRITE_ASCII "has letters that are not ASCII; write its ASCII form (xn--...), which idn2(1) prints"

/* Replaces the string that the target points to with `text` (owned). */
static int store(void *target, char *text)
{
	mem_freep(target);
	*(char **)target = text;
	return 0;
}

int config_parse_number(const struct config_type *type, const char *text, void *target, struct error *err)
{
	size_t digits = strspn(text, "0123456789");
	/* Nine digits fit into an unsigned, and the bounds of all keys have fewer. */
	unsigned long value =
		digits > 0 && digits <= 9 && !text[digits] ? strtoul(text, NULL, 10) : ULONG_MAX;

	if (value < type->min || value > type->max)
		return error_set(err, -EINVAL, "not a number%s%s from %u to %u", type->unit ? " of " : "",
			type->unit ? type->unit : "", type->min, type->max);
	*(unsigned *)target = (unsigned)value;
	return 0;
}

/* The word's index, or -EINVAL. */
static int find_word(const char *const *words, const char *text, struct error *err)
{
	CLEANUP(buf_done) struct buf list = BUF_INIT(ERROR_MESSAGE_MAX);

	for (int i = 0; words[i]; i++) {
		if (strcasecmp(words[i], text) == 0)
			return i;
		buf_printf(&list, "%s%s", i ? ", " : "", words[i]);
	}
	return error_set(err, -EINVAL, "not one of: %s", buf_text(&list));
}

int config_parse_choice(const struct config_type *type, const char *text, void *target, struct error *err)
{
	int index = find_word(type->words, text, err);

	if (index < 0)
		return index;
	*(unsigned *)target =
		(unsigned)index; /* gcc and clang store an enum without negative values as unsigned */
	return 0;
}

int config_parse_flag(const struct config_type *type, const char *text, void *target, struct error *err)
{
	static const char *const plain[] = { "no", "yes", "false", "true", "off", "on", "0", "1", NULL };
	int index = find_word(type->words ? type->words : plain, text, err);

	if (index < 0)
		return type->words ? index : error_set(err, -EINVAL, "neither yes nor no");
	*(bool *)target = index % 2 == 1;
	return 0;
}

/* Whether the text contains only characters from `least` to '~'. */
static bool is_ascii(const char *text, char least)
{
	for (; *text; text++)
		if (*text < least || *text >= 0x7f)
			return false;
	return true;
}

int config_parse_text(const struct config_type *type, const char *text, void *target, struct error *err)
{
	if (strlen(text) > type->max)
		return error_set(err, -EINVAL, "longer than %u characters", type->max);
	if (!is_ascii(text, ' '))
		return error_set(err, -EINVAL, "only printable ASCII characters are allowed");
	return store(target, mem_strdup(text));
}

int config_parse_words(const struct config_type *type, const char *text, void *target, struct error *err)
{
	size_t length = strlen(text);

	if (length > type->max)
		return error_set(err, -EINVAL, "longer than %u bytes", type->max);
	for (const char *c = text; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return error_set(err, -EINVAL, "control characters are not allowed");
	if (!utf8_is_text(text, length) || utf8_is_blank(text))
		return error_set(err, -EINVAL, "not UTF-8 text");
	return store(target, mem_strdup(text));
}

int config_parse_path(const struct config_type *type, const char *text, void *target, struct error *err)
{
	size_t length = strlen(text);
	bool has_control = false;

	for (const char *c = text; *c; c++)
		has_control |= (unsigned char)*c < ' ' || *c == 0x7f;
	if (*text != '/' || has_control)
		return error_set(err, -EINVAL, "not an absolute path (one that begins with /)");
	while (length > 1 && text[length - 1] == '/')
		length--;
	if (length > type->max)
		return error_set(err, -EINVAL, "longer than %u bytes", type->max);
	if (text[length - 1] == ' ')
		return error_set(err, -EINVAL, "has a space before the slash at its end");
	return store(target, mem_strndup(text, length));
}

int config_parse_zone(const struct config_type *type, const char *text, void *target, struct error *err)
{
	int r = time_zone_check(text, err);

	(void)type;
	if (r == 0)
		return store(target, mem_strdup(text));
	if (strncmp(text, TIME_ZONE_COUNTING, strlen(TIME_ZONE_COUNTING)) != 0 ||
		time_zone_check(text + strlen(TIME_ZONE_COUNTING), NULL) < 0)
		return r;
	store(target, mem_strdup(text + strlen(TIME_ZONE_COUNTING)));
	return CONFIG_CORRECTED;
}

/* local@domain, or the name of a mailbox on the mail server ("root"), as for sendmail(8). Quoted local parts
 * are refused, because hardly any address has one. The domain consists of letters, digits, dots and hyphens,
 * or is an address literal in brackets (RFC 5321, 4.1.3). */
static bool is_mail_address(const char *text)
{
	size_t local = strcspn(text, "@"), length;
	const char *domain = text + local;

	if (local == 0 || local > MAIL_LOCAL_MAX || strlen(text) > MAIL_ADDRESS_MAX || !is_ascii(text, '!') ||
		strcspn(text, "()<>[]:;\\\",") < local)
		return false;
	if (!*domain++)
		return true;
	length = strlen(domain);
	if (*domain == '[')
		return length > 2 && strcspn(domain, "]") == length - 1;
	return length > 0 && domain[0] != '.' && domain[length - 1] != '.' &&
	       strspn(domain, LETTERS_AND_DIGITS ".-") == length;
}

/* Returns a copy of the same length in which comments (RFC 5322, 3.2.2; they may be nested) are replaced with
 * blanks and quoted strings (3.2.4) with quotation marks, so that all remaining punctuation has its meaning.
 * Owned. NULL: a comment or quoted string has no end. */
static char *hide_quoted(const char *text)
{
	CLEANUP(mem_freep) char *copy = mem_strdup(text);
	unsigned depth = 0;
	bool is_quoted = false;

	for (char *c = copy; *c; c++) {
		if (*c == '\\' && c[1] && (is_quoted || depth > 0)) {
			*c++ = is_quoted ? '"' : ' ';
			*c = is_quoted ? '"' : ' ';
		} else if (is_quoted) {
			is_quoted = *c != '"';
			*c = '"';
		} else if (*c == '(') {
			depth++;
			*c = ' ';
		} else if (depth > 0) {
			depth -= *c == ')';
			*c = ' ';
		} else {
			is_quoted = *c == '"';
		}
	}
	return is_quoted || depth > 0 ? NULL : STEAL(copy);
}

/* Appends the address in one mailbox (RFC 5322, 3.4): an address, or a name and the address in angle
 * brackets. `mailbox` must come from hide_quoted, and is changed. */
static int add_mailbox(const struct config_type *type, char *mailbox, struct buf *list, struct error *err)
{
	const char *problem =
		type->max > 1 ? "not a list of mail addresses separated by commas" : "not a mail address";
	char *open = strchr(mailbox, '<'), *close = open ? strchr(open, '>') : NULL;

	/* A colon inside the brackets of an address literal does not make a group. */
	if (mailbox[strcspn(mailbox, ":<[")] == ':')
		return error_set(err, -EINVAL,
			"a group of mail addresses (name: address, ...;) is not allowed; list the addresses themselves");
	if (open) {
		*open = '\0';
		if (!close || close[1 + strspn(close + 1, BLANKS)] || strpbrk(mailbox, "@;>)"))
			return error_set(err, -EINVAL, "%s", problem);
		*close = '\0';
		mailbox = open + 1;
	}
	mailbox += strspn(mailbox, BLANKS);
	for (char *end = mailbox + strlen(mailbox); end > mailbox && strchr(BLANKS, end[-1]);)
		*--end = '\0';
	if (strpbrk(mailbox, BLANKS "\""))
		return error_set(err, -EINVAL, "%s", problem);
	if (is_mail_address(mailbox))
		return buf_printf(list, "%s%s", list->length > 0 ? "," : "", mailbox);
	for (size_t i = 0; mailbox[i]; i++)
		if ((unsigned char)mailbox[i] >= 0x80)
			return error_set(err, -EINVAL, "%s",
				memchr(mailbox, '@', i)
					? "a mail address's host name " WRITE_ASCII
					: "a mail address has letters before its @ that are not ASCII");
	return error_set(err, -EINVAL, "%s", problem);
}

/* The name before the address in angle brackets, without quotation marks and comments; "" if there is none.
 * Owned. `visible` is the result of hide_quoted for `text`. */
static char *mailbox_name(const char *text, const char *visible)
{
	const char *open = strchr(visible, '<');
	char *name = mem_zalloc(strlen(text) + 1), *end = name;

	for (const char *seen = visible; open && seen < open; seen++) {
		const char *c = text + (seen - visible);
		bool is_quoted = *seen == '"';

		if (strchr(BLANKS, *seen)) {
			if (end > name && end[-1] != ' ')
				*end++ = ' ';
		} else if (is_quoted && *c == '\\') {
			*end++ = c[1];
			seen++;
		} else if (!is_quoted || *c != '"') {
			*end++ = *c;
		}
	}
	while (end > name && end[-1] == ' ')
		*--end = '\0';
	return name;
}

int config_parse_mail(const struct config_type *type, const char *text, void *target, struct error *err)
{
	static const struct config_type name_type = { .max = NAME_MAX_BYTES };
	CLEANUP(mem_freep) char *visible = hide_quoted(text);
	CLEANUP(mem_freep) char *name = visible ? mailbox_name(text, visible) : NULL;
	CLEANUP(buf_done) struct buf list = BUF_INIT(MAIL_LIST_SIZE_MAX);
	unsigned count = 0;
	char *rest = visible;

	if (!visible)
		return error_set(err, -EINVAL, "a quotation mark or parenthesis is not closed");
	for (char *mailbox; (mailbox = strsep(&rest, ",")); count++)
		if (add_mailbox(type, mailbox, &list, err) == -EINVAL)
			return -EINVAL;
	if (count > type->max)
		return error_set(
			err, -EINVAL, "more than %u mail address%s", type->max, type->max > 1 ? "es" : "");
	if (type->max > 1 || !*name)
		return store(target, buf_take(&list));
	if (config_parse_words(&name_type, name, target, err) < 0) {
		error_prefix(err, "the name before the address: ");
		return -EINVAL;
	}
	return store(target, mem_printf("%s <%s>", name, buf_text(&list)));
}

struct url {
	const char *scheme;      /* one of the permitted schemes */
	char host[HOST_MAX + 1]; /* lower case; an IPv6 address as given, in brackets */
	unsigned port;           /* 0: not given */
	const char *path;        /* the text after host and port, borrowed */
};

/* Does not use libcurl, because aither-web is not linked with it. Accepts less than RFC 3986 on purpose:
 * users, queries and odd characters are not needed here, and are more likely a mistake than intended. */
static int split_url(const char *text, const char *const *schemes, struct url *url, struct error *err)
{
	const char *rest = NULL;
	struct in6_addr ignored;
	size_t length;

	for (size_t i = 0; schemes[i] && !rest; i++) {
		length = strlen(schemes[i]);
		if (strncasecmp(text, schemes[i], length) == 0 && strncmp(text + length, "://", 3) == 0) {
			url->scheme = schemes[i];
			rest = text + length + 3;
		}
	}
	if (!rest)
		return error_set(err, -EINVAL, "does not begin with %s:// or %s://", schemes[0], schemes[1]);
	if (memchr(rest, '@', strcspn(rest, "/?#")))
		return error_set(err, -EINVAL, "must not contain a user name or password");
	for (size_t i = 0; i < strcspn(rest, "/?#"); i++)
		if ((unsigned char)rest[i] >= 0x80)
			return error_set(err, -EINVAL, "the host name " WRITE_ASCII);

	if (*rest == '[') { /* an IPv6 address, perhaps with a zone */
		CLEANUP(mem_freep) char *address = mem_strndup(rest + 1, strcspn(rest + 1, "]"));
		length = address_parse_v6(address, &ignored, NULL) ? strlen(address) + 2 : 0;
		if (length > 0 && rest[length - 1] != ']')
			length = 0;
	} else {
		length = strspn(rest, LETTERS_AND_DIGITS "._-");
		if (*rest == '.' || *rest == '-')
			length = 0;
	}
	if (length == 0 || length > HOST_MAX)
		return error_set(err, -EINVAL, "there is no valid host name or [IPv6 address] after ://");
	for (size_t i = 0; i < length; i++)
		url->host[i] =
			(char)(*rest != '[' && rest[i] >= 'A' && rest[i] <= 'Z' ? rest[i] | 0x20 : rest[i]);
	url->host[length] = '\0';

	rest += length;
	if (*rest == ':') {
		size_t digits = strspn(rest + 1, "0123456789");
		unsigned long port = digits > 0 && digits <= 5 ? strtoul(rest + 1, NULL, 10) : 0;
		if (port > 0 && port <= 65535) {
			url->port = (unsigned)port;
			rest += 1 + digits;
		}
	}
	if (*rest && *rest != '/' && *rest != '?' && *rest != '#')
		return error_set(err, -EINVAL, "only a port from 1 to 65535 may follow the host name");
	url->path = rest;
	return 0;
}

/* Stores the address with `rest` after host and port. */
static int store_link(void *target, const struct url *url, const char *rest)
{
	CLEANUP(mem_freep) char *port = url->port ? mem_printf(":%u", url->port) : mem_strdup("");

	return store(target, mem_printf("%s://%s%s%s", url->scheme, url->host, port, rest));
}

int config_parse_url(const struct config_type *type, const char *text, void *target, struct error *err)
{
	struct url url = { 0 };
	int r = split_url(text, type->words, &url, err);

	if (r < 0)
		return r;
	/* Otherwise the API key or the report would cross a network unencrypted. */
	if (strcmp(url.scheme, "http") == 0 && !address_is_local_host(url.host))
		return error_set(err, -EINVAL,
			"http:// is allowed for this machine only (localhost, 127.0.0.0/8, [::1]); use https://");
	if (type->max == 0 && strcmp(url.path, "") != 0 && strcmp(url.path, "/") != 0)
		return error_set(err, -EINVAL, "nothing may follow %s://host[:port], no path and no query",
			url.scheme);
	if (type->max > 0 && (strlen(url.path) > type->max || strpbrk(url.path, "?#\\\"<> ")))
		return error_set(err, -EINVAL, "only a path may follow the host name, no query");
	if (!is_ascii(url.path, '!'))
		return error_set(err, -EINVAL, "the path may contain visible ASCII characters only");
	return store_link(target, &url, type->max > 0 ? url.path : "");
}

static const char *const web_schemes[] = { "https", "http", NULL };

/* Refuses characters that would have to be escaped in an HTML attribute or in a calendar. Accepts { and },
 * for patterns. */
static int check_rest(const struct config_type *type, const char *rest, struct error *err)
{
	if (strlen(rest) > type->max)
		return error_set(err, -EINVAL, "longer than %u characters after the host name", type->max);
	if (!is_ascii(rest, '!') || strpbrk(rest, "\"'<>\\^`|"))
		return error_set(err, -EINVAL,
			"spaces, quotation marks, \\, <, >, ^, `, | and letters that are not ASCII must be percent-encoded");
	return 0;
}

int config_parse_origin(const struct config_type *type, const char *text, void *target, struct error *err)
{
	struct url url = { 0 };
	int r = split_url(text, web_schemes, &url, err);

	(void)type;
	if (r < 0)
		return r;
	if (strcmp(url.path, "") != 0 && strcmp(url.path, "/") != 0)
		return error_set(err, -EINVAL, "nothing may follow %s://host[:port], no path and no query",
			url.scheme);
	return store_link(target, &url, "");
}

int config_parse_link(const struct config_type *type, const char *text, void *target, struct error *err)
{
	struct url url = { 0 };
	int r;

	if (strpbrk(text, "{}"))
		return error_set(err, -EINVAL, "{ and } are allowed in CourseURL only");
	if (text[0] == '/' && text[1] != '/') {
		r = check_rest(type, text, err);
		return r < 0 ? r : store(target, mem_strdup(text));
	}
	r = split_url(text, web_schemes, &url, err);
	if (r < 0)
		return text[0] == '/' ? error_set(err, -EINVAL, "begins with two slashes")
		       : strstr(text, "://")
			       ? r
			       : error_set(err, -EINVAL,
					 "must begin with https:// or http://, or with / for a page of this site");
	r = check_rest(type, url.path, err);
	return r < 0 ? r : store_link(target, &url, url.path);
}

int config_parse_course_url(const struct config_type *type, const char *text, void *target, struct error *err)
{
	static const char *const fields[] = { "{id}", "{slug}", "{lang}" };
	struct url url = { 0 };
	bool is_of_course = false;
	int r = split_url(text, web_schemes, &url, err);

	if (r == 0)
		r = check_rest(type, url.path, err);
	if (r < 0)
		return r;
	for (const char *at = url.path; (at = strpbrk(at, "{}"));) {
		size_t i = 0;

		while (i < ARRAY_SIZE(fields) && strncmp(at, fields[i], strlen(fields[i])) != 0)
			i++;
		if (i == ARRAY_SIZE(fields))
			return error_set(err, -EINVAL, "only {id}, {slug} and {lang} are allowed in braces");
		is_of_course |= i < 2;
		at += strlen(fields[i]);
	}
	if (!is_of_course)
		return error_set(err, -EINVAL,
			"contains neither {id} nor {slug}, so all courses would have the same address");
	return store_link(target, &url, url.path);
}

bool config_url_is_local(const char *url)
{
	static const char *const schemes[] = { "https", "http", "smtps", "smtp", NULL };
	struct url parts = { 0 };

	return split_url(url, schemes, &parts, NULL) == 0 && address_is_local_host(parts.host);
}

static const char *const mail_schemes[] = { "smtp", "smtps", NULL };
static const char *const language_words[] = { "auto", "de", "en", NULL };
static const char *const level_words[] = { "info", "warning", "error", NULL };
static const char *const course_pages_words[] = { "private", "public", NULL };

#define AT(member) .offset = offsetof(struct config, member)

/* clang-format off */
#define NUMBER(least, most) { config_parse_number, .min = (least), .max = (most) }
#define SECONDS(least, most) { config_parse_number, .min = (least), .max = (most), .unit = "seconds" }

const struct config_key config_keys[] = {
	{ "Hemera", "BaseURL", NULL, { config_parse_url, .words = web_schemes }, AT(hemera.base_url),
		.environment = "HEMERA_API_BASE_URL" },
	{ "Hemera", "FallbackURL", NULL, { config_parse_url, .words = web_schemes },
		AT(hemera.fallback_url), .environment = "HEMERA_API_FALLBACK_URL" },
	{ "Hemera", "MaxConnections", "8", NUMBER(1, 64), AT(hemera.connections_max) },
	{ "Hemera", "RequestsPerMinute", "100", NUMBER(1, 1000000), AT(hemera.requests_per_minute) },
	{ "Hemera", "ConnectTimeoutSec", "5", SECONDS(1, 60), AT(hemera.connect_timeout_s) },
	{ "Hemera", "RequestTimeoutSec", "30", SECONDS(1, 300), AT(hemera.request_timeout_s) },
	{ "Hemera", "MaxRetries", "5", NUMBER(0, 20), AT(hemera.retries_max) },

	{ "Sync", "OutputDirectory", "/var/lib/aither/output", { config_parse_path, .max = PATH_MAX - 1 },
		AT(sync.output_directory), .environment = "HTML_OUTPUT_DIR", .shared = true },
	{ "Sync", "TimeLimitSec", "50", SECONDS(5, 600), AT(sync.time_limit_s) },
	{ "Sync", "MaxDeletePercent", "50", NUMBER(0, 100), AT(sync.delete_percent_max) },

	{ "Site", "TemplateDirectory", "/etc/aither/templates", { config_parse_path, .max = PATH_MAX - 1 },
		AT(site.template_directory), .shared = true },
	{ "Site", "Language", "auto", { config_parse_choice, .words = language_words }, AT(site.language),
		.shared = true },
	{ "Site", "TimeZone", "Europe/Berlin", { .parse = config_parse_zone }, AT(site.time_zone), .shared = true },
	{ "Site", "CoursePages", "private", { config_parse_flag, .words = course_pages_words },
		AT(site.course_pages_public), .shared = true },
	{ "Site", "Name", "Hemera Academy", { config_parse_words, .max = NAME_MAX_BYTES }, AT(site.name), .shared = true },
	{ "Site", "URL", NULL, { .parse = config_parse_origin }, AT(site.url), .shared = true },
	{ "Site", "CourseURL", NULL, { config_parse_course_url, .max = URL_PATH_MAX }, AT(site.course_url),
		.shared = true },
	{ "Site", "ImprintURL", NULL, { config_parse_link, .max = URL_PATH_MAX }, AT(site.imprint_url),
		.shared = true },
	{ "Site", "PrivacyURL", NULL, { config_parse_link, .max = URL_PATH_MAX }, AT(site.privacy_url),
		.shared = true },
	{ "Site", "FileDirectory", "/etc/aither/site", { config_parse_path, .max = PATH_MAX - 1 },
		AT(site.file_directory), .shared = true },

	{ "Web", "LiveTTLSec", "30", SECONDS(0, 86400), AT(web.live_ttl_s), .shared = true },
	{ "Web", "LiveWaitSec", "2", SECONDS(0, 30), AT(web.live_wait_s), .shared = true },
	{ "Web", "MaxConnections", "1024", NUMBER(1, 65536), AT(web.connections_max), .shared = true },
	{ "Web", "LocalAccess", "yes", { .parse = config_parse_flag }, AT(web.local_access), .shared = true },

	{ "Worker", "Socket", "/run/aither/worker.sock", { config_parse_path, .max = SOCKET_PATH_MAX },
		AT(worker.socket), .environment = "AITHER_WORKER_SOCKET", .shared = true },
	{ "Worker", "IdleExitSec", "300", SECONDS(0, 86400), AT(worker.idle_exit_s), .shared = true },

	{ "Notify", "MailTo", NULL, { config_parse_mail, .max = 20 }, AT(notify.mail_to),
		.environment = "SMTP_TO", .environment_other = "NOTIFY_EMAIL_TO" },
	{ "Notify", "MailFrom", NULL, { config_parse_mail, .max = 1 }, AT(notify.mail_from),
		.environment = "SMTP_FROM" },
	{ "Notify", "SMTPURL", "smtp://localhost", { config_parse_url, .words = mail_schemes },
		AT(notify.smtp_url), .environment = "SMTP_HOST" },
	{ "Notify", "SMTPUser", NULL, { config_parse_text, .max = 255 }, AT(notify.smtp_user),
		.environment = "SMTP_USER" },
	{ "Notify", "FailureThreshold", "3", NUMBER(1, 1000), AT(notify.failure_threshold),
		.environment = "NOTIFY_FAILURE_THRESHOLD" },
	{ "Notify", "RetryDelaySec", "60", SECONDS(1, 3600), AT(notify.retry_delay_s) },

	{ "Rollbar", "Enabled", "no", { .parse = config_parse_flag }, AT(rollbar.enabled),
		.environment = "ROLLBAR_ENABLED" },
	{ "Rollbar", "Level", "warning", { config_parse_choice, .words = level_words },
		AT(rollbar.level) },
	{ "Rollbar", "Environment", "production", { config_parse_text, .max = 255 },
		AT(rollbar.environment) },
	{ "Rollbar", "Endpoint", "https://api.rollbar.com/api/1/item/",
		{ config_parse_url, .words = web_schemes, .max = URL_PATH_MAX }, AT(rollbar.endpoint) },
};
/* clang-format on */

const size_t config_key_count = ARRAY_SIZE(config_keys);

const struct config_key *config_key_find(const char *section, const char *name)
{
	for (size_t i = 0; i < config_key_count; i++)
		if (strcmp(config_keys[i].section, section) == 0 && strcmp(config_keys[i].name, name) == 0)
			return &config_keys[i];
	return NULL;
}

bool config_section_exists(const char *section)
{
	for (size_t i = 0; i < config_key_count; i++)
		if (strcmp(config_keys[i].section, section) == 0)
			return true;
	return false;
}

const struct config_key *config_key_suggest(const char *section, const char *name)
{
	const struct config_key *best = NULL;
	unsigned best_score = UINT_MAX;

	for (size_t i = 0; i < config_key_count; i++) {
		const struct config_key *key = &config_keys[i];
		const char *known = name ? key->name : key->section;
		unsigned distance = slip_distance(name ? name : section, known);
		if (distance == SLIP_NONE)
			continue;
		unsigned score = 2 * distance + (name && strcmp(key->section, section) != 0);
		if (score < best_score) {
			best_score = score;
			best = key;
		}
	}
	return best;
}
