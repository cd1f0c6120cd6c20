/* SPDX-License-Identifier: MIT */
#ifndef AITHER_NOTIFY_INCIDENT_STATE_H
#define AITHER_NOTIFY_INCIDENT_STATE_H

/*
 * The state of incident.h as a struct; private to notify/. Two things that do not depend on each other:
 * the row of failed syncs, and the courses that keep syncs partial. Each has at most one mail that is due.
 *
 * Borrowed texts are part of the JSON that was read.
 *
 * withdrawn: the row's mail that was due until the last sync made it untrue. A mail server may have taken it
 * meanwhile; if that is noted before the next sync ends, the row goes on from there.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "notify/incident.h"

#define INCIDENT_ENTITY_SIZE 192 /* "course " and an id of at most 128 characters, or "data[17]" */

struct incident_mail {
	enum incident_kind kind;
	char id[INCIDENT_MESSAGE_ID_SIZE]; /* "": there is none */
};

enum incident_mark { INCIDENT_COUNTED, INCIDENT_TO_TELL, INCIDENT_TOLD };

struct incident_course {
	char entity[INCIDENT_ENTITY_SIZE];
	unsigned partials; /* in a row that named it */
	enum incident_mark mark;
};

struct incident_row {
	int64_t opened_ms; /* 0: no sync has failed */
	int64_t mailed_ms; /* the last mail */
	unsigned mails;
	char thread_id[INCIDENT_MESSAGE_ID_SIZE]; /* of the first mail */
	struct incident_mail due;
};

struct incident_state {
	struct incident_row row;
	struct incident_mail withdrawn;
	int64_t withdrawn_opened_ms; /* opened_ms of the row that there is if the mail was sent after all */
	struct incident_course courses[INCIDENT_COURSES_MAX];
	size_t course_count;
	char courses_id[INCIDENT_MESSAGE_ID_SIZE]; /* of the mail about those to tell; "": none is due */
	struct incident_waiting waiting[INCIDENT_WAITING_MAX]; /* borrowed; the oldest first */
	size_t waiting_count;
};

/* Nothing for NULL and for whatever the writer would not have written. */
void incident_state_read(struct incident_state *ret_state, const struct json *json);

struct json *incident_state_write(const struct incident_state *state); /* owned; NULL of nothing */

/* Does an error of the report with that entity cost one course? */
bool incident_is_course(const char *entity);

#endif
