/* SPDX-License-Identifier: MIT */
#ifndef AITHER_TESTS_INCIDENT_WORLD_H
#define AITHER_TESTS_INCIDENT_WORLD_H

/*
 * A manifest, a clock and a mail server for notify/incident.h: syncs end one after the other, and due mails
 * are sent. The state is written and read as text each time, as if the worker restarted.
 */

#include <stdbool.h>
#include <stdint.h>

#include "notify/incident.h"

struct buf;
struct json;

#define WORLD_START_MS INT64_C(1773529200000) /* 2026-03-14T23:00:00Z */
#define HOUR_MS INT64_C(3600000)

struct world {
	char *text; /* owned; the state as the manifest keeps it, NULL: none */
	unsigned consecutive_failures, threshold;
	int64_t now_ms;
};

void world_done(struct world *world);

/* "F" failed, "C" cancelled, "S" success, "P:course a,course b" partial, "D:course a" the same with other
 * courses deferred. */
void world_sync(struct world *world, const char *sync);

bool world_due(const struct world *world, struct incident_alert *ret_alert);
void world_note_sent(struct world *world, const char *id);

/* The mail with that id has been sent, except to the recipients in `to`. */
void world_note_sent_but(struct world *world, const char *id, const char *to);

/* Appends the waiting mails: "failure to b@x, courses to b@x,c@x". */
void world_waiting(const struct world *world, struct buf *out);

/* Sends all due mails and appends "failure", "courses a b"..., separated by commas. */
void world_mail(struct world *world, struct buf *out);

struct json *world_parse(const char *text); /* owned; NULL for NULL */

#endif
