/* SPDX-License-Identifier: MIT */
/*
 * Random histories of data changes, faults and restarts: at the end of each, a clean sync leaves the same
 * files as a sync from scratch, byte for byte except generatedAt.
 *
 *	HISTORY_FIRST=1 HISTORY_COUNT=100000 HISTORY_STEPS=60 tests/unit/test-sync-histories
 *
 * runs other histories than the fixed few of every `make check`. A failure is reduced to the steps that it
 * needs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "history.h"

#define STEPS_MAX 1000

struct history {
	struct history_step steps[STEPS_MAX];
	size_t count;
};

static uint64_t setting(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 10) : otherwise;
}

/* Returns the number of steps until the first violation; 0: there was none. */
static size_t run(const struct history *history)
{
	size_t taken = 0;

	history_begin();
	while (taken < history->count && !history_complaint[0])
		history_take(&history->steps[taken++]);
	if (!history_complaint[0])
		history_end();
	history_clear();
	return history_complaint[0] ? taken + 1 : 0;
}

static void leave_out(struct history *history, size_t index)
{
	history->count--;
	for (size_t i = index; i < history->count; i++)
		history->steps[i] = history->steps[i + 1];
}

/* Removes every step that the violation does not need. */
static void reduce(struct history *history, size_t taken)
{
	if (taken <= history->count)
		history->count = taken;
	for (size_t i = history->count; i > 0; i--) {
		struct history shorter = *history;

		leave_out(&shorter, i - 1);
		if (run(&shorter) > 0)
			*history = shorter;
	}
}

static void report(uint64_t seed, struct history *history, size_t taken)
{
	reduce(history, taken);
	history_is_loud = true;
	run(history);
	history_is_loud = false;
	fail_msg("history %llu, reduced to %zu steps (reported above): %s", (unsigned long long)seed,
		history->count, history_complaint);
}

static void every_history_ends_like_a_sync_from_scratch(void **state)
{
	uint64_t first = setting("HISTORY_FIRST", 1), count = setting("HISTORY_COUNT", 200);
	uint64_t steps_max = setting("HISTORY_STEPS", 30);

	(void)state;
	for (uint64_t number = first; number < first + count; number++) {
		static struct history history;
		uint64_t seed = number;
		size_t taken;

		history.count = (size_t)(1 + number % (steps_max < STEPS_MAX ? steps_max : STEPS_MAX));
		for (size_t i = 0; i < history.count; i++)
			history.steps[i] = history_draw(&seed);
		taken = run(&history);
		if (taken > 0)
			report(number, &history, taken);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_history_ends_like_a_sync_from_scratch),
	};

	if (access("/dev/shm", W_OK) == 0)
		setenv("TMPDIR", "/dev/shm", 0); /* for thousands of syncs memory is faster than a disk */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
