/* SPDX-License-Identifier: MIT */
#include "http/decode.h"

#include <errno.h>

#include "base/utf8.h"

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

bool decode_is_text(const char *text, size_t length)
{
	for (const char *at = text, *end = text + length; at < end;)
		if (utf8_is_control(utf8_next(&at, end))) /* UTF8_NONE, too */
			return false;
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
