/* SPDX-License-Identifier: MIT */
#include "notify/message.h"

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/time.h"
#include "notify/message-body.h"
#include "notify/mime.h"

#define MESSAGE_SUBJECT_MAX 4096 /* a host and an entity */
#define MESSAGE_ADDRESSES_MAX (64 << 10)

/* What ended the sync is the last error; "" where there is none. */
static const char *message_code(const struct message *message)
{
	const char *code = NULL;

	JSON_FOREACH (problem, json_get(message->report, "errors"))
		code = json_string(json_get(problem, "code"));
	return code ? code : "";
}

static void message_say_courses(struct buf *subject, const struct message *message)
{
	const char *first = NULL;
	size_t count = message_body_courses(message, &first);

	if (count == 1)
		buf_printf(subject, "%s cannot be brought up to date", first);
	else
		buf_printf(subject, "%zu courses cannot be brought up to date", count);
}

static void message_say(struct buf *subject, const struct message *message)
{
	unsigned failures = message->consecutive_failures;

	buf_printf(subject, "aither on %s: ", message->host);
	switch (message->notice->kind) {
	case INCIDENT_FAILURE:
		if (failures == 1)
			buf_printf(subject, "a sync has failed (%s)", message_code(message));
		else
			buf_printf(subject, "%u syncs have failed in a row (%s)", failures,
				message_code(message));
		break;
	case INCIDENT_REMINDER:
		buf_printf(subject, "syncs still fail, %u in a row (%s)", failures, message_code(message));
		break;
	case INCIDENT_RECOVERY:
		buf_append_text(subject, "syncs succeed again");
		break;
	case INCIDENT_COURSES:
		message_say_courses(subject, message);
		break;
	case INCIDENT_OUTPUT:
		buf_printf(subject, "syncs cannot save their results (%s)", message_code(message));
		break;
	case INCIDENT_SCHEDULE:
		buf_append_text(subject, "the scheduled sync could not be run");
		break;
	case INCIDENT_TEST:
	case INCIDENT_KINDS:
		buf_append_text(subject, "test mail");
		break;
	}
}

static void message_write_to(struct buf *out, const char *addresses)
{
	CLEANUP(buf_done) struct buf list = BUF_INIT(MESSAGE_ADDRESSES_MAX);

	for (const char *at = addresses; *at; at++) {
		buf_append_char(&list, *at);
		if (*at == ',')
			buf_append_char(&list, ' ');
	}
	mime_header(out, "To", buf_text(&list));
}

static void message_write_headers(struct buf *out, const struct message *message)
{
	CLEANUP(buf_done) struct buf subject = BUF_INIT(MESSAGE_SUBJECT_MAX);
	const struct incident_notice *notice = message->notice;
	const char *job_id = json_string(json_get(message->report, "jobId"));
	char date[TIME_MAIL_SIZE];

	message_say(&subject, message);
	time_format_mail(message->now_ms, date);
	mime_header(out, "From", message->from);
	message_write_to(out, message->to);
	mime_header_text(out, "Subject", buf_text(&subject));
	mime_header(out, "Date", date);
	mime_header(out, "Message-ID", notice->message_id);
	if (notice->thread_id[0]) {
		mime_header(out, "In-Reply-To", notice->thread_id);
		mime_header(out, "References", notice->thread_id);
	}
	/* RFC 3834, 5: nobody's holiday notice answers. */
	buf_append_text(out, "Auto-Submitted: auto-generated\r\n");
	if (job_id)
		mime_header_text(out, "X-Aither-Job", job_id);
	buf_append_text(out, "MIME-Version: 1.0\r\n"
			     "Content-Type: text/plain; charset=utf-8\r\n"
			     "Content-Transfer-Encoding: quoted-printable\r\n");
}

void message_write(struct buf *out, const struct message *message)
{
	CLEANUP(buf_done) struct buf body = BUF_INIT(MESSAGE_SIZE_MAX);

	message_write_headers(out, message);
	buf_append_text(out, "\r\n");
	message_body_write(&body, message);
	mime_body(out, buf_text(&body));
}
