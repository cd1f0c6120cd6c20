/* SPDX-License-Identifier: MIT */
#include "cli/command.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/config.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/published.h"
#include "base/time.h"
#include "render/template.h"
#include "render/texts.h"

#define DATA_SIZE_MAX (16 << 20) /* a page's data have some KB; this is for trying out what is too much */
#define PARTIALS_MAX 256         /* a directory of templates has about ten */

struct arguments {
	const char *template, *data, *partials; /* borrowed paths; partials may be NULL */
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
	int result = file_read_path(path, &text, err);

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

/* The words for {{t}} and {{date}}: those of the language that the data name, else German. */
static int read_texts(const struct json *data, struct texts **ret_texts, struct error *err)
{
	const char *language = json_string(json_get(data, "lang"));
	const char *name = language && strcmp(language, "en") == 0 ? "texts.en.json" : "texts.de.json";
	CLEANUP(mem_freep) char *path = mem_printf("%s/%s", config_shipped_templates(), name);
	CLEANUP(buf_done) struct buf text = BUF_INIT(TEMPLATE_SIZE_MAX);
	int result = file_read_path(path, &text, err);

	if (result < 0)
		return result;
	return texts_parse(ret_texts, name, buf_text(&text), text.length, err);
}

static int read_data(const char *path, struct json **ret_data, struct error *err)
{
	const struct json_limits limits = { .size_max = DATA_SIZE_MAX,
		.depth_max = JSON_DEPTH_MAX,
		.node_max = DATA_SIZE_MAX,
		.infinite_numbers = true };
	CLEANUP(buf_done) struct buf text = BUF_INIT(DATA_SIZE_MAX);
	int result = file_read_path(path, &text, err);

	if (result < 0)
		return result;
	result = json_parse(ret_data, buf_text(&text), text.length, &limits, err);
	if (result < 0)
		error_prefix(err, "%s: ", path);
	return result;
}

static int render(const struct arguments *arguments, struct buf *out, struct error *err)
{
	CLEANUP(partial_files_done) struct partial_files files = { .count = 0 };
	CLEANUP(template_freep) struct template *template = NULL;
	CLEANUP(texts_freep) struct texts *texts = NULL;
	CLEANUP(json_freep) struct json *data = NULL;
	CLEANUP(buf_done) struct buf text = BUF_INIT(TEMPLATE_SIZE_MAX);
	const char *name = strrchr(arguments->template, '/');
	int result = file_read_path(arguments->template, &text, err);

	if (result == 0 && arguments->partials)
		result = read_partials(arguments->partials, &files, err);
	if (result == 0)
		result = template_compile(&template, name ? name + 1 : arguments->template, buf_text(&text),
			text.length, &(struct template_partials){ files.items, files.count }, err);
	if (result == 0)
		result = read_data(arguments->data, &data, err);
	if (result == 0)
		result = read_texts(data, &texts, err);
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
	if (time_zone_set(config->site.time_zone) < 0)
		command_complain(
			"time zone %s is not installed, dates are shown in UTC", config->site.time_zone);
	if (render(&arguments, &out, &err) < 0) {
		command_complain("%s", err.message);
		return COMMAND_BAD_DATA;
	}
	fwrite(buf_text(&out), 1, out.length, stdout);
	return COMMAND_DONE;
}
