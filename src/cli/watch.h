/* SPDX-License-Identifier: MIT */
#ifndef AITHER_CLI_WATCH_H
#define AITHER_CLI_WATCH_H

/*
 * A call that takes as long as a sync, with the sync's progress shown beside it: the call runs on a thread
 * (base/thread.h), and the status is requested meanwhile. Ctrl-C ends both; the sync goes on in the worker.
 */

#include "cli/interrupt.h"
#include "cli/progress.h"

struct answer;
struct workerclient_request;

struct watch { /* both opened by the command */
	struct progress_view view;
	struct interrupt interrupt;
};

/* As answer_call, and returns 0; or the number of the signal that came first. Then there is no answer, and
 * the call's thread runs on until the process ends. The request's other strings are literals. */
int watch_call(struct watch *watch, const struct workerclient_request *request, struct answer *ret_answer);

/* Waits, counting down. Returns 0, or the number of the signal that ended it. `why` is a literal. */
int watch_wait(struct watch *watch, unsigned seconds, const char *why);

#endif
