/* SPDX-License-Identifier: MIT */
#include "render/evaluator-state.h"

#include <errno.h>

#include "base/json.h"

/* What helpers of Handlebars get as context where there is none: an empty object. */
static const struct record evaluator_no_context;

static bool evaluator_is_no_context(struct value value)
{
	return value.type == VALUE_RECORD && value.record == &evaluator_no_context;
}

/* Runs a branch. `params` are those that the block gives it, NULL: none. */
static int evaluator_branch(struct evaluator *evaluator, const struct program_branch *branch,
	const struct scope *scope, struct value context, const struct params_link *params,
	const struct loop_link *loop)
{
	struct context_link context_link = { .context = context, .outer = scope->contexts };
	struct params_link params_link = { .outer = scope->params };
	struct scope inner = {
		.context = context, .contexts = scope->contexts, .params = scope->params, .loop = loop
	};
	struct value outer = scope->contexts->context;

	if (!value_equal(context, outer, &evaluator->work) &&
		!(evaluator_is_no_context(context) && outer.type == VALUE_NULL))
		inner.contexts = &context_link;
	if (params) {
		params_link = *params;
		params_link.outer = scope->params;
	}
	if (branch->has_params)
		inner.params = &params_link;
	return evaluator_range(evaluator, branch->start, branch->end, &inner);
}

/* Runs a branch in the context that the block itself has, as helpers do it. */
static int evaluator_same_context(
	struct evaluator *evaluator, const struct program_branch *branch, const struct scope *scope)
{
	struct value context = scope->context;

	if (value_is_nothing(context))
		context = (struct value){ .type = VALUE_RECORD, .record = &evaluator_no_context };
	return evaluator_branch(evaluator, branch, scope, context, NULL, scope->loop);
}

/* One round of a loop. What it allocates is given back. */
static int evaluator_round(struct evaluator *evaluator, const struct program_block *block, size_t offset,
	const struct scope *scope, struct value element, const struct loop_link *loop)
{
	struct params_link params = { .given = true, .values = { element, loop->key } };
	size_t mark = arena_mark(evaluator->work.arena);
	int r = value_spend(element, &evaluator->work);

	if (r < 0)
		return evaluator_explain(evaluator, offset, r, "");
	r = evaluator_branch(evaluator, &block->body, scope, element, &params, loop);

	arena_release(evaluator->work.arena, mark);
	return r;
}

static int evaluator_each_element(struct evaluator *evaluator, const struct program_block *block,
	size_t offset, const struct scope *scope, const struct json *array)
{
	struct loop_link loop = { .first = true, .outer = scope->loop };
	int r = 0;

	JSON_FOREACH (element, array) {
		loop.key = value_number(loop.index);
		loop.last = json_next(element) == NULL;
		r = evaluator_round(evaluator, block, offset, scope, value_from_json(element), &loop);
		if (r < 0)
			break;
		loop.first = false;
		loop.index++;
	}
	return r;
}

static int evaluator_each_member(struct evaluator *evaluator, const struct program_block *block,
	size_t offset, const struct scope *scope, const struct record *record)
{
	struct loop_link loop = { .first = true, .outer = scope->loop };
	int r = 0;

	for (size_t i = 0; i < record->count && r == 0; i++) {
		loop.key = value_text(record->members[i].name);
		loop.index = (double)i;
		loop.first = i == 0;
		loop.last = i + 1 == record->count;
		r = evaluator_round(evaluator, block, offset, scope, record->members[i].value, &loop);
	}
	return r;
}

static int evaluator_each(struct evaluator *evaluator, const struct program_block *block, size_t offset,
	const struct scope *scope, struct value over)
{
	struct record record = { NULL, 0 };
	int r = 0;

	if (over.type == VALUE_ARRAY && json_first(over.node))
		return evaluator_each_element(evaluator, block, offset, scope, over.node);
	if (over.type == VALUE_OBJECT || over.type == VALUE_RECORD || over.type == VALUE_HTML)
		r = value_members(over, &evaluator->work, &record);
	if (r < 0)
		return evaluator_explain(evaluator, offset, r, "cannot go through these members");
	if (record.count == 0)
		return evaluator_same_context(evaluator, &block->inverse, scope);
	return evaluator_each_member(evaluator, block, offset, scope, &record);
}

/* {{#name}}: true keeps the context, an array is a loop, everything else but false, null and missing becomes
 * the context, 0 and "" included. */
static int evaluator_section(struct evaluator *evaluator, const struct program_block *block, size_t offset,
	const struct scope *scope, struct value value)
{
	struct params_link none = { .given = scope->params == NULL };

	if (value.type == VALUE_BOOL && value.boolean)
		return evaluator_branch(evaluator, &block->body, scope, scope->context, NULL, scope->loop);
	if (value_is_nothing(value) || value.type == VALUE_BOOL ||
		(value.type == VALUE_ARRAY && !json_first(value.node)))
		return evaluator_branch(evaluator, &block->inverse, scope, scope->context, NULL, scope->loop);
	if (value.type == VALUE_ARRAY)
		return evaluator_each(evaluator, block, offset, scope, value);
	return evaluator_branch(evaluator, &block->body, scope, value, &none, scope->loop);
}

static bool evaluator_condition(
	const struct program_block *block, struct value value, const struct value *pairs)
{
	bool include_zero = block->include_zero != PROGRAM_NONE && value_is_true(pairs[block->include_zero]);

	return !value_is_empty(value) && (include_zero || value_is_true(value));
}

int evaluator_block(struct evaluator *evaluator, const struct program_block *block, size_t offset,
	const struct scope *scope)
{
	const struct value *pairs = evaluator->stack + evaluator->stack_count - block->pair_count;
	struct value value = pairs[-1];
	struct params_link params = { .given = true, .values = { value } };
	bool condition = evaluator_condition(block, value, pairs);

	evaluator->stack_count -= block->pair_count + 1;
	switch (block->kind) {
	case BLOCK_IF:
		return evaluator_same_context(evaluator, condition ? &block->body : &block->inverse, scope);
	case BLOCK_UNLESS:
		return evaluator_same_context(evaluator, condition ? &block->inverse : &block->body, scope);
	case BLOCK_EACH:
		return evaluator_each(evaluator, block, offset, scope, value);
	case BLOCK_WITH:
		if (value_is_empty(value))
			return evaluator_same_context(evaluator, &block->inverse, scope);
		return evaluator_branch(evaluator, &block->body, scope, value, &params, scope->loop);
	case BLOCK_SECTION:
		break;
	}
	return evaluator_section(evaluator, block, offset, scope, value);
}
