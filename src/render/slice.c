/* SPDX-License-Identifier: MIT */
#include "render/slice.h"

#include <stdint.h>

#include "base/utf8.h"

/* ECMAScript: WhiteSpace and LineTerminator. */
static bool slice_is_space(int32_t c)
{
	return c == ' ' || (c >= '\t' && c <= '\r') || c == 0xa0 || c == 0x1680 ||
	       (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f ||
	       c == 0x3000 || c == 0xfeff;
}

size_t slice_space_at(struct slice text)
{
	const char *at = text.data;

	return text.length > 0 && slice_is_space(utf8_next(&at, text.data + text.length))
		       ? (size_t)(at - text.data)
		       : 0;
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
