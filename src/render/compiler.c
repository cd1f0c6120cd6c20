/* SPDX-License-Identifier: MIT */
#include "render/compiler.h"

#include <errno.h>

#include "base/error.h"
#include "base/mem.h"
#include "render/compiler-state.h"
#include "render/parser.h"
#include "render/template.h"
#include "render/whitespace.h"

static int compiler_body(
	struct compiler *compiler, const struct body *body, struct program_branch *ret_branch);

static void compiler_text(struct compiler *compiler, struct slice text, size_t offset)
{
	struct slice kept = program_keep(compiler->program, text);

	compiler_emit(compiler, OP_TEXT, PROGRAM_ADD(&compiler->program->texts, &kept), offset);
}

/* --- blocks --- */

static uint32_t compiler_include_zero(const struct program *program, uint32_t key_first, uint32_t key_count)
{
	for (uint32_t i = key_first; i < key_first + key_count; i++) {
		const struct program_key *key = PROGRAM_ITEM(program, keys, struct program_key, i);

		if (slice_equal(key->name, SLICE("includeZero")))
			return key->slot;
	}
	return PROGRAM_NONE;
}

/* The instruction of a block whose argument and pairs are on the stack, and its branches behind it. */
static int compiler_branches(
	struct compiler *compiler, const struct statement *statement, struct program_block *block)
{
	uint32_t index = PROGRAM_ADD(&compiler->program->blocks, block);
	int r;

	compiler_emit(compiler, OP_BLOCK, index, statement->call->offset);
	r = compiler_body(compiler, statement->body, &block->body);
	if (r == 0)
		r = compiler_body(compiler, statement->inverse, &block->inverse);
	if (r == 0)
		*PROGRAM_ITEM(compiler->program, blocks, struct program_block, index) = *block;
	return r;
}

static int compiler_builtin_block(
	struct compiler *compiler, const struct statement *statement, enum helper helper)
{
	const struct call *call = statement->call;
	struct program_block block = { .kind = (enum block_kind)(BLOCK_IF + (helper - HELPER_IF)) };
	uint32_t key_first, key_count;
	int r;

	if (call->operand_count != 1) {
		compiler_emit_fail(compiler, call->offset,
			"{{#if}}, {{#unless}}, {{#each}} and {{#with}} take exactly one value");
		return 0;
	}
	r = compiler_operand(compiler, call->operands);
	if (r == 0)
		r = compiler_pairs(compiler, call, &key_first, &key_count);
	if (r != 0)
		return r;
	block.pair_count = (uint32_t)call->pair_count;
	block.include_zero = compiler_include_zero(compiler->program, key_first, key_count);
	return compiler_branches(compiler, statement, &block);
}

static int compiler_block(struct compiler *compiler, const struct statement *statement)
{
	const struct call *call = statement->call;
	struct program_block section = { .kind = BLOCK_SECTION, .include_zero = PROGRAM_NONE };
	enum helper helper;
	enum callee callee = compiler_callee(compiler, call, false, &helper);
	int r;

	if (callee == CALLEE_HELPER && helper_is_block(helper))
		return compiler_builtin_block(compiler, statement, helper);
	if (helper == HELPER_T || helper == HELPER_DATE)
		return source_fail(&compiler->source, call->offset, compiler->err, "{{%s}} is not a block",
			helper_name(helper));
	r = compiler_call(compiler, call, false);
	if (r < 0)
		return r;
	if (callee == CALLEE_VALUE)
		return compiler_branches(compiler, statement, &section);
	/* A function used as a block ignores what stands inside. */
	compiler_emit(compiler, OP_PRINT_RAW, 0, call->offset);
	return 0;
}

/* --- partials --- */

static const struct template_partial *compiler_find_partial(
	const struct template_partials *partials, struct slice name)
{
	for (size_t i = 0; partials && i < partials->count; i++) {
		if (slice_equal_text(name, partials->items[i].name))
			return &partials->items[i];
	}
	return NULL;
}

/* `file` is how the unit is called in messages. */
static int compiler_add_unit(
	struct compiler *compiler, const char *name, const char *file, struct slice text, uint32_t *ret_index)
{
	struct program_unit unit = {
		.name = program_keep(compiler->program, slice_from_text(name)),
		.source.name = program_keep(compiler->program, slice_from_text(file)).data,
		.source.text = program_keep(compiler->program, text),
	};
	size_t fault;

	if (text.length > TEMPLATE_SIZE_MAX)
		return error_fail(compiler->err, ERROR_TEMPLATE, -EBADMSG, "%s: larger than %d bytes", file,
			TEMPLATE_SIZE_MAX);
	if (!slice_is_text(text, &fault))
		return source_fail(&unit.source, fault, compiler->err, "not valid UTF-8, or a NUL");
	*ret_index = PROGRAM_ADD(&compiler->program->units, &unit);
	return 0;
}

/* The unit of a partial, added if this is its first use. */
static int compiler_unit(
	struct compiler *compiler, const struct template_partial *partial, uint32_t *ret_index)
{
	CLEANUP(mem_freep) char *file = mem_printf("%s" TEMPLATE_SUFFIX, partial->name);

	*ret_index = program_find_unit(compiler->program, slice_from_text(partial->name));
	if (*ret_index != PROGRAM_NONE)
		return 0;
	return compiler_add_unit(
		compiler, partial->name, file, (struct slice){ partial->text, partial->length }, ret_index);
}

static int compiler_partial_unit(
	struct compiler *compiler, const struct call *call, struct program_partial *partial)
{
	const struct template_partial *found;
	uint32_t index;
	int r = 0;

	partial->unit = PROGRAM_NONE;
	partial->dynamic = call->callee->kind == OPERAND_CALL;
	if (partial->dynamic) {
		for (size_t i = 0; compiler->partials && i < compiler->partials->count && r == 0; i++)
			r = compiler_unit(compiler, &compiler->partials->items[i], &index);
		return r;
	}
	if (slice_equal(call->callee->original, SLICE("@partial-block")))
		return source_fail(
			&compiler->source, call->offset, compiler->err, "@partial-block is not supported");
	partial->name = program_keep(compiler->program, call->callee->original);
	found = compiler_find_partial(compiler->partials, partial->name);
	return found ? compiler_unit(compiler, found, &partial->unit) : 0;
}

static int compiler_partial(struct compiler *compiler, const struct statement *statement)
{
	const struct call *call = statement->call;
	struct operand here = { .kind = OPERAND_PATH, .offset = call->offset };
	struct program_partial partial = { .pair_count = (uint32_t)call->pair_count };
	int r = compiler_partial_unit(compiler, call, &partial);

	if (r == 0 && partial.dynamic)
		r = compiler_call(compiler, call->callee->call, true);
	if (r == 0)
		r = compiler_operand(compiler, call->operands ? call->operands : &here);
	if (r == 0)
		r = compiler_pairs(compiler, call, &partial.key_first, &partial.key_count);
	if (r < 0)
		return r;
	partial.indent = program_keep(compiler->program, statement->indent);
	compiler_emit(
		compiler, OP_PARTIAL, PROGRAM_ADD(&compiler->program->partials, &partial), call->offset);
	return 0;
}

/* --- bodies and units --- */

static int compiler_statement(struct compiler *compiler, const struct statement *statement)
{
	int r;

	switch (statement->kind) {
	case STATEMENT_CONTENT:
		if (statement->value.length > 0)
			compiler_text(compiler, statement->value, 0);
		return 0;
	case STATEMENT_COMMENT:
		return 0;
	case STATEMENT_MUSTACHE:
		r = compiler_call(compiler, statement->call, false);
		if (r == 0)
			compiler_emit(compiler, statement->raw ? OP_PRINT_RAW : OP_PRINT, 0,
				statement->call->offset);
		return r;
	case STATEMENT_BLOCK:
		return compiler_block(compiler, statement);
	case STATEMENT_PARTIAL:
		break;
	}
	return compiler_partial(compiler, statement);
}

static int compiler_body(
	struct compiler *compiler, const struct body *body, struct program_branch *ret_branch)
{
	struct compiler_params params = { .body = body, .outer = compiler->params };
	int r = 0;

	ret_branch->start = (uint32_t)compiler->program->instructions.count;
	ret_branch->has_params = body && body->param_count > 0;
	if (ret_branch->has_params)
		compiler->params = &params;
	for (const struct statement *statement = body ? body->first : NULL; statement && r == 0;
		statement = statement->next)
		r = compiler_statement(compiler, statement);
	compiler->params = params.outer;
	ret_branch->end = (uint32_t)compiler->program->instructions.count;
	return r;
}

static int compiler_compile_unit(struct compiler *compiler, uint32_t index)
{
	CLEANUP(arena_done)
	struct arena tree = ARENA_INIT(SIZE_MAX); /* bounded by the size of the template */
	struct program_branch branch;
	struct program_unit *unit;
	struct body *body;
	int r;

	compiler->source = PROGRAM_ITEM(compiler->program, units, struct program_unit, index)->source;
	r = parser_parse(&compiler->source, &tree, &body, compiler->err);
	if (r < 0)
		return r;
	whitespace_control(body);
	r = compiler_body(compiler, body, &branch);
	if (r < 0)
		return r;
	unit = PROGRAM_ITEM(compiler->program, units, struct program_unit, index);
	unit->start = branch.start;
	unit->end = branch.end;
	return 0;
}

int compiler_compile(const struct source *source, const struct template_partials *partials,
	struct program **ret_program, struct error *err)
{
	CLEANUP(program_freep) struct program *program = program_new();
	struct compiler compiler = { .program = program, .partials = partials, .err = err };
	uint32_t index;
	int r;

	r = compiler_add_unit(&compiler, "", source->name, source->text, &index);
	/* Compiling a unit may add others behind it. */
	for (index = 0; index < program->units.count && r == 0; index++)
		r = compiler_compile_unit(&compiler, index);
	if (r < 0)
		return r;
	*ret_program = STEAL(program);
	return 0;
}
