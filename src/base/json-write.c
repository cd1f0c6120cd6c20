/* SPDX-License-Identifier: MIT */
#include "base/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json-text.h"
#include "base/utf8.h"

/* Not an integer that double holds exactly; see json_integer. */
#define JSON_NO_INTEGER INT64_MIN

/* cJSON's own printing loses digits: 2^53 - 1 comes out as 9.00719925474099e+15. */
static void json_write_number(struct buf *out, const struct json *json)
{
	int64_t integer = json_integer(json, JSON_NO_INTEGER);
	double value = json_number(json, 0);
	char text[32]; /* 17 digits, sign, point and exponent are 24 characters */

	if (integer != JSON_NO_INTEGER) {
		buf_append_integer(out, integer);
		return;
	}
	/* Finite: what is read with infinite_numbers is never written, and we build integers only. */
	for (int digits = 15; digits <= 17; digits++) { /* 17 always suffice (IEEE 754) */
		snprintf(text, sizeof(text), "%.*g", digits, value);
		if (strtod(text, NULL) == value)
			break;
	}
	buf_append_text(out, text);
}

static void json_write_object(struct buf *out, const struct json *object)
{
	buf_append_char(out, '{');
	JSON_FOREACH (member, object) {
		if (member != json_first(object))
			buf_append_char(out, ',');
		json_write_string(out, json_name(member));
		buf_append_char(out, ':');
		json_write(out, member);
	}
	buf_append_char(out, '}');
}

static void json_write_array(struct buf *out, const struct json *array)
{
	buf_append_char(out, '[');
	JSON_FOREACH (element, array) {
		if (element != json_first(array))
			buf_append_char(out, ',');
		json_write(out, element);
	}
	buf_append_char(out, ']');
}

/* Recursion is bounded: no tree is deeper than the scan permits or than our own code builds it. */
void json_write(struct buf *out, const struct json *json)
{
	switch (json_type(json)) {
	case JSON_MISSING:
	case JSON_NULL:
	case JSON_BROKEN:
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
		json_write_array(out, json);
		return;
	case JSON_OBJECT:
		json_write_object(out, json);
		return;
	}
}

static void json_write_escape(struct buf *out, char character)
{
	static const char characters[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
	const char *found = strchr(characters, character);

	if (found)
		buf_append(out, (const char[]){ '\\', letters[found - characters] }, 2);
	else
		buf_printf(out, "\\u%04x", (unsigned)(unsigned char)character);
}

/* Characters that stand as they are, to the first one that does not or to the end. */
static const char *json_write_plain(const char *at, const char *end)
{
	for (;;) {
		const char *next;

		at += json_text_plain(at, end);
		next = at;
		if (at == end || (signed char)*at >= 0 || utf8_next(&next, end) < 0)
			return at;
		at = next;
	}
}

void json_write_string(struct buf *out, const char *text)
{
	const char *end;

	if (!text) {
		buf_append_text(out, "null");
		return;
	}
	end = text + strlen(text);
	buf_append_char(out, '"');
	for (;;) {
		const char *plain_end = json_write_plain(text, end);

		buf_append(out, text, (size_t)(plain_end - text));
		if (plain_end == end)
			break;
		if ((signed char)*plain_end < 0)
			buf_append_text(out, "\xef\xbf\xbd"); /* U+FFFD: what goes out is always valid */
		else
			json_write_escape(out, *plain_end);
		text = plain_end + 1;
	}
	buf_append_char(out, '"');
}
