/* SPDX-License-Identifier: MIT */
#include "sync/nameset.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static int nameset_compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void nameset_add(struct nameset *set, const char *name)
{
	if (set->count == set->capacity) {
		set->capacity = set->capacity ? 2 * set->capacity : 16;
		set->items = mem_resize(set->items, set->capacity, sizeof(*set->items));
	}
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
