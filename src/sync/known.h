/* SPDX-License-Identifier: MIT */
#ifndef AITHER_SYNC_KNOWN_H
#define AITHER_SYNC_KNOWN_H

/*
 * The known courses, which the homepage shows: Hemera's last list that was accepted, whether a sync or a
 * refresh read it; kept in the manifest. An empty or a short list may be a fault of Hemera, so it is not
 * believed at once. A row that the list lacks leaves the homepage, unless
 *
 * - rows may be missing from the list (KNOWN_INCOMPLETE), or have no usable id (KNOWN_UNREADABLE), which
 *   not even --force overrules;
 * - more than MaxDeletePercent of the known rows, and more than KNOWN_FREE_COUNT, would leave (KNOWN_SHRUNK);
 * - the list is empty (KNOWN_EMPTY): it has to be empty in two syncs in a row.
 *
 * Then the known rows stay beside what the list does say. `aither sync --force` accepts the other two.
 *
 * Each course has the time when it last changed: when a list was accepted whose row differs in any member
 * from what was known, or in which it was new. The calendar's subscribers see by it what to read again, so it
 * stays while the row does, whatever else happens.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hemera/course.h"

struct buf;
struct error;
struct hemera_list;
struct json;

#define KNOWN_FREE_COUNT 10 /* a site of three courses must be able to lose two, whatever the percentage */
#define KNOWN_EMPTY_SYNCS 2 /* so many empty lists in a row are believed */

enum known_verdict { KNOWN_ACCEPTED, KNOWN_EMPTY, KNOWN_INCOMPLETE, KNOWN_SHRUNK, KNOWN_UNREADABLE };

struct known_kept {
	enum known_verdict reason; /* KNOWN_ACCEPTED: nothing is kept */
	size_t courses;            /* that the list lacks and the homepage shows */
	int64_t since_ms;          /* wall clock */
};

struct known {
	struct course *courses; /* owned, in the order of their ids */
	int64_t *changed_ms;    /* owned, wall clock: when each of them last changed */
	size_t count;
	unsigned empty_syncs; /* in a row */
	struct known_kept kept;
};

void known_done(struct known *known);

/* Appends a copy of the course; the order of the ids is the caller's duty. */
void known_add(struct known *known, const struct course *course, int64_t changed_ms);

struct known_rules {
	bool is_sync;     /* a refresh's list is no second one that agrees */
	bool is_thorough; /* lost rows were searched for; without that some usually are lost */
	bool force;
	unsigned delete_percent_max;
	int64_t now_ms; /* wall clock */
};

/* Takes over what the list says, and decides on the rows that it lacks: the result is known->kept. Rows that
 * are not valid are shown as they are known. */
void known_update(struct known *known, const struct hemera_list *list, const struct known_rules *rules);

/* Are so many courses gone at once that a mistake is more likely? */
bool known_is_too_much(size_t gone, size_t known, unsigned delete_percent_max);

/* Can a course be missing from the list that Hemera has? */
bool known_may_lack(const struct hemera_list *list);

/* {"emptySyncs":0, "kept":{"reason":"empty","courses":60,"since":"2026-..."} or null, "courses":[{list row,
 * "changedAt":"2026-..."}]}: appends it, and reads it again (-EBADMSG). Version 0.1.0 wrote no changedAt:
 * such rows get `changed_ms`, for which the time of the last sync is a good choice: they have been as they
 * are since then at the latest. */
void known_write(struct buf *out, const struct known *known);
int known_read(const struct json *object, int64_t changed_ms, struct known *ret_known, struct error *err);

/* {"reason","courses","since"}, owned; NULL: nothing is kept. */
struct json *known_kept_to_json(const struct known_kept *kept);

#endif
