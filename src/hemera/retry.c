/* SPDX-License-Identifier: MIT */
#include "hemera/retry.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/time.h"
#include "hemera/reply.h"
#include "hemera/run.h"

#define RETRY_DOUBLINGS_MAX 8 /* of the backoff: far beyond its maximum, far from overflow */

/* 200, 400, 800... ms, between half of it and all, so that several clients do not return in step. */
static uint64_t retry_backoff_ms(unsigned retries)
{
	uint32_t step = retries < RETRY_DOUBLINGS_MAX ? RETRY_BACKOFF_MS << retries : RETRY_BACKOFF_MAX_MS;

	if (step > RETRY_BACKOFF_MAX_MS)
		step = RETRY_BACKOFF_MAX_MS;
	return step / 2 + arc4random_uniform(step / 2 + 1);
}

static void retry_or_fail(struct attempt *attempt, unsigned retries_max, const struct error *problem)
{
	const struct hemera_options *options = &attempt->run->client->options;
	uint64_t due = time_mono_ms() + retry_backoff_ms(attempt->retries), asked;

	asked = time_mono_ms() + (uint64_t)problem->retry_after_s * 1000;
	if (asked > due)
		due = asked; /* a 503 may say when to come again, too */
	if (attempt->retries >= retries_max || due >= options->deadline_mono_ms) {
		run_report(attempt, EXCHANGE_FAILED, NULL, problem);
		return;
	}
	attempt->retries++;
	run_queue(attempt, due);
}

void retry_unreached(struct attempt *attempt, bool may_pass, struct error *problem)
{
	struct run *run = attempt->run;
	struct hemera *client = run->client;
	const struct hemera_options *options = &client->options;
	bool is_quick = time_mono_ms() - client->tried_at_mono_ms < RETRY_UNREACHED_MS;
	unsigned retries_max = RETRY_UNREACHED_MAX;

	if (options->retries_max < retries_max)
		retries_max = options->retries_max;
	if (may_pass && is_quick && attempt->retries < retries_max) {
		retry_or_fail(attempt, retries_max, problem);
		return;
	}
	if (options->fallback_url && client->origin != options->fallback_url) {
		client->origin = options->fallback_url;
		client->tried_at_mono_ms = 0;
		attempt->retries = 0;
		run_queue(attempt, time_mono_ms());
		return;
	}
	if (options->fallback_url)
		error_prefix(problem, "neither BaseURL (%s) nor FallbackURL works: ", options->base_url);
	run_end(run, 0, problem);
	run_report(attempt, EXCHANGE_FAILED, NULL, problem);
}

static void retry_timed_out(struct attempt *attempt, const struct error *problem)
{
	struct run *run = attempt->run;

	if (time_mono_ms() < run->client->options.deadline_mono_ms) {
		run_report(attempt, EXCHANGE_FAILED, NULL, problem);
		return;
	}
	run_end_timeout(run);
	run_report(attempt, EXCHANGE_DEFERRED, NULL, problem);
}

void retry_settle(struct attempt *attempt, const struct reply *reply, struct error *problem)
{
	struct run *run = attempt->run;

	switch (reply->verdict) {
	case REPLY_DATA:
		run_report(attempt, EXCHANGE_DATA, reply, NULL);
		return;
	case REPLY_NOT_FOUND:
		run_report(attempt, EXCHANGE_NOT_FOUND, reply, problem);
		return;
	case REPLY_NO_KEY:
		run_end(run, problem->errnum, problem); /* said once, not of one course */
		run_report(attempt, EXCHANGE_DEFERRED, NULL, problem);
		return;
	case REPLY_LIMITED:
		run_queue(attempt, time_mono_ms()); /* the budget knows when, and it is no retry */
		return;
	case REPLY_RETRY:
	case REPLY_UNREACHED:
		retry_or_fail(attempt, run->client->options.retries_max, problem);
		return;
	case REPLY_TIMEOUT:
		retry_timed_out(attempt, problem);
		return;
	case REPLY_CANCELLED:
		run_end_cancelled(run);
		run_report(attempt, EXCHANGE_DEFERRED, NULL, problem);
		return;
	case REPLY_FAILED:
		run_report(attempt, EXCHANGE_FAILED, NULL, problem);
		return;
	}
}
