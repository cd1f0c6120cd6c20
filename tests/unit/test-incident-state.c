/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/mem.h"
#include "incident-world.h"

#define OPEN "\"openedAt\":\"2026-03-14T23:00:00.000Z\""
#define MAILED "\"messageId\":\"<a@b>\",\"mailedAt\":\"2026-03-14T23:00:00.000Z\",\"mails\":1"
#define WAITS "\"coursesMessageId\":\"<a@b>\""

#define LETTER(kind, id, since, to, text) \
	"{\"kind\":" kind ",\"messageId\":" id ",\"since\":" since ",\"to\":" to ",\"text\":" text "}"
#define SINCE "\"2026-03-14T23:00:00.000Z\""
#define WHOLE(number) \
	LETTER("\"failure\"", "\"<" number "@b>\"", SINCE, "\"a@b,c@d\"", "\"From: a\\r\\n\\r\\nx\"")

static void damaged_state_counts_as_none(void **state)
{
	static const char *const rows[] = {
		"{}",
		"{\"openedAt\":5}",
		"{\"openedAt\":\"yesterday\"}",
		"{" MAILED "}",
		"{" OPEN ",\"mails\":1}",
		"{" OPEN ",\"mails\":0}",
		"{" OPEN ",\"mails\":-1}",
		"{" OPEN ",\"messageId\":\"<a@b>\",\"mailedAt\":\"2026-03-14T23:00:00.000Z\",\"mails\":1e9}",
		"{" OPEN ",\"mails\":\"1\"}",
		"{" OPEN ",\"mails\":1,\"messageId\":\"<a@b>\"}",
		"{" OPEN ",\"messageId\":\"<a@b>\\r\\nBcc: "
		"x@y\",\"mailedAt\":\"2026-03-14T23:00:00.000Z\",\"mails\":1}",
		"{\"due\":{\"kind\":\"failure\",\"messageId\":\"<a@b>\"}}",
		"{" OPEN ",\"due\":5}",
		"{" OPEN ",\"due\":null}",
		"{" OPEN ",\"due\":{\"kind\":\"failure\"}}",
		"{" OPEN ",\"due\":{\"kind\":\"failure\",\"messageId\":\"a@b\"}}",
		"{" OPEN ",\"due\":{\"kind\":\"failure\",\"messageId\":\"<a>\"}}",
		"{" OPEN ",\"due\":{\"kind\":\"failure\",\"messageId\":\"<@b>\"}}",
		"{" OPEN ",\"due\":{\"kind\":\"failure\",\"messageId\":\"<a@>\"}}",
		"{" OPEN ",\"due\":{\"kind\":\"failure\",\"messageId\":\"<a@b> <c@d>\"}}",
		"{" OPEN ",\"due\":{\"kind\":\"failure\",\"messageId\":\"<a@b><c@d>\"}}",
		"{" OPEN ",\"due\":{\"kind\":\"failure\",\"messageId\":\"<\xc3\xa4@b>\"}}",
		"{" OPEN ",\"due\":{\"kind\":\"failure\",\"messageId\":\"ab@cd>\"}}",
		"{" OPEN ",\"due\":{\"kind\":\"failure\",\"messageId\":\"<a@b<\"}}",
		"{" OPEN "," MAILED ",\"due\":{\"kind\":\"courses\",\"messageId\":\"<a@b>\"}}",
		"{" OPEN ",\"due\":{\"kind\":\"nonsense\",\"messageId\":\"<a@b>\"}}",
		"{" OPEN ",\"due\":{\"kind\":\"test\",\"messageId\":\"<a@b>\"}}",
		"{" OPEN ",\"due\":{\"kind\":\"recovery\",\"messageId\":\"<a@b>\"}}",
		"{" OPEN "," MAILED ",\"due\":{\"kind\":\"failure\",\"messageId\":\"<a@b>\"}}",
		"{\"withdrawn\":{\"kind\":\"failure\",\"messageId\":\"<a@b>\"}}",
		"{" OPEN ",\"withdrawn\":5}",
		"{\"courses\":5,\"coursesMessageId\":\"<a@b>\"}",
		"{\"courses\":[5]}",
		"{\"courses\":[{\"entity\":\"course a\"}]}",
		"{\"courses\":[{\"entity\":\"template a\",\"partials\":1}]}",
		"{\"courses\":[{\"entity\":\"course a b\",\"partials\":1}]}",
		"{" WAITS ",\"courses\":[{\"entity\":\"course a\",\"partials\":1,\"told\":1}]}",
		"{\"courses\":[{\"entity\":\"course a\",\"partials\":3,\"told\":false}]}",
		"{\"courses\":[{\"entity\":\"course a\",\"partials\":3}],\"coursesMessageId\":\"<a@b>\"}",
		"{" OPEN ",\"waiting\":[5]}",
		"{" OPEN ",\"waiting\":[" LETTER("\"test\"", "\"<a@b>\"", SINCE, "\"a@b\"", "\"x\"") "]}",
		"{" OPEN ",\"waiting\":[" LETTER("\"failure\"", "\"a@b\"", SINCE, "\"a@b\"", "\"x\"") "]}",
		"{" OPEN ",\"waiting\":[" LETTER("\"failure\"", "\"<a@b>\"", "5", "\"a@b\"", "\"x\"") "]}",
		"{" OPEN ",\"waiting\":[" LETTER("\"failure\"", "\"<a@b>\"", SINCE, "\"\"", "\"x\"") "]}",
		"{" OPEN
		",\"waiting\":[" LETTER("\"failure\"", "\"<a@b>\"", SINCE, "\"a@b\\r\\nRCPT\"", "\"x\"") "]}",
		"{" OPEN ",\"waiting\":[" LETTER("\"failure\"", "\"<a@b>\"", SINCE, "\"a@b\"", "\"\"") "]}",
		"{" OPEN
		",\"waiting\":[" LETTER("\"failure\"", "\"<a@b>\"", SINCE, "\"a@b\"", "\"\xc3\xa4\"") "]}",
		"{" OPEN
		",\"waiting\":[" LETTER("\"failure\"", "\"<a@b>\"", SINCE, "\"a@b\"", "\"\\u001b\"") "]}",
		"{" OPEN
		",\"waiting\":[" WHOLE("1") "," WHOLE("2") "," WHOLE("3") "," WHOLE("4") "," WHOLE("5") "]}",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEANUP(world_done)
		struct world world = {
			.threshold = 3, .now_ms = WORLD_START_MS, .text = mem_strdup(rows[i])
		};
		CLEANUP(world_done) struct world fresh = { .threshold = 3, .now_ms = WORLD_START_MS };
		struct incident_notice notice;

		if (world_due(&world, &notice))
			fail_msg("row %zu: %s is due", i, incident_kind_name(notice.kind));
		world_sync(&world, "F");
		world_sync(&fresh, "F");
		if (strcmp(world.text, fresh.text) != 0)
			fail_msg("row %zu: %s becomes %s", i, rows[i], world.text);
	}
}

static void more_courses_than_are_ever_written_count_as_none(void **state)
{
	CLEANUP(buf_done) struct buf text = BUF_INIT(100000);
	CLEANUP(world_done) struct world world = { .threshold = 3, .now_ms = WORLD_START_MS };

	(void)state;
	for (int i = 0; i <= INCIDENT_COURSES_MAX; i++)
		buf_printf(
			&text, "%s{\"entity\":\"course c%d\",\"partials\":2}", i ? "," : "{\"courses\":[", i);
	buf_append_text(&text, "]}");
	world.text = buf_take(&text);
	world_sync(&world, "F");
	assert_null(strstr(world.text, "courses"));
}

/* The rows above are refused for what is wrong in them alone. */
static void what_is_like_them_but_whole_is_read(void **state)
{
	static const char *const rows[] = {
		"{" OPEN "}",
		"{" OPEN ",\"due\":{\"kind\":\"failure\",\"messageId\":\"<a@b>\"}}",
		"{" OPEN "," MAILED "}",
		"{" OPEN "," MAILED ",\"due\":{\"kind\":\"recovery\",\"messageId\":\"<c@b>\"}}",
		"{" OPEN "," MAILED ",\"withdrawn\":{\"kind\":\"recovery\",\"messageId\":\"<c@b>\"," OPEN
		"}}",
		"{\"withdrawn\":{\"kind\":\"failure\",\"messageId\":\"<a@b>\"," OPEN "}}",
		"{\"coursesMessageId\":\"<a@b>\",\"courses\":[{\"entity\":\"course "
		"a\",\"partials\":3,\"told\":false}]}",
		"{\"waiting\":[" WHOLE("1") "," WHOLE("2") "," WHOLE("3") "," WHOLE("4") "]}",
		"{\"courses\":[{\"entity\":\"course data[17]\",\"partials\":1},"
		"{\"entity\":\"course b\",\"partials\":9,\"told\":true}]}",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEANUP(world_done)
		struct world world = {
			.threshold = 3, .now_ms = WORLD_START_MS, .text = mem_strdup(rows[i])
		};
		CLEANUP(json_freep) struct json *before = world_parse(rows[i]);
		struct incident_notice notice;
		bool due = json_get(before, "due") || json_get(before, "coursesMessageId");

		assert_int_equal(world_due(&world, &notice), due);
		world_sync(&world, "C");
		assert_string_equal(world.text, rows[i]);
	}
}

static void a_message_id_fits_whatever_the_host(void **state)
{
	CLEANUP(mem_freep) char *host = mem_zalloc(2000);
	char id[INCIDENT_MESSAGE_ID_SIZE], other[INCIDENT_MESSAGE_ID_SIZE];

	(void)state;
	memset(host, 'h', 1999);
	incident_message_id(host, id);
	assert_int_equal(id[0], '<');
	assert_int_equal(id[strlen(id) - 1], '>');
	assert_non_null(strchr(id, '@'));
	incident_message_id("h", id);
	incident_message_id("h", other);
	assert_string_not_equal(id, other);
	assert_int_equal(strlen(id), HASH_UUID_SIZE - 1 + strlen("<@h>"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(damaged_state_counts_as_none),
		cmocka_unit_test(more_courses_than_are_ever_written_count_as_none),
		cmocka_unit_test(what_is_like_them_but_whole_is_read),
		cmocka_unit_test(a_message_id_fits_whatever_the_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
