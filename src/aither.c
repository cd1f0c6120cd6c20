/* SPDX-License-Identifier: MIT */

/* aither(1): the command line. Finds the command and reads the configuration; the verbs are in cli/. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "cli/answer.h"
#include "cli/command.h"
#include "cli/words.h"
#include "config/config.h"

static int run(const struct command *command, const char *config_path, int argc, char **argv)
{
	CLEANUP(config_done) struct config config = { 0 };
	CLEANUP(answer_done) struct answer answer = { 0 };
	CLEANUP(mem_freep) char *problems = NULL;
	struct error failure = { 0 };
	bool as_json = false, wants_help = false;

	for (int i = 1; i < argc; i++) {
		as_json |= strcmp(argv[i], "--json") == 0;
		wants_help |= strcmp(argv[i], "--help") == 0;
	}
	config_load(&config, config_path, CONFIG_CLI);
	if (!command->needs_worker || wants_help || config_is_usable(&config))
		return command->run(&config, argc, argv);
	if (as_json) {
		problems = config_problems_text(&config, "; ");
		error_fail(&failure, ERROR_NOT_CONFIGURED, -EINVAL, "%s", problems);
		answer_fail(&failure, &answer);
		answer_print_json(answer.envelope);
	}
	for (size_t i = 0; i < config.problems.count && !as_json; i++)
		words_complain("%s", config.problems.text[i]);
	return COMMAND_NOT_CONFIGURED;
}

static int dispatch(int argc, char **argv)
{
	const char *config_path = NULL;
	const struct command *command;
	int first = 1;

	if (first < argc && strncmp(argv[first], "--config=", strlen("--config=")) == 0)
		config_path = argv[first++] + strlen("--config=");
	if (first < argc && strcmp(argv[first], "--version") == 0) {
		puts(PACKAGE_STRING);
		return COMMAND_DONE;
	}
	if (first < argc && strcmp(argv[first], "--help") == 0) {
		command_print_all(stdout);
		return COMMAND_DONE;
	}
	command = first < argc ? command_find(argv[first]) : NULL;
	if (!command && first < argc) {
		command_complain_unknown(argv[first]);
		return COMMAND_USAGE;
	}
	if (!command) {
		command_print_all(stderr);
		return COMMAND_USAGE;
	}
	return run(command, config_path, argc - first, argv + first);
}

int main(int argc, char **argv)
{
	int exit_code;

	log_open("aither");
	exit_code = dispatch(argc, argv);
	/* A script must not take a result that was cut off by a full disk for a complete one. */
	if (fflush(stdout) == 0 && !ferror(stdout))
		return exit_code;
	words_complain("cannot write all of the result to standard output");
	return exit_code == COMMAND_DONE ? COMMAND_FAILED : exit_code;
}
