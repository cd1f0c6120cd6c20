/* SPDX-License-Identifier: MIT */
#include "base/config.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/config-table.h"
#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"

#define ENVIRONMENT_FILE_MAX (256 << 10)
#define BLANKS " \t\r"

static bool environment_is_from_file;

bool config_environment_is_units(void)
{
	return environment_is_from_file || getenv("INVOCATION_ID"); /* systemd.exec(5) */
}

static char *trim(char *text)
{
	char *end = text + strlen(text);

	while (end > text && strchr(BLANKS, end[-1]))
		*--end = '\0';
	return text + strspn(text, BLANKS);
}

/* Takes quotes around the whole and the backslashes that escape something away. */
static void unquote(char *value)
{
	char quote = *value == '"' || *value == '\'' ? *value : '\0', *to = value;
	const char *from = quote ? value + 1 : value;

	for (; *from && !(quote && *from == quote); from++) {
		if (*from == '\\' && quote != '\'' && from[1])
			from++;
		*to++ = *from;
	}
	*to = '\0';
}

static void set_line(char *line)
{
	char *name = trim(line), *equals = strchr(name, '='), *value;

	if (!equals || equals == name || strchr("#;", *name))
		return;
	*equals = '\0';
	value = trim(equals + 1);
	unquote(value);
	if (setenv(trim(name), value, 1) < 0)
		abort(); /* only without memory: the name is not empty and has no '=' */
}

int config_environment_load(const char *path, struct error *err)
{
	CLEANUP(buf_done) struct buf text = BUF_INIT(ENVIRONMENT_FILE_MAX);
	CLEANUP(mem_freep) char *lines = NULL;
	char *rest = NULL;
	int r = file_read_path(path, &text, err);

	if (r < 0)
		return r;
	environment_is_from_file = true;
	lines = buf_take(&text);
	for (char *line = strtok_r(lines, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		set_line(line);
	return 0;
}
