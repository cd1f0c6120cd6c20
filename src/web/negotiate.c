/* SPDX-License-Identifier: MIT */
#include "web/negotiate.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "http/http.h"

#define QUALITY_MAX 1000 /* in thousandths */

struct item {
	const char *name;
	size_t length;
	unsigned quality;
};

const char *language_name(enum web_language language)
{
	return language == LANGUAGE_EN ? "en" : "de";
}

static bool item_is(const struct item *item, const char *name)
{
	return item->length == strlen(name) && strncasecmp(item->name, name, item->length) == 0;
}

/* "0.25" to 250; anything malformed is 0, so that it is never chosen. */
static unsigned parse_quality(const char *text, size_t length)
{
	unsigned quality = 0, weight = QUALITY_MAX;

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
	return quality <= QUALITY_MAX ? quality : 0;
}

/* The weight among the parameters text[0..length): ";level=1; q=0.5" */
static unsigned find_quality(const char *text, size_t length)
{
	const char *end = text + length;

	while (text < end) {
		text += strspn(text, "; \t");
		size_t size = strcspn(text, ";,");
		size_t trimmed = size;
		while (trimmed > 0 && (text[trimmed - 1] == ' ' || text[trimmed - 1] == '\t'))
			trimmed--;
		if (trimmed >= 2 && (text[0] == 'q' || text[0] == 'Q') && text[1] == '=')
			return parse_quality(text + 2, trimmed - 2);
		text += size;
	}
	return QUALITY_MAX;
}

/* The next element of a comma list, or NULL; returns where to go on. */
static const char *next_item(const char *list, struct item *ret_item)
{
	list += strspn(list, ", \t");
	if (!*list)
		return NULL;
	size_t size = strcspn(list, ",");
	ret_item->name = list;
	ret_item->length = strcspn(list, ";, \t");
	ret_item->quality = find_quality(list + ret_item->length, size - ret_item->length);
	return list + size;
}

/* "de" and "de-AT" are German. */
static bool is_language(const struct item *item, enum web_language language)
{
	const char *name = language_name(language);
	size_t length = strlen(name);

	return item->length >= length && strncasecmp(item->name, name, length) == 0 &&
	       (item->length == length || item->name[length] == '-');
}

static enum web_language accepted_language(const char *list)
{
	unsigned best = 0, named = 0, any = 0;
	enum web_language chosen = LANGUAGE_DE;
	struct item item;

	while ((list = next_item(list, &item))) {
		for (int i = 0; i < LANGUAGES; i++) {
			if (!is_language(&item, (enum web_language)i))
				continue;
			named |= 1u << i;
			if (item.quality > best) {
				best = item.quality;
				chosen = (enum web_language)i;
			}
		}
		if (item_is(&item, "*"))
			any = item.quality;
	}
	/* The star stands for those that were not named. */
	if (any > best && !(named & 1u << LANGUAGE_DE))
		return LANGUAGE_DE;
	return any > best && !(named & 1u << LANGUAGE_EN) ? LANGUAGE_EN : chosen;
}

enum web_language negotiate_language(const struct http_request *request, enum config_language site)
{
	const char *accepted = http_request_header(request, "accept-language");
	char wanted[4];

	if (http_request_parameter(request, "lang", wanted, sizeof(wanted))) {
		if (strcmp(wanted, "de") == 0)
			return LANGUAGE_DE;
		if (strcmp(wanted, "en") == 0)
			return LANGUAGE_EN;
	}
	switch (site) {
	case CONFIG_LANGUAGE_DE:
		return LANGUAGE_DE;
	case CONFIG_LANGUAGE_EN:
		return LANGUAGE_EN;
	case CONFIG_LANGUAGE_AUTO:
		break;
	}
	return accepted ? accepted_language(accepted) : LANGUAGE_DE;
}

bool negotiate_gzip(const char *list)
{
	unsigned gzip = 0, any = 0;
	bool named = false;
	struct item item;

	while (list && (list = next_item(list, &item))) {
		if (item_is(&item, "gzip") || item_is(&item, "x-gzip")) {
			gzip = item.quality;
			named = true;
		} else if (item_is(&item, "*")) {
			any = item.quality;
		}
	}
	return named ? gzip > 0 : any > 0;
}

bool negotiate_has_etag(const char *list, const char *etag)
{
	size_t length = strlen(etag);

	while (list && *list) {
		list += strspn(list, ", \t");
		if (*list == '*')
			return true;
		if (list[0] == 'W' && list[1] == '/')
			list += 2;
		if (*list != '"')
			return false;
		const char *end = strchr(list + 1, '"');
		if (!end)
			return false;
		if ((size_t)(end + 1 - list) == length && memcmp(list, etag, length) == 0)
			return true;
		list = end + 1;
	}
	return false;
}

bool negotiate_html(const struct http_request *request)
{
	const char *list = http_request_header(request, "accept");
	struct item item;

	while (list && (list = next_item(list, &item))) {
		if (item_is(&item, "text/html") && item.quality > 0)
			return true;
	}
	return false;
}
