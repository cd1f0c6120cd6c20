/* SPDX-License-Identifier: MIT */
#include "config/config-check.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/check.h"
#include "base/json.h"
#include "base/mem.h"
#include "config/config-key.h"
#include "config/config.h"

/* ---- remedies ---- */

const char *config_find_file(const struct config *config, const char *section, const char *name)
{
	const struct config_origin *origin = config_origin(config, config_key_find(section, name));

	return origin->file ?: origin->variable ? CONFIG_ENVIRONMENT_FILE : NULL;
}

char *config_edit(const char *path)
{
	CLEANUP(mem_freep) char *edit = check_edit(path);

	return mem_printf("%s\n" CHECK_RESTART, edit);
}

char *config_remedy(const struct config *config, const char *section, const char *name, const char *example)
{
	const char *set_in = config_find_file(config, section, name);

	if (set_in)
		return config_edit(set_in);
	CLEANUP(mem_freep) char *word = NULL;
	CLEANUP(mem_freep)
	char *file = mem_printf("%s.d/%s.conf", config->path ?: CONFIG_PATH_DEFAULT, section);
	for (char *c = strrchr(file, '/'); *c; c++)
		*c = (char)tolower((unsigned char)*c);
	word = check_quote(file);
	return mem_printf("printf '[%s]\\n%s=%s\\n' >>%s\n" CHECK_RESTART, section, name, example, word);
}

/* Is this the problem that a secret is missing which has a check of its own? */
static bool has_own_check(const char *problem)
{
	static const enum config_secret secrets[] = { CONFIG_SECRET_HEMERA_API_KEY,
		CONFIG_SECRET_ROLLBAR_TOKEN };

	for (size_t i = 0; i < ARRAY_SIZE(secrets); i++) {
		const char *name = config_secret_name(secrets[i]);

		if (strncmp(problem, name, strlen(name)) == 0)
			return true;
	}
	return false;
}

void config_check(const struct config *config, struct json *checks)
{
	const struct config_problems *problems = &config->problems;
	unsigned found = 0;

	for (size_t i = 0; i < problems->count; i++) {
		CLEANUP(mem_freep) char *remedy = NULL;

		if (has_own_check(problems->text[i]))
			continue;
		if (problems->command[i])
			remedy = mem_strdup(problems->command[i]);
		else if (problems->file[i])
			remedy = config_edit(problems->file[i]);
		check_add(checks, "configuration", problems->is_required[i] ? CHECK_FAILED : CHECK_WARNING,
			remedy, "%s", problems->text[i]);
		found++;
	}
	if (found == 0)
		check_add(checks, "configuration", CHECK_OK, NULL,
			"no mistakes in the files or the environment");
}
