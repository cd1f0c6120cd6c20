/* SPDX-License-Identifier: MIT */
#include "render/syntax.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/time.h"
#include "render/arena.h"
#include "render/template.h"
#include "render/value.h"

#define EVALUATOR_CLOCK_STEPS 1024 /* steps between two readings of the clock, which cost time */

struct evaluator {
	const struct unit *units;
	const struct unit *unit; /* the unit whose statements run: for messages */
	const struct texts *texts;
	const struct template_stop *stop; /* NULL: never */
	unsigned clock_steps;
	struct buf *out; /* the page, or the lines of an indented partial, which may use the space that the
			    page has left */
	size_t size_max; /* of the page */
	struct work work;
	struct value root;
	unsigned depth, partial_depth;
	struct error *err;
};

/* Contexts for "../", innermost first. A block that keeps the current context adds no link, so the first
 * link may differ from the current context. */
struct context_link {
	struct value context;
	const struct context_link *outer;
};

struct params_link { /* block parameters, innermost first */
	bool given;  /* false: the block that declares them gives them no values, and using one is an error */
	struct value values[2];
	const struct params_link *outer;
};

struct loop_link {
	struct value key;
	double index;
	bool first, last;
	const struct loop_link *outer;
};

/* One for each block, on the C stack. */
struct scope {
	struct value context;
	const struct context_link *contexts;
	const struct params_link *params;
	const struct loop_link *loop;
};

static int evaluator_call(struct evaluator *evaluator, const struct call *call, const struct scope *scope,
	struct value *ret_value);
static int evaluator_body(struct evaluator *evaluator, const struct body *body, const struct scope *scope);

__attribute__((format(printf, 3, 4))) static int evaluator_fail(
	const struct evaluator *evaluator, size_t offset, const char *format, ...)
{
	va_list arguments;
	int r;

	va_start(arguments, format);
	r = source_vfail(&evaluator->unit->source, offset, evaluator->err, format, arguments);
	va_end(arguments);
	return r;
}

/* Turns the result of a function of value.h into a message; `what` is the message for -EBADMSG. */
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

/* Runs before every statement, operand and call: may the render go on? */
static int evaluator_step(struct evaluator *evaluator, size_t offset)
{
	const struct template_stop *stop = evaluator->stop;

	if (stop && stop->cancelled && atomic_load(stop->cancelled))
		return error_fail(
			evaluator->err, ERROR_SHUTTING_DOWN, -ECANCELED, "the worker is shutting down");
	if (stop && stop->deadline_mono_ms && evaluator->clock_steps++ % EVALUATOR_CLOCK_STEPS == 0 &&
		time_mono_ms() > stop->deadline_mono_ms)
		return error_fail(evaluator->err, ERROR_TEMPLATE, -ETIMEDOUT,
			"rendering did not end within the time limit");
	return work_spend(&evaluator->work, 1) ? 0 : evaluator_explain(evaluator, offset, -ENOMEM, "");
}

/* --- values --- */

/* @root exists everywhere, the other data variables only in loops. Beyond the outermost loop they are
 * undefined. */
static int evaluator_data(const struct evaluator *evaluator, const struct operand *operand,
	const struct scope *scope, struct value *ret_value)
{
	struct slice name = operand->path.rest->name;
	const struct loop_link *loop = scope->loop;

	for (unsigned depth = operand->path.depth; depth > 0; depth--) {
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
		return evaluator_fail(evaluator, operand->offset,
			"@_parent must be followed by a name, as in @_parent.index");
	return 0;
}

static int evaluator_path(struct evaluator *evaluator, const struct operand *operand,
	const struct scope *scope, struct value *ret_value)
{
	const struct path *path = &operand->path;
	const struct part *part = path->rest;
	const struct context_link *context = scope->contexts;
	const struct params_link *params = scope->params;
	struct value value = { .type = VALUE_UNDEFINED };
	unsigned depth = path->depth;
	int r = 0;

	switch (path->origin) {
	case PATH_CONTEXT:
		while (context && depth-- > 0)
			context = context->outer;
		if (path->depth == 0)
			value = scope->context;
		else if (context)
			value = context->context;
		break;
	case PATH_DATA:
		r = evaluator_data(evaluator, operand, scope, &value);
		part = part->next;
		break;
	case PATH_PARAM:
		while (params && depth-- > 0)
			params = params->outer;
		if (!params || !params->given)
			return evaluator_fail(evaluator, operand->offset,
				"the block that declares this block parameter gives it no value");
		if (path->param < ARRAY_SIZE(params->values))
			value = params->values[path->param];
		break;
	}
	for (; part && r == 0; part = part->next) {
		/* A data path ends at the first value that is false, and has that value: @index.x is 0 in the
		 * first round of a loop. */
		if (path->origin == PATH_DATA ? !value_is_true(value) : value_is_nothing(value))
			break;
		r = value_get(value, part->name, &evaluator->work, &value);
		if (r < 0)
			r = evaluator_explain(
				evaluator, operand->offset, r, "cannot take half of a character");
	}
	*ret_value = value;
	return r;
}

static int evaluator_operand(struct evaluator *evaluator, const struct operand *operand,
	const struct scope *scope, struct value *ret_value)
{
	int r;

	if (operand->kind == OPERAND_CALL)
		return evaluator_call(evaluator, operand->call, scope, ret_value);
	r = evaluator_step(evaluator, operand->offset);
	if (r == 0 && operand->kind == OPERAND_PATH)
		return evaluator_path(evaluator, operand, scope, ret_value);
	*ret_value = operand->value;
	return r;
}

/* The key=value pairs of a call, in the arena. A literal undefined leaves no member. */
static int evaluator_pairs(struct evaluator *evaluator, const struct call *call, const struct scope *scope,
	struct record *ret_record)
{
	struct member *members = NULL;
	size_t count = 0;

	if (call->pairs) {
		members = arena_alloc(evaluator->work.arena, call->pair_count * sizeof(*members));
		if (!members)
			return evaluator_explain(evaluator, call->offset, -ENOMEM, "");
	}
	for (const struct pair *pair = call->pairs; pair; pair = pair->next) {
		int r = evaluator_operand(evaluator, pair->value, scope, &members[count].value);

		if (r < 0)
			return r;
		members[count].name = pair->key;
		count += !pair->repeated && !(pair->value->kind == OPERAND_LITERAL &&
						    pair->value->value.type == VALUE_UNDEFINED);
	}
	*ret_record = (struct record){ members, count };
	return 0;
}

static int evaluator_call(struct evaluator *evaluator, const struct call *call, const struct scope *scope,
	struct value *ret_value)
{
	struct value arguments[HELPER_ARGUMENTS_MAX], other = { .type = VALUE_UNDEFINED };
	struct record pairs = { NULL, 0 };
	const char *reason;
	size_t count = 0;
	int r = evaluator_step(evaluator, call->offset);

	if (r < 0)
		return r;
	if (call->kind == CALL_VALUE)
		return evaluator_path(evaluator, call->callee, scope, ret_value);
	if (call->helper == HELPER_UNCALLABLE)
		return evaluator_fail(evaluator, call->offset, "this name is reserved and cannot be called");
	if (helper_is_block(call->helper))
		return evaluator_fail(evaluator, call->offset,
			"if, unless, each and with are blocks: {{#if a}} ... {{/if}}");
	for (const struct operand *operand = call->operands; operand && r == 0; operand = operand->next) {
		r = evaluator_operand(
			evaluator, operand, scope, count < HELPER_ARGUMENTS_MAX ? &arguments[count] : &other);
		count++;
	}
	if (r == 0)
		r = evaluator_pairs(evaluator, call, scope, &pairs);
	if (r < 0)
		return r;
	if (call->kind == CALL_DATA) {
		/* Data cannot be called. If there are no arguments and the value is false, the result is
		 * nothing. */
		r = evaluator_path(evaluator, call->callee, scope, &other);
		if (r == 0 && (count > 0 || value_is_true(other)))
			r = evaluator_fail(evaluator, call->offset, "there is no helper \"%.*s\"",
				(int)call->callee->original.length, call->callee->original.data);
		*ret_value = (struct value){ .type = VALUE_UNDEFINED };
		return r;
	}
	r = helper_call(
		call->helper, arguments, count, evaluator->texts, &evaluator->work, ret_value, &reason);
	if (r == -EBADMSG)
		return evaluator_fail(evaluator, call->offset, "{{%.*s}} %s",
			(int)call->callee->original.length, call->callee->original.data, reason);
	return r < 0 ? evaluator_explain(evaluator, call->offset, r, "") : 0;
}

static int evaluator_print(struct evaluator *evaluator, struct value value, bool escape, size_t offset)
{
	int r = value_print(value, escape, &evaluator->work, evaluator->out);

	return r < 0 ? evaluator_explain(evaluator, offset, r, "this object cannot be printed") : 0;
}

/* --- partials --- */

/* Makes a copy of the context with the pairs set in it, in the arena. */
static int evaluator_extend(struct evaluator *evaluator, const struct record *pairs, struct value *context)
{
	struct record *record = arena_alloc(evaluator->work.arena, sizeof(*record)), base;
	struct member *members;
	int r = record ? value_members(*context, &evaluator->work, &base) : -ENOMEM;

	if (r < 0)
		return r;
	members = arena_alloc(evaluator->work.arena, (base.count + pairs->count) * sizeof(*members));
	if (!members || !work_spend(&evaluator->work, base.count * (1 + pairs->count)))
		return -ENOMEM;
	/* In JavaScript, __proto__ would set the prototype of the new object instead of a member. */
	for (size_t i = 0; i < base.count; i++) {
		if (!slice_equal(base.members[i].name, SLICE("__proto__")))
			members[record->count++] = base.members[i];
	}
	for (size_t i = 0; i < pairs->count; i++) {
		size_t at = 0;

		while (at < record->count && !slice_equal(members[at].name, pairs->members[i].name))
			at++;
		members[at] = pairs->members[i];
		record->count += at == record->count;
	}
	record->members = members;
	*context = (struct value){ .type = VALUE_RECORD, .record = record };
	return 0;
}

/* An indented partial writes into its own buffer, which is then copied with the indentation before every
 * line. An empty last line is not indented. All buffers of nested partials together hold no more than a page.
 */
static int evaluator_partial(
	struct evaluator *evaluator, const struct statement *statement, const struct scope *caller)
{
	const struct call *call = statement->call;
	bool computed = call->callee->kind == OPERAND_CALL;
	struct slice name = call->callee->original;
	const struct unit *unit = statement->unit, *calling = evaluator->unit;
	struct context_link contexts = { .context = caller->context };
	struct scope scope = { .contexts = &contexts, .loop = caller->loop };
	struct buf *out = evaluator->out;
	CLEANUP(buf_done) struct buf lines = BUF_INIT(out->size_max - out->length);
	struct record pairs = { NULL, 0 };
	struct value value = { .type = VALUE_UNDEFINED };
	int r = 0;

	if (computed)
		r = evaluator_operand(evaluator, call->callee, caller, &value);
	if (r == 0 && call->operands)
		r = evaluator_operand(evaluator, call->operands, caller, &contexts.context);
	if (r == 0)
		r = evaluator_pairs(evaluator, call, caller, &pairs);
	if (r < 0)
		return r;
	if (call->pairs)
		r = evaluator_extend(evaluator, &pairs, &contexts.context);
	if (r == 0 && computed)
		r = value_to_text(value, &evaluator->work, &name);
	if (r < 0)
		return evaluator_explain(evaluator, statement->offset, r,
			"cannot use the name or the context of this partial");
	if (computed)
		unit = evaluator->units->next;
	while (computed && unit && !slice_equal(unit->name, name))
		unit = unit->next;
	/* A computed name is not quoted: it may come from the data of a participant. */
	if (!unit && computed)
		return evaluator_fail(
			evaluator, statement->offset, "there is no partial with the computed name");
	if (!unit)
		return evaluator_fail(evaluator, statement->offset, "there is no partial \"%.*s\"",
			(int)name.length, name.data);
	if (evaluator->partial_depth >= TEMPLATE_PARTIAL_DEPTH_MAX)
		return evaluator_fail(evaluator, statement->offset, "more than %d nested partials",
			TEMPLATE_PARTIAL_DEPTH_MAX);

	scope.context = contexts.context;
	evaluator->unit = unit;
	evaluator->partial_depth++;
	if (statement->indent.length > 0)
		evaluator->out = &lines;
	r = evaluator_body(evaluator, unit->body, &scope);
	evaluator->out = out;
	evaluator->partial_depth--;
	evaluator->unit = calling;
	for (const char *at = buf_text(&lines); *at && r == 0;) {
		size_t length = strcspn(at, "\n");

		length += at[length] == '\n';
		buf_append(out, statement->indent.data, statement->indent.length);
		buf_append(out, at, length);
		at += length;
	}
	return r;
}

/* --- blocks --- */

/* Where there is no context, Handlebars gives its helpers an empty object. */
static const struct record evaluator_no_context;

/* Runs a branch. `params`: the block parameters that the block gives it, NULL: none. */
static int evaluator_branch(struct evaluator *evaluator, const struct body *body, const struct scope *scope,
	struct value context, const struct params_link *params, const struct loop_link *loop)
{
	struct context_link context_link = { .context = context, .outer = scope->contexts };
	struct params_link params_link = { 0 };
	struct scope inner = {
		.context = context, .contexts = scope->contexts, .params = scope->params, .loop = loop
	};
	struct value outer = scope->contexts->context;
	bool none = context.type == VALUE_RECORD && context.record == &evaluator_no_context;

	if (!body)
		return 0;
	if (!value_equal(context, outer, &evaluator->work) && !(none && outer.type == VALUE_NULL))
		inner.contexts = &context_link;
	if (body->has_params) {
		if (params)
			params_link = *params;
		params_link.outer = scope->params;
		inner.params = &params_link;
	}
	return evaluator_body(evaluator, body, &inner);
}

/* Runs a branch in the context of the block itself, as helpers do. */
static int evaluator_same_context(
	struct evaluator *evaluator, const struct body *body, const struct scope *scope)
{
	struct value context = scope->context;

	if (value_is_nothing(context))
		context = (struct value){ .type = VALUE_RECORD, .record = &evaluator_no_context };
	return evaluator_branch(evaluator, body, scope, context, NULL, scope->loop);
}

/* One round for each element or member. The memory of a round is released after it. */
static int evaluator_each(struct evaluator *evaluator, const struct statement *block,
	const struct scope *scope, struct value over)
{
	const struct json *element = over.type == VALUE_ARRAY ? json_first(over.node) : NULL;
	struct loop_link loop = { .outer = scope->loop };
	struct record record = { NULL, 0 };
	size_t mark;
	int r = 0;

	if (over.type == VALUE_OBJECT || over.type == VALUE_RECORD || over.type == VALUE_HTML)
		r = value_members(over, &evaluator->work, &record);
	if (r < 0)
		return evaluator_explain(evaluator, block->offset, r, "cannot go through these members");
	if (!element && record.count == 0)
		return evaluator_same_context(evaluator, block->inverse, scope);
	mark = arena_mark(evaluator->work.arena);
	for (size_t i = 0; (element || i < record.count) && r == 0; i++) {
		struct value item = element ? value_from_json(element) : record.members[i].value;
		struct params_link params = { .given = true };

		loop.key = element ? value_number((double)i) : value_text(record.members[i].name);
		loop.index = (double)i;
		loop.first = i == 0;
		element = json_next(element);
		loop.last = !element && i + 1 >= record.count;
		params.values[0] = item;
		params.values[1] = loop.key;
		r = value_spend(item, &evaluator->work);
		if (r < 0)
			return evaluator_explain(evaluator, block->offset, r, "");
		r = evaluator_branch(evaluator, block->body, scope, item, &params, &loop);
		arena_release(evaluator->work.arena, mark);
	}
	return r;
}

/* {{#name}}: true keeps the context, and an array is a loop. Any other value becomes the context, even 0 and
 * "", but not false, null or a missing value. */
static int evaluator_section(struct evaluator *evaluator, const struct statement *block,
	const struct scope *scope, struct value value)
{
	struct params_link none = { .given = scope->params == NULL };

	if (value.type == VALUE_BOOL || value_is_nothing(value) ||
		(value.type == VALUE_ARRAY && !json_first(value.node)))
		return evaluator_branch(evaluator,
			value.type == VALUE_BOOL && value.boolean ? block->body : block->inverse, scope,
			scope->context, NULL, scope->loop);
	if (value.type == VALUE_ARRAY)
		return evaluator_each(evaluator, block, scope, value);
	return evaluator_branch(evaluator, block->body, scope, value, &none, scope->loop);
}

static int evaluator_block(
	struct evaluator *evaluator, const struct statement *block, const struct scope *scope)
{
	const struct call *call = block->call;
	struct params_link params = { .given = true };
	struct record pairs = { NULL, 0 };
	struct value value = { .type = VALUE_UNDEFINED };
	bool holds;
	int r;

	if (!helper_is_block(call->helper)) {
		r = evaluator_call(evaluator, call, scope, &value);
		if (r < 0)
			return r;
		if (call->kind == CALL_VALUE)
			return evaluator_section(evaluator, block, scope, value);
		/* A function used as a block ignores its content. */
		return evaluator_print(evaluator, value, false, block->offset);
	}
	if (call->operand_count != 1)
		return evaluator_fail(evaluator, block->offset,
			"{{#if}}, {{#unless}}, {{#each}} and {{#with}} take exactly one value");
	r = evaluator_operand(evaluator, call->operands, scope, &value);
	if (r == 0)
		r = evaluator_pairs(evaluator, call, scope, &pairs);
	if (r < 0)
		return r;
	if (call->helper == HELPER_EACH)
		return evaluator_each(evaluator, block, scope, value);
	if (call->helper == HELPER_WITH) {
		params.values[0] = value;
		if (value_is_empty(value))
			return evaluator_same_context(evaluator, block->inverse, scope);
		return evaluator_branch(evaluator, block->body, scope, value, &params, scope->loop);
	}
	holds = value_is_true(value);
	for (size_t i = 0; i < pairs.count && !holds; i++)
		holds = slice_equal(pairs.members[i].name, SLICE("includeZero")) &&
			value_is_true(pairs.members[i].value);
	holds = holds && !value_is_empty(value);
	return evaluator_same_context(
		evaluator, holds == (call->helper == HELPER_IF) ? block->body : block->inverse, scope);
}

/* --- statements --- */

static int evaluator_body(struct evaluator *evaluator, const struct body *body, const struct scope *scope)
{
	const struct statement *statement = body->first;
	size_t mark = arena_mark(evaluator->work.arena);
	struct value value = { .type = VALUE_UNDEFINED };
	int r = 0;

	if (++evaluator->depth > EVALUATOR_DEPTH_MAX && statement) {
		const struct operand *operand = statement->call ? statement->call->operands : NULL;

		return evaluator_fail(evaluator, operand ? operand->offset : statement->offset,
			"more than %d nested blocks and partials", EVALUATOR_DEPTH_MAX);
	}
	for (; statement && r == 0; statement = statement->next) {
		r = evaluator_step(evaluator, statement->offset);
		if (r < 0)
			return r;
		switch (statement->kind) {
		case STATEMENT_CONTENT:
			buf_append(evaluator->out, statement->value.data, statement->value.length);
			break;
		case STATEMENT_COMMENT:
			break;
		case STATEMENT_MUSTACHE:
			r = evaluator_call(evaluator, statement->call, scope, &value);
			if (r == 0)
				r = evaluator_print(evaluator, value, !statement->raw, statement->offset);
			break;
		case STATEMENT_BLOCK:
			r = evaluator_block(evaluator, statement, scope);
			break;
		case STATEMENT_PARTIAL:
			r = evaluator_partial(evaluator, statement, scope);
			break;
		}
		if (r == 0 && buf_overflowed(evaluator->out))
			r = evaluator_fail(evaluator, statement->offset, "the page is larger than %zu bytes",
				evaluator->size_max);
		arena_release(evaluator->work.arena, mark);
	}
	evaluator->depth--;
	return r;
}

int evaluator_run(const struct unit *units, const struct json *data, const struct texts *texts,
	const struct template_stop *stop, struct buf *out, struct error *err)
{
	CLEANUP(arena_done) struct arena arena = { .size_max = EVALUATOR_MEMORY_MAX };
	struct evaluator evaluator = {
		.units = units,
		.unit = units,
		.texts = texts,
		.stop = stop,
		.out = out,
		.size_max = out->size_max,
		.work = { .steps_left = TEMPLATE_STEPS_MAX, .arena = &arena },
		.root = value_from_json(data),
		.err = err,
	};
	struct context_link contexts = { .context = evaluator.root };
	struct scope scope = { .context = evaluator.root, .contexts = &contexts };

	return evaluator_body(&evaluator, units->body, &scope);
}
