/* SPDX-License-Identifier: MIT */
#include "render/program.h"

#include <stdlib.h>

#include "base/mem.h"

struct program *program_new(void)
{
	struct program *program = mem_zalloc(sizeof(*program));

	program->arena.size_max = SIZE_MAX; /* bounded by the size of the templates */
	/* A path without parts, as that of {{this}}, points into this table even when it is empty. */
	program->parts.capacity = 8;
	program->parts.items = mem_alloc(program->parts.capacity * sizeof(struct slice));
	return program;
}

void program_free(struct program *program)
{
	if (!program)
		return;
	free(program->instructions.items);
	free(program->texts.items);
	free(program->constants.items);
	free(program->paths.items);
	free(program->parts.items);
	free(program->calls.items);
	free(program->keys.items);
	free(program->blocks.items);
	free(program->partials.items);
	free(program->units.items);
	arena_done(&program->arena);
	free(program);
}

void program_freep(struct program **program)
{
	program_free(*program);
}

uint32_t program_add(struct program_table *table, const void *item, size_t size)
{
	if (table->count == table->capacity) {
		table->capacity = table->capacity ? 2 * table->capacity : 8;
		table->items = mem_resize(table->items, table->capacity, size);
	}
	memcpy((char *)table->items + table->count * size, item, size);
	return (uint32_t)table->count++;
}

struct slice program_keep(struct program *program, struct slice text)
{
	char *copy = arena_text(&program->arena, text.length + 1);

	if (text.length > 0)
		memcpy(copy, text.data, text.length);
	copy[text.length] = '\0';
	return (struct slice){ copy, text.length };
}

uint32_t program_find_unit(const struct program *program, struct slice name)
{
	for (uint32_t i = 1; i < program->units.count; i++) {
		const struct program_unit *unit = PROGRAM_ITEM(program, units, struct program_unit, i);

		if (slice_equal(name, unit->name))
			return i;
	}
	return PROGRAM_NONE;
}
