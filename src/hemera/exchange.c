/* SPDX-License-Identifier: MIT */
#include "hemera/exchange.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/time.h"
#include "hemera/budget.h"
#include "hemera/reply.h"
#include "net/fetch.h"
#include "net/metric.h"

#define CLOCKS_DIFFER_MS 10000 /* an answer may take so long to arrive after its Date was written */
#define WINDOW_MARGIN_MS 5000  /* a window that opens less than this before the deadline is of no use */

#define RETRY_BACKOFF_MS 200 /* before the first retry; doubles with each retry */
#define RETRY_BACKOFF_MAX_MS 3000
#define RETRY_DOUBLINGS_MAX 8   /* well above the maximum, well below an overflow */
#define RETRY_UNREACHED_MAX 2   /* a Hemera that is down must cost a second, not the whole time limit */
#define RETRY_UNREACHED_MS 1000 /* no quick retry if connecting took longer */

/* An index that is being worked on: its request is under way, or it waits for its next request. */
struct attempt {
	struct run *run;
	size_t index;
	unsigned retries;
	uint64_t due_mono_ms;
	uint64_t sent_mono_ms; /* the latest request */
	struct attempt *next;  /* in run->waiting */
};

/* One exchange_run. */
struct run {
	struct hemera *client;
	const struct exchange *exchange;
	size_t begun; /* the first index without an attempt */
	unsigned under_way;
	struct attempt *waiting; /* owned, in no order; at most run_places() */
	unsigned waiting_count;
	bool ended; /* no more requests are sent */
	int result;
	struct error reason; /* why it ended early; reported for the remaining indexes */
};

/* ---- the client ---- */

int hemera_new(struct hemera **ret_client, const struct hemera_options *options, struct error *err)
{
	CLEANUP(hemera_freep) struct hemera *client = mem_zalloc(sizeof(*client));
	struct fetch_options fetch_options = {
		.connections_max = options->connections_max,
		.connect_timeout_ms = options->connect_timeout_s * 1000,
		.request_timeout_ms = options->request_timeout_s * 1000,
	};
	int r;

	/* Visible ASCII only: other characters could end the header and begin another one. */
	for (const char *key = options->key; *key; key++)
		if (*key <= ' ' || *key > '~')
			return error_fail(err, ERROR_NOT_CONFIGURED, -EINVAL,
				"the secret hemera-api-key contains a character that cannot be sent");
	r = fetch_new(&client->fetch, &fetch_options, err);
	if (r < 0)
		return r;
	client->options = *options;
	client->origin = options->base_url;
	client->key_header = mem_printf("X-API-Key: %s", options->key);
	*ret_client = STEAL(client);
	return 0;
}

void hemera_freep(struct hemera **client_pointer)
{
	struct hemera *client = STEAL(*client_pointer);

	if (!client)
		return;
	fetch_freep(&client->fetch);
	if (client->key_header)
		explicit_bzero(client->key_header, strlen(client->key_header));
	free(client->key_header);
	free(client);
}

/* ---- one run ---- */

static bool exchange_is_cancelled(const struct hemera *client)
{
	return client->options.cancelled && atomic_load(client->options.cancelled);
}

unsigned exchange_retry_after_s(const struct hemera *client, bool use_reserve)
{
	uint64_t now = time_mono_ms();
	uint64_t ready = budget_ready_at(client->options.budget, !use_reserve, now);

	return ready > now ? (unsigned)((ready - now + 999) / 1000) : 0;
}

/* How many requests may be under way or waiting for a retry. A failed request keeps its place until its
 * retry, so a Hemera in trouble gets fewer requests. Only one at a time until an origin has answered. */
static unsigned run_places(const struct run *run)
{
	return run->client->reached ? run->client->options.connections_max : 1;
}

static struct attempt *run_take_waiting(struct run *run, uint64_t now_mono_ms)
{
	for (struct attempt **link = &run->waiting; *link; link = &(*link)->next) {
		struct attempt *attempt = *link;

		if (attempt->due_mono_ms > now_mono_ms)
			continue;
		*link = attempt->next;
		run->waiting_count--;
		return attempt;
	}
	return NULL;
}

static struct attempt *run_take_new(struct run *run)
{
	struct attempt *attempt;

	if (run->begun == run->exchange->count)
		return NULL;
	attempt = mem_zalloc(sizeof(*attempt));
	attempt->run = run;
	attempt->index = run->begun++;
	return attempt;
}

/* When the next request may be sent if no answer arrives before that; UINT64_MAX: no request may be sent. */
static uint64_t run_next_ms(const struct run *run, uint64_t now_mono_ms)
{
	uint64_t ready =
		budget_ready_at(run->client->options.budget, !run->exchange->use_reserve, now_mono_ms);
	uint64_t next = UINT64_MAX;

	if (run->under_way >= run_places(run))
		return UINT64_MAX;
	for (const struct attempt *attempt = run->waiting; attempt; attempt = attempt->next)
		if (attempt->due_mono_ms < next)
			next = attempt->due_mono_ms;
	if (run->begun < run->exchange->count && run->under_way + run->waiting_count < run_places(run))
		next = now_mono_ms;
	return next < ready ? ready : next;
}

/* Sends no more requests. Only the first call counts. result: the return value of exchange_run, 0 if the
 * remaining indexes are merely deferred. */
static void run_end(struct run *run, int result, const struct error *reason)
{
	if (run->ended)
		return;
	run->ended = true;
	run->result = result;
	run->reason = *reason;
}

static void run_end_timeout(struct run *run)
{
	struct error reason;

	error_fail(&reason, ERROR_HEMERA_TIMEOUT, -ETIMEDOUT, "Hemera did not answer within the time limit");
	run_end(run, 0, &reason);
}

/* Keeps an attempt (ownership passes) until its next request. */
static void run_queue(struct attempt *attempt, uint64_t due_mono_ms)
{
	attempt->due_mono_ms = due_mono_ms;
	attempt->next = attempt->run->waiting;
	attempt->run->waiting = attempt;
	attempt->run->waiting_count++;
}

/* Reports an index to the caller of exchange_run and releases the attempt. */
static void run_report(
	struct attempt *attempt, enum exchange_end end, struct reply *reply, const struct error *problem)
{
	const struct exchange *exchange = attempt->run->exchange;
	int r = exchange->done(exchange->arg, attempt->index, end, reply, problem);

	if (r < 0) {
		struct error reason;

		error_fail(&reason, ERROR_INTERNAL, r, "cannot use Hemera's answer");
		run_end(attempt->run, r, &reason);
	}
	free(attempt);
}

/* ---- when a request has ended ---- */

static void retry_or_fail(struct attempt *attempt, unsigned retries_max, const struct error *problem)
{
	uint64_t now = time_mono_ms(), due, asked = now + (uint64_t)problem->retry_after_s * 1000;
	unsigned doublings = attempt->retries < RETRY_DOUBLINGS_MAX ? attempt->retries : RETRY_DOUBLINGS_MAX;
	uint32_t backoff_ms = RETRY_BACKOFF_MS << doublings;

	/* Half to all of 200, 400, 800... ms, at random, so that several clients do not return at the same
	 * time. */
	if (backoff_ms > RETRY_BACKOFF_MAX_MS)
		backoff_ms = RETRY_BACKOFF_MAX_MS;
	due = now + backoff_ms / 2 + arc4random_uniform(backoff_ms / 2 + 1);
	if (asked > due)
		due = asked; /* a 503 may also say when to retry */
	if (attempt->retries >= retries_max || due >= attempt->run->client->options.deadline_mono_ms) {
		run_report(attempt, EXCHANGE_FAILED, NULL, problem);
		return;
	}
	attempt->retries++;
	run_queue(attempt, due);
}

/* No request of this job has reached the origin yet. Retries quickly if the problem `may_pass`, then tries
 * the other origin, then ends the run. */
static void retry_unreached(struct attempt *attempt, bool may_pass, struct error *problem)
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

/* A request was sent. Retries only after errors that may be temporary, and never beyond the deadline. */
static void retry_settle(struct attempt *attempt, struct reply *reply, const struct error *problem)
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
	case REPLY_CANCELLED:
		run_end(run, problem->errnum, problem); /* reported once, not for one course */
		run_report(attempt, EXCHANGE_DEFERRED, NULL, problem);
		return;
	case REPLY_LIMITED:
		run_queue(attempt, time_mono_ms()); /* not a retry: the budget decides when */
		return;
	case REPLY_RETRY:
	case REPLY_UNREACHED:
		retry_or_fail(attempt, run->client->options.retries_max, problem);
		return;
	case REPLY_TIMEOUT:
		if (time_mono_ms() < run->client->options.deadline_mono_ms) {
			run_report(attempt, EXCHANGE_FAILED, NULL, problem);
			return;
		}
		run_end_timeout(run);
		run_report(attempt, EXCHANGE_DEFERRED, NULL, problem);
		return;
	case REPLY_FAILED:
		run_report(attempt, EXCHANGE_FAILED, NULL, problem);
		return;
	}
}

/* ---- sending and waiting ---- */

static void exchange_fill(struct run *run);

static void exchange_on_result(void *arg, struct fetch_result *result)
{
	struct attempt *attempt = arg;
	struct run *run = attempt->run;
	struct hemera *client = run->client;
	struct budget *budget = client->options.budget;
	CLEANUP(reply_done) struct reply reply = { 0 };
	struct error problem = { 0 };
	int64_t now_ms = time_now_ms(), theirs_ms = result->date_s * 1000;

	run->under_way--;
	metric_request_ended(client->options.statistics, result->failure, result->status,
		time_mono_ms() - attempt->sent_mono_ms);
	/* Hemera measures its window by its own clock, which Date shows in whole seconds. Our clock is finer:
	 * use it unless it is wrong. */
	if (result->date_s && llabs(now_ms - theirs_ms) > CLOCKS_DIFFER_MS)
		now_ms = theirs_ms;
	budget_answer(budget, result->rate_limit, result->rate_remaining, result->rate_reset_s,
		time_mono_ms(), now_ms);
	reply_read(result, run->exchange->body_max, &reply, &problem);
	if (reply.verdict == REPLY_LIMITED)
		budget_refused(budget, result->retry_after_s, time_mono_ms());
	if (result->failure == FETCH_OK && reply.verdict != REPLY_DATA)
		error_prefix(&problem, "Hemera at %s%s%s: ", client->origin, run->exchange->path,
			run->exchange->ids ? run->exchange->ids[attempt->index] : "");
	if (result->failure != FETCH_UNREACHABLE && result->failure != FETCH_REFUSED)
		client->reached = true;
	if (client->reached)
		retry_settle(attempt, &reply, &problem);
	else
		retry_unreached(attempt, result->failure == FETCH_UNREACHABLE, &problem);
	exchange_fill(run);
}

/* Sends the requests that may be sent now. Retries that are due come before new indexes. */
static void exchange_fill(struct run *run)
{
	struct hemera *client = run->client;
	const struct hemera_options *options = &client->options;
	const struct exchange *exchange = run->exchange;
	const char *const headers[] = { client->key_header, "Accept: application/json", NULL };
	uint64_t now = time_mono_ms(), next;

	if (exchange_is_cancelled(client) || now >= options->deadline_mono_ms)
		return;
	while (!run->ended && run->under_way < run_places(run)) {
		struct attempt *attempt = run_take_waiting(run, now);

		if (!attempt && run->under_way + run->waiting_count < run_places(run))
			attempt = run_take_new(run);
		if (!attempt)
			break;
		if (!budget_take(options->budget, !exchange->use_reserve, now)) {
			run_queue(attempt, now);
			break;
		}
		CLEANUP(mem_freep)
		char *url = mem_printf("%s%s%s", client->origin, exchange->path,
			exchange->ids ? exchange->ids[attempt->index] : "");
		attempt->sent_mono_ms = time_mono_ms();
		if (client->tried_at_mono_ms == 0)
			client->tried_at_mono_ms = attempt->sent_mono_ms;
		run->under_way++;
		fetch_add(client->fetch,
			&(struct fetch_request){
				.url = url, .headers = headers, .body_max = exchange->body_max },
			exchange_on_result, attempt);
	}
	next = run_next_ms(run, now);
	/* If a request that is due could not be sent, the next answer makes room for it. */
	fetch_wake_at(client->fetch, run->ended ? 0 : next > now ? next : UINT64_MAX);
}

/* No request is under way and none may be sent now: waits for the budget or for the first retry. */
static void exchange_wait(struct run *run)
{
	const struct hemera_options *options = &run->client->options;
	uint64_t now = time_mono_ms(), wake = run_next_ms(run, now);
	uint64_t ready = budget_ready_at(options->budget, !run->exchange->use_reserve, now);
	bool has_due = run->begun < run->exchange->due;

	for (const struct attempt *attempt = run->waiting; attempt; attempt = attempt->next)
		has_due |= attempt->index < run->exchange->due;
	if (ready > now && (!has_due || ready + WINDOW_MARGIN_MS > options->deadline_mono_ms)) {
		struct error reason;

		error_fail(&reason, ERROR_HEMERA_RATE_LIMITED, -EAGAIN, "Hemera's rate limit is used up");
		reason.retry_after_s = exchange_retry_after_s(run->client, run->exchange->use_reserve);
		run_end(run, 0, &reason);
		return;
	}
	if (wake > options->deadline_mono_ms)
		wake = options->deadline_mono_ms;
	if (options->limited_until_mono_ms)
		atomic_store(options->limited_until_mono_ms, ready > now ? ready : 0);
	fetch_sleep(wake, options->cancelled);
	if (options->limited_until_mono_ms)
		atomic_store(options->limited_until_mono_ms, 0);
}

int exchange_run(struct hemera *client, const struct exchange *exchange, struct error *err)
{
	const struct hemera_options *options = &client->options;
	struct run run = { .client = client, .exchange = exchange };
	struct attempt *attempt;
	struct error cancelled;

	error_fail(&cancelled, ERROR_SHUTTING_DOWN, -ECANCELED, "cancelled");
	while (!run.ended && (run.under_way > 0 || run.waiting || run.begun < exchange->count)) {
		exchange_fill(&run);
		if (run.under_way > 0)
			fetch_run(client->fetch, options->deadline_mono_ms, options->cancelled);
		else if (exchange_is_cancelled(client))
			run_end(&run, -ECANCELED, &cancelled);
		else if (time_mono_ms() >= options->deadline_mono_ms)
			run_end_timeout(&run);
		else
			exchange_wait(&run);
	}
	fetch_cancel(client->fetch);
	while ((attempt = run_take_waiting(&run, UINT64_MAX)) || (attempt = run_take_new(&run)))
		run_report(attempt, EXCHANGE_DEFERRED, NULL, &run.reason);
	return run.result < 0 ? error_pass(err, &run.reason) : 0;
}

struct exchange_single {
	struct reply *ret_reply;
	struct error problem;
};

static int exchange_single_done(
	void *arg, size_t index, enum exchange_end end, struct reply *reply, const struct error *problem)
{
	struct exchange_single *single = arg;

	(void)index;
	if (end == EXCHANGE_DATA) {
		*single->ret_reply = *reply;
		*reply = (struct reply){ 0 };
	} else {
		single->problem = *problem;
	}
	return 0;
}

int exchange_get(
	struct hemera *client, const struct exchange *exchange, struct reply *ret_reply, struct error *err)
{
	struct exchange_single single = { .ret_reply = ret_reply };
	struct exchange row = *exchange;
	int r;

	row.count = 1;
	row.done = exchange_single_done;
	row.arg = &single;
	r = exchange_run(client, &row, err);
	if (r < 0)
		return r;
	return single.problem.errnum < 0 ? error_pass(err, &single.problem) : 0;
}
