/* SPDX-License-Identifier: MIT */
#include "base/config.h"

#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/config-table.h"
#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"

#ifndef AITHER_TEMPLATES_DIR /* the build sets it from --datadir */
#define AITHER_TEMPLATES_DIR "/usr/share/aither/templates"
#endif

#define SHOWN_SIZE 81 /* for what is repeated of a wrong value, "=" and NUL included */
#define SMTP_PORT_MAX 65535
#define SMTP_PORT_SUBMISSION 587 /* RFC 6409 */
#define SMTP_PORT_TLS 465        /* RFC 8314 */
#define FILE_SIZE_MAX 65536
#define NAME_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"
#define BLANKS " \t\r"

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

/*
 * Read here and not by libinih, which as Debian builds it cuts lines at 199 bytes, keeps all but the first
 * mistake to itself and knows no line numbers.
 */

struct reader {
	struct config_loader *loader;
	const char *path;
	const char *next; /* the rest of the file, NUL-terminated */
	unsigned line, section_line;
	unsigned reported_line; /* section_line of the last unknown section */
	char *section;          /* owned; NULL: none yet */
	bool skipping;          /* below a section line that was not understood */

	/* The assignment whose value may go on in the next line. */
	char *name;       /* owned; NULL: there is none */
	struct buf value; /* of it */
	unsigned name_line;
};

static void reader_done(struct reader *reader)
{
	free(reader->section);
	free(reader->name);
	buf_done(&reader->value);
}

/* A line whose meaning is lost may have held anything. aither-web and the command line go on: the worker
 * will not, and it says so. */
static void report_syntax(const struct reader *reader)
{
	config_problem(reader->loader->config, reader->loader->program == CONFIG_WORKER,
		"%s:%u: neither [Section] nor Key=value", reader->path, reader->line);
}

/* "[Name]" with nothing behind it but a comment. */
static bool is_section(const char *text)
{
	size_t length = *text == '[' ? strspn(text + 1, NAME_CHARACTERS) : 0;

	if (length == 0 || text[1 + length] != ']')
		return false;
	text += length + 2;
	text += strspn(text, BLANKS);
	return *text == '\0' || *text == '#' || *text == ';';
}

static bool is_assignment(const char *text)
{
	size_t length = strspn(text, NAME_CHARACTERS);

	return length > 0 && text[length + strspn(text + length, BLANKS)] == '=';
}

/* The next line of the file, with the blanks before it but not those behind it; NULL at the end. */
static char *cut_line(struct reader *reader)
{
	const char *text = reader->next, *end = text + strcspn(text, "\n");

	if (*text == '\0')
		return NULL;
	reader->next = *end ? end + 1 : end;
	reader->line++;
	while (end > text && strchr(BLANKS, end[-1]))
		end--;
	return mem_strndup(text, (size_t)(end - text));
}

/* Once for each heading, not for each key below it. */
static void report_section(struct reader *reader)
{
	const struct config_key *similar = config_section_suggest(reader->section);

	if (reader->reported_line == reader->section_line)
		return;
	reader->reported_line = reader->section_line;
	config_problem(reader->loader->config, false, "%s:%u: unknown section [%s]%s%s%s", reader->path,
		reader->section_line, reader->section, similar ? "; did you mean [" : "",
		similar ? similar->section : "", similar ? "]?" : "");
}

/* Looks for what people call a secret anywhere in a name. */
static bool is_like_secret(const char *name)
{
	static const char *const words[] = { "key", "token", "pass", "secret" };

	for (; *name; name++)
		for (size_t i = 0; i < ARRAY_SIZE(words); i++)
			if (strncasecmp(name, words[i], strlen(words[i])) == 0)
				return true;
	return false;
}

/* Never with the value: it may be a secret. */
static void report_key(const struct reader *reader)
{
	const char *section = reader->section, *name = reader->name;
	const struct config_key *similar = config_key_suggest(section, name);
	CLEANUP(mem_freep) char *hint = NULL;

	if (similar && strcmp(similar->section, section) == 0)
		hint = mem_printf("; did you mean %s?", similar->name);
	else if (similar)
		hint = mem_printf("; did you mean %s below [%s]?", similar->name, similar->section);
	else if (is_like_secret(name))
		hint = mem_strdup("; secrets are not kept in this file but stored by `aither set-secret`");
	config_problem(reader->loader->config, false, "%s:%u: [%s] unknown key %s%s", reader->path,
		reader->name_line, section, name, hint ? hint : "");
}

/* Sets the value that has been read up to here, if there is one. */
static void end_value(struct reader *reader)
{
	CLEANUP(mem_freep) char *where = NULL;
	const struct config_key *key;

	if (!reader->name)
		return;
	key = reader->section ? config_key_find(reader->section, reader->name) : NULL;
	if (!reader->section) {
		config_problem(reader->loader->config, false, "%s:%u: there is no [Section] above this line",
			reader->path, reader->name_line);
	} else if (!config_section_exists(reader->section)) {
		report_section(reader);
	} else if (!key) {
		report_key(reader);
	} else {
		where = mem_printf(
			"%s:%u: [%s] %s", reader->path, reader->name_line, reader->section, reader->name);
		config_set(reader->loader, key, where, buf_text(&reader->value));
	}
	free(STEAL(reader->name));
	buf_clear(&reader->value);
}

/* Without a comment, which is ';' behind a blank; a blank between two parts. */
static void add_to_value(struct reader *reader, const char *text)
{
	const char *start = text + strspn(text, BLANKS), *end = text;

	while (*end && !(*end == ';' && end > text && strchr(BLANKS, end[-1])))
		end++;
	while (end > start && strchr(BLANKS, end[-1]))
		end--;
	if (end <= start)
		return;
	if (reader->value.length > 0)
		buf_append_char(&reader->value, ' ');
	buf_append(&reader->value, start, (size_t)(end - start));
}

static void read_line(struct reader *reader, const char *line)
{
	const char *text = line + strspn(line, BLANKS);
	size_t length = strspn(text, NAME_CHARACTERS);

	if (*text == '\0' || *text == '#' || *text == ';')
		return;
	if (is_section(text)) {
		end_value(reader);
		free(reader->section);
		reader->section = mem_strndup(text + 1, strcspn(text, "]") - 1);
		reader->section_line = reader->line;
		reader->skipping = false;
	} else if (*text == '[') {
		/* Keys below a heading that is not understood must not count for the section above it. */
		end_value(reader);
		report_syntax(reader);
		reader->skipping = true;
	} else if (reader->skipping) {
		return;
	} else if (is_assignment(text)) {
		end_value(reader);
		reader->name = mem_strndup(text, length);
		reader->name_line = reader->line;
		add_to_value(reader, strchr(text, '=') + 1);
	} else if (reader->name && text > line) {
		add_to_value(reader, line);
	} else {
		report_syntax(reader);
	}
}

static void config_file_load(struct config_loader *loader, const char *path, bool must_exist)
{
	CLEANUP(buf_done) struct buf content = BUF_INIT(FILE_SIZE_MAX);
	CLEANUP(reader_done)
	struct reader reader = { .loader = loader, .path = path, .value = BUF_INIT(FILE_SIZE_MAX) };
	struct error err = { 0 };

	int result = file_read_text(path, &content, &err);
	if (result == -ENOENT && !must_exist)
		return;
	reader.next = buf_text(&content);
	if (result < 0) {
		config_problem(loader->config, true, "%s", err.message);
		return;
	}
	if (strlen(reader.next) != content.length) {
		config_problem(loader->config, true,
			"%s: there is a NUL byte in it, so it is not a text file", path);
		return;
	}
	for (;;) {
		CLEANUP(mem_freep) char *line = cut_line(&reader);
		if (!line)
			break;
		read_line(&reader, line);
	}
	end_value(&reader);
}

static int is_drop_in(const struct dirent *entry)
{
	size_t length = strlen(entry->d_name);

	return entry->d_name[0] != '.' && length > 5 && strcmp(entry->d_name + length - 5, ".conf") == 0;
}

/* By bytes, so that the order does not depend on the locale as it would with alphasort(). */
static int compare_names(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static void config_directory_load(struct config_loader *loader, const char *path)
{
	struct dirent **entries = NULL;
	int count = scandir(path, &entries, is_drop_in, compare_names);

	if (count < 0 && errno != ENOENT && errno != ENOTDIR)
		config_problem(
			loader->config, true, "%s: cannot read the directory: %s", path, strerror(errno));
	for (int i = 0; i < count; i++) {
		CLEANUP(mem_freep) char *file = mem_printf("%s/%s", path, entries[i]->d_name);
		config_file_load(loader, file, true);
		free(entries[i]);
	}
	free(entries);
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
