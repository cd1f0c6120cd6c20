/* SPDX-License-Identifier: MIT */
#include "render/compiler.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/mem.h"
#include "render/parser.h"
#include "render/program.h"
#include "render/syntax.h"
#include "render/template.h"
#include "render/whitespace.h"

#define COMPILER_PAIRS_MAX 100 /* people write below 10; each is compared with each */

struct compiler_params { /* block parameters in sight, innermost first */
	const struct body *body;
	const struct compiler_params *outer;
};

struct compiler {
	struct program *program;
	const struct template_partials *partials;
	struct source source; /* of the unit being compiled; a copy, as the table of units may move */
	const struct compiler_params *params;
	struct error *err;
};

enum callee {
	CALLEE_VALUE, /* a path: its value */
	CALLEE_HELPER,
	CALLEE_DATA, /* arguments, but no helper of that name */
};

static int compiler_call(struct compiler *compiler, const struct call *call, bool parenthesised);
static int compiler_body(
	struct compiler *compiler, const struct body *body, struct program_branch *ret_branch);

static void compiler_emit(struct compiler *compiler, enum opcode op, uint32_t operand, size_t offset)
{
	struct instruction instruction = { .op = op, .operand = operand, .offset = (uint32_t)offset };

	PROGRAM_ADD(&compiler->program->instructions, &instruction);
}

static void compiler_emit_fail(struct compiler *compiler, size_t offset, const char *sentence)
{
	struct slice text = program_keep(compiler->program, slice_from_text(sentence));

	compiler_emit(compiler, OP_FAIL, PROGRAM_ADD(&compiler->program->texts, &text), offset);
}

/* --- names --- */

static bool compiler_is_simple(const struct path *path)
{
	return path->part_count == 1 && !path->scoped && path->depth == 0;
}

static bool compiler_find_param(
	const struct compiler *compiler, const struct path *path, uint32_t *ret_depth, uint32_t *ret_param)
{
	uint32_t depth = 0;

	if (path->depth > 0 || path->scoped || path->part_count == 0)
		return false;
	for (const struct compiler_params *params = compiler->params; params; params = params->outer) {
		for (uint32_t i = 0; i < params->body->param_count; i++) {
			if (slice_equal(params->body->params[i], path->parts[0])) {
				*ret_depth = depth;
				*ret_param = i;
				return true;
			}
		}
		depth++;
	}
	return false;
}

/* {{t}} and {{date}} without a value are data; {{image}} is a call even so. */
static enum helper compiler_own_helper(const struct call *call)
{
	enum helper helper = helper_find(call->callee->path.parts[0]);

	if ((helper == HELPER_T || helper == HELPER_DATE) && call->operand_count == 0)
		return HELPER_NONE;
	return helper;
}

static enum callee compiler_callee(
	const struct compiler *compiler, const struct call *call, bool parenthesised, enum helper *ret_helper)
{
	const struct path *path = &call->callee->path;
	bool simple = compiler_is_simple(path),
	     arguments = parenthesised || call->operand_count + call->pair_count > 0;
	uint32_t depth, param;

	*ret_helper = HELPER_NONE;
	if (simple && compiler_find_param(compiler, path, &depth, &param))
		return CALLEE_VALUE;
	/* With arguments, Handlebars looks at the first part only: {{if.x a}} calls if. */
	if (path->part_count > 0 && (simple || arguments))
		*ret_helper = helper_find(path->parts[0]);
	if (helper_is_builtin(*ret_helper))
		return CALLEE_HELPER;
	*ret_helper = simple ? compiler_own_helper(call) : HELPER_NONE;
	if (*ret_helper != HELPER_NONE)
		return CALLEE_HELPER;
	return arguments ? CALLEE_DATA : CALLEE_VALUE;
}

/* --- values --- */

static int compiler_path(struct compiler *compiler, const struct operand *operand)
{
	const struct path *path = &operand->path;
	struct program_path compiled = { .depth = path->depth,
		.part_first = (uint32_t)compiler->program->parts.count };
	size_t part = 0;

	if (compiler_find_param(compiler, path, &compiled.depth, &compiled.param)) {
		compiled.origin = PATH_PARAM;
		part = 1;
	} else if (path->part_count == 0 || path->parts[0].length == 0) {
		part = path->part_count; /* the context itself, even as {{@.}} or {{[].x}} */
	} else if (path->data) {
		compiled.origin = PATH_DATA;
		if (slice_equal(path->parts[0], SLICE("partial-block")))
			return source_fail(&compiler->source, operand->offset, compiler->err,
				"@partial-block is not supported");
		/* {{@_parent.index}} is {{@../index}}. */
		for (; part + 1 < path->part_count && slice_equal(path->parts[part], SLICE("_parent"));
			part++)
			compiled.depth++;
	}
	for (; part < path->part_count; part++) {
		struct slice name = program_keep(compiler->program, path->parts[part]);

		PROGRAM_ADD(&compiler->program->parts, &name);
		compiled.part_count++;
	}
	compiler_emit(
		compiler, OP_PUSH_PATH, PROGRAM_ADD(&compiler->program->paths, &compiled), operand->offset);
	return 0;
}

static int compiler_operand(struct compiler *compiler, const struct operand *operand)
{
	struct value constant = { .type = VALUE_UNDEFINED };

	switch (operand->kind) {
	case OPERAND_PATH:
		return compiler_path(compiler, operand);
	case OPERAND_CALL:
		return compiler_call(compiler, operand->call, true);
	case OPERAND_STRING:
		constant = value_text(program_keep(compiler->program, operand->original));
		break;
	case OPERAND_NUMBER:
		constant = value_number(operand->number);
		break;
	case OPERAND_TRUE:
	case OPERAND_FALSE:
		constant = value_bool(operand->kind == OPERAND_TRUE);
		break;
	case OPERAND_NULL:
		constant.type = VALUE_NULL;
		break;
	case OPERAND_UNDEFINED:
		break;
	}
	compiler_emit(compiler, OP_PUSH_VALUE, PROGRAM_ADD(&compiler->program->constants, &constant),
		operand->offset);
	return 0;
}

/* --- key=value --- */

/* Index of a key among those added since `first`, or their end. */
static size_t compiler_find_key(const struct program *program, size_t first, struct slice name)
{
	size_t i = first;

	while (i < program->keys.count &&
		!slice_equal(PROGRAM_ITEM(program, keys, struct program_key, i)->name, name))
		i++;
	return i;
}

/* Handlebars builds a hash from its last pair to its first: so the members stand in that order, and a key
 * that is repeated has the place of the last and the value of the first. A literal undefined leaves no
 * member. */
static void compiler_keys(struct compiler *compiler, struct pair *const *pairs, size_t count)
{
	struct program *program = compiler->program;
	size_t first = program->keys.count, kept = first;

	for (size_t slot = count; slot-- > 0;) {
		size_t found = compiler_find_key(program, first, pairs[slot]->key);
		struct program_key key = { .slot = (uint32_t)slot };

		if (found < program->keys.count) {
			PROGRAM_ITEM(program, keys, struct program_key, found)->slot = (uint32_t)slot;
			continue;
		}
		key.name = program_keep(program, pairs[slot]->key);
		PROGRAM_ADD(&program->keys, &key);
	}
	for (size_t i = first; i < program->keys.count; i++) {
		struct program_key *key = PROGRAM_ITEM(program, keys, struct program_key, i);

		if (pairs[key->slot]->value->kind != OPERAND_UNDEFINED)
			*PROGRAM_ITEM(program, keys, struct program_key, kept++) = *key;
	}
	program->keys.count = kept;
}

static int compiler_pairs(
	struct compiler *compiler, const struct call *call, uint32_t *ret_key_first, uint32_t *ret_key_count)
{
	struct pair *pairs[COMPILER_PAIRS_MAX];
	size_t count = 0;

	if (call->pair_count > COMPILER_PAIRS_MAX)
		return source_fail(&compiler->source, call->offset, compiler->err,
			"more than %d key=value pairs", COMPILER_PAIRS_MAX);
	for (struct pair *pair = call->pairs; pair; pair = pair->next) {
		int r = compiler_operand(compiler, pair->value);

		if (r == 0 && slice_equal(pair->key, SLICE("__proto__")))
			r = source_fail(
				&compiler->source, call->offset, compiler->err, "__proto__ cannot be a key");
		if (r < 0)
			return r;
		pairs[count++] = pair;
	}
	*ret_key_first = (uint32_t)compiler->program->keys.count;
	compiler_keys(compiler, pairs, count);
	*ret_key_count = (uint32_t)compiler->program->keys.count - *ret_key_first;
	return 0;
}

/* --- calls --- */

/* Arguments and pairs of a helper or of what is none, then the instruction that takes them. */
static int compiler_arguments(
	struct compiler *compiler, const struct call *call, enum callee callee, enum helper helper)
{
	struct program_call compiled = {
		.helper = helper,
		.argument_count = (uint32_t)call->operand_count,
		.pair_count = (uint32_t)call->pair_count,
	};
	int r = 0;

	for (const struct operand *operand = call->operands; operand && r == 0; operand = operand->next)
		r = compiler_operand(compiler, operand);
	if (r == 0)
		r = compiler_pairs(compiler, call, &compiled.key_first, &compiled.key_count);
	if (r == 0 && callee == CALLEE_DATA)
		r = compiler_path(compiler, call->callee);
	if (r < 0)
		return r;
	compiled.name = program_keep(compiler->program, call->callee->original);
	compiler_emit(compiler, callee == CALLEE_DATA ? OP_CALL_DATA : OP_CALL,
		PROGRAM_ADD(&compiler->program->calls, &compiled), call->offset);
	return 0;
}

static int compiler_call(struct compiler *compiler, const struct call *call, bool parenthesised)
{
	enum helper helper;
	enum callee callee = compiler_callee(compiler, call, parenthesised, &helper);

	if (callee == CALLEE_VALUE)
		return compiler_path(compiler, call->callee);
	if ((helper == HELPER_T || helper == HELPER_DATE) && call->operand_count != 1)
		return source_fail(&compiler->source, call->offset, compiler->err,
			"{{%s}} takes exactly one value", helper_name(helper));
	if (helper == HELPER_UNCALLABLE)
		compiler_emit_fail(compiler, call->offset, "this name is reserved and cannot be called");
	else if (helper_is_block(helper))
		compiler_emit_fail(compiler, call->offset,
			"if, unless, each and with are blocks: {{#if a}} ... {{/if}}");
	return compiler_arguments(compiler, call, callee, helper);
}

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
