/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"

/* Replaces libsystemd: keeps every entry as "NAME=value" lines, followed by an empty one. */
static struct buf journal = BUF_INIT(100000);
static int journal_answer;

int sd_journal_sendv(const struct iovec *iov, int n)
{
	errno = EBADF; /* any call below may leave errno like this */
	if (journal_answer < 0)
		return journal_answer;
	for (int i = 0; i < n; i++) {
		buf_append(&journal, iov[i].iov_base, iov[i].iov_len);
		buf_append_char(&journal, '\n');
	}
	buf_append_char(&journal, '\n');
	return 0;
}

/* stderr is a pipe during each test. */
static int stderr_saved = -1, stderr_read = -1;

static int stderr_setup(void **state)
{
	int ends[2];

	(void)state;
	if (pipe(ends) < 0)
		return -1;
	stderr_saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	stderr_read = ends[0];
	dup2(ends[1], STDERR_FILENO);
	close(ends[1]);
	fcntl(stderr_read, F_SETFL, O_NONBLOCK);
	unsetenv("JOURNAL_STREAM");
	journal_answer = 0;
	return 0;
}

static int stderr_teardown(void **state)
{
	(void)state;
	dup2(stderr_saved, STDERR_FILENO);
	close(stderr_saved);
	close(stderr_read);
	buf_done(&journal);
	return 0;
}

/* The output on stderr since the last call. */
static const char *stderr_text(void)
{
	static char text[10000];
	ssize_t length = read(stderr_read, text, sizeof(text) - 1);

	text[length > 0 ? length : 0] = '\0';
	return text;
}

/* As systemd does for a service; `inode_offset` makes it the stream of another process. */
static void set_journal_stream(uintmax_t inode_offset, const char *suffix)
{
	struct stat status;
	char text[100];

	assert_int_equal(fstat(STDERR_FILENO, &status), 0);
	snprintf(text, sizeof(text), "%ju:%ju%s", (uintmax_t)status.st_dev,
		(uintmax_t)status.st_ino + inode_offset, suffix);
	setenv("JOURNAL_STREAM", text, 1);
}

static void a_line_names_the_program(void **state)
{
	(void)state;
	log_open("aither-worker");
	log_write(LOG_ERR, "cannot read %s", "a.html");
	assert_string_equal(stderr_text(), "aither-worker: cannot read a.html\n");
	log_write(LOG_INFO, "%s", "");
	assert_string_equal(stderr_text(), "aither-worker: \n");
	assert_int_equal(journal.length, 0);
}

static void an_event_on_stderr_is_its_text(void **state)
{
	const struct log_field fields[] = { { "AITHER_COURSES", "12" } };

	(void)state;
	log_open("aither-worker");
	log_event(LOG_INFO, LOG_EVENT_SYNC_DONE, fields, ARRAY_SIZE(fields), "%d courses", 12);
	assert_string_equal(stderr_text(), "aither-worker: 12 courses\n");
}

static void control_characters_do_not_reach_a_terminal(void **state)
{
	static const struct {
		const char *text, *shown;
	} rows[] = {
		{ "a\nforged: line", "a?forged: line" },
		{ "\r\x1b[2J\x07\x7f", "??[2J??" },
		{ "tab\there", "tab?here" },
		{ "C1: \xc2\x9b"
		  "31m",
			"C1: ??31m" },
		{ "first and last: \xc2\x80 \xc2\x9f", "first and last: ?? ??" },
		{ "harmless: \xc2\xa0 K\xc3\xb6ln \xe2\x82\xac \xc3\x9b",
			"harmless: \xc2\xa0 K\xc3\xb6ln \xe2\x82\xac \xc3\x9b" },
		{ "half: \xc2", "half: \xc2" },
	};

	(void)state;
	log_open("p");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEANUP(mem_freep) char *expected = mem_printf("p: %s\n", rows[i].shown);

		log_write(LOG_NOTICE, "%s", rows[i].text);
		assert_string_equal(stderr_text(), expected);
	}
}

static void long_texts_are_cut_between_characters(void **state)
{
	const char *text;

	(void)state;
	log_open("p");
	log_write(LOG_NOTICE, "%*s", 3000, "x");
	assert_int_equal(strlen(stderr_text()), 3 + 2047 + 1);
	log_write(LOG_NOTICE, "%*s\xe2\x82\xac", 2045, "x");
	text = stderr_text();
	assert_int_equal(strlen(text), 3 + 2045 + 1);
	assert_int_equal(text[3 + 2044], 'x');
}

static void an_entry_of_the_journal_has_its_fields(void **state)
{
	const struct log_field fields[] = {
		{ "AITHER_COURSES", "12" },
		{ "AITHER_ERROR", NULL },
		{ "AITHER_PATH", "a=b\tc" },
	};

	(void)state;
	set_journal_stream(0, "");
	log_open("aither-worker");
	log_event(LOG_WARNING, LOG_EVENT_SYNC_DONE, fields, ARRAY_SIZE(fields), "%d courses", 12);
	assert_string_equal(buf_text(&journal),
		"MESSAGE=12 courses\nPRIORITY=4\nSYSLOG_IDENTIFIER=aither-worker\n"
		"MESSAGE_ID=" LOG_EVENT_SYNC_DONE "\nAITHER_COURSES=12\nAITHER_PATH=a=b\tc\n\n");
	buf_clear(&journal);
	log_event(LOG_DEBUG, NULL, NULL, 0, "plain");
	log_write(LOG_ERR, "line");
	assert_string_equal(buf_text(&journal),
		"MESSAGE=plain\nPRIORITY=7\nSYSLOG_IDENTIFIER=aither-worker\n\n"
		"MESSAGE=line\nPRIORITY=3\nSYSLOG_IDENTIFIER=aither-worker\n\n");
	assert_string_equal(stderr_text(), "");
}

static void long_fields_are_cut(void **state)
{
	CLEANUP(mem_freep) char *value = mem_printf("%*s", 5000, "x");
	const struct log_field fields[] = { { "AITHER_PATH", value } };
	const char *field;

	(void)state;
	set_journal_stream(0, "");
	log_open("p");
	log_event(LOG_INFO, NULL, fields, ARRAY_SIZE(fields), "x");
	field = strstr(buf_text(&journal), "AITHER_PATH=");
	assert_non_null(field);
	assert_int_equal(strcspn(field, "\n"), strlen("AITHER_PATH=") + 2048);
}

static void a_stream_of_another_process_is_not_the_journal(void **state)
{
	static const char *const values[] = { "", "1", "1:", ":", "x:y", "0:0" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		setenv("JOURNAL_STREAM", values[i], 1);
		log_open("p");
		log_write(LOG_INFO, "x");
		assert_string_equal(stderr_text(), "p: x\n");
	}
	set_journal_stream(1, ""); /* redirected since systemd set it */
	log_open("p");
	log_write(LOG_INFO, "x");
	assert_string_equal(stderr_text(), "p: x\n");
	set_journal_stream(0, "x");
	log_open("p");
	log_write(LOG_INFO, "x");
	assert_string_equal(stderr_text(), "p: x\n");
	assert_int_equal(journal.length, 0);
}

static void an_event_the_journal_refuses_goes_to_stderr(void **state)
{
	(void)state;
	set_journal_stream(0, "");
	log_open("p");
	journal_answer = -ENOBUFS;
	log_event(LOG_ERR, LOG_EVENT_SYNC_FAILED, NULL, 0, "lost?");
	assert_string_equal(stderr_text(), "p: lost?\n");
}

static void logging_keeps_errno_and_can_print_it(void **state)
{
	(void)state;
	log_open("p");
	errno = ENOENT;
	log_write(LOG_ERR, "a.html: %m");
	assert_int_equal(errno, ENOENT);
	assert_string_equal(stderr_text(), "p: a.html: No such file or directory\n");
	set_journal_stream(0, "");
	log_open("p");
	errno = ENOENT;
	log_event(LOG_ERR, NULL, NULL, 0, "%m");
	assert_int_equal(errno, ENOENT);
	assert_non_null(strstr(buf_text(&journal), "MESSAGE=No such file or directory\n"));
}

#define LOG_TEST(function) cmocka_unit_test_setup_teardown(function, stderr_setup, stderr_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LOG_TEST(a_line_names_the_program),
		LOG_TEST(an_event_on_stderr_is_its_text),
		LOG_TEST(control_characters_do_not_reach_a_terminal),
		LOG_TEST(long_texts_are_cut_between_characters),
		LOG_TEST(an_entry_of_the_journal_has_its_fields),
		LOG_TEST(long_fields_are_cut),
		LOG_TEST(a_stream_of_another_process_is_not_the_journal),
		LOG_TEST(an_event_the_journal_refuses_goes_to_stderr),
		LOG_TEST(logging_keeps_errno_and_can_print_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
