/* SPDX-License-Identifier: MIT */
#ifndef AITHER_BASE_THREAD_H
#define AITHER_BASE_THREAD_H

/*
 * The only asynchronous pattern: a function that blocks and knows nothing of threads runs on a thread of its
 * own. When it has returned, its job comes back to the event loop as a message, and the loop calls `done`.
 * Ownership of everything in the job moves with it. Except for atomics, no shared data is mutable.
 *
 *	struct refresh { struct thread_job job; char *url; int result; };   its input and its output
 *	thread_start(queue, &refresh->job, refresh_run, refresh_done);
 *
 * The loop watches thread_queue_fd() for reading and calls thread_queue_dispatch().
 */

#include <pthread.h>
#include <stddef.h>

struct error;
struct thread_queue;
struct thread_job;

/* Only pages that are touched cost memory. Templates and JSON from outside nest deepest: by the limits of
 * render/template.h, render/syntax.h and base/json.h they take half of this at most, also without
 * optimisation and with sanitizers (tests/unit/test-stack.c measures it). The other half is for their callers
 * and for TLS handshakes, which take 100 KiB. A main thread has twice as much. */
#define THREAD_STACK_SIZE (4u << 20)

typedef void thread_function(struct thread_job *job);

struct thread_job { /* embedded in the caller's struct; all members private to this module */
	thread_function *run, *done;
	struct thread_queue *queue;
	struct thread_job *next;
	pthread_t thread;
};

int thread_queue_new(struct thread_queue **ret_queue, struct error *err); /* owned */

/* Frees the queue if no job is pending; otherwise the queue stays until the process ends. */
void thread_queue_freep(struct thread_queue **queue);

int thread_queue_fd(const struct thread_queue *queue); /* an eventfd, borrowed */
void thread_queue_dispatch(
	struct thread_queue *queue); /* on the loop: calls `done` of every job that has come back */
size_t thread_queue_pending(const struct thread_queue *queue); /* `done` not yet called; loop only */

/* Calls `run` on a new thread with all signals blocked, then `done` on the loop. -EAGAIN if the system cannot
 * create a thread: then neither is called. */
int thread_start(struct thread_queue *queue, struct thread_job *job, thread_function *run,
	thread_function *done, struct error *err);

/* Called by a running job to report progress: the loop calls `done` for the message, before it calls the
 * job's own `done`. The message must be a separate job; its ownership passes. */
void thread_post(struct thread_queue *queue, struct thread_job *message, thread_function *done);

#endif
