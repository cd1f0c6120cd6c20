/* SPDX-License-Identifier: MIT */
#include "http/decode.h"

#include <errno.h>
#include <stdint.h>

static int hex_value(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	if (digit >= 'a' && digit <= 'f')
		return digit - 'a' + 10;
	if (digit >= 'A' && digit <= 'F')
		return digit - 'A' + 10;
	return -1;
}

/* The character at text[*position], which moves behind it; UINT32_MAX: malformed. */
static uint32_t next_character(const unsigned char *text, size_t length, size_t *position)
{
	static const uint32_t smallest[] = { 0, 0x80, 0x800, 0x10000 };
	unsigned char lead = text[(*position)++];
	unsigned more = lead < 0x80 ? 0 : lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;

	if ((lead >= 0x80 && lead < 0xc2) || lead > 0xf4 || length - *position < more)
		return UINT32_MAX;
	uint32_t character = more == 0 ? lead : lead & (0x3fu >> more);
	for (unsigned i = 0; i < more; i++) {
		unsigned char byte = text[(*position)++];
		if ((byte & 0xc0) != 0x80)
			return UINT32_MAX;
		character = character << 6 | (byte & 0x3f);
	}
	bool surrogate = character >= 0xd800 && character <= 0xdfff;
	return character < smallest[more] || surrogate || character > 0x10ffff ? UINT32_MAX : character;
}

bool decode_is_text(const char *text, size_t length)
{
	for (size_t position = 0; position < length;) {
		uint32_t character = next_character((const unsigned char *)text, length, &position);
		if (character == UINT32_MAX || character < 0x20 || (character >= 0x7f && character < 0xa0))
			return false;
	}
	return true;
}

int decode_percent(const char *text, size_t length, bool form, char *ret, size_t size)
{
	size_t out = 0;

	for (size_t i = 0; i < length; i++) {
		char byte = text[i];
		if (out + 1 >= size)
			return -E2BIG;
		if (byte == '%') {
			int high = length - i > 2 ? hex_value(text[i + 1]) : -1;
			int low = high >= 0 ? hex_value(text[i + 2]) : -1;
			if (low < 0)
				return -EBADMSG;
			byte = (char)(high << 4 | low);
			if (byte == '/' && !form)
				return -EBADMSG;
			i += 2;
		} else if (byte == '+' && form) {
			byte = ' ';
		}
		ret[out++] = byte;
	}
	ret[out] = '\0';
	return decode_is_text(ret, out) ? 0 : -EBADMSG;
}
