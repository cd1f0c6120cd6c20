/* SPDX-License-Identifier: MIT */
#include "config/config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/utf8.h"

#define SECRET_FILE_MAX 2048 /* the longest secret and its line end fit; a larger file is not a secret */

enum form {
	FORM_VISIBLE, /* ASCII without blanks */
	FORM_BYTES,   /* any bytes except control characters */
	FORM_TEXT,    /* UTF-8, which browsers send, without control characters; its characters are counted */
};

static const struct {
	const char *name, *environment; /* environment: NULL if no variable sets it */
	size_t length_min, length_max;
	enum form form;
	enum config_program program; /* the only program that needs it, and loads it */
} secrets[CONFIG_SECRETS] = {
	[CONFIG_SECRET_HEMERA_API_KEY] = { "hemera-api-key", "HEMERA_API_KEY", 32, 256, FORM_VISIBLE,
		CONFIG_WORKER },
	[CONFIG_SECRET_SYNC_TOKEN] = { "sync-token", "AITHER_SYNC_TOKEN", 16, 256, FORM_VISIBLE, CONFIG_WEB },
	[CONFIG_SECRET_PAGES_PASSWORD] = { "pages-password", NULL, 12, 256, FORM_TEXT, CONFIG_WEB },
	[CONFIG_SECRET_SMTP_PASSWORD] = { "smtp-password", "SMTP_PASS", 1, 256, FORM_BYTES, CONFIG_WORKER },
	[CONFIG_SECRET_ROLLBAR_TOKEN] = { "rollbar-token", "ROLLBAR_SERVER_TOKEN", 16, 256, FORM_VISIBLE,
		CONFIG_WORKER },
};

const char *config_secret_name(enum config_secret secret)
{
	return secrets[secret].name;
}

int config_secret_find(const char *name)
{
	for (int i = 0; i < CONFIG_SECRETS; i++)
		if (strcmp(secrets[i].name, name) == 0)
			return i;
	return -1;
}

enum config_program config_secret_program(enum config_secret secret)
{
	return secrets[secret].program;
}

const char *config_secret_environment(enum config_secret secret)
{
	return secrets[secret].environment;
}

int config_secret_check(enum config_secret secret, const char *value, struct error *err)
{
	const char *at = value, *end = value + strlen(value), *fault = NULL;
	enum form form = secrets[secret].form;
	size_t length;

	/* Secrets become parts of HTTP headers and SMTP commands, so none may contain control characters. */
	for (length = 0; at < end; length++) {
		int32_t c = form == FORM_TEXT ? utf8_next(&at, end) : (unsigned char)*at++;
		if (fault)
			continue;
		if (form == FORM_VISIBLE && (c <= ' ' || c >= 0x7f))
			fault = "spaces, control characters or non-ASCII characters";
		else if (c == UTF8_NONE)
			fault = "bytes that are not UTF-8";
		else if (c < ' ' || c == 0x7f)
			fault = "control characters";
	}
	if (length < secrets[secret].length_min || length > secrets[secret].length_max)
		return error_set(err, -EINVAL, "%s must have %zu to %zu characters, this one has %zu",
			secrets[secret].name, secrets[secret].length_min, secrets[secret].length_max, length);
	if (fault)
		return error_set(err, -EINVAL, "%s must not contain %s", secrets[secret].name, fault);
	return 0;
}

static void wipe(struct buf *text)
{
	if (text->data)
		explicit_bzero(text->data, text->capacity);
	buf_done(text);
}

/* Reads the file without the byte order mark and the line end that an editor may add, and checks the text. */
static int read_secret(enum config_secret secret, const char *path, struct buf *ret_text, struct error *err)
{
	int r = file_read_text(path, ret_text, err);

	if (r < 0)
		return r;
	while (ret_text->length > 0 && strchr("\r\n", ret_text->data[ret_text->length - 1]))
		ret_text->data[--ret_text->length] = '\0';
	if (strlen(buf_text(ret_text)) != ret_text->length)
		return error_set(err, -EINVAL, "contains a NUL byte");
	return config_secret_check(secret, buf_text(ret_text), err);
}

int config_secret_check_file(enum config_secret secret, const char *path, struct error *err)
{
	CLEANUP(wipe) struct buf text = BUF_INIT(SECRET_FILE_MAX);

	return read_secret(secret, path, &text, err);
}

int config_secret_load(enum config_secret secret, char **ret_value, struct error *err)
{
	const char *name = secrets[secret].name, *variable = secrets[secret].environment;
	const char *directory = getenv("CREDENTIALS_DIRECTORY"), *value = variable ? getenv(variable) : NULL;
	CLEANUP(wipe) struct buf text = BUF_INIT(SECRET_FILE_MAX);

	if (directory && *directory == '/') {
		CLEANUP(mem_freep) char *path = mem_printf("%s/aither.%s", directory, name);
		int r = read_secret(secret, path, &text, err);
		if (r == 0)
			*ret_value = mem_strdup(buf_text(&text));
		else if (r != -ENOENT)
			error_prefix(err, "credential aither.%s: ", name);
		if (r != -ENOENT)
			return r;
	}
	if (!value || !*value)
		return -ENOENT;
	int r = config_secret_check(secret, value, err);
	if (r == 0)
		*ret_value = mem_strdup(value);
	else
		error_prefix(err, "environment %s: ", variable);
	return r;
}
