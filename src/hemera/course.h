/* SPDX-License-Identifier: MIT */
#ifndef AITHER_HEMERA_COURSE_H
#define AITHER_HEMERA_COURSE_H

/*
 * The course model: rows of Hemera's list and details, checked member by member against a table
 * (type, nullable, limit, enumeration). Messages name the JSON path:
 * `data[17].level: "EXPERT" is not one of BEGINNER, INTERMEDIATE, ADVANCED`.
 * Unknown members are ignored; dates are kept as given.
 */

#include <stddef.h>

#include "base/time.h"

struct buf;
struct error;
struct json;

#define COURSE_ID_MAX 128     /* Hemera's are 25 characters; the route has no upper bound */
#define COURSE_TITLE_MAX 8192 /* bytes; the database has no bound */
#define COURSE_SLUG_MAX 1024
#define COURSE_COUNT_MAX 1000000 /* participants of one course */
#define COURSE_TEXT_MAX 65536    /* bytes; 2000 UTF-16 units are at most 6000 bytes, with room to grow */
#define COURSE_PARTICIPANTS_MAX 10000

extern const char *const course_levels[]; /* NULL-terminated */

struct course {
	char *id, *title, *slug;                                   /* owned */
	const char *level;                                         /* one of the three constants, static */
	char start_date[TIME_TEXT_SIZE], end_date[TIME_TEXT_SIZE]; /* "" when null */
	unsigned participant_count;
};

void course_done(struct course *course);
void course_copy(struct course *ret_course, const struct course *course); /* deep */

/* Appends the row as JSON, as Hemera writes it, so that it is read by the same checks. */
void course_write(struct buf *out, const struct course *course);

/* Checks a list row and copies it; `path` ("data[17]") stands in messages. -EBADMSG. */
int course_from_json(struct course *ret_course, const struct json *row, const char *path, struct error *err);

/* The row's id if it has a usable one (1 to COURSE_ID_MAX letters, digits, '-', '_'), else NULL; borrowed. */
const char *course_id_of(const struct json *row);

/* Checks one participant; `path` ("data[17]") stands in messages. -EBADMSG. */
int course_participant_check(const struct json *row, const char *path, struct error *err);

/* Checks the participants of a detail and makes the normal form: array sorted by bookingId, of objects with
 * bookingId, participationId, name, status, preparationIntent, desiredResults, lineManagerProfile,
 * preparationCompletedAt (imageUrl and userId dropped; of two with one bookingId the first).
 * Owned. -EBADMSG. */
int course_participants_from_json(
	struct json **ret_participants, const struct json *array, const char *path, struct error *err);

#endif
