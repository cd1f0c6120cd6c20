/* SPDX-License-Identifier: MIT */
#include "base/utf8.h"

#include <stddef.h>
#include <string.h>

#define CODE_POINT_MAX 0x10ffff

int32_t utf8_next(const char **at, const char *end)
{
	/* The least code point that needs so many bytes: anything below is overlong. */
	static const int32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const unsigned char *byte = (const unsigned char *)*at;
	ptrdiff_t length = *byte < 0x80 ? 1 : *byte < 0xc0 ? 0 : *byte < 0xe0 ? 2 : *byte < 0xf0 ? 3 : 4;
	int32_t code_point;

	(*at)++;
	if (length == 1)
		return *byte;
	if (length == 0 || *byte > 0xf4 || end - (const char *)byte < length)
		return UTF8_NONE;

	code_point = *byte & (0x7f >> length);
	for (ptrdiff_t i = 1; i < length; i++) {
		if ((byte[i] & 0xc0) != 0x80)
			return UTF8_NONE;
		code_point = code_point << 6 | (byte[i] & 0x3f);
	}
	if (code_point < least[length] || code_point > CODE_POINT_MAX ||
		(code_point >= 0xd800 && code_point <= 0xdfff))
		return UTF8_NONE;
	*at += length - 1;
	return code_point;
}

/* Byte by byte, for not all of the text need be UTF-8: U+0080 to U+009F are C2 80 to C2 9F. */
void utf8_defuse(char *text)
{
	for (unsigned char *byte = (unsigned char *)text; *byte; byte++) {
		if (*byte < 0x20 || *byte == 0x7f)
			*byte = '?';
		else if (*byte == 0xc2 && byte[1] >= 0x80 && byte[1] <= 0x9f)
			byte[0] = byte[1] = '?';
	}
}

void utf8_trim(char *text)
{
	size_t length = strlen(text);

	while (length > 0 && ((unsigned char)text[length - 1] & 0xc0) == 0x80)
		length--;
	if (length > 0 && (unsigned char)text[length - 1] >= 0x80)
		length--;
	text[length] = '\0';
}
