/* SPDX-License-Identifier: MIT */
#include "published/published.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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
	bool begins_well = length > 0 && !strchr("._-", text[0]); /* strchr finds a NUL as well */

	return begins_well && length <= PUBLISHED_NAME_MAX && strspn(text, permitted) >= length;
}

bool published_is_page(const char *file)
{
	size_t length = strlen(file), suffix = strlen(PUBLISHED_SUFFIX);

	return length > suffix && strcmp(file + length - suffix, PUBLISHED_SUFFIX) == 0 &&
	       published_is_name(file, length - suffix);
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
			S_ISREG(status.st_mode) && status.st_size <= PUBLISHED_FILE_MAX &&
			faccessat(directory, *paths + 1, R_OK, AT_EACCESS) == 0)
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
