/* SPDX-License-Identifier: MIT */
#include "base/smtp-dialog.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/time.h"

#define CODE_LENGTH 3 /* "250 " or "250-", then text: RFC 5321, 4.2 */
#define REFUSAL_MIN 400

static const struct {
	const char *word;
	enum smtp_stage stage;
} commands[] = {
	{ "EHLO", SMTP_HELLO },
	{ "HELO", SMTP_HELLO },
	{ "STARTTLS", SMTP_STARTTLS },
	{ "AUTH", SMTP_LOGIN },
	{ "MAIL", SMTP_SENDER },
	{ "RCPT", SMTP_RECIPIENT },
	{ "DATA", SMTP_MESSAGE },
	{ "NOOP", SMTP_OTHER },
	{ "QUIT", SMTP_GOODBYE },
};

/* While logging in, lines are no commands but answers to the server's questions. */
static enum smtp_stage stage_of(const struct smtp_dialog *dialog, const char *line)
{
	size_t length = strcspn(line, " ");

	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (strlen(commands[i].word) == length && strncasecmp(line, commands[i].word, length) == 0)
			return commands[i].stage;
	return dialog->stage == SMTP_LOGIN ? SMTP_LOGIN : SMTP_OTHER;
}

/* Copies a line without its end. It becomes part of sentences in JSON and on terminals, so what is not plain
 * ASCII is replaced. */
static void copy_line(char *ret_text, size_t size, const char *line, size_t length)
{
	size_t end = length < size ? length : size - 1;

	while (end > 0 && strchr("\r\n ", line[end - 1]))
		end--;
	for (size_t i = 0; i < end; i++)
		ret_text[i] = (char)(line[i] >= ' ' && line[i] < 0x7f ? line[i] : '?');
	ret_text[end] = '\0';
}

/* The address between < and >. */
static void take_recipient(struct smtp_dialog *dialog, const char *line)
{
	const char *open = strchr(line, '<');

	dialog->recipient[0] = '\0';
	if (open)
		snprintf(dialog->recipient, sizeof(dialog->recipient), "%.*s", (int)strcspn(open + 1, ">"),
			open + 1);
}

/* "AUTH PLAIN" names the mechanism; its third word, and what follows in lines of its own, is user or
 * password. */
static void take_secret(struct smtp_dialog *dialog, const char *line)
{
	const char *secret = line;

	if (strncasecmp(line, "AUTH ", 5) == 0) {
		const char *blank = strchr(line + 5, ' ');
		secret = blank ? blank + 1 : "";
	}
	snprintf(dialog->secret, sizeof(dialog->secret), "%s", secret);
}

void smtp_dialog_sent(struct smtp_dialog *dialog, const char *line, size_t length)
{
	char text[SMTP_SECRET_SIZE];

	copy_line(text, sizeof(text), line, length);
	dialog->stage = stage_of(dialog, text);
	if (dialog->stage != SMTP_GOODBYE)
		dialog->refused_code = 0;
	if (dialog->stage == SMTP_RECIPIENT)
		take_recipient(dialog, text);
	if (dialog->stage == SMTP_GOODBYE)
		dialog->goodbye_mono_ms = time_mono_ms();
	if (dialog->stage == SMTP_LOGIN) {
		dialog->logged_in = true;
		take_secret(dialog, text);
	}
	explicit_bzero(text, sizeof(text));
}

static bool line_has(const char *line, size_t length, const char *secret)
{
	return secret && *secret && memmem(line, length, secret, strlen(secret));
}

/* The text of one more line of a reply, without its number: "550-5.1.1 no". */
static void append_line(struct smtp_dialog *dialog, const char *line, size_t length)
{
	static const char hidden[] = "(a line with a secret in it)";
	size_t end = strlen(dialog->lines), skip = length > CODE_LENGTH ? CODE_LENGTH + 1 : length;

	if (end + 2 >= sizeof(dialog->lines))
		return;
	dialog->lines[end++] = ' ';
	if (line_has(line, length, dialog->secret) || line_has(line, length, dialog->password))
		copy_line(dialog->lines + end, sizeof(dialog->lines) - end, hidden, strlen(hidden));
	else
		copy_line(dialog->lines + end, sizeof(dialog->lines) - end, line + skip, length - skip);
}

static void add_recipient(struct smtp_recipients *recipients, const char *address, const char *reply)
{
	char *before = recipients->addresses;
	size_t end = strlen(recipients->text);

	snprintf(recipients->text + end, sizeof(recipients->text) - end, "%s%s (%.100s)", end > 0 ? ", " : "",
		address, reply);
	recipients->addresses = before ? mem_printf("%s,%s", before, address) : mem_strdup(address);
	free(before);
}

static void take_refusal(struct smtp_dialog *dialog, unsigned code)
{
	dialog->refused_code = code;
	dialog->refused_stage = dialog->stage;
	snprintf(dialog->reply, sizeof(dialog->reply), "%u%s", code, dialog->lines);
	if (dialog->stage == SMTP_RECIPIENT && dialog->recipient[0])
		add_recipient(code <= SMTP_TEMPORARY_MAX ? &dialog->deferred : &dialog->refused,
			dialog->recipient, dialog->reply);
}

void smtp_dialog_received(struct smtp_dialog *dialog, const char *line, size_t length)
{
	bool is_reply = length >= CODE_LENGTH && isdigit((unsigned char)line[0]) &&
			isdigit((unsigned char)line[1]) && isdigit((unsigned char)line[2]);

	if (!is_reply)
		return;
	append_line(dialog, line, length);
	if (length > CODE_LENGTH && line[CODE_LENGTH] == '-')
		return;
	unsigned code = (unsigned)strtoul((char[]){ line[0], line[1], line[2], '\0' }, NULL, 10);
	if (code >= REFUSAL_MIN)
		take_refusal(dialog, code);
	dialog->lines[0] = '\0';
}

void smtp_dialog_done(struct smtp_dialog *dialog)
{
	free(dialog->deferred.addresses);
	free(dialog->refused.addresses);
	explicit_bzero(dialog, sizeof(*dialog));
}
