/* SPDX-License-Identifier: MIT */
#include "notify/rollbar.h"

#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"

#ifndef PACKAGE_VERSION /* configure gives it on the command line */
#define PACKAGE_VERSION "dev"
#endif

/* In characters, as Rollbar's description says. */
#define TITLE_MAX 255
#define ENVIRONMENT_MAX 255
#define FINGERPRINT_MAX 40
#define VERSION_MAX 40

#define ERRORS_MAX 100 /* a report has no more */

/* What leaves the machine is named here, so that a member which a report gets one day does not leave by
 * itself. Times, counts and codes; errors are looked at one by one. */
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

/* The first `characters` of a text in UTF-8; owned. */
static char *rollbar_cut(const char *text, size_t characters)
{
	size_t length = 0;

	for (size_t seen = 0; text[length]; length++) {
		if (((unsigned char)text[length] & 0xc0) != 0x80 && seen++ == characters)
			break;
	}
	return mem_strndup(text, length);
}

static void rollbar_set_cut(struct json *object, const char *name, const char *text, size_t characters)
{
	CLEANUP(mem_freep) char *cut = rollbar_cut(text, characters);

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
		struct json *one = json_new_object();
		rollbar_copy_members(one, problem, error_members, ARRAY_SIZE(error_members));
		json_append(errors, one);
	}
	json_set(custom, "errors", errors);
	return custom;
}

/* An error is shown by its class; Rollbar wants a frame with it, and the place in our code says nothing to an
 * operator, so it names the program. */
static struct json *rollbar_trace(const struct rollbar_item *item)
{
	struct json *trace = json_new_object(), *frames = json_new_array(), *frame = json_new_object(),
		    *exception = json_new_object();

	json_set_string(frame, "filename", "aither-worker");
	json_set_string(frame, "method", item->context);
	json_append(frames, frame);
	json_set(trace, "frames", frames);
	json_set_string(exception, "class", item->class_name);
	rollbar_set_cut(exception, "message", item->title, TITLE_MAX);
	json_set(trace, "exception", exception);
	return trace;
}

static struct json *rollbar_body(const struct rollbar_item *item)
{
	struct json *body = json_new_object(), *message;

	if (item->class_name) {
		json_set(body, "trace", rollbar_trace(item));
		return body;
	}
	message = json_new_object();
	rollbar_set_cut(message, "body", item->title, TITLE_MAX);
	json_set(body, "message", message);
	return body;
}

static struct json *rollbar_server(const struct rollbar *rollbar)
{
	struct json *server = json_new_object();

	json_set_string(server, "host", rollbar->host);
	json_set_integer(server, "pid", getpid());
	rollbar_set_cut(server, "code_version", PACKAGE_VERSION, VERSION_MAX);
	return server;
}

static struct json *rollbar_notifier(void)
{
	struct json *notifier = json_new_object();

	json_set_string(notifier, "name", "aither");
	json_set_string(notifier, "version", PACKAGE_VERSION);
	return notifier;
}

static struct json *rollbar_data(
	const struct rollbar *rollbar, const struct rollbar_item *item, const char *uuid, size_t errors_max)
{
	struct json *data = json_new_object();

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
	json_set(data, "body", rollbar_body(item));
	json_set(data, "server", rollbar_server(rollbar));
	if (item->report)
		json_set(data, "custom", rollbar_custom(item->report, errors_max));
	json_set(data, "notifier", rollbar_notifier());
	return data;
}

/* Many long errors are the only thing that can be too much: fewer of them, until it fits. */
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
