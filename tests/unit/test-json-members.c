/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"

static const struct json_limits limits = { .size_max = 1000, .depth_max = 20, .node_max = 100 };

/* What json_parse_large leaves of the text, and the members that it takes out, each as name=value;. */
static void assert_large(const char *text, const char *rest, const char *taken)
{
	struct json_members members = { .path = (const char *const[]){ "a", "b", NULL } };
	CLEANUP(buf_done) struct buf out = BUF_INIT(1000);
	CLEANUP(json_freep) struct json *json = NULL;

	assert_int_equal(json_parse_large(&json, &members, text, strlen(text), &limits, NULL), 0);
	json_write(&out, json);
	assert_string_equal(buf_text(&out), rest);
	buf_clear(&out);
	for (;;) {
		CLEANUP(json_freep) struct json *member = json_members_next(&members);

		if (!member)
			break;
		buf_append_text(&out, json_name(member));
		buf_append_char(&out, '=');
		json_write(&out, member);
		buf_append_char(&out, ';');
	}
	assert_string_equal(buf_text(&out), taken);
}

static void members_of_a_large_object_are_read_one_at_a_time(void **state)
{
	static const struct {
		const char *text, *rest, *taken;
	} rows[] = {
		{ "{\"x\":1,\"a\":{\"b\":{\"p\":1,\"q\":[{\"a\":{\"b\":{}}},2]},\"c\":3},\"y\":{\"b\":{\"z\":"
		  "0}}}",
			"{\"x\":1,\"a\":{\"b\":{},\"c\":3},\"y\":{\"b\":{\"z\":0}}}",
			"p=1;q=[{\"a\":{\"b\":{}}},2];" },
		{ " { \"a\" : { \"b\" : {\n \"p\" : \"x,\\\"}\" ,\t\"q:\" : -1.5\n} } } ",
			"{\"a\":{\"b\":{}}}", "p=\"x,\\\"}\";q:=-1.5;" },
		{ "{\"\\u0061\":{\"\\u0062\":{\"\\u0070\\n\":null}}}", "{\"a\":{\"b\":{}}}", "p\n=null;" },
		{ "{\"a\":{\"b\":{}}}", "{\"a\":{\"b\":{}}}", "" },
		{ "{\"a\":{\"b\":[{\"p\":1}]}}", "{\"a\":{\"b\":[{\"p\":1}]}}", "" },
		{ "{\"a\":[{\"b\":{\"p\":1}}]}", "{\"a\":[{\"b\":{\"p\":1}}]}", "" },
		{ "{\"a\":{\"b\":7,\"c\":{\"p\":1}}}", "{\"a\":{\"b\":7,\"c\":{\"p\":1}}}", "" },
		{ "{\"a\":7,\"c\":{\"b\":{\"p\":1}}}", "{\"a\":7,\"c\":{\"b\":{\"p\":1}}}", "" },
		{ "{\"b\":{\"a\":{\"p\":1}}}", "{\"b\":{\"a\":{\"p\":1}}}", "" },
		{ "[{\"a\":{\"b\":{\"p\":1}}}]", "[{\"a\":{\"b\":{\"p\":1}}}]", "" },
		{ "1", "1", "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_large(rows[i].text, rows[i].rest, rows[i].taken);
}

static void a_large_text_is_checked_as_a_whole(void **state)
{
	static const char *const texts[] = { "{\"a\":{\"b\":{\"p\":1}}}]",
		"{\"a\":{\"b\":{\"p\":1,\"p\":2}}}", "{\"a\":{\"b\":{\"p\":1,}}}",
		"{\"a\":{\"b\":{\"p\":1}}" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct json_members members = { .path = (const char *const[]){ "a", "b", NULL } };
		struct json *json = NULL;

		assert_int_equal(json_parse_large(&json, &members, texts[i], strlen(texts[i]), &limits, NULL),
			-EBADMSG);
		assert_null(json);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_of_a_large_object_are_read_one_at_a_time),
		cmocka_unit_test(a_large_text_is_checked_as_a_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
