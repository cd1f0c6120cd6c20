/* SPDX-License-Identifier: MIT */
#include "cli/command.h"

#include <string.h>

#include "base/mem.h"
#include "cli/words.h"

const struct command COMMANDS[] = {
	{ "sync", "[--no-wait] [--until-complete] [--force] [--dry-run] [--json]",
		"have the worker fetch from Hemera and publish what changed", command_sync, true },
	{ "status", "[--json]", "show whether all is well, the last sync and the next one", command_status,
		false },
	{ "doctor", "[--json]", "look for what keeps aither from working, and print the commands that fix it",
		command_doctor, false },
	{ "config", "[--json]", "print the effective configuration, and where each value comes from",
		command_config, false },
	{ "render", "--template FILE --data FILE [--partials DIR]", "print a template filled with JSON data",
		command_render, false },
	{ "set-secret", "[--generate] NAME", "store a secret, read from the terminal or standard input",
		command_set_secret, false },
	{ "test-mail", "[--json]", "have the worker send a mail to MailTo", command_test_mail, true },
	{ "test-rollbar", "[--json]", "have the worker send an item to Rollbar", command_test_rollbar, true },
};

const size_t COMMAND_COUNT = ARRAY_SIZE(COMMANDS);

const struct command *command_find(const char *name)
{
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		if (strcmp(COMMANDS[i].name, name) == 0)
			return &COMMANDS[i];
	return NULL;
}

void command_print_usage(FILE *out, const char *name)
{
	const struct command *command = command_find(name);

	if (command)
		fprintf(out, "usage: aither %s %s\n", name, command->arguments);
}

int command_switches(int argc, char **argv, const char *const *names, unsigned *ret_bits, int *ret_exit)
{
	unsigned bits = 0;

	for (int i = 1; i < argc; i++) {
		unsigned index = 0;

		if (strcmp(argv[i], "--help") == 0) {
			command_print_usage(stdout, argv[0]);
			*ret_exit = COMMAND_DONE;
			return -1;
		}
		while (names[index] && strcmp(argv[i], names[index]) != 0)
			index++;
		if (!names[index]) {
			words_complain("%s: %s is not known", argv[0], argv[i]);
			command_print_usage(stderr, argv[0]);
			*ret_exit = COMMAND_USAGE;
			return -1;
		}
		bits |= 1u << index;
	}
	*ret_bits = bits;
	return 0;
}
