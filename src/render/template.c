/* SPDX-License-Identifier: MIT */
#include "render/template.h"

#include <errno.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/mem.h"
#include "render/compiler.h"
#include "render/evaluator.h"
#include "render/program.h"

struct template
{
	struct program *program; /* owned */
	char hash[HASH_HEX_SIZE];
};

static void template_hash_units(struct template *tmpl)
{
	CLEANUP(hash_freep) struct hash *hash = hash_new();

	for (uint32_t i = 0; i < tmpl->program->units.count; i++) {
		const struct program_unit *unit = PROGRAM_ITEM(tmpl->program, units, struct program_unit, i);

		/* The name of a partial matters: {{> (lookup . "kind")}} finds it by that. That of the
		 * template is only for messages. */
		hash_update_field(hash, i > 0 ? unit->source.name : NULL);
		hash_update_field(hash, unit->source.text.data);
	}
	hash_finish(hash, tmpl->hash);
}

int template_compile(struct template **ret_template, const char *name, const char *text, size_t length,
	const struct template_partials *partials, struct error *err)
{
	struct source source = { .name = name, .text = { text, length } };
	CLEANUP(template_freep) struct template *tmpl = mem_zalloc(sizeof(*tmpl));
	int r = compiler_compile(&source, partials, &tmpl->program, err);

	if (r < 0)
		return r;
	template_hash_units(tmpl);
	*ret_template = STEAL(tmpl);
	return 0;
}

void template_free(struct template *tmpl)
{
	if (!tmpl)
		return;
	program_free(tmpl->program);
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
	const struct program *program = tmpl->program;

	for (uint32_t at = 0, unit = 0; at < program->instructions.count; at++) {
		const struct instruction *instruction =
			PROGRAM_ITEM(program, instructions, struct instruction, at);
		const struct program_partial *partial;

		while (at >= PROGRAM_ITEM(program, units, struct program_unit, unit)->end)
			unit++;
		if (instruction->op != OP_PARTIAL)
			continue;
		partial = PROGRAM_ITEM(program, partials, struct program_partial, instruction->operand);
		if (!partial->dynamic && partial->unit == PROGRAM_NONE)
			return source_fail(&PROGRAM_ITEM(program, units, struct program_unit, unit)->source,
				instruction->offset, err, "there is no partial \"%s\"", partial->name.data);
	}
	return 0;
}

int template_render(const struct template *tmpl, const struct json *data, const struct texts *texts,
	const struct template_stop *stop, struct buf *out, struct error *err)
{
	size_t length = out->length, left = out->size_max - length;
	size_t expected =
		tmpl->program->arena.used; /* about as much as all its texts: most pages have more */
	int r;

	buf_reserve(out, expected < left ? expected : left);
	r = evaluator_run(tmpl->program, data, texts, stop, out, err);
	if (r < 0)
		buf_truncate(out, length);
	return r;
}
