/* SPDX-License-Identifier: MIT */
#include "base/config-table.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"

/*
 * Read here and not by libinih, which as Debian builds it cuts lines at 199 bytes, keeps all but the first
 * mistake to itself and knows no line numbers.
 */

#define FILE_SIZE_MAX 65536
#define NAME_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"
#define BLANKS " \t\r"

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

void config_file_load(struct config_loader *loader, const char *path, bool must_exist)
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

void config_directory_load(struct config_loader *loader, const char *path)
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
