/* SPDX-License-Identifier: MIT */
#include "http/head.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

/* The next line without its CR LF; NULL: there is none, or it has another end. */
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

static bool is_chunked(const char *value, size_t length)
{
	for (; length > 0 && (*value == ' ' || *value == '\t'); value++)
		length--;
	while (length > 0 && (value[length - 1] == ' ' || value[length - 1] == '\t'))
		length--;
	return length == strlen("chunked") && strncasecmp(value, "chunked", length) == 0;
}

static bool is_http_1_0(const char *line, size_t length)
{
	static const char version[] = " HTTP/1.0";
	size_t size = sizeof(version) - 1;

	return length >= size && memcmp(line + length - size, version, size) == 0;
}

/* The request line; afterwards *rest is at the first field. NULL: there is no request line. */
static const char *request_line(const char **rest, const char *end, size_t *ret_length)
{
	const char *line = next_line(rest, end, ret_length);

	if (line && *ret_length == 0) /* RFC 9112 section 2.2 permits one empty line before it */
		line = next_line(rest, end, ret_length);
	return line;
}

static int find_fault(const char *bytes, size_t length)
{
	const char *rest = bytes, *end = bytes + length;
	unsigned hosts = 0, lengths = 0, encodings = 0;
	int encoding_status = 0;
	size_t size;

	const char *line = request_line(&rest, end, &size);
	bool is_old = line && is_http_1_0(line, size);
	while (line && (line = next_line(&rest, end, &size)) && size > 0) {
		hosts += is_field(line, size, "host");
		lengths += is_field(line, size, "content-length");
		if (is_field(line, size, "transfer-encoding")) {
			encodings++;
			size_t name = strlen("transfer-encoding:");
			encoding_status = is_chunked(line + name, size - name) ? 411 : 501;
		}
	}
	if (!line || lengths + encodings > 1 || hosts > 1 || (hosts == 0 && !is_old) || (encodings && is_old))
		return 400;
	return encoding_status;
}

int head_check(char *bytes, size_t length)
{
	const char *rest = bytes, *end = bytes + length;
	size_t size;

	/* The library regards a head with these bytes as complete. */
	if (!memmem(bytes, length, "\n\r\n", 3) && !memmem(bytes, length, "\n\n", 2))
		return 0;
	int status = find_fault(bytes, length);
	const char *line = request_line(&rest, end, &size);
	if (!line || (status == 0 && !is_http_1_0(line, size)))
		return status;
	while ((line = next_line(&rest, end, &size)) && size > 0) {
		if (is_field(line, size, "expect") ||
			(status && (is_field(line, size, "content-length") ||
					   is_field(line, size, "transfer-encoding"))))
			bytes[line - bytes] = '_';
	}
	return status;
}
