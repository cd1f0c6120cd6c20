/* SPDX-License-Identifier: MIT */
#include "base/config-table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/utf8.h"

#define SECRET_FILE_MAX 2048 /* the longest secret and its line end fit; more is another file */

enum form {
	FORM_VISIBLE, /* ASCII without blanks */
	FORM_BYTES,   /* all but control characters */
	FORM_TEXT,    /* the same, in UTF-8, which browsers send; its characters are counted */
};

static const struct {
	const char *name, *environment; /* environment: NULL: not there */
	size_t length_min, length_max;
	enum form form;
	enum config_program program; /* the only one that loads it: nobody holds what he does not use */
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

/* Secrets become header lines and lines of SMTP, so a control character never passes. */
static const char *find_fault(int32_t c, enum form form)
{
	if (form == FORM_VISIBLE)
		return c <= ' ' || c >= 0x7f ? "blanks, control or non-ASCII characters" : NULL;
	if (c == UTF8_NONE)
		return "bytes that are not UTF-8";
	return c < ' ' || c == 0x7f ? "control characters" : NULL;
}

int config_secret_check(enum config_secret secret, const char *value, struct error *err)
{
	const char *at = value, *end = value + strlen(value), *fault = NULL;
	enum form form = secrets[secret].form;
	size_t length;

	for (length = 0; at < end; length++) {
		int32_t c = form == FORM_TEXT ? utf8_next(&at, end) : (unsigned char)*at++;
		fault = fault ?: find_fault(c, form);
	}
	if (length < secrets[secret].length_min || length > secrets[secret].length_max)
		return error_set(err, -EINVAL, "%s must have %zu to %zu characters, this one has %zu",
			secrets[secret].name, secrets[secret].length_min, secrets[secret].length_max, length);
	if (fault)
		return error_set(err, -EINVAL, "%s must not have %s", secrets[secret].name, fault);
	return 0;
}

/* A wrong secret always stops the program: a sync token that does not count must not look like one that was
 * never set. */
static void report(
	struct config_loader *loader, enum config_secret secret, const char *where, const char *problem)
{
	config_problem(loader->config, true, "%s: %s", where, problem);
	loader->secret_wrong[secret] = true;
}

static void take(
	struct config_loader *loader, enum config_secret secret, const char *where, const char *value)
{
	struct error err = { 0 };

	if (config_secret_check(secret, value, &err) < 0)
		report(loader, secret, where, err.message);
	else
		loader->config->secrets[secret] = mem_strdup(value);
}

/* The file's text without the byte order mark and the line end that an editor leaves. -EINVAL: it is none. */
static int read_secret(const char *path, struct buf *ret_text, struct error *err)
{
	int result = file_read_text(path, ret_text, err);

	if (result < 0)
		return result;
	while (ret_text->length > 0 && strchr("\r\n", ret_text->data[ret_text->length - 1]))
		ret_text->data[--ret_text->length] = '\0';
	if (strlen(buf_text(ret_text)) != ret_text->length)
		return error_set(err, -EINVAL, "there is a NUL byte in it");
	return 0;
}

static void wipe(struct buf *text)
{
	if (text->data)
		explicit_bzero(text->data, text->capacity);
	buf_done(text);
}

int config_secret_check_file(enum config_secret secret, const char *path, struct error *err)
{
	CLEANUP(wipe) struct buf text = BUF_INIT(SECRET_FILE_MAX);
	int result = read_secret(path, &text, err);

	return result < 0 ? result : config_secret_check(secret, buf_text(&text), err);
}

/* Did a credential of that name exist? */
static bool load_credential(struct config_loader *loader, enum config_secret secret)
{
	const char *directory = getenv("CREDENTIALS_DIRECTORY");
	CLEANUP(wipe) struct buf text = BUF_INIT(SECRET_FILE_MAX);
	struct error err = { 0 };

	if (!directory || *directory != '/')
		return false;
	CLEANUP(mem_freep) char *path = mem_printf("%s/aither.%s", directory, secrets[secret].name);
	CLEANUP(mem_freep) char *where = mem_printf("credential aither.%s", secrets[secret].name);
	int result = read_secret(path, &text, &err);
	if (result == -ENOENT)
		return false;
	if (result < 0)
		report(loader, secret, where, err.message);
	else
		take(loader, secret, where, buf_text(&text));
	return true;
}

/* In the environment of the worker's unit it looks as if it were set. */
static void check_sync_token(const struct config_loader *loader)
{
	const char *variable = secrets[CONFIG_SECRET_SYNC_TOKEN].environment, *value = getenv(variable);

	if (loader->program == CONFIG_WORKER && value && *value && config_environment_is_units())
		config_problem(loader->config, false,
			"environment %s: has no effect in " CONFIG_ENVIRONMENT_FILE
			", which only aither-worker reads, for the token is aither-web's: run `aither "
			"set-secret "
			"sync-token` and remove the line",
			variable);
}

void config_secrets_load(struct config_loader *loader)
{
	check_sync_token(loader);
	for (int i = 0; i < CONFIG_SECRETS; i++) {
		if (secrets[i].program != loader->program || load_credential(loader, (enum config_secret)i))
			continue;
		const char *value = secrets[i].environment ? getenv(secrets[i].environment) : NULL;
		if (!value || !*value)
			continue;
		CLEANUP(mem_freep) char *where = mem_printf("environment %s", secrets[i].environment);
		take(loader, (enum config_secret)i, where, value);
	}
}
