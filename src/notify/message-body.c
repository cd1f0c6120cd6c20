/* SPDX-License-Identifier: MIT */
#include "notify/message-body.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/error-remedy.h"
#include "base/json.h"
#include "base/time.h"
#include "notify/message.h"
#include "notify/mime.h"

static const char *body_text(const struct json *object, const char *name)
{
	const char *text = json_string(json_get(object, name));

	return text ? text : "";
}

static void body_time(struct buf *out, const char *label, int64_t unix_ms)
{
	char text[TIME_MAIL_SIZE];

	time_format_mail(unix_ms, text);
	buf_printf(out, "%-15s %s", label, text);
}

/* False, and nothing is written, where the report or the state has no such time. */
static bool body_time_of(struct buf *out, const char *label, const struct json *object, const char *name)
{
	int64_t unix_ms;

	if (time_parse(json_string(json_get(object, name)), &unix_ms) < 0)
		return false;
	body_time(out, label, unix_ms);
	return true;
}

static void body_since(struct buf *out, const struct message *message, const char *label)
{
	if (body_time_of(out, label, message->state, "openedAt"))
		buf_append_char(out, '\n');
}

static void body_last_success(struct buf *out, const struct message *message)
{
	if (message->last_success_ms)
		body_time(out, "Last success:", message->last_success_ms);
	else
		buf_printf(out, "%-15s never", "Last success:");
	buf_append_char(out, '\n');
}

static int64_t body_count(const struct message *message, const char *name)
{
	return json_integer(json_get(message->report, name), 0);
}

static void body_last_sync(struct buf *out, const struct message *message)
{
	double seconds = (double)body_count(message, "durationMs") / 1000;
	int64_t written = body_count(message, "filesGenerated");

	if (!body_time_of(out, "Last sync:", message->report, "endTime"))
		return;
	if (strcmp(body_text(message->report, "status"), "failed") == 0)
		buf_printf(out, ", failed after %.1f s\n", seconds);
	else
		buf_printf(out,
			",\n%-15s %" PRId64 " page%s written, %" PRId64 " unchanged, %" PRId64
			" removed in %.1f s\n",
			"", written, written == 1 ? "" : "s", body_count(message, "filesSkipped"),
			body_count(message, "filesDeleted"), seconds);
}

static bool body_is_to_tell(const struct json *course)
{
	const struct json *told = json_get(course, "told");

	return told && !json_bool(told, true);
}

size_t message_body_courses(const struct message *message, const char **ret_first)
{
	size_t count = 0;

	*ret_first = NULL;
	JSON_FOREACH (course, json_get(message->state, "courses")) {
		if (!body_is_to_tell(course))
			continue;
		if (count++ == 0)
			*ret_first = body_text(course, "entity");
	}
	return count;
}

static bool body_names(const struct message *message, const char *entity)
{
	JSON_FOREACH (course, json_get(message->state, "courses"))
		if (body_is_to_tell(course) && strcmp(body_text(course, "entity"), entity) == 0)
			return true;
	return false;
}

static void body_error(struct buf *out, const struct json *problem)
{
	buf_append_text(out, "\n  ");
	mime_clean(out, body_text(problem, "entity"));
	buf_append_text(out, ": ");
	mime_clean(out, body_text(problem, "code"));
	buf_append_text(out, ": ");
	mime_clean(out, body_text(problem, "message"));
	buf_printf(out, "\n  What to do: %s\n", error_remedy_of_name(body_text(problem, "code")));
}

/* The last ones first: what ended a failed sync is the last. About courses: only what is wrong with these. */
static void body_errors(struct buf *out, const struct message *message)
{
	const struct json *shown[MESSAGE_ERRORS_MAX];
	bool courses = message->notice->kind == INCIDENT_COURSES;
	int64_t total = body_count(message, "errorsTotal");
	size_t count = 0, more;

	JSON_FOREACH (problem, json_get(message->report, "errors"))
		if (!courses || body_names(message, body_text(problem, "entity")))
			shown[count++ % MESSAGE_ERRORS_MAX] = problem;
	if (count == 0)
		return;
	more = courses || total < (int64_t)count ? count : (size_t)total;
	buf_append_text(out, "\nErrors of the last sync, the last one first:\n");
	for (size_t i = 0; i < count && i < MESSAGE_ERRORS_MAX; i++)
		body_error(out, shown[(count - 1 - i) % MESSAGE_ERRORS_MAX]);
	if (more > MESSAGE_ERRORS_MAX)
		buf_printf(out, "\n  %zu more are in the report: aither status --json\n",
			more - MESSAGE_ERRORS_MAX);
}

static void body_failure(struct buf *out, const struct message *message)
{
	if (message->consecutive_failures == 1)
		buf_printf(out, "The last sync of aither on %s has failed.", message->host);
	else
		buf_printf(out, "The last %u syncs of aither on %s have failed.",
			message->consecutive_failures, message->host);
	buf_append_text(out, " Visitors go on seeing\nthe pages that were published before.\n\n");
	body_since(out, message, "Failing since:");
	body_last_success(out, message);
	body_last_sync(out, message);
	body_errors(out, message);
	buf_append_text(out,
		"\nWhile this lasts you get a mail once a day at most, and one when a sync succeeds "
		"again.\n");
}

static void body_recovery(struct buf *out, const struct message *message)
{
	buf_printf(out, "Syncs of aither on %s succeed again.\n\n", message->host);
	body_since(out, message, "Failed since:");
	body_last_success(out, message);
	body_last_sync(out, message);
	body_errors(out, message);
}

static void body_courses(struct buf *out, const struct message *message)
{
	buf_printf(out,
		"aither on %s could not bring these courses up to date, sync after sync.\n"
		"Their pages stay as they were.\n\n",
		message->host);
	JSON_FOREACH (course, json_get(message->state, "courses")) {
		if (!body_is_to_tell(course))
			continue;
		buf_append_text(out, "  ");
		mime_clean(out, body_text(course, "entity"));
		buf_printf(
			out, ": %" PRId64 " syncs in a row\n", json_integer(json_get(course, "partials"), 0));
	}
	buf_append_char(out, '\n');
	body_last_sync(out, message);
	body_errors(out, message);
	buf_append_text(out, "\nYou get no other mail about a course before a sync has gone well with it.\n");
}

static void body_output(struct buf *out, const struct message *message)
{
	buf_printf(out,
		"A sync of aither on %s could not save what it has done: the file that remembers\n"
		"it cannot be written. Until that is mended every sync does the same again, and\n"
		"failures are not counted.\n\n",
		message->host);
	body_last_success(out, message);
	body_last_sync(out, message);
	body_errors(out, message);
	buf_append_text(out, "\nWhile this lasts you get a mail once a day at most.\n");
}

static void body_schedule(struct buf *out, const struct message *message)
{
	buf_printf(out,
		"The scheduled sync of aither on %s could not be run. Visitors go on seeing the\n"
		"pages that were published before.\n",
		message->host);
	JSON_FOREACH (problem, json_get(message->report, "errors"))
		body_error(out, problem);
	buf_append_text(out, "\nWhile this lasts you get a mail once a day at most.\n");
}

static void body_test(struct buf *out, const struct message *message)
{
	buf_printf(out,
		"This is a test. aither on %s can send mails to you; it does so when syncs keep\n"
		"failing, and when they succeed again.\n",
		message->host);
}

/* The last line is the one that shows all that is known of the sync. */
static void body_commands(struct buf *out, const struct message *message)
{
	const char *job_id = body_text(message->report, "jobId");

	buf_printf(out, "\nMore on %s:\n  aither status\n  aither doctor\n", message->host);
	if (job_id[0]) {
		buf_append_text(out, "  journalctl AITHER_JOB_ID=");
		mime_clean(out, job_id);
		buf_append_char(out, '\n');
	} else {
		buf_append_text(out, "  journalctl -u aither-worker.service\n");
	}
}

void message_body_write(struct buf *out, const struct message *message)
{
	static void (*const writers[INCIDENT_KINDS])(struct buf * out, const struct message *message) = {
		[INCIDENT_FAILURE] = body_failure,
		[INCIDENT_REMINDER] = body_failure,
		[INCIDENT_RECOVERY] = body_recovery,
		[INCIDENT_COURSES] = body_courses,
		[INCIDENT_OUTPUT] = body_output,
		[INCIDENT_SCHEDULE] = body_schedule,
		[INCIDENT_TEST] = body_test,
	};

	writers[message->notice->kind](out, message);
	body_commands(out, message);
}
