/* SPDX-License-Identifier: MIT */
#include "cli/command.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "base/config.h"
#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "cli/interrupt.h"
#include "cli/words.h"

#define CREDSTORE "/etc/credstore" /* where LoadCredential=NAME looks, systemd.exec(5) */
#define SECRET_SIZE_MAX 4096       /* what a terminal passes on in one line; no secret is longer than 256 */

struct line {
	char text[SECRET_SIZE_MAX];
	size_t length;
};

/* Which unit loads it: that one has to be restarted to see the new value. */
static const char *unit_of(enum config_secret secret)
{
	return config_secret_program(secret) == CONFIG_WEB ? "aither.service" : "aither-worker.service";
}

static void wipe(struct line *line)
{
	explicit_bzero(line, sizeof(*line));
}

/* By read(2), for stdio would keep a copy. Returns 0, or the number of the signal that came first; what is
 * longer than a line may be is cut, and too long for every secret. */
static int read_line(struct line *line, const struct interrupt *interrupt)
{
	const size_t room = sizeof(line->text) - 1;

	for (;;) {
		int signal_number = interrupt_wait(interrupt, STDIN_FILENO, -1);
		ssize_t n;

		if (signal_number > 0 && signal_number != SIGWINCH)
			return signal_number;
		if (signal_number == SIGWINCH)
			continue;
		n = read(STDIN_FILENO, line->text + line->length, room - line->length);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return 0;
		line->length += (size_t)n;
		if (line->length == room || memchr(line->text, '\n', line->length))
			return 0;
	}
}

/* A part of a secret must not be stored. */
static int complain_of_input(int result)
{
	command_complain("set-secret: standard input: %s", strerror(-result));
	return COMMAND_FAILED;
}

/* The same at a terminal, which shows nothing of it and is left as it was found, whatever ends the reading.
 */
static int read_line_silently(struct line *line, const char *name)
{
	CLEANUP(interrupt_close) struct interrupt interrupt = INTERRUPT_INIT;
	struct termios before, silent;
	int signal_number;

	interrupt_open(&interrupt, INTERRUPT_OF_TERMINAL | INTERRUPT_NO_STOP);
	if (tcgetattr(STDIN_FILENO, &before) < 0)
		return complain_of_input(-errno);
	silent = before;
	silent.c_lflag &= ~(tcflag_t)(ECHO | ECHONL);
	if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent) < 0)
		return complain_of_input(-errno);
	fprintf(stderr, "%s (it is not shown): ", name);
	signal_number = read_line(line, &interrupt);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
	fputc('\n', stderr);
	if (signal_number < 0)
		return complain_of_input(signal_number);
	return signal_number ? interrupt_leave(&interrupt, signal_number) : 0;
}

/* Returns 0, or the exit code of the program. */
static int read_secret(struct line *line, const char *name)
{
	const struct interrupt none = INTERRUPT_INIT;
	int exit_code = 0;
	size_t mark;

	if (isatty(STDIN_FILENO)) {
		exit_code = read_line_silently(line, name);
	} else {
		int r = read_line(line, &none);

		exit_code = r < 0 ? complain_of_input(r) : 0;
	}
	if (exit_code)
		return exit_code;
	if (line->length == 0) {
		command_complain("set-secret: nothing was given on standard input");
		return COMMAND_BAD_DATA;
	}
	if (memchr(line->text, '\0', line->length)) {
		command_complain("set-secret: %s must not have NUL characters", name);
		return COMMAND_BAD_DATA;
	}
	mark = utf8_mark_length(line->text, line->length);
	memmove(line->text, line->text + mark, line->length + 1 - mark);
	line->text[strcspn(line->text, "\r\n")] = '\0';
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

/* ---- what we choose ourselves ---- */

#define GENERATED_GROUPS 5
#define GENERATED_GROUP 5 /* letters: 5 groups of 5, each one of 32, are 125 bits */

/* "k7xqe-w2mzp-...": small letters and digits, without those that are taken for each other (l, 1, o, 0). */
static int generate(struct line *line)
{
	static const char letters[] = "abcdefghijkmnpqrstuvwxyz23456789";
	unsigned char random[GENERATED_GROUPS * GENERATED_GROUP];

	_Static_assert(sizeof(letters) - 1 == 32, "a letter is five bits of a byte");
	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random)) {
		command_complain("set-secret: the system has no random bytes: %s", strerror(errno));
		return COMMAND_FAILED;
	}
	line->length = 0;
	for (size_t i = 0; i < sizeof(random); i++) {
		if (i > 0 && i % GENERATED_GROUP == 0)
			line->text[line->length++] = '-';
		line->text[line->length++] = letters[random[i] % 32];
	}
	line->text[line->length] = '\0';
	explicit_bzero(random, sizeof(random));
	return 0;
}

/* ---- the command ---- */

static void print_names(FILE *out)
{
	fputs("usage: aither set-secret [--generate] NAME, where NAME is one of:\n", out);
	for (int i = 0; i < CONFIG_SECRETS; i++)
		fprintf(out, "  %s\n", config_secret_name((enum config_secret)i));
}

static int check_and_store(enum config_secret which, const char *secret, bool is_generated)
{
	const char *name = config_secret_name(which);
	struct error err = { 0 };

	if (config_secret_check(which, secret, &err) < 0) {
		command_complain("set-secret: %s", err.message);
		return COMMAND_BAD_DATA;
	}
	if (store(name, secret, &err) < 0) {
		command_complain("set-secret: %s", err.message);
		return COMMAND_FAILED;
	}
	if (is_generated) {
		/* Alone, so that a script can take it. */
		puts(secret);
		command_complain(
			"set-secret: stored as " CREDSTORE "/aither.%s, where root can read it again", name);
	} else {
		/* The length shows a paste that went wrong. */
		CLEANUP(mem_freep)
		char *length = words_count((int64_t)strlen(secret), "character", "characters");
		printf("stored %s as " CREDSTORE "/aither.%s\n", length, name);
	}
	fflush(stdout);
	restart(unit_of(which));
	return COMMAND_DONE;
}

int command_set_secret(const struct config *config, int argc, char **argv)
{
	CLEANUP(wipe) struct line line = { .length = 0 };
	int which = -1, names = 0, exit_code;
	bool is_generated = false;

	(void)config;
	if (argc == 2 && strcmp(argv[1], "--help") == 0) {
		print_names(stdout);
		return COMMAND_DONE;
	}
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--generate") == 0) {
			is_generated = true;
		} else {
			which = config_secret_find(argv[i]);
			names++;
		}
	}
	if (names != 1 || which < 0) {
		print_names(stderr);
		return COMMAND_USAGE;
	}
	const char *name = config_secret_name((enum config_secret)which);
	if (is_generated && config_secret_program((enum config_secret)which) != CONFIG_WEB) {
		command_complain("set-secret: %s is issued by others; --generate makes a sync-token or a "
				 "pages-password",
			name);
		return COMMAND_USAGE;
	}
	if (geteuid() != 0) {
		command_complain("set-secret writes to " CREDSTORE ": run it as root");
		return COMMAND_NOT_PERMITTED;
	}
	exit_code = is_generated ? generate(&line) : read_secret(&line, name);
	return exit_code ? exit_code : check_and_store((enum config_secret)which, line.text, is_generated);
}
