/* SPDX-License-Identifier: MIT */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* The location would always be in this file. */
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/utf8.h"

#define LOG_TEXT_MAX 2048 /* see log_event */

/* Written by log_open only, before threads start. */
static const char *log_program = "aither";
static bool log_to_journal;

void log_open(const char *program)
{
	const char *stream = getenv("JOURNAL_STREAM");
	char own[64]; /* two numbers of 20 digits at most */
	struct stat status;

	log_program = program;
	log_to_journal = false;
	if (!stream || fstat(STDERR_FILENO, &status) < 0)
		return;
	/* Is stderr still the stream that the service manager connected to the journal? */
	snprintf(own, sizeof(own), "%ju:%ju", (uintmax_t)status.st_dev, (uintmax_t)status.st_ino);
	log_to_journal = strcmp(stream, own) == 0;
}

bool log_is_journal(void)
{
	return log_to_journal;
}

static void log_to_stderr(const char *text)
{
	CLEANUP(mem_freep) char *line = mem_printf("%s: %s", log_program, text);
	size_t length = strlen(line);

	utf8_defuse(line);
	line[length++] = '\n'; /* in place of the NUL; one write, so that lines of threads do not mix */
	(void)file_write_all(STDERR_FILENO, line, length); /* there is nowhere left to report an error */
}

static void log_add(struct iovec *iov, size_t *count, const char *name, const char *value)
{
	char *text = mem_printf("%s=%.*s", name, LOG_TEXT_MAX, value);

	iov[(*count)++] = (struct iovec){ .iov_base = text, .iov_len = strlen(text) };
}

static int log_send(int priority, const char *message_id, const struct log_field *fields, size_t field_count,
	const char *text)
{
	CLEANUP(mem_freep) struct iovec *iov = mem_resize(NULL, field_count + 4, sizeof(*iov));
	char digit[2] = { (char)('0' + (priority & LOG_PRIMASK)), '\0' };
	size_t count = 0;
	int r;

	log_add(iov, &count, "MESSAGE", text);
	log_add(iov, &count, "PRIORITY", digit);
	log_add(iov, &count, "SYSLOG_IDENTIFIER", log_program);
	if (message_id)
		log_add(iov, &count, "MESSAGE_ID", message_id);
	for (size_t i = 0; i < field_count; i++) {
		if (fields[i].value)
			log_add(iov, &count, fields[i].name, fields[i].value);
	}
	r = sd_journal_sendv(iov, (int)count);
	while (count > 0)
		free(iov[--count].iov_base);
	return r;
}

__attribute__((format(printf, 5, 0))) static void log_emit(int priority, const char *message_id,
	const struct log_field *fields, size_t field_count, const char *format, va_list arguments)
{
	int saved = errno, wanted;
	char text[LOG_TEXT_MAX];

	wanted = vsnprintf(text, sizeof(text), format, arguments);
	if (wanted < 0)
		text[0] = '\0';
	else if (wanted >= LOG_TEXT_MAX)
		utf8_trim(text); /* journalctl shows a text with half a character at its end as a blob */
	/* If the journal does not answer, the event must not get lost. */
	if (!log_to_journal || log_send(priority, message_id, fields, field_count, text) < 0)
		log_to_stderr(text);
	errno = saved;
}

void log_write(int priority, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	log_emit(priority, NULL, NULL, 0, format, arguments);
	va_end(arguments);
}

void log_event(int priority, const char *message_id, const struct log_field *fields, size_t field_count,
	const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	log_emit(priority, message_id, fields, field_count, format, arguments);
	va_end(arguments);
}
