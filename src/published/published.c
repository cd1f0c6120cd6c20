/* SPDX-License-Identifier: MIT */
#include "published/published.h"

#include <string.h>

const char *const published_homepage[LANGUAGES] = {
	[LANGUAGE_DE] = "index.de.html",
	[LANGUAGE_EN] = "index.en.html",
};

const char *language_name(enum language language)
{
	return language == LANGUAGE_EN ? "en" : "de";
}

bool published_is_name(const char *text, size_t length)
{
	static const char permitted[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz._-";
	bool begins_well = length > 0 && !strchr("._-", text[0]); /* a NUL is found as well */

	return begins_well && length <= PUBLISHED_NAME_MAX && strspn(text, permitted) >= length;
}

bool published_is_page(const char *file)
{
	size_t length = strlen(file), suffix = strlen(PUBLISHED_SUFFIX);

	return length > suffix && strcmp(file + length - suffix, PUBLISHED_SUFFIX) == 0 &&
	       published_is_name(file, length - suffix);
}
