/* SPDX-License-Identifier: MIT */
#include "render/syntax.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "render/arena.h"
#include "render/lexer.h"
#include "render/number.h"
#include "render/template.h"

#define PARSER_NUMBER_MAX 400 /* digits; more do not change a double */
#define PARSER_PAIRS_MAX 100  /* people write fewer than 10; each is compared with all others */
#define PARSER_PARAMS_MAX 16  /* block parameters; no block sets more than two */

struct params { /* block parameters in scope, innermost first */
	struct slice names[PARSER_PARAMS_MAX];
	unsigned count;
	const struct params *outer;
};

/* After the first error the next token is always the end of the template, and further errors are dropped. So
 * every function runs to its end, and its caller need not check for errors. */
struct parser {
	const struct source *source;
	struct arena *arena;
	struct lexer lexer;
	struct token token; /* the next token */
	unsigned nesting;   /* blocks and parentheses around it */
	const struct params *params;
	struct statement **partial_end;
	int result;
	struct error *err;
};

static void parser_call(struct parser *parser, struct call *call, bool parenthesised);
static struct body *parser_body(struct parser *parser);

__attribute__((format(printf, 3, 4))) static void parser_fail(
	struct parser *parser, size_t offset, const char *format, ...)
{
	va_list arguments;

	if (parser->result < 0)
		return;
	va_start(arguments, format);
	parser->result = source_vfail(parser->source, offset, parser->err, format, arguments);
	va_end(arguments);
	parser->token = (struct token){ .type = TOKEN_END };
}

static void parser_advance(struct parser *parser)
{
	if (parser->result < 0)
		return;
	parser->token = lexer_next(&parser->lexer);
	if (parser->token.problem)
		parser_fail(parser, parser->token.offset, "%s", parser->token.problem);
}

static void parser_unexpected(struct parser *parser, const char *expected)
{
	const struct token *token = &parser->token;

	if (token->type == TOKEN_END)
		parser_fail(parser, token->offset, "expected %s, found the end of the template", expected);
	else
		parser_fail(parser, token->offset, "expected %s, found \"%.*s\"", expected,
			(int)token->text.length, token->text.data);
}

static void parser_expect(struct parser *parser, enum token_type type, const char *expected)
{
	if (parser->token.type == type)
		parser_advance(parser);
	else
		parser_unexpected(parser, expected);
}

/* Call it before every recursion, and decrement `nesting` afterwards. */
static void parser_enter(struct parser *parser)
{
	if (++parser->nesting > TEMPLATE_NESTING_MAX)
		parser_fail(parser, parser->token.offset, "more than %d nested blocks or parentheses",
			TEMPLATE_NESTING_MAX);
}

/* --- between the braces --- */

/* Returns a name without its brackets. Handlebars keeps them around a name that contains a line break. */
static struct slice parser_name(struct slice text)
{
	if (text.length < 2 || text.data[0] != '[' || text.data[text.length - 1] != ']' ||
		memchr(text.data, '\n', text.length) || memchr(text.data, '\r', text.length) ||
		memmem(text.data, text.length, "\xe2\x80\xa8", 3) ||
		memmem(text.data, text.length, "\xe2\x80\xa9", 3))
		return text;
	return (struct slice){ text.data + 1, text.length - 2 };
}

/* Does it begin with ".", or contain "this" at the end of a word? */
static bool parser_is_scoped(struct slice original)
{
	if (original.length > 0 && original.data[0] == '.')
		return true;
	for (size_t i = 0; i + 4 <= original.length; i++) {
		if (memcmp(original.data + i, "this", 4) == 0 &&
			(i + 4 == original.length || !lexer_is_word(original.data[i + 4])))
			return true;
	}
	return false;
}

/* Decides where a path begins, after the whole path has been read. */
static void parser_resolve(struct parser *parser, struct operand *operand)
{
	struct path *path = &operand->path;
	const struct params *params = parser->params;

	path->scoped = parser_is_scoped(operand->original);
	path->rest = path->parts;
	if (path->depth > 0 || path->scoped || !path->parts)
		params = NULL;
	for (unsigned depth = 0; params; params = params->outer, depth++) {
		for (unsigned i = 0; i < params->count; i++) {
			if (!slice_equal(params->names[i], path->parts->name))
				continue;
			path->origin = PATH_PARAM;
			path->depth = depth;
			path->param = i;
			path->rest = path->parts->next;
			return;
		}
	}
	if (!path->parts || path->parts->name.length == 0) {
		path->origin = PATH_CONTEXT; /* the context itself, even as {{@.}} or {{[].x}} */
		path->rest = NULL;
	} else if (path->origin == PATH_DATA) {
		if (slice_equal(path->parts->name, SLICE("partial-block")))
			parser_fail(parser, operand->offset, "@partial-block is not supported");
		/* {{@_parent.index}} is {{@../index}}. */
		for (; path->rest->next && slice_equal(path->rest->name, SLICE("_parent"));
			path->rest = path->rest->next)
			path->depth++;
	}
}

static void parser_path(struct parser *parser, struct operand *operand)
{
	CLEANUP(buf_done) struct buf original = BUF_INIT(TEMPLATE_SIZE_MAX);
	struct path *path = &operand->path;
	struct part **end = &path->parts;

	if (parser->token.type == TOKEN_DATA) {
		path->origin = PATH_DATA;
		buf_append_char(&original, '@');
		parser_advance(parser);
	}
	for (;;) {
		struct slice text = parser->token.text, name = parser_name(text);
		bool up = slice_equal(text, SLICE("..")),
		     here = slice_equal(text, SLICE(".")) || slice_equal(text, SLICE("this"));

		if (parser->token.type != TOKEN_ID) {
			parser_unexpected(parser, "a name");
			break;
		}
		buf_append(&original, name.data, name.length);
		if (!up && !here) {
			*end = arena_alloc(parser->arena, sizeof(**end));
			(*end)->name = name;
			end = &(*end)->next;
		} else if (path->parts) {
			parser_fail(parser, operand->offset,
				"invalid path: %s; %.*s is allowed only at the beginning",
				buf_text(&original), (int)name.length, name.data);
		}
		path->depth += up;
		parser_advance(parser);
		if (parser->token.type != TOKEN_SEPARATOR)
			break;
		buf_append(&original, parser->token.text.data, parser->token.text.length);
		parser_advance(parser);
	}
	arena_copy(parser->arena, (struct slice){ original.data, original.length }, &operand->original);
	parser_resolve(parser, operand);
}

/* Parses a string, number, boolean, null or undefined. As the callee it is a key: {{12}}, {{true}}, {{"x
 * y"}}. */
static void parser_literal(struct parser *parser, struct operand *operand)
{
	struct slice text = parser->token.text;
	char form[NUMBER_TEXT_SIZE];

	operand->kind = OPERAND_LITERAL;
	operand->original = text;
	switch ((int)parser->token.type) {
	case TOKEN_STRING:
		operand->value = value_text(text);
		break;
	case TOKEN_NUMBER:
		if (text.length > PARSER_NUMBER_MAX) {
			parser_fail(parser, operand->offset, "this number has more than %d digits",
				PARSER_NUMBER_MAX);
			return;
		}
		operand->value = value_number(strtod(text.data, NULL)); /* no digit follows the token */
		number_format(operand->value.number, form);
		arena_copy(parser->arena, slice_from_text(form), &operand->original);
		break;
	case TOKEN_TRUE:
	case TOKEN_FALSE:
		operand->value = value_bool(parser->token.type == TOKEN_TRUE);
		break;
	case TOKEN_NULL:
		operand->value.type = VALUE_NULL;
		break;
	}
	parser_advance(parser);
	operand->path.parts = arena_alloc(parser->arena, sizeof(struct part));
	operand->path.parts->name = operand->original;
	parser_resolve(parser, operand);
}

static bool parser_begins_operand(const struct parser *parser)
{
	enum token_type type = parser->token.type;

	return type == TOKEN_ID || type == TOKEN_DATA || type == TOKEN_OPEN_CALL ||
	       (type >= TOKEN_STRING && type <= TOKEN_NULL);
}

/* Parses a path, a literal or, with `may_call`, a call in parentheses. */
static struct operand *parser_operand(struct parser *parser, bool may_call)
{
	struct operand *operand = arena_alloc(parser->arena, sizeof(*operand));
	enum token_type type = parser->token.type;

	operand->offset = parser->token.offset;
	if (!parser_begins_operand(parser) || (type == TOKEN_OPEN_CALL && !may_call)) {
		parser_unexpected(parser, "a name or value");
	} else if (type == TOKEN_OPEN_CALL) {
		parser_enter(parser);
		operand->kind = OPERAND_CALL;
		operand->call = arena_alloc(parser->arena, sizeof(*operand->call));
		operand->call->offset = operand->offset;
		parser_advance(parser);
		parser_call(parser, operand->call, true);
		parser_expect(parser, TOKEN_CLOSE_CALL, ")");
		parser->nesting--;
	} else if (type == TOKEN_ID || type == TOKEN_DATA) {
		parser_path(parser, operand);
	} else {
		parser_literal(parser, operand);
	}
	return operand;
}

/* Parses key=value. Handlebars builds a hash from the last pair to the first. So the pairs are kept in that
 * order, and a repeated key has the place of its last pair and the value of its first. */
static void parser_pair(struct parser *parser, struct call *call)
{
	struct pair *pair = arena_alloc(parser->arena, sizeof(*pair));

	if (call->pair_count == PARSER_PAIRS_MAX)
		parser_fail(parser, call->offset, "more than %d key=value pairs", PARSER_PAIRS_MAX);
	pair->key = parser_name(parser->token.text);
	if (slice_equal(pair->key, SLICE("__proto__")))
		parser_fail(parser, call->offset, "__proto__ cannot be a key");
	parser_advance(parser);
	parser_expect(parser, TOKEN_EQUALS, "=");
	pair->value = parser_operand(parser, true);
	for (struct pair *other = call->pairs; other; other = other->next) {
		if (!other->repeated && slice_equal(other->key, pair->key)) {
			struct operand *first = other->value;

			other->value = pair->value;
			other->repeated = true;
			pair->value = first;
		}
	}
	pair->next = call->pairs;
	call->pairs = pair;
	call->pair_count++;
}

/* Parses operands and pairs up to the end of the tag. */
static void parser_arguments(struct parser *parser, struct call *call)
{
	struct operand **end = &call->operands;

	while (parser_begins_operand(parser)) {
		struct lexer ahead = parser->lexer;
		struct token next = { .type = TOKEN_END };

		if (parser->token.type == TOKEN_ID)
			next = lexer_next(&ahead);
		if (next.problem) {
			parser_fail(parser, next.offset, "%s", next.problem);
		} else if (next.type == TOKEN_EQUALS) {
			parser_pair(parser, call);
		} else if (call->pair_count > 0) {
			parser_unexpected(parser, "key=value, as values without a key come first");
		} else {
			*end = parser_operand(parser, true);
			end = &(*end)->next;
			call->operand_count++;
		}
	}
}

/* Parses callee, operands and pairs; `parenthesised`: a call even without arguments. Handlebars accepts some
 * mistakes in branches that are not rendered, such as {{if}} as a value: the evaluator reports these. */
static void parser_call(struct parser *parser, struct call *call, bool parenthesised)
{
	const struct path *path;
	enum helper helper = HELPER_NONE;
	bool simple, arguments, wants_value;

	call->callee = parser_operand(parser, false);
	parser_arguments(parser, call);
	path = &call->callee->path;
	simple = path->parts && !path->parts->next && !path->scoped &&
		 (path->depth == 0 || path->origin == PATH_PARAM);
	arguments = parenthesised || call->operand_count + call->pair_count > 0;
	if (simple && path->origin == PATH_PARAM)
		return;
	/* With arguments, Handlebars uses only the first part as the name: {{if.x a}} calls if. */
	if (path->parts && (simple || arguments))
		helper = helper_find(path->parts->name);
	/* A name calls one of aither's own helpers only where it can be nothing else. {{t}} and {{date}}
	 * without a value are data, but {{image}} is a call even without one. */
	wants_value = helper == HELPER_T || helper == HELPER_DATE;
	if (!helper_is_builtin(helper) && (!simple || (wants_value && call->operand_count == 0)))
		helper = HELPER_NONE;
	else if (wants_value && call->operand_count != 1)
		parser_fail(parser, call->offset, "{{%.*s}} takes exactly one value",
			(int)path->parts->name.length, path->parts->name.data);
	call->helper = helper;
	call->kind = helper != HELPER_NONE ? CALL_HELPER : arguments ? CALL_DATA : CALL_VALUE;
}

/* --- statements --- */

/* Adds a statement that begins with the current token. */
static struct statement *parser_add(struct parser *parser, struct body *body, enum statement_kind kind)
{
	struct statement *statement = arena_alloc(parser->arena, sizeof(*statement));

	statement->kind = kind;
	statement->offset = parser->token.offset;
	statement->previous = body->last;
	if (body->last)
		body->last->next = statement;
	else
		body->first = statement;
	body->last = statement;
	return statement;
}

/* Parses the beginning of a tag with a call; notes its "~" in `strip`. */
static struct call *parser_tag_open(struct parser *parser, struct strip *strip)
{
	struct call *call = arena_alloc(parser->arena, sizeof(*call));

	call->offset = parser->token.offset;
	strip->left = parser->token.strip_left;
	parser_advance(parser);
	return call;
}

static void parser_tag_close(struct parser *parser, enum token_type type, struct strip *strip)
{
	strip->right = parser->token.strip_right;
	parser_expect(parser, type, type == TOKEN_CLOSE_RAW ? "}}}" : "}}");
}

/* as |a b| */
static void parser_block_params(struct parser *parser, struct params *params)
{
	for (parser_advance(parser); parser->token.type == TOKEN_ID; parser_advance(parser)) {
		if (params->count == PARSER_PARAMS_MAX)
			parser_fail(parser, parser->token.offset, "more than %d block parameters",
				PARSER_PARAMS_MAX);
		else
			params->names[params->count++] = parser->token.text;
	}
	if (params->count == 0) {
		parser_unexpected(parser, "a name");
	} else {
		struct slice first = params->names[0], last = params->names[params->count - 1];

		if (first.data[0] == '[' && last.data[last.length - 1] == ']')
			parser_fail(parser, parser->token.offset,
				"block parameters cannot be written in brackets");
		parser_expect(parser, TOKEN_CLOSE_PARAMS, "|");
	}
}

/* Parses the tag that opens a block or continues its chain, and the branch that follows. */
static struct body *parser_branch(struct parser *parser, struct statement *block)
{
	struct params params = { .outer = parser->params };
	struct body *body;

	block->call = parser_tag_open(parser, &block->open_strip);
	parser_call(parser, block->call, false);
	if (parser->token.type == TOKEN_OPEN_PARAMS)
		parser_block_params(parser, &params);
	parser_tag_close(parser, TOKEN_CLOSE, &block->open_strip);
	if (block->call->helper == HELPER_T || block->call->helper == HELPER_DATE)
		parser_fail(parser, block->offset, "{{%.*s}} is not a block",
			(int)block->call->callee->original.length, block->call->callee->original.data);
	if (params.count > 0)
		parser->params = &params;
	body = parser_body(parser);
	body->has_params = params.count > 0;
	parser->params = params.outer;
	return body;
}

/* Parses {{else}} and a body, or {{else x}}, a body and the rest of the chain, or nothing. *ret_strip: the
 * "~" of the tag. */
static struct body *parser_else(struct parser *parser, bool may_chain, struct strip *ret_strip)
{
	struct statement *block;
	struct body *body;

	if (parser->token.type == TOKEN_ELSE) {
		*ret_strip = (struct strip){ parser->token.strip_left, parser->token.strip_right };
		parser_advance(parser);
		return parser_body(parser);
	}
	if (parser->token.type != TOKEN_OPEN_ELSE || !may_chain)
		return NULL;
	parser_enter(parser);
	body = arena_alloc(parser->arena, sizeof(*body));
	body->chained = true;
	block = parser_add(parser, body, STATEMENT_BLOCK);
	block->body = parser_branch(parser, block);
	block->inverse = parser_else(parser, true, &block->inverse_strip);
	/* No tag closes this block: the next tag of the chain counts as its end. */
	block->close_strip = block->inverse_strip;
	if (block->inverse && block->inverse->chained)
		block->inverse->first->close_strip = block->inverse_strip;
	parser->nesting--;
	*ret_strip = block->open_strip;
	return body;
}

/* {{/name}} */
static void parser_block_close(struct parser *parser, struct statement *block)
{
	const struct operand *open = block->call->callee, *name;
	size_t offset = parser->token.offset;
	char sign = block->body ? '#' : '^';
	struct source_position opened;
	bool open_text, name_text;

	if (parser->token.type == TOKEN_END) {
		parser_fail(parser, block->offset, "{{%c%.*s}} is never closed", sign,
			(int)open->original.length, open->original.data);
		return;
	}
	if (parser->token.type != TOKEN_OPEN_END)
		parser_unexpected(parser, "{{/ that closes the block");
	block->close_strip.left = parser->token.strip_left;
	parser_advance(parser);
	name = parser_operand(parser, false);
	parser_tag_close(parser, TOKEN_CLOSE, &block->close_strip);
	/* A path may close a string of the same text and the other way round, but no other literal. */
	open_text = open->kind == OPERAND_PATH || open->value.type == VALUE_STRING;
	name_text = name->kind == OPERAND_PATH || name->value.type == VALUE_STRING;
	if (open_text == name_text && slice_equal(open->original, name->original))
		return;
	opened = source_position(parser->source, block->offset);
	parser_fail(parser, offset, "{{/%.*s}} closes {{%c%.*s}} opened at %u:%u", (int)name->original.length,
		name->original.data, sign, (int)open->original.length, open->original.data, opened.line,
		opened.column);
}

/* Parses a block. In the grammar, {{else if}} cannot continue {{^x}}. */
static void parser_block(struct parser *parser, struct statement *block)
{
	bool inverse = parser->token.type == TOKEN_OPEN_INVERSE;
	struct body *first, *second;

	parser_enter(parser);
	first = parser_branch(parser, block);
	second = parser_else(parser, !inverse, &block->inverse_strip);
	block->body = inverse ? second : first;
	block->inverse = inverse ? first : second;
	parser_block_close(parser, block);
	if (second && second->chained)
		second->first->close_strip = block->close_strip;
	parser->nesting--;
}

/* Parses statements up to a token that cannot begin one. The caller decides whether that token is allowed
 * there. */
static struct body *parser_body(struct parser *parser)
{
	struct body *body = arena_alloc(parser->arena, sizeof(*body));

	for (;;) {
		struct token token = parser->token;
		struct statement *statement;

		switch ((int)token.type) {
		case TOKEN_CONTENT:
		case TOKEN_COMMENT:
			statement = parser_add(parser, body,
				token.type == TOKEN_CONTENT ? STATEMENT_CONTENT : STATEMENT_COMMENT);
			statement->original = statement->value = token.text;
			statement->strip = (struct strip){ token.strip_left, token.strip_right };
			parser_advance(parser);
			break;
		case TOKEN_OPEN:
		case TOKEN_OPEN_RAW:
			statement = parser_add(parser, body, STATEMENT_MUSTACHE);
			statement->raw = token.type == TOKEN_OPEN_RAW;
			statement->call = parser_tag_open(parser, &statement->strip);
			parser_call(parser, statement->call, false);
			parser_tag_close(parser,
				statement->raw && token.text.data[token.text.length - 1] == '{'
					? TOKEN_CLOSE_RAW
					: TOKEN_CLOSE,
				&statement->strip);
			break;
		case TOKEN_OPEN_PARTIAL:
			statement = parser_add(parser, body, STATEMENT_PARTIAL);
			statement->call = parser_tag_open(parser, &statement->strip);
			statement->call->callee = parser_operand(parser, true);
			parser_arguments(parser, statement->call);
			parser_tag_close(parser, TOKEN_CLOSE, &statement->strip);
			if (statement->call->operand_count > 1)
				parser_fail(parser, statement->offset,
					"a partial takes at most one context, not %zu",
					statement->call->operand_count);
			*parser->partial_end = statement;
			parser->partial_end = &statement->next_partial;
			break;
		case TOKEN_OPEN_BLOCK:
		case TOKEN_OPEN_INVERSE:
			parser_block(parser, parser_add(parser, body, STATEMENT_BLOCK));
			break;
		default:
			return body;
		}
	}
}

int parser_parse(struct unit *unit, struct arena *arena, struct error *err)
{
	struct parser parser = {
		.source = &unit->source,
		.arena = arena,
		.lexer = { .text = unit->source.text, .arena = arena },
		.partial_end = &unit->partials,
		.err = err,
	};

	parser_advance(&parser);
	unit->body = parser_body(&parser);
	if (parser.token.type == TOKEN_OPEN_END)
		parser_fail(&parser, parser.token.offset, "no block is open here that {{/ could close");
	else if (parser.token.type == TOKEN_ELSE || parser.token.type == TOKEN_OPEN_ELSE)
		parser_fail(&parser, parser.token.offset, "{{else}} outside of a block");
	else if (parser.token.type != TOKEN_END)
		parser_unexpected(&parser, "text or a tag");
	return parser.result;
}
