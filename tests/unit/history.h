/* SPDX-License-Identifier: MIT */
#ifndef AITHER_TESTS_HISTORY_H
#define AITHER_TESTS_HISTORY_H

/*
 * A history: steps drawn at random, each an action (something changes in Hemera, on disk or in the
 * configuration) and then a sync, which may be cancelled, meet a failing disk or be killed. The final
 * result must not depend on the steps before it:
 *
 *	history_begin();
 *	for each step: history_take(&step);
 *	history_end();
 *	if (history_complaint[0]) ...
 *	history_clear();
 *
 * A step has its own seed, so that it does the same even if earlier steps are left out. Below the scratch
 * directory: "out" (the syncs' output), "fresh" (the output of the sync from scratch), "templates" (the
 * operator's), "beside" (files that must not be touched; planted symlinks lead there).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sync-fixture.h"
#include "tree.h"

#define HISTORY_BROKEN_LEVEL "EXPERT" /* makes a row invalid */
#define HISTORY_TEXT_END "</html>"    /* the end of every page made by a sync, with any template */

struct history_action {
	const char *name;
	void (*act)(void);
};

extern const struct history_action history_data_actions[], history_hand_actions[];
extern const size_t history_data_action_count, history_hand_action_count;

struct history_step {
	unsigned number; /* the action's number in both tables */
	uint64_t seed;
};

extern char history_complaint[2000]; /* the first complaint; "": none */
extern bool history_is_loud;         /* prints each step on stderr */

void history_begin(void);
struct history_step history_draw(uint64_t *seed); /* advances the seed */
void history_take(const struct history_step *step);
void history_end(void); /* repairs everything, compares with a sync from scratch */
void history_clear(void);

/* For actions and checks. */
unsigned history_pick(unsigned below);
bool history_chance(unsigned percent);
void history_tell(const char *format, ...) __attribute__((format(printf, 1, 2)));
void history_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
const char *history_path(const char *below); /* below the scratch directory; valid until the next call */
void history_heal_data(void);                /* ends faults, keeps the data */
void history_heal_hand(void);                /* removes files that a sync must not remove */

/* The outcome of the last sync. */
struct history_outcome {
	bool died;     /* then the other members mean nothing */
	bool bad_disk; /* one call failed, perhaps a removal */
	bool dry_run;
};

void history_check_step(
	const struct history_outcome *outcome, const struct tree *beside, const struct tree *before);
void history_check_same(const char *left, const char *right); /* two output directories below scratch */
void history_check_untouched(const struct tree *before, const struct tree *after, bool manifest_too);

#endif
