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

struct step {
	int hours;                /* since the step before */
	const char *sync, *mails; /* mails NULL: the mail server is down */
};

struct script {
	const char *name;
	unsigned threshold;
	bool ends_with_state;
	struct step steps[14];
};

static const struct script scripts[] = {
	{ "twelve syncs", 3, false,
		{ { 1, "F", "" }, { 1, "F", "" }, { 1, "F", "failure" }, { 1, "F", "" },
			{ 23, "F", "reminder" }, { 1, "C", "" }, { 1, "F", "" }, { 1, "S", "recovery" },
			{ 1, "P:course a", "" }, { 1, "P:course a,course b", "" },
			{ 1, "P:course a,course b", "courses a" }, { 1, "S", "" } } },
	{ "two failures are no news", 3, true,
		{ { 1, "F", "" }, { 1, "F", "" }, { 1, "S", "" }, { 1, "F", "" } } },
	{ "every incident begins anew", 2, false,
		{ { 1, "F", "" }, { 1, "F", "failure" }, { 1, "S", "recovery" }, { 1, "F", "" },
			{ 1, "F", "failure" }, { 1, "P:course a", "recovery" }, { 1, "S", "" } } },
	{ "one failure is enough where the threshold is one", 1, true,
		{ { 1, "F", "failure" }, { 1, "F", "" }, { 1, "S", "recovery" }, { 1, "F", "failure" } } },
	{ "reminders a day apart", 1, false,
		{ { 1, "F", "failure" }, { 23, "F", "" }, { 1, "F", "reminder" }, { 23, "F", "" },
			{ 2, "F", "reminder" }, { 100, "F", "reminder" }, { 1, "S", "recovery" } } },
	{ "what could not be sent is sent later, once", 2, false,
		{ { 1, "F", "" }, { 1, "F", NULL }, { 30, "F", NULL }, { 30, "F", "failure" },
			{ 23, "F", "" }, { 1, "F", "reminder" }, { 1, "S", NULL }, { 1, "S", NULL },
			{ 1, "P:course a", "recovery" }, { 1, "S", "" } } },
	{ "an incident that ends before anyone was told", 1, false,
		{ { 1, "F", NULL }, { 1, "S", "" }, { 1, "F", "failure" }, { 1, "S", "recovery" } } },
	{ "a reminder that could not be sent gives way to the recovery", 1, false,
		{ { 1, "F", "failure" }, { 24, "F", NULL }, { 1, "S", "recovery" } } },
	{ "a recovery that could not be sent, and it fails again", 2, false,
		{ { 1, "F", "" }, { 1, "F", "failure" }, { 1, "S", NULL }, { 1, "F", "" }, { 1, "F", "" },
			{ 23, "F", "reminder" }, { 1, "S", "recovery" } } },
	{ "cancelled syncs say nothing", 2, false,
		{ { 1, "F", "" }, { 1, "C", "" }, { 1, "C", "" }, { 1, "F", NULL }, { 1, "C", "failure" },
			{ 90, "C", "" }, { 1, "S", NULL }, { 1, "C", "recovery" } } },
	{ "a clock that is set back delays a reminder by a day at most", 1, true,
		{ { 1, "F", "failure" }, { -1000, "F", "" }, { 23, "F", "" }, { 1, "F", "reminder" },
			{ -5, "F", "" }, { -5, "F", "" }, { 24, "F", "reminder" } } },
	{ "courses that reach it together share a mail", 2, false,
		{ { 1, "P:course a,course b", "" }, { 1, "P:course b,course a", "courses b a" },
			{ 1, "P:course a,course b,course c", "" }, { 1, "P:course c", "courses c" },
			{ 1, "S", "" } } },
	{ "a course is told once until a sync does not name it", 2, false,
		{ { 1, "P:course a", "" }, { 1, "P:course a", "courses a" }, { 30, "P:course a", "" },
			{ 30, "P:course b", "" }, { 1, "P:course a", "" }, { 1, "P:course a", "courses a" },
			{ 1, "S", "" }, { 1, "P:course a", "" }, { 1, "P:course a", "courses a" },
			{ 1, "S", "" } } },
	{ "a sync that defers courses forgets none", 2, false,
		{ { 1, "P:course a", "" }, { 1, "D:", "" }, { 1, "P:course a", "courses a" },
			{ 1, "S", "" } } },
	{ "a failure in between leaves the courses' counts", 3, false,
		{ { 1, "P:course a", "" }, { 1, "P:course a", "" }, { 1, "F", "" }, { 1, "C", "" },
			{ 1, "P:course a", "courses a" }, { 1, "F", "" }, { 1, "P:course a", "" },
			{ 1, "S", "" } } },
	{ "only courses count, and each once in a sync", 2, false,
		{ { 1, "P:course a,course a,template t", "" },
			{ 1, "P:course a,course a,template t", "courses a" },
			{ 1, "P:template t,course ,course", "" }, { 1, "P:template t,output", "" } } },
	{ "a mail about courses that waits is brought up to date", 2, false,
		{ { 1, "P:course a,course b", "" }, { 1, "P:course a,course b", NULL },
			{ 1, "P:course a,course c", NULL }, { 1, "P:course a,course c", "courses a c" },
			{ 1, "S", "" } } },
	{ "a mail about courses that are well again is not sent", 2, false,
		{ { 1, "P:course a", "" }, { 1, "P:course a", NULL }, { 1, "F", NULL }, { 1, "S", "" } } },
	{ "recovery and courses at once", 1, false,
		{ { 1, "F", "failure" }, { 1, "P:course a", "recovery,courses a" }, { 1, "S", "" } } },
};

static void scripted_histories_give_exactly_these_mails(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(scripts); i++) {
		const struct script *script = &scripts[i];
		CLEANUP(world_done)
		struct world world = { .threshold = script->threshold, .now_ms = WORLD_START_MS };

		for (size_t j = 0; j < ARRAY_SIZE(script->steps) && script->steps[j].sync; j++) {
			const struct step *step = &script->steps[j];
			CLEANUP(buf_done) struct buf mails = BUF_INIT(1000);

			world.now_ms += step->hours * HOUR_MS;
			world_sync(&world, step->sync);
			if (!step->mails)
				continue;
			world_mail(&world, &mails);
			if (strcmp(buf_text(&mails), step->mails) != 0)
				fail_msg("%s, sync %zu: mails \"%s\" instead of \"%s\", state %s",
					script->name, j + 1, buf_text(&mails), step->mails, world.text);
		}
		if (!script->ends_with_state && world.text)
			fail_msg("%s: left %s", script->name, world.text);
	}
}

static void a_mail_keeps_its_id_until_it_is_sent(void **state)
{
	CLEANUP(world_done) struct world world = { .threshold = 1, .now_ms = WORLD_START_MS };
	struct incident_alert first, again;

	(void)state;
	world_sync(&world, "F");
	assert_true(world_due(&world, &first));
	assert_string_equal(first.thread_id, "");
	world.now_ms += 30 * HOUR_MS;
	world_sync(&world, "F");
	assert_true(world_due(&world, &again));
	assert_int_equal(again.kind, INCIDENT_FAILURE);
	assert_string_equal(again.message_id, first.message_id);
}

static void a_mail_that_waits_keeps_its_id_while_there_is_nothing_new_to_report(void **state)
{
	CLEANUP(world_done) struct world world = { .threshold = 1, .now_ms = WORLD_START_MS };
	struct incident_alert first, again;

	(void)state;
	world_sync(&world, "P:course a");
	assert_true(world_due(&world, &first));
	world_sync(&world, "P:course a");
	assert_true(world_due(&world, &again));
	assert_int_equal(again.kind, INCIDENT_COURSES);
	assert_string_equal(again.message_id, first.message_id);
	world_sync(&world, "F");
	assert_true(world_due(&world, &first));
	world_note_sent(&world, first.message_id);
	world_sync(&world, "S");
	assert_true(world_due(&world, &first));
	world_sync(&world, "S");
	assert_true(world_due(&world, &again));
	assert_int_equal(again.kind, INCIDENT_RECOVERY);
	assert_string_equal(again.message_id, first.message_id);
}

static void assert_waiting(const struct world *world, const char *expected)
{
	CLEANUP(buf_done) struct buf out = BUF_INIT(10000);

	world_waiting(world, &out);
	assert_string_equal(buf_text(&out), expected);
}

/* Sends all due mails, but not to b. */
static void send_but_to_b(struct world *world, struct incident_alert *ret_alert)
{
	assert_true(world_due(world, ret_alert));
	world_note_sent_but(world, ret_alert->message_id, "b@x.org");
}

static void a_mail_waits_for_recipients_who_have_not_got_it(void **state)
{
	CLEANUP(world_done) struct world world = { .threshold = 1, .now_ms = WORLD_START_MS };
	struct incident_alert alert, due;
	struct incident_waiting waiting;

	(void)state;
	world_sync(&world, "F");
	assert_true(world_due(&world, &alert));
	world_note_sent_but(&world, alert.message_id, "b@x.org,c@x.org");
	assert_waiting(&world, "failure to b@x.org,c@x.org");
	assert_false(world_due(&world, &due));
	world.now_ms += HOUR_MS;
	world_note_sent_but(&world, alert.message_id, "c@x.org");
	assert_waiting(&world, "failure to c@x.org");
	CLEANUP(json_freep) struct json *json = world_parse(world.text);
	assert_true(incident_waiting(json, 0, &waiting));
	assert_string_equal(waiting.message_id, alert.message_id);
	assert_string_equal(waiting.rest.text, "From: a\r\n\r\nx");
	assert_int_equal(waiting.rest.since_ms, WORLD_START_MS);
	assert_int_equal(json_integer(json_get(json, "mails"), 0), 1);
	world_sync(&world, "F");
	world_sync(&world, "C");
	assert_waiting(&world, "failure to c@x.org");
	world_note_sent(&world, alert.message_id);
	assert_waiting(&world, "");
	world_note_sent_but(&world, alert.message_id, "c@x.org"); /* neither due nor waiting */
	assert_waiting(&world, "");
}

static void a_newer_mail_about_the_failures_replaces_one_that_waits(void **state)
{
	CLEANUP(world_done) struct world world = { .threshold = 1, .now_ms = WORLD_START_MS };
	struct incident_alert alert;

	(void)state;
	world_sync(&world, "F");
	send_but_to_b(&world, &alert);
	world.now_ms += 24 * HOUR_MS;
	world_sync(&world, "F");
	assert_waiting(&world, "");
	send_but_to_b(&world, &alert);
	assert_waiting(&world, "reminder to b@x.org");
	world_sync(&world, "S");
	assert_waiting(&world, "");
	send_but_to_b(&world, &alert);
	assert_waiting(&world, "recovery to b@x.org");
	world_sync(&world, "S");
	assert_waiting(&world, "recovery to b@x.org");
	world_sync(&world, "F");
	assert_waiting(&world, "");
	assert_true(world_due(&world, &alert));
	assert_int_equal(alert.kind, INCIDENT_FAILURE);
	assert_string_equal(alert.thread_id, "");
}

static void a_mail_that_was_sent_while_a_sync_dropped_it_does_not_wait(void **state)
{
	CLEANUP(world_done) struct world world = { .threshold = 1, .now_ms = WORLD_START_MS };
	struct incident_alert failure, alert;

	(void)state;
	world_sync(&world, "F");
	assert_true(world_due(&world, &failure));
	world_sync(&world, "S");
	world_note_sent_but(&world, failure.message_id, "b@x.org");
	assert_waiting(&world, "");
	assert_true(world_due(&world, &alert));
	assert_int_equal(alert.kind, INCIDENT_RECOVERY);
}

static void mails_about_courses_wait_beside_it_until_all_courses_are_well(void **state)
{
	static const char *const syncs[] = { "P:course a", "P:course a,course b",
		"P:course a,course b,course c", "P:course a,course b,course c,course d" };
	CLEANUP(world_done) struct world world = { .threshold = 1, .now_ms = WORLD_START_MS };
	struct incident_alert alert;

	(void)state;
	world_sync(&world, "F");
	send_but_to_b(&world, &alert);
	for (size_t i = 0; i < ARRAY_SIZE(syncs); i++) {
		world_sync(&world, syncs[i]);
		while (world_due(&world, &alert))
			world_note_sent_but(&world, alert.message_id, "b@x.org");
	}
	/* There is no room for more mails. */
	assert_waiting(
		&world, "courses to b@x.org, courses to b@x.org, courses to b@x.org, courses to b@x.org");
	world_sync(&world, "S");
	assert_waiting(&world, "");
	assert_null(world.text);
}

static void a_daily_sync_that_ends_minutes_earlier_still_reminds(void **state)
{
	CLEANUP(world_done) struct world world = { .threshold = 1, .now_ms = WORLD_START_MS };
	struct incident_alert alert;

	(void)state;
	world_sync(&world, "F");
	assert_true(world_due(&world, &alert));
	world_note_sent(&world, alert.message_id);
	world.now_ms += 24 * HOUR_MS - 5 * HOUR_MS / 60;
	world_sync(&world, "F");
	assert_true(world_due(&world, &alert));
	assert_int_equal(alert.kind, INCIDENT_REMINDER);
}

static void later_mails_belong_to_the_thread_of_the_first(void **state)
{
	CLEANUP(world_done) struct world world = { .threshold = 1, .now_ms = WORLD_START_MS };
	struct incident_alert first, reminder, recovery;

	(void)state;
	world_sync(&world, "F");
	assert_true(world_due(&world, &first));
	world_note_sent(&world, first.message_id);
	assert_false(world_due(&world, &reminder));
	world.now_ms += 24 * HOUR_MS;
	world_sync(&world, "F");
	assert_true(world_due(&world, &reminder));
	assert_int_equal(reminder.kind, INCIDENT_REMINDER);
	assert_string_equal(reminder.thread_id, first.message_id);
	assert_string_not_equal(reminder.message_id, first.message_id);
	world_note_sent(&world, reminder.message_id);
	world_sync(&world, "S");
	assert_true(world_due(&world, &recovery));
	assert_string_equal(recovery.thread_id, first.message_id);
	assert_string_not_equal(recovery.message_id, reminder.message_id);
	world_note_sent(&world, recovery.message_id);
	assert_null(world.text);
}

static void an_unknown_mail_changes_nothing(void **state)
{
	CLEANUP(world_done) struct world world = { .threshold = 1, .now_ms = WORLD_START_MS };
	CLEANUP(mem_freep) char *before = NULL;

	(void)state;
	world_note_sent(&world, "<x@y>");
	assert_null(world.text);
	world_sync(&world, "F");
	before = mem_strdup(world.text);
	world_note_sent(&world, "<x@y>");
	world_note_sent(&world, "");
	assert_string_equal(world.text, before);
}

/* The mail server is slow: a sync ends before its answer. */
static void a_recovery_follows_a_failure_that_arrived_late(void **state)
{
	CLEANUP(world_done) struct world world = { .threshold = 1, .now_ms = WORLD_START_MS };
	struct incident_alert failure, recovery;

	(void)state;
	world_sync(&world, "F");
	assert_true(world_due(&world, &failure));
	world_sync(&world, "S");
	assert_false(world_due(&world, &recovery));
	world_note_sent(&world, failure.message_id);
	assert_true(world_due(&world, &recovery));
	assert_int_equal(recovery.kind, INCIDENT_RECOVERY);
	assert_string_equal(recovery.thread_id, failure.message_id);
	assert_string_equal(strchr(recovery.message_id, '@'), strchr(failure.message_id, '@'));
	assert_string_not_equal(recovery.message_id, failure.message_id);
	world_note_sent(&world, recovery.message_id);
	assert_null(world.text);
}

static void a_failure_after_a_recovery_that_arrived_late_is_a_new_incident(void **state)
{
	CLEANUP(world_done) struct world world = { .threshold = 1, .now_ms = WORLD_START_MS };
	struct incident_alert alert, recovery;

	(void)state;
	world_sync(&world, "F");
	assert_true(world_due(&world, &alert));
	world_note_sent(&world, alert.message_id);
	world_sync(&world, "S");
	assert_true(world_due(&world, &recovery));
	world_sync(&world, "F");
	world_note_sent(&world, recovery.message_id);
	assert_false(world_due(&world, &alert));
	world_sync(&world, "F");
	assert_true(world_due(&world, &alert));
	assert_int_equal(alert.kind, INCIDENT_FAILURE);
	assert_string_equal(alert.thread_id, "");
}

static void a_course_that_joins_while_the_mail_is_being_sent_is_reported_too(void **state)
{
	CLEANUP(world_done) struct world world = { .threshold = 1, .now_ms = WORLD_START_MS };
	CLEANUP(buf_done) struct buf mails = BUF_INIT(100);
	struct incident_alert first;

	(void)state;
	world_sync(&world, "P:course a");
	assert_true(world_due(&world, &first));
	world_sync(&world, "P:course a,course b");
	world_note_sent(&world, first.message_id);
	world_mail(&world, &mails);
	assert_string_equal(buf_text(&mails), "courses a b");
}

static void more_courses_than_fit_are_cut(void **state)
{
	CLEANUP(world_done) struct world world = { .threshold = 1, .now_ms = WORLD_START_MS };
	CLEANUP(buf_done) struct buf sync = BUF_INIT(10000);
	CLEANUP(json_freep) struct json *json = NULL;

	(void)state;
	buf_append_text(&sync, "P:course 0");
	for (int i = 1; i < INCIDENT_COURSES_MAX + 20; i++)
		buf_printf(&sync, ",course %d", i);
	world_sync(&world, buf_text(&sync));
	world_sync(&world, buf_text(&sync));
	json = world_parse(world.text);
	assert_int_equal(json_count(json_get(json, "courses")), INCIDENT_COURSES_MAX);
}

static uint32_t random_state;

static unsigned random_below(unsigned bound)
{
	random_state = random_state * 1664525 + 1013904223;
	return (random_state >> 8) % bound;
}

/* The operator's knowledge, from the mails read so far. */
struct reader {
	bool told; /* told of a failure, and not yet of its end */
	int64_t elapsed_ms, last_mail_ms, set_back_ms;
};

static void reader_gets(struct reader *reader, const struct world *world, enum incident_kind kind)
{
	int64_t since_ms = reader->elapsed_ms - reader->last_mail_ms;

	switch ((int)kind) {
	case INCIDENT_FAILURE:
		assert_false(reader->told);
		assert_true(world->consecutive_failures >= world->threshold);
		reader->told = true;
		break;
	case INCIDENT_REMINDER:
		assert_true(reader->told);
		assert_true(world->consecutive_failures >= world->threshold);
		assert_true(since_ms >= INCIDENT_PAUSE_MS);
		break;
	case INCIDENT_RECOVERY:
		assert_true(reader->told);
		assert_int_equal(world->consecutive_failures, 0);
		reader->told = false;
		break;
	default:
		return;
	}
	reader->last_mail_ms = reader->elapsed_ms;
}

static void random_pass_of_time(struct world *world, struct reader *reader)
{
	int64_t ms = (int64_t)random_below(30 * 3600) * 1000;

	reader->elapsed_ms += ms;
	world->now_ms += ms;
	if (random_below(50) == 0) {
		world->now_ms -= (int64_t)random_below(1000) * HOUR_MS;
		reader->set_back_ms = reader->elapsed_ms;
	}
}

static const char *random_sync(unsigned failing)
{
	static const char *const others[] = { "S", "S", "P:course a", "P:course a,course b", "P:template t" };

	if (random_below(10) == 0)
		return "C";
	return random_below(10) < failing ? "F" : others[random_below(ARRAY_SIZE(others))];
}

static void random_step(struct world *world, struct reader *reader, unsigned failing)
{
	const char *sync = random_sync(failing);
	struct incident_alert alert;
	bool overdue;

	random_pass_of_time(world, reader);
	world_sync(world, sync);
	if (random_below(3) == 0)
		return; /* the mail server is down */
	overdue = reader->told && *sync == 'F' && world->consecutive_failures >= world->threshold &&
		  reader->set_back_ms <= reader->last_mail_ms &&
		  reader->elapsed_ms - reader->last_mail_ms >= INCIDENT_PAUSE_MS;
	while (world_due(world, &alert)) {
		reader_gets(reader, world, alert.kind);
		world_note_sent(world, alert.message_id);
	}
	if (*sync == 'F' && world->consecutive_failures >= world->threshold)
		assert_true(reader->told);
	if (*sync == 'S' || *sync == 'P')
		assert_false(reader->told);
	if (overdue)
		assert_true(reader->last_mail_ms == reader->elapsed_ms);
}

static void random_histories_never_flood_and_never_forget(void **state)
{
	(void)state;
	for (unsigned seed = 0; seed < 400; seed++) {
		CLEANUP(world_done)
		struct world world = { .threshold = 1 + seed % 4, .now_ms = WORLD_START_MS };
		struct reader reader = { 0 };

		random_state = seed;
		for (int i = 0; i < 150; i++)
			random_step(&world, &reader, 2 + seed % 8);
	}
}

/* ---- the stored form of the state ---- */

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
		struct incident_alert alert;

		if (world_due(&world, &alert))
			fail_msg("row %zu: %s is due", i, incident_kind_name(alert.kind));
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

/* Without their mistakes, the rows above would be accepted. */
static void similar_but_valid_states_are_read(void **state)
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
		struct incident_alert alert;
		bool due = json_get(before, "due") || json_get(before, "coursesMessageId");

		assert_int_equal(world_due(&world, &alert), due);
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
		cmocka_unit_test(scripted_histories_give_exactly_these_mails),
		cmocka_unit_test(a_mail_keeps_its_id_until_it_is_sent),
		cmocka_unit_test(a_mail_that_waits_keeps_its_id_while_there_is_nothing_new_to_report),
		cmocka_unit_test(a_mail_waits_for_recipients_who_have_not_got_it),
		cmocka_unit_test(a_newer_mail_about_the_failures_replaces_one_that_waits),
		cmocka_unit_test(a_mail_that_was_sent_while_a_sync_dropped_it_does_not_wait),
		cmocka_unit_test(mails_about_courses_wait_beside_it_until_all_courses_are_well),
		cmocka_unit_test(a_daily_sync_that_ends_minutes_earlier_still_reminds),
		cmocka_unit_test(later_mails_belong_to_the_thread_of_the_first),
		cmocka_unit_test(an_unknown_mail_changes_nothing),
		cmocka_unit_test(a_recovery_follows_a_failure_that_arrived_late),
		cmocka_unit_test(a_failure_after_a_recovery_that_arrived_late_is_a_new_incident),
		cmocka_unit_test(a_course_that_joins_while_the_mail_is_being_sent_is_reported_too),
		cmocka_unit_test(more_courses_than_fit_are_cut),
		cmocka_unit_test(random_histories_never_flood_and_never_forget),
		cmocka_unit_test(damaged_state_counts_as_none),
		cmocka_unit_test(more_courses_than_are_ever_written_count_as_none),
		cmocka_unit_test(similar_but_valid_states_are_read),
		cmocka_unit_test(a_message_id_fits_whatever_the_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
