/* SPDX-License-Identifier: MIT */
#include "render/template.h"

#include <errno.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/mem.h"
#include "render/arena.h"
#include "render/syntax.h"

struct template
{
	struct arena arena; /* holds the units and everything in them */
	struct unit *units; /* the template, then the partials that it reaches */
	char hash[HASH_HEX_SIZE];
};

/* Adds a unit, which is not parsed yet. `file` is its name in messages. */
static int template_add_unit(struct template *tmpl, const char *name, const char *file, struct slice text,
	struct unit **ret_unit, struct error *err)
{
	struct unit *unit = arena_alloc(&tmpl->arena, sizeof(*unit)), **end = &tmpl->units;
	struct slice copy;
	size_t fault;

	if (text.length > TEMPLATE_SIZE_MAX)
		return error_fail(
			err, ERROR_TEMPLATE, -EBADMSG, "%s: larger than %d bytes", file, TEMPLATE_SIZE_MAX);
	arena_copy(&tmpl->arena, slice_from_text(name), &unit->name);
	arena_copy(&tmpl->arena, slice_from_text(file), &copy);
	unit->source.name = copy.data;
	arena_copy(&tmpl->arena, text, &unit->source.text);
	if (!slice_is_text(text, &fault))
		return source_fail(&unit->source, fault, err, "must be valid UTF-8 without NUL bytes");
	while (*end)
		end = &(*end)->next;
	*end = unit;
	*ret_unit = unit;
	return 0;
}

/* Adds the partials that a unit names, each when it is first used. If the unit computes a name, adds all
 * partials. */
static int template_use_partials(struct template *tmpl, const struct unit *user,
	const struct template_partials *partials, struct error *err)
{
	for (struct statement *statement = user->partials; statement; statement = statement->next_partial) {
		const struct operand *callee = statement->call->callee;
		bool computed = callee->kind == OPERAND_CALL;

		for (size_t i = 0; partials && i < partials->count; i++) {
			const struct template_partial *partial = &partials->items[i];
			struct slice name = slice_from_text(partial->name);
			struct unit *unit = tmpl->units->next;

			if (!computed && (statement->unit || !slice_equal(callee->original, name)))
				continue;
			while (unit && !slice_equal(unit->name, name))
				unit = unit->next;
			if (!unit) {
				CLEANUP(mem_freep)
				char *file = mem_printf("%s" TEMPLATE_SUFFIX, partial->name);
				int r = template_add_unit(tmpl, partial->name, file,
					(struct slice){ partial->text, partial->length }, &unit, err);

				if (r < 0)
					return r;
			}
			if (!computed)
				statement->unit = unit;
		}
	}
	return 0;
}

int template_compile(struct template **ret_template, const char *name, const char *text, size_t length,
	const struct template_partials *partials, struct error *err)
{
	CLEANUP(template_freep) struct template *tmpl = mem_zalloc(sizeof(*tmpl));
	CLEANUP(buf_done) struct buf fields = BUF_INIT(SIZE_MAX / 2); /* bounded likewise */
	struct unit *unit;
	int r;

	tmpl->arena.size_max = SIZE_MAX; /* bounded by the size of the templates */
	r = template_add_unit(tmpl, "", name, (struct slice){ text, length }, &unit, err);
	for (unit = tmpl->units; unit && r == 0; unit = unit->next) {
		r = parser_parse(unit, &tmpl->arena, err);
		if (r < 0)
			break;
		whitespace_control(unit->body);
		r = template_use_partials(tmpl, unit, partials, err);
		/* The name of a partial matters, because {{> (lookup . "kind")}} finds it by its name. The
		 * name of the template is only for messages. */
		hash_add_field(&fields, unit != tmpl->units ? unit->source.name : NULL);
		hash_add_field(&fields, unit->source.text.data);
	}
	if (r < 0)
		return r;
	hash_hex(fields.data, fields.length, tmpl->hash);
	*ret_template = STEAL(tmpl);
	return 0;
}

void template_free(struct template *tmpl)
{
	if (!tmpl)
		return;
	arena_done(&tmpl->arena);
	free(tmpl);
}

void template_freep(struct template **tmpl)
{
	template_free(*tmpl);
}

const char *template_hash(const struct template *tmpl)
{
	return tmpl->hash;
}

int template_check_partials(const struct template *tmpl, struct error *err)
{
	for (const struct unit *unit = tmpl->units; unit; unit = unit->next) {
		for (const struct statement *partial = unit->partials; partial;
			partial = partial->next_partial) {
			const struct operand *callee = partial->call->callee;

			if (callee->kind != OPERAND_CALL && !partial->unit)
				return source_fail(&unit->source, partial->offset, err,
					"there is no partial \"%.*s\"", (int)callee->original.length,
					callee->original.data);
		}
	}
	return 0;
}

int template_render(const struct template *tmpl, const struct json *data, const struct texts *texts,
	const struct template_stop *stop, struct buf *out, struct error *err)
{
	size_t length = out->length;
	int r = evaluator_run(tmpl->units, data, texts, stop, out, err);

	if (r < 0)
		buf_truncate(out, length);
	return r;
}
