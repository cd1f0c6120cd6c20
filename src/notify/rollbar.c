/* SPDX-License-Identifier: MIT */
#include "notify/rollbar.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/fetch.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/time.h"

/* Three tries of 3 s and the pauses between them end within ROLLBAR_TIME_MS. */
#define CONNECT_TIMEOUT_MS 2000
#define TRY_TIMEOUT_MS 3000
#define PAUSE_MS 250 /* before the second try, twice that before the third */

#define ANSWER_MAX (64 << 10) /* {"err":0,"result":{...}} */
#define REASON_MAX 200        /* of what Rollbar says, in a sentence of ours */

/* A 429 that does not say for how long: Rollbar counts by the minute. One that says too much is believed for
 * an hour, for nothing else would ever end it. */
#define SUSPENDED_S 60
#define SUSPENDED_S_MAX 3600

struct attempt {
	const struct rollbar *rollbar;
	struct error problem;
	bool retry;
	long suspended_s; /* 0: not */
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
		return fail(attempt, -ECANCELED, "was not waited for: ", result->message);
	case FETCH_TIMEOUT:
		attempt->retry = true;
		return fail(attempt, -ETIMEDOUT, "has not answered in time: ", result->message);
	case FETCH_UNREACHABLE:
	case FETCH_LOST:
		attempt->retry = true;
		return fail(attempt, -EHOSTUNREACH, "cannot be reached: ", result->message);
	case FETCH_REFUSED: /* most likely its certificate: another try gets the same one */
		return fail(attempt, -EHOSTUNREACH, "cannot be reached: ", result->message);
	case FETCH_TOO_LARGE:
	case FETCH_UNREADABLE:
	case FETCH_OK:
	default:
		return fail(attempt, -EREMOTEIO, "gives no sensible answer: ", result->message);
	}
}

/* " (its reason)", without anything that does not belong into a log. */
static void read_reason(
	const struct attempt *attempt, const struct json *answer, char ret_reason[static REASON_MAX + 4])
{
	const char *reason = json_string(json_get(answer, "message"));

	ret_reason[0] = '\0';
	if (!reason || !*reason || strstr(reason, attempt->rollbar->token))
		return;
	snprintf(ret_reason, REASON_MAX + 4, " (%.*s)", REASON_MAX, reason);
	for (unsigned char *c = (unsigned char *)ret_reason; *c; c++)
		if (*c < ' ' || *c >= 0x7f) /* what is not ASCII may have been cut in half */
			*c = '?';
}

static int fail_status(struct attempt *attempt, long status, const struct json *answer)
{
	char text[REASON_MAX + 64], reason[REASON_MAX + 4];

	read_reason(attempt, answer, reason);
	snprintf(text, sizeof(text), "%ld%s", status, reason);
	if (status == 401 || status == 403)
		return fail(attempt, -EACCES,
			"refuses the token; store another one: aither set-secret rollbar-token; status ",
			text);
	if (status == 413)
		return fail(attempt, -EMSGSIZE, "finds the item too large, status ", text);
	if (status == 429) {
		attempt->suspended_s = SUSPENDED_S;
		return fail(attempt, -EBUSY, "takes no more items for now, status ", text);
	}
	attempt->retry = status == 408 || status >= 500;
	return fail(attempt, -EREMOTEIO,
		attempt->retry ? "fails with status " : "refuses the item with status ", text);
}

static int read_answer(struct attempt *attempt, const struct fetch_result *result)
{
	static const struct json_limits limits = {
		.size_max = ANSWER_MAX, .depth_max = 16, .node_max = 1000
	};
	CLEANUP(json_freep) struct json *answer = NULL;

	(void)json_parse(&answer, buf_text(&result->body), result->body.length, &limits, NULL);
	if (result->status != 200)
		return fail_status(attempt, result->status, answer);
	if (json_integer(json_get(answer, "err"), -1) != 0)
		return fail(attempt, -EREMOTEIO,
			"does not confirm the item; is Endpoint in [Rollbar] its Items API?", "");
	return 0;
}

static void on_result(void *arg, struct fetch_result *result)
{
	struct attempt *attempt = arg;

	if (result->failure != FETCH_OK) {
		attempt->result = fail_without_answer(attempt, result);
		return;
	}
	attempt->result = read_answer(attempt, result);
	/* Also the last item that is taken may say that it was the last one. */
	if (result->item_wait_s > 0 && (result->status == 429 || result->item_remaining == 0))
		attempt->suspended_s = result->item_wait_s;
	else if (result->status == 429 && result->retry_after_s > 0)
		attempt->suspended_s = result->retry_after_s;
}

static void suspend(struct rollbar *rollbar, long seconds)
{
	if (seconds > SUSPENDED_S_MAX)
		seconds = SUSPENDED_S_MAX;
	if (seconds > 0)
		rollbar->suspended_until_mono_ms = time_mono_ms() + (uint64_t)seconds * 1000;
}

static void send_once(struct fetch *fetch, struct attempt *attempt, const char *text, uint64_t deadline_ms)
{
	const struct rollbar *rollbar = attempt->rollbar;
	CLEANUP(mem_freep) char *token = mem_printf("X-Rollbar-Access-Token: %s", rollbar->token);
	const char *const headers[] = { "Content-Type: application/json", "Accept: application/json", token,
		NULL };
	const struct fetch_request request = {
		.url = rollbar->endpoint, .headers = headers, .body = text, .body_max = ANSWER_MAX
	};

	attempt->retry = false;
	fetch_add(fetch, &request, on_result, attempt);
	fetch_run(fetch, deadline_ms, rollbar->cancelled);
	explicit_bzero(token, strlen(token));
}

static int check_suspended(const struct rollbar *rollbar, struct error *err)
{
	uint64_t now = time_mono_ms();

	if (now >= rollbar->suspended_until_mono_ms)
		return 0;
	return error_fail(err, ERROR_NOTIFY_FAILED, -EBUSY,
		"Rollbar's rate limit is used up for another %llu s",
		(unsigned long long)(rollbar->suspended_until_mono_ms - now + 999) / 1000);
}

int rollbar_send(struct rollbar *rollbar, const struct rollbar_item *item, char *ret_uuid, struct error *err)
{
	const struct fetch_options options = { 1, CONNECT_TIMEOUT_MS, TRY_TIMEOUT_MS };
	uint64_t deadline_ms = time_mono_ms() + ROLLBAR_TIME_MS;
	CLEANUP(fetch_freep) struct fetch *fetch = NULL;
	struct attempt attempt = { .rollbar = rollbar };
	char uuid[HASH_UUID_SIZE];
	int r = check_suspended(rollbar, err);

	if (r == 0)
		r = fetch_new(&fetch, &options, err);
	if (r < 0)
		return r;
	hash_uuid(uuid);
	CLEANUP(mem_freep) char *text = rollbar_item_text(rollbar, item, uuid);
	for (unsigned try = 1;; try++) {
		send_once(fetch, &attempt, text, deadline_ms);
		uint64_t next_ms = time_mono_ms() + try * PAUSE_MS;
		if (!attempt.retry || try == ROLLBAR_TRIES_MAX || next_ms >= deadline_ms)
			break;
		if (!fetch_sleep(next_ms, rollbar->cancelled)) {
			attempt.result = fail(&attempt, -ECANCELED, "was not waited for", "");
			break;
		}
	}
	suspend(rollbar, attempt.suspended_s);
	if (attempt.result == 0 && ret_uuid)
		memcpy(ret_uuid, uuid, sizeof(uuid));
	return attempt.result < 0 ? error_pass(err, &attempt.problem) : 0;
}
