/* SPDX-License-Identifier: MIT */
#ifndef AITHER_WORKER_NOTICES_INTERNAL_H
#define AITHER_WORKER_NOTICES_INTERNAL_H

/*
 * Private to worker/notices*.c and alert.c. A task is what one turn of the notice thread does. It is made on
 * the loop, waits in the queue of `struct notices`, runs on the thread and comes back.
 *
 * The memory goes with the task that runs: only it may touch it. So what one task has learned the next one
 * knows, and nothing is shared.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/thread.h"
#include "notify/incident.h"
#include "notify/rollbar.h"
#include "worker/notices.h"

struct config;
struct message;
struct smtp_outcome;

#define NOTICES_DUE_MAX 2 /* mails of one sync: about failures and about courses */
#define NOTICES_SENT_MAX (2 * NOTICES_DUE_MAX + INCIDENT_WAITING_MAX)
#define NOTICES_MAIL_TIMEOUT_MS 30000

enum notices_kind {
	NOTICES_MAIL,   /* what is due after a sync */
	NOTICES_RECORD, /* that a mail was sent, which could not be stored then */
	NOTICES_ITEM,   /* for Rollbar, about a sync */
	NOTICES_TEST_MAIL,
	NOTICES_TEST_ITEM
};

struct notices_rest {    /* recipients who have not got a mail yet, as in struct incident_rest */
	char *to, *text; /* owned; `to` NULL: nobody is left */
	int64_t since_ms;
};

struct notices_sent { /* a mail that the server has taken, which is not in the manifest yet */
	char message_id[INCIDENT_MESSAGE_ID_SIZE];
	int64_t at_ms;
	struct notices_rest rest;
};

/* A mail ready to be sent; all borrowed. retry_s: in how long it is sent again if the server does not take it
 * now; 0: it is not, and `otherwise` ends the sentence in the log (", given up"). */
struct notices_letter {
	enum incident_kind kind;
	const char *message_id, *job_id; /* job_id NULL: about no sync */
	const char *to, *text;
	unsigned retry_s;
	const char *otherwise;
};

/* The times at which one mail after the other is tried again; zeroed at first. */
struct notices_backoff {
	uint64_t since_mono_ms;
	unsigned delay_s;
};

/* That the operator knows of what the manifest cannot tell: that it cannot be written, or that no sync is
 * run. */
struct notices_stamp {
	char message_id[INCIDENT_MESSAGE_ID_SIZE]; /* of the first mail about it; "": they do not know */
	int64_t mailed_ms;
};

struct notices_memory {
	struct notices_sent sent[NOTICES_SENT_MAX]; /* a ring; message_id "": unused */
	size_t sent_next;
	struct notices_stamp stamp;
	struct { /* the last mail about the output, which cannot be in the manifest */
		enum incident_kind kind;
		char message_id[INCIDENT_MESSAGE_ID_SIZE];
		struct notices_rest rest;
	} output;
	uint64_t suspended_until_mono_ms; /* Rollbar's rate limit */
};

struct notices_task {
	struct thread_job job; /* first: the thread's side casts back */
	struct notices *notices;
	struct notices_task *next;
	enum notices_kind kind;
	const struct config *config;   /* borrowed */
	const atomic_bool *cancelled;  /* borrowed */
	struct notices_memory *memory; /* borrowed while it runs */

	/* About a sync. */
	char job_id[HASH_UUID_SIZE];
	struct json *report; /* owned; NULL for tests */
	unsigned consecutive_failures;
	int64_t last_success_ms;
	bool has_failed, manifest_unsaved;
	struct rollbar_item item; /* its texts are owned, see notices_item_done */

	struct http_pending *pending; /* who waits for a test; NULL: nobody */

	/* Of a mail that is tried again. */
	struct notices_backoff backoff;
	unsigned retry_s;       /* see struct notices_letter */
	uint64_t retry_mono_ms; /* when it is its turn */
	char *refused;          /* owned; recipients refused for good in an earlier try, NULL: none */

	/* Output. */
	bool wants_retry;
	unsigned counts[NOTICES_CHANNELS][NOTICES_RESULTS];
	bool has_unrecorded;
	int result; /* of a test, with `err` (also a warning after a success) */
	struct error err;
	char id[INCIDENT_MESSAGE_ID_SIZE]; /* of a test: Message-ID or uuid */
};

/* notices.c, on the loop: takes ownership. */
void notices_add(struct notices *notices, struct notices_task *owned_task);
struct notices_task *notices_task_new(struct notices *notices, enum notices_kind kind); /* owned */

/* May a test of this kind be made now? 0: yes, and it counts; else in how many seconds. */
unsigned notices_take_test(struct notices *notices, enum notices_kind kind);

/* notices-mail.c, on any thread. The text of a mail to all recipients, with from, to, host and time filled
 * in; owned. */
char *notices_write(const struct config *config, const struct message *message);

/* Sends it and logs what has become of it. `outcome` and `err` (a warning after a success): as smtp_send. */
int notices_deliver(const struct config *config, const struct notices_letter *letter,
	const atomic_bool *cancelled, struct smtp_outcome *outcome, struct error *err);

/* The recipients of one list, separated by commas, that are (or are not) in another; owned, NULL: none. */
char *notices_recipients(const char *list, const char *other, bool are_in_it);

/* Begins a try: in how many seconds the next one is; 0: this is the last. */
unsigned notices_backoff_next(struct notices_backoff *backoff, unsigned first_s);

void notices_memory_done(struct notices_memory *memory);

/* notices-mail.c, on the thread. */
void notices_mail_run(struct notices_task *task);
void notices_record_run(struct notices_task *task);
void notices_test_mail_run(struct notices_task *task);

/* notices-item.c. On the loop: the items that a sync that has ended gives. */
bool notices_rollbar_is_on(const struct config *config);
void notices_add_items(struct notices *notices, const struct worker_sync *job);
void notices_item_done(struct rollbar_item *item);                              /* frees its texts */
void notices_item_dropped(const struct notices_task *task, const char *reason); /* a line in the journal */
/* On the thread. */
void notices_item_run(struct notices_task *task);
void notices_test_item_run(struct notices_task *task);

/* notices-test.c, on the loop: answers the caller of a test; `problem` NULL: with its result. */
void notices_answer_test(struct notices_task *task, const struct error *problem);

/* notices-stamp.c, on the thread. The file wins over what is in memory; where there is none, or it cannot be
 * used, memory is all there is. */
void notices_stamp_read(struct notices_stamp *stamp);
void notices_stamp_write(const struct notices_stamp *stamp); /* message_id "": removes the file */
bool notices_stamp_is_recent(
	const struct notices_stamp *stamp, int64_t now_ms); /* too recent to mail again */

#endif
