/* SPDX-License-Identifier: MIT */
#include "tests/fuzz/request-head.h"

#include <string.h>
#include <strings.h>

#include "base/mem.h"

#define TOKEN_CHARACTERS /* RFC 9110 section 5.6.2 */ \
	"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

/* The characters that libh2o refuses: NUL, and control characters except tab and line ends. */
static bool is_plain(const uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if ((bytes[i] < ' ' && !strchr("\t\r\n", bytes[i])) || bytes[i] == '\0' || bytes[i] == 0x7f)
			return false;
	return true;
}

/* Cuts off the line at *rest; NULL: it does not end with CR LF. */
static char *cut_line(char **rest)
{
	char *line = *rest, *end = strchr(line, '\n');

	if (!end || strcspn(line, "\r") + 1 != (size_t)(end - line))
		return NULL;
	end[-1] = '\0';
	*rest = end + 1;
	return line;
}

static bool read_request_line(struct request_head *head, char *line)
{
	char *target = strchr(line, ' '), *version = target ? strchr(target + 1, ' ') : NULL;

	if (!version || target == line || strncmp(version + 1, "HTTP/1.", 7) != 0 || !version[8] ||
		version[9])
		return false;
	*target = *version = '\0';
	head->method = line;
	head->target = target + 1;
	head->is_http_1_0 = version[8] == '0';
	return version[8] == '0' || version[8] == '1';
}

static bool read_field(struct request_head *head, char *line)
{
	size_t length = strspn(line, TOKEN_CHARACTERS);
	char *value = line + length + 1;

	if (length == 0 || line[length] != ':' || head->count == REQUEST_FIELDS_MAX)
		return false;
	line[length] = '\0';
	for (char *c = line; *c; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c - 'A' + 'a');
	value += strspn(value, " \t");
	for (size_t i = strlen(value); i > 0 && strchr(" \t", value[i - 1]); i--)
		value[i - 1] = '\0';
	head->fields[head->count++] = (struct http_field){ line, value };
	return true;
}

static bool cut_head(struct request_head *head)
{
	char *rest = head->text, *line = cut_line(&rest);

	if (line && !*line) /* one empty line before the request is permitted */
		line = cut_line(&rest);
	if (!line || !read_request_line(head, line))
		return false;
	while ((line = cut_line(&rest)) && *line)
		if (!read_field(head, line))
			return false;
	return line;
}

static unsigned count_fields(const struct request_head *head, const char *name)
{
	unsigned count = 0;

	for (size_t i = 0; i < head->count; i++)
		count += strcmp(head->fields[i].name, name) == 0;
	return count;
}

int request_head_check(const struct request_head *head)
{
	const char *coding = NULL;
	unsigned hosts = count_fields(head, "host"), codings = count_fields(head, "transfer-encoding");

	if (hosts > 1 || (hosts == 0 && !head->is_http_1_0) || (codings && head->is_http_1_0) ||
		codings + count_fields(head, "content-length") > 1)
		return 400;
	for (size_t i = 0; i < head->count; i++)
		if (strcmp(head->fields[i].name, "transfer-encoding") == 0)
			coding = head->fields[i].value;
	if (!coding)
		return 0;
	return strcasecmp(coding, "chunked") == 0 ? 411 : 501;
}

bool request_head_read(struct request_head *ret_head, const uint8_t *bytes, size_t size)
{
	*ret_head = (struct request_head){ .text = mem_strndup((const char *)bytes, size) };
	return is_plain(bytes, size) && cut_head(ret_head);
}

void request_head_done(struct request_head *head)
{
	mem_freep(&head->text);
}
