/* SPDX-License-Identifier: MIT */
#include "cli/command.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/time.h"
#include "cli/answer.h"
#include "cli/summary.h"
#include "cli/watch.h"
#include "cli/words.h"
#include "config/config.h"
#include "net/workerclient.h"

#define ANSWER_MARGIN_MS 60000 /* the worker answers soon after TimeLimitSec, unless it hangs */
#define BUSY_WAIT_S 5          /* for a 409 without Retry-After */
#define RETRIES 2              /* of --until-complete after 502, 503, 504 */
/* Syncs in a row that may leave as many courses deferred as before, because courses are new or other clients
 * use up Hemera's limit. A course that can never be read must not make --until-complete run for ever. */
#define STALLED_MAX 10
/* If a timer fires more often than this, each run counts as a retry of the one before. */
#define RECENTLY_MS 3600000
#define STATUS_TIMEOUT_MS 5000
/* Interfaces that network-online.target does not wait for, such as Debian's allow-hotplug, are up by then. */
#define BOOT_MS 180000
#define BOOT_WAIT_S 5
#define REFRESH_TIMEOUT_MS 15000 /* longer than the worker takes; signals are delayed until then */

static const unsigned RETRY_AFTER_S[RETRIES] = { 60, 300 };

enum { NO_WAIT = 1, UNTIL_COMPLETE = 2, FORCE = 4, DRY_RUN = 8, JSON = 16 };
static const char *const SWITCHES[] = { "--no-wait", "--until-complete", "--force", "--dry-run", "--json",
	NULL };

struct caller {
	const struct config *config;
	unsigned switches;
	unsigned failures;       /* in a row */
	unsigned deferred_least; /* of all syncs until now; 0: none deferred any */
	unsigned stalled;        /* syncs since then */
	bool is_logged;          /* our output would go to the journal, where the worker logs the same */
	struct watch watch;
};

struct outcome {
	int status; /* HTTP; 0: no answer */
	int exit_code;
	int signal_number;      /* of the signal that ended the call; 0: none */
	unsigned retry_after_s; /* when to continue: for deferred courses, or the answer's Retry-After */
	unsigned deferred;
};

static void caller_done(struct caller *caller)
{
	interrupt_close(&caller->watch.interrupt);
}

static void print_answer(struct caller *caller, const struct answer *answer, const char *status)
{
	if (answer->status == 409 && (caller->switches & UNTIL_COMPLETE))
		return; /* not an error: wait for the other sync */
	if (caller->is_logged && json_get(answer->data, "jobId"))
		return;
	if (caller->switches & JSON) {
		answer_print_json(answer->envelope);
	} else if (answer->code) {
		summary_complain(answer);
	} else if (strcmp(status, "running") == 0) {
		words_print(stdout, "sync started, job %s; see: aither status",
			json_string(json_get(answer->data, "jobId")) ?: "?");
	} else {
		progress_end(&caller->watch.view, caller->switches & DRY_RUN ? "render" : "publish");
		summary_print(answer->data, caller->switches & FORCE);
		if (strcmp(status, "partial") == 0)
			summary_complain(answer);
	}
}

static struct outcome run_sync(struct caller *caller)
{
	static const char *const targets[] = { "/api/sync", "/api/sync?force=1", "/api/sync?dryRun=1",
		"/api/sync?force=1&dryRun=1" };
	CLEANUP(answer_done) struct answer answer = { 0 };
	const struct workerclient_request request = {
		.socket_path = caller->config->worker.socket,
		.method = "POST",
		.target = targets[(caller->switches & DRY_RUN ? 2 : 0) + (caller->switches & FORCE ? 1 : 0)],
		.prefer = caller->switches & NO_WAIT ? "respond-async" : NULL,
		.timeout_ms = caller->config->sync.time_limit_s * 1000 + ANSWER_MARGIN_MS,
	};
	struct outcome outcome = { .signal_number = watch_call(&caller->watch, &request, &answer) };
	const char *status = json_string(json_get(answer.data, "status")) ?: "";

	if (outcome.signal_number && !caller->is_logged) /* stopping the unit is not an error */
		fputs("stopped waiting: the sync goes on in the worker; see: aither status\n", stderr);
	if (outcome.signal_number)
		return outcome;
	outcome.status = answer.status;
	outcome.exit_code = answer_exit_code(&answer);
	if (outcome.exit_code == COMMAND_DONE && strcmp(status, "partial") == 0)
		outcome.exit_code = COMMAND_PARTIAL;
	outcome.deferred = (unsigned)answer_count(answer.data, "coursesDeferred");
	outcome.retry_after_s = answer.retry_after_s ?: (unsigned)answer_count(answer.data, "retryAfterSec");
	print_answer(caller, &answer, status);
	return outcome;
}

/* The seconds until --until-complete runs another sync, and the reason of the wait; 0: this was the last. */
static unsigned pause_after(struct caller *caller, struct outcome *outcome, const char **ret_why)
{
	bool is_passing = outcome->status >= 502 && outcome->status <= 504;

	if (outcome->status == 409) {
		*ret_why = "another sync is running";
		return outcome->retry_after_s ?: BUSY_WAIT_S;
	}
	if (is_passing && outcome->exit_code == COMMAND_FAILED && caller->failures < RETRIES) {
		unsigned seconds = RETRY_AFTER_S[caller->failures++];

		*ret_why = "the sync failed and will be tried again";
		return outcome->retry_after_s > seconds ? outcome->retry_after_s : seconds;
	}
	if (outcome->status / 100 != 2)
		return 0;
	caller->failures = 0;
	if (outcome->deferred == 0)
		return 0;
	if (caller->deferred_least == 0 || outcome->deferred < caller->deferred_least) {
		caller->deferred_least = outcome->deferred;
		caller->stalled = 0;
	} else if (++caller->stalled == STALLED_MAX) { /* the next run of the timer continues */
		fprintf(stderr, "giving up: after %d more syncs, no fewer courses are deferred\n",
			STALLED_MAX);
		outcome->exit_code = COMMAND_PARTIAL;
		return 0;
	}
	*ret_why = "Hemera's rate limit";
	return outcome->retry_after_s ?: 1;
}

/* Has a run failed with all its retries in the last hour? If so, this run makes none. */
static bool has_failed_recently(const struct config *config)
{
	CLEANUP(answer_done) struct answer answer = { 0 };
	const struct workerclient_request request = { .socket_path = config->worker.socket,
		.method = "GET",
		.target = "/api/sync/status",
		.timeout_ms = STATUS_TIMEOUT_MS };
	const char *status, *end;
	int64_t end_ms;

	answer_call(&request, &answer);
	status = json_string(json_get(answer.data, "status")) ?: "";
	end = json_string(json_get(answer.data, "endTime"));
	if (strcmp(status, "failed") != 0 || answer_count(answer.data, "consecutiveFailures") <= RETRIES ||
		time_parse(end, &end_ms) < 0)
		return false;
	return end_ms <= time_now_ms() && time_now_ms() - end_ms < RECENTLY_MS;
}

/* Soon after a boot: refreshes the homepage until Hemera can be reached, because a refresh that fails is not
 * a failed sync, which would be logged, counted and mailed. Returns the signal that ended it; 0: none. */
static int wait_for_network(struct caller *caller)
{
	const struct workerclient_request request = { .socket_path = caller->config->worker.socket,
		.method = "POST",
		.target = "/internal/refresh",
		.timeout_ms = REFRESH_TIMEOUT_MS };
	int signal_number = 0;

	while (signal_number == 0 && time_mono_ms() < BOOT_MS) {
		CLEANUP(answer_done) struct answer answer = { 0 };

		answer_call(&request, &answer);
		if (!answer.code || (strcmp(answer.code, "HEMERA_UNREACHABLE") != 0 &&
					    strcmp(answer.code, "HEMERA_TIMEOUT") != 0))
			break;
		signal_number = watch_wait(&caller->watch, BOOT_WAIT_S, "the network is not up yet");
	}
	return signal_number;
}

int command_sync(const struct config *config, int argc, char **argv)
{
	CLEANUP(caller_done) struct caller caller = { .config = config, .watch.interrupt = INTERRUPT_INIT };
	struct outcome outcome = { 0 };
	const char *why = NULL;
	unsigned seconds;
	int exit_code;

	if (command_switches(argc, argv, SWITCHES, &caller.switches, &exit_code) < 0)
		return exit_code;
	if ((caller.switches & UNTIL_COMPLETE) && (caller.switches & (NO_WAIT | DRY_RUN))) {
		words_complain("sync: --until-complete cannot be combined with --no-wait or --dry-run");
		return COMMAND_USAGE;
	}
	if (caller.switches & UNTIL_COMPLETE) {
		caller.is_logged = log_is_journal() && !(caller.switches & JSON);
		caller.failures = has_failed_recently(config) ? RETRIES : 0;
	}
	progress_open(
		&caller.watch.view, stderr, caller.is_logged || (caller.switches & (NO_WAIT | JSON)) != 0);
	interrupt_open(&caller.watch.interrupt, caller.watch.view.is_terminal ? INTERRUPT_OF_TERMINAL : 0);
	if (caller.switches & UNTIL_COMPLETE)
		outcome.signal_number = wait_for_network(&caller);
	while (!outcome.signal_number) {
		outcome = run_sync(&caller);
		if (outcome.signal_number || !(caller.switches & UNTIL_COMPLETE))
			break;
		seconds = pause_after(&caller, &outcome, &why);
		if (seconds == 0)
			break;
		outcome.signal_number = watch_wait(&caller.watch, seconds, why);
		if (outcome.signal_number && !caller.is_logged)
			fputs("stopped waiting: no sync was started; to continue: aither sync --until-complete\n",
				stderr);
		if (outcome.signal_number)
			break;
	}
	return outcome.signal_number ? interrupt_leave(&caller.watch.interrupt, outcome.signal_number)
				     : outcome.exit_code;
}
