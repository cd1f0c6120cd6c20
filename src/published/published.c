/* SPDX-License-Identifier: MIT */
#include "published/published.h"

#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"

const char *const published_homepage[LANGUAGES] = {
	[LANGUAGE_DE] = "index.de.html",
	[LANGUAGE_EN] = "index.en.html",
};

const char *const published_list[LANGUAGES] = {
	[LANGUAGE_DE] = "courses.de.html",
	[LANGUAGE_EN] = "courses.en.html",
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

const char *published_type(const char *name)
{
	static const struct {
		const char *suffix, *content_type;
	} types[] = {
		{ ".avif", "image/avif" },
		{ ".css", "text/css; charset=utf-8" },
		{ ".gif", "image/gif" },
		{ ".html", "text/html; charset=utf-8" },
		{ ".ico", "image/x-icon" },
		{ ".jpeg", "image/jpeg" },
		{ ".jpg", "image/jpeg" },
		{ ".json", "application/json" },
		{ ".pdf", "application/pdf" },
		{ ".png", "image/png" },
		{ ".svg", "image/svg+xml" },
		{ ".txt", "text/plain; charset=utf-8" },
		{ ".webmanifest", "application/manifest+json" },
		{ ".webp", "image/webp" },
		{ ".woff", "font/woff" },
		{ ".woff2", "font/woff2" },
		{ ".xml", "application/xml" },
	};
	const char *suffix = strrchr(name, '.');

	for (size_t i = 0; suffix && i < ARRAY_SIZE(types); i++)
		if (strcasecmp(suffix, types[i].suffix) == 0)
			return types[i].content_type;
	return NULL;
}

/* The first of the paths at which the operator has a file that may be served. */
static const char *find_file(const char *file_directory, const char *const *paths)
{
	CLEANUP(file_closep) int directory = -1;
	struct stat status;

	if (file_open_directory(AT_FDCWD, file_directory, &directory, NULL) < 0)
		return NULL;
	for (; *paths; paths++)
		if (fstatat(directory, *paths + 1, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
			S_ISREG(status.st_mode) && status.st_size <= PUBLISHED_FILE_MAX)
			return *paths;
	return NULL;
}

const char *published_logo(const char *file_directory)
{
	static const char *const paths[] = { "/logo.svg", "/logo.png", "/logo.webp", NULL };

	return find_file(file_directory, paths);
}

const char *published_style(const char *file_directory)
{
	static const char *const paths[] = { "/style.css", NULL };

	return find_file(file_directory, paths);
}
