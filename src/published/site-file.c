/* SPDX-License-Identifier: MIT */
#include "published/site-file.h"

#include <stddef.h>
#include <string.h>

#include "base/mem.h"
#include "published/published.h"

/* No scripts: the content security policy permits only our own. */
static const struct {
	const char *suffix, *type;
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

const char *site_file_type(const char *name)
{
	const char *suffix = strrchr(name, '.');

	for (size_t i = 0; i < ARRAY_SIZE(types) && suffix; i++)
		if (strcmp(suffix, types[i].suffix) == 0)
			return types[i].type;
	return NULL;
}

bool site_file_is_path(const char *path)
{
	const char *slash = strchr(path, '/'), *name = slash ? slash + 1 : path;

	if (slash && !published_is_name(path, (size_t)(slash - path)))
		return false;
	return published_is_name(name, strlen(name)) && site_file_type(name);
}

bool site_file_is_hidden(const char *path)
{
	return strcmp(path, PUBLISHED_JSON) == 0 || strcmp(path, PUBLISHED_CALENDAR) == 0 ||
	       strncmp(path, PUBLISHED_COURSES "/", strlen(PUBLISHED_COURSES "/")) == 0 ||
	       strcmp(path, "api/openapi.json") == 0;
}
