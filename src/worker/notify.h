/* SPDX-License-Identifier: MIT */
#ifndef AITHER_WORKER_NOTIFY_H
#define AITHER_WORKER_NOTIFY_H

/*
 * Mails and items for Rollbar after syncs, and tests of both: on threads, so that no sync waits for them or
 * fails with them. All functions are called on the loop's thread.
 *
 * Mails (alerts.h): at most one thread, for the last sync that has ended. A mail that the server refuses for
 * now, for all recipients or some, is retried after the next sync, and without a sync as well: after [Notify]
 * RetryDelaySec, and then at growing intervals, for MAIL_RETRY_MS. A mail that an earlier process left due is
 * sent only after the next sync.
 *
 * Items (notify/rollbar.h): at most one thread, in the order of the syncs. They are not stored: an item that
 * cannot be delivered is lost, with a line in the journal. A mail counts as failed each time it cannot be
 * sent, and stays due; an item counts as failed, or as dropped if it was never sent: too many waited, the
 * rate limit was used up, or the worker stopped.
 */

#include <stddef.h>

#include "http/http.h"

struct notify;
struct worker;
struct worker_sync;

#define NOTIFY_ITEMS_MAX 20 /* waiting for Rollbar; beyond that the oldest one is dropped */
/* Tests of each kind: a burst, then one per interval, which is the longest time that sending takes. A program
 * that can open the socket must not be able to fill the operator's mailbox. */
#define NOTIFY_TESTS_BURST 5
#define NOTIFY_TESTS_INTERVAL_S 30

struct notify *notify_new(struct worker *worker); /* owned; adds to worker->state */
void notify_freep(struct notify **notify);

/* A sync has ended that was no dry run and met no lock. Copies what it needs. */
void notify_sync_ended(struct notify *notify, const struct worker_sync *job);

/* Mails and items that are being sent or wait; the worker must not leave while there are any. */
size_t notify_pending(const struct notify *notify);

/* These, and mails that stay due without a retry, until the next sync has ended. */
size_t notify_unsent(const struct notify *notify);

/* To be called every second: starts the mails that are due for a retry. */
void notify_tick(struct notify *notify);

/* Cancels mails and items that are being sent (their threads end within 2 s), drops those that wait, and
 * accepts no more. */
void notify_stop(struct notify *notify);

/* Handlers of POST /internal/test-mail and POST /internal/test-rollbar. */
enum http_result notify_handle_mail(
	const struct http_request *request, struct http_response *response, void *app);
enum http_result notify_handle_item(
	const struct http_request *request, struct http_response *response, void *app);

#endif
