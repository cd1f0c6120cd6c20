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
struct json;
struct message;

#define NOTICES_SENT_MAX 4 /* mails of one sync: about failures and about courses; and of the one before */
#define NOTICES_MAIL_TIMEOUT_MS 30000

enum notices_kind {
	NOTICES_MAIL,   /* what is due after a sync */
	NOTICES_RECORD, /* that a mail was sent, which could not be stored then */
	NOTICES_ITEM,   /* for Rollbar, about a sync */
	NOTICES_TEST_MAIL,
	NOTICES_TEST_ITEM
};

struct notices_sent { /* a mail that the server has taken */
	char message_id[INCIDENT_MESSAGE_ID_SIZE];
	int64_t at_ms;
	bool is_recorded; /* in the manifest */
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
	struct json *report, *incident; /* owned; NULL for tests, incident also when there is none */
	unsigned consecutive_failures;
	int64_t last_success_ms;
	bool has_failed, manifest_unsaved;
	struct rollbar_item item; /* its texts are owned, see notices_item_done */

	struct http_pending *pending; /* who waits for a test; NULL: nobody */

	/* Output. */
	unsigned counts[NOTICES_CHANNELS][NOTICES_RESULTS];
	bool has_unrecorded;
	int result; /* of a test, with `err` (also a warning after a success) */
	struct error err;
	char id[INCIDENT_MESSAGE_ID_SIZE]; /* of a test: Message-ID or uuid */
};

/* notices.c, on the loop: takes ownership. */
void notices_add(struct notices *notices, struct notices_task *owned_task);
struct notices_task *notices_task_new(struct notices *notices, enum notices_kind kind); /* owned */
size_t notices_waiting(const struct notices *notices, enum notices_kind kind); /* running one included */

/* notices-mail.c, on any thread: fills in from, to, host and time, sends, and logs what has become of it.
 * `err` is a warning after a success, as smtp_send's. */
int notices_deliver(const struct config *config, const struct message *message, const atomic_bool *cancelled,
	struct error *err);

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
