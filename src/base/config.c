/* SPDX-License-Identifier: MIT */
#include "base/config.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/config-table.h"
#include "base/error.h"
#include "base/mem.h"

#ifndef AITHER_TEMPLATES_DIR /* the build sets it from --datadir */
#define AITHER_TEMPLATES_DIR "/usr/share/aither/templates"
#endif

#define SHOWN_SIZE 81 /* for what is repeated of a wrong value, "=" and NUL included */
#define SMTP_PORT_MAX 65535
#define SMTP_PORT_SUBMISSION 587 /* RFC 6409 */
#define SMTP_PORT_TLS 465        /* RFC 8314 */

static bool is_string(const struct config_key *key)
{
	return key->parse != config_parse_number && key->parse != config_parse_flag &&
	       key->parse != config_parse_choice;
}

static void *target_of(struct config *config, const struct config_key *key)
{
	return (char *)config + key->offset;
}

static void add_problem(struct config_problems *problems, const char *text)
{
	if (problems->count == CONFIG_PROBLEMS_MAX)
		return;
	if (problems->count == CONFIG_PROBLEMS_MAX - 1)
		text = "There are more problems, which are not listed.";
	problems->text[problems->count++] = mem_strdup(text);
}

void config_problem(struct config *config, bool required, const char *format, ...)
{
	char text[ERROR_MESSAGE_MAX];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	add_problem(&config->problems, text);
	/* One that is not listed is "more problems", the last of the list. */
	if (required && config->problems.required_count++ == 0)
		config->problems.first_required = config->problems.count - 1;
}

/* The wrong value for the eyes: its beginning if it is long, "?" for what is not plain ASCII (these sentences
 * end up in JSON and on terminals), and not at all where a password may be in it. */
static void show_value(const struct config_key *key, const char *text, char ret_shown[static SHOWN_SIZE])
{
	bool is_long = strlen(text) > SHOWN_SIZE - sizeof("=...");

	ret_shown[0] = '\0';
	if (strchr(text, '@') && key->parse != config_parse_mail)
		return;
	snprintf(ret_shown, SHOWN_SIZE, "=%.*s%s", (int)(SHOWN_SIZE - sizeof("=...")), text,
		is_long ? "..." : "");
	for (char *c = ret_shown; *c; c++)
		if (*c < ' ' || *c >= 0x7f)
			*c = '?';
}

static void report_value(struct config_loader *loader, const struct config_key *key, const char *where,
	const char *text, bool is_corrected, const struct error *err)
{
	bool is_needed = key->shared || loader->program == CONFIG_WORKER;
	char shown[SHOWN_SIZE];

	show_value(key, text, shown);
	config_problem(loader->config, is_needed && !is_corrected, "%s%s: %s", where, shown, err->message);
	if (is_corrected)
		return;
	if (key == config_key_find("Hemera", "BaseURL"))
		loader->base_url_wrong = true;
}

void config_set(
	struct config_loader *loader, const struct config_key *key, const char *where, const char *text)
{
	void *target = target_of(loader->config, key);
	struct error err = { 0 };

	if (!*text && key->default_text)
		text = key->default_text;
	if (!*text) {
		mem_freep(target);
		*(char **)target = NULL;
	} else {
		int r = key->parse(key, text, target, &err);
		if (r != 0)
			report_value(loader, key, where, text, r == CONFIG_CORRECTED, &err);
	}
}

/* Set but empty counts as not set. */
static const char *environment(const char *name)
{
	const char *value = name ? getenv(name) : NULL;

	return value && *value ? value : NULL;
}

/* The Node implementation has three variables where we have one URL. Without SMTP_HOST the other two mean
 * nothing; SMTP_PORT is 587 where it is not set, and TLS from the start is spoken where SMTP_SECURE says so
 * or, when it says nothing, on port 465. */
static void set_smtp_url(
	struct config_loader *loader, const struct config_key *key, const char *where, const char *host)
{
	static const struct config_key port_key = {
		.parse = config_parse_number, .min = 1, .max = SMTP_PORT_MAX
	};
	static const struct config_key secure_key = { .parse = config_parse_flag };
	const char *port_text = environment("SMTP_PORT"), *secure_text = environment("SMTP_SECURE");
	bool is_secure = false, is_literal = strchr(host, ':') && host[0] != '[';
	struct error err = { 0 };
	unsigned port = SMTP_PORT_SUBMISSION;

	if (port_text && config_parse_number(&port_key, port_text, &port, &err) < 0)
		report_value(loader, &port_key, "environment SMTP_PORT", port_text, false, &err);
	if (secure_text && config_parse_flag(&secure_key, secure_text, &is_secure, &err) < 0)
		report_value(loader, &secure_key, "environment SMTP_SECURE", secure_text, false, &err);
	if (!secure_text && port == SMTP_PORT_TLS)
		is_secure = true;
	if (!port_text && is_secure)
		port = SMTP_PORT_TLS;
	CLEANUP(mem_freep)
	char *url = mem_printf("%s://%s%s%s:%u", is_secure ? "smtps" : "smtp", is_literal ? "[" : "", host,
		is_literal ? "]" : "", port);
	if (key->parse(key, url, target_of(loader->config, key), &err) < 0)
		report_value(loader, key, where, host, false, &err);
}

/* The Node implementation has its default, "output", below the directory in which it runs: no mistake of the
 * operator, and no reason to stop. */
static void report_relative(
	struct config_loader *loader, const struct config_key *key, const char *where, const char *text)
{
	char shown[SHOWN_SIZE];

	show_value(key, text, shown);
	config_problem(loader->config, false,
		"%s%s: is not absolute and therefore ignored, pages are written to %s; remove it "
		"from " CONFIG_ENVIRONMENT_FILE,
		where, shown, loader->config->sync.output_directory);
}

static void load_environment(struct config_loader *loader)
{
	if (config_environment_has_mark())
		config_problem(loader->config, false,
			CONFIG_ENVIRONMENT_FILE
			": begins with a byte order mark, so systemd ignores its first line; save "
			"it as UTF-8 without one");
	for (size_t i = 0; i < config_key_count; i++) {
		const struct config_key *key = &config_keys[i];
		const char *name = environment(key->environment) ? key->environment : key->environment_other;
		const char *value = environment(name);
		if (!value)
			continue;
		CLEANUP(mem_freep) char *where = mem_printf("environment %s", name);
		if (key == config_key_find("Sync", "OutputDirectory") && *value != '/')
			report_relative(loader, key, where, value);
		else if (key->parse == config_parse_smtp)
			set_smtp_url(loader, key, where, value);
		else
			config_set(loader, key, where, value);
	}
}

static bool is_missing(const struct config_loader *loader, enum config_secret secret)
{
	return !loader->config->secrets[secret] && !loader->secret_wrong[secret];
}

/* `path`: the file that the operator is sent to, the one that was read. */
static void check_hemera(struct config_loader *loader, const char *path)
{
	const char *key = config_secret_name(CONFIG_SECRET_HEMERA_API_KEY);

	if (!loader->config->hemera.base_url && !loader->base_url_wrong)
		config_problem(loader->config, true,
			"Hemera BaseURL is not set: write BaseURL=https://... below [Hemera] in %s", path);
	if (is_missing(loader, CONFIG_SECRET_HEMERA_API_KEY))
		config_problem(loader->config, true, "%s is not set: run `aither set-secret %s`", key, key);
}

/* What is not complete is not used, but syncs go on without. */
static void check_notices(struct config_loader *loader, const char *path)
{
	const char *token = config_secret_name(CONFIG_SECRET_ROLLBAR_TOKEN);
	const char *password = config_secret_name(CONFIG_SECRET_SMTP_PASSWORD);
	struct config *config = loader->config;

	if (config->notify.smtp_user && is_missing(loader, CONFIG_SECRET_SMTP_PASSWORD))
		config_problem(config, false,
			"%s is not set, so mails are sent without SMTPUser: run `aither set-secret %s`",
			password, password);
	if (!config->notify.smtp_user && config->secrets[CONFIG_SECRET_SMTP_PASSWORD])
		config_problem(config, false,
			"Notify SMTPUser is not set, so %s is not used: write SMTPUser=... below [Notify] in "
			"%s",
			password, path);
	if (config->rollbar.enabled && is_missing(loader, CONFIG_SECRET_ROLLBAR_TOKEN))
		config_problem(config, false,
			"%s is not set, so nothing is reported to Rollbar: run `aither set-secret %s`", token,
			token);
}

void config_load(struct config *config, const char *path, enum config_program program)
{
	struct config_loader loader = { .config = config, .program = program };
	const char *file = path ? path : CONFIG_PATH_DEFAULT;
	CLEANUP(mem_freep) char *directory = mem_printf("%s.d", file);

	for (size_t i = 0; i < config_key_count; i++)
		config_set(&loader, &config_keys[i], "default", "");
	config_file_load(&loader, file, path != NULL);
	config_directory_load(&loader, directory);
	load_environment(&loader);
	config_secrets_load(&loader);
	if (program != CONFIG_WORKER)
		return;
	check_hemera(&loader, file);
	check_notices(&loader, file);
}

void config_done(struct config *config)
{
	for (size_t i = 0; i < config_key_count; i++)
		if (is_string(&config_keys[i]))
			mem_freep(target_of(config, &config_keys[i]));
	for (int i = 0; i < CONFIG_SECRETS; i++) {
		if (config->secrets[i])
			explicit_bzero(config->secrets[i], strlen(config->secrets[i]));
		free(config->secrets[i]);
	}
	for (size_t i = 0; i < config->problems.count; i++)
		free(config->problems.text[i]);
	*config = (struct config){ 0 };
}

bool config_is_usable(const struct config *config)
{
	return config->problems.required_count == 0;
}

const char *config_shipped_templates(void)
{
	const char *directory = getenv("AITHER_SHIPPED_TEMPLATES");

	return directory && *directory ? directory : AITHER_TEMPLATES_DIR;
}

char *config_problems_text(const struct config *config, const char *separator)
{
	CLEANUP(buf_done) struct buf text = BUF_INIT(CONFIG_PROBLEMS_MAX * (ERROR_MESSAGE_MAX + 1));

	for (size_t i = 0; i < config->problems.count; i++)
		buf_printf(&text, "%s%s", i > 0 ? separator : "", config->problems.text[i]);
	return buf_take(&text);
}
