/* SPDX-License-Identifier: MIT */
#include "base/json-text.h"

#include <stdbool.h>

#include "base/block.h"

static bool json_text_is_surrogate(int32_t unit, int32_t first)
{
	return unit >= first && unit < first + 0x400;
}

static size_t json_text_plain_in_block(const char *at)
{
	block bytes = block_load(at);

	return block_first((bytes < 0x20) | (bytes == '"') | (bytes == '\\'));
}

size_t json_text_plain(const char *at, const char *end)
{
	const char *start = at;

	while ((size_t)(end - at) >= BLOCK_SIZE) {
		size_t plain = json_text_plain_in_block(at);

		at += plain;
		if (plain < BLOCK_SIZE)
			return (size_t)(at - start);
	}
	/* The last block reaches back over bytes that are plain, as is known by now. */
	if (at > start) {
		at = end - BLOCK_SIZE;
		return (size_t)(at + json_text_plain_in_block(at) - start);
	}
	while (at < end && (signed char)*at >= 0x20 && *at != '"' && *at != '\\')
		at++;
	return (size_t)(at - start);
}

/* The unit of \uXXXX at `at`, or JSON_TEXT_BAD_ESCAPE. */
static int32_t json_text_unit(const char *at, const char *end)
{
	int32_t unit = 0;

	if (end - at < 6 || at[0] != '\\' || at[1] != 'u')
		return JSON_TEXT_BAD_ESCAPE;
	for (int i = 2; i < 6; i++) {
		char digit = at[i];

		if (digit >= '0' && digit <= '9')
			unit = unit << 4 | (digit - '0');
		else if (digit >= 'a' && digit <= 'f')
			unit = unit << 4 | (digit - 'a' + 10);
		else if (digit >= 'A' && digit <= 'F')
			unit = unit << 4 | (digit - 'A' + 10);
		else
			return JSON_TEXT_BAD_ESCAPE;
	}
	return unit;
}

/* \uXXXX, or the two of a surrogate pair. */
static int32_t json_text_unicode_escape(const char **at, const char *end)
{
	int32_t high = json_text_unit(*at, end), low;

	if (high < 0)
		return high;
	if (high == 0)
		return JSON_TEXT_NUL;
	if (json_text_is_surrogate(high, 0xdc00))
		return JSON_TEXT_LONE_SURROGATE;
	if (!json_text_is_surrogate(high, 0xd800)) {
		*at += 6;
		return high;
	}
	low = json_text_unit(*at + 6, end);
	if (!json_text_is_surrogate(low, 0xdc00))
		return JSON_TEXT_LONE_SURROGATE;
	*at += 12;
	return 0x10000 + ((high - 0xd800) << 10 | (low - 0xdc00));
}

int32_t json_text_next(const char **at, const char *end)
{
	static const char letters[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
	const char *next = *at;
	int32_t code_point;

	if ((unsigned char)*next < 0x20)
		return JSON_TEXT_CONTROL;
	if (*next != '\\') {
		code_point = utf8_next(&next, end);
		if (code_point >= 0)
			*at = next;
		return code_point;
	}
	if (end - next < 2)
		return JSON_TEXT_BAD_ESCAPE;
	if (next[1] == 'u')
		return json_text_unicode_escape(at, end);
	for (size_t i = 0; i < sizeof(letters) - 1; i++) {
		if (next[1] == letters[i]) {
			*at = next + 2;
			return values[i];
		}
	}
	return JSON_TEXT_BAD_ESCAPE;
}
