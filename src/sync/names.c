/* SPDX-License-Identifier: MIT */
#include "sync/names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"

#define NAMES_FALLBACK_PREFIX "course-"
#define NAMES_FALLBACK_DIGITS 16

/* A slug must not look like a name that names_plan makes from an id. */
static bool names_slug_is_usable(const char *slug)
{
	const size_t length = strlen(slug), prefix = strlen(NAMES_FALLBACK_PREFIX);
	bool is_fallback = length == prefix + NAMES_FALLBACK_DIGITS &&
			   strncmp(slug, NAMES_FALLBACK_PREFIX, prefix) == 0 &&
			   strspn(slug + prefix, "0123456789abcdefABCDEF") >= NAMES_FALLBACK_DIGITS;

	return published_is_name(slug, length) && !is_fallback;
}

static int names_compare(const void *a, const void *b)
{
	const struct names_course *left = *(struct names_course *const *)a;
	const struct names_course *right = *(struct names_course *const *)b;
	int order = strcmp(left->slug, right->slug);

	return order ? order : strcmp(left->id, right->id);
}

void names_plan(struct names_course *courses, size_t count)
{
	CLEANUP(nameset_done) struct nameset fixed = { 0 };
	CLEANUP(mem_freep) struct names_course **order = mem_alloc((count + 1) * sizeof(*order));
	const char *previous_slug = "";

	for (size_t i = 0; i < count; i++) {
		order[i] = &courses[i];
		if (courses[i].fixed)
			nameset_add(&fixed, courses[i].fixed);
	}
	nameset_sort(&fixed);
	qsort(order, count, sizeof(*order), names_compare);
	for (size_t i = 0; i < count; i++) {
		struct names_course *course = order[i];
		char hex[HASH_HEX_SIZE];
		/* Courses with the same slug follow each other, the smallest id first: only the first course
		 * may use the slug. */
		bool is_first = strcmp(course->slug, previous_slug) != 0;

		if (course->fixed) {
			snprintf(course->name, sizeof(course->name), "%s", course->fixed);
			continue;
		}
		previous_slug = course->slug;
		if (is_first && names_slug_is_usable(course->slug)) {
			snprintf(course->name, sizeof(course->name), "%s" PUBLISHED_SUFFIX, course->slug);
			if (!nameset_has(&fixed, course->name))
				continue;
		}
		hash_hex(course->id, strlen(course->id), hex);
		snprintf(course->name, sizeof(course->name), NAMES_FALLBACK_PREFIX "%.*s" PUBLISHED_SUFFIX,
			NAMES_FALLBACK_DIGITS, hex);
	}
}

/* ---- sets of names ---- */

static int nameset_compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void nameset_add(struct nameset *set, const char *name)
{
	set->items = mem_grow(set->items, set->count, sizeof(*set->items));
	set->items[set->count++] = mem_strdup(name);
}

void nameset_sort(struct nameset *set)
{
	if (set->count > 0)
		qsort(set->items, set->count, sizeof(*set->items), nameset_compare);
}

ssize_t nameset_find(const struct nameset *set, const char *name)
{
	char **found = NULL;

	if (set->count > 0)
		found = bsearch(&name, set->items, set->count, sizeof(*set->items), nameset_compare);
	return found ? found - set->items : -1;
}

bool nameset_has(const struct nameset *set, const char *name)
{
	return nameset_find(set, name) >= 0;
}

void nameset_done(struct nameset *set)
{
	for (size_t i = 0; i < set->count; i++)
		free(set->items[i]);
	free(set->items);
	*set = (struct nameset){ 0 };
}
