/* SPDX-License-Identifier: MIT */
#include "cli/command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "cli/answer.h"
#include "cli/stored.h"
#include "cli/words.h"
#include "config/config-check.h"
#include "config/config-key.h"
#include "config/config.h"

enum state { NOT_SET, CREDENTIAL, ENVIRONMENT, HIDDEN };

static const char *const state_words[] = {
	[NOT_SET] = "not set",
	[CREDENTIAL] = "set (credential)",
	[ENVIRONMENT] = "set (environment)",
	[HIDDEN] = "only root may see",
};

/* The daemons' configuration and secrets, as far as the caller may see them. */
struct view {
	struct config config;
	enum state secrets[CONFIG_SECRETS];
	const char *environment_file; /* NULL: there is none */
	bool is_hidden;               /* the caller may not read it */
	struct json *problems;        /* owned; checks of the configuration */
};

static enum state secret_state(enum config_secret secret, bool is_hidden)
{
	const char *variable = config_secret_environment(secret), *value = variable ? getenv(variable) : NULL;
	enum state state = is_hidden ? HIDDEN : NOT_SET;

	for (const char *const *directory = stored_directories; *directory; directory++) {
		CLEANUP(mem_freep)
		char *path = mem_printf("%s/aither.%s", *directory, config_secret_name(secret));

		if (access(path, F_OK) == 0)
			return CREDENTIAL;
		if (errno == EACCES)
			state = HIDDEN;
	}
	return value && *value ? ENVIRONMENT : state;
}

static void read_view(struct view *view, const char *path)
{
	const char *file = getenv("AITHER_ENVIRONMENT_FILE") ?: CONFIG_ENVIRONMENT_FILE;
	struct error err = { 0 };
	int r;

	/* aither-web does not read the environment file. */
	for (int i = 0; i < CONFIG_SECRETS; i++)
		if (config_secret_program((enum config_secret)i) == CONFIG_WEB)
			view->secrets[i] = secret_state((enum config_secret)i, false);
	r = config_environment_load(file, &err);
	view->is_hidden = r == -EACCES;
	if (r != -ENOENT)
		view->environment_file = file;
	if (r < 0 && r != -ENOENT && r != -EACCES)
		words_complain("config: %s", err.message);
	for (int i = 0; i < CONFIG_SECRETS; i++)
		if (config_secret_program((enum config_secret)i) == CONFIG_WORKER)
			view->secrets[i] = secret_state((enum config_secret)i, view->is_hidden);
	/* Which settings the worker requires is known only together with its environment. */
	config_load(&view->config, strcmp(path, CONFIG_PATH_DEFAULT) == 0 ? NULL : path,
		view->is_hidden ? CONFIG_CLI : CONFIG_WORKER);
	view->problems = json_new_array();
	config_check(&view->config, view->problems);
}

static void view_done(struct view *view)
{
	config_done(&view->config);
	json_freep(&view->problems);
}

/* ---- as a file ---- */

static void print_disabled(const char *section, const struct config *config)
{
	const char *reason = strcmp(section, "Notify") == 0    ? config->notify.disabled_by
			     : strcmp(section, "Rollbar") == 0 ? config->rollbar.disabled_by
							       : NULL;

	if (reason)
		words_print(stdout, "# disabled: %s", reason);
}

static void print_file(const struct view *view)
{
	const struct config *config = &view->config;
	const char *section = "";

	puts(config->file_count > 0 || view->environment_file
			? "# Effective configuration, from these files in this order:"
			: "# Effective configuration; there is no configuration file:");
	for (size_t i = 0; i < config->file_count; i++)
		words_print(stdout, "#   %s", config->files[i]);
	if (view->environment_file)
		words_print(stdout, "#   %s, read by aither-worker only%s", view->environment_file,
			view->is_hidden ? ", and left out here, as only root may read it" : "");
	for (size_t i = 0; i < config_key_count; i++) {
		const struct config_key *key = &config_keys[i];
		CLEANUP(mem_freep) char *value = config_value_text(config, key);
		CLEANUP(mem_freep) char *origin = config_origin_text(config_origin(config, key));
		CLEANUP(mem_freep) char *line = mem_printf("%s=%s", key->name, value ?: "");
		bool is_default = strcmp(origin, "default") == 0;

		if (strcmp(section, key->section) != 0) {
			section = key->section;
			printf("\n[%s]\n", section);
			print_disabled(section, config);
		}
		words_print(stdout, "%-40s ; %s%s%s", line, value ? "" : "not set",
			value || is_default ? "" : ", ", value || !is_default ? origin : "");
	}
	puts("\n# Secrets:");
	for (int i = 0; i < CONFIG_SECRETS; i++)
		words_print(stdout, "# %-38s %s", config_secret_name((enum config_secret)i),
			state_words[view->secrets[i]]);
}

/* ---- as JSON ---- */

static struct json *settings_to_json(const struct config *config)
{
	struct json *settings = json_new_array();

	for (size_t i = 0; i < config_key_count; i++) {
		const struct config_key *key = &config_keys[i];
		const struct config_origin *origin = config_origin(config, key);
		CLEANUP(mem_freep) char *value = config_value_text(config, key);
		struct json *item = json_new_object();

		json_set_string(item, "section", key->section);
		json_set_string(item, "key", key->name);
		json_set_string(item, "value", value);
		json_set_string(item, "origin",
			origin->file       ? "file"
			: origin->variable ? "environment"
					   : "default");
		json_set_string(item, "file", origin->file);
		if (origin->file)
			json_set_integer(item, "line", origin->line);
		else
			json_set(item, "line", NULL);
		json_set_string(item, "variable", origin->variable);
		json_append(settings, item);
	}
	return settings;
}

static void print_json(const struct view *view)
{
	CLEANUP(json_freep) struct json *envelope = json_new_object();
	struct json *data = json_new_object(), *files = json_new_array(), *secrets = json_new_array();
	struct json *problems = json_new_array();

	for (size_t i = 0; i < view->config.file_count; i++)
		json_append(files, json_new_string(view->config.files[i]));
	for (int i = 0; i < CONFIG_SECRETS; i++) {
		enum state state = view->secrets[i];
		struct json *item = json_new_object();

		json_set_string(item, "name", config_secret_name((enum config_secret)i));
		if (state == HIDDEN)
			json_set(item, "set", NULL);
		else
			json_set_bool(item, "set", state != NOT_SET);
		json_set_string(item, "origin",
			state == CREDENTIAL    ? "credential"
			: state == ENVIRONMENT ? "environment"
					       : NULL);
		json_append(secrets, item);
	}
	JSON_FOREACH (check, view->problems)
		if (check_status_of(check) != CHECK_OK)
			json_append(problems, json_new_string(json_string(json_get(check, "message"))));
	json_set(data, "files", files);
	json_set(data, "settings", settings_to_json(&view->config));
	json_set(data, "secrets", secrets);
	json_set(data, "problems", problems);
	json_set_bool(envelope, "success", true);
	json_set(envelope, "data", data);
	answer_print_json(envelope);
}

int command_config(const struct config *config, int argc, char **argv)
{
	static const char *const switches[] = { "--json", NULL };
	CLEANUP(view_done) struct view view = { 0 };
	unsigned as_json;
	int exit_code;

	if (command_switches(argc, argv, switches, &as_json, &exit_code) < 0)
		return exit_code;
	read_view(&view, config->path);
	if (as_json)
		print_json(&view);
	else
		print_file(&view);
	fflush(stdout);
	exit_code = COMMAND_DONE;
	JSON_FOREACH (check, view.problems) {
		if (check_status_of(check) == CHECK_FAILED)
			exit_code = COMMAND_NOT_CONFIGURED;
		if (check_status_of(check) != CHECK_OK && !as_json)
			words_complain("config: %s", json_string(json_get(check, "message")));
	}
	return exit_code;
}
