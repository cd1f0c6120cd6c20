/* SPDX-License-Identifier: MIT */
#include "hemera/exchange.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/fetch.h"
#include "base/mem.h"
#include "base/metric.h"
#include "base/time.h"
#include "hemera/budget.h"
#include "hemera/reply.h"
#include "hemera/retry.h"
#include "hemera/run.h"

#define CLOCKS_DIFFER_MS 10000 /* so long an answer may be under way after its Date was written */
#define WINDOW_MARGIN_MS 5000  /* a window that reopens later than this before the deadline is of no use */

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

/* Hemera counts its window by its own clock, which its answer tells to the second. Ours is finer, and used
 * unless it is wrong. */
static int64_t exchange_now_ms(const struct fetch_result *result)
{
	int64_t now_ms = time_now_ms(), theirs_ms = result->date_s * 1000;

	return result->date_s && llabs(now_ms - theirs_ms) > CLOCKS_DIFFER_MS ? theirs_ms : now_ms;
}

static void exchange_fill(struct run *run);

static void exchange_on_result(void *arg, struct fetch_result *result)
{
	struct attempt *attempt = arg;
	struct run *run = attempt->run;
	struct hemera *client = run->client;
	struct budget *budget = client->options.budget;
	CLEANUP(reply_done) struct reply reply = { 0 };
	struct error problem = { 0 };
	bool was_sent = result->failure != FETCH_UNREACHABLE && result->failure != FETCH_REFUSED;

	run->under_way--;
	metric_request_ended(client->options.statistics, result->failure, result->status,
		time_mono_ms() - attempt->sent_mono_ms);
	budget_answer(budget, result->rate_limit, result->rate_remaining, result->rate_reset_s,
		time_mono_ms(), exchange_now_ms(result));
	reply_read(result, run->exchange->body_max, &reply, &problem);
	if (reply.verdict == REPLY_LIMITED)
		budget_refused(budget, result->retry_after_s, time_mono_ms());
	if (result->failure == FETCH_OK && reply.verdict != REPLY_DATA)
		error_prefix(&problem, "Hemera at %s, GET %s%s: ", client->origin, run->exchange->path,
			run->exchange->ids ? run->exchange->ids[attempt->index] : "");
	if (was_sent)
		client->reached = true;
	if (!client->reached)
		retry_unreached(attempt, result->failure == FETCH_UNREACHABLE, &problem);
	else
		retry_settle(attempt, &reply, &problem);
	exchange_fill(run);
}

static void exchange_send(struct run *run, struct attempt *attempt)
{
	struct hemera *client = run->client;
	const struct exchange *exchange = run->exchange;
	CLEANUP(mem_freep)
	char *url = mem_printf(
		"%s%s%s", client->origin, exchange->path, exchange->ids ? exchange->ids[attempt->index] : "");
	const char *const headers[] = { client->key_header, "Accept: application/json", NULL };
	struct fetch_request request = { .url = url, .headers = headers, .body_max = exchange->body_max };

	if (client->tried_at_mono_ms == 0)
		client->tried_at_mono_ms = time_mono_ms();
	run->under_way++;
	attempt->sent_mono_ms = time_mono_ms();
	fetch_add(client->fetch, &request, exchange_on_result, attempt);
}

/* When something may be sent that may not be sent now, whatever is answered meanwhile. */
static uint64_t exchange_next_ms(const struct run *run, uint64_t now)
{
	uint64_t ready = budget_ready_at(run->client->options.budget, !run->exchange->use_reserve, now);
	uint64_t next = run_next_ms(run, now);

	return next < ready ? ready : next;
}

/* Sends what may be sent now. */
static void exchange_send_all(struct run *run, uint64_t now)
{
	struct hemera *client = run->client;

	while (!run->ended && run->under_way < run_places(run)) {
		struct attempt *attempt = run_take_next(run, now);

		if (!attempt)
			return;
		if (!budget_take(client->options.budget, !run->exchange->use_reserve, now)) {
			run_queue(attempt, now);
			return;
		}
		exchange_send(run, attempt);
	}
}

static void exchange_fill(struct run *run)
{
	struct hemera *client = run->client;
	uint64_t now = time_mono_ms(), next;

	if (exchange_is_cancelled(client) || now >= client->options.deadline_mono_ms)
		return;
	exchange_send_all(run, now);
	next = exchange_next_ms(run, now);
	/* What was not sent although its time has come waits for an answer. */
	fetch_wake_at(client->fetch, run->ended ? 0 : next > now ? next : UINT64_MAX);
}

static void exchange_show_wait(const struct hemera_options *options, uint64_t until_mono_ms)
{
	if (options->limited_until_mono_ms)
		atomic_store(options->limited_until_mono_ms, until_mono_ms);
}

/* Nothing is under way and nothing may be sent now: waits for the budget or for the first retry. */
static void exchange_wait(struct run *run)
{
	const struct hemera_options *options = &run->client->options;
	uint64_t now = time_mono_ms(), wake = exchange_next_ms(run, now);
	uint64_t ready = budget_ready_at(options->budget, !run->exchange->use_reserve, now);

	if (ready > now && (!run_has_due(run) || ready + WINDOW_MARGIN_MS > options->deadline_mono_ms)) {
		run_end_limited(run);
		return;
	}
	if (wake > options->deadline_mono_ms)
		wake = options->deadline_mono_ms;
	exchange_show_wait(options, ready > now ? ready : 0);
	if (!fetch_sleep(wake, options->cancelled))
		run_end_cancelled(run);
	exchange_show_wait(options, 0);
}

static void exchange_drive(struct run *run)
{
	struct hemera *client = run->client;

	while (!run->ended && (run->under_way > 0 || run->waiting || run->begun < run->exchange->count)) {
		exchange_fill(run);
		if (run->under_way > 0)
			fetch_run(client->fetch, client->options.deadline_mono_ms, client->options.cancelled);
		else if (exchange_is_cancelled(client))
			run_end_cancelled(run);
		else if (time_mono_ms() >= client->options.deadline_mono_ms)
			run_end_timeout(run);
		else
			exchange_wait(run);
	}
	fetch_cancel(client->fetch);
}

int exchange_run(struct hemera *client, const struct exchange *exchange, struct error *err)
{
	struct run run = { .client = client, .exchange = exchange };

	exchange_drive(&run);
	run_report_rest(&run);
	return run.result < 0 ? error_pass(err, &run.reason) : 0;
}

struct exchange_single {
	exchange_data *on_data;
	void *arg;
	int result;
	struct error *err;
};

static int exchange_single_on_end(void *arg, size_t index, const struct exchange_answer *answer)
{
	struct exchange_single *single = arg;

	(void)index;
	if (answer->end == EXCHANGE_DATA) {
		single->result = single->on_data(single->arg, answer->data, single->err);
		return 0;
	}
	single->result = error_pass(single->err, answer->problem);
	return 0;
}

int exchange_get(struct hemera *client, const struct exchange_query *query, struct error *err)
{
	struct exchange_single single = { query->on_data, query->arg, 0, err };
	struct exchange exchange = {
		.path = query->path,
		.count = 1,
		.due = query->only_now ? 0 : 1,
		.use_reserve = query->use_reserve,
		.body_max = query->body_max,
		.done = exchange_single_on_end,
		.arg = &single,
	};
	int r = exchange_run(client, &exchange, err);

	return r < 0 ? r : single.result;
}
