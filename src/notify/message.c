/* SPDX-License-Identifier: MIT */
#include "notify/message.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/time.h"
#include "base/utf8.h"
#include "notify/mime.h"

#define TITLE_SHOWN_MAX 200
#define SUBJECT_MAX 4096 /* a host name and an entity */
#define ADDRESSES_MAX (64 << 10)

static const char *text_of(const struct json *object, const char *name)
{
	const char *text = json_string(json_get(object, name));

	return text ? text : "";
}

static int64_t count_of(const struct message *message, const char *name)
{
	return json_integer(json_get(message->report, name), 0);
}

/* The code of the error that ended the sync; "" without errors. */
static const char *last_code(const struct message *message)
{
	const char *code = "";

	JSON_FOREACH (problem, json_get(message->report, "errors"))
		code = text_of(problem, "code");
	return code;
}

/* Is this one of the courses that the mail is about? */
static bool is_to_report(const struct json *course)
{
	const struct json *told = json_get(course, "told");

	return told && !json_bool(told, true);
}

static bool is_entity_to_report(const struct message *message, const char *entity)
{
	JSON_FOREACH (course, json_get(message->state, "courses"))
		if (is_to_report(course) && strcmp(text_of(course, "entity"), entity) == 0)
			return true;
	return false;
}

/* ---- parts of the body, in UTF-8 with '\n' at the ends of lines ---- */

static void add_time(struct buf *body, const char *label, int64_t unix_ms)
{
	char text[TIME_MAIL_SIZE];

	time_format_mail(unix_ms, text);
	buf_printf(body, "%-15s %s", label, text);
}

/* Adds the first failure (labelled `since`) and the last sync, if known, and, except in a mail about courses,
 * the last success or "never". */
static void add_times(struct buf *body, const struct message *message, const char *since)
{
	double seconds = (double)count_of(message, "durationMs") / 1000;
	int64_t written = count_of(message, "filesGenerated"), unix_ms;

	if (since && time_parse(text_of(message->state, "openedAt"), &unix_ms) == 0) {
		add_time(body, since, unix_ms);
		buf_append_char(body, '\n');
	}
	if (message->alert->kind != INCIDENT_COURSES) {
		if (time_parse(text_of(message->report, "lastSuccessTime"), &unix_ms) == 0)
			add_time(body, "Last success:", unix_ms);
		else
			buf_printf(body, "%-15s never", "Last success:");
		buf_append_char(body, '\n');
	}
	if (time_parse(text_of(message->report, "endTime"), &unix_ms) < 0)
		return;
	add_time(body, "Last sync:", unix_ms);
	if (strcmp(text_of(message->report, "status"), "failed") == 0)
		buf_printf(body, ", failed after %.1f s\n", seconds);
	else
		buf_printf(body,
			",\n%-15s %" PRId64 " page%s written, %" PRId64 " unchanged, %" PRId64
			" removed in %.1f s\n",
			"", written, written == 1 ? "" : "s", count_of(message, "filesSkipped"),
			count_of(message, "filesDeleted"), seconds);
}

/* Appends at most TITLE_SHOWN_MAX bytes of a course's title or slug, so that a hundred courses leave room for
 * the other text. */
static void add_title(struct buf *text, const char *title)
{
	CLEANUP(mem_freep) char *shown = mem_strndup(title, TITLE_SHOWN_MAX);

	if (strlen(title) > TITLE_SHOWN_MAX)
		utf8_trim(shown);
	mime_clean(text, shown);
	buf_append_text(text, strlen(title) > TITLE_SHOWN_MAX ? "..." : "");
}

/* Adds "Leading Teams (leading-teams, course c1)", or only "course c1" if the course is unknown. */
static void add_entity(struct buf *body, const struct message *message, const char *entity)
{
	const struct json *course = json_get(message->courses, entity);

	if (course) {
		add_title(body, text_of(course, "title"));
		buf_append_text(body, " (");
		add_title(body, text_of(course, "slug"));
		buf_append_text(body, ", ");
	}
	mime_clean(body, entity);
	buf_append_text(body, course ? ")" : "");
}

static void add_error(struct buf *body, const struct message *message, const struct json *problem)
{
	buf_append_text(body, "\n  ");
	add_entity(body, message, text_of(problem, "entity"));
	buf_append_text(body, ": ");
	mime_clean(body, text_of(problem, "code"));
	buf_append_text(body, ": ");
	mime_clean(body, text_of(problem, "message"));
}

/* Groups errors that have the same remedy and adds the remedy below each group. */
static void add_problems(
	struct buf *body, const struct message *message, const struct json **problems, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const char *remedy = error_remedy_of_name(text_of(problems[i], "code"));

		if (!problems[i])
			continue;
		for (size_t k = i; k < count; k++) {
			if (!problems[k] ||
				strcmp(error_remedy_of_name(text_of(problems[k], "code")), remedy) != 0)
				continue;
			add_error(body, message, problems[k]);
			if (k > i)
				problems[k] = NULL;
		}
		buf_printf(body, "\n  What to do: %s\n", remedy);
	}
}

/* Begins with the last error, which is the one that ended a failed sync. A mail about courses lists only the
 * errors of those courses. */
static void add_errors(struct buf *body, const struct message *message)
{
	const struct json *last[MESSAGE_ERRORS_MAX], *shown[MESSAGE_ERRORS_MAX];
	bool courses = message->alert->kind == INCIDENT_COURSES;
	int64_t total = count_of(message, "errorsTotal");
	size_t count = 0, all;

	JSON_FOREACH (problem, json_get(message->report, "errors"))
		if (!courses || is_entity_to_report(message, text_of(problem, "entity")))
			last[count++ % MESSAGE_ERRORS_MAX] = problem;
	if (count == 0)
		return;
	all = courses || total < (int64_t)count ? count : (size_t)total;
	buf_append_text(body, "\nErrors of the last sync, the latest first:\n");
	for (size_t i = 0; i < count && i < MESSAGE_ERRORS_MAX; i++)
		shown[i] = last[(count - 1 - i) % MESSAGE_ERRORS_MAX];
	add_problems(body, message, shown, count < MESSAGE_ERRORS_MAX ? count : MESSAGE_ERRORS_MAX);
	if (all > MESSAGE_ERRORS_MAX)
		buf_printf(body, "\n  %zu more error%s in the report: aither status --json\n",
			all - MESSAGE_ERRORS_MAX, all == MESSAGE_ERRORS_MAX + 1 ? "" : "s");
}

/* ---- each kind of mail ---- */

static void write_failure(struct buf *subject, struct buf *body, const struct message *message)
{
	int64_t failures = count_of(message, "consecutiveFailures");
	const char *code = last_code(message);

	if (message->alert->kind == INCIDENT_REMINDER)
		buf_printf(subject, "syncs are still failing, %" PRId64 " in a row (%s)", failures, code);
	else if (failures == 1)
		buf_printf(subject, "a sync has failed (%s)", code);
	else
		buf_printf(subject, "%" PRId64 " syncs have failed in a row (%s)", failures, code);
	if (failures == 1)
		buf_printf(body, "The last sync of aither on %s has failed.", message->host);
	else
		buf_printf(body, "The last %" PRId64 " syncs of aither on %s have failed.", failures,
			message->host);
	buf_append_text(body, "\nVisitors still see the pages that were published before.\n\n");
	add_times(body, message, "Failing since:");
	add_errors(body, message);
	buf_append_text(body,
		"\nUntil this is fixed, you get at most one mail a day, and one when a sync succeeds again.\n");
}

static void write_courses(struct buf *subject, struct buf *body, const struct message *message)
{
	const char *first = "", *title;
	size_t count = 0;
	int64_t syncs;

	buf_printf(body,
		"Syncs of aither on %s cannot bring these courses up to date.\n"
		"Their pages stay as they are.\n\n",
		message->host);
	JSON_FOREACH (course, json_get(message->state, "courses")) {
		if (!is_to_report(course))
			continue;
		if (count++ == 0)
			first = text_of(course, "entity");
		buf_append_text(body, "  ");
		add_entity(body, message, text_of(course, "entity"));
		syncs = json_integer(json_get(course, "partials"), 0);
		buf_printf(body, ": %" PRId64 " sync%s in a row\n", syncs, syncs == 1 ? "" : "s");
	}
	title = text_of(json_get(message->courses, first), "title");
	if (count == 1) {
		add_title(subject, title[0] ? title : first);
		buf_append_text(subject, " cannot be brought up to date");
	} else {
		buf_printf(subject, "%zu courses cannot be brought up to date", count);
	}
	buf_append_char(body, '\n');
	add_times(body, message, NULL);
	add_errors(body, message);
	buf_append_text(
		body, "\nYou get no further mail about a course until a sync has brought it up to date.\n");
}

static void write_kind(struct buf *subject, struct buf *body, const struct message *message)
{
	switch (message->alert->kind) {
	case INCIDENT_FAILURE:
	case INCIDENT_REMINDER:
		write_failure(subject, body, message);
		break;
	case INCIDENT_RECOVERY:
		buf_append_text(subject, "syncs succeed again");
		buf_printf(body, "Syncs of aither on %s succeed again.\n\n", message->host);
		add_times(body, message, "First failure:");
		add_errors(body, message);
		break;
	case INCIDENT_COURSES:
		write_courses(subject, body, message);
		break;
	case INCIDENT_OUTPUT:
		buf_printf(subject, "syncs cannot save their results (%s)", last_code(message));
		buf_printf(body,
			"A sync of aither on %s could not write the manifest,\n"
			"the file that records what has been published. Until this is fixed,\n"
			"every sync does the same work again, and failures are not counted.\n\n",
			message->host);
		add_times(body, message, NULL);
		add_errors(body, message);
		buf_append_text(body, "\nUntil this is fixed, you get at most one mail a day.\n");
		break;
	case INCIDENT_SCHEDULE:
		buf_append_text(subject, "the scheduled sync did not run");
		buf_printf(body,
			"The scheduled sync of aither on %s did not run.\n"
			"Visitors still see the pages that were published before.\n",
			message->host);
		JSON_FOREACH (problem, json_get(message->report, "errors"))
			add_problems(body, message, &(const struct json *){ problem }, 1);
		buf_append_text(body, "\nUntil this is fixed, you get at most one mail a day.\n");
		break;
	case INCIDENT_TEST:
	case INCIDENT_KINDS:
		buf_append_text(subject, "test mail");
		buf_printf(body,
			"This is a test. aither on %s can send mail to you.\n"
			"It does so when syncs keep failing, and when they succeed again.\n",
			message->host);
		break;
	}
}

/* ---- the whole mail ---- */

void message_write(struct buf *out, const struct message *message)
{
	CLEANUP(buf_done)
	struct buf subject = BUF_INIT(SUBJECT_MAX), to = BUF_INIT(ADDRESSES_MAX),
		   body = BUF_INIT(MESSAGE_SIZE_MAX);
	const struct incident_alert *alert = message->alert;
	const char *job_id = text_of(message->report, "jobId");
	char date[TIME_MAIL_SIZE];

	buf_printf(&subject, "aither on %s: ", message->host);
	write_kind(&subject, &body, message);
	buf_append_text(&body, "\nSite: ");
	mime_clean(&body, message->site_name);
	if (message->site_url)
		buf_printf(&body, " (%s)", message->site_url);
	buf_printf(&body, "\n\nFor details, run on %s:\n  aither status\n  aither doctor\n", message->host);
	if (job_id[0]) {
		buf_append_text(&body, "  journalctl AITHER_JOB_ID=");
		mime_clean(&body, job_id);
		buf_append_char(&body, '\n');
	} else {
		buf_append_text(&body, "  journalctl -u aither-worker.service\n");
	}

	/* Addresses in headers need a domain (RFC 5322, 3.4.1): Exim refuses mails without one. */
	for (const char *next = message->to; *next;) {
		size_t length = strcspn(next, ",");

		buf_printf(&to, "%s%.*s", to.length > 0 ? ", " : "", (int)length, next);
		if (!memchr(next, '@', length))
			buf_printf(&to, "@%s", message->host);
		next += length + (next[length] == ',');
	}
	time_format_mail(message->now_ms, date);
	mime_header_mailbox(out, "From", message->from);
	mime_header(out, "To", buf_text(&to));
	mime_header_text(out, "Subject", buf_text(&subject));
	mime_header(out, "Date", date);
	mime_header(out, "Message-ID", alert->message_id);
	if (alert->thread_id[0]) {
		mime_header(out, "In-Reply-To", alert->thread_id);
		mime_header(out, "References", alert->thread_id);
	}
	/* RFC 3834, 5: keeps automatic responders from answering. */
	buf_append_text(out, "Auto-Submitted: auto-generated\r\n");
	if (job_id[0])
		mime_header_text(out, "X-Aither-Job", job_id);
	buf_append_text(out, "MIME-Version: 1.0\r\n"
			     "Content-Type: text/plain; charset=utf-8\r\n"
			     "Content-Transfer-Encoding: quoted-printable\r\n"
			     "\r\n");
	mime_body(out, buf_text(&body));
}
