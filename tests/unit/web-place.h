/* SPDX-License-Identifier: MIT */
#ifndef AITHER_TESTS_WEB_PLACE_H
#define AITHER_TESTS_WEB_PLACE_H

/*
 * aither-web over a real socket, with its own output directory and a simulated worker: when a test is
 * linked, web-place.c replaces the two functions of net/workerclient.h.
 */

#include <limits.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "config/config.h"

struct web;

#define TOKEN "0123456789abcdef"

/* The simulated worker: counts every call, makes it wait for a permit while calls are held, and returns
 * `answer`. */
struct worker_part {
	int permits, arrived; /* eventfds: one counts down, the other wakes the loop */
	atomic_bool held;
	atomic_bool connecting; /* held calls have not been sent yet */
	atomic_uint calls;
	atomic_int status;     /* 0: cannot be reached */
	atomic_bool stateless; /* a refresh leaves no state, as on a full disk */
	pthread_mutex_t lock;  /* guards the texts of the last call */
	char target[128], prefer[64];
	unsigned timeout_ms;
};
extern struct worker_part worker;

struct place {
	char root[32];
	char *public, *index; /* owned; paths of a directory and the homepage in it */
	struct config config;
	struct web *web;
	struct sockaddr_in address;
};

int place_setup(void **state);
int place_teardown(void **state);
void place_start(struct place *place); /* starts the program; until then place->config may be changed */

/* The German homepage, and the state of a worker that read its data age_s ago (negative: in the future). */
void place_publish(const struct place *place, const char *text, int age_s);

/* The same state; success_age_s: of the last successful sync, PLACE_NEVER: there was none. */
#define PLACE_NEVER INT_MAX
void place_publish_state(const struct place *place, int data_age_s, int success_age_s);

/* Returns a connection on which the request has been sent. */
int ask(const struct place *place, const char *request);
int ask_home(const struct place *place);
int ask_sync(const struct place *place, const char *target);

char *answer_of(const struct place *place, int fd); /* to the end of the connection, which it closes; owned */
void assert_answer(const struct place *place, int fd, const char *first, const char *second);

void wait_for_calls(const struct place *place, unsigned calls); /* to the worker, since the start */
void wait_for_connections(const struct place *place, size_t connections);
void worker_release(unsigned calls); /* releases calls that are held, and holds no more */

#endif
