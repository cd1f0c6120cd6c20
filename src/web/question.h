/* SPDX-License-Identifier: MIT */
#ifndef AITHER_WEB_QUESTION_H
#define AITHER_WEB_QUESTION_H

/*
 * A question of our own to aither-worker, asked on a thread (base/thread.h). All who come meanwhile may share
 * the answer:
 *
 *	if (!asker->question)
 *		asker->question = question_ask(queue, &order, err);
 *	...
 *	order.done(asker, ...)               on the loop; the question is gone then
 *	question_forget(asker->question)     the asker goes first: nobody is told
 */

struct error;
struct question;
struct thread_queue;
struct workerclient_response;

/* response: borrowed; NULL: there was no answer, as `err` says. */
typedef void question_done(void *arg, const struct workerclient_response *response, const struct error *err);

struct question_order {
	const char *socket_path;     /* of the worker; copied */
	const char *method, *target; /* static */
	unsigned timeout_ms;
	question_done *done;
	void *arg;
};

/* NULL: there is no thread for it, as *err says, and nobody is told. */
struct question *question_ask(
	struct thread_queue *queue, const struct question_order *order, struct error *err);
void question_forget(struct question *question); /* NULL is accepted */

#endif
