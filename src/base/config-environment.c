/* SPDX-License-Identifier: MIT */
#include "base/config.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/config-table.h"
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

static const char *skip_blanks(const char *at)
{
	return at + strspn(at, BLANKS);
}

/* Behind the closing quote, or at the end. */
static const char *read_quoted(const char *at, struct buf *value)
{
	char quote = *at++;

	for (; *at && *at != quote; at++) {
		bool is_escape = quote == '"' && *at == '\\' && at[1] && strchr("\"\\`$\n", at[1]);

		at += is_escape;
		if (!is_escape || *at != '\n')
			buf_append_char(value, *at);
	}
	return *at ? at + 1 : at;
}

static const char *read_bare(const char *at, struct buf *value)
{
	for (; *at && *at != '\n'; at++) {
		bool is_escape = *at == '\\' && at[1];

		at += is_escape;
		if (!is_escape || *at != '\n')
			buf_append_char(value, *at);
	}
	while (value->length > 0 && strchr(BLANKS, value->data[value->length - 1]))
		buf_truncate(value, value->length - 1);
	return at;
}

/* As systemd does it: quotes count at the beginning and behind a quoted part, a backslash before the end of a
 * line joins it with the next one. Returns the end of the line. */
static const char *read_value(const char *at, struct buf *value)
{
	at = skip_blanks(at);
	while (*at == '"' || *at == '\'')
		at = skip_blanks(read_quoted(at, value));
	return read_bare(at, value);
}

/* Reads one line: *ret_name and `value` are those of an assignment; *ret_name (owned) is NULL for a comment
 * and for what is none. Returns the beginning of the next line. */
static const char *read_line(const char *line, char **ret_name, struct buf *value)
{
	const char *name = skip_blanks(line), *end = name + strcspn(name, "=\n");
	size_t length = (size_t)(end - name);

	*ret_name = NULL;
	if (*end != '=' || length == 0 || strchr("#;", *name)) {
		end += strcspn(end, "\n");
		return *end ? end + 1 : end;
	}
	end = read_value(end + 1, value);
	while (length > 0 && strchr(BLANKS, name[length - 1]))
		length--;
	*ret_name = mem_strndup(name, length);
	return *end ? end + 1 : end;
}

int config_environment_load(const char *path, struct error *err)
{
	CLEANUP(buf_done) struct buf text = BUF_INIT(ENVIRONMENT_FILE_MAX);
	const char *line;
	int r = file_read_path(path, &text, err);

	if (r < 0)
		return r;
	environment_is_from_file = true;
	environment_has_mark = utf8_mark_length(buf_text(&text), text.length) > 0;
	for (line = buf_text(&text); *line;) {
		CLEANUP(buf_done) struct buf value = BUF_INIT(ENVIRONMENT_FILE_MAX);
		CLEANUP(mem_freep) char *name = NULL;

		line = read_line(line, &name, &value);
		if (name && setenv(name, buf_text(&value), 1) < 0)
			abort(); /* only without memory: the name is not empty and has no '=' */
	}
	return 0;
}

const char *config_environment_find_secret(const char *path)
{
	CLEANUP(buf_done) struct buf text = BUF_INIT(ENVIRONMENT_FILE_MAX);
	const char *line, *found = NULL;

	if (file_read_path(path, &text, NULL) < 0)
		return NULL;
	for (line = buf_text(&text); *line && !found;) {
		CLEANUP(buf_done) struct buf value = BUF_INIT(ENVIRONMENT_FILE_MAX);
		CLEANUP(mem_freep) char *name = NULL;

		line = read_line(line, &name, &value);
		for (int i = 0; name && value.length > 0 && i < CONFIG_SECRETS; i++) {
			const char *variable = config_secret_environment((enum config_secret)i);
			if (variable && strcmp(variable, name) == 0)
				found = variable;
		}
	}
	return found;
}
