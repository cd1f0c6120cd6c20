/* SPDX-License-Identifier: MIT */
#include "cli/command.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/config.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "published/published.h"
#include "base/time.h"
#include "render/library.h"
#include "render/template.h"
#include "published/texts.h"

#define DATA_SIZE_MAX (16 << 20) /* a page's data have some KB; this is for trying out what is too much */
#define PARTIALS_MAX 256         /* a directory of templates has about ten */

struct arguments {                   /* borrowed paths */
	const char *template, *data; /* "-": standard input */
	const char *partials;        /* NULL: none */
};

struct partial_files {
	struct template_partial items[PARTIALS_MAX]; /* their strings are owned here */
	size_t count;
};

static void partial_files_done(struct partial_files *files)
{
	for (size_t i = 0; i < files->count; i++) {
		free((char *)files->items[i].name);
		free((char *)files->items[i].text);
	}
}

/* Standard input may be a socket, which cannot be opened by the path /dev/stdin. */
static bool is_stdin(const char *path)
{
	return strcmp(path, "-") == 0 || strcmp(path, "/dev/stdin") == 0;
}

static const char *input_name(const char *path)
{
	return is_stdin(path) ? "standard input" : path;
}

/* A file, a pipe (as <(command) is one), a terminal: all that ends. `what` is asked for at a terminal. */
static int read_input(const char *path, const char *what, struct buf *text, struct error *err)
{
	CLEANUP(file_closep) int opened = -1;

	if (is_stdin(path)) {
		if (isatty(STDIN_FILENO))
			fprintf(stderr, "reading the %s from the terminal; Ctrl-D ends it\n", what);
		return file_read_stream(STDIN_FILENO, input_name(path), text, err);
	}
	opened = open(path, O_RDONLY | O_NOCTTY | O_CLOEXEC);
	if (opened < 0)
		return error_set(err, -errno, "%s: cannot open: %s", path, strerror(errno));
	return file_read_stream(opened, path, text, err);
}

static int read_arguments(struct arguments *ret, int argc, char **argv)
{
	struct arguments arguments = { 0 };
	const struct {
		const char *name;
		const char **target;
	} options[] = {
		{ "--template", &arguments.template },
		{ "--data", &arguments.data },
		{ "--partials", &arguments.partials },
	};

	for (int i = 1; i < argc; i++) {
		bool known = false;

		for (size_t k = 0; k < ARRAY_SIZE(options) && !known; k++) {
			size_t length = strlen(options[k].name);

			if (strncmp(argv[i], options[k].name, length) != 0)
				continue;
			known = argv[i][length] == '=' || (argv[i][length] == '\0' && i + 1 < argc);
			if (known)
				*options[k].target = argv[i][length] ? argv[i] + length + 1 : argv[++i];
		}
		if (!known)
			return -EINVAL;
	}
	if (!arguments.template || !arguments.data)
		return -EINVAL;
	*ret = arguments;
	return 0;
}

static int is_partial(const struct dirent *entry)
{
	size_t length = strlen(entry->d_name);

	return entry->d_name[0] != '.' && length > strlen(TEMPLATE_SUFFIX) &&
	       strcmp(entry->d_name + length - strlen(TEMPLATE_SUFFIX), TEMPLATE_SUFFIX) == 0;
}

static int read_partial(
	const char *directory, const char *name, struct partial_files *files, struct error *err)
{
	CLEANUP(mem_freep) char *path = mem_printf("%s/%s", directory, name);
	CLEANUP(buf_done) struct buf text = BUF_INIT(TEMPLATE_SIZE_MAX);
	struct template_partial *item = &files->items[files->count];
	int result = file_read_text(path, &text, err);

	if (result < 0)
		return result;
	item->length = text.length;
	item->text = buf_take(&text);
	item->name = mem_strndup(name, strlen(name) - strlen(TEMPLATE_SUFFIX));
	files->count++;
	return 0;
}

static int read_partials(const char *directory, struct partial_files *files, struct error *err)
{
	struct dirent **entries;
	int count = scandir(directory, &entries, is_partial, alphasort), result = 0;

	if (count < 0)
		return error_set(err, -errno, "%s: %s", directory, strerror(errno));
	for (int i = 0; i < count; i++) {
		if (result == 0 && files->count == PARTIALS_MAX)
			result = error_set(err, -E2BIG, "%s: more than %d partials", directory, PARTIALS_MAX);
		if (result == 0)
			result = read_partial(directory, entries[i]->d_name, files, err);
		free(entries[i]);
	}
	free(entries);
	return result;
}

/* A file of the operator's that cannot be used: the pages have the shipped texts then. */
static void complain_of_texts(void *arg, const char *path, const struct error *problem)
{
	(void)arg;
	(void)path; /* begins the message */
	command_complain("%s; the shipped texts are used", problem->message);
}

/* For {{t}} and {{date}}: those of the pages, in the language that the data name, else in German. */
static int read_texts(
	const struct config *config, const struct json *data, struct texts **ret_texts, struct error *err)
{
	const char *language = json_string(json_get(data, "lang"));
	bool english = language && strcmp(language, "en") == 0;

	return library_load_texts(ret_texts, english ? LANGUAGE_EN : LANGUAGE_DE,
		config->site.template_directory, config_shipped_templates(), complain_of_texts, NULL, err);
}

static int read_data(const char *path, struct json **ret_data, struct error *err)
{
	const struct json_limits limits = { .size_max = DATA_SIZE_MAX,
		.depth_max = JSON_DEPTH_MAX,
		.node_max = DATA_SIZE_MAX,
		.infinite_numbers = true };
	CLEANUP(buf_done) struct buf text = BUF_INIT(DATA_SIZE_MAX);
	int result = read_input(path, "data", &text, err);

	if (result < 0)
		return result;
	result = json_parse(ret_data, buf_text(&text), text.length, &limits, err);
	if (result < 0)
		error_prefix(err, "%s: ", input_name(path));
	return result;
}

/* Messages name the file alone, but what stands for a pipe by its path. */
static const char *template_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return !slash || strncmp(path, "/dev/", strlen("/dev/")) == 0 ? input_name(path) : slash + 1;
}

static int render(
	const struct config *config, const struct arguments *arguments, struct buf *out, struct error *err)
{
	CLEANUP(partial_files_done) struct partial_files files = { .count = 0 };
	CLEANUP(template_freep) struct template *template = NULL;
	CLEANUP(texts_freep) struct texts *texts = NULL;
	CLEANUP(json_freep) struct json *data = NULL;
	CLEANUP(buf_done) struct buf text = BUF_INIT(TEMPLATE_SIZE_MAX);
	int result = read_input(arguments->template, "template", &text, err);

	if (result == 0 && arguments->partials)
		result = read_partials(arguments->partials, &files, err);
	if (result == 0)
		result = template_compile(&template, template_name(arguments->template), buf_text(&text),
			text.length, &(struct template_partials){ files.items, files.count }, err);
	if (result == 0)
		result = read_data(arguments->data, &data, err);
	if (result == 0)
		result = read_texts(config, data, &texts, err);
	if (result == 0)
		result = template_render(template, data, texts, NULL, out, err);
	return result;
}

int command_render(const struct config *config, int argc, char **argv)
{
	CLEANUP(buf_done) struct buf out = BUF_INIT(PUBLISHED_HOMEPAGE_MAX);
	struct arguments arguments;
	struct error err = { 0 };

	if (argc == 2 && strcmp(argv[1], "--help") == 0) {
		puts("usage: aither render --template FILE --data FILE [--partials DIR]");
		return COMMAND_DONE;
	}
	if (read_arguments(&arguments, argc, argv) < 0) {
		fputs("usage: aither render --template FILE --data FILE [--partials DIR]\n", stderr);
		return COMMAND_USAGE;
	}
	if (is_stdin(arguments.template) && is_stdin(arguments.data)) {
		command_complain("render: only one of --template and --data can be standard input");
		return COMMAND_USAGE;
	}
	if (time_zone_set(config->site.time_zone) < 0)
		command_complain(
			"time zone %s is not installed, dates are shown in UTC", config->site.time_zone);
	if (render(config, &arguments, &out, &err) < 0) {
		command_complain("%s", err.message);
		return COMMAND_BAD_DATA;
	}
	fwrite(buf_text(&out), 1, out.length, stdout);
	return COMMAND_DONE;
}
