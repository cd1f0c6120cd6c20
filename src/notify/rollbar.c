/* SPDX-License-Identifier: MIT */
#include "notify/rollbar.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/time.h"
#include "net/fetch.h"

#ifndef PACKAGE_VERSION /* configure defines it on the compiler's command line */
#define PACKAGE_VERSION "dev"
#endif

/* In characters, according to Rollbar's documentation. */
#define TITLE_MAX 255
#define ENVIRONMENT_MAX 255
#define FINGERPRINT_MAX 40
#define VERSION_MAX 40

#define ERRORS_MAX 100 /* a report lists no more */

/* Three tries of 3 s and the pauses between them end within ROLLBAR_TIME_MS. */
#define CONNECT_TIMEOUT_MS 2000
#define TRY_TIMEOUT_MS 3000
#define PAUSE_MS 250 /* before the second try; twice as long before the third */

#define ANSWER_MAX (64 << 10) /* {"err":0,"result":{...}} */
#define REASON_MAX 200        /* of Rollbar's message, quoted in an error message */

/* How long to send nothing after a 429 without a time: Rollbar's limits are per minute. A faulty answer must
 * not stop the sending for longer than an hour. */
#define SUSPENDED_S 60
#define SUSPENDED_S_MAX 3600

/* ---- the item ---- */

/* The members that leave the machine: times, counts and codes. A new member of reports is not sent unless it
 * is added here. */
static const char *const report_members[] = { "jobId", "status", "startTime", "endTime", "durationMs",
	"coursesFetched", "participantsFetched", "templatesFetched", "filesGenerated", "filesSkipped",
	"filesDeleted", "coursesDeferred", "retryAfterSec", "homepageChanged", "errorsTotal",
	"consecutiveFailures", "lastSuccessTime" };
static const char *const error_members[] = { "entity", "code", "message", "timestamp" };

static const char *const level_names[] = {
	[CONFIG_LEVEL_INFO] = "info",
	[CONFIG_LEVEL_WARNING] = "warning",
	[CONFIG_LEVEL_ERROR] = "error",
};

/* The first `characters` of a text in UTF-8. */
static void rollbar_set_cut(struct json *object, const char *name, const char *text, size_t characters)
{
	size_t length = 0;

	for (size_t seen = 0; text[length]; length++)
		if (((unsigned char)text[length] & 0xc0) != 0x80 && seen++ == characters)
			break;
	CLEANUP(mem_freep) char *cut = mem_strndup(text, length);
	json_set_string(object, name, cut);
}

static void rollbar_copy_members(
	struct json *to, const struct json *from, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct json *value = json_get(from, names[i]);
		enum json_type type = json_type(value);

		if (type == JSON_BOOL || type == JSON_NUMBER || type == JSON_STRING)
			json_set(to, names[i], json_copy(value));
	}
}

static struct json *rollbar_custom(const struct json *report, size_t errors_max)
{
	struct json *custom = json_new_object(), *errors = json_new_array();
	size_t count = 0;

	rollbar_copy_members(custom, report, report_members, ARRAY_SIZE(report_members));
	JSON_FOREACH (problem, json_get(report, "errors")) {
		if (count++ >= errors_max)
			break;
		struct json *copy = json_new_object();
		rollbar_copy_members(copy, problem, error_members, ARRAY_SIZE(error_members));
		json_append(errors, copy);
	}
	json_set(custom, "errors", errors);
	return custom;
}

static struct json *rollbar_data(
	const struct rollbar *rollbar, const struct rollbar_item *item, const char *uuid, size_t errors_max)
{
	struct json *data = json_new_object(), *body = json_new_object(), *server = json_new_object(),
		    *notifier = json_new_object();

	if (item->class_name) {
		/* Rollbar shows an error by its class and requires a stack frame. A place in the source would
		 * mean nothing to an operator, so the frame names the program. */
		struct json *trace = json_new_object(), *frames = json_new_array(),
			    *frame = json_new_object(), *exception = json_new_object();

		json_set_string(frame, "filename", "aither-worker");
		json_set_string(frame, "method", item->context);
		json_append(frames, frame);
		json_set(trace, "frames", frames);
		json_set_string(exception, "class", item->class_name);
		rollbar_set_cut(exception, "message", item->title, TITLE_MAX);
		json_set(trace, "exception", exception);
		json_set(body, "trace", trace);
	} else {
		struct json *message = json_new_object();

		rollbar_set_cut(message, "body", item->title, TITLE_MAX);
		json_set(body, "message", message);
	}
	json_set_string(server, "host", rollbar->host);
	json_set_integer(server, "pid", getpid());
	rollbar_set_cut(server, "code_version", PACKAGE_VERSION, VERSION_MAX);
	json_set_string(notifier, "name", "aither");
	json_set_string(notifier, "version", PACKAGE_VERSION);

	rollbar_set_cut(data, "environment", rollbar->environment, ENVIRONMENT_MAX);
	json_set_string(data, "level", level_names[item->level]);
	json_set_integer(data, "timestamp", item->time_ms / 1000);
	rollbar_set_cut(data, "code_version", PACKAGE_VERSION, VERSION_MAX);
	json_set_string(data, "platform", "linux");
	json_set_string(data, "language", "c");
	json_set_string(data, "context", item->context);
	json_set_string(data, "uuid", uuid);
	rollbar_set_cut(data, "fingerprint", item->fingerprint, FINGERPRINT_MAX);
	rollbar_set_cut(data, "title", item->title, TITLE_MAX);
	json_set(data, "body", body);
	json_set(data, "server", server);
	if (item->report)
		json_set(data, "custom", rollbar_custom(item->report, errors_max));
	json_set(data, "notifier", notifier);
	return data;
}

/* Only many long errors can make an item too large: halve their number until the item fits. */
char *rollbar_item_text(const struct rollbar *rollbar, const struct rollbar_item *item, const char *uuid)
{
	CLEANUP(buf_done) struct buf text = BUF_INIT(ROLLBAR_ITEM_MAX);

	for (size_t errors_max = ERRORS_MAX;; errors_max /= 2) {
		CLEANUP(json_freep) struct json *root = json_new_object();

		json_set(root, "data", rollbar_data(rollbar, item, uuid, errors_max));
		buf_clear(&text);
		json_write(&text, root);
		if (!buf_overflowed(&text) || errors_max == 0)
			return buf_take(&text);
	}
}

/* ---- sending it ---- */

struct attempt {
	const struct rollbar *rollbar;
	struct error problem;
	bool retry;
	long suspended_s; /* 0: not suspended */
	int result;
};

static int fail(struct attempt *attempt, int errnum, const char *what, const char *more)
{
	return error_fail(&attempt->problem, ERROR_NOTIFY_FAILED, errnum, "Rollbar %s%s", what, more);
}

static int fail_without_answer(struct attempt *attempt, const struct fetch_result *result)
{
	switch (result->failure) {
	case FETCH_CANCELLED:
		return fail(
			attempt, -ECANCELED, "did not answer before the worker stopped: ", result->message);
	case FETCH_TIMEOUT:
		attempt->retry = true;
		return fail(attempt, -ETIMEDOUT, "has not answered in time: ", result->message);
	case FETCH_UNREACHABLE:
	case FETCH_LOST:
		attempt->retry = true;
		return fail(attempt, -EHOSTUNREACH, "cannot be reached: ", result->message);
	case FETCH_REFUSED: /* most likely a bad certificate: a retry would get the same one */
		return fail(attempt, -EHOSTUNREACH, "cannot be reached: ", result->message);
	case FETCH_TOO_LARGE:
	case FETCH_UNREADABLE:
	case FETCH_OK:
	default:
		return fail(attempt, -EREMOTEIO, "sent an invalid answer: ", result->message);
	}
}

static int fail_status(struct attempt *attempt, long status, const struct json *answer)
{
	const char *reason = json_string(json_get(answer, "message"));
	char text[REASON_MAX + 64];

	/* "422 (Rollbar's reason)", without anything that does not belong in a log. */
	if (reason && *reason && !strstr(reason, attempt->rollbar->token))
		snprintf(text, sizeof(text), "%ld (%.*s)", status, REASON_MAX, reason);
	else
		snprintf(text, sizeof(text), "%ld", status);
	for (unsigned char *c = (unsigned char *)text; *c; c++)
		if (*c < ' ' || *c >= 0x7f) /* a character outside ASCII may have been cut in half */
			*c = '?';
	if (status == 401 || status == 403)
		return fail(attempt, -EACCES,
			"refuses the token (to store another: aither set-secret rollbar-token), status ",
			text);
	if (status == 413)
		return fail(attempt, -EMSGSIZE, "refuses the item as too large, status ", text);
	if (status == 429) {
		attempt->suspended_s = SUSPENDED_S;
		return fail(attempt, -EBUSY, "accepts no more items for now, status ", text);
	}
	attempt->retry = status == 408 || status >= 500;
	return fail(attempt, -EREMOTEIO,
		attempt->retry ? "fails with status " : "refuses the item with status ", text);
}

static void on_result(void *arg, struct fetch_result *result)
{
	static const struct json_limits limits = {
		.size_max = ANSWER_MAX, .depth_max = 16, .node_max = 1000
	};
	CLEANUP(json_freep) struct json *answer = NULL;
	struct attempt *attempt = arg;

	if (result->failure != FETCH_OK) {
		attempt->result = fail_without_answer(attempt, result);
		return;
	}
	(void)json_parse(&answer, buf_text(&result->body), result->body.length, &limits, NULL);
	if (result->status != 200)
		attempt->result = fail_status(attempt, result->status, answer);
	else if (json_integer(json_get(answer, "err"), -1) != 0)
		attempt->result = fail(attempt, -EREMOTEIO,
			"does not confirm the item; is Endpoint in [Rollbar] its Items API?", "");
	else
		attempt->result = 0;
	/* The answer to an accepted item may say that it was the last one. */
	if (result->item_wait_s > 0 && (result->status == 429 || result->item_remaining == 0))
		attempt->suspended_s = result->item_wait_s;
	else if (result->status == 429 && result->retry_after_s > 0)
		attempt->suspended_s = result->retry_after_s;
}

int rollbar_send(struct rollbar *rollbar, const struct rollbar_item *item, char *ret_uuid, struct error *err)
{
	const struct fetch_options options = { 1, CONNECT_TIMEOUT_MS, TRY_TIMEOUT_MS };
	CLEANUP(fetch_freep) struct fetch *fetch = NULL;
	struct attempt attempt = { .rollbar = rollbar };
	char uuid[HASH_UUID_SIZE];
	uint64_t begin_ms = time_mono_ms(), deadline_ms = begin_ms + ROLLBAR_TIME_MS;
	int r;

	if (begin_ms < rollbar->suspended_until_mono_ms)
		return error_fail(err, ERROR_NOTIFY_FAILED, -EBUSY,
			"Rollbar's rate limit is used up for another %llu s",
			(unsigned long long)(rollbar->suspended_until_mono_ms - begin_ms + 999) / 1000);
	r = fetch_new(&fetch, &options, err);
	if (r < 0)
		return r;
	hash_uuid(uuid);
	CLEANUP(mem_freep) char *text = rollbar_item_text(rollbar, item, uuid);
	CLEANUP(mem_freep) char *token = mem_printf("X-Rollbar-Access-Token: %s", rollbar->token);
	const char *const headers[] = { "Content-Type: application/json", "Accept: application/json", token,
		NULL };
	const struct fetch_request request = {
		.url = rollbar->endpoint, .headers = headers, .body = text, .body_max = ANSWER_MAX
	};
	for (unsigned try = 1;; try++) {
		attempt.retry = false;
		fetch_add(fetch, &request, on_result, &attempt);
		fetch_run(fetch, deadline_ms, rollbar->cancelled);
		uint64_t next_ms = time_mono_ms() + try * PAUSE_MS;
		if (!attempt.retry || try == ROLLBAR_TRIES_MAX || next_ms >= deadline_ms)
			break;
		if (!fetch_sleep(next_ms, rollbar->cancelled)) {
			attempt.result =
				fail(&attempt, -ECANCELED, "did not answer before the worker stopped", "");
			break;
		}
	}
	explicit_bzero(token, strlen(token));
	if (attempt.suspended_s > 0) {
		long seconds = attempt.suspended_s < SUSPENDED_S_MAX ? attempt.suspended_s : SUSPENDED_S_MAX;
		rollbar->suspended_until_mono_ms = time_mono_ms() + (uint64_t)seconds * 1000;
	}
	if (attempt.result == 0 && ret_uuid)
		memcpy(ret_uuid, uuid, sizeof(uuid));
	return attempt.result < 0 ? error_pass(err, &attempt.problem) : 0;
}
