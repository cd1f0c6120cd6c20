/* SPDX-License-Identifier: MIT */
#include "cli/command.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "cli/answer.h"
#include "cli/words.h"

const struct command COMMANDS[] = {
	{ "sync", "[--no-wait] [--until-complete] [--force] [--dry-run] [--json]",
		"have the worker fetch from Hemera and publish what changed", command_sync, true },
	{ "status", "[--json]", "show whether all is well, the last sync and the next one", command_status,
		false },
	{ "doctor", "[--json]", "look for what keeps aither from working, and print the commands that fix it",
		command_doctor, false },
	{ "render", "--template FILE --data FILE [--partials DIR]", "print a template filled with JSON data",
		command_render, false },
	{ "set-secret", "[--generate] NAME", "store a secret, read from the terminal or standard input",
		command_set_secret, false },
	{ "test-mail", "[--json]", "have the worker send a mail to MailTo", command_test_mail, true },
	{ "test-rollbar", "[--json]", "have the worker send an item to Rollbar", command_test_rollbar, true },
};

const size_t COMMAND_COUNT = ARRAY_SIZE(COMMANDS);

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
			words_complain("%s: %s is not known", argv[0], argv[i]);
			print_usage(stderr, argv[0]);
			*ret_exit = COMMAND_USAGE;
			return -1;
		}
		bits |= 1u << index;
	}
	*ret_bits = bits;
	return 0;
}

bool command_wants_json(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], "--json") == 0)
			return true;
	return false;
}

struct json *command_error_to_json(const struct error *problem)
{
	struct json *error = json_new_object();

	json_set_string(error, "code", error_code_name(problem->code));
	json_set_string(error, "message", problem->message);
	return error;
}

int command_fail(bool as_json, const struct error *error)
{
	CLEANUP(json_freep) struct json *envelope = json_new_object();

	if (as_json) {
		json_set_bool(envelope, "success", false);
		json_set(envelope, "error", command_error_to_json(error));
		answer_print_json(envelope);
	} else {
		words_complain("%s", error->message);
	}
	return command_exit_of_failure(error);
}

int command_exit_of_failure(const struct error *error)
{
	if (error->code == ERROR_NOT_CONFIGURED)
		return COMMAND_NOT_CONFIGURED;
	return error->errnum == -EACCES || error->errnum == -EPERM ? COMMAND_NOT_PERMITTED
								   : COMMAND_UNREACHABLE;
}
