/* SPDX-License-Identifier: MIT */
#ifndef AITHER_CLI_WATCH_H
#define AITHER_CLI_WATCH_H

/*
 * A call that takes as long as a sync, with the sync's progress shown beside it: the call runs on a thread
 * (base/thread.h), and the status is requested meanwhile. Ctrl-C ends both; the sync goes on in the worker.
 */

struct answer;
struct error;
struct interrupt;
struct progress_view;
struct workerclient_request;

struct watch { /* all borrowed */
	struct progress_view *view;
	const struct interrupt *interrupt;
};

/* As answer_call, and -EINTR with the signal's number in *ret_signal, 0 otherwise: then the call's thread
 * still runs and ends with the process. */
int watch_call(const struct watch *watch, const struct workerclient_request *request,
	struct answer *ret_answer, int *ret_signal, struct error *err);

/* Waits, counting down. Returns 0, or the number of the signal that ended it. `why` is a literal. */
int watch_wait(const struct watch *watch, unsigned seconds, const char *why);

#endif
