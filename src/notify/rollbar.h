/* SPDX-License-Identifier: MIT */
#ifndef AITHER_NOTIFY_ROLLBAR_H
#define AITHER_NOTIFY_ROLLBAR_H

/*
 * One item to Rollbar's Items API (docs.rollbar.com/reference/create-item); blocks.
 *
 * Levels: a failed sync is an error, a damaged manifest a warning, a sync that has ended well an info. Which
 * of them are sent is the operator's choice (Rollbar Level). Items hold the job id, counts, codes and
 * messages of the report, nothing of a participant, no secret. After a lost connection, a time-out or
 * status 5xx the item is sent again with the same uuid, which Rollbar accepts once.
 */

#include <stdatomic.h>
#include <stdint.h>

#include "config/config.h"

struct error;
struct json;

#define ROLLBAR_ITEM_MAX (120 << 10) /* bytes; Rollbar refuses 128 KiB */
#define ROLLBAR_TRIES_MAX 3
#define ROLLBAR_TIME_MS 10000 /* all tries together */

struct rollbar_item {
	enum config_level level;
	const char *title;         /* at most 255 characters; longer ones are cut */
	const char *fingerprint;   /* at most 40; groups items: "sync-HEMERA_TIMEOUT" */
	const char *class_name;    /* exception.class: the error code; NULL: a plain message */
	const char *context;       /* "sync" */
	const struct json *report; /* becomes `custom`, may be NULL */
	int64_t time_ms;
};

struct rollbar {
	const char *endpoint, *token, *environment, *host; /* borrowed */
	const atomic_bool *cancelled;                      /* may be NULL */
	uint64_t suspended_until_mono_ms; /* in and out: Rollbar's rate limit is used up until then */
};

/* 0: accepted. On failure *ret_uuid is untouched. -EBUSY: the rate limit is used up, nothing is sent before
 * it reopens; -EACCES: token refused; -EMSGSIZE, -EREMOTEIO: the item is refused; -EHOSTUNREACH, -ETIMEDOUT,
 * -ECANCELED. Code ERROR_NOTIFY_FAILED (ERROR_INTERNAL when libcurl cannot be used), and a sentence without
 * the token. ret_uuid (37 bytes, may be NULL): the item's. */
int rollbar_send(struct rollbar *rollbar, const struct rollbar_item *item, char *ret_uuid, struct error *err);

/* The item's JSON text as it is sent; owned. */
char *rollbar_item_text(const struct rollbar *rollbar, const struct rollbar_item *item, const char *uuid);

#endif
