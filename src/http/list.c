/* SPDX-License-Identifier: MIT */
#include "http/list.h"

#include <string.h>
#include <strings.h>

/* The length of `text` up to the first character of `stops` outside quoted strings, or all of it. */
static size_t span_until(const char *text, const char *stops)
{
	bool is_quoted = false;
	size_t i = 0;

	for (; text[i] && (is_quoted || !strchr(stops, text[i])); i++) {
		if (text[i] == '"')
			is_quoted = !is_quoted;
		else if (is_quoted && text[i] == '\\' && text[i + 1])
			i++;
	}
	return i;
}

static size_t trim(const char *text, size_t length)
{
	while (length > 0 && (text[length - 1] == ' ' || text[length - 1] == '\t'))
		length--;
	return length;
}

/* RFC 9110 section 12.4.2: "0.25" is 250. */
static unsigned parse_quality(const char *text, size_t length)
{
	unsigned quality = 0, weight = LIST_QUALITY_MAX;

	if (length == 0 || length > 5 || (text[0] != '0' && text[0] != '1') || (length > 1 && text[1] != '.'))
		return 0;
	for (size_t i = 0; i < length; i++) {
		if (i == 1)
			continue;
		if (text[i] < '0' || text[i] > '9')
			return 0;
		quality += (unsigned)(text[i] - '0') * weight;
		weight /= 10;
	}
	return quality <= LIST_QUALITY_MAX ? quality : 0;
}

bool list_next(const char **list, struct list_item *ret_item)
{
	const char *text = *list ? *list + strspn(*list, ", \t") : "";

	if (!*text)
		return false;
	*ret_item = (struct list_item){
		.name = text, .length = strcspn(text, ",; \t=\""), .quality = LIST_QUALITY_MAX
	};
	text += span_until(text, ",;");
	while (*text == ';') { /* a parameter */
		text++;
		text += strspn(text, " \t");
		size_t length = span_until(text, ",;");
		if (strncasecmp(text, "q=", 2) == 0)
			ret_item->quality = parse_quality(text + 2, trim(text + 2, length - 2));
		text += length;
	}
	*list = text;
	return true;
}

bool list_item_is(const struct list_item *item, const char *token)
{
	return item->length == strlen(token) && strncasecmp(item->name, token, item->length) == 0;
}

bool list_has(const char *list, const char *token)
{
	struct list_item item;

	while (list_next(&list, &item)) {
		if (list_item_is(&item, token))
			return true;
	}
	return false;
}
