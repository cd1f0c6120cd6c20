/* SPDX-License-Identifier: MIT */
#include "render/parser.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "render/arena.h"
#include "render/lexer.h"
#include "render/number.h"
#include "render/source.h"
#include "render/syntax.h"
#include "render/template.h"

#define PARSER_PARAMS_MAX 16  /* block parameters; no block gives more than two */
#define PARSER_NUMBER_MAX 400 /* digits; more do not change a double, but strtod needs a copy */

struct parser {
	const struct source *source;
	struct arena *arena;
	struct lexer lexer;
	struct token token; /* the next one */
	unsigned nesting;   /* blocks and parentheses around it */
	struct error *err;
};

static int parser_subexpression(struct parser *parser, struct operand **ret_operand);
static int parser_body(struct parser *parser, struct body **ret_body);

static int parser_advance(struct parser *parser)
{
	return lexer_next(&parser->lexer, &parser->token, parser->err);
}

static int parser_unexpected(struct parser *parser, const char *expected)
{
	const struct token *token = &parser->token;

	if (token->type == TOKEN_INVALID)
		return source_fail(parser->source, token->offset, parser->err, "expected %s, found \"%.*s\"",
			expected, (int)token->text.length, token->text.data);
	return source_fail(parser->source, token->offset, parser->err, "expected %s, found %s", expected,
		lexer_token_name(token->type));
}

static int parser_expect(struct parser *parser, enum token_type type)
{
	if (parser->token.type != type)
		return parser_unexpected(parser, lexer_token_name(type));
	return parser_advance(parser);
}

static int parser_enter(struct parser *parser)
{
	if (++parser->nesting > TEMPLATE_NESTING_MAX)
		return source_fail(parser->source, parser->token.offset, parser->err,
			"more than %d blocks or parentheses inside one another", TEMPLATE_NESTING_MAX);
	return 0;
}

static void parser_leave(struct parser *parser)
{
	parser->nesting--;
}

/* --- between the braces --- */

/* A name without its brackets. Handlebars keeps them around a name with a line break inside. */
static struct slice parser_name(struct slice text)
{
	if (text.length < 2 || text.data[0] != '[' || text.data[text.length - 1] != ']' ||
		memchr(text.data, '\n', text.length) || memchr(text.data, '\r', text.length) ||
		memmem(text.data, text.length, "\xe2\x80\xa8", 3) ||
		memmem(text.data, text.length, "\xe2\x80\xa9", 3))
		return text;
	return (struct slice){ text.data + 1, text.length - 2 };
}

/* Begins with "." or has "this" at the end of a word anywhere. */
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

static struct operand *parser_operand(struct parser *parser, enum operand_kind kind)
{
	struct operand *operand = arena_alloc(parser->arena, sizeof(*operand));

	operand->kind = kind;
	operand->offset = parser->token.offset;
	operand->original = parser->token.text;
	return operand;
}

/* What a path is made of, while its length is not known yet. */
struct parser_path {
	struct slice *parts; /* arena */
	size_t count, capacity;
	char *original; /* arena */
	size_t original_length, original_capacity;
};

static void parser_path_part(struct parser *parser, struct parser_path *path, struct slice part)
{
	if (path->count == path->capacity) {
		struct slice *larger;

		path->capacity = path->capacity ? 2 * path->capacity : 4;
		larger = arena_alloc(parser->arena, path->capacity * sizeof(*larger));
		if (path->count > 0)
			memcpy(larger, path->parts, path->count * sizeof(*larger));
		path->parts = larger;
	}
	path->parts[path->count++] = part;
}

static void parser_path_original(struct parser *parser, struct parser_path *path, struct slice text)
{
	if (text.length > path->original_capacity - path->original_length) {
		char *larger;

		path->original_capacity = 2 * (path->original_length + text.length);
		larger = arena_text(parser->arena, path->original_capacity);
		if (path->original_length > 0)
			memcpy(larger, path->original, path->original_length);
		path->original = larger;
	}
	if (text.length > 0)
		memcpy(path->original + path->original_length, text.data, text.length);
	path->original_length += text.length;
}

/* One segment: "..", "." and "this" steer, [..] and all else is a key. */
static int parser_segment(struct parser *parser, struct parser_path *path, struct operand *operand)
{
	struct slice name = parser_name(parser->token.text);
	bool literal = name.length != parser->token.text.length;
	bool up = slice_equal(name, SLICE("..")),
	     here = slice_equal(name, SLICE(".")) || slice_equal(name, SLICE("this"));

	parser_path_original(parser, path, name);
	if (literal || (!up && !here)) {
		parser_path_part(parser, path, name);
		return 0;
	}
	if (path->count > 0)
		return source_fail(parser->source, operand->offset, parser->err,
			"invalid path: %.*s; %.*s can only stand at its beginning",
			(int)path->original_length, path->original, (int)name.length, name.data);
	operand->path.depth += up;
	return 0;
}

static int parser_path(struct parser *parser, struct operand **ret_operand)
{
	struct operand *operand = parser_operand(parser, OPERAND_PATH);
	struct parser_path path = { 0 };
	int r;

	operand->path.data = parser->token.type == TOKEN_DATA;
	if (operand->path.data) {
		parser_path_original(parser, &path, SLICE("@"));
		r = parser_advance(parser);
		if (r < 0)
			return r;
	}
	for (;;) {
		if (parser->token.type != TOKEN_ID)
			return parser_unexpected(parser, "a name");
		r = parser_segment(parser, &path, operand);
		if (r == 0)
			r = parser_advance(parser);
		if (r < 0)
			return r;
		if (parser->token.type != TOKEN_SEPARATOR)
			break;
		parser_path_original(parser, &path, parser->token.text);
		r = parser_advance(parser);
		if (r < 0)
			return r;
	}
	operand->original = (struct slice){ path.original, path.original_length };
	operand->path.parts = path.parts;
	operand->path.part_count = path.count;
	operand->path.scoped = parser_is_scoped(operand->original);
	*ret_operand = operand;
	return 0;
}

/* A literal in front is a key: {{12}}, {{true}}, {{"x y"}}. */
static void parser_literal_path(struct parser *parser, struct operand *operand)
{
	operand->path.parts = arena_alloc(parser->arena, sizeof(struct slice));
	operand->path.parts[0] = operand->original;
	operand->path.part_count = 1;
	operand->path.scoped = parser_is_scoped(operand->original);
}

static int parser_number(struct parser *parser, struct operand *operand)
{
	char text[PARSER_NUMBER_MAX + 1], form[NUMBER_TEXT_SIZE];
	struct slice digits = operand->original;
	char *copy;

	if (digits.length > PARSER_NUMBER_MAX)
		return source_fail(parser->source, operand->offset, parser->err,
			"this number has more than %d digits", PARSER_NUMBER_MAX);
	memcpy(text, digits.data, digits.length);
	text[digits.length] = '\0';
	operand->number = strtod(text, NULL);
	number_format(operand->number, form);
	copy = arena_text(parser->arena, strlen(form));
	operand->original = (struct slice){ memcpy(copy, form, strlen(form)), strlen(form) };
	return 0;
}

static int parser_literal(struct parser *parser, enum operand_kind kind, struct operand **ret_operand)
{
	struct operand *operand = parser_operand(parser, kind);
	int r = kind == OPERAND_NUMBER ? parser_number(parser, operand) : 0;

	if (r == 0)
		r = parser_advance(parser);
	if (r < 0)
		return r;
	parser_literal_path(parser, operand);
	*ret_operand = operand;
	return 0;
}

static int parser_callee(struct parser *parser, struct operand **ret_operand)
{
	static const int kinds[] = {
		[TOKEN_STRING] = OPERAND_STRING,
		[TOKEN_NUMBER] = OPERAND_NUMBER,
		[TOKEN_TRUE] = OPERAND_TRUE,
		[TOKEN_FALSE] = OPERAND_FALSE,
		[TOKEN_NULL] = OPERAND_NULL,
		[TOKEN_UNDEFINED] = OPERAND_UNDEFINED,
	};
	enum token_type type = parser->token.type;

	if (type == TOKEN_ID || type == TOKEN_DATA)
		return parser_path(parser, ret_operand);
	if (type >= TOKEN_STRING && type <= TOKEN_NULL)
		return parser_literal(parser, (enum operand_kind)kinds[type], ret_operand);
	return parser_unexpected(parser, "a name or value");
}

static bool parser_begins_operand(const struct parser *parser)
{
	enum token_type type = parser->token.type;

	return type == TOKEN_ID || type == TOKEN_DATA || type == TOKEN_OPEN_CALL ||
	       (type >= TOKEN_STRING && type <= TOKEN_NULL);
}

static int parser_value(struct parser *parser, struct operand **ret_operand)
{
	if (parser->token.type == TOKEN_OPEN_CALL)
		return parser_subexpression(parser, ret_operand);
	return parser_callee(parser, ret_operand);
}

/* Is the present name a key, so that "=" follows? Looks at a copy of the lexer. */
static int parser_is_key(struct parser *parser, bool *ret_is_key)
{
	struct lexer ahead = parser->lexer;
	struct token next = { .type = TOKEN_END };
	int r = 0;

	*ret_is_key = false;
	if (parser->token.type == TOKEN_ID)
		r = lexer_next(&ahead, &next, parser->err);
	if (r < 0)
		return r;
	*ret_is_key = next.type == TOKEN_EQUALS;
	return 0;
}

static int parser_pair(struct parser *parser, struct pair **ret_pair)
{
	struct pair *pair = arena_alloc(parser->arena, sizeof(*pair));
	int r;

	pair->key = parser_name(parser->token.text);
	r = parser_advance(parser);
	if (r == 0)
		r = parser_expect(parser, TOKEN_EQUALS);
	if (r == 0)
		r = parser_value(parser, &pair->value);
	if (r < 0)
		return r;
	*ret_pair = pair;
	return 0;
}

static int parser_arguments(struct parser *parser, struct call *call)
{
	struct operand **operand_end = &call->operands;
	struct pair **pair_end = &call->pairs;

	while (parser_begins_operand(parser)) {
		bool is_key;
		int r = parser_is_key(parser, &is_key);

		if (r < 0)
			return r;
		if (!is_key && call->pair_count > 0)
			return parser_unexpected(parser, "key=value, as values without a key come first");
		r = is_key ? parser_pair(parser, pair_end) : parser_value(parser, operand_end);
		if (r < 0)
			return r;
		if (is_key) {
			pair_end = &(*pair_end)->next;
			call->pair_count++;
		} else {
			operand_end = &(*operand_end)->next;
			call->operand_count++;
		}
	}
	return 0;
}

static int parser_subexpression(struct parser *parser, struct operand **ret_operand)
{
	struct operand *operand = parser_operand(parser, OPERAND_CALL);
	int r = parser_enter(parser);

	if (r < 0)
		return r;
	operand->call = arena_alloc(parser->arena, sizeof(*operand->call));
	operand->call->offset = operand->offset;
	r = parser_expect(parser, TOKEN_OPEN_CALL);
	if (r == 0)
		r = parser_callee(parser, &operand->call->callee);
	if (r == 0)
		r = parser_arguments(parser, operand->call);
	if (r == 0)
		r = parser_expect(parser, TOKEN_CLOSE_CALL);
	if (r < 0)
		return r;
	parser_leave(parser);
	*ret_operand = operand;
	return 0;
}

/* --- statements --- */

static struct statement *parser_statement(struct parser *parser, struct body *body, enum statement_kind kind)
{
	struct statement *statement = arena_alloc(parser->arena, sizeof(*statement));

	statement->kind = kind;
	statement->previous = body->last;
	if (body->last)
		body->last->next = statement;
	else
		body->first = statement;
	body->last = statement;
	return statement;
}

/* The tag that begins with the present token, up to what closes it. `strip` gets its "~". */
static int parser_tag_open(struct parser *parser, struct strip *strip, struct call **ret_call)
{
	struct call *call = arena_alloc(parser->arena, sizeof(*call));

	call->offset = parser->token.offset;
	strip->left = parser->token.strip_left;
	*ret_call = call;
	return parser_advance(parser);
}

static int parser_tag_close(struct parser *parser, enum token_type type, struct strip *strip)
{
	strip->right = parser->token.strip_right;
	return parser_expect(parser, type);
}

static int parser_mustache(struct parser *parser, struct statement *statement)
{
	bool braces = parser->token.type == TOKEN_OPEN_RAW && slice_equal(parser->token.text, SLICE("{"));
	int r;

	statement->raw = parser->token.type == TOKEN_OPEN_RAW;
	r = parser_tag_open(parser, &statement->strip, &statement->call);
	if (r == 0)
		r = parser_callee(parser, &statement->call->callee);
	if (r == 0)
		r = parser_arguments(parser, statement->call);
	if (r == 0)
		r = parser_tag_close(parser, braces ? TOKEN_CLOSE_RAW : TOKEN_CLOSE, &statement->strip);
	return r;
}

static int parser_partial(struct parser *parser, struct statement *statement)
{
	int r = parser_tag_open(parser, &statement->strip, &statement->call);

	if (r == 0 && parser->token.type == TOKEN_OPEN_CALL)
		r = parser_subexpression(parser, &statement->call->callee);
	else if (r == 0)
		r = parser_callee(parser, &statement->call->callee);
	if (r == 0)
		r = parser_arguments(parser, statement->call);
	if (r == 0)
		r = parser_tag_close(parser, TOKEN_CLOSE, &statement->strip);
	if (r == 0 && statement->call->operand_count > 1)
		r = source_fail(parser->source, statement->call->offset, parser->err,
			"a partial takes one context at most, here are %zu", statement->call->operand_count);
	return r;
}

/* as |a b| */
static int parser_block_params(struct parser *parser, struct body *body)
{
	struct slice first, last;
	int r = parser_advance(parser);

	body->params = arena_alloc(parser->arena, PARSER_PARAMS_MAX * sizeof(*body->params));
	while (r == 0 && parser->token.type == TOKEN_ID) {
		if (body->param_count == PARSER_PARAMS_MAX)
			return source_fail(parser->source, parser->token.offset, parser->err,
				"more than %d block parameters", PARSER_PARAMS_MAX);
		body->params[body->param_count++] = parser->token.text;
		r = parser_advance(parser);
	}
	if (r < 0)
		return r;
	if (body->param_count == 0)
		return parser_unexpected(parser, "a name");
	first = body->params[0];
	last = body->params[body->param_count - 1];
	if (first.data[0] == '[' && last.data[last.length - 1] == ']')
		return source_fail(parser->source, parser->token.offset, parser->err,
			"block parameters cannot be written in brackets");
	return parser_expect(parser, TOKEN_CLOSE_PARAMS);
}

/* The tag that opens a block or a branch: callee, arguments, block parameters into `params`. */
static int parser_block_open(
	struct parser *parser, struct strip *strip, struct call **ret_call, struct body *params)
{
	int r = parser_tag_open(parser, strip, ret_call);

	if (r == 0)
		r = parser_callee(parser, &(*ret_call)->callee);
	if (r == 0)
		r = parser_arguments(parser, *ret_call);
	if (r == 0 && parser->token.type == TOKEN_OPEN_PARAMS)
		r = parser_block_params(parser, params);
	if (r == 0)
		r = parser_tag_close(parser, TOKEN_CLOSE, strip);
	return r;
}

/* Body of a branch with the block parameters of its tag. */
static int parser_branch(struct parser *parser, const struct body *params, struct body **ret_body)
{
	int r = parser_body(parser, ret_body);

	if (r < 0)
		return r;
	(*ret_body)->params = params->params;
	(*ret_body)->param_count = params->param_count;
	return 0;
}

/* {{else}} body, or {{else x}} body and the rest of the chain. *ret_strip is that of the tag. */
static int parser_else(struct parser *parser, bool may_chain, struct body **ret_body, struct strip *ret_strip)
{
	struct statement *block;
	struct body *body, params = { 0 };
	int r;

	if (parser->token.type == TOKEN_ELSE) {
		*ret_strip = (struct strip){ parser->token.strip_left, parser->token.strip_right };
		r = parser_advance(parser);
		return r < 0 ? r : parser_body(parser, ret_body);
	}
	if (parser->token.type != TOKEN_OPEN_ELSE || !may_chain)
		return 0;
	r = parser_enter(parser);
	if (r < 0)
		return r;
	body = arena_alloc(parser->arena, sizeof(*body));
	body->chained = true;
	block = parser_statement(parser, body, STATEMENT_BLOCK);
	r = parser_block_open(parser, ret_strip, &block->call, &params);
	block->open_strip = *ret_strip;
	if (r == 0)
		r = parser_branch(parser, &params, &block->body);
	if (r == 0)
		r = parser_else(parser, true, &block->inverse, &block->inverse_strip);
	if (r < 0)
		return r;
	/* There is no tag that closes this block: what follows it in the chain stands for one. */
	block->close_strip = block->inverse_strip;
	if (block->inverse && block->inverse->chained)
		block->inverse->first->close_strip = block->inverse_strip;
	parser_leave(parser);
	*ret_body = body;
	return 0;
}

static bool parser_same_name(const struct operand *a, const struct operand *b)
{
	bool a_text = a->kind == OPERAND_PATH || a->kind == OPERAND_STRING;
	bool b_text = b->kind == OPERAND_PATH || b->kind == OPERAND_STRING;

	return (a_text ? b_text : a->kind == b->kind) && slice_equal(a->original, b->original);
}

static int parser_block_close(struct parser *parser, struct statement *block)
{
	const struct operand *open = block->call->callee;
	size_t offset = parser->token.offset;
	char sign = block->body ? '#' : '^';
	struct source_position opened;
	struct operand *name;
	int r;

	if (parser->token.type == TOKEN_END)
		return source_fail(parser->source, block->call->offset, parser->err,
			"{{%c%.*s}} is never closed", sign, (int)open->original.length, open->original.data);
	if (parser->token.type != TOKEN_OPEN_END)
		return parser_unexpected(parser, "{{/ that closes the block");
	block->close_strip.left = parser->token.strip_left;
	r = parser_advance(parser);
	if (r == 0)
		r = parser_callee(parser, &name);
	if (r == 0)
		r = parser_tag_close(parser, TOKEN_CLOSE, &block->close_strip);
	if (r != 0)
		return r;
	if (parser_same_name(open, name))
		return 0;
	opened = source_position(parser->source, block->call->offset);
	return source_fail(parser->source, offset, parser->err, "{{/%.*s}} closes {{%c%.*s}} opened at %u:%u",
		(int)name->original.length, name->original.data, sign, (int)open->original.length,
		open->original.data, opened.line, opened.column);
}

static int parser_block(struct parser *parser, struct statement *block)
{
	bool inverted = parser->token.type == TOKEN_OPEN_INVERSE;
	struct body params = { 0 };
	int r = parser_enter(parser);

	if (r == 0)
		r = parser_block_open(parser, &block->open_strip, &block->call, &params);
	if (r == 0)
		r = parser_branch(parser, &params, inverted ? &block->inverse : &block->body);
	/* {{^x}} cannot be continued by {{else if}}: so is the grammar. */
	if (r == 0)
		r = parser_else(
			parser, !inverted, inverted ? &block->body : &block->inverse, &block->inverse_strip);
	if (r == 0)
		r = parser_block_close(parser, block);
	if (r < 0)
		return r;
	if (!inverted && block->inverse && block->inverse->chained)
		block->inverse->first->close_strip = block->close_strip;
	parser_leave(parser);
	return 0;
}

static int parser_text(struct parser *parser, struct statement *statement)
{
	statement->original = statement->value = parser->token.text;
	statement->strip = (struct strip){ parser->token.strip_left, parser->token.strip_right };
	return parser_advance(parser);
}

/* Statements up to a token that cannot begin one: the caller knows whether it may stand there. */
static int parser_body(struct parser *parser, struct body **ret_body)
{
	struct body *body = arena_alloc(parser->arena, sizeof(*body));
	int r = 0;

	while (r == 0) {
		enum token_type type = parser->token.type;

		if (type == TOKEN_CONTENT)
			r = parser_text(parser, parser_statement(parser, body, STATEMENT_CONTENT));
		else if (type == TOKEN_COMMENT)
			r = parser_text(parser, parser_statement(parser, body, STATEMENT_COMMENT));
		else if (type == TOKEN_OPEN || type == TOKEN_OPEN_RAW)
			r = parser_mustache(parser, parser_statement(parser, body, STATEMENT_MUSTACHE));
		else if (type == TOKEN_OPEN_BLOCK || type == TOKEN_OPEN_INVERSE)
			r = parser_block(parser, parser_statement(parser, body, STATEMENT_BLOCK));
		else if (type == TOKEN_OPEN_PARTIAL)
			r = parser_partial(parser, parser_statement(parser, body, STATEMENT_PARTIAL));
		else
			break;
	}
	if (r < 0)
		return r;
	*ret_body = body;
	return 0;
}

int parser_parse(const struct source *source, struct arena *arena, struct body **ret_body, struct error *err)
{
	struct parser parser = { .source = source, .arena = arena, .err = err };
	struct body *body = NULL;
	int r;

	parser.lexer = (struct lexer){ .source = source, .arena = arena };
	r = parser_advance(&parser);
	if (r == 0)
		r = parser_body(&parser, &body);
	if (r < 0)
		return r;
	switch ((int)parser.token.type) {
	case TOKEN_END:
		*ret_body = body;
		return 0;
	case TOKEN_OPEN_END:
		return source_fail(
			source, parser.token.offset, err, "nothing is open here that {{/ could close");
	case TOKEN_ELSE:
	case TOKEN_OPEN_ELSE:
		return source_fail(source, parser.token.offset, err, "{{else}} outside of a block");
	default:
		return parser_unexpected(&parser, "text or a tag");
	}
}
