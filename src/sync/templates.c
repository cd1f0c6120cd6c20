/* SPDX-License-Identifier: MIT */
#include "sync/templates.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "render/template.h"

static int templates_compare_course(const char *left, const char *right)
{
	if (!left || !right)
		return (left != NULL) - (right != NULL);
	return strcmp(left, right);
}

/* By course, then the highest version first, then by id, so that equal versions have a fixed winner. Versions
 * are compared as file names are by ls -v: "10" is above "9", a later date above an earlier one, anything
 * above none. */
static int templates_compare(const void *a, const void *b)
{
	const struct hemera_template *left = ((const struct templates_item *)a)->source;
	const struct hemera_template *right = ((const struct templates_item *)b)->source;
	int order = templates_compare_course(left->course_id, right->course_id);

	if (order == 0)
		order = strverscmp(right->version, left->version);
	return order ? order : strcmp(left->id, right->id);
}

void templates_init(struct templates *templates, const struct library *library,
	struct hemera_template *fetched, size_t count, library_problem *problem, void *arg)
{
	*templates = (struct templates){
		.fetched = fetched,
		.fetched_count = count,
		.items = mem_zalloc((count + 1) * sizeof(*templates->items)),
		.count = count,
		.library = library,
		.problem = problem,
		.arg = arg,
	};
	for (size_t i = 0; i < count; i++)
		templates->items[i].source = &fetched[i];
	qsort(templates->items, count, sizeof(*templates->items), templates_compare);
}

void templates_done(struct templates *templates)
{
	for (size_t i = 0; i < templates->count; i++)
		template_free(templates->items[i].compiled);
	free(templates->items);
	hemera_templates_free(templates->fetched, templates->fetched_count);
	*templates = (struct templates){ 0 };
}

/* The best one whose course is exactly this; NULL stands for all courses. */
static struct templates_item *templates_find(struct templates *templates, const char *course_id)
{
	size_t low = 0, high = templates->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (templates_compare_course(templates->items[middle].source->course_id, course_id) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == templates->count ||
		templates_compare_course(templates->items[low].source->course_id, course_id) != 0)
		return NULL;
	return &templates->items[low];
}

const struct template *templates_for(
	struct templates *templates, const char *course_id, const struct texts *texts)
{
	struct templates_item *item = templates_find(templates, course_id);

	if (!item)
		item = templates_find(templates, NULL);
	if (item && !item->source->markup)
		return NULL;
	if (item && !item->tried) {
		CLEANUP(mem_freep) char *name = mem_printf("template %s", item->source->id);
		struct error problem = { 0 };

		item->tried = true;
		if (library_compile(templates->library, name, item->source->markup, texts, &item->compiled,
			    &problem) < 0)
			templates->problem(templates->arg, name, &problem);
	}
	return item && item->compiled ? item->compiled : templates->library->course;
}
