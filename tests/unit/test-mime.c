/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "notify/mime.h"

static void assert_lines_of_at_most(const char *text, size_t length_max)
{
	while (*text) {
		size_t length = strcspn(text, "\r\n");

		assert_true(length <= length_max);
		assert_memory_equal(text + length, "\r\n", 2);
		text += length + 2;
	}
}

static void headers_that_people_read(void **state)
{
	static const struct {
		const char *name, *text, *written;
	} rows[] = {
		{ "plain", "3 syncs have failed", "Subject: 3 syncs have failed\r\n" },
		{ "nothing", "", "Subject:\r\n" },
		{ "spaces", "  a   b  ", "Subject: a b\r\n" },
		{ "a second header", "a\r\nBcc: x@y", "Subject: a Bcc: x@y\r\n" },
		{ "control characters", "a\tb\vc\x7f", "Subject: a b c\r\n" },
		{ "not ASCII",
			"K\xc3\xbc"
			"che 1",
			"Subject: =?UTF-8?Q?K=C3=BCche_1?=\r\n" },
		{ "what a reader would decode",
			"=?UTF-8?Q?x?=", "Subject: =?UTF-8?Q?=3D=3FUTF-8=3FQ=3Fx=3F=3D?=\r\n" },
		{ "not UTF-8", "a\xff", "Subject: =?UTF-8?Q?a=EF=BF=BD?=\r\n" },
		{ "ends of line beyond ASCII",
			"a\xc2\x85"
			"b\xe2\x80\xa8"
			"c\xe2\x80\xa9",
			"Subject: a b c\r\n" },
		{ "at the spaces",
			"0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789",
			"Subject: 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789\r\n "
			"0123456789\r\n" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEANUP(buf_done) struct buf out = BUF_INIT(1000);

		mime_header_text(&out, "Subject", rows[i].text);
		if (strcmp(buf_text(&out), rows[i].written) != 0)
			fail_msg("%s: %s", rows[i].name, buf_text(&out));
	}
}

static void a_mailbox_has_its_name_quoted_or_encoded(void **state)
{
	static const struct {
		const char *mailbox, *written;
	} rows[] = {
		{ "a@x.org", "From: a@x.org\r\n" },
		{ "Hemera Academy <a@x.org>", "From: Hemera Academy <a@x.org>\r\n" },
		{ "Academy, Hemera <a@x.org>", "From: \"Academy, Hemera\" <a@x.org>\r\n" },
		{ "J. \"R\" <b@y> \\ <a@x.org>", "From: \"J. \\\"R\\\" <b@y> \\\\\" <a@x.org>\r\n" },
		{ "a\r\nBcc: b@x.org <a@x.org>", "From: \"a Bcc: b@x.org\" <a@x.org>\r\n" },
		{ "L\xc3\xb6hne, \"x\" <a@x.org>",
			"From: =?UTF-8?Q?L=C3=B6hne=2C_=22x=22?=\r\n <a@x.org>\r\n" },
		{ "=?x?= <a@x.org>", "From: =?UTF-8?Q?=3D=3Fx=3F=3D?=\r\n <a@x.org>\r\n" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEANUP(buf_done) struct buf out = BUF_INIT(1000);

		mime_header_mailbox(&out, "From", rows[i].mailbox);
		assert_string_equal(buf_text(&out), rows[i].written);
	}
}

static void encoded_words_are_short_and_hold_whole_characters(void **state)
{
	CLEANUP(buf_done) struct buf text = BUF_INIT(10000), out = BUF_INIT(100000);
	size_t words = 0;

	(void)state;
	for (int i = 0; i < 500; i++)
		buf_append_text(&text, i % 7 ? "\xe2\x82\xac" : "e ");
	mime_header_text(&out, "Subject", buf_text(&text));
	assert_lines_of_at_most(buf_text(&out), 76);
	for (const char *word = strstr(buf_text(&out), "=?"); word; word = strstr(word + 1, " =?")) {
		const char *end = strstr(word + 12, "?=");

		assert_non_null(end);
		/* No character is split between two encoded words. */
		assert_true(end[-3] != '=' || strncmp(end - 3, "=AC", 3) == 0);
		words++;
	}
	assert_true(words > 20);
}

static void a_word_without_spaces_keeps_within_the_limit(void **state)
{
	CLEANUP(mem_freep) char *text = mem_zalloc(5001);
	CLEANUP(buf_done) struct buf out = BUF_INIT(100000);

	(void)state;
	memset(text, 'a', 5000);
	mime_header_text(&out, "Subject", text);
	assert_lines_of_at_most(buf_text(&out), 998);
}

static void ids_and_addresses_are_never_encoded(void **state)
{
	CLEANUP(buf_done) struct buf out = BUF_INIT(1000);

	(void)state;
	mime_header(&out, "To", "=?x?=@example.org,\n b@example.org");
	assert_string_equal(buf_text(&out), "To: =?x?=@example.org, b@example.org\r\n");
}

static void bodies(void **state)
{
	static const struct {
		const char *name, *text, *written;
	} rows[] = {
		{ "plain", "a b\nc\n", "a b\r\nc\r\n" },
		{ "equals sign", "a=b\n", "a=3Db\r\n" },
		{ "space at the end", "a \n b \n", "a=20\r\n b=20\r\n" },
		{ "space at the very end", "a ", "a=20" },
		{ "tab", "a\tb\n", "a=09b\r\n" },
		{ "not ASCII", "\xc3\xbc\n", "=C3=BC\r\n" },
		{ "carriage return", "a\r\n", "a=0D\r\n" },
		{ "a dot alone", ".\n", ".\r\n" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEANUP(buf_done) struct buf out = BUF_INIT(1000);

		mime_body(&out, rows[i].text);
		if (strcmp(buf_text(&out), rows[i].written) != 0)
			fail_msg("%s: %s", rows[i].name, buf_text(&out));
	}
}

static void long_lines_of_a_body_are_broken_softly(void **state)
{
	for (size_t length = 70; length < 240; length++) {
		CLEANUP(mem_freep) char *text = mem_zalloc(length + 2);
		CLEANUP(buf_done) struct buf out = BUF_INIT(10000), joined = BUF_INIT(10000);

		(void)state;
		for (size_t i = 0; i < length; i++)
			text[i] = i % 5 ? 'a' : '=';
		text[length] = '\n';
		mime_body(&out, text);
		assert_lines_of_at_most(buf_text(&out), 76);
		for (const char *at = buf_text(&out); *at; at++) {
			if (strncmp(at, "=\r\n", 3) == 0) {
				at += 2;
				continue;
			}
			buf_append_char(&joined, *at);
			if (strncmp(at, "=3D", 3) == 0)
				at += 2;
		}
		assert_memory_equal(buf_text(&joined), text, length);
		assert_string_equal(buf_text(&joined) + length, "\r\n");
	}
}

static void foreign_text_stays_on_its_line(void **state)
{
	CLEANUP(buf_done) struct buf out = BUF_INIT(1000);

	(void)state;
	mime_clean(&out, "a\r\nb\x1b[1m\xc3\xa9\x80");
	assert_string_equal(buf_text(&out), "a  b [1m\xc3\xa9\xef\xbf\xbd");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers_that_people_read),
		cmocka_unit_test(a_mailbox_has_its_name_quoted_or_encoded),
		cmocka_unit_test(encoded_words_are_short_and_hold_whole_characters),
		cmocka_unit_test(a_word_without_spaces_keeps_within_the_limit),
		cmocka_unit_test(ids_and_addresses_are_never_encoded),
		cmocka_unit_test(bodies),
		cmocka_unit_test(long_lines_of_a_body_are_broken_softly),
		cmocka_unit_test(foreign_text_stays_on_its_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
