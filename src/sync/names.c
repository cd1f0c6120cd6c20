/* SPDX-License-Identifier: MIT */
#include "sync/names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "sync/nameset.h"

#define NAMES_FALLBACK_PREFIX "course-"
#define NAMES_FALLBACK_DIGITS 16

static bool names_is_fallback(const char *slug, size_t length)
{
	const size_t prefix = strlen(NAMES_FALLBACK_PREFIX);

	return length == prefix + NAMES_FALLBACK_DIGITS &&
	       strncmp(slug, NAMES_FALLBACK_PREFIX, prefix) == 0 &&
	       strspn(slug + prefix, "0123456789abcdefABCDEF") >= NAMES_FALLBACK_DIGITS;
}

static bool names_slug_is_usable(const char *slug)
{
	size_t length = strlen(slug);

	return published_is_name(slug, length) && !names_is_fallback(slug, length);
}

static void names_set_fallback(struct names_course *course)
{
	char hex[HASH_HEX_SIZE];

	hash_hex(course->id, strlen(course->id), hex);
	snprintf(course->name, sizeof(course->name), NAMES_FALLBACK_PREFIX "%.*s" PUBLISHED_SUFFIX,
		NAMES_FALLBACK_DIGITS, hex);
}

static int names_compare(const void *a, const void *b)
{
	const struct names_course *left = *(struct names_course *const *)a;
	const struct names_course *right = *(struct names_course *const *)b;
	int order = strcmp(left->slug, right->slug);

	return order ? order : strcmp(left->id, right->id);
}

/* Courses of one slug follow each other, the smallest id first: only that one may have the slug. */
static void names_choose(struct names_course *course, const char *previous_slug, const struct nameset *fixed)
{
	if (course->fixed) {
		snprintf(course->name, sizeof(course->name), "%s", course->fixed);
		return;
	}
	if (names_slug_is_usable(course->slug) &&
		(!previous_slug || strcmp(previous_slug, course->slug) != 0)) {
		snprintf(course->name, sizeof(course->name), "%s" PUBLISHED_SUFFIX, course->slug);
		if (!nameset_has(fixed, course->name))
			return;
	}
	names_set_fallback(course);
}

void names_plan(struct names_course *courses, size_t count)
{
	CLEANUP(nameset_done) struct nameset fixed = { 0 };
	CLEANUP(mem_freep) struct names_course **order = mem_alloc((count + 1) * sizeof(*order));
	const char *previous_slug = NULL;

	for (size_t i = 0; i < count; i++) {
		order[i] = &courses[i];
		if (courses[i].fixed)
			nameset_add(&fixed, courses[i].fixed);
	}
	nameset_sort(&fixed);
	qsort(order, count, sizeof(*order), names_compare);
	for (size_t i = 0; i < count; i++) {
		names_choose(order[i], previous_slug, &fixed);
		if (!order[i]->fixed)
			previous_slug = order[i]->slug;
	}
}
