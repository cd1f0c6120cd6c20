/* SPDX-License-Identifier: MIT */
#include "config/config.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/utf8.h"

#define ENVIRONMENT_FILE_MAX (256 << 10)
#define BLANKS " \t\r"

static bool environment_is_from_file, environment_has_mark;

bool config_environment_is_units(void)
{
	return environment_is_from_file || getenv("INVOCATION_ID"); /* systemd.exec(5) */
}

bool config_environment_has_mark(void)
{
	return environment_has_mark;
}

/* Appends what stands before `end`: a quotation mark, or the end of the line. Returns where that is. A
 * backslash before the end of a line joins it with the next one; within single quotes it is a character as
 * any other, within double quotes it is one before most characters. */
static const char *read_until(const char *at, char end, struct buf *value)
{
	for (; *at && *at != end; at++) {
		bool is_escape =
			*at == '\\' && at[1] && end != '\'' && (end == '\n' || strchr("\"\\`$\n", at[1]));

		at += is_escape;
		if (!is_escape || *at != '\n')
			buf_append_char(value, *at);
	}
	return at;
}

/* Reads the next assignment as systemd does it: *ret_name (owned) and `value`. Returns where the line after
 * it begins; NULL: there is no other. */
static const char *read_assignment(const char *at, char **ret_name, struct buf *value)
{
	const char *end;
	size_t length;

	/* Comments and lines without an assignment are ignored. */
	for (;;) {
		at += strspn(at, BLANKS "\n");
		end = at + strcspn(at, "=\n");
		if (!*at)
			return NULL;
		if (*end == '=' && end > at && !strchr("#;", *at))
			break;
		at += strcspn(at, "\n");
	}
	for (length = (size_t)(end - at); length > 0 && strchr(BLANKS, at[length - 1]);)
		length--;
	*ret_name = mem_strndup(at, length);

	/* Quotes count at the beginning and behind a quoted part. */
	at = end + 1 + strspn(end + 1, BLANKS);
	while (*at == '"' || *at == '\'') {
		at = read_until(at + 1, *at, value);
		at += *at ? 1 + strspn(at + 1, BLANKS) : 0;
	}
	at = read_until(at, '\n', value);
	while (value->length > 0 && strchr(BLANKS, value->data[value->length - 1]))
		buf_truncate(value, value->length - 1);
	return at;
}

int config_environment_load(const char *path, struct error *err)
{
	CLEANUP(buf_done) struct buf text = BUF_INIT(ENVIRONMENT_FILE_MAX);
	int r = file_read_path(path, &text, err);

	if (r < 0)
		return r;
	environment_is_from_file = true;
	environment_has_mark = utf8_mark_length(buf_text(&text), text.length) > 0;
	for (const char *at = buf_text(&text); at;) {
		CLEANUP(buf_done) struct buf value = BUF_INIT(ENVIRONMENT_FILE_MAX);
		CLEANUP(mem_freep) char *name = NULL;

		at = read_assignment(at, &name, &value);
		if (name && setenv(name, buf_text(&value), 1) < 0)
			abort(); /* only without memory: the name is not empty and has no '=' */
	}
	return 0;
}

const char *config_environment_find_secret(const char *path)
{
	CLEANUP(buf_done) struct buf text = BUF_INIT(ENVIRONMENT_FILE_MAX);

	if (file_read_path(path, &text, NULL) < 0)
		return NULL;
	for (const char *at = buf_text(&text); at;) {
		CLEANUP(buf_done) struct buf value = BUF_INIT(ENVIRONMENT_FILE_MAX);
		CLEANUP(mem_freep) char *name = NULL;

		at = read_assignment(at, &name, &value);
		for (int i = 0; name && value.length > 0 && i < CONFIG_SECRETS; i++) {
			const char *variable = config_secret_environment((enum config_secret)i);
			if (variable && strcmp(variable, name) == 0)
				return variable;
		}
	}
	return NULL;
}
