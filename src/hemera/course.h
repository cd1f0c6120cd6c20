/* SPDX-License-Identifier: MIT */
#ifndef AITHER_HEMERA_COURSE_H
#define AITHER_HEMERA_COURSE_H

/*
 * The course model: rows of Hemera's list, and the participants of a course. A table for each (member.h)
 * describes its members; pages and their fingerprints (render/page.h) follow the same tables. Messages name
 * the JSON path: `data[17].level: "EXPERT" is not one of BEGINNER, INTERMEDIATE, ADVANCED`. Dates are stored
 * as given.
 */

#include <stddef.h>

struct buf;
struct error;
struct json;
struct member_table;

#define COURSE_ID_MAX 128     /* Hemera's are 25 characters; the route has no upper bound */
#define COURSE_TITLE_MAX 8192 /* bytes; the database has no bound */
#define COURSE_SLUG_MAX 1024
#define COURSE_COUNT_MAX 1000000 /* participants of one course */
#define COURSE_TEXT_MAX 65536    /* bytes; 2000 UTF-16 units are at most 6000 bytes, with room to grow */
#define COURSE_PARTICIPANTS_MAX 10000

extern const char *const course_levels[];      /* NULL-terminated */
extern const char *const participant_states[]; /* in the order of a course; NULL-terminated */

struct course {
	const char *id, *title, *slug;
	const char *level;                 /* one of course_levels */
	const char *start_date, *end_date; /* NULL: none */
	unsigned participant_count;
	char *texts; /* owned; the texts above are in it */
};

extern const struct member_table course_table;

/* Checks a row of the list and copies it; `path` ("data[17]") is used in messages. -EBADMSG. */
int course_from_json(struct course *ret_course, const struct json *row, const char *path, struct error *err);
void course_copy(struct course *ret_course, const struct course *course); /* deep */
void course_done(struct course *course);

/* The row's id, if it is usable (1 to COURSE_ID_MAX letters, digits, '-', '_'); else NULL. Borrowed. */
const char *course_id_of(const struct json *row);

struct participant {
	const char *booking_id;
	const char *name;   /* NULL: none; so are the optional texts below */
	const char *status; /* one of participant_states */
	const char *preparation_intent, *desired_results, *line_manager_profile;
	const char *preparation_completed_at;
	size_t position; /* in Hemera's answer */
	char *texts;     /* owned, the texts above are in it; NULL: they are borrowed */
};

extern const struct member_table participant_table;

/* Checks one participant; its texts are borrowed from the row. -EBADMSG. */
int participant_from_json(
	struct participant *ret_participant, const struct json *row, const char *path, struct error *err);

/* Copies the texts, so that the row may be freed. Returns the bytes of memory that the participant takes
 * then. */
size_t participant_own(struct participant *participant);

struct participants {
	struct participant *items; /* owned */
	size_t count;
};

/* Checks the participants of a detail; their texts are borrowed from the array, and the result is sorted.
 * -EBADMSG. */
int participants_from_json(
	struct participants *ret_participants, const struct json *array, const char *path, struct error *err);

/* Appends a participant, the next one in Hemera's answer; takes ownership of its texts. */
void participants_add(struct participants *participants, const struct participant *participant);

/* Sorts by bookingId. Of several participants with the same bookingId, keeps the first in Hemera's answer. */
void participants_sort(struct participants *participants);
void participants_done(struct participants *participants);

#endif
