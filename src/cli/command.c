/* SPDX-License-Identifier: MIT */
#include "cli/command.h"

#include <string.h>

#include "base/mem.h"
#include "base/slip.h"
#include "cli/words.h"

#define JSON_OPTION "  --json            print the result as one line of JSON\n"

const struct command COMMANDS[] = {
	{ "sync", "[--no-wait] [--until-complete] [--force] [--dry-run] [--json]",
		"fetch courses from Hemera and publish the pages that changed",
		"  --no-wait         start the sync and return; see: aither status\n"
		"  --until-complete  run syncs until every course has been read\n"
		"  --force           accept a list that is empty or much shorter, remove pages\n"
		"                    no matter how many are gone, and list them\n"
		"  --dry-run         change nothing, list the pages that would change\n" JSON_OPTION,
		command_sync, true },
	{ "status", "[--json]", "show whether aither is healthy, the last sync and the next one", JSON_OPTION,
		command_status, false },
	{ "doctor", "[--json]", "find problems, and show the commands that fix them", JSON_OPTION,
		command_doctor, false },
	{ "config", "[--json]", "print the effective configuration and where each value comes from",
		JSON_OPTION, command_config, false },
	{ "render", "--template FILE --data FILE [--partials DIR]", "print a template filled with JSON data",
		"  --template FILE   the template; - is standard input\n"
		"  --data FILE       a JSON object; - is standard input\n"
		"  --partials DIR    use every *.hbs file in DIR as a partial of that name\n",
		command_render, false },
	{ "set-secret", "[--generate] NAME", "store a secret, read from the terminal or standard input",
		"  --generate        generate a random sync-token or pages-password, and print it\n",
		command_set_secret, false },
	{ "test-mail", "[--json]", "have the worker send a test mail to MailTo", JSON_OPTION,
		command_test_mail, true },
	{ "test-rollbar", "[--json]", "have the worker send a test item to Rollbar", JSON_OPTION,
		command_test_rollbar, true },
	{ "help", "[COMMAND]", "list the commands, or explain one with its options", "", command_help,
		false },
};

const size_t COMMAND_COUNT = ARRAY_SIZE(COMMANDS);

const struct command *command_find(const char *name)
{
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		if (strcmp(COMMANDS[i].name, name) == 0)
			return &COMMANDS[i];
	return NULL;
}

char *command_suggest(const char *given, const char *const *names)
{
	const char *similar = NULL;
	unsigned least = SLIP_NONE;

	for (; *names; names++) {
		unsigned distance = slip_distance(given, *names);

		if (distance < least) {
			least = distance;
			similar = *names;
		}
	}
	return similar ? mem_printf("; did you mean %s?", similar) : mem_strdup("");
}

void command_complain_unknown(const char *name)
{
	const char *names[ARRAY_SIZE(COMMANDS) + 1] = { NULL };

	for (size_t i = 0; i < COMMAND_COUNT; i++)
		names[i] = COMMANDS[i].name;
	CLEANUP(mem_freep) char *hint = command_suggest(name, names);
	words_complain("there is no command %s%s", name, hint);
	fputs("see: aither help\n", stderr);
}

void command_print_usage(FILE *out, const char *name)
{
	const struct command *command = command_find(name);

	if (command)
		fprintf(out, "usage: aither %s %s\n", name, command->arguments);
}

void command_print_help(const char *name)
{
	const struct command *command = command_find(name);

	if (!command)
		return;
	command_print_usage(stdout, name);
	printf("\n%c%s.\n%s%s", command->purpose[0] - 'a' + 'A', command->purpose + 1,
		*command->options ? "\n" : "", command->options);
	fputs("\nManual: aither(1)\n", stdout);
}

void command_print_all(FILE *out)
{
	fputs("usage: aither [--config=FILE] COMMAND [OPTIONS]\n\n", out);
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		fprintf(out, "  %-12s %s\n               %s\n", COMMANDS[i].name, COMMANDS[i].arguments,
			COMMANDS[i].purpose);
	fputs("\n'aither help COMMAND' explains a command, 'aither --version' prints the version\n", out);
}

int command_help(const struct config *config, int argc, char **argv)
{
	const struct command *command;
	char *arguments[] = { NULL, (char *)"--help", NULL };

	if (argc > 2) {
		command_print_usage(stderr, argv[0]);
		return COMMAND_USAGE;
	}
	if (argc < 2) {
		command_print_all(stdout);
		return COMMAND_DONE;
	}
	command = command_find(strcmp(argv[1], "--help") == 0 ? argv[0] : argv[1]);
	if (!command) {
		command_complain_unknown(argv[1]);
		return COMMAND_USAGE;
	}
	if (command->run == command_help) {
		command_print_help(command->name);
		return COMMAND_DONE;
	}
	arguments[0] = (char *)command->name;
	return command->run(config, 2, arguments); /* a command may have more help of its own */
}

int command_switches(int argc, char **argv, const char *const *names, unsigned *ret_bits, int *ret_exit)
{
	unsigned bits = 0;

	for (int i = 1; i < argc; i++) {
		unsigned index = 0;

		if (strcmp(argv[i], "--help") == 0) {
			command_print_help(argv[0]);
			*ret_exit = COMMAND_DONE;
			return -1;
		}
		while (names[index] && strcmp(argv[i], names[index]) != 0)
			index++;
		if (!names[index]) {
			CLEANUP(mem_freep) char *hint = command_suggest(argv[i], names);

			words_complain("%s: unknown argument %s%s", argv[0], argv[i], hint);
			command_print_usage(stderr, argv[0]);
			*ret_exit = COMMAND_USAGE;
			return -1;
		}
		bits |= 1u << index;
	}
	*ret_bits = bits;
	return 0;
}
