/* SPDX-License-Identifier: MIT */
#ifndef AITHER_TESTS_HISTORY_H
#define AITHER_TESTS_HISTORY_H

/*
 * A history: steps drawn at random, each an action (something changes in Hemera, on disk or in the
 * configuration) and then a sync, which may be cancelled, meet a bad disk or be killed. What comes out must
 * not depend on what happened on the way:
 *
 *	history_begin();
 *	for each step: history_take(&step);
 *	history_end();
 *	if (history_complaint[0]) ...
 *	history_clear();
 *
 * A step has its own seed, so that it does the same thing whatever was left out before it. Below the scratch
 * directory: "out" (the syncs' output), "fresh" (of the one from scratch), "templates" (the operator's),
 * "beside" (what nobody may touch; planted symlinks lead there).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sync-fixture.h"
#include "tree.h"

#define HISTORY_BROKEN_LEVEL "EXPERT" /* a row with it is not valid */
#define HISTORY_TEXT_END "</html>"    /* of every page that a sync makes, whatever the template */

struct history_action {
	const char *name;
	void (*act)(void);
};

extern const struct history_action history_data_actions[], history_hand_actions[];
extern const size_t history_data_action_count, history_hand_action_count;

struct history_step {
	unsigned number; /* of the action, in both tables */
	uint64_t seed;
};

extern char history_complaint[2000]; /* the first one; "": none */
extern bool history_is_loud;         /* tells on stderr what each step does */

void history_begin(void);
struct history_step history_draw(uint64_t *seed); /* moves the seed on */
void history_take(const struct history_step *step);
void history_end(void); /* heals all, compares with a sync from scratch */
void history_clear(void);

/* For actions and checks. */
unsigned history_pick(unsigned below);
bool history_chance(unsigned percent);
void history_tell(const char *format, ...) __attribute__((format(printf, 1, 2)));
void history_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
const char *history_path(const char *below); /* of the scratch directory; good until the next call */
void history_heal_data(void);                /* faults end, data stay */
void history_heal_hand(void);                /* what a sync must not remove */

/* How the last sync went. */
struct history_outcome {
	bool died;     /* nothing else is known */
	bool bad_disk; /* one call failed, perhaps one that removes */
	bool dry_run;
};

void history_check_step(
	const struct history_outcome *outcome, const struct tree *beside, const struct tree *before);
void history_check_same(const char *left, const char *right); /* two output directories below scratch */
void history_check_untouched(const struct tree *before, const struct tree *after, bool manifest_too);

#endif
