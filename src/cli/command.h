/* SPDX-License-Identifier: MIT */
#ifndef AITHER_CLI_COMMAND_H
#define AITHER_CLI_COMMAND_H

/*
 * The verbs of aither(1), most of them in a file of their own. A command gets its own argv (argv[0] is the
 * verb) and returns the exit code of the program.
 *
 * The result of a command goes to stdout; progress, errors and remedies go to stderr. With --json, stdout has
 * one JSON object per answer, each on a line of its own, and nothing else: the envelope of the HTTP API
 * (cli/answer.h), even if the command fails before the worker can answer. A wrong command line is reported
 * on stderr only.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct config;

enum command_exit {
	COMMAND_DONE = 0,
	COMMAND_FAILED = 1,       /* the sync, or writing to stdout */
	COMMAND_PARTIAL = 2,      /* a course, template or page could not be used or removed */
	COMMAND_USAGE = 64,       /* 64 to 78 are those of sysexits.h */
	COMMAND_BAD_DATA = 65,    /* template, data or secret */
	COMMAND_UNREACHABLE = 69, /* the worker */
	COMMAND_RUNNING_ALREADY = 75,
	COMMAND_NOT_PERMITTED = 77,
	COMMAND_NOT_CONFIGURED = 78,
	COMMAND_INTERRUPTED = 130, /* as shells report a command that SIGINT has ended: 128 + 2 */
};

struct command {
	const char *name, *arguments, *purpose;
	const char *options; /* one line each; "": none */
	int (*run)(const struct config *config, int argc, char **argv);
	bool needs_worker; /* it does not run with a wrong configuration */
};

extern const struct command COMMANDS[];
extern const size_t COMMAND_COUNT;

const struct command *command_find(const char *name); /* NULL: no such command */
void command_complain_unknown(const char *name);      /* suggests a similar one */
void command_print_all(FILE *out);

int command_sync(const struct config *config, int argc, char **argv);
int command_status(const struct config *config, int argc, char **argv);
int command_doctor(const struct config *config, int argc, char **argv);
int command_config(const struct config *config, int argc, char **argv);
int command_render(const struct config *config, int argc, char **argv);
int command_set_secret(const struct config *config, int argc, char **argv);
int command_test_mail(const struct config *config, int argc, char **argv);
int command_test_rollbar(const struct config *config, int argc, char **argv);
int command_help(const struct config *config, int argc, char **argv); /* runs the named command with --help */

/* ---- shared by the verbs (cli/command.c) ---- */

void command_print_usage(FILE *out, const char *name);
void command_print_help(const char *name); /* usage, purpose and options, on stdout */

/* The name most similar to `given`, as "; did you mean status?"; "" if none is similar. `names` ends with
 * NULL. Owned. */
char *command_suggest(const char *given, const char *const *names);

/* Reads an argv that consists of switches only: sets bit I for the argument names[I]; `names` ends with NULL.
 * An unknown argument is reported with the usage on stderr, and --help prints the help on stdout: for both,
 * returns -1 and the exit code. */
int command_switches(int argc, char **argv, const char *const *names, unsigned *ret_bits, int *ret_exit);

#endif
