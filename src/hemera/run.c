/* SPDX-License-Identifier: MIT */
#include "hemera/run.h"

#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"
#include "hemera/reply.h"

unsigned run_places(const struct run *run)
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

struct attempt *run_take_next(struct run *run, uint64_t now_mono_ms)
{
	struct attempt *attempt = run_take_waiting(run, now_mono_ms);

	if (!attempt && run->under_way + run->waiting_count < run_places(run))
		attempt = run_take_new(run);
	return attempt;
}

uint64_t run_next_ms(const struct run *run, uint64_t now_mono_ms)
{
	uint64_t next = UINT64_MAX;

	if (run->under_way >= run_places(run))
		return UINT64_MAX;
	for (const struct attempt *attempt = run->waiting; attempt; attempt = attempt->next)
		if (attempt->due_mono_ms < next)
			next = attempt->due_mono_ms;
	if (run->begun < run->exchange->count && run->under_way + run->waiting_count < run_places(run))
		next = now_mono_ms;
	return next;
}

bool run_has_due(const struct run *run)
{
	for (const struct attempt *attempt = run->waiting; attempt; attempt = attempt->next)
		if (attempt->index < run->exchange->due)
			return true;
	return run->begun < run->exchange->due;
}

void run_end(struct run *run, int result, const struct error *reason)
{
	if (run->ended)
		return;
	run->ended = true;
	run->result = result;
	run->reason = *reason;
}

void run_end_timeout(struct run *run)
{
	struct error reason;

	error_fail(&reason, ERROR_HEMERA_TIMEOUT, -ETIMEDOUT, "the time limit came before Hemera's answer");
	run_end(run, 0, &reason);
}

void run_end_limited(struct run *run)
{
	struct error reason;

	error_fail(&reason, ERROR_HEMERA_RATE_LIMITED, -EAGAIN,
		"the requests that Hemera permits in a minute are used up");
	reason.retry_after_s = exchange_retry_after_s(run->client, run->exchange->use_reserve);
	run_end(run, 0, &reason);
}

void run_end_cancelled(struct run *run)
{
	struct error reason;

	error_fail(&reason, ERROR_SHUTTING_DOWN, -ECANCELED, "cancelled");
	run_end(run, -ECANCELED, &reason);
}

void run_report(struct attempt *attempt, enum exchange_end end, const struct reply *reply,
	const struct error *problem)
{
	const struct exchange *exchange = attempt->run->exchange;
	struct exchange_answer answer = { .end = end, .problem = problem };
	struct error reason;
	int r;

	if (reply) {
		answer.data = reply->data;
		answer.is_hemera = reply->is_hemera;
	}
	r = exchange->done(exchange->arg, attempt->index, &answer);
	if (r < 0) {
		error_fail(&reason, ERROR_INTERNAL, r, "what came could not be used");
		run_end(attempt->run, r, &reason);
	}
	free(attempt);
}

void run_queue(struct attempt *attempt, uint64_t due_mono_ms)
{
	attempt->due_mono_ms = due_mono_ms;
	attempt->next = attempt->run->waiting;
	attempt->run->waiting = attempt;
	attempt->run->waiting_count++;
}

void run_report_rest(struct run *run)
{
	struct attempt *attempt;

	while ((attempt = run_take_waiting(run, UINT64_MAX)) || (attempt = run_take_new(run)))
		run_report(attempt, EXCHANGE_DEFERRED, NULL, &run->reason);
}
