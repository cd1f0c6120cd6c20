/* SPDX-License-Identifier: MIT */
#include "base/config-table.h"

#include <dirent.h>
#include <errno.h>
#include <ini.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"

/*
 * libinih splits the lines, but it would cut long ones, take an indented line for the rest of the value
 * above, forget all but the first line it does not understand and tell nobody the line numbers. So it gets
 * its lines from read_line(), which counts, checks and passes on only what is well-formed.
 */

#define FILE_SIZE_MAX 65536
#define NAME_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"

struct reader {
	struct config_loader *loader;
	const char *path;
	const char *next; /* the rest of the file, NUL-terminated */
	unsigned line, section_line;
	unsigned reported_line; /* section_line of the last unknown section */
	bool skipping;          /* below a section line that was not understood */
};

/* A line whose meaning is lost may have held anything. aither-web and the command line go on: the worker
 * will not, and it says so. */
static void report_syntax(const struct reader *reader, const char *problem)
{
	config_problem(reader->loader->config, reader->loader->program == CONFIG_WORKER, "%s:%u: %s",
		reader->path, reader->line, problem);
}

/* "[Name]" with nothing behind it but a comment. */
static bool is_section(const char *text)
{
	size_t length = strspn(text + 1, NAME_CHARACTERS);

	if (length == 0 || text[1 + length] != ']')
		return false;
	text += length + 2;
	text += strspn(text, " \t");
	return *text == '\0' || *text == '#' || *text == ';';
}

static bool is_assignment(const char *text)
{
	size_t length = strspn(text, NAME_CHARACTERS);

	return length > 0 && text[length + strspn(text + length, " \t")] == '=';
}

/* Shall libinih see the line? */
static bool check_line(struct reader *reader, const char *text, size_t size_max)
{
	bool is_heading = *text == '[';

	if (*text == '\0' || *text == '#' || *text == ';')
		return false;
	if (is_heading) {
		reader->section_line = reader->line;
		reader->skipping = false;
	}
	if (reader->skipping)
		return false;
	if (strlen(text) >= size_max) {
		CLEANUP(mem_freep)
		char *problem = mem_printf("the line is longer than %zu bytes", size_max - 1);
		report_syntax(reader, problem);
	} else if (is_heading ? !is_section(text) : !is_assignment(text)) {
		report_syntax(reader, "neither [Section] nor Key=value");
	} else {
		return true;
	}
	/* Keys below a heading that is not understood must not count for the section above it. */
	if (is_heading)
		reader->skipping = true;
	return false;
}

/* Cuts the next line out of the file, without blanks around it; NULL at the end. */
static char *cut_line(struct reader *reader)
{
	const char *text = reader->next + strspn(reader->next, " \t");
	const char *end = reader->next + strcspn(reader->next, "\n");

	if (*reader->next == '\0')
		return NULL;
	reader->next = *end ? end + 1 : end;
	reader->line++;
	while (end > text && strchr(" \t\r", end[-1]))
		end--;
	return mem_strndup(text, (size_t)(end - text));
}

/* For libinih, in the manner of fgets(). */
static char *read_line(char *ret_line, int size, void *stream)
{
	struct reader *reader = stream;

	for (;;) {
		CLEANUP(mem_freep) char *text = cut_line(reader);
		if (!text)
			return NULL;
		if (!check_line(reader, text, (size_t)size))
			continue;
		memcpy(ret_line, text, strlen(text) + 1);
		return ret_line;
	}
}

/* Once for each heading, not for each key below it. */
static void report_section(struct reader *reader, const char *section)
{
	const struct config_key *similar = config_section_suggest(section);
	bool is_new = reader->reported_line != reader->section_line;

	reader->reported_line = reader->section_line;
	if (!*section)
		config_problem(reader->loader->config, false, "%s:%u: there is no [Section] above this line",
			reader->path, reader->line);
	else if (is_new)
		config_problem(reader->loader->config, false, "%s:%u: unknown section [%s]%s%s%s",
			reader->path, reader->section_line, section, similar ? "; did you mean [" : "",
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
static void report_key(const struct reader *reader, const char *section, const char *name)
{
	const struct config_key *similar = config_key_suggest(section, name);
	CLEANUP(mem_freep) char *hint = NULL;

	if (similar && strcmp(similar->section, section) == 0)
		hint = mem_printf("; did you mean %s?", similar->name);
	else if (similar)
		hint = mem_printf("; did you mean %s below [%s]?", similar->name, similar->section);
	else if (is_like_secret(name))
		hint = mem_strdup("; secrets are not kept in this file but stored by `aither set-secret`");
	config_problem(reader->loader->config, false, "%s:%u: [%s] unknown key %s%s", reader->path,
		reader->line, section, name, hint ? hint : "");
}

static int take_value(void *user, const char *section, const char *name, const char *value)
{
	struct reader *reader = user;
	const struct config_key *key = config_key_find(section, name);

	if (!config_section_exists(section)) {
		report_section(reader, section);
		return 1;
	}
	if (!key) {
		report_key(reader, section, name);
		return 1;
	}
	CLEANUP(mem_freep)
	char *where = mem_printf("%s:%u: [%s] %s", reader->path, reader->line, section, name);
	config_set(reader->loader, key, where, value);
	return 1;
}

void config_file_load(struct config_loader *loader, const char *path, bool must_exist)
{
	CLEANUP(buf_done) struct buf content = BUF_INIT(FILE_SIZE_MAX);
	struct reader reader = { .loader = loader, .path = path };
	struct error err = { 0 };

	int result = file_read_path(path, &content, &err);
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
	if (strncmp(reader.next, "\xef\xbb\xbf", 3) == 0) /* the byte order mark of some editors */
		reader.next += 3;
	ini_parse_stream(read_line, &reader, take_value, &reader);
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
