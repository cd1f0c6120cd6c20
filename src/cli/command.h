/* SPDX-License-Identifier: MIT */
#ifndef AITHER_CLI_COMMAND_H
#define AITHER_CLI_COMMAND_H

/*
 * The verbs of aither(1), one file each. A command gets its own argv (argv[0] is the verb) and returns the
 * exit code of the program.
 *
 * The result of a command goes to stdout; progress, complaints and remedies go to stderr. With --json stdout
 * has one JSON object in a line for each answer and nothing else: the envelope of the HTTP API
 * (cli/answer.h), also for a failure before the worker could answer. A wrong command line is reported on
 * stderr only.
 */

#include <stdbool.h>
#include <stddef.h>

struct config;
struct error;
struct json;

enum command_exit {
	COMMAND_DONE = 0,
	COMMAND_FAILED = 1,       /* the sync, or writing to stdout */
	COMMAND_PARTIAL = 2,      /* something could not be used or removed */
	COMMAND_USAGE = 64,       /* from here on as in sysexits.h */
	COMMAND_BAD_DATA = 65,    /* template, data or secret */
	COMMAND_UNREACHABLE = 69, /* no worker */
	COMMAND_RUNNING_ALREADY = 75,
	COMMAND_NOT_PERMITTED = 77,
	COMMAND_NOT_CONFIGURED = 78,
	COMMAND_INTERRUPTED = 130, /* as a shell counts what Ctrl-C has ended: 128 and SIGINT */
};

struct command {
	const char *name, *arguments, *purpose;
	int (*run)(const struct config *config, int argc, char **argv);
	bool needs_worker; /* a wrong configuration ends it before it begins */
};

extern const struct command COMMANDS[];
extern const size_t COMMAND_COUNT;

int command_sync(const struct config *config, int argc, char **argv);
int command_status(const struct config *config, int argc, char **argv);
int command_doctor(const struct config *config, int argc, char **argv);
int command_render(const struct config *config, int argc, char **argv);
int command_set_secret(const struct config *config, int argc, char **argv);
int command_test_mail(const struct config *config, int argc, char **argv);
int command_test_rollbar(const struct config *config, int argc, char **argv);

/* ---- shared by the verbs (cli/command.c) ---- */

/* Long options that are switches: finds argv[i] among `names` and sets its bit; -1 for anything
 * else, with a sentence on stderr, or for `--help` the usage on stdout and *ret_exit 0. */
int command_switches(int argc, char **argv, const char *const *names, unsigned *ret_bits, int *ret_exit);

/* Is --json among the arguments? For a failure before a command has read them. */
bool command_wants_json(int argc, char **argv);

/* Reports a failure without an answer of the worker: the sentence on stderr, or as_json
 * {"success":false,"error":{"code":...,"message":...}} on stdout. Returns the exit code. */
int command_fail(bool as_json, const struct error *error);

/* The exit code for such a failure, and its {"code":...,"message":...}; owned. */
int command_exit_of_failure(const struct error *error);
struct json *command_error_to_json(const struct error *problem);

#endif
