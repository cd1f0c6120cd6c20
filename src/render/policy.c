/* SPDX-License-Identifier: MIT */
#include "render/policy.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"

#define BLANKS " \t\r\n\f"
#define ATTRIBUTES_MAX 32 /* of an element; further attributes are not checked */

struct slice {
	const char *text;
	size_t length;
};

struct attribute {
	struct slice name, value, whole; /* whole: name="value" */
};

struct scan {
	const struct policy_permitted *permitted;
	const char *end; /* of the page */
	policy_found *found;
	void *arg;
};

static bool is_word(struct slice slice, const char *word)
{
	return slice.length == strlen(word) && strncasecmp(slice.text, word, slice.length) == 0;
}

static bool begins_with(struct slice slice, const char *beginning)
{
	return slice.text && slice.length >= strlen(beginning) &&
	       strncasecmp(slice.text, beginning, strlen(beginning)) == 0;
}

static bool contains(struct slice slice, const char *word)
{
	CLEANUP(mem_freep) char *text = mem_strndup(slice.text, slice.length);

	return strcasestr(text, word);
}

static void report(const struct scan *scan, const char *what, struct slice slice)
{
	scan->found(scan->arg, what, slice.text, slice.length);
}

/* Is it a path on this site, or a data: URL that begins with `data`? Browsers read "\" as "/". */
static bool is_permitted(const struct scan *scan, struct slice url, const char *data)
{
	const char *origin = scan->permitted->origin;
	size_t scheme = 0, length = origin ? strlen(origin) : 0;

	while (url.length > 0 && strchr(BLANKS, *url.text))
		url = (struct slice){ url.text + 1, url.length - 1 };
	if (data && begins_with(url, data))
		return true;
	if (origin && begins_with(url, origin) && (url.length == length || url.text[length] == '/'))
		return true;
	if (url.length >= 2 && strchr("/\\", url.text[0]) && strchr("/\\", url.text[1]))
		return false;
	while (scheme < url.length &&
		(isalnum((unsigned char)url.text[scheme]) || strchr("+-.", url.text[scheme])))
		scheme++;
	return scheme == 0 || scheme == url.length || url.text[scheme] != ':';
}

static void scan_url(const struct scan *scan, const char *what, struct slice url, const char *data)
{
	if (!is_permitted(scan, url, data))
		report(scan, what, url);
}

/* "URL 1x, URL 2x" */
static void scan_srcset(const struct scan *scan, struct slice list)
{
	const char *at = list.text, *end = list.text + list.length;

	while (at < end) {
		struct slice url = { at, 0 };

		while (at < end && strchr(BLANKS ",", *at))
			at++;
		url.text = at;
		while (at < end && !strchr(BLANKS, *at))
			at++;
		url.length = (size_t)(at - url.text);
		if (url.length > 0)
			scan_url(scan, "the image", url, "data:");
		while (at < end && *at != ',')
			at++;
	}
}

/* ---- styles ---- */

/* Reads the word that begins here, in quotes or up to one of `ends`. */
static struct slice read_word(const char *at, const char *end, const char *ends)
{
	char quote = '\0';
	struct slice word;

	while (at < end && strchr(BLANKS, *at))
		at++;
	if (at < end && (*at == '"' || *at == '\''))
		quote = *at++;
	word.text = at;
	while (at < end && (quote ? *at != quote : !strchr(ends, *at)))
		at++;
	word.length = (size_t)(at - word.text);
	return word;
}

/* Finds @import "URL" and url(URL), also in @import url(URL). */
static void scan_style(const struct scan *scan, const char *text, const char *end)
{
	static const char import[] = "@import", url[] = "url(";

	for (const char *at = text; at < end; at++) {
		struct slice rest = { at, (size_t)(end - at) };

		if (begins_with(rest, "/*")) {
			at += 2;
			while (at < end && strncmp(at, "*/", 2) != 0)
				at++;
		} else if (begins_with(rest, import)) {
			struct slice word = read_word(at + strlen(import), end, BLANKS ";");

			if (!begins_with(word, url))
				scan_url(scan, "the style sheet", word, NULL);
		} else if (begins_with(rest, url)) {
			scan_url(scan, "the file", read_word(at + strlen(url), end, BLANKS ")"),
				"data:image/");
		}
	}
}

/* ---- elements ---- */

static const struct {
	const char *element, *attribute, *what;
	bool is_never; /* refused even from this site */
	const char *data;
} loads[] = {
	{ "img", "src", "the image", false, "data:" },
	{ "input", "src", "the image", false, "data:" },
	{ "image", "href", "the image", false, "data:" },
	{ "video", "poster", "the image", false, "data:" },
	{ "video", "src", "the video", true, NULL },
	{ "audio", "src", "the audio", true, NULL },
	{ "source", "src", "the video", true, NULL },
	{ "track", "src", "the subtitles", true, NULL },
	{ "iframe", "src", "the frame", true, NULL },
	{ "embed", "src", "the plug-in", true, NULL },
	{ "object", "data", "the plug-in", true, NULL },
	{ "script", "src", "the script", true, NULL },
	{ "form", "action", "the form to", false, NULL },
};

static const struct attribute *find(const struct attribute *attributes, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (is_word(attributes[i].name, name))
			return &attributes[i];
	return NULL;
}

static void scan_link(const struct scan *scan, const struct attribute *rel, const struct attribute *href)
{
	if (!rel || !href)
		return;
	if (contains(rel->value, "icon"))
		scan_url(scan, "the icon", href->value, "data:");
	else if (contains(rel->value, "stylesheet"))
		scan_url(scan, "the style sheet", href->value, NULL);
	else if (contains(rel->value, "load")) /* preload, modulepreload */
		scan_url(scan, "the file", href->value, NULL);
	else if (is_word(rel->value, "manifest"))
		report(scan, "the manifest", href->value);
}

static void scan_element(
	const struct scan *scan, struct slice tag, const struct attribute *attributes, size_t count)
{
	const struct attribute *equiv = find(attributes, count, "http-equiv");
	const struct attribute *href = find(attributes, count, "href");

	for (size_t i = 0; i < count; i++) {
		const struct attribute *attribute = &attributes[i];

		if (begins_with(attribute->name, "on"))
			report(scan, "the event handler", attribute->whole);
		else if (is_word(attribute->name, "style"))
			report(scan, "the style attribute", attribute->whole);
		else if (is_word(attribute->name, "srcset"))
			scan_srcset(scan, attribute->value);
		for (size_t k = 0; k < ARRAY_SIZE(loads); k++) {
			if (!is_word(tag, loads[k].element) || !is_word(attribute->name, loads[k].attribute))
				continue;
			if (loads[k].is_never)
				report(scan, loads[k].what, attribute->value);
			else
				scan_url(scan, loads[k].what, attribute->value, loads[k].data);
		}
	}
	if (is_word(tag, "link"))
		scan_link(scan, find(attributes, count, "rel"), href);
	else if (is_word(tag, "base") && href)
		report(scan, "<base>", href->whole);
	else if (is_word(tag, "meta") && equiv && is_word(equiv->value, "refresh"))
		report(scan, "<meta>", equiv->whole);
}

/* Reads the attributes up to ">"; returns what follows it. */
static const char *read_attributes(
	const char *at, const char *end, struct attribute *ret_attributes, size_t *ret_count)
{
	size_t count = 0;

	for (;;) {
		struct attribute attribute = { 0 };

		at += strspn(at, BLANKS "/");
		if (*at == '>' || *at == '\0')
			break;
		attribute.name = (struct slice){ at, 1 + strcspn(at + 1, BLANKS "/>=") };
		attribute.whole.text = at;
		at += attribute.name.length;
		const char *equals = at + strspn(at, BLANKS);
		if (*equals == '=') {
			attribute.value = read_word(equals + 1, end, BLANKS ">");
			at = attribute.value.text + attribute.value.length;
			at += *at == '"' || *at == '\'';
		}
		attribute.whole.length = (size_t)(at - attribute.whole.text);
		if (count < ATTRIBUTES_MAX)
			ret_attributes[count++] = attribute;
	}
	*ret_count = count;
	return at + (*at == '>');
}

/* Is it neither the permitted script nor data, which does not run? */
static bool is_foreign_script(const struct scan *scan, struct slice content, const struct attribute *type)
{
	const char *ours = scan->permitted->script;

	if (type && type->value.length > 0 && !contains(type->value, "javascript") &&
		!is_word(type->value, "module"))
		return false;
	return !ours || content.length != strlen(ours) || memcmp(content.text, ours, content.length) != 0;
}

void policy_scan(const char *html, const struct policy_permitted *permitted, policy_found *found, void *arg)
{
	const struct scan scan = { permitted, html + strlen(html), found, arg };
	struct attribute attributes[ATTRIBUTES_MAX];
	size_t count;

	for (const char *at = html; (at = strchr(at, '<')) != NULL;) {
		struct slice tag = { at + 1, strcspn(at + 1, BLANKS "/>") };

		if (strncmp(at, "<!--", 4) == 0) {
			at = strstr(at, "-->") ?: scan.end;
			continue;
		}
		if (!isalpha((unsigned char)at[1])) { /* an end tag, the doctype, or text */
			at++;
			continue;
		}
		at = read_attributes(tag.text + tag.length, scan.end, attributes, &count);
		scan_element(&scan, tag, attributes, count);
		bool is_style = is_word(tag, "style");
		if (!is_style && !is_word(tag, "script"))
			continue;
		const char *end = strcasestr(at, is_style ? "</style" : "</script") ?: scan.end;
		struct slice content = { at, (size_t)(end - at) };
		if (is_style)
			scan_style(&scan, at, end);
		else if (!find(attributes, count, "src") &&
			 is_foreign_script(&scan, content, find(attributes, count, "type")))
			report(&scan, "the script", content);
		at = end;
	}
}
