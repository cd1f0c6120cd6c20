/* SPDX-License-Identifier: MIT */
#include "render/compiler-state.h"

#define COMPILER_PAIRS_MAX 100 /* people write below 10; each is compared with each */

void compiler_emit(struct compiler *compiler, enum opcode op, uint32_t operand, size_t offset)
{
	struct instruction instruction = { .op = op, .operand = operand, .offset = (uint32_t)offset };

	PROGRAM_ADD(&compiler->program->instructions, &instruction);
}

void compiler_emit_fail(struct compiler *compiler, size_t offset, const char *sentence)
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

enum callee compiler_callee(
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

int compiler_operand(struct compiler *compiler, const struct operand *operand)
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

int compiler_pairs(
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

int compiler_call(struct compiler *compiler, const struct call *call, bool parenthesised)
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
