/* SPDX-License-Identifier: MIT */
#include "render/value.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"

/* Reads byte by byte, from a list. */
static void escape_plainly(struct slice text, struct buf *out)
{
	static const char *const entities[] = { "&&amp;", "<&lt;", ">&gt;", "\"&quot;", "'&#x27;", "`&#x60;",
		"=&#x3D;" };

	for (size_t i = 0; i < text.length; i++) {
		size_t entity = 0;

		while (entity < ARRAY_SIZE(entities) && entities[entity][0] != text.data[i])
			entity++;
		if (entity < ARRAY_SIZE(entities))
			buf_append_text(out, entities[entity] + 1);
		else
			buf_append_char(out, text.data[i]);
	}
}

static void check_escape(const char *text, size_t length)
{
	/* A copy of exactly this size, so that the sanitizer detects a read past the end. */
	CLEANUP(mem_freep) char *copy = mem_alloc(length > 0 ? length : 1);
	CLEANUP(buf_done) struct buf expected = BUF_INIT(1 << 20), got = BUF_INIT(1 << 20);

	memcpy(copy, text, length);
	escape_plainly((struct slice){ copy, length }, &expected);
	value_escape((struct slice){ copy, length }, &got);
	assert_int_equal(got.length, expected.length);
	assert_string_equal(buf_text(&got), buf_text(&expected));
}

static void every_byte_is_escaped_at_every_place(void **state)
{
	char text[5];

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

static void long_texts_are_escaped_whole(void **state)
{
	static const char all[] = "&<>\"'`=";
	char text[5000];

	(void)state;
	for (size_t step = 1; step < 70; step++) {
		memset(text, 'a', sizeof(text));
		for (size_t i = 0; i < sizeof(text); i += step)
			text[i] = all[i % strlen(all)];
		check_escape(text, sizeof(text));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_byte_is_escaped_at_every_place),
		cmocka_unit_test(long_texts_are_escaped_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
