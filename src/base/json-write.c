/* SPDX-License-Identifier: MIT */
#include "base/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json-text.h"
#include "base/mem.h"

/* Not an integer that double holds exactly; see json_integer. */
#define JSON_NO_INTEGER INT64_MIN

static void json_write_value(struct buf *out, const struct json *json, bool canonical);

/* cJSON's own printing loses digits: 2^53 - 1 comes out as 9.00719925474099e+15. */
static void json_write_number(struct buf *out, const struct json *json)
{
	int64_t integer = json_integer(json, JSON_NO_INTEGER);
	double value = json_number(json, 0);
	char text[32]; /* 17 digits, sign, point and exponent are 24 characters */

	if (integer != JSON_NO_INTEGER) {
		buf_printf(out, "%" PRId64, integer);
		return;
	}
	/* Finite: the scan admits nothing else, and we build integers only. */
	for (int digits = 15; digits <= 17; digits++) { /* 17 always suffice (IEEE 754) */
		snprintf(text, sizeof(text), "%.*g", digits, value);
		if (strtod(text, NULL) == value)
			break;
	}
	buf_append_text(out, text);
}

static int json_write_compare(const void *a, const void *b)
{
	const struct json *const *left = a, *const *right = b;

	return strcmp(json_name(*left), json_name(*right));
}

static void json_write_member(struct buf *out, const struct json *member, bool canonical)
{
	json_write_string(out, json_name(member));
	buf_append_char(out, ':');
	json_write_value(out, member, canonical);
}

static void json_write_sorted(struct buf *out, const struct json *object)
{
	size_t count = json_count(object), filled = 0;
	CLEANUP(mem_freep) const struct json **members = mem_resize(NULL, count, sizeof(*members));

	JSON_FOREACH (member, object)
		members[filled++] = member;
	qsort(members, count, sizeof(*members), json_write_compare);
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			buf_append_char(out, ',');
		json_write_member(out, members[i], true);
	}
}

static void json_write_object(struct buf *out, const struct json *object, bool canonical)
{
	buf_append_char(out, '{');
	if (canonical) {
		json_write_sorted(out, object);
	} else {
		JSON_FOREACH (member, object) {
			if (member != json_first(object))
				buf_append_char(out, ',');
			json_write_member(out, member, false);
		}
	}
	buf_append_char(out, '}');
}

static void json_write_array(struct buf *out, const struct json *array, bool canonical)
{
	buf_append_char(out, '[');
	JSON_FOREACH (element, array) {
		if (element != json_first(array))
			buf_append_char(out, ',');
		json_write_value(out, element, canonical);
	}
	buf_append_char(out, ']');
}

/* Recursion is bounded: no tree is deeper than the scan permits or than our own code builds it. */
static void json_write_value(struct buf *out, const struct json *json, bool canonical)
{
	switch (json_type(json)) {
	case JSON_MISSING:
	case JSON_NULL:
		buf_append_text(out, "null");
		return;
	case JSON_BOOL:
		buf_append_text(out, json_bool(json, false) ? "true" : "false");
		return;
	case JSON_NUMBER:
		json_write_number(out, json);
		return;
	case JSON_STRING:
		json_write_string(out, json_string(json));
		return;
	case JSON_ARRAY:
		json_write_array(out, json, canonical);
		return;
	case JSON_OBJECT:
		json_write_object(out, json, canonical);
		return;
	}
}

void json_write(struct buf *out, const struct json *json)
{
	json_write_value(out, json, false);
}

void json_write_canonical(struct buf *out, const struct json *json)
{
	json_write_value(out, json, true);
}

static void json_write_escape(struct buf *out, char character)
{
	static const char characters[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
	const char *found = strchr(characters, character);

	if (found)
		buf_printf(out, "\\%c", letters[found - characters]);
	else
		buf_printf(out, "\\u%04x", (unsigned)(unsigned char)character);
}

void json_write_string(struct buf *out, const char *text)
{
	const char *end, *at, *run;

	if (!text) {
		buf_append_text(out, "null");
		return;
	}
	buf_append_char(out, '"');
	for (at = run = text, end = text + strlen(text); at < end;) {
		const char *start = at;
		int32_t character = json_text_utf8(&at, end);

		if (character >= 0x20 && character != '"' && character != '\\')
			continue;
		buf_append(out, run, (size_t)(start - run));
		run = at;
		if (character < 0)
			buf_append_text(out, "\xef\xbf\xbd"); /* U+FFFD: what goes out is always valid */
		else
			json_write_escape(out, *start);
	}
	buf_append(out, run, (size_t)(end - run));
	buf_append_char(out, '"');
}
