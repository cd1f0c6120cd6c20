/* SPDX-License-Identifier: MIT */
#include "base/config-table.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

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

	return r < 0 ? r : store(target, text);
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

/* Narrows text[0..*length) to the address in it: blanks around it go, and so does the name in
 * "Name <address>", which the Node implementation permits. */
static const char *trim_mail(const char *text, size_t *length)
{
	const char *end = text + *length;

	while (end > text && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	const char *open = memchr(text, '<', (size_t)(end - text));
	if (open && end[-1] == '>') {
		text = open + 1;
		end--;
	}
	while (text < end && (*text == ' ' || *text == '\t'))
		text++;
	*length = (size_t)(end - text);
	return text;
}

int config_parse_mail(const struct config_key *key, const char *text, void *target, struct error *err)
{
	CLEANUP(buf_done) struct buf list = BUF_INIT(MAIL_LIST_SIZE_MAX);
	unsigned count = 0;

	for (const char *next = text; next; count++) {
		size_t length = strcspn(next, ",");
		const char *address = next;
		next = next[length] ? next + length + 1 : NULL;
		address = trim_mail(address, &length);
		if (!is_mail_address(address, length))
			return error_set(err, -EINVAL, "%s",
				key->max > 1 ? "not a list of mail addresses separated by commas"
					     : "not a mail address");
		if (count > 0)
			buf_append_char(&list, ',');
		buf_append(&list, address, length);
	}
	if (count > key->max)
		return error_set(
			err, -EINVAL, "more than %u mail address%s", key->max, key->max > 1 ? "es" : "");
	return store(target, buf_text(&list));
}
