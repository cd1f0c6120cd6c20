/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/time.h"
#include "notify/message.h"

#define NOW_MS INT64_C(1773529200000) /* 2026-03-14T23:00:00Z, a Sunday in Berlin */
#define JOB "5f0c54a4-8d6c-4f0e-9c55-0d0f1a2b3c4d"

static const struct json_limits limits = { .size_max = 1 << 20, .depth_max = 8, .node_max = 10000 };

static const char failed_report[] =
	"{\"jobId\":\"" JOB
	"\",\"status\":\"failed\",\"endTime\":\"2026-03-14T22:59:58.000Z\",\"durationMs\":1250,"
	"\"filesGenerated\":0,\"filesSkipped\":0,\"filesDeleted\":0,\"errorsTotal\":2,\"errors\":["
	"{\"entity\":\"course c1\",\"code\":\"HEMERA_BAD_DATA\",\"message\":\"data[3].level: \\\"X\\\" = "
	"bad\"},"
	"{\"entity\":\"hemera\",\"code\":\"HEMERA_UNREACHABLE\",\"message\":\"cannot connect\"}]}";
static const char partial_report[] =
	"{\"jobId\":\"" JOB
	"\",\"status\":\"partial\",\"endTime\":\"2026-03-14T22:59:58.000Z\",\"durationMs\":1800,"
	"\"filesGenerated\":12,\"filesSkipped\":488,\"filesDeleted\":3,\"errorsTotal\":3,\"errors\":["
	"{\"entity\":\"course c1\",\"code\":\"HEMERA_BAD_DATA\",\"message\":\"one\"},"
	"{\"entity\":\"course c2\",\"code\":\"TEMPLATE_ERROR\",\"message\":\"two\"},"
	"{\"entity\":\"course c3\",\"code\":\"HEMERA_ERROR\",\"message\":\"three\"}]}";
static const char failing_state[] = "{\"openedAt\":\"2026-03-12T10:00:00.000Z\"}";
static const char one_course[] = "{\"courses\":[{\"entity\":\"course c1\",\"partials\":3,\"told\":false},"
				 "{\"entity\":\"course c2\",\"partials\":9,\"told\":true},"
				 "{\"entity\":\"course c3\",\"partials\":1}]}";
static const char two_courses[] = "{\"courses\":[{\"entity\":\"course c1\",\"partials\":3,\"told\":false},"
				  "{\"entity\":\"course c2\",\"partials\":4,\"told\":false}]}";

static const char course_names[] =
	"{\"course c1\":{\"title\":\"F\xc3\xbchrung & Teams\",\"slug\":\"fuehrung\"},"
	"\"course c2\":{\"title\":\"A\\r\\nBcc: x@y\",\"slug\":\"b\"}}";

static struct json *parse(const char *text)
{
	struct json *json = NULL;

	if (text)
		assert_int_equal(json_parse(&json, text, strlen(text), &limits, NULL), 0);
	return json;
}

static const struct incident_alert alerts[INCIDENT_KINDS] = {
	[INCIDENT_FAILURE] = { INCIDENT_FAILURE, "<1@h>", "" },
	[INCIDENT_REMINDER] = { INCIDENT_REMINDER, "<2@h>", "<1@h>" },
	[INCIDENT_RECOVERY] = { INCIDENT_RECOVERY, "<3@h>", "<1@h>" },
	[INCIDENT_COURSES] = { INCIDENT_COURSES, "<4@h>", "" },
	[INCIDENT_OUTPUT] = { INCIDENT_OUTPUT, "<5@h>", "" },
	[INCIDENT_SCHEDULE] = { INCIDENT_SCHEDULE, "<6@h>", "" },
	[INCIDENT_TEST] = { INCIDENT_TEST, "<7@h>", "" },
};

static struct message message_of(enum incident_kind kind)
{
	return (struct message){
		.alert = &alerts[kind],
		.from = "aither@www.example.org",
		.to = "a@example.org,b@example.org",
		.host = "www.example.org",
		.site_name = "Hemera Academy",
		.now_ms = NOW_MS,
	};
}

/* The mail with its body decoded, lines that end with '\n'; owned. */
static char *write_mail_after(struct message *message, const char *report_text, const char *state_text,
	unsigned failures, int64_t last_success_ms)
{
	CLEANUP(json_freep) struct json *report = parse(report_text), *state = parse(state_text);
	CLEANUP(buf_done) struct buf mail = BUF_INIT(MESSAGE_SIZE_MAX), decoded = BUF_INIT(MESSAGE_SIZE_MAX);
	unsigned byte;

	if (report) {
		json_set_integer(report, "consecutiveFailures", failures);
		json_set_time(report, "lastSuccessTime", last_success_ms);
	}
	message->report = report;
	message->state = state;
	message_write(&mail, message);
	assert_false(buf_overflowed(&mail));
	assert_non_null(strstr(buf_text(&mail), "\r\n\r\n"));
	for (const char *at = buf_text(&mail); *at; at++) {
		if (strncmp(at, "=\r\n", 3) == 0) {
			at += 2;
		} else if (*at == '=' && sscanf(at + 1, "%2X", &byte) == 1) {
			buf_append_char(&decoded, (char)byte);
			at += 2;
		} else if (*at != '\r') {
			buf_append_char(&decoded, *at);
		}
	}
	return buf_take(&decoded);
}

static char *write_mail(struct message *message, const char *report_text, const char *state_text)
{
	return write_mail_after(message, report_text, state_text, 3, NOW_MS - 4 * INT64_C(86400000));
}

static void assert_has(const char *mail, const char *text)
{
	if (!strstr(mail, text))
		fail_msg("\"%s\" is not in:\n%s", text, mail);
}

static void assert_has_not(const char *mail, const char *text)
{
	if (strstr(mail, text))
		fail_msg("\"%s\" is in:\n%s", text, mail);
}

static void assert_ends(const char *mail, const char *line)
{
	assert_true(strlen(mail) > strlen(line));
	assert_string_equal(mail + strlen(mail) - strlen(line), line);
}

static void the_subject_says_what_happened_where(void **state)
{
	static const struct {
		enum incident_kind kind;
		unsigned failures;
		const char *report, *state, *subject;
	} rows[] = {
		{ INCIDENT_FAILURE, 3, failed_report, failing_state,
			"3 syncs have failed in a row\n (HEMERA_UNREACHABLE)" },
		{ INCIDENT_FAILURE, 1, failed_report, failing_state,
			"a sync has failed (HEMERA_UNREACHABLE)" },
		{ INCIDENT_REMINDER, 12, failed_report, failing_state,
			"syncs are still failing, 12 in a row\n (HEMERA_UNREACHABLE)" },
		{ INCIDENT_RECOVERY, 0, partial_report, failing_state, "syncs succeed again" },
		{ INCIDENT_COURSES, 0, partial_report, one_course, "course c1 cannot be brought up to date" },
		{ INCIDENT_COURSES, 0, partial_report, two_courses,
			"2 courses cannot be brought up to date" },
		{ INCIDENT_OUTPUT, 1, failed_report, NULL,
			"syncs cannot save their results\n (HEMERA_UNREACHABLE)" },
		{ INCIDENT_SCHEDULE, 0, failed_report, NULL, "the scheduled sync did not run" },
		{ INCIDENT_TEST, 0, NULL, NULL, "test mail" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct message message = message_of(rows[i].kind);
		CLEANUP(mem_freep)
		char *subject =
			mem_printf("\nSubject: aither on www.example.org: %s\nDate:", rows[i].subject);
		CLEANUP(mem_freep) char *mail = NULL;

		mail = write_mail_after(&message, rows[i].report, rows[i].state, rows[i].failures, 0);
		assert_has(mail, subject);
	}
}

static void headers_are_those_of_an_automatic_mail(void **state)
{
	struct message message = message_of(INCIDENT_FAILURE);
	CLEANUP(mem_freep) char *mail = write_mail(&message, failed_report, failing_state);

	(void)state;
	assert_true(strncmp(mail, "From: aither@www.example.org\n", 29) == 0);
	assert_has(mail, "\nTo: a@example.org, b@example.org\n");
	assert_has(mail, "\nDate: Sun, 15 Mar 2026 00:00:00 +0100\n");
	assert_has(mail, "\nMessage-ID: <1@h>\n");
	assert_has(mail, "\nAuto-Submitted: auto-generated\n");
	assert_has(mail, "\nX-Aither-Job: " JOB "\n");
	assert_has(mail, "\nMIME-Version: 1.0\n");
	assert_has(mail, "\nContent-Type: text/plain; charset=utf-8\n");
	assert_has_not(mail, "In-Reply-To");
	assert_has_not(mail, "References");
}

static void later_mails_answer_the_first(void **state)
{
	struct message message = message_of(INCIDENT_RECOVERY);
	CLEANUP(mem_freep) char *mail = write_mail(&message, partial_report, failing_state);

	(void)state;
	assert_has(mail, "\nMessage-ID: <3@h>\nIn-Reply-To: <1@h>\nReferences: <1@h>\n");
}

static void a_failure_is_reported_with_cause_remedy_and_command(void **state)
{
	struct message message = message_of(INCIDENT_FAILURE);
	CLEANUP(mem_freep) char *mail = write_mail(&message, failed_report, failing_state);
	const char *cause = strstr(mail, "  hemera: HEMERA_UNREACHABLE: cannot connect\n");

	(void)state;
	assert_has(mail, "The last 3 syncs of aither on www.example.org have failed.");
	assert_has(mail, "\nFailing since:  Thu, 12 Mar 2026 11:00:00 +0100\n");
	assert_has(mail, "\nLast success:   Wed, 11 Mar 2026 00:00:00 +0100\n");
	assert_has(mail, "\nLast sync:      Sat, 14 Mar 2026 23:59:58 +0100, failed after 1.2 s\n");
	assert_non_null(cause);
	assert_has(cause, error_remedy_of_name("HEMERA_UNREACHABLE"));
	assert_has(cause, "  course c1: HEMERA_BAD_DATA: data[3].level: \"X\" = bad\n");
	assert_has(cause, error_remedy_of_name("HEMERA_BAD_DATA"));
	assert_ends(mail, "\n  journalctl AITHER_JOB_ID=" JOB "\n");
}

static void a_machine_that_never_succeeded_says_so(void **state)
{
	struct message message = message_of(INCIDENT_FAILURE);
	CLEANUP(mem_freep) char *mail = NULL;

	(void)state;
	mail = write_mail_after(&message, failed_report, NULL, 1, 0);
	assert_has(mail, "The last sync of aither on www.example.org has failed.");
	assert_has(mail, "\nLast success:   never\n");
	assert_has_not(mail, "Failing since");
}

static void a_recovery_says_how_long_it_took_and_which_errors_are_left(void **state)
{
	struct message message = message_of(INCIDENT_RECOVERY);
	CLEANUP(mem_freep) char *mail = write_mail(&message, partial_report, failing_state);

	(void)state;
	assert_has(mail, "\nFirst failure:  Thu, 12 Mar 2026 11:00:00 +0100\n");
	assert_has(mail, "12 pages written, 488 unchanged, 3 removed in 1.8 s\n");
	assert_has(mail, "  course c3: HEMERA_ERROR: three\n");
	assert_ends(mail, "\n  journalctl AITHER_JOB_ID=" JOB "\n");
}

static void a_mail_about_courses_has_only_their_errors(void **state)
{
	struct message message = message_of(INCIDENT_COURSES);
	CLEANUP(mem_freep) char *mail = write_mail(&message, partial_report, one_course);

	(void)state;
	assert_has(mail, "\n  course c1: 3 syncs in a row\n");
	assert_has(mail, "\n  course c1: HEMERA_BAD_DATA: one\n");
	assert_has_not(mail, "course c2");
	assert_has_not(mail, "course c3");
}

static void a_mail_about_courses_names_title_and_slug(void **state)
{
	CLEANUP(json_freep) struct json *courses = parse(course_names);
	struct message message = message_of(INCIDENT_COURSES);

	(void)state;
	message.courses = courses;
	CLEANUP(mem_freep) char *one = write_mail(&message, partial_report, one_course);
	assert_has(one, "\nSubject: =?UTF-8?Q?aither_on_www.example.org:_F\xc3\xbchrung_&_Teams?");
	assert_has(one, "\n  F\xc3\xbchrung & Teams (fuehrung, course c1): 3 syncs in a row\n");
	assert_has(one, "\n  F\xc3\xbchrung & Teams (fuehrung, course c1): HEMERA_BAD_DATA: one\n");
	CLEANUP(mem_freep) char *two = write_mail(&message, partial_report, two_courses);
	assert_has(two, "\n  A  Bcc: x@y (b, course c2): 4 syncs in a row\n");
}

static unsigned count_of(const char *mail, const char *text)
{
	unsigned count = 0;

	for (const char *at = mail; (at = strstr(at, text)); at++)
		count++;
	return count;
}

static void each_remedy_stands_once_below_its_errors(void **state)
{
	static const char report[] =
		"{\"status\":\"failed\",\"errors\":["
		"{\"entity\":\"course c1\",\"code\":\"HEMERA_BAD_DATA\",\"message\":\"one\"},"
		"{\"entity\":\"course c2\",\"code\":\"HEMERA_ERROR\",\"message\":\"two\"},"
		"{\"entity\":\"course c3\",\"code\":\"HEMERA_BAD_DATA\",\"message\":\"three\"},"
		"{\"entity\":\"course c4\",\"code\":\"HEMERA_ERROR\",\"message\":\"four\"}]}";
	struct message message = message_of(INCIDENT_FAILURE);
	CLEANUP(mem_freep)
	char *expected = mem_printf("\n\n  course c4: HEMERA_ERROR: four\n  course c2: HEMERA_ERROR: two\n"
				    "  What to do: %s\n\n  course c3: HEMERA_BAD_DATA: three\n"
				    "  course c1: HEMERA_BAD_DATA: one\n  What to do: %s\n\nUntil",
		error_remedy_of_name("HEMERA_ERROR"), error_remedy_of_name("HEMERA_BAD_DATA"));
	CLEANUP(mem_freep) char *mail = write_mail(&message, report, failing_state);

	(void)state;
	assert_has(mail, expected);
	assert_int_equal(count_of(mail, "What to do: "), 2);
}

static void the_sender_has_its_name(void **state)
{
	struct message message = message_of(INCIDENT_TEST);

	(void)state;
	message.from = "Academy, Hemera <aither@example.org>";
	CLEANUP(mem_freep) char *mail = write_mail(&message, NULL, NULL);
	assert_true(strncmp(mail, "From: \"Academy, Hemera\" <aither@example.org>\n", 45) == 0);
}

static void names_on_this_machine_get_its_name(void **state)
{
	struct message message = message_of(INCIDENT_TEST);

	(void)state;
	message.to = "root,a@example.org,ops";
	CLEANUP(mem_freep) char *mail = write_mail(&message, NULL, NULL);
	assert_has(mail, "\nTo: root@www.example.org, a@example.org, ops@www.example.org\n");
}

static void a_test_mail_needs_no_sync(void **state)
{
	struct message message = message_of(INCIDENT_TEST);
	CLEANUP(mem_freep) char *mail = write_mail(&message, NULL, NULL);

	(void)state;
	assert_has(mail, "\nThis is a test.");
	assert_has_not(mail, "X-Aither-Job");
	assert_ends(mail, "\n  journalctl -u aither-worker.service\n");
}

static void the_last_ten_of_many_errors_are_reported(void **state)
{
	struct message message = message_of(INCIDENT_FAILURE);
	CLEANUP(buf_done) struct buf report = BUF_INIT(100000);
	CLEANUP(mem_freep) char *mail = NULL;

	(void)state;
	buf_append_text(&report, "{\"errorsTotal\":250,\"errors\":[");
	for (int i = 1; i <= 25; i++)
		buf_printf(&report,
			"%s{\"entity\":\"course c%02d\",\"code\":\"HEMERA_ERROR\",\"message\":\"m\"}",
			i > 1 ? "," : "", i);
	buf_append_text(&report, "]}");
	mail = write_mail(&message, buf_text(&report), failing_state);
	assert_has_not(mail, "course c15:");
	for (int i = 16; i < 25; i++) {
		char here[32], next[32];

		snprintf(here, sizeof(here), "course c%02d:", i);
		snprintf(next, sizeof(next), "course c%02d:", i + 1);
		assert_has(mail, here);
		assert_true(strstr(mail, next) < strstr(mail, here));
	}
	assert_has(mail, "\n  240 more errors in the report: aither status --json\n");
}

static void a_report_without_a_total_counts_its_own_errors(void **state)
{
	struct message message = message_of(INCIDENT_FAILURE);
	CLEANUP(buf_done) struct buf report = BUF_INIT(100000);
	CLEANUP(mem_freep) char *mail = NULL;

	(void)state;
	for (int i = 0; i < MESSAGE_ERRORS_MAX + 2; i++)
		buf_printf(&report, "%s{}", i ? "," : "{\"errors\":[");
	buf_append_text(&report, "]}");
	mail = write_mail(&message, buf_text(&report), failing_state);
	assert_has(mail, "\n  2 more errors in the report");
}

static void nothing_of_a_report_can_add_a_header_or_a_line(void **state)
{
	static const char report[] =
		"{\"jobId\":\"x\\r\\nBcc: evil@example.org\",\"status\":\"failed\",\"errors\":["
		"{\"entity\":\"a\\r\\n.\\r\\nb\",\"code\":\"C\\r\\nBcc: evil@example.org\","
		"\"message\":\"m\\n\\nBcc: evil@example.org\"}]}";
	struct message message = message_of(INCIDENT_FAILURE);
	CLEANUP(mem_freep) char *mail = write_mail(&message, report, failing_state);

	(void)state;
	assert_has_not(mail, "\nBcc");
	assert_has_not(mail, "\n.");
	assert_has(mail, "\n  a  .  b: C  Bcc: evil@example.org: m  Bcc: evil@example.org\n");
}

static void every_mail_says_which_site_it_is_about(void **state)
{
	(void)state;
	for (int kind = 0; kind < INCIDENT_KINDS; kind++) {
		struct message message = message_of((enum incident_kind)kind);
		CLEANUP(mem_freep) char *bare = write_mail(&message, failed_report, failing_state);

		assert_has(bare, "\n\nSite: Hemera Academy\n\nFor details, run on www.example.org:\n");
		message.site_name = "Akademie für Löhne & <Gehälter>";
		message.site_url = "https://courses.example.org";
		CLEANUP(mem_freep) char *whole = write_mail(&message, failed_report, failing_state);
		assert_has(whole,
			"\n\nSite: Akademie für Löhne & <Gehälter> (https://courses.example.org)\n\nFor details, run on ");
		/* Mail filters recognise the mails by this text. */
		assert_has(whole, "\nSubject: aither on www.example.org: ");
	}
}

/* The configuration accepts no control characters, but a mail does not rely on that. */
static void no_name_of_a_site_can_add_a_header_or_a_line(void **state)
{
	struct message message = message_of(INCIDENT_FAILURE);

	(void)state;
	message.site_name = "A\r\nBcc: evil@example.org\r\n.\r\n\xff";
	CLEANUP(mem_freep) char *mail = write_mail(&message, failed_report, failing_state);
	assert_has_not(mail, "\nBcc");
	assert_has_not(mail, "\n.");
	assert_has(mail, "\nSite: A  Bcc: evil@example.org  .  \xef\xbf\xbd\n");
}

/* Reports and states of another version, or edited by hand. */
static void a_mail_is_written_from_incomplete_reports_and_states(void **state)
{
	static const char *const texts[] = {
		NULL, "{}", "{\"errors\":5,\"courses\":5,\"jobId\":5,\"endTime\":5}",
		"{\"errors\":[5,{}],\"courses\":[5,{\"told\":false}],\"openedAt\":\"x\",\"errorsTotal\":-1}"
	};

	(void)state;
	for (int kind = 0; kind < INCIDENT_KINDS; kind++) {
		for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
			struct message message = message_of((enum incident_kind)kind);
			CLEANUP(mem_freep) char *mail = write_mail(&message, texts[i], texts[i]);

			assert_has(mail, "\nSubject: aither on www.example.org: ");
			assert_has(mail, "journalctl");
		}
	}
}

static int set_zone(void **state)
{
	(void)state;
	return time_zone_set("Europe/Berlin");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_subject_says_what_happened_where),
		cmocka_unit_test(headers_are_those_of_an_automatic_mail),
		cmocka_unit_test(later_mails_answer_the_first),
		cmocka_unit_test(a_failure_is_reported_with_cause_remedy_and_command),
		cmocka_unit_test(a_machine_that_never_succeeded_says_so),
		cmocka_unit_test(a_recovery_says_how_long_it_took_and_which_errors_are_left),
		cmocka_unit_test(a_mail_about_courses_has_only_their_errors),
		cmocka_unit_test(a_mail_about_courses_names_title_and_slug),
		cmocka_unit_test(each_remedy_stands_once_below_its_errors),
		cmocka_unit_test(the_sender_has_its_name),
		cmocka_unit_test(names_on_this_machine_get_its_name),
		cmocka_unit_test(a_test_mail_needs_no_sync),
		cmocka_unit_test(the_last_ten_of_many_errors_are_reported),
		cmocka_unit_test(a_report_without_a_total_counts_its_own_errors),
		cmocka_unit_test(nothing_of_a_report_can_add_a_header_or_a_line),
		cmocka_unit_test(every_mail_says_which_site_it_is_about),
		cmocka_unit_test(no_name_of_a_site_can_add_a_header_or_a_line),
		cmocka_unit_test(a_mail_is_written_from_incomplete_reports_and_states),
	};

	return cmocka_run_group_tests(tests, set_zone, NULL);
}
