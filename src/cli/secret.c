/* SPDX-License-Identifier: MIT */
#include "cli/command.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "cli/interrupt.h"
#include "cli/words.h"
#include "config/config.h"

#define CREDSTORE "/etc/credstore" /* where LoadCredential=NAME looks, systemd.exec(5) */
#define SECRET_SIZE_MAX 4096       /* longest line of a terminal; no secret is longer than 256 */
#define GENERATED_GROUPS 5
#define GENERATED_GROUP 5 /* letters: 5 groups of 5, each one of 32, are 125 bits */

struct line {
	char text[SECRET_SIZE_MAX];
	size_t length;
};

static void wipe(struct line *line)
{
	explicit_bzero(line, sizeof(*line));
}

/* Uses read(2), since stdio would keep a copy. Returns 0, the number of the signal that came first, or
 * -errno. A longer line is cut; it is too long for every secret anyway. */
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

/* The same on a terminal: turns echo off, and restores it however the reading ends. */
static int read_line_silently(struct line *line, struct interrupt *interrupt, const char *name)
{
	struct termios before, silent;
	int r;

	interrupt_open(interrupt, INTERRUPT_OF_TERMINAL | INTERRUPT_NO_STOP);
	if (tcgetattr(STDIN_FILENO, &before) < 0)
		return -errno;
	silent = before;
	silent.c_lflag &= ~(tcflag_t)(ECHO | ECHONL);
	if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent) < 0)
		return -errno;
	fprintf(stderr, "%s (not shown): ", name);
	r = read_line(line, interrupt);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
	fputc('\n', stderr);
	return r;
}

/* Returns 0, or the exit code of the program. */
static int read_secret(struct line *line, const char *name)
{
	CLEANUP(interrupt_close) struct interrupt interrupt = INTERRUPT_INIT;
	int r = isatty(STDIN_FILENO) ? read_line_silently(line, &interrupt, name)
				     : read_line(line, &interrupt);
	size_t mark;

	if (r < 0) { /* part of a secret must not be stored */
		words_complain("set-secret: cannot read standard input: %s", strerror(-r));
		return COMMAND_FAILED;
	}
	if (r > 0)
		return interrupt_leave(&interrupt, r);
	if (line->length == 0) {
		words_complain("set-secret: standard input is empty");
		return COMMAND_BAD_DATA;
	}
	if (memchr(line->text, '\0', line->length)) {
		words_complain("set-secret: %s must not contain NUL characters", name);
		return COMMAND_BAD_DATA;
	}
	mark = utf8_mark_length(line->text, line->length);
	memmove(line->text, line->text + mark, line->length + 1 - mark);
	line->text[strcspn(line->text, "\r\n")] = '\0';
	return 0;
}

/* "k7xqe-w2mzp-...": small letters and digits without l, 1, o and 0, which look alike.
 * Returns 0, or the exit code of the program. */
static int generate(struct line *line)
{
	static const char letters[] = "abcdefghijkmnpqrstuvwxyz23456789";
	unsigned char random[GENERATED_GROUPS * GENERATED_GROUP];

	static_assert(sizeof(letters) - 1 == 32, "a letter is five bits of a byte");
	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random)) {
		words_complain("set-secret: cannot get random bytes: %s", strerror(errno));
		return COMMAND_FAILED;
	}
	for (size_t i = 0; i < sizeof(random); i++) {
		if (i > 0 && i % GENERATED_GROUP == 0)
			line->text[line->length++] = '-';
		line->text[line->length++] = letters[random[i] % 32];
	}
	explicit_bzero(random, sizeof(random));
	return 0;
}

/* A daemon loads its secrets when it starts. */
static void restart(enum config_secret secret)
{
	const char *unit =
		config_secret_program(secret) == CONFIG_WEB ? "aither.service" : "aither-worker.service";
	char *arguments[] = { (char *)"systemctl", (char *)"try-restart", (char *)unit, NULL };
	int status;
	pid_t child;

	if (access("/run/systemd/system", F_OK) < 0)
		return;
	if (posix_spawnp(&child, arguments[0], NULL, NULL, arguments, environ) != 0 ||
		waitpid(child, &status, 0) < 0 || status != 0)
		words_complain("set-secret: stored, but cannot restart %s; run: systemctl try-restart %s",
			unit, unit);
}

static void complain_of_name(const char *given)
{
	const char *names[CONFIG_SECRETS + 1] = { NULL };

	for (int i = 0; i < CONFIG_SECRETS; i++)
		names[i] = config_secret_name((enum config_secret)i);
	CLEANUP(mem_freep) char *hint = command_suggest(given, names);
	/* Do not print `given`: it may be the secret itself. */
	words_complain("set-secret: there is no secret of that name%s", hint);
}

static void print_names(FILE *out)
{
	fputs("NAME is one of:\n", out);
	for (int i = 0; i < CONFIG_SECRETS; i++)
		fprintf(out, "  %s\n", config_secret_name((enum config_secret)i));
}

int command_set_secret(const struct config *config, int argc, char **argv)
{
	CLEANUP(wipe) struct line line = { .length = 0 };
	int found = -1, names = 0, exit_code;
	enum config_secret secret;
	const char *given = NULL;
	bool is_generated = false;
	struct error err = { 0 };

	(void)config;
	if (argc == 2 && strcmp(argv[1], "--help") == 0) {
		command_print_help(argv[0]);
		putchar('\n');
		print_names(stdout);
		return COMMAND_DONE;
	}
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--generate") == 0) {
			is_generated = true;
		} else {
			given = argv[i];
			found = config_secret_find(given);
			names++;
		}
	}
	if (names == 1 && found < 0)
		complain_of_name(given);
	if (names != 1 || found < 0) {
		command_print_usage(stderr, argv[0]);
		print_names(stderr);
		return COMMAND_USAGE;
	}
	secret = (enum config_secret)found;
	const char *name = config_secret_name(secret);
	if (is_generated && config_secret_program(secret) != CONFIG_WEB) {
		words_complain(
			"set-secret: cannot generate %s: --generate makes only a sync-token or a pages-password",
			name);
		return COMMAND_USAGE;
	}
	if (geteuid() != 0) {
		words_complain("set-secret: only root may write to " CREDSTORE "; run it as root");
		return COMMAND_NOT_PERMITTED;
	}
	exit_code = is_generated ? generate(&line) : read_secret(&line, name);
	if (exit_code)
		return exit_code;
	CLEANUP(file_closep) int directory = -1;
	CLEANUP(mem_freep) char *file = mem_printf("aither.%s", name);
	if (config_secret_check(secret, line.text, &err) < 0)
		exit_code = COMMAND_BAD_DATA;
	else if (file_make_directory(AT_FDCWD, CREDSTORE, 0700, &directory, &err) < 0 ||
		 file_replace(directory, file, line.text, strlen(line.text), 0600, &err) < 0)
		exit_code = COMMAND_FAILED;
	if (exit_code) {
		words_complain("set-secret: %s", err.message);
		return exit_code;
	}
	if (is_generated) {
		puts(line.text); /* alone, so that a script can take it */
		words_complain(
			"set-secret: stored as " CREDSTORE "/aither.%s, where root can read it again", name);
	} else {
		/* The length reveals a paste that went wrong. */
		CLEANUP(mem_freep)
		char *length = words_count((int64_t)strlen(line.text), "character", "characters");
		printf("stored %s as " CREDSTORE "/aither.%s\n", length, name);
	}
	fflush(stdout);
	restart(secret);
	return COMMAND_DONE;
}
