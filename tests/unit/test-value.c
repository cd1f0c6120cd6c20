/* SPDX-License-Identifier: MIT */
#include "render/value.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"

static const char *entity_of(char byte)
{
	switch (byte) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#x27;";
	case '`':
		return "&#x60;";
	case '=':
		return "&#x3D;";
	default:
		return NULL;
	}
}

/* One byte after the other: slow and plain. */
static void escape_plainly(struct slice text, struct buf *out)
{
	for (size_t i = 0; i < text.length; i++) {
		if (entity_of(text.data[i]))
			buf_append_text(out, entity_of(text.data[i]));
		else
			buf_append_char(out, text.data[i]);
	}
}

static void check_escape(const char *text, size_t length)
{
	/* A copy of exactly this size, so that the sanitizer sees a byte too far. */
	CLEANUP(mem_freep) char *copy = mem_alloc(length > 0 ? length : 1);
	CLEANUP(buf_done) struct buf expected = BUF_INIT(1 << 20), got = BUF_INIT(1 << 20);

	memcpy(copy, text, length);
	escape_plainly((struct slice){ copy, length }, &expected);
	value_escape((struct slice){ copy, length }, &got);
	assert_int_equal(got.length, expected.length);
	assert_string_equal(buf_text(&got), buf_text(&expected));
}

static void every_byte_is_escaped_at_every_place_of_a_block(void **state)
{
	char text[41];

	(void)state;
	for (size_t length = 0; length < sizeof(text); length++) {
		for (size_t at = 0; at < length; at++) {
			memset(text, 'x', sizeof(text));
			for (int byte = 1; byte < 256; byte++) {
				text[at] = (char)byte;
				check_escape(text, length);
			}
		}
	}
	check_escape("", 0);
}

static void texts_of_nothing_but_replacements_come_out_whole(void **state)
{
	static const char all[] = "&<>\"'`=";
	char text[5000];

	(void)state;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = all[i % strlen(all)];
	for (size_t length = sizeof(text) - 40; length <= sizeof(text); length++)
		check_escape(text, length);
	memset(text, '"', sizeof(text));
	check_escape(text, sizeof(text));
}

static void long_texts_with_few_replacements_come_out_whole(void **state)
{
	char text[5000];

	(void)state;
	for (size_t step = 1; step < 70; step++) {
		memset(text, 'a', sizeof(text));
		for (size_t i = 0; i < sizeof(text); i += step)
			text[i] = '\'';
		check_escape(text, sizeof(text));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_byte_is_escaped_at_every_place_of_a_block),
		cmocka_unit_test(texts_of_nothing_but_replacements_come_out_whole),
		cmocka_unit_test(long_texts_with_few_replacements_come_out_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
