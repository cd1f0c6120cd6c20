/* SPDX-License-Identifier: MIT */
#include "web/negotiate.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "http/http.h"
#include "http/list.h"

/* "de", "de-AT", "de_DE.UTF-8" and "deu" are German; clients take such names from their environment. */
static bool is_language(const struct list_item *item, enum language language)
{
	static const char *const codes[LANGUAGES][3] = {
		[LANGUAGE_DE] = { "de", "deu", "ger" },
		[LANGUAGE_EN] = { "en", "eng", "eng" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(codes[language]); i++) {
		size_t length = strlen(codes[language][i]);
		if (item->length >= length && strncasecmp(item->name, codes[language][i], length) == 0 &&
			(item->length == length || strchr("-_.@", item->name[length])))
			return true;
	}
	return false;
}

static enum language accepted_language(const char *list)
{
	unsigned best = 0, named = 0, any = 0;
	enum language chosen = LANGUAGE_DE;
	struct list_item item;

	while (list_next(&list, &item)) {
		for (int i = 0; i < LANGUAGES; i++) {
			if (!is_language(&item, (enum language)i))
				continue;
			named |= 1u << i;
			if (item.quality > best) {
				best = item.quality;
				chosen = (enum language)i;
			}
		}
		if (list_item_is(&item, "*"))
			any = item.quality;
	}
	/* The star stands for the languages that the list does not name. */
	if (any > best && !(named & 1u << LANGUAGE_DE))
		return LANGUAGE_DE;
	return any > best && !(named & 1u << LANGUAGE_EN) ? LANGUAGE_EN : chosen;
}

bool negotiate_chosen_language(const struct http_request *request, enum language *ret_language)
{
	char wanted[4];

	if (!http_request_parameter(request, "lang", wanted, sizeof(wanted)))
		return false;
	for (enum language i = 0; i < LANGUAGES; i++) {
		if (strcmp(wanted, language_name(i)) != 0)
			continue;
		*ret_language = i;
		return true;
	}
	return false;
}

enum language negotiate_language(const struct http_request *request, enum config_language site)
{
	const char *accepted = http_request_header(request, "accept-language");
	enum language chosen;

	if (negotiate_chosen_language(request, &chosen))
		return chosen;
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
	struct list_item item;

	while (list_next(&list, &item)) {
		if (list_item_is(&item, "gzip") || list_item_is(&item, "x-gzip")) {
			gzip = item.quality;
			named = true;
		} else if (list_item_is(&item, "*")) {
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
			return list[1 + strspn(list + 1, ", \t")] == '\0';
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
	int html = -1, text = -1, json = -1, application = -1, any = 0; /* -1: not named */
	struct list_item item;

	while (list_next(&list, &item)) {
		int quality = (int)item.quality;
		if (list_item_is(&item, "text/html"))
			html = quality;
		else if (list_item_is(&item, "text/*"))
			text = quality;
		else if (list_item_is(&item, "application/json"))
			json = quality;
		else if (list_item_is(&item, "application/*"))
			application = quality;
		else if (list_item_is(&item, "*/*"))
			any = quality;
	}
	/* The most specific range counts (RFC 9110 section 12.5.1). */
	bool is_named = html >= 0 || text >= 0;
	html = html >= 0 ? html : text >= 0 ? text : any;
	json = json >= 0 ? json : application >= 0 ? application : any;
	return html > json || (html == json && html > 0 && is_named);
}
