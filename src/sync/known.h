/* SPDX-License-Identifier: MIT */
#ifndef AITHER_SYNC_KNOWN_H
#define AITHER_SYNC_KNOWN_H

/*
 * The known courses, which the homepage shows: the last of Hemera's lists that was accepted, read by a sync
 * or a refresh; kept in the manifest. An empty or short list may be a fault in Hemera, so it is not accepted
 * at once. A course that the list lacks leaves the homepage, unless
 *
 * - rows may be missing from the list (KNOWN_INCOMPLETE), or have no usable id (KNOWN_UNREADABLE); not even
 *   --force overrules this;
 * - more than MaxDeletePercent of the known courses, and more than KNOWN_FREE_COUNT, would leave
 *   (KNOWN_SHRUNK);
 * - the list is empty (KNOWN_EMPTY): it must be empty in two syncs in a row.
 *
 * Then the known courses stay, in addition to the courses of the list. `aither sync --force` accepts a list
 * that is KNOWN_SHRUNK or KNOWN_EMPTY.
 *
 * Each course has the time when it last changed: the time when a list was accepted in which the course was
 * new, or its row differed in any member from the known row. The calendar's subscribers use it to see which
 * events to read again, so it stays the same as long as the row does.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hemera/course.h"

struct buf;
struct error;
struct hemera_list;
struct json;

#define KNOWN_FREE_COUNT 10 /* a site of three courses must be able to lose two, at any percentage */
#define KNOWN_EMPTY_SYNCS 2 /* after this many syncs in a row, an empty list is accepted */

enum known_verdict { KNOWN_ACCEPTED, KNOWN_EMPTY, KNOWN_INCOMPLETE, KNOWN_SHRUNK, KNOWN_UNREADABLE };

struct known_kept {
	enum known_verdict reason; /* KNOWN_ACCEPTED: nothing is kept */
	size_t courses;            /* the number that the list lacks and the homepage shows */
	int64_t since_ms;          /* wall clock */
};

struct known {
	struct course *courses; /* owned, in the order of their ids */
	int64_t *changed_ms;    /* owned, wall clock: when each course last changed */
	size_t count;
	unsigned empty_syncs; /* in a row */
	struct known_kept kept;
};

void known_done(struct known *known);

/* Appends a copy of the course; the caller must add courses in the order of their ids. */
void known_add(struct known *known, const struct course *course, int64_t changed_ms);

struct known_rules {
	bool is_sync;     /* only a sync's list counts towards KNOWN_EMPTY_SYNCS, not a refresh's */
	bool is_thorough; /* lost rows were searched for; a list that was not searched usually lacks some */
	bool force;
	unsigned delete_percent_max;
	int64_t now_ms; /* wall clock */
};

/* Takes over the list's courses, and decides whether the courses that it lacks stay: known->kept has the
 * result. A course whose row is not valid stays as it was known. */
void known_update(struct known *known, const struct hemera_list *list, const struct known_rules *rules);

/* Are so many courses gone at once that a mistake is likely? */
bool known_is_too_much(size_t gone, size_t known, unsigned delete_percent_max);

/* Can the list lack a course that Hemera has? */
bool known_may_lack(const struct hemera_list *list);

/* {"emptySyncs":0, "kept":{"reason":"empty","courses":60,"since":"2026-..."} or null, "courses":[{list row,
 * "changedAt":"2026-..."}]}: known_write appends it, known_read reads it (-EBADMSG). Version 0.1.0 wrote no
 * changedAt: such rows get `changed_ms`. The time of the last sync is a good choice, because the rows have
 * not changed since then. */
void known_write(struct buf *out, const struct known *known);
int known_read(const struct json *object, int64_t changed_ms, struct known *ret_known, struct error *err);

/* {"reason","courses","since"}, owned; NULL: nothing is kept. */
struct json *known_kept_to_json(const struct known_kept *kept);

#endif
