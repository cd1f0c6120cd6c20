/* SPDX-License-Identifier: MIT */
#include "render/value.h"

#include <errno.h>

#include "base/block.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "render/arena.h"
#include "render/number.h"

#define ESCAPE_CHUNK 1024 /* bytes handed to the buffer together */

/* Replacements of the seven characters (Handlebars 4.7, README of the conformance data, point 1). */
static const struct value_entity {
	char text[8];
	size_t length;
} value_entities[256] = {
	['&'] = { "&amp;", 5 },
	['<'] = { "&lt;", 4 },
	['>'] = { "&gt;", 4 },
	['"'] = { "&quot;", 6 },
	['\''] = { "&#x27;", 6 },
	['`'] = { "&#x60;", 6 },
	['='] = { "&#x3D;", 6 },
};

/* Bytes at the beginning of a whole block that need no replacement. */
static size_t value_plain_length(const char *bytes)
{
	block loaded = block_load(bytes);

	return block_first((loaded == '&') | (loaded == '<') | (loaded == '>') | (loaded == '"') |
			   (loaded == '\'') | (loaded == '`') | (loaded == '='));
}

/* Escapes the next bytes, a block at most, up to and with the first that is replaced. Writes at most a block
 * and an entity; returns the number of bytes read. */
static size_t value_escape_some(const char *bytes, size_t length, char *to, size_t *used)
{
	const struct value_entity *entity;
	size_t plain = 0;

	if (length >= BLOCK_SIZE) {
		memcpy(to + *used, bytes, BLOCK_SIZE);
		plain = value_plain_length(bytes);
	} else {
		while (plain < length && value_entities[(unsigned char)bytes[plain]].length == 0) {
			to[*used + plain] = bytes[plain];
			plain++;
		}
	}
	*used += plain;
	if (plain == length || plain == BLOCK_SIZE)
		return plain;
	entity = &value_entities[(unsigned char)bytes[plain]];
	memcpy(to + *used, entity->text, sizeof(entity->text));
	*used += entity->length;
	return plain + 1;
}

void value_escape(struct slice text, struct buf *out)
{
	char escaped[ESCAPE_CHUNK + BLOCK_SIZE + sizeof(value_entities[0].text)];
	size_t used = 0, at = 0;

	while (at < text.length) {
		at += value_escape_some(text.data + at, text.length - at, escaped, &used);
		if (used >= ESCAPE_CHUNK || at == text.length) {
			buf_append(out, escaped, used);
			used = 0;
		}
	}
}

/* JavaScript calls an object's toString to print it: with a member of that name, which is no function, it
 * throws. */
static int value_print_object(struct value value, struct work *work, struct buf *out)
{
	struct value own;
	int r = value_get(value, SLICE("toString"), work, &own);

	if (r < 0 || own.type != VALUE_UNDEFINED)
		return r < 0 ? r : -EBADMSG;
	buf_append_text(out, "[object Object]");
	return 0;
}

/* Elements joined by commas; null and missing ones are empty. */
static int value_print_array(const struct json *array, bool escape, struct work *work, struct buf *out)
{
	bool first = true;

	JSON_FOREACH (element, array) {
		int r;

		if (!first)
			buf_append_char(out, ',');
		first = false;
		if (!work_spend(work, 1))
			return -ENOMEM;
		r = value_print(value_from_json(element), escape, work, out);
		if (r < 0)
			return r;
	}
	return 0;
}

int value_print(struct value value, bool escape, struct work *work, struct buf *out)
{
	char number[NUMBER_TEXT_SIZE];

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
	case VALUE_ARRAY:
		return value_print_array(value.node, escape, work, out);
	case VALUE_OBJECT:
	case VALUE_RECORD:
		return value_print_object(value, work, out);
	}
	return 0;
}

int value_to_text(struct value value, struct work *work, struct slice *ret_text)
{
	CLEANUP(buf_done) struct buf text = BUF_INIT(work->arena->size_max);
	char *copy;
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
	copy = buf_overflowed(&text) ? NULL : arena_text(work->arena, text.length);
	if (!copy || !work_spend(work, text.length / VALUE_BYTES_PER_STEP))
		return -ENOMEM;
	if (text.length > 0)
		memcpy(copy, text.data, text.length);
	*ret_text = (struct slice){ copy, text.length };
	return 0;
}
