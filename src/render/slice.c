/* SPDX-License-Identifier: MIT */
#include "render/slice.h"

#include <stdint.h>

#include "base/utf8.h"

size_t slice_space_at(struct slice text)
{
	unsigned char first = text.length > 0 ? (unsigned char)*text.data : 0;
	const char *at = text.data;
	int32_t c;

	/* ECMAScript: WhiteSpace and LineTerminator. */
	if (first < 0x80)
		return first == ' ' || (first >= '\t' && first <= '\r');
	c = utf8_next(&at, text.data + text.length);
	if (c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 ||
		c == 0x202f || c == 0x205f || c == 0x3000 || c == 0xfeff)
		return (size_t)(at - text.data);
	return 0;
}

size_t slice_space_begin(struct slice text)
{
	size_t at = 0, length;

	while ((length = slice_space_at((struct slice){ text.data + at, text.length - at })) > 0)
		at += length;
	return at;
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
	for (size_t at = 0; at < text.length;) {
		const char *next = text.data + at;

		*ret_offset = at;
		if (utf8_next(&next, text.data + text.length) <= 0)
			return false;
		at = (size_t)(next - text.data);
	}
	return true;
}
