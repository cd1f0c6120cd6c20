/* SPDX-License-Identifier: MIT */
#include "render/evaluator.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/time.h"
#include "render/program.h"
#include "render/template.h"
#include "render/value.h"

#define EVALUATOR_SENTENCE_MAX 512
#define EVALUATOR_CLOCK_STEPS 1024 /* instructions between two looks at the clock, which cost more */
#define EVALUATOR_STACK_FIRST 16   /* values; few expressions have more arguments at a time */

struct evaluator {
	const struct program *program;
	const struct texts *texts;
	const struct template_stop *stop; /* NULL: never */
	unsigned clock_steps;
	struct buf *out; /* the page, or the lines of an indented partial, which has the room that is left */
	size_t size_max; /* of the page */
	struct work work;
	struct value root;
	struct value *stack; /* owned */
	size_t stack_count, stack_capacity;
	uint32_t unit; /* whose instructions run: for messages */
	unsigned depth, partial_depth;
	struct error *err;
};

/* Contexts for "../", innermost first. A block over the context that it has already adds none, so the first
 * of them may differ from the present context. */
struct context_link {
	struct value context;
	const struct context_link *outer;
};

struct params_link { /* block parameters, innermost first */
	bool given;  /* no: the block that declares them gives none, using one is an error */
	struct value values[2];
	const struct params_link *outer;
};

struct loop_link {
	struct value key;
	double index;
	bool first, last;
	const struct loop_link *outer;
};

struct scope {
	struct value context;
	const struct context_link *contexts;
	const struct params_link *params;
	const struct loop_link *loop;
};

static int evaluator_range(
	struct evaluator *evaluator, uint32_t start, uint32_t end, const struct scope *scope);

__attribute__((format(printf, 3, 4))) static int evaluator_fail(
	const struct evaluator *evaluator, size_t offset, const char *format, ...)
{
	const struct program_unit *unit =
		PROGRAM_ITEM(evaluator->program, units, struct program_unit, evaluator->unit);
	char sentence[EVALUATOR_SENTENCE_MAX];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(sentence, sizeof(sentence), format, arguments);
	va_end(arguments);
	return source_fail(&unit->source, offset, evaluator->err, "%s", sentence);
}

/* Turns what a function of value.h returned into a message; `what` for -EBADMSG. */
static int evaluator_explain(const struct evaluator *evaluator, size_t offset, int r, const char *what)
{
	if (r == -EBADMSG)
		return evaluator_fail(evaluator, offset, "%s", what);
	if (evaluator->work.steps_left == 0)
		return evaluator_fail(
			evaluator, offset, "rendering takes more than %d steps", TEMPLATE_STEPS_MAX);
	return evaluator_fail(
		evaluator, offset, "rendering takes more than %d bytes of memory", EVALUATOR_MEMORY_MAX);
}

/* --- values --- */

static void evaluator_push(struct evaluator *evaluator, struct value value)
{
	if (evaluator->stack_count == evaluator->stack_capacity) {
		evaluator->stack_capacity *= 2;
		evaluator->stack =
			mem_resize(evaluator->stack, evaluator->stack_capacity, sizeof(*evaluator->stack));
	}
	evaluator->stack[evaluator->stack_count++] = value;
}

static struct value evaluator_pop(struct evaluator *evaluator)
{
	return evaluator->stack[--evaluator->stack_count];
}

static struct value evaluator_context(const struct scope *scope, uint32_t depth)
{
	const struct context_link *link = scope->contexts;

	if (depth == 0)
		return scope->context;
	while (link && depth-- > 0)
		link = link->outer;
	return link ? link->context : (struct value){ .type = VALUE_UNDEFINED };
}

/* @root stands in every frame, the rest in those of loops. Beyond the outermost frame there is nothing. */
static int evaluator_data(const struct evaluator *evaluator, const struct program_path *path, size_t offset,
	const struct scope *scope, struct value *ret_value)
{
	struct slice name = *PROGRAM_ITEM(evaluator->program, parts, struct slice, path->part_first);
	const struct loop_link *loop = scope->loop;

	for (uint32_t depth = path->depth; depth > 0; depth--) {
		if (!loop)
			return 0;
		loop = loop->outer;
	}
	if (slice_equal(name, SLICE("root")))
		*ret_value = evaluator->root;
	else if (loop && slice_equal(name, SLICE("index")))
		*ret_value = value_number(loop->index);
	else if (loop && slice_equal(name, SLICE("key")))
		*ret_value = loop->key;
	else if (loop && slice_equal(name, SLICE("first")))
		*ret_value = value_bool(loop->first);
	else if (loop && slice_equal(name, SLICE("last")))
		*ret_value = value_bool(loop->last);
	else if (loop && slice_equal(name, SLICE("_parent")))
		return evaluator_fail(
			evaluator, offset, "@_parent can only be followed by a name, as in @_parent.index");
	return 0;
}

static int evaluator_param(struct evaluator *evaluator, const struct program_path *path, size_t offset,
	const struct scope *scope, struct value *ret_value)
{
	const struct params_link *params = scope->params;

	for (uint32_t i = 0; params && i < path->depth; i++)
		params = params->outer;
	if (!params || !params->given)
		return evaluator_fail(
			evaluator, offset, "the block that declares this block parameter does not give it");
	if (path->param < ARRAY_SIZE(params->values))
		*ret_value = params->values[path->param];
	return 0;
}

static int evaluator_path(struct evaluator *evaluator, const struct program_path *path, size_t offset,
	const struct scope *scope)
{
	const struct slice *parts = PROGRAM_ITEM(evaluator->program, parts, struct slice, path->part_first);
	struct value value = { .type = VALUE_UNDEFINED };
	uint32_t part = 0;
	int r = 0;

	switch (path->origin) {
	case PATH_CONTEXT:
		value = evaluator_context(scope, path->depth);
		break;
	case PATH_DATA:
		r = evaluator_data(evaluator, path, offset, scope, &value);
		part++;
		break;
	case PATH_PARAM:
		r = evaluator_param(evaluator, path, offset, scope, &value);
		break;
	}
	for (; part < path->part_count && r == 0; part++) {
		/* Data paths end at anything false, which is the value then: @index.x is 0 in the first
		 * round. */
		if (path->origin == PATH_DATA ? !value_is_true(value) : value_is_nothing(value))
			break;
		r = value_get(value, parts[part], &evaluator->work, &value);
		if (r < 0)
			r = evaluator_explain(evaluator, offset, r, "half of a character cannot be taken");
	}
	if (r < 0)
		return r;
	evaluator_push(evaluator, value);
	return 0;
}

/* --- calls --- */

static int evaluator_call(struct evaluator *evaluator, const struct program_call *call, size_t offset)
{
	struct value result;
	const char *reason;
	int r;

	evaluator->stack_count -= call->argument_count + call->pair_count;
	r = helper_call(call->helper, evaluator->stack + evaluator->stack_count, call->argument_count,
		evaluator->texts, &evaluator->work, &result, &reason);
	if (r == -EBADMSG)
		return evaluator_fail(
			evaluator, offset, "{{%.*s}} %s", (int)call->name.length, call->name.data, reason);
	if (r < 0)
		return evaluator_explain(evaluator, offset, r, "");
	evaluator_push(evaluator, result);
	return 0;
}

/* Data cannot be called. Only without arguments and without a value it is silently nothing. */
static int evaluator_call_data(struct evaluator *evaluator, const struct program_call *call, size_t offset)
{
	struct value value = evaluator_pop(evaluator);

	evaluator->stack_count -= call->argument_count + call->pair_count;
	if (call->argument_count > 0 || value_is_true(value))
		return evaluator_fail(evaluator, offset, "there is no helper \"%.*s\"",
			(int)call->name.length, call->name.data);
	evaluator_push(evaluator, (struct value){ .type = VALUE_UNDEFINED });
	return 0;
}

static int evaluator_print(struct evaluator *evaluator, bool escape, size_t offset)
{
	int r = value_print(evaluator_pop(evaluator), escape, &evaluator->work, evaluator->out);

	return r < 0 ? evaluator_explain(evaluator, offset, r, "this object cannot be printed") : 0;
}

/* --- partials --- */

/* The context with the pairs set in it, in the arena. */
static int evaluator_extend(struct evaluator *evaluator, const struct program_partial *partial,
	const struct value *pairs, struct value *context)
{
	struct record *record = arena_alloc(evaluator->work.arena, sizeof(*record)), base;
	struct member *members;
	int r = record ? value_members(*context, &evaluator->work, &base) : -ENOMEM;

	if (r < 0)
		return r;
	members = arena_alloc(evaluator->work.arena, (base.count + partial->key_count) * sizeof(*members));
	if (!members || !work_spend(&evaluator->work, base.count * (1 + partial->key_count)))
		return -ENOMEM;
	/* A member __proto__ would set the prototype of the new object and be none of its members. */
	for (size_t i = 0; i < base.count; i++) {
		if (!slice_equal(base.members[i].name, SLICE("__proto__")))
			members[record->count++] = base.members[i];
	}
	for (uint32_t i = 0; i < partial->key_count; i++) {
		const struct program_key *key =
			PROGRAM_ITEM(evaluator->program, keys, struct program_key, partial->key_first + i);
		size_t at = 0;

		while (at < record->count && !slice_equal(members[at].name, key->name))
			at++;
		members[at] = (struct member){ key->name, pairs[key->slot] };
		if (at == record->count)
			record->count++;
	}
	record->members = members;
	*context = (struct value){ .type = VALUE_RECORD, .record = record };
	return 0;
}

/* Runs a partial into a buffer of its own and copies it with the indentation before every line. A last line
 * that is empty is none. All buffers of partials inside one another together hold no more than a page. */
static int evaluator_indented(struct evaluator *evaluator, const struct program_unit *unit,
	struct slice indent, const struct scope *scope)
{
	struct buf *out = evaluator->out;
	CLEANUP(buf_done) struct buf lines = BUF_INIT(out->size_max - out->length);
	const char *at;
	int r;

	evaluator->out = &lines;
	r = evaluator_range(evaluator, unit->start, unit->end, scope);
	evaluator->out = out;
	for (at = buf_text(&lines); *at && r == 0;) {
		size_t length = strcspn(at, "\n");

		length += at[length] == '\n';
		buf_append(out, indent.data, indent.length);
		buf_append(out, at, length);
		at += length;
	}
	return r;
}

static int evaluator_unit(struct evaluator *evaluator, uint32_t index, const struct program_partial *partial,
	struct value context, const struct scope *caller)
{
	const struct program_unit *unit = PROGRAM_ITEM(evaluator->program, units, struct program_unit, index);
	struct context_link contexts = { .context = context };
	struct scope scope = { .context = context, .contexts = &contexts, .loop = caller->loop };
	uint32_t calling = evaluator->unit;
	int r;

	evaluator->unit = index;
	evaluator->partial_depth++;
	if (partial->indent.length > 0)
		r = evaluator_indented(evaluator, unit, partial->indent, &scope);
	else
		r = evaluator_range(evaluator, unit->start, unit->end, &scope);
	evaluator->partial_depth--;
	evaluator->unit = calling;
	return r;
}

static int evaluator_partial(struct evaluator *evaluator, const struct program_partial *partial,
	size_t offset, const struct scope *caller)
{
	struct value context;
	struct slice name = partial->name;
	uint32_t index = partial->unit;
	int r = 0;

	evaluator->stack_count -= partial->pair_count;
	context = evaluator_pop(evaluator);
	if (partial->pair_count > 0)
		r = evaluator_extend(
			evaluator, partial, evaluator->stack + evaluator->stack_count + 1, &context);
	if (r == 0 && partial->dynamic)
		r = value_to_text(evaluator_pop(evaluator), &evaluator->work, &name);
	if (r < 0)
		return evaluator_explain(
			evaluator, offset, r, "the name or the context of this partial cannot be used");
	if (partial->dynamic)
		index = program_find_unit(evaluator->program, name);
	/* A name that was computed may come from the data: of a participant, for example. */
	if (index == PROGRAM_NONE && partial->dynamic)
		return evaluator_fail(evaluator, offset, "there is no partial of the name that was computed");
	if (index == PROGRAM_NONE)
		return evaluator_fail(
			evaluator, offset, "there is no partial \"%.*s\"", (int)name.length, name.data);
	if (evaluator->partial_depth >= TEMPLATE_PARTIAL_DEPTH_MAX)
		return evaluator_fail(evaluator, offset, "more than %d partials inside one another",
			TEMPLATE_PARTIAL_DEPTH_MAX);
	return evaluator_unit(evaluator, index, partial, context, caller);
}

/* --- blocks --- */

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

static int evaluator_block(struct evaluator *evaluator, const struct program_block *block, size_t offset,
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

/* --- instructions --- */

static int evaluator_step(
	struct evaluator *evaluator, const struct instruction *instruction, const struct scope *scope)
{
	const struct program *program = evaluator->program;
	uint32_t operand = instruction->operand;
	const struct slice *text;

	switch (instruction->op) {
	case OP_TEXT:
		text = PROGRAM_ITEM(program, texts, struct slice, operand);
		buf_append(evaluator->out, text->data, text->length);
		return 0;
	case OP_PUSH_PATH:
		return evaluator_path(evaluator, PROGRAM_ITEM(program, paths, struct program_path, operand),
			instruction->offset, scope);
	case OP_PUSH_VALUE:
		evaluator_push(evaluator, *PROGRAM_ITEM(program, constants, struct value, operand));
		return 0;
	case OP_CALL:
		return evaluator_call(evaluator, PROGRAM_ITEM(program, calls, struct program_call, operand),
			instruction->offset);
	case OP_CALL_DATA:
		return evaluator_call_data(evaluator,
			PROGRAM_ITEM(program, calls, struct program_call, operand), instruction->offset);
	case OP_PRINT:
	case OP_PRINT_RAW:
		return evaluator_print(evaluator, instruction->op == OP_PRINT, instruction->offset);
	case OP_BLOCK:
		return evaluator_block(evaluator,
			PROGRAM_ITEM(program, blocks, struct program_block, operand), instruction->offset,
			scope);
	case OP_PARTIAL:
		return evaluator_partial(evaluator,
			PROGRAM_ITEM(program, partials, struct program_partial, operand), instruction->offset,
			scope);
	case OP_FAIL:
		break;
	}
	text = PROGRAM_ITEM(program, texts, struct slice, operand);
	return evaluator_fail(evaluator, instruction->offset, "%.*s", (int)text->length, text->data);
}

static int evaluator_check_stop(struct evaluator *evaluator)
{
	const struct template_stop *stop = evaluator->stop;

	if (!stop)
		return 0;
	if (stop->cancelled && atomic_load(stop->cancelled))
		return error_fail(
			evaluator->err, ERROR_SHUTTING_DOWN, -ECANCELED, "the worker is shutting down");
	if (stop->deadline_mono_ms && evaluator->clock_steps++ % EVALUATOR_CLOCK_STEPS == 0 &&
		time_mono_ms() > stop->deadline_mono_ms)
		return error_fail(evaluator->err, ERROR_TEMPLATE, -ETIMEDOUT,
			"rendering did not end within the time limit");
	return 0;
}

static int evaluator_range(
	struct evaluator *evaluator, uint32_t start, uint32_t end, const struct scope *scope)
{
	size_t mark = arena_mark(evaluator->work.arena);
	uint32_t at = start;
	int r = 0;

	if (++evaluator->depth > EVALUATOR_DEPTH_MAX && at < end)
		return evaluator_fail(evaluator,
			PROGRAM_ITEM(evaluator->program, instructions, struct instruction, at)->offset,
			"more than %d blocks and partials inside one another", EVALUATOR_DEPTH_MAX);
	while (at < end && r == 0) {
		const struct instruction *instruction =
			PROGRAM_ITEM(evaluator->program, instructions, struct instruction, at);

		r = evaluator_check_stop(evaluator);
		if (r == 0)
			r = work_spend(&evaluator->work, 1)
				    ? evaluator_step(evaluator, instruction, scope)
				    : evaluator_explain(evaluator, instruction->offset, -ENOMEM, "");
		if (r == 0 && buf_overflowed(evaluator->out))
			r = evaluator_fail(evaluator, instruction->offset,
				"the page becomes larger than %zu bytes", evaluator->size_max);
		at++;
		if (instruction->op == OP_BLOCK)
			at = PROGRAM_ITEM(
				evaluator->program, blocks, struct program_block, instruction->operand)
				     ->inverse.end;
		if (instruction->op >= OP_PRINT)
			arena_release(evaluator->work.arena, mark); /* a statement has ended */
	}
	evaluator->depth--;
	return r;
}

int evaluator_run(const struct program *program, const struct json *data, const struct texts *texts,
	const struct template_stop *stop, struct buf *out, struct error *err)
{
	CLEANUP(arena_done) struct arena arena = ARENA_INIT(EVALUATOR_MEMORY_MAX);
	struct evaluator evaluator = {
		.program = program,
		.texts = texts,
		.stop = stop,
		.out = out,
		.size_max = out->size_max,
		.work = { .steps_left = TEMPLATE_STEPS_MAX, .arena = &arena },
		.root = value_from_json(data),
		.stack = mem_alloc(EVALUATOR_STACK_FIRST * sizeof(struct value)),
		.stack_capacity = EVALUATOR_STACK_FIRST,
		.err = err,
	};
	struct context_link contexts = { .context = evaluator.root };
	struct scope scope = { .context = evaluator.root, .contexts = &contexts };
	const struct program_unit *unit = PROGRAM_ITEM(program, units, struct program_unit, 0);
	int r = evaluator_range(&evaluator, unit->start, unit->end, &scope);

	free(evaluator.stack);
	return r;
}
