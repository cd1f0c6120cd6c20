/* SPDX-License-Identifier: MIT */
#include "config/config.h"

#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "config/config-check.h"
#include "config/config-key.h"

#ifndef AITHER_TEMPLATES_DIR /* the build derives it from --datadir */
#define AITHER_TEMPLATES_DIR "/usr/share/aither/templates"
#define AITHER_SITE_DIR "/usr/share/aither/site"
#endif

#define FILE_SIZE_MAX 65536
#define ENVIRONMENT_FILE_MAX (256 << 10)
#define NAME_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"
#define BLANKS " \t\r"
#define REMOVE_LINE(name) "sed -i '/^ *" name " *=/d' " CONFIG_ENVIRONMENT_FILE "\n" CHECK_RESTART
#define SHOWN_SIZE 81 /* size of a wrong value in a message, including "=" and NUL */

#define SMTP_PORT_MAX 65535
#define SMTP_PORT_SUBMISSION 587 /* RFC 6409 */
#define SMTP_PORT_TLS 465        /* RFC 8314 */

static const struct config_origin not_set;

static bool environment_is_from_file; /* config_environment_load has read a file */
static bool environment_has_mark; /* the file begins with a byte order mark, which spoils the first name */

struct loader {
	struct config *config;
	enum config_program program;
	bool base_url_wrong, secret_wrong[CONFIG_SECRETS]; /* reported already, so do not add "is not set" */
};

static bool is_string(const struct config_key *key)
{
	return key->type.parse != config_parse_number && key->type.parse != config_parse_flag &&
	       key->type.parse != config_parse_choice;
}

static void *target_of(struct config *config, const struct config_key *key)
{
	return (char *)config + key->offset;
}

static struct config_origin *origin_of(struct config *config, const struct config_key *key)
{
	return &config->origins[key - config_keys];
}

/* Adds a problem to the list. `required`: it keeps the program from working. `file`: the file to edit; NULL:
 * none. */
__attribute__((format(printf, 4, 5))) static void report(
	struct loader *loader, bool required, const char *file, const char *format, ...)
{
	struct config_problems *problems = &loader->config->problems;
	char text[ERROR_MESSAGE_MAX];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (problems->count == CONFIG_PROBLEMS_MAX - 1) {
		problems->text[problems->count++] =
			mem_strdup("There are more problems, which are not listed.");
	} else if (problems->count < CONFIG_PROBLEMS_MAX) {
		problems->file[problems->count] = file ? mem_strdup(file) : NULL;
		problems->text[problems->count++] = mem_strdup(text);
	}
	if (!required)
		return;
	/* A required problem that does not fit is part of "There are more problems", the last in the list. */
	problems->is_required[problems->count - 1] = true;
	if (problems->required_count++ == 0)
		problems->first_required = problems->count - 1;
}

/* A wrong value in [Notify] or [Rollbar] never stops the site. */
static bool is_notify(const char *section)
{
	return strcmp(section, "Notify") == 0;
}

static bool is_rollbar(const char *section)
{
	return strcmp(section, "Rollbar") == 0;
}

/* The end of the sentence about a wrong value in this section. */
static const char *effect_on(const char *section)
{
	return is_notify(section)    ? "; no mail is sent until it is corrected"
	       : is_rollbar(section) ? "; nothing is reported to Rollbar until it is corrected"
				     : "";
}

/* Disables mail or Rollbar after a mistake in its section: with half a configuration a mail might be sent
 * without the login or without TLS. */
static void disable(struct config *config, const char *section, const char *problem)
{
	char **reason = is_notify(section)    ? &config->notify.disabled_by
			: is_rollbar(section) ? &config->rollbar.disabled_by
					      : NULL;

	if (reason && !*reason)
		*reason = mem_strdup(problem);
}

/* Adds a remedy to the problem that was reported last. Takes the ownership of `command`. */
static void advise(struct loader *loader, char *command)
{
	struct config_problems *problems = &loader->config->problems;

	if (problems->count < CONFIG_PROBLEMS_MAX)
		problems->command[problems->count - 1] = command;
	else
		free(command);
}

/* After a file or directory could not be read. Without this, the remedy is to edit the file. */
static void advise_reading(struct loader *loader, const char *path, int errnum)
{
	CLEANUP(mem_freep) char *word = check_quote(path);

	if (errnum == EACCES)
		advise(loader, mem_printf("chmod a+rX %s\n" CHECK_RESTART, word));
}

/* Reports a wrong value and repeats it. Shows only the beginning of a long value, nothing of a value that may
 * contain a password, and "?" instead of characters that are not printable ASCII, because these sentences end
 * up in JSON and on terminals. */
static void report_value(struct loader *loader, bool required, const struct config_key *key,
	const struct config_origin *origin, const char *text, const char *problem)
{
	CLEANUP(mem_freep) char *place = config_origin_text(origin);
	bool is_long = strlen(text) > SHOWN_SIZE - sizeof("=..."),
	     has_query = strstr(text, "://") && strchr(text, '?');
	char shown[SHOWN_SIZE] = "";

	if ((!strchr(text, '@') && !has_query) || key->type.parse == config_parse_mail)
		snprintf(shown, SHOWN_SIZE, "=%.*s%s", (int)(SHOWN_SIZE - sizeof("=...")), text,
			is_long ? "..." : "");
	for (char *c = shown; *c; c++)
		if (*c < ' ' || *c >= 0x7f)
			*c = '?';
	CLEANUP(mem_freep)
	char *sentence = origin->file
				 ? mem_printf("%s: [%s] %s%s: %s%s", place, key->section, key->name, shown,
					   problem, effect_on(key->section))
				 : mem_printf("%s%s: %s%s", place, shown, problem, effect_on(key->section));
	report(loader, required, origin->file ?: CONFIG_ENVIRONMENT_FILE, "%s", sentence);
	disable(loader->config, key->section, sentence);
}

/* Sets one value; an empty text restores the default. */
static void set_value(struct loader *loader, const struct config_key *key, const struct config_origin *origin,
	const char *text)
{
	void *target = target_of(loader->config, key);
	bool is_required = key->shared || (loader->program == CONFIG_WORKER && !is_notify(key->section) &&
						  !is_rollbar(key->section));
	struct error err = { 0 };

	if (!*text && is_string(key)) {
		/* Do not parse the default: it is valid even if its time zone is not installed. */
		mem_freep(target);
		*(char **)target = key->default_text ? mem_strdup(key->default_text) : NULL;
		*origin_of(loader->config, key) = *origin;
		return;
	}
	int r = key->type.parse(&key->type, *text ? text : key->default_text, target, &err);
	if (r >= 0)
		*origin_of(loader->config, key) = *origin;
	if (r == 0)
		return;
	report_value(loader, is_required && r != CONFIG_CORRECTED, key, origin, text, err.message);
	if (r < 0 && key->offset == offsetof(struct config, hemera.base_url))
		loader->base_url_wrong = true;
}

/* ---- files ----
 *
 * aither does not use libinih: as Debian builds it, it cuts lines at 199 bytes, reports only the first
 * mistake and knows no line numbers. */

struct reader {
	struct loader *loader;
	const char *path;
	unsigned line, section_line, name_line;
	const char *section; /* borrowed from the text; NULL: none yet */
	bool is_section_reported;
	bool is_skipping; /* below a section line that could not be read */

	/* The assignment whose value the next line may continue. */
	const char *name; /* borrowed from the text; NULL: there is none */
	struct buf value;
};

/* Reports an unknown key. Does not show its value, which may be a secret. */
static void report_key(const struct reader *reader, const char *name)
{
	const char *section = reader->section ? reader->section : "";
	const struct config_key *similar = config_key_suggest(section, name);
	CLEANUP(mem_freep) char *hint = NULL;

	if (similar && strcmp(similar->section, section) == 0)
		hint = mem_printf("; did you mean %s?", similar->name);
	else if (similar)
		hint = mem_printf("; did you mean %s below [%s]?", similar->name, similar->section);
	else if (strcasestr(name, "key") || strcasestr(name, "token") || strcasestr(name, "pass") ||
		 strcasestr(name, "secret"))
		hint = mem_strdup(
			"; secrets do not belong in this file; store them with `aither set-secret`");
	if (reader->section)
		report(reader->loader, false, reader->path, "%s:%u: [%s] unknown key %s%s", reader->path,
			reader->name_line, section, name, hint ? hint : "");
	else /* the operator believes that the key is set, but it has no effect */
		report(reader->loader, reader->loader->program == CONFIG_WORKER, reader->path,
			"%s:%u: %s is outside a [Section]%s", reader->path, reader->name_line, name,
			hint ? hint : "");
}

/* Ends the current assignment, if there is one, and sets its value. */
static void end_value(struct reader *reader)
{
	const char *section = reader->section, *name = STEAL(reader->name);
	const struct config_key *key = section && name ? config_key_find(section, name) : NULL;

	if (!name)
		return;
	if (key) {
		set_value(reader->loader, key,
			&(struct config_origin){ .file = reader->path, .line = reader->name_line },
			buf_text(&reader->value));
	} else if (!section || config_section_exists(section)) {
		report_key(reader, name);
	} else if (!reader->is_section_reported) { /* once, not for each key in it */
		const struct config_key *similar = config_key_suggest(section, NULL);
		reader->is_section_reported = true;
		report(reader->loader, false, reader->path, "%s:%u: unknown section [%s]%s%s%s", reader->path,
			reader->section_line, section, similar ? "; did you mean [" : "",
			similar ? similar->section : "", similar ? "]?" : "");
	}
	buf_clear(&reader->value);
}

/* Appends a line's part of the value, without its comment (';' after a blank). A space separates the parts.
 */
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

static void read_line(struct reader *reader, char *line)
{
	char *text = line + strspn(line, BLANKS);
	bool is_heading = *text == '[', is_understood = false;
	char *name = text + is_heading, *end = name + strspn(name, NAME_CHARACTERS);

	reader->line++;
	if (*text == '\0' || *text == '#' || *text == ';' || (reader->is_skipping && !is_heading))
		return;
	if (is_heading) { /* only a comment may follow it */
		end_value(reader);
		is_understood = end > name && *end == ']' && strchr("#;", end[1 + strspn(end + 1, BLANKS)]);
		/* Keys below a heading that cannot be read must not become keys of the section before it. */
		reader->is_skipping = !is_understood;
		if (is_understood) {
			*end = '\0';
			reader->section = name;
			reader->section_line = reader->line;
			reader->is_section_reported = false;
		}
	} else if (end > name && end[strspn(end, BLANKS)] == '=') {
		end_value(reader);
		reader->name = name;
		reader->name_line = reader->line;
		add_to_value(reader, end + strspn(end, BLANKS) + 1);
		*end = '\0';
		is_understood = true;
	} else if (reader->name && text > line) {
		add_to_value(reader, line);
		is_understood = true;
	}
	/* A line without a meaning may have been any setting. The worker therefore refuses to sync and says
	 * so, which is enough; aither-web and the command line continue. */
	if (!is_understood)
		report(reader->loader, reader->loader->program == CONFIG_WORKER, reader->path,
			"%s:%u: neither [Section] nor Key=value", reader->path, reader->line);
}

static void load_file(struct loader *loader, const char *path, bool must_exist)
{
	CLEANUP(buf_done) struct buf content = BUF_INIT(FILE_SIZE_MAX);
	struct reader reader = { .loader = loader, .value = BUF_INIT(FILE_SIZE_MAX) };
	struct config *config = loader->config;
	struct error err = { 0 };
	int r = file_read_text(path, &content, &err);

	if (r == -ENOENT && !must_exist)
		return;
	if (r < 0) {
		report(loader, true, path, "%s", err.message);
		advise_reading(loader, path, -r);
		return;
	}
	if (strlen(buf_text(&content)) != content.length) {
		report(loader, true, path, "%s: contains a NUL byte, so it is not a text file", path);
		return;
	}
	config->files = mem_grow(config->files, config->file_count, sizeof(*config->files));
	reader.path = config->files[config->file_count++] = mem_strdup(path);
	for (char *rest = content.data; rest;)
		read_line(&reader, strsep(&rest, "\n"));
	end_value(&reader);
	buf_done(&reader.value);
}

static bool is_drop_in(const char *name)
{
	return fnmatch("*.conf", name, FNM_PERIOD) == 0;
}

static bool is_regular(const char *path)
{
	struct stat status;

	return stat(path, &status) == 0 && S_ISREG(status.st_mode);
}

/* The name under which a file that is not read would be read: "hemera.conf" for "hemera.conf~",
 * ".hemera.conf.dpkg-old" and "hemera.txt". Owned. */
static char *drop_in_name(const char *name)
{
	const char *start = name + strspn(name, ".#"), *end = strcasestr(start, ".conf");

	if (!end)
		end = strrchr(start, '.');
	return mem_printf("%.*s.conf", end ? (int)(end - start) : (int)strcspn(start, "~#"), start);
}

/* Reports a file that is not read but looks as if it were: one that an editor or dpkg left behind, or one
 * with a wrong suffix. README and hidden files are not reported: no one expects them to be read. */
static void report_unread(struct loader *loader, const char *directory, const char *name)
{
	CLEANUP(mem_freep) char *path = mem_printf("%s/%s", directory, name), *new_name = drop_in_name(name);
	CLEANUP(mem_freep) char *new_path = mem_printf("%s/%s", directory, new_name);
	CLEANUP(mem_freep) char *from = check_quote(path), *to = check_quote(new_path);
	bool is_hidden = *name == '.';

	if ((is_hidden && !is_drop_in(name + 1)) || fnmatch("README*", name, 0) == 0 || !is_regular(path))
		return;
	/* The sentence goes into JSON and to terminals, so it must be printable ASCII. */
	for (const char *c = path; *c; c++)
		if (*c < ' ' || *c >= 0x7f)
			return;
	if (loader->config->problems.count < CONFIG_PROBLEMS_MAX)
		loader->config->problems.unread_count++;
	if (strcmp(new_name, ".conf") == 0) {
		report(loader, false, NULL,
			"%s: is not read, because its name does not end in .conf; move it elsewhere", path);
		advise(loader, mem_printf("mv --backup=numbered %s /var/backups/\n" CHECK_RESTART, from));
	} else if (access(new_path, F_OK) == 0) {
		report(loader, false, NULL,
			"%s: is not read, because its name %s; copy what is still needed into %s, and move it elsewhere",
			path, is_hidden ? "begins with a dot" : "does not end in .conf", new_name);
		advise(loader, mem_printf("mv --backup=numbered %s /var/backups/\n" CHECK_RESTART, from));
	} else {
		report(loader, false, NULL,
			"%s: is not read, because its name %s; rename it to %s, or move it elsewhere", path,
			is_hidden ? "begins with a dot" : "does not end in .conf", new_name);
		advise(loader, mem_printf("mv %s %s\n" CHECK_RESTART, from, to));
	}
}

/* Reads all *.conf files in a directory, sorted by the bytes of their names, because no program of aither
 * calls setlocale(3). A missing directory counts as empty. */
static void load_directory(struct loader *loader, const char *path)
{
	struct dirent **entries = NULL;
	int count = scandir(path, &entries, NULL, alphasort);

	if (count < 0 && errno != ENOENT && errno != ENOTDIR) {
		int errnum = errno;

		report(loader, true, NULL, "cannot read directory %s: %s", path, strerror(errnum));
		advise_reading(loader, path, errnum);
	}
	for (int i = 0; i < count; i++) {
		if (is_drop_in(entries[i]->d_name)) {
			CLEANUP(mem_freep) char *file = mem_printf("%s/%s", path, entries[i]->d_name);
			load_file(loader, file, true);
		} else {
			report_unread(loader, path, entries[i]->d_name);
		}
		free(entries[i]);
	}
	free(entries);
}

/* ---- an environment file, read as systemd reads it ---- */

/* Appends the text up to `end`, which is a quotation mark or the end of the line, and returns its position. A
 * backslash at the end of a line joins it with the next line. It is an ordinary character within single
 * quotes, and before most characters within double quotes. */
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

/* Reads the next assignment into *ret_name (owned) and `value`. Returns the position after it, or NULL if
 * there is no further assignment. */
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

	/* Quotation marks have a meaning at the beginning and after a quoted part. */
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
			abort(); /* out of memory; the name is not empty and contains no '=' */
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

/* ---- environment and secrets ---- */

/* The value of a variable. One that is set but empty counts as not set: NULL. */
static const char *environment(const char *name)
{
	const char *value = name ? getenv(name) : NULL;

	return value && *value ? value : NULL;
}

/* The Node implementation has three variables instead of one URL. Without SMTP_HOST the other two have no
 * effect. The default of SMTP_PORT is 587, or 465 if SMTP_SECURE is true. TLS is used from the start if
 * SMTP_SECURE is true, or if it is not set and the port is 465. */
static void set_smtp_url(struct loader *loader, const struct config_key *key,
	const struct config_origin *origin, const char *host)
{
	static const struct config_origin port_origin = { .variable = "SMTP_PORT" };
	static const struct config_origin secure_origin = { .variable = "SMTP_SECURE" };
	static const struct config_type port_type = { .min = 1, .max = SMTP_PORT_MAX }, flag = { 0 };
	const char *port_text = environment("SMTP_PORT"), *secure_text = environment("SMTP_SECURE");
	bool is_secure = false, is_literal = strchr(host, ':') && host[0] != '[';
	struct error err = { 0 };
	unsigned port = SMTP_PORT_SUBMISSION;

	if (port_text && config_parse_number(&port_type, port_text, &port, &err) < 0)
		report_value(loader, false, key, &port_origin, port_text, err.message);
	if (secure_text && config_parse_flag(&flag, secure_text, &is_secure, &err) < 0)
		report_value(loader, false, key, &secure_origin, secure_text, err.message);
	if (!secure_text && port == SMTP_PORT_TLS)
		is_secure = true;
	if (!port_text && is_secure)
		port = SMTP_PORT_TLS;
	CLEANUP(mem_freep)
	char *url = mem_printf("%s://%s%s%s:%u", is_secure ? "smtps" : "smtp", is_literal ? "[" : "", host,
		is_literal ? "]" : "", port);
	if (config_parse_url(&key->type, url, target_of(loader->config, key), &err) < 0)
		report_value(loader, false, key, origin, host, err.message);
	else
		*origin_of(loader->config, key) = *origin;
}

static void load_environment(struct loader *loader)
{
	if (environment_has_mark)
		report(loader, false, CONFIG_ENVIRONMENT_FILE,
			CONFIG_ENVIRONMENT_FILE
			": begins with a byte order mark, so systemd ignores its first line; save it as UTF-8 without one");
	for (size_t i = 0; i < config_key_count; i++) {
		const struct config_key *key = &config_keys[i];
		const char *name = environment(key->environment) ? key->environment : key->environment_other;
		const char *value = environment(name);
		if (!value)
			continue;
		const struct config_origin origin = { .variable = name };
		if (key->offset == offsetof(struct config, sync.output_directory) && *value != '/') {
			/* The default of the Node implementation is "output" in its working directory. The
			 * operator has made no mistake, so this is no reason to stop. */
			CLEANUP(mem_freep)
			char *problem = mem_printf(
				"is ignored because it is not an absolute path, so pages are written to %s; remove it from " CONFIG_ENVIRONMENT_FILE,
				loader->config->sync.output_directory);
			report_value(loader, false, key, &origin, value, problem);
			advise(loader, mem_strdup(REMOVE_LINE("HTML_OUTPUT_DIR")));
		} else if (key->offset == offsetof(struct config, notify.smtp_url)) {
			set_smtp_url(loader, key, &origin, value);
		} else {
			set_value(loader, key, &origin, value);
		}
	}
	/* A token in the environment of the worker's unit (systemd.exec(5)) looks set, but aither-web does
	 * not get it. */
	if (loader->program == CONFIG_WORKER && environment("AITHER_SYNC_TOKEN") &&
		(environment_is_from_file || getenv("INVOCATION_ID"))) {
		report(loader, false, CONFIG_ENVIRONMENT_FILE,
			"environment AITHER_SYNC_TOKEN: has no effect in " CONFIG_ENVIRONMENT_FILE
			", because aither-web, which needs the token, does not read that file; run `aither set-secret sync-token` and remove the line");
		advise(loader, mem_strdup("aither set-secret sync-token\n" REMOVE_LINE("AITHER_SYNC_TOKEN")));
	}
}

static void load_secrets(struct loader *loader)
{
	for (int i = 0; i < CONFIG_SECRETS; i++) {
		enum config_secret secret = (enum config_secret)i;
		struct error err = { 0 };

		if (config_secret_program(secret) != loader->program)
			continue;
		int r = config_secret_load(secret, &loader->config->secrets[i], &err);
		loader->secret_wrong[i] = r < 0 && r != -ENOENT;
		if (!loader->secret_wrong[i])
			continue;
		/* A wrong secret stops the program, so that a wrong sync token is not mistaken for one that
		 * was never set. A secret that only mail or Rollbar needs does not stop it. */
		const char *section = secret == CONFIG_SECRET_SMTP_PASSWORD   ? "Notify"
				      : secret == CONFIG_SECRET_ROLLBAR_TOKEN ? "Rollbar"
									      : "";
		CLEANUP(mem_freep) char *sentence = mem_printf("%s%s", err.message, effect_on(section));
		report(loader, !*section, NULL, "%s", sentence);
		advise(loader, mem_printf("aither set-secret %s", config_secret_name(secret)));
		disable(loader->config, section, sentence);
	}
}

static bool is_missing(const struct loader *loader, enum config_secret secret)
{
	return !loader->config->secrets[secret] && !loader->secret_wrong[secret];
}

/* Reports required settings that are missing, and settings that have no effect without another one. */
static void check_complete(struct loader *loader)
{
	const struct config *config = loader->config;
	const char *path = config->path;

	if (!config->hemera.base_url && !loader->base_url_wrong) {
		report(loader, true, path,
			"Hemera BaseURL is not set: write BaseURL=https://... below [Hemera] in %s", path);
		advise(loader, config_remedy(config, "Hemera", "BaseURL", "https://YOUR-HEMERA"));
	}
	if (is_missing(loader, CONFIG_SECRET_HEMERA_API_KEY))
		report(loader, true, NULL,
			"hemera-api-key is not set: run `aither set-secret hemera-api-key`");
	if (config->notify.smtp_user && is_missing(loader, CONFIG_SECRET_SMTP_PASSWORD)) {
		report(loader, false, NULL,
			"smtp-password is not set, so mails are sent without SMTPUser: run `aither set-secret smtp-password`");
		advise(loader, mem_strdup("aither set-secret smtp-password"));
	}
	if (!config->notify.smtp_user && config->secrets[CONFIG_SECRET_SMTP_PASSWORD]) {
		report(loader, false, path,
			"Notify SMTPUser is not set, so smtp-password is not used: write SMTPUser=... below [Notify] in %s",
			path);
		advise(loader, config_remedy(config, "Notify", "SMTPUser", "YOUR-USER"));
	}
	if (config->rollbar.enabled && is_missing(loader, CONFIG_SECRET_ROLLBAR_TOKEN))
		report(loader, false, NULL,
			"rollbar-token is not set, so nothing is reported to Rollbar: run `aither set-secret rollbar-token`");
}

void config_load(struct config *config, const char *path, enum config_program program)
{
	struct loader loader = { .config = config, .program = program };
	CLEANUP(mem_freep) char *directory = mem_printf("%s.d", path ? path : CONFIG_PATH_DEFAULT);

	config->path = mem_strdup(path ? path : CONFIG_PATH_DEFAULT);
	config->origins = mem_zalloc(config_key_count * sizeof(*config->origins));
	for (size_t i = 0; i < config_key_count; i++)
		set_value(&loader, &config_keys[i], &not_set, "");
	load_file(&loader, config->path, path != NULL);
	load_directory(&loader, directory);
	load_environment(&loader);
	load_secrets(&loader);
	if (config->notify.disabled_by)
		free(STEAL(config->notify.mail_to));
	if (config->rollbar.disabled_by)
		config->rollbar.enabled = false;
	if (program == CONFIG_WORKER)
		check_complete(&loader);
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
	for (size_t i = 0; i < config->problems.count; i++) {
		free(config->problems.text[i]);
		free(config->problems.file[i]);
		free(config->problems.command[i]);
	}
	for (size_t i = 0; i < config->file_count; i++)
		free(config->files[i]);
	free(config->files);
	free(config->path);
	free(config->origins);
	free(config->notify.disabled_by);
	free(config->rollbar.disabled_by);
	*config = (struct config){ 0 };
}

bool config_is_usable(const struct config *config)
{
	return config->problems.required_count == 0;
}

const struct config_origin *config_origin(const struct config *config, const struct config_key *key)
{
	return config->origins ? &config->origins[key - config_keys] : &not_set;
}

char *config_origin_text(const struct config_origin *origin)
{
	if (origin->file)
		return mem_printf("%s:%u", origin->file, origin->line);
	return origin->variable ? mem_printf("environment %s", origin->variable) : mem_strdup("default");
}

/* "NAME <ADDRESS>" with the quotation marks that some names need (RFC 5322, 3.2.3). Owned. */
static char *quote_name(const char *text, const char *name_end)
{
	bool is_special = strcspn(text, "()<>[]:;@\\,.\"") < (size_t)(name_end - text);
	char *quoted = mem_alloc(2 * strlen(text) + sizeof("\"\"")), *to = quoted;

	if (is_special)
		*to++ = '"';
	for (const char *c = text; c < name_end; *to++ = *c++)
		if (*c == '"' || *c == '\\')
			*to++ = '\\';
	if (is_special)
		*to++ = '"';
	memcpy(to, name_end, strlen(name_end) + 1);
	return quoted;
}

char *config_value_text(const struct config *config, const struct config_key *key)
{
	static const char *const flags[] = { "no", "yes" };
	const void *value = (const char *)config + key->offset;

	if (key->type.parse == config_parse_number)
		return mem_printf("%u", *(const unsigned *)value);
	if (key->type.parse == config_parse_choice)
		return mem_strdup(key->type.words[*(const unsigned *)value]);
	if (key->type.parse == config_parse_flag)
		return mem_strdup((key->type.words ?: flags)[*(const bool *)value]);
	/* The last one, because the name before the address may contain "<", too. */
	const char *text = *(char *const *)value, *bracket = text ? strrchr(text, '<') : NULL;

	if (key->type.parse == config_parse_mail && bracket)
		return quote_name(text, bracket - 1);
	return text ? mem_strdup(text) : NULL;
}

const char *config_shipped_templates(void)
{
	const char *directory = getenv("AITHER_SHIPPED_TEMPLATES");

	return directory && *directory ? directory : AITHER_TEMPLATES_DIR;
}

const char *config_shipped_site(void)
{
	const char *directory = getenv("AITHER_SHIPPED_SITE");

	return directory && *directory ? directory : AITHER_SITE_DIR;
}

char *config_problems_text(const struct config *config, const char *separator)
{
	CLEANUP(buf_done) struct buf text = BUF_INIT(CONFIG_PROBLEMS_MAX * (ERROR_MESSAGE_MAX + 1));

	for (size_t i = 0; i < config->problems.count; i++)
		buf_printf(&text, "%s%s", i > 0 ? separator : "", config->problems.text[i]);
	return buf_take(&text);
}
