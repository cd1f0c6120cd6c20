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

const char *const names_homepage[LIBRARY_LANGUAGES] = {
	[LIBRARY_DE] = "index.de.html",
	[LIBRARY_EN] = "index.en.html",
};

static bool names_is_fallback(const char *slug, size_t length)
{
	const size_t prefix = strlen(NAMES_FALLBACK_PREFIX);

	return length == prefix + NAMES_FALLBACK_DIGITS &&
	       strncmp(slug, NAMES_FALLBACK_PREFIX, prefix) == 0 &&
	       strspn(slug + prefix, "0123456789abcdefABCDEF") >= NAMES_FALLBACK_DIGITS;
}

static bool names_is_alphanumeric(char byte)
{
	return (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z');
}

/* One component of the permitted characters; its fallback form is for us alone. */
static bool names_is_component(const char *text, size_t length)
{
	if (length == 0 || length > NAMES_SLUG_MAX || !names_is_alphanumeric(text[0]))
		return false;
	for (size_t i = 1; i < length; i++)
		if (!names_is_alphanumeric(text[i]) && text[i] != '.' && text[i] != '_' && text[i] != '-')
			return false;
	return true;
}

static bool names_slug_is_usable(const char *slug)
{
	size_t length = strlen(slug);

	return names_is_component(slug, length) && !names_is_fallback(slug, length);
}

static void names_set_fallback(struct names_course *course)
{
	char hex[HASH_HEX_SIZE];

	hash_hex(course->id, strlen(course->id), hex);
	snprintf(course->name, sizeof(course->name), NAMES_FALLBACK_PREFIX "%.*s" NAMES_SUFFIX,
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
		snprintf(course->name, sizeof(course->name), "%s" NAMES_SUFFIX, course->slug);
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

bool names_is_page(const char *name)
{
	size_t length = strlen(name), suffix = strlen(NAMES_SUFFIX);

	return length > suffix && strcmp(name + length - suffix, NAMES_SUFFIX) == 0 &&
	       names_is_component(name, length - suffix);
}
