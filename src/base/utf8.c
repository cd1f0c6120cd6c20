/* SPDX-License-Identifier: MIT */
#include "base/utf8.h"

#include <string.h>

#include "base/mem.h"

#define CODE_POINT_MAX 0x10ffff

int32_t utf8_next(const char **at, const char *end)
{
	/* The smallest code point for each number of bytes; a smaller one is overlong. */
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

bool utf8_is_text(const char *text, size_t length)
{
	for (const char *at = text, *end = text + length; at < end;)
		if (utf8_is_control(utf8_next(&at, end))) /* also for UTF8_NONE */
			return false;
	return true;
}

size_t utf8_mark_length(const char *text, size_t length)
{
	static const char mark[] = "\xef\xbb\xbf";

	return length >= sizeof(mark) - 1 && memcmp(text, mark, sizeof(mark) - 1) == 0 ? sizeof(mark) - 1 : 0;
}

struct range {
	int32_t first, last;
};

static bool is_in(int32_t code_point, const struct range *ranges, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (code_point >= ranges[i].first && code_point <= ranges[i].last)
			return true;
	return false;
}

bool utf8_is_invisible(int32_t code_point)
{
	/* Unicode's Default_Ignorable_Code_Point, and U+2800. */
	static const struct range ranges[] = { { 0xad, 0xad }, { 0x34f, 0x34f }, { 0x61c, 0x61c },
		{ 0x115f, 0x1160 }, { 0x17b4, 0x17b5 }, { 0x180b, 0x180f }, { 0x200b, 0x200f },
		{ 0x202a, 0x202e }, { 0x2060, 0x206f }, { 0x2800, 0x2800 }, { 0x3164, 0x3164 },
		{ 0xfe00, 0xfe0f }, { 0xfeff, 0xfeff }, { 0xffa0, 0xffa0 }, { 0xfff0, 0xfff8 },
		{ 0x1bca0, 0x1bca3 }, { 0x1d173, 0x1d17a }, { 0xe0000, 0xe0fff } };

	if (utf8_is_control(code_point))
		return code_point >= 0;
	return code_point >= 0xad && is_in(code_point, ranges, ARRAY_SIZE(ranges));
}

bool utf8_is_blank(const char *text)
{
	static const struct range spaces[] = { { ' ', ' ' }, { 0xa0, 0xa0 }, { 0x1680, 0x1680 },
		{ 0x2000, 0x200a }, { 0x2028, 0x2029 }, { 0x202f, 0x202f }, { 0x205f, 0x205f },
		{ 0x3000, 0x3000 } };

	for (const char *at = text, *end = text + strlen(text); at < end;) {
		int32_t code_point = utf8_next(&at, end);

		if (!utf8_is_invisible(code_point) && !is_in(code_point, spaces, ARRAY_SIZE(spaces)))
			return false;
	}
	return true;
}

/* Byte by byte, because the text need not be UTF-8: U+0080 to U+009F are C2 80 to C2 9F. */
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
