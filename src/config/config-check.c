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

#define TOKEN_PROBLEM "environment AITHER_SYNC_TOKEN:"
#define RELATIVE_PROBLEM "environment HTML_OUTPUT_DIR="
#define REMOVE_LINE(name) "sed -i '/^ *" name " *=/d' " CONFIG_ENVIRONMENT_FILE "\n" CHECK_RESTART

static bool begins_with(const char *text, const char *beginning)
{
	return strncmp(text, beginning, strlen(beginning)) == 0;
}

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

/* The remedy depends on how the problem begins (config/config.c): with "FILE:LINE:", "FILE:",
 * "environment NAME:", "credential aither.NAME:", the name of a missing secret, or "Section Key is not set".
 * Owned. */
static char *problem_remedy(const struct config *config, const char *problem, const char *missing)
{
	if (begins_with(problem, TOKEN_PROBLEM))
		return mem_strdup("aither set-secret sync-token\n" REMOVE_LINE("AITHER_SYNC_TOKEN"));
	if (begins_with(problem, RELATIVE_PROBLEM) && strstr(problem, "ignored"))
		return mem_strdup(REMOVE_LINE("HTML_OUTPUT_DIR"));
	if (missing)
		return mem_printf("aither set-secret %s", missing);
	if (begins_with(problem, "Hemera BaseURL "))
		return config_remedy(config, "Hemera", "BaseURL", "https://YOUR-HEMERA");
	if (begins_with(problem, "Notify SMTPUser "))
		return config_remedy(config, "Notify", "SMTPUser", "YOUR-USER");
	if (*problem == '/') {
		CLEANUP(mem_freep) char *file = mem_strndup(problem, strcspn(problem, ":"));
		CLEANUP(mem_freep) char *word = check_quote(file);

		if (strstr(problem, strerror(EACCES)))
			return mem_printf("chmod a+rX %s\n" CHECK_RESTART, word);
		return config_edit(file);
	}
	if (begins_with(problem, "environment "))
		return config_edit(CONFIG_ENVIRONMENT_FILE);
	if (begins_with(problem, "credential aither.")) {
		const char *name = problem + strlen("credential aither.");

		return mem_printf("aither set-secret %.*s", (int)strcspn(name, ":"), name);
	}
	return NULL;
}

void config_check(const struct config *config, struct json *checks)
{
	unsigned found = 0;

	for (size_t i = 0; i < config->problems.count; i++) {
		const char *problem = config->problems.text[i], *missing = NULL;
		CLEANUP(mem_freep) char *remedy = NULL;

		for (int k = 0; k < CONFIG_SECRETS && !missing; k++)
			if (begins_with(problem, config_secret_name((enum config_secret)k)))
				missing = config_secret_name((enum config_secret)k);
		/* A missing API key or token has its own check, but a missing smtp-password has none, because
		 * the mail server may accept mail without a login. */
		if (missing && strcmp(missing, config_secret_name(CONFIG_SECRET_SMTP_PASSWORD)) != 0)
			continue;
		remedy = config->problems.command[i] ? mem_strdup(config->problems.command[i])
						     : problem_remedy(config, problem, missing);
		check_add(checks, "configuration",
			config->problems.is_required[i] ? CHECK_FAILED : CHECK_WARNING, remedy, "%s",
			problem);
		found++;
	}
	if (found == 0)
		check_add(checks, "configuration", CHECK_OK, NULL,
			"no mistakes in the files or the environment");
}
