/* SPDX-License-Identifier: MIT */
#include "base/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"

#define MESSAGE_MAX (ERROR_MESSAGE_MAX + 256) /* a failure's sentence and some words around it */

static const char *const names[CHECK_STATUSES] = {
	[CHECK_OK] = "ok",
	[CHECK_WARNING] = "warning",
	[CHECK_FAILED] = "failed",
	[CHECK_SKIPPED] = "skipped",
};

void check_add(struct json *checks, const char *name, enum check_status status, const char *remedy,
	const char *format, ...)
{
	struct json *check = json_new_object();
	char message[MESSAGE_MAX];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);
	json_set_string(check, "name", name);
	json_set_string(check, "status", names[status]);
	json_set_string(check, "message", message);
	json_set_string(check, "remedy", remedy);
	json_append(checks, check);
}

void check_add_all(struct json *checks, const struct json *from)
{
	JSON_FOREACH (check, from)
		json_append(checks, json_copy(check));
}

char *check_quote(const char *word)
{
	static const char plain[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/._-:@+,%=[]";
	CLEANUP(buf_done) struct buf out = BUF_INIT(4 * strlen(word) + 3);

	if (*word && word[strspn(word, plain)] == '\0')
		return mem_strdup(word);
	buf_append_char(&out, '\'');
	for (; *word; word++)
		if (*word == '\'')
			buf_append_text(&out, "'\\''");
		else
			buf_append_char(&out, *word);
	buf_append_char(&out, '\'');
	return buf_take(&out);
}

enum check_status check_status_of(const struct json *check)
{
	const char *name = json_string(json_get(check, "status"));

	for (int i = 0; name && i < CHECK_STATUSES; i++)
		if (strcmp(names[i], name) == 0)
			return (enum check_status)i;
	return CHECK_FAILED;
}
