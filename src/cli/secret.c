/* SPDX-License-Identifier: MIT */
#include "cli/command.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "base/config.h"
#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"

#define CREDSTORE "/etc/credstore" /* where LoadCredential=NAME looks, systemd.exec(5) */
#define SECRET_SIZE_MAX 4096

/* Which unit loads it: that one has to be restarted to see the new value. */
static const char *unit_of(int secret)
{
	return secret == CONFIG_SECRET_SYNC_TOKEN ? "aither.service" : "aither-worker.service";
}

static void wipe(char (*secret)[SECRET_SIZE_MAX])
{
	explicit_bzero(*secret, sizeof(*secret));
}

/* One line, without echo on a terminal. */
static int read_secret(char secret[static SECRET_SIZE_MAX], const char *name, struct error *err)
{
	struct termios before, silent;
	bool terminal = tcgetattr(STDIN_FILENO, &before) == 0;
	char *line;

	if (terminal) {
		silent = before;
		silent.c_lflag &= ~(tcflag_t)ECHO;
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
		fprintf(stderr, "%s: ", name);
	}
	line = fgets(secret, SECRET_SIZE_MAX, stdin);
	if (terminal) {
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
		fputc('\n', stderr);
	}
	if (!line)
		return error_set(err, -ENODATA, "nothing was given on standard input");
	secret[strcspn(secret, "\r\n")] = '\0';
	return 0;
}

static int store(const char *name, const char *secret, struct error *err)
{
	CLEANUP(file_closep) int directory = -1;
	CLEANUP(mem_freep) char *file = mem_printf("aither.%s", name);
	int result = file_make_directory(AT_FDCWD, CREDSTORE, 0700, &directory, err);

	if (result < 0)
		return result;
	return file_replace(directory, file, secret, strlen(secret), 0600, err);
}

/* Only a running unit is restarted; where there is no systemd nothing has to be. */
static void restart(const char *unit)
{
	char *arguments[] = { (char *)"systemctl", (char *)"try-restart", (char *)unit, NULL };
	int status;
	pid_t child;

	if (access("/run/systemd/system", F_OK) < 0)
		return;
	if (posix_spawnp(&child, arguments[0], NULL, NULL, arguments, environ) != 0 ||
		waitpid(child, &status, 0) < 0 || status != 0)
		command_complain("set-secret: stored; now run: systemctl try-restart %s", unit);
}

static void print_names(void)
{
	fputs("usage: aither set-secret NAME, where NAME is one of:\n", stderr);
	for (int i = 0; i < CONFIG_SECRETS; i++)
		fprintf(stderr, "  %s\n", config_secret_name((enum config_secret)i));
}

int command_set_secret(const struct config *config, int argc, char **argv)
{
	CLEANUP(wipe) char secret[SECRET_SIZE_MAX] = "";
	int which = argc == 2 ? config_secret_find(argv[1]) : -1;
	struct error err = { 0 };
	int result;

	(void)config;
	if (which < 0) {
		print_names();
		return argc == 2 && strcmp(argv[1], "--help") == 0 ? COMMAND_DONE : COMMAND_USAGE;
	}
	if (geteuid() != 0) {
		command_complain("set-secret writes to " CREDSTORE ": run it as root");
		return COMMAND_NOT_PERMITTED;
	}
	result = read_secret(secret, argv[1], &err);
	if (result == 0)
		result = config_secret_check((enum config_secret)which, secret, &err);
	if (result < 0) {
		command_complain("set-secret: %s", err.message);
		return COMMAND_BAD_DATA;
	}
	if (store(argv[1], secret, &err) < 0) {
		command_complain("set-secret: %s", err.message);
		return COMMAND_FAILED;
	}
	restart(unit_of(which));
	return COMMAND_DONE;
}
