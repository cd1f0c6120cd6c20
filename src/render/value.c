/* SPDX-License-Identifier: MIT */
#include "render/value.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "render/arena.h"
#include "render/number.h"

#define VALUE_INDEX_MAX UINT64_C(4294967294) /* 2^32 - 2: JavaScript's largest array index */

struct value value_from_json(const struct json *json)
{
	switch (json_type(json)) {
	case JSON_NULL:
		return (struct value){ .type = VALUE_NULL };
	case JSON_BOOL:
		return value_bool(json_bool(json, false));
	case JSON_NUMBER:
		return value_number(json_number(json, 0));
	case JSON_STRING:
		return value_text(slice_from_text(json_string(json)));
	case JSON_ARRAY:
		return (struct value){ .type = VALUE_ARRAY, .node = json };
	case JSON_OBJECT:
		return (struct value){ .type = VALUE_OBJECT, .node = json };
	case JSON_MISSING:
	case JSON_BROKEN:
		break;
	}
	return (struct value){ .type = VALUE_UNDEFINED };
}

static bool value_is_object(struct value value)
{
	return value.type >= VALUE_HTML;
}

bool value_is_true(struct value value)
{
	if (value.type == VALUE_BOOL)
		return value.boolean;
	if (value.type == VALUE_NUMBER)
		return value.number != 0 && !isnan(value.number);
	if (value.type == VALUE_STRING)
		return value.text.length > 0;
	return value_is_object(value);
}

bool value_is_empty(struct value value)
{
	if (value.type == VALUE_NUMBER)
		return isnan(value.number);
	if (value.type == VALUE_ARRAY)
		return json_first(value.node) == NULL;
	return !value_is_true(value);
}

static double value_to_number(struct value value)
{
	if (value.type == VALUE_STRING)
		return number_from_text(value.text);
	return value.type == VALUE_BOOL ? value.boolean : value.number;
}

bool value_equal(struct value a, struct value b, struct work *work)
{
	struct value *object = value_is_object(a) ? &a : &b;
	struct slice text;

	if (value_is_nothing(a) || value_is_nothing(b))
		return value_is_nothing(a) && value_is_nothing(b);
	if (value_is_object(a) && value_is_object(b)) {
		if (a.type == VALUE_HTML || a.type != b.type)
			return a.type == b.type && a.text.data == b.text.data;
		return a.type == VALUE_RECORD ? a.record == b.record : a.node == b.node;
	}
	if (value_is_object(*object)) {
		if (value_to_text(*object, work, &text) < 0)
			return false;
		*object = value_text(text);
	}
	if (value_spend(a, work) < 0 || value_spend(b, work) < 0)
		return false; /* the next step reports it */
	if (a.type == VALUE_STRING && b.type == VALUE_STRING)
		return slice_equal(a.text, b.text);
	return value_to_number(a) == value_to_number(b);
}

/* Is the name an index as JavaScript writes it, without sign and leading zeros? */
static bool value_index(struct slice name, uint64_t *ret_index)
{
	uint64_t index = 0;

	if (name.length == 0 || name.length > 10 || (name.data[0] == '0' && name.length > 1))
		return false;
	for (size_t i = 0; i < name.length; i++) {
		if (name.data[i] < '0' || name.data[i] > '9')
			return false;
		index = index * 10 + (uint64_t)(name.data[i] - '0');
	}
	*ret_index = index;
	return index <= VALUE_INDEX_MAX;
}

/* The number of UTF-16 units of the character that begins with this byte; 0 inside a character. */
static unsigned value_units(char first)
{
	unsigned char byte = (unsigned char)first;

	return (byte & 0xc0) == 0x80 ? 0 : byte >= 0xf0 ? 2 : 1;
}

static double value_text_length(struct slice text)
{
	double length = 0;

	for (size_t i = 0; i < text.length; i++)
		length += value_units(text.data[i]);
	return length;
}

/* Finds the character at a UTF-16 index. Half of a character outside the BMP cannot be written in UTF-8. */
static int value_character(struct slice text, uint64_t index, struct value *ret_value)
{
	uint64_t unit = 0;
	size_t start = 0, end;

	while (start < text.length && unit + value_units(text.data[start]) <= index)
		unit += value_units(text.data[start++]);
	if (start == text.length) {
		*ret_value = (struct value){ .type = VALUE_UNDEFINED };
		return 0;
	}
	if (value_units(text.data[start]) == 2)
		return -EBADMSG;
	for (end = start + 1; end < text.length && value_units(text.data[end]) == 0; end++)
		;
	*ret_value = value_text((struct slice){ text.data + start, end - start });
	return 0;
}

int value_get(struct value of, struct slice name, struct work *work, struct value *ret_value)
{
	bool length = slice_equal(name, SLICE("length"));
	uint64_t index = UINT64_MAX, spent = 0;
	size_t seen = 0;
	int r = 0;

	*ret_value = (struct value){ .type = VALUE_UNDEFINED };
	switch (of.type) {
	case VALUE_STRING:
		if (!work_spend(work, of.text.length / VALUE_BYTES_PER_STEP))
			return -ENOMEM;
		if (length)
			*ret_value = value_number(value_text_length(of.text));
		else if (value_index(name, &index))
			r = value_character(of.text, index, ret_value);
		break;
	case VALUE_ARRAY:
		if (!length && !value_index(name, &index))
			break;
		JSON_FOREACH (element, of.node) {
			if (spent == index) {
				*ret_value = value_from_json(element);
				break;
			}
			spent++;
		}
		if (length)
			*ret_value = value_number((double)spent);
		break;
	case VALUE_OBJECT:
		*ret_value = value_from_json(json_find(of.node, name.data, name.length, &seen));
		spent = seen;
		break;
	case VALUE_RECORD:
		for (size_t i = 0; i < of.record->count; i++) {
			if (slice_equal(of.record->members[i].name, name))
				*ret_value = of.record->members[i].value;
		}
		spent = of.record->count;
		break;
	case VALUE_HTML: /* Handlebars' SafeString is an object with this member */
		if (slice_equal(name, SLICE("string")))
			*ret_value = value_text(of.text);
		break;
	case VALUE_UNDEFINED:
	case VALUE_NULL:
	case VALUE_BOOL:
	case VALUE_NUMBER:
		break;
	}
	if (r < 0)
		return r;
	return work_spend(work, spent) ? value_spend(*ret_value, work) : -ENOMEM;
}

int value_spend(struct value value, struct work *work)
{
	size_t bytes = value.type == VALUE_STRING ? value.text.length : 0;

	return work_spend(work, 1 + bytes / VALUE_BYTES_PER_STEP) ? 0 : -ENOMEM;
}

/* --- all members --- */

static int value_compare_indices(const void *left, const void *right)
{
	const struct member *a = left, *b = right;
	uint64_t a_index = 0, b_index = 0;

	value_index(a->name, &a_index);
	value_index(b->name, &b_index);
	return (a_index > b_index) - (a_index < b_index);
}

/* Uses JavaScript's order: first the names that are integers, ascending, then the others in their original
 * order. */
static void value_object_members(const struct json *object, struct member *members)
{
	size_t count = 0;
	uint64_t index;

	for (int indices = 1; indices >= 0; indices--) {
		JSON_FOREACH (element, object) {
			struct slice name = slice_from_text(json_name(element));

			if (value_index(name, &index) == indices)
				members[count++] = (struct member){ name, value_from_json(element) };
		}
		if (indices)
			qsort(members, count, sizeof(*members), value_compare_indices);
	}
}

int value_members(struct value of, struct work *work, struct record *ret_record)
{
	const struct json *element = of.type == VALUE_ARRAY ? json_first(of.node) : NULL;
	struct member *members;
	uint64_t step = 1; /* for each member */
	size_t count = 0;

	if (of.type == VALUE_RECORD) {
		*ret_record = *of.record;
		return 0;
	}
	if (of.type == VALUE_ARRAY || of.type == VALUE_OBJECT) {
		count = json_count(of.node);
	} else if (of.type == VALUE_STRING) {
		count = (size_t)value_text_length(of.text);
		step += of.text.length / VALUE_BYTES_PER_STEP;
	} else if (of.type == VALUE_HTML) {
		count = 1;
	}
	members = arena_alloc(work->arena, count * sizeof(*members));
	if (!members || !work_spend(work, count * step))
		return -ENOMEM;
	*ret_record = (struct record){ members, count };
	if (of.type == VALUE_OBJECT) {
		value_object_members(of.node, members);
		return 0;
	}
	if (of.type == VALUE_HTML) {
		*members = (struct member){ SLICE("string"), value_text(of.text) };
		return 0;
	}
	for (size_t i = 0; i < count; i++) {
		char name[NUMBER_TEXT_SIZE];
		int r;

		number_format((double)i, name);
		r = arena_copy(work->arena, slice_from_text(name), &members[i].name);
		if (r == 0 && of.type == VALUE_STRING)
			r = value_character(of.text, i, &members[i].value);
		else if (r == 0)
			members[i].value = value_from_json(element);
		if (r < 0)
			return r;
		element = json_next(element);
	}
	return 0;
}

/* --- printing --- */

/* Replacements of the seven characters (Handlebars 4.7, README of the conformance data, point 1). */
static const char *const value_entities[256] = {
	['&'] = "&amp;",
	['<'] = "&lt;",
	['>'] = "&gt;",
	['"'] = "&quot;",
	['\''] = "&#x27;",
	['`'] = "&#x60;",
	['='] = "&#x3D;",
};

void value_escape(struct slice text, struct buf *out)
{
	size_t plain = 0; /* start of the bytes that need no replacement and are not appended yet */

	for (size_t at = 0; at < text.length; at++) {
		const char *entity = value_entities[(unsigned char)text.data[at]];

		if (!entity)
			continue;
		buf_append(out, text.data + plain, at - plain);
		buf_append_text(out, entity);
		plain = at + 1;
	}
	buf_append(out, text.data + plain, text.length - plain);
}

int value_print(struct value value, bool escape, struct work *work, struct buf *out)
{
	char number[NUMBER_TEXT_SIZE];
	bool first = true;
	struct value own;
	int r;

	switch (value.type) {
	case VALUE_UNDEFINED:
	case VALUE_NULL:
		break;
	case VALUE_BOOL:
		buf_append_text(out, value.boolean ? "true" : "false");
		break;
	case VALUE_NUMBER:
		number_format(value.number, number);
		buf_append_text(out, number);
		break;
	case VALUE_STRING:
		if (escape)
			value_escape(value.text, out);
		else
			buf_append(out, value.text.data, value.text.length);
		break;
	case VALUE_HTML:
		buf_append(out, value.text.data, value.text.length);
		break;
	case VALUE_ARRAY: /* elements joined by commas; null and missing elements are empty */
		JSON_FOREACH (element, value.node) {
			if (!first)
				buf_append_char(out, ',');
			first = false;
			if (!work_spend(work, 1))
				return -ENOMEM;
			r = value_print(value_from_json(element), escape, work, out);
			if (r < 0)
				return r;
		}
		break;
	case VALUE_OBJECT:
	case VALUE_RECORD:
		/* JavaScript calls an object's toString to print it. If the object has a member of that name,
		 * which is never a function, JavaScript throws. */
		r = value_get(value, SLICE("toString"), work, &own);
		if (r < 0 || own.type != VALUE_UNDEFINED)
			return r < 0 ? r : -EBADMSG;
		buf_append_text(out, "[object Object]");
		break;
	}
	return 0;
}

int value_to_text(struct value value, struct work *work, struct slice *ret_text)
{
	CLEANUP(buf_done) struct buf text = BUF_INIT(work->arena->size_max);
	int r;

	if (value.type == VALUE_STRING || value.type == VALUE_HTML) {
		*ret_text = value.text;
		return 0;
	}
	if (value_is_nothing(value)) {
		*ret_text = value.type == VALUE_NULL ? SLICE("null") : SLICE("undefined");
		return 0;
	}
	r = value_print(value, false, work, &text);
	if (r < 0)
		return r;
	if (buf_overflowed(&text) || !work_spend(work, text.length / VALUE_BYTES_PER_STEP))
		return -ENOMEM;
	return arena_copy(work->arena, (struct slice){ text.data, text.length }, ret_text);
}
