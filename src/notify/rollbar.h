/* SPDX-License-Identifier: MIT */
#ifndef AITHER_NOTIFY_ROLLBAR_H
#define AITHER_NOTIFY_ROLLBAR_H

/*
 * Sends one item to Rollbar's Items API (docs.rollbar.com/reference/create-item). Blocks.
 *
 * Levels: "error" for a failed sync; "warning" for one that found the rate limit used up, for a partial one
 * and for a damaged manifest; "info" for a successful one. The operator chooses which levels are sent
 * ([Rollbar] Level). Items contain the job id, counts, codes and messages of the report, but no secret and no
 * participant's data. After a lost connection, a time-out or status 5xx the item is sent again with the same
 * uuid; Rollbar accepts a uuid only once.
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
	const char *fingerprint;   /* at most 40 characters; groups items: "sync-HEMERA_TIMEOUT" */
	const char *class_name;    /* exception.class: the error code; NULL: a plain message */
	const char *context;       /* "sync" */
	const struct json *report; /* becomes `custom`, may be NULL */
	int64_t time_ms;
};

struct rollbar {
	const char *endpoint, *token, *environment, *host; /* borrowed */
	const atomic_bool *cancelled;                      /* may be NULL */
	uint64_t suspended_until_mono_ms; /* input and output: until then Rollbar's rate limit is used up */
};

/* Returns 0 when Rollbar has accepted the item. ret_uuid (37 bytes, may be NULL) receives the item's uuid; it
 * stays untouched on failure. -EBUSY: the rate limit is used up, and nothing is sent until it is reset;
 * -EACCES: the token was refused; -EMSGSIZE, -EREMOTEIO: the item was refused; -EHOSTUNREACH, -ETIMEDOUT,
 * -ECANCELED. The error code is ERROR_NOTIFY_FAILED (ERROR_INTERNAL when libcurl cannot be used); the message
 * never contains the token. */
int rollbar_send(struct rollbar *rollbar, const struct rollbar_item *item, char *ret_uuid, struct error *err);

/* The item's JSON text, exactly as it is sent; owned. */
char *rollbar_item_text(const struct rollbar *rollbar, const struct rollbar_item *item, const char *uuid);

#endif
