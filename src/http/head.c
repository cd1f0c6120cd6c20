/* SPDX-License-Identifier: MIT */
#include "http/head.h"

#include <string.h>
#include <strings.h>

/* The next line without its CR LF; NULL: there is none, or it ends otherwise. */
static const char *next_line(const char **rest, const char *end, size_t *ret_length)
{
	const char *line = *rest;
	const char *feed = memchr(line, '\n', (size_t)(end - line));

	if (!feed || feed == line || feed[-1] != '\r')
		return NULL;
	*rest = feed + 1;
	*ret_length = (size_t)(feed - 1 - line);
	return line;
}

static bool is_field(const char *line, size_t length, const char *name)
{
	size_t name_length = strlen(name);

	return length > name_length && line[name_length] == ':' && strncasecmp(line, name, name_length) == 0;
}

bool head_has_one_reading(const char *bytes, size_t length, bool is_http_1_0)
{
	const char *rest = bytes;
	unsigned hosts = 0, lengths = 0, encodings = 0;
	size_t size;

	const char *line = next_line(&rest, bytes + length, &size);
	if (line && size == 0) /* one empty line before the request is permitted, RFC 9112 section 2.2 */
		line = next_line(&rest, bytes + length, &size);
	while (line && (line = next_line(&rest, bytes + length, &size)) && size > 0) {
		hosts += is_field(line, size, "host");
		lengths += is_field(line, size, "content-length");
		encodings += is_field(line, size, "transfer-encoding");
	}
	return line && lengths + encodings <= 1 && hosts <= 1 && (hosts == 1 || is_http_1_0) &&
	       !(encodings && is_http_1_0);
}
