/* SPDX-License-Identifier: MIT */
#ifndef AITHER_WORKER_NOTICES_H
#define AITHER_WORKER_NOTICES_H

/*
 * Mail and Rollbar after syncs: on a thread of their own, one at a time, so that no sync waits for them and
 * none fails with them. All functions are called on the loop's thread.
 *
 * What is due is in the manifest's incident, which the sync has saved; a mail that cannot be sent stays due
 * and is tried again after the next sync. That it was sent is stored at once, or after the sync that runs
 * meanwhile. A mail that the server does not take now, from all recipients or some, is tried again without a
 * sync as well: after [Notify] RetryDelaySec, and then ever later, for NOTICES_RETRY_MS. The one notice
 * without a manifest is that the manifest cannot be written: its stamp is a file in $RUNTIME_DIRECTORY
 * (systemd.exec(5)), which outlives the worker; without one it is kept in memory. While it lasts no other
 * mail is sent, as nothing could be stored about it.
 *
 * Items for Rollbar are not stored: what cannot be delivered is lost, with a line in the journal.
 */

#include <stddef.h>
#include <stdint.h>

#include "http/http.h"

struct notices;
struct worker;
struct worker_sync;

#define NOTICES_ITEMS_MAX 20                /* that wait for Rollbar; then the oldest one is dropped */
#define NOTICES_RETRY_MS UINT64_C(14400000) /* four hours: longer than greylists and upgrades take */
/* Tests of each kind: a burst, then one per interval, which is the longest that sending one takes. A program
 * that can open the socket must not be able to fill the operator's mailbox. */
#define NOTICES_TESTS_BURST 5
#define NOTICES_TESTS_INTERVAL_S 30

enum notices_channel { NOTICES_BY_MAIL, NOTICES_BY_ROLLBAR, NOTICES_CHANNELS };

enum notices_result {
	NOTICES_SENT,    /* the server has taken it */
	NOTICES_FAILED,  /* it was tried in vain; a mail stays due */
	NOTICES_DROPPED, /* given up: too many waited, the rate limit was used up, or the worker ended */
	NOTICES_RESULTS
};

/* Owned. What an earlier process left due is looked at after the next sync only. */
struct notices *notices_new(struct worker *worker);
void notices_freep(struct notices **notices);

/* A sync has ended, of whatever kind and however. Copies what it needs. */
void notices_sync_ended(struct notices *notices, const struct worker_sync *job);

/* Mails and items that are under way or wait; while there are any the worker must not leave. */
size_t notices_pending(const struct notices *notices);

/* To be called every second: starts what is to be tried again. */
void notices_tick(struct notices *notices);

/* Cancels what is under way (it comes back within 2 s), drops what waits, and takes nothing any more. */
void notices_stop(struct notices *notices);

uint64_t notices_count(
	const struct notices *notices, enum notices_channel channel, enum notices_result result);

/* Handlers of POST /internal/test-mail and POST /internal/test-rollbar. */
enum http_result notices_handle_mail(
	const struct http_request *request, struct http_response *response, void *app);
enum http_result notices_handle_item(
	const struct http_request *request, struct http_response *response, void *app);

#endif
