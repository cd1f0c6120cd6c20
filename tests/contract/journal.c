/* SPDX-License-Identifier: MIT */

/*
 * For LD_PRELOAD into the programs: plays the journal. The programs find their stderr connected to it.
 * Everything that they pass to libsystemd is appended to the file that AITHER_JOURNAL names, each entry as
 * "NAME=value" lines followed by an empty line. The message also goes to stderr, as it does without a
 * journal. journal.py reads the file.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define JOURNAL_ENTRY_SIZE 65536

int sd_journal_sendv(const struct iovec *iov, int n);

static int journal_fd = -1;

__attribute__((constructor)) static void journal_begin(void)
{
	const char *path = getenv("AITHER_JOURNAL");
	struct stat status;
	char stream[64];

	if (path)
		journal_fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	if (journal_fd < 0 || fstat(STDERR_FILENO, &status) < 0)
		abort(); /* a test that tests nothing must not pass */
	snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)status.st_dev, (uintmax_t)status.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
}

static size_t journal_add(char *entry, size_t length, const struct iovec *field)
{
	const char *text = field->iov_base;

	if (length + field->iov_len + 2 > JOURNAL_ENTRY_SIZE)
		abort();
	for (size_t i = 0; i < field->iov_len; i++)
		if (text[i] == '\n')
			entry[length++] = ' ';
		else
			entry[length++] = text[i];
	entry[length++] = '\n';
	return length;
}

int sd_journal_sendv(const struct iovec *iov, int n)
{
	char entry[JOURNAL_ENTRY_SIZE];
	const char *message = "", *program = "";
	size_t length = 0;
	int message_length = 0, program_length = 0;

	for (int i = 0; i < n; i++) {
		const char *text = iov[i].iov_base;
		if (strncmp(text, "MESSAGE=", 8) == 0) {
			message = text + 8;
			message_length = (int)iov[i].iov_len - 8;
		} else if (strncmp(text, "SYSLOG_IDENTIFIER=", 18) == 0) {
			program = text + 18;
			program_length = (int)iov[i].iov_len - 18;
		}
		length = journal_add(entry, length, &iov[i]);
	}
	entry[length++] = '\n';
	dprintf(STDERR_FILENO, "%.*s: %.*s\n", program_length, program, message_length, message);
	return write(journal_fd, entry, length) == (ssize_t)length ? 0 : -errno;
}
