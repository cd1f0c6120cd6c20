/* SPDX-License-Identifier: MIT */
#ifndef AITHER_CLI_WATCH_H
#define AITHER_CLI_WATCH_H

/*
 * A call that takes as long as a sync, while the progress of the sync is shown: the call runs on a thread
 * (base/thread.h), and the status is requested in the meantime. Ctrl-C ends both; the sync goes on in the
 * worker.
 */

#include "cli/interrupt.h"
#include "cli/progress.h"

struct answer;
struct workerclient_request;

struct watch { /* the command opens both members */
	struct progress_view view;
	struct interrupt interrupt;
};

/* Like answer_call, and returns 0. If a signal arrives first, returns its number instead: there is no answer,
 * and the call's thread runs until the process ends. All strings of the request except the path of the socket
 * must be literals. */
int watch_call(struct watch *watch, const struct workerclient_request *request, struct answer *ret_answer);

/* Waits, counting down. Returns 0, or the number of the signal that ended it. `why` is a literal. */
int watch_wait(struct watch *watch, unsigned seconds, const char *why);

#endif
