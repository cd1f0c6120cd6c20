/* SPDX-License-Identifier: MIT */
#include "hemera/reply.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "hemera/budget.h"
#include "net/fetch.h"

#define API_CODE_MAX 40 /* Hemera's longest, AUTH_CONFIGURATION_ERROR, has 24 */
#define DESCRIPTION_SIZE 160

/* The meaning of a failed request; FETCH_OK has no row. */
static const struct {
	enum reply_verdict verdict;
	enum error_code code;
	int errnum;
	const char *what; /* the reason follows */
} failures[] = {
	[FETCH_UNREACHABLE] = { REPLY_UNREACHED, ERROR_HEMERA_UNREACHABLE, -EHOSTUNREACH,
		"cannot reach Hemera: " },
	[FETCH_REFUSED] = { REPLY_FAILED, ERROR_HEMERA_UNREACHABLE, -EHOSTUNREACH,
		"cannot reach Hemera safely: " },
	[FETCH_LOST] = { REPLY_RETRY, ERROR_HEMERA_UNREACHABLE, -ECONNRESET,
		"the connection to Hemera broke: " },
	[FETCH_TIMEOUT] = { REPLY_TIMEOUT, ERROR_HEMERA_TIMEOUT, -ETIMEDOUT,
		"Hemera did not answer in time: " },
	[FETCH_TOO_LARGE] = { REPLY_FAILED, ERROR_HEMERA_BAD_DATA, -E2BIG, "Hemera's answer is too large: " },
	[FETCH_UNREADABLE] = { REPLY_FAILED, ERROR_HEMERA_BAD_DATA, -EBADMSG,
		"cannot read Hemera's answer: " },
	[FETCH_CANCELLED] = { REPLY_CANCELLED, ERROR_SHUTTING_DOWN, -ECANCELED, "" },
};

/* Parses the body. NULL if it is not Hemera's; then *err says why. */
static struct json *reply_parse(const struct fetch_result *result, size_t body_max, struct error *err)
{
	struct json_limits limits = {
		.size_max = body_max,
		.depth_max = JSON_DEPTH_MAX,
		.node_max = REPLY_NODES_MAX,
		.keeps_broken = true,
	};
	CLEANUP(json_freep) struct json *root = NULL;
	int r;

	if (strcmp(result->content_type, "application/json") != 0) {
		error_fail(err, ERROR_HEMERA_BAD_DATA, -EBADMSG, "%s instead of application/json",
			result->content_type[0] ? result->content_type : "no Content-Type");
		return NULL;
	}
	r = json_parse(&root, buf_text(&result->body), result->body.length, &limits, err);
	if (r < 0) {
		if (err)
			err->code = ERROR_HEMERA_BAD_DATA;
		return NULL;
	}
	if (json_type(root) != JSON_OBJECT || json_type(json_get(root, "success")) != JSON_BOOL) {
		error_fail(err, ERROR_HEMERA_BAD_DATA, -EBADMSG,
			"success is not a boolean, so the answer is not Hemera's");
		return NULL;
	}
	return STEAL(root);
}

static enum reply_verdict reply_describe_status(long status, const char *description, struct error *err)
{
	switch (status) {
	case 401:
		error_fail(err, ERROR_HEMERA_AUTH_FAILED, -EACCES,
			"the API key is not accepted (%s); store the right one: aither set-secret hemera-api-key",
			description);
		return REPLY_NO_KEY;
	case 404:
		error_fail(err, ERROR_HEMERA_FAILED, -ENOENT, "answered %s", description);
		return REPLY_NOT_FOUND;
	case 429:
		error_fail(err, ERROR_HEMERA_RATE_LIMITED, -EAGAIN, "answered %s", description);
		return REPLY_LIMITED;
	case 408: /* Request Timeout */
	case 425: /* Too Early */
	case 500:
	case 502:
	case 503:
	case 504:
	case 520 ... 530: /* from a proxy that cannot reach Hemera, Cloudflare's for example */
		error_fail(err, ERROR_HEMERA_FAILED, -EIO, "answered %s", description);
		return REPLY_RETRY;
	default:
		error_fail(err, ERROR_HEMERA_FAILED, -EIO, "answered %s%s", description,
			status >= 300 && status < 400 ? "; aither follows no redirects, so correct BaseURL"
						      : "");
		return REPLY_FAILED;
	}
}

void reply_read(
	const struct fetch_result *result, size_t body_max, struct reply *ret_reply, struct error *err)
{
	CLEANUP(json_freep) struct json *root = NULL;
	char description[DESCRIPTION_SIZE];
	const char *code;
	bool succeeded;

	*ret_reply = (struct reply){ .verdict = REPLY_FAILED };
	if (result->failure != FETCH_OK) {
		ret_reply->verdict = failures[result->failure].verdict;
		error_fail(err, failures[result->failure].code, failures[result->failure].errnum, "%s%s",
			failures[result->failure].what,
			result->failure == FETCH_CANCELLED ? "cancelled" : result->message);
		return;
	}
	root = reply_parse(result, body_max, err);
	succeeded = json_bool(json_get(root, "success"), false);
	code = json_string(json_get(json_get(root, "error"), "code"));
	if (result->status != 200) {
		size_t length = code ? strspn(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_") : 0;
		/* Pass on only codes in the API's form, and no text of a stranger. */
		bool is_code = length > 0 && length <= API_CODE_MAX && code[length] == '\0';
		/* Then a proxy may have sent its own page about an outage; a wrong address has another
		 * status. */
		bool is_outage = result->status >= 500 || result->status == 408 || result->status == 429;

		snprintf(description, sizeof(description), "%ld%s%s%s", result->status, is_code ? " " : "",
			is_code ? code : "",
			root ? ""
			: is_outage
				? ", but not with Hemera's JSON: Hemera, or a proxy in front of it, is not available"
				: ", but not with Hemera's JSON; check BaseURL");
		ret_reply->is_hemera = root && !succeeded;
		ret_reply->verdict = reply_describe_status(result->status, description, err);
		if (err && result->retry_after_s > 0)
			err->retry_after_s = result->retry_after_s < BUDGET_RETRY_AFTER_MAX_S
						     ? (unsigned)result->retry_after_s
						     : BUDGET_RETRY_AFTER_MAX_S;
		return;
	}
	if (!root)
		return;
	if (!succeeded && code && strcmp(code, "NOT_FOUND") == 0) {
		/* Some gateways always answer 200, whatever status the server behind them sends. */
		error_fail(err, ERROR_HEMERA_FAILED, -ENOENT, "answered 200 NOT_FOUND");
		ret_reply->verdict = REPLY_NOT_FOUND;
		ret_reply->is_hemera = true;
		return;
	}
	if (!succeeded || !json_get(root, "data")) {
		error_fail(err, ERROR_HEMERA_BAD_DATA, -EBADMSG, "answered 200 without success and data");
		return;
	}
	ret_reply->verdict = REPLY_DATA;
	ret_reply->is_hemera = true;
	ret_reply->data = json_get(root, "data");
	ret_reply->root = STEAL(root);
}

const struct json *reply_rows(const struct json *data, const char *older, const char **ret_path)
{
	bool is_array = json_type(data) == JSON_ARRAY;
	const struct json *rows = is_array ? data : json_get(data, older + strlen("data."));

	*ret_path = is_array ? "data" : older;
	return json_type(rows) == JSON_ARRAY ? rows : NULL;
}

void reply_done(struct reply *reply)
{
	json_freep(&reply->root);
	reply->data = NULL;
}
