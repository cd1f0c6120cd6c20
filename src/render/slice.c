/* SPDX-License-Identifier: MIT */
#include "render/slice.h"

#include <stdint.h>

/* Length of the UTF-8 character (RFC 3629) at the beginning, 0 when it is none; its code point. */
static size_t slice_decode(struct slice text, uint32_t *ret_character)
{
	static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
	unsigned char first = text.length > 0 ? (unsigned char)text.data[0] : 0xff;
	size_t length = first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
	uint32_t character;

	if (first > 0xf4 || (first >= 0x80 && first < 0xc2) || length > text.length)
		return 0;
	character = length == 1 ? first : first & (0x7fU >> length);
	for (size_t i = 1; i < length; i++) {
		if (((unsigned char)text.data[i] & 0xc0) != 0x80)
			return 0;
		character = character << 6 | ((unsigned char)text.data[i] & 0x3f);
	}
	if (character < smallest[length] || character > 0x10ffff ||
		(character >= 0xd800 && character < 0xe000))
		return 0;
	*ret_character = character;
	return length;
}

/* ECMAScript: WhiteSpace and LineTerminator. */
static bool slice_is_space(uint32_t c)
{
	return c == ' ' || (c >= '\t' && c <= '\r') || c == 0xa0 || c == 0x1680 ||
	       (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f ||
	       c == 0x3000 || c == 0xfeff;
}

size_t slice_space_at(struct slice text)
{
	uint32_t character;
	size_t length = slice_decode(text, &character);

	return length > 0 && slice_is_space(character) ? length : 0;
}

size_t slice_space_end(struct slice text)
{
	size_t left = text.length;

	while (left > 0) {
		size_t start = left - 1;

		while (start > 0 && ((unsigned char)text.data[start] & 0xc0) == 0x80)
			start--;
		if (slice_space_at((struct slice){ text.data + start, left - start }) != left - start)
			break;
		left = start;
	}
	return text.length - left;
}

bool slice_is_text(struct slice text, size_t *ret_offset)
{
	uint32_t character = 0;
	size_t at = 0;

	while (at < text.length) {
		size_t length = slice_decode((struct slice){ text.data + at, text.length - at }, &character);

		if (length == 0 || character == 0) {
			*ret_offset = at;
			return false;
		}
		at += length;
	}
	return true;
}
