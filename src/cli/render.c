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
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/time.h"
#include "cli/words.h"
#include "config/config.h"
#include "published/published.h"
#include "published/texts.h"
#include "render/library.h"
#include "render/template.h"

#define DATA_SIZE_MAX (16 << 20) /* a page's data takes a few KB; this leaves room for experiments */
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

/* Reads a file, a pipe such as <(command), or a terminal, with a prompt for `what`. */
static int read_input(const char *path, const char *what, struct buf *text, struct error *err)
{
	CLEANUP(file_closep) int opened = -1;

	if (is_stdin(path)) {
		if (isatty(STDIN_FILENO))
			fprintf(stderr, "reading the %s from the terminal; Ctrl-D ends it\n", what);
		return file_read_stream(STDIN_FILENO, "standard input", text, err);
	}
	opened = open(path, O_RDONLY | O_NOCTTY | O_CLOEXEC);
	if (opened < 0)
		return error_set(err, -errno, "cannot open %s: %s", path, strerror(errno));
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

static int read_partials(const char *directory, struct partial_files *files, struct error *err)
{
	struct dirent **entries;
	int count = scandir(directory, &entries, is_partial, alphasort), r = 0;

	if (count < 0)
		return error_set(err, -errno, "cannot read %s: %s", directory, strerror(errno));
	for (int i = 0; i < count; i++) {
		const char *name = entries[i]->d_name;
		CLEANUP(mem_freep) char *path = mem_printf("%s/%s", directory, name);
		CLEANUP(buf_done) struct buf text = BUF_INIT(TEMPLATE_SIZE_MAX);

		if (r == 0 && files->count == PARTIALS_MAX)
			r = error_set(err, -E2BIG, "%s has more than %d partials", directory, PARTIALS_MAX);
		if (r == 0)
			r = file_read_text(path, &text, err);
		if (r == 0) {
			struct template_partial *item = &files->items[files->count++];

			item->length = text.length;
			item->text = buf_take(&text);
			item->name = mem_strndup(name, strlen(name) - strlen(TEMPLATE_SUFFIX));
		}
		free(entries[i]);
	}
	free(entries);
	return r;
}

/* The operator's file cannot be used. */
static void complain_of_texts(void *arg, const char *path, const struct error *problem)
{
	(void)arg;
	(void)path; /* the message begins with it */
	words_complain("%s; the shipped texts are used", problem->message);
}

static int read_data(const char *path, struct json **ret_data, struct error *err)
{
	const struct json_limits limits = { .size_max = DATA_SIZE_MAX,
		.depth_max = JSON_DEPTH_MAX,
		.node_max = DATA_SIZE_MAX,
		.infinite_numbers = true };
	CLEANUP(buf_done) struct buf text = BUF_INIT(DATA_SIZE_MAX);
	int r = read_input(path, "data", &text, err);

	if (r < 0)
		return r;
	r = json_parse(ret_data, buf_text(&text), text.length, &limits, err);
	if (r < 0)
		error_prefix(err, "%s: ", is_stdin(path) ? "standard input" : path);
	return r;
}

static int render(
	const struct config *config, const struct arguments *arguments, struct buf *out, struct error *err)
{
	CLEANUP(partial_files_done) struct partial_files files = { .count = 0 };
	CLEANUP(template_freep) struct template *template = NULL;
	CLEANUP(texts_freep) struct texts *texts = NULL;
	CLEANUP(json_freep) struct json *data = NULL;
	CLEANUP(buf_done) struct buf text = BUF_INIT(TEMPLATE_SIZE_MAX);
	const char *slash = strrchr(arguments->template, '/'), *name = arguments->template, *language;
	int r = read_input(arguments->template, "template", &text, err);

	/* Messages name the file without its directory, but a pipe by its path. */
	if (is_stdin(name))
		name = "standard input";
	else if (slash && strncmp(name, "/dev/", strlen("/dev/")) != 0)
		name = slash + 1;
	if (r == 0 && arguments->partials)
		r = read_partials(arguments->partials, &files, err);
	if (r == 0)
		r = template_compile(&template, name, buf_text(&text), text.length,
			&(struct template_partials){ files.items, files.count }, err);
	if (r == 0)
		r = read_data(arguments->data, &data, err);
	if (r < 0)
		return r;
	/* For {{t}} and {{date}}: the texts of the pages, in the language that `lang` in the data names, else
	 * German. */
	language = json_string(json_get(data, "lang"));
	r = library_load_texts(&texts, language && strcmp(language, "en") == 0 ? LANGUAGE_EN : LANGUAGE_DE,
		&(struct library_source){
			config->site.template_directory, config_shipped_templates(), config->site.name },
		complain_of_texts, NULL, err);
	if (r == 0)
		r = template_render(template, data, texts, NULL, out, err);
	return r;
}

int command_render(const struct config *config, int argc, char **argv)
{
	CLEANUP(buf_done) struct buf out = BUF_INIT(PUBLISHED_HOMEPAGE_MAX);
	struct arguments arguments;
	struct error err = { 0 };

	if (argc == 2 && strcmp(argv[1], "--help") == 0) {
		command_print_help(argv[0]);
		return COMMAND_DONE;
	}
	if (read_arguments(&arguments, argc, argv) < 0) {
		command_print_usage(stderr, argv[0]);
		return COMMAND_USAGE;
	}
	if (is_stdin(arguments.template) && is_stdin(arguments.data)) {
		words_complain("render: only one of --template and --data can be standard input");
		return COMMAND_USAGE;
	}
	if (time_zone_set(config->site.time_zone) < 0)
		words_complain(
			"time zone %s is not installed; dates are shown in UTC", config->site.time_zone);
	if (render(config, &arguments, &out, &err) < 0) {
		words_complain("%s", err.message);
		return COMMAND_BAD_DATA;
	}
	fwrite(buf_text(&out), 1, out.length, stdout);
	return COMMAND_DONE;
}
