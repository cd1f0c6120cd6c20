/* SPDX-License-Identifier: MIT */
#include "cli/command.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/config.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/workerclient.h"
#include "cli/answer.h"
#include "cli/interrupt.h"
#include "cli/progress.h"
#include "cli/summary.h"
#include "cli/watch.h"

#define ANSWER_MARGIN_MS 60000 /* the worker answers soon after TimeLimitSec; more means that it hangs */
#define BUSY_WAIT_S 5          /* where a 409 does not say when to come again */
#define RETRIES 2              /* of --until-complete after 502, 503, 504 */
/* So many syncs in a row may leave as many courses deferred as before: new ones have come, or others use
 * Hemera's limit up. What never can be read, or takes longer than there is time, would never let it end. */
#define STALLED_MAX 10

static const unsigned RETRY_AFTER_S[RETRIES] = { 60, 300 };

enum { NO_WAIT = 1, UNTIL_COMPLETE = 2, FORCE = 4, DRY_RUN = 8, JSON = 16 };
static const char *const SWITCHES[] = { "--no-wait", "--until-complete", "--force", "--dry-run", "--json",
	NULL };

struct caller {
	const struct config *config;
	unsigned switches;
	unsigned deferred_least; /* of all syncs until now; 0: none deferred any */
	unsigned stalled;        /* syncs since then */
	struct progress_view view;
	struct interrupt interrupt;
};

struct outcome {
	int status; /* HTTP; 0: no answer */
	int exit_code;
	int signal_number;      /* that ended it; 0: none */
	unsigned retry_after_s; /* when to go on: deferred courses, or what the answer's Retry-After says */
	unsigned deferred;
};

static void caller_done(struct caller *caller)
{
	interrupt_close(&caller->interrupt);
}

static const char *status_of(const struct answer *answer)
{
	return json_string(json_get(answer->data, "status")) ?: "";
}

static void print_answer(struct caller *caller, const struct answer *answer)
{
	if (answer->code) {
		summary_complain(answer);
		return;
	}
	if (strcmp(status_of(answer), "running") == 0) {
		printf("sync started, job %s; see: aither status\n",
			json_string(json_get(answer->data, "jobId")) ?: "?");
		return;
	}
	progress_end(&caller->view, caller->switches & DRY_RUN ? "render" : "publish");
	summary_print(answer->data, caller->switches & FORCE);
	if (strcmp(status_of(answer), "partial") == 0)
		summary_complain(answer);
}

static void take_answer(struct caller *caller, const struct answer *answer, struct outcome *outcome)
{
	/* Who waits for another sync anyway need not be told that this one could not begin. */
	bool is_expected = answer->status == 409 && (caller->switches & UNTIL_COMPLETE);

	outcome->status = answer->status;
	outcome->exit_code = answer_exit_code(answer);
	if (answer->status / 100 == 2 && strcmp(status_of(answer), "partial") == 0)
		outcome->exit_code = COMMAND_PARTIAL;
	outcome->deferred = (unsigned)json_integer(json_get(answer->data, "coursesDeferred"), 0);
	outcome->retry_after_s =
		answer->retry_after_s ?: (unsigned)json_integer(json_get(answer->data, "retryAfterSec"), 0);
	if (is_expected)
		return;
	if (caller->switches & JSON)
		answer_print_json(answer->envelope);
	else
		print_answer(caller, answer);
}

static const char *target_of(unsigned switches)
{
	if (switches & DRY_RUN)
		return switches & FORCE ? "/api/sync?force=1&dryRun=1" : "/api/sync?dryRun=1";
	return switches & FORCE ? "/api/sync?force=1" : "/api/sync";
}

static void run_sync(struct caller *caller, struct outcome *ret_outcome)
{
	CLEANUP(answer_done) struct answer answer = { 0 };
	const struct watch watch = { &caller->view, &caller->interrupt };
	const struct workerclient_request request = {
		.socket_path = caller->config->worker.socket,
		.method = "POST",
		.target = target_of(caller->switches),
		.prefer = caller->switches & NO_WAIT ? "respond-async" : NULL,
		.timeout_ms = caller->config->sync.time_limit_s * 1000 + ANSWER_MARGIN_MS,
	};
	struct outcome outcome = { 0 };
	struct error err = { 0 };
	int result = watch_call(&watch, &request, &answer, &outcome.signal_number, &err);

	if (outcome.signal_number)
		fputs("no longer watched: the sync goes on in the worker; see: aither status\n", stderr);
	else if (result < 0)
		outcome.exit_code = command_fail(caller->switches & JSON, &err);
	else
		take_answer(caller, &answer, &outcome);
	*ret_outcome = outcome;
}

static int wait_between(struct caller *caller, unsigned seconds, const char *why)
{
	const struct watch watch = { &caller->view, &caller->interrupt };
	int signal_number = watch_wait(&watch, seconds, why);

	if (signal_number)
		fputs("no longer waiting: no sync was started; go on with: aither sync --until-complete\n",
			stderr);
	return signal_number;
}

/* Have many syncs in a row brought it no further? Then the next run of the timer goes on. */
static bool has_stalled(struct caller *caller, struct outcome *outcome)
{
	if (caller->deferred_least == 0 || outcome->deferred < caller->deferred_least) {
		caller->deferred_least = outcome->deferred;
		caller->stalled = 0;
		return false;
	}
	if (++caller->stalled < STALLED_MAX)
		return false;
	fprintf(stderr, "given up: after %d more syncs no fewer courses are deferred\n", STALLED_MAX);
	outcome->exit_code = COMMAND_PARTIAL;
	return true;
}

/* True in *ret_again: another sync is to be run, for which has been waited. Else it is the last one, or
 * outcome->signal_number is set. */
static bool wait_for_next(struct caller *caller, unsigned *failures, struct outcome *outcome)
{
	bool has_failed =
		outcome->status >= 502 && outcome->status <= 504 && outcome->exit_code == COMMAND_FAILED;

	if (outcome->signal_number)
		return false;
	if (outcome->status == 409) {
		outcome->signal_number = wait_between(
			caller, outcome->retry_after_s ?: BUSY_WAIT_S, "another sync is running");
	} else if (outcome->status / 100 == 2) {
		*failures = 0;
		if (outcome->deferred == 0 || has_stalled(caller, outcome))
			return false;
		outcome->signal_number =
			wait_between(caller, outcome->retry_after_s ?: 1, "Hemera's rate limit");
	} else if (has_failed && *failures < RETRIES) {
		unsigned seconds = RETRY_AFTER_S[(*failures)++];

		outcome->signal_number = wait_between(caller,
			outcome->retry_after_s > seconds ? outcome->retry_after_s : seconds,
			"the sync failed, it is tried again");
	} else {
		return false;
	}
	return outcome->signal_number == 0;
}

int command_sync(const struct config *config, int argc, char **argv)
{
	CLEANUP(caller_done) struct caller caller = { .config = config, .interrupt = INTERRUPT_INIT };
	struct outcome outcome;
	unsigned failures = 0;
	int exit_code;

	if (command_switches(argc, argv, SWITCHES, &caller.switches, &exit_code) < 0)
		return exit_code;
	if ((caller.switches & UNTIL_COMPLETE) && (caller.switches & (NO_WAIT | DRY_RUN))) {
		command_complain("sync: --until-complete does not go with --no-wait or --dry-run");
		return COMMAND_USAGE;
	}
	progress_open(&caller.view, stderr, caller.switches & (NO_WAIT | JSON));
	interrupt_open(&caller.interrupt, caller.view.is_terminal ? INTERRUPT_OF_TERMINAL : 0);
	do
		run_sync(&caller, &outcome);
	while ((caller.switches & UNTIL_COMPLETE) && wait_for_next(&caller, &failures, &outcome));
	return outcome.signal_number ? interrupt_leave(&caller.interrupt, outcome.signal_number)
				     : outcome.exit_code;
}
