/* SPDX-License-Identifier: MIT */
#ifndef AITHER_WORKER_NOTIFY_H
#define AITHER_WORKER_NOTIFY_H

/*
 * Sends mails and items for Rollbar after syncs, and tests of both. They are sent on threads, so that no sync
 * waits for them or fails because of them. Call all functions on the loop's thread.
 *
 * Mails (alerts.h): at most one thread, for the last sync that has ended. A mail that the server refuses
 * temporarily, for some or all recipients, is retried after the next sync, and also without a sync: first
 * after [Notify] RetryDelaySec, then at growing intervals, for MAIL_RETRY_MS. If an earlier process left a
 * mail due, it is sent only after the next sync.
 *
 * Items (notify/rollbar.h): at most one thread, in the order of the syncs. They are not stored: an item that
 * cannot be delivered is lost, and the journal says so.
 *
 * Statistics: a mail counts as failed each time it cannot be sent, and stays due. An item counts as failed,
 * or as dropped if it was never sent because too many were waiting, the rate limit was used up, or the worker
 * stopped.
 */

#include <stddef.h>

#include "http/http.h"

struct notify;
struct worker;
struct worker_sync;

#define NOTIFY_ITEMS_MAX 20 /* waiting for Rollbar; beyond that, the oldest is dropped */
/* The rate limit of tests, for mails and for items: a burst, then one per interval, which is the longest time
 * that sending takes. A program that can open the socket must not be able to fill the operator's mailbox. */
#define NOTIFY_TESTS_BURST 5
#define NOTIFY_TESTS_INTERVAL_S 30

struct notify *notify_new(struct worker *worker); /* owned; adds to worker->state */
void notify_freep(struct notify **notify);

/* Call when a sync has ended, unless it was a dry run or found the output directory locked. Copies what it
 * needs of `job`. */
void notify_sync_ended(struct notify *notify, const struct worker_sync *job);

/* The number of mails and items that are being sent or waiting. While it is not 0, the worker must not exit.
 */
size_t notify_pending(const struct notify *notify);

/* Like notify_pending, plus the mails that are due but not retried until the next sync has ended. */
size_t notify_unsent(const struct notify *notify);

/* Call every second: starts the mails whose retry is due. */
void notify_tick(struct notify *notify);

/* Cancels the mails and items that are being sent (their threads end within 2 s), drops those that are
 * waiting, and accepts no new ones. */
void notify_stop(struct notify *notify);

/* The handlers of POST /internal/test-mail and POST /internal/test-rollbar. */
enum http_result notify_handle_mail(
	const struct http_request *request, struct http_response *response, void *app);
enum http_result notify_handle_item(
	const struct http_request *request, struct http_response *response, void *app);

#endif
