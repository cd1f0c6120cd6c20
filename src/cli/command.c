/* SPDX-License-Identifier: MIT */
#include "cli/command.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"

const struct command COMMANDS[] = {
	{ "sync", "[--no-wait] [--until-complete] [--force] [--dry-run] [--json]",
		"have the worker fetch from Hemera and publish what changed", command_sync, true },
	{ "status", "[--json]", "show the running or the last sync", command_status, true },
	{ "render", "--template FILE --data FILE [--partials DIR]", "print a template filled with JSON data",
		command_render, false },
	{ "set-secret", "NAME", "store a secret, read from the terminal or standard input",
		command_set_secret, false },
};

const size_t COMMAND_COUNT = ARRAY_SIZE(COMMANDS);

void command_complain(const char *format, ...)
{
	va_list arguments;

	fputs("aither: ", stderr);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
}

static void print_usage(FILE *out, const char *name)
{
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		if (strcmp(COMMANDS[i].name, name) == 0)
			fprintf(out, "usage: aither %s %s\n", name, COMMANDS[i].arguments);
}

int command_switches(int argc, char **argv, const char *const *names, unsigned *ret_bits, int *ret_exit)
{
	unsigned bits = 0;

	for (int i = 1; i < argc; i++) {
		unsigned index = 0;

		if (strcmp(argv[i], "--help") == 0) {
			print_usage(stdout, argv[0]);
			*ret_exit = COMMAND_DONE;
			return -1;
		}
		while (names[index] && strcmp(argv[i], names[index]) != 0)
			index++;
		if (!names[index]) {
			command_complain("%s: %s is not known", argv[0], argv[i]);
			print_usage(stderr, argv[0]);
			*ret_exit = COMMAND_USAGE;
			return -1;
		}
		bits |= 1u << index;
	}
	*ret_bits = bits;
	return 0;
}

int command_exit_of_failure(const struct error *error)
{
	return error->errnum == -EACCES || error->errnum == -EPERM ? COMMAND_NOT_PERMITTED
								   : COMMAND_UNREACHABLE;
}
