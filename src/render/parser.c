/* SPDX-License-Identifier: MIT */
#include "render/parser.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "render/arena.h"
#include "render/lexer.h"
#include "render/number.h"
#include "render/syntax.h"
#include "render/template.h"

#define PARSER_NUMBER_MAX 400 /* digits; more do not change a double, but strtod needs a copy */
#define PARSER_PAIRS_MAX 100  /* people write below 10; each is compared with each */
#define PARSER_PARAMS_MAX 16  /* block parameters; no block gives more than two */

struct params { /* block parameters in sight, innermost first */
	struct slice names[PARSER_PARAMS_MAX];
	unsigned count;
	const struct params *outer;
};

struct parser {
	const struct source *source;
	struct arena *arena;
	struct lexer lexer;
	struct token token; /* the next one */
	unsigned nesting;   /* blocks and parentheses around it */
	const struct params *params;
	struct statement **partial_end;
	struct error *err;
};

static int parser_subexpression(struct parser *parser, struct operand *operand);
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

/* Before every recursion; whoever returns from it without an error takes one off again. */
static int parser_enter(struct parser *parser)
{
	if (++parser->nesting > TEMPLATE_NESTING_MAX)
		return source_fail(parser->source, parser->token.offset, parser->err,
			"more than %d blocks or parentheses inside one another", TEMPLATE_NESTING_MAX);
	return 0;
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

/* Where a path begins, when all of it has been read. */
static int parser_resolve(struct parser *parser, struct operand *operand)
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
			return 0;
		}
	}
	if (!path->parts || path->parts->name.length == 0) {
		path->origin = PATH_CONTEXT; /* the context itself, even as {{@.}} or {{[].x}} */
		path->rest = NULL;
	} else if (path->origin == PATH_DATA) {
		if (slice_equal(path->parts->name, SLICE("partial-block")))
			return source_fail(parser->source, operand->offset, parser->err,
				"@partial-block is not supported");
		/* {{@_parent.index}} is {{@../index}}. */
		for (; path->rest->next && slice_equal(path->rest->name, SLICE("_parent"));
			path->rest = path->rest->next)
			path->depth++;
	}
	return 0;
}

static int parser_path(struct parser *parser, struct operand *operand)
{
	CLEANUP(buf_done) struct buf original = BUF_INIT(TEMPLATE_SIZE_MAX);
	struct path *path = &operand->path;
	struct part **end = &path->parts;
	int r = 0;

	if (parser->token.type == TOKEN_DATA) {
		path->origin = PATH_DATA;
		buf_append_char(&original, '@');
		r = parser_advance(parser);
	}
	while (r == 0) {
		struct slice text = parser->token.text, name = parser_name(text);
		bool up = slice_equal(text, SLICE("..")),
		     here = slice_equal(text, SLICE(".")) || slice_equal(text, SLICE("this"));

		if (parser->token.type != TOKEN_ID)
			return parser_unexpected(parser, "a name");
		buf_append(&original, name.data, name.length);
		if (!up && !here) {
			*end = arena_alloc(parser->arena, sizeof(**end));
			(*end)->name = name;
			end = &(*end)->next;
		} else if (path->parts) {
			return source_fail(parser->source, operand->offset, parser->err,
				"invalid path: %s; %.*s can only stand at its beginning", buf_text(&original),
				(int)name.length, name.data);
		}
		path->depth += up;
		r = parser_advance(parser);
		if (r < 0 || parser->token.type != TOKEN_SEPARATOR)
			break;
		buf_append(&original, parser->token.text.data, parser->token.text.length);
		r = parser_advance(parser);
	}
	if (r < 0)
		return r;
	arena_copy(parser->arena, (struct slice){ original.data, original.length }, &operand->original);
	return parser_resolve(parser, operand);
}

/* A string, number, boolean, null or undefined. As the callee it is a key: {{12}}, {{true}}, {{"x y"}}. */
static int parser_literal(struct parser *parser, struct operand *operand)
{
	static const int kinds[] = {
		[TOKEN_STRING] = OPERAND_STRING,
		[TOKEN_NUMBER] = OPERAND_NUMBER,
		[TOKEN_TRUE] = OPERAND_TRUE,
		[TOKEN_FALSE] = OPERAND_FALSE,
		[TOKEN_NULL] = OPERAND_NULL,
		[TOKEN_UNDEFINED] = OPERAND_UNDEFINED,
	};
	struct slice text = parser->token.text;
	int r;

	operand->kind = (enum operand_kind)kinds[parser->token.type];
	operand->original = text;
	if (operand->kind == OPERAND_NUMBER) {
		char digits[PARSER_NUMBER_MAX + 1], form[NUMBER_TEXT_SIZE];

		if (text.length > PARSER_NUMBER_MAX)
			return source_fail(parser->source, operand->offset, parser->err,
				"this number has more than %d digits", PARSER_NUMBER_MAX);
		memcpy(digits, text.data, text.length);
		digits[text.length] = '\0';
		operand->number = strtod(digits, NULL);
		number_format(operand->number, form);
		arena_copy(parser->arena, slice_from_text(form), &operand->original);
	}
	r = parser_advance(parser);
	if (r < 0)
		return r;
	operand->path.parts = arena_alloc(parser->arena, sizeof(struct part));
	operand->path.parts->name = operand->original;
	return parser_resolve(parser, operand);
}

static bool parser_begins_operand(const struct parser *parser)
{
	enum token_type type = parser->token.type;

	return type == TOKEN_ID || type == TOKEN_DATA || type == TOKEN_OPEN_CALL ||
	       (type >= TOKEN_STRING && type <= TOKEN_NULL);
}

/* A path, a literal or, with `may_call`, a call in parentheses. */
static int parser_operand(struct parser *parser, bool may_call, struct operand **ret_operand)
{
	struct operand *operand = arena_alloc(parser->arena, sizeof(*operand));
	enum token_type type = parser->token.type;

	operand->offset = parser->token.offset;
	*ret_operand = operand;
	if (!parser_begins_operand(parser) || (type == TOKEN_OPEN_CALL && !may_call))
		return parser_unexpected(parser, "a name or value");
	if (type == TOKEN_OPEN_CALL)
		return parser_subexpression(parser, operand);
	return type == TOKEN_ID || type == TOKEN_DATA ? parser_path(parser, operand)
						      : parser_literal(parser, operand);
}

/* key=value. Handlebars builds a hash from its last pair to its first: so the pairs stand in that order, and
 * a key that is repeated has the place of the last and the value of the first. */
static int parser_pair(struct parser *parser, struct call *call)
{
	struct pair *pair = arena_alloc(parser->arena, sizeof(*pair));
	int r;

	if (call->pair_count == PARSER_PAIRS_MAX)
		return source_fail(parser->source, call->offset, parser->err, "more than %d key=value pairs",
			PARSER_PAIRS_MAX);
	pair->key = parser_name(parser->token.text);
	if (slice_equal(pair->key, SLICE("__proto__")))
		return source_fail(parser->source, call->offset, parser->err, "__proto__ cannot be a key");
	r = parser_advance(parser);
	if (r == 0)
		r = parser_expect(parser, TOKEN_EQUALS);
	if (r == 0)
		r = parser_operand(parser, true, &pair->value);
	if (r < 0)
		return r;
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
	return 0;
}

/* Operands and pairs up to what ends the tag. */
static int parser_arguments(struct parser *parser, struct call *call)
{
	struct operand **end = &call->operands;
	int r = 0;

	while (r == 0 && parser_begins_operand(parser)) {
		struct lexer ahead = parser->lexer;
		struct token next = { .type = TOKEN_END };

		if (parser->token.type == TOKEN_ID)
			r = lexer_next(&ahead, &next, parser->err);
		if (r < 0)
			return r;
		if (next.type == TOKEN_EQUALS) {
			r = parser_pair(parser, call);
			continue;
		}
		if (call->pair_count > 0)
			return parser_unexpected(parser, "key=value, as values without a key come first");
		r = parser_operand(parser, true, end);
		end = &(*end)->next;
		call->operand_count++;
	}
	return r;
}

/* Callee, operands and pairs; `parenthesised`: a call even without arguments. What can only fail when it is
 * reached, like {{if}} as a value, is left to the evaluator: Handlebars accepts it in a branch that is not
 * rendered. */
static int parser_call(struct parser *parser, struct call *call, bool parenthesised)
{
	const struct path *path;
	enum helper helper = HELPER_NONE;
	bool simple, arguments, wants_value;
	int r = parser_operand(parser, false, &call->callee);

	if (r == 0)
		r = parser_arguments(parser, call);
	if (r < 0)
		return r;
	path = &call->callee->path;
	simple = path->parts && !path->parts->next && !path->scoped &&
		 (path->depth == 0 || path->origin == PATH_PARAM);
	arguments = parenthesised || call->operand_count + call->pair_count > 0;
	if (simple && path->origin == PATH_PARAM)
		return 0;
	/* With arguments, Handlebars looks at the first part only: {{if.x a}} calls if. */
	if (path->parts && (simple || arguments))
		helper = helper_find(path->parts->name);
	/* Our own helpers only where a name could be nothing else; {{t}} and {{date}} without a value are
	 * data,
	 * {{image}} is a call even so. */
	wants_value = helper == HELPER_T || helper == HELPER_DATE;
	if (!helper_is_builtin(helper) && (!simple || (wants_value && call->operand_count == 0)))
		helper = HELPER_NONE;
	else if (wants_value && call->operand_count != 1)
		return source_fail(parser->source, call->offset, parser->err,
			"{{%.*s}} takes exactly one value", (int)path->parts->name.length,
			path->parts->name.data);
	call->helper = helper;
	call->kind = helper != HELPER_NONE ? CALL_HELPER : arguments ? CALL_DATA : CALL_VALUE;
	return 0;
}

/* "(" call ")" */
static int parser_subexpression(struct parser *parser, struct operand *operand)
{
	int r = parser_enter(parser);

	if (r < 0)
		return r;
	operand->kind = OPERAND_CALL;
	operand->call = arena_alloc(parser->arena, sizeof(*operand->call));
	operand->call->offset = operand->offset;
	r = parser_advance(parser);
	if (r == 0)
		r = parser_call(parser, operand->call, true);
	if (r == 0)
		r = parser_expect(parser, TOKEN_CLOSE_CALL);
	parser->nesting--;
	return r;
}

/* --- statements --- */

/* Adds a statement that begins with the present token. */
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
		r = parser_call(parser, statement->call, false);
	if (r == 0)
		r = parser_tag_close(parser, braces ? TOKEN_CLOSE_RAW : TOKEN_CLOSE, &statement->strip);
	return r;
}

static int parser_partial(struct parser *parser, struct statement *statement)
{
	int r = parser_tag_open(parser, &statement->strip, &statement->call);

	if (r == 0)
		r = parser_operand(parser, true, &statement->call->callee);
	if (r == 0)
		r = parser_arguments(parser, statement->call);
	if (r == 0)
		r = parser_tag_close(parser, TOKEN_CLOSE, &statement->strip);
	if (r == 0 && statement->call->operand_count > 1)
		r = source_fail(parser->source, statement->offset, parser->err,
			"a partial takes one context at most, here are %zu", statement->call->operand_count);
	*parser->partial_end = statement;
	parser->partial_end = &statement->next_partial;
	return r;
}

/* as |a b| */
static int parser_block_params(struct parser *parser, struct params *params)
{
	struct slice first, last;
	int r = parser_advance(parser);

	while (r == 0 && parser->token.type == TOKEN_ID) {
		if (params->count == PARSER_PARAMS_MAX)
			return source_fail(parser->source, parser->token.offset, parser->err,
				"more than %d block parameters", PARSER_PARAMS_MAX);
		params->names[params->count++] = parser->token.text;
		r = parser_advance(parser);
	}
	if (r < 0)
		return r;
	if (params->count == 0)
		return parser_unexpected(parser, "a name");
	first = params->names[0];
	last = params->names[params->count - 1];
	if (first.data[0] == '[' && last.data[last.length - 1] == ']')
		return source_fail(parser->source, parser->token.offset, parser->err,
			"block parameters cannot be written in brackets");
	return parser_expect(parser, TOKEN_CLOSE_PARAMS);
}

/* The tag that opens a block or continues its chain, and the branch behind it. */
static int parser_branch(struct parser *parser, struct statement *block, struct body **ret_body)
{
	struct params params = { .outer = parser->params };
	int r = parser_tag_open(parser, &block->open_strip, &block->call);

	if (r == 0)
		r = parser_call(parser, block->call, false);
	if (r == 0 && parser->token.type == TOKEN_OPEN_PARAMS)
		r = parser_block_params(parser, &params);
	if (r == 0)
		r = parser_tag_close(parser, TOKEN_CLOSE, &block->open_strip);
	if (r == 0 && (block->call->helper == HELPER_T || block->call->helper == HELPER_DATE))
		r = source_fail(parser->source, block->offset, parser->err, "{{%.*s}} is not a block",
			(int)block->call->callee->original.length, block->call->callee->original.data);
	if (r < 0)
		return r;
	if (params.count > 0)
		parser->params = &params;
	r = parser_body(parser, ret_body);
	parser->params = params.outer;
	if (r == 0)
		(*ret_body)->has_params = params.count > 0;
	return r;
}

/* {{else}} body, or {{else x}} body and the rest of the chain, or nothing. *ret_strip is that of the tag. */
static int parser_else(struct parser *parser, bool may_chain, struct body **ret_body, struct strip *ret_strip)
{
	struct statement *block;
	struct body *body;
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
	block = parser_add(parser, body, STATEMENT_BLOCK);
	r = parser_branch(parser, block, &block->body);
	if (r == 0)
		r = parser_else(parser, true, &block->inverse, &block->inverse_strip);
	if (r < 0)
		return r;
	*ret_strip = block->open_strip;
	/* There is no tag that closes this block: what follows it in the chain stands for one. */
	block->close_strip = block->inverse_strip;
	if (block->inverse && block->inverse->chained)
		block->inverse->first->close_strip = block->inverse_strip;
	parser->nesting--;
	*ret_body = body;
	return 0;
}

/* {{/name}} */
static int parser_block_close(struct parser *parser, struct statement *block)
{
	const struct operand *open = block->call->callee;
	size_t offset = parser->token.offset;
	char sign = block->body ? '#' : '^';
	bool open_text, name_text;
	struct source_position opened;
	struct operand *name;
	int r;

	if (parser->token.type == TOKEN_END)
		return source_fail(parser->source, block->offset, parser->err, "{{%c%.*s}} is never closed",
			sign, (int)open->original.length, open->original.data);
	if (parser->token.type != TOKEN_OPEN_END)
		return parser_unexpected(parser, "{{/ that closes the block");
	block->close_strip.left = parser->token.strip_left;
	r = parser_advance(parser);
	if (r == 0)
		r = parser_operand(parser, false, &name);
	if (r == 0)
		r = parser_tag_close(parser, TOKEN_CLOSE, &block->close_strip);
	if (r < 0)
		return r;
	open_text = open->kind == OPERAND_PATH || open->kind == OPERAND_STRING;
	name_text = name->kind == OPERAND_PATH || name->kind == OPERAND_STRING;
	if ((open_text ? name_text : open->kind == name->kind) && slice_equal(open->original, name->original))
		return 0;
	opened = source_position(parser->source, block->offset);
	return source_fail(parser->source, offset, parser->err, "{{/%.*s}} closes {{%c%.*s}} opened at %u:%u",
		(int)name->original.length, name->original.data, sign, (int)open->original.length,
		open->original.data, opened.line, opened.column);
}

static int parser_block(struct parser *parser, struct statement *block)
{
	bool inverted = parser->token.type == TOKEN_OPEN_INVERSE;
	int r = parser_enter(parser);

	if (r == 0)
		r = parser_branch(parser, block, inverted ? &block->inverse : &block->body);
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
	parser->nesting--;
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
			r = parser_text(parser, parser_add(parser, body, STATEMENT_CONTENT));
		else if (type == TOKEN_COMMENT)
			r = parser_text(parser, parser_add(parser, body, STATEMENT_COMMENT));
		else if (type == TOKEN_OPEN || type == TOKEN_OPEN_RAW)
			r = parser_mustache(parser, parser_add(parser, body, STATEMENT_MUSTACHE));
		else if (type == TOKEN_OPEN_BLOCK || type == TOKEN_OPEN_INVERSE)
			r = parser_block(parser, parser_add(parser, body, STATEMENT_BLOCK));
		else if (type == TOKEN_OPEN_PARTIAL)
			r = parser_partial(parser, parser_add(parser, body, STATEMENT_PARTIAL));
		else
			break;
	}
	*ret_body = body;
	return r;
}

int parser_parse(struct unit *unit, struct arena *arena, struct error *err)
{
	struct parser parser = {
		.source = &unit->source,
		.arena = arena,
		.lexer = { .source = &unit->source, .arena = arena },
		.partial_end = &unit->partials,
		.err = err,
	};
	int r = parser_advance(&parser);

	if (r == 0)
		r = parser_body(&parser, &unit->body);
	if (r < 0 || parser.token.type == TOKEN_END)
		return r;
	if (parser.token.type == TOKEN_OPEN_END)
		return source_fail(
			&unit->source, parser.token.offset, err, "nothing is open here that {{/ could close");
	if (parser.token.type == TOKEN_ELSE || parser.token.type == TOKEN_OPEN_ELSE)
		return source_fail(&unit->source, parser.token.offset, err, "{{else}} outside of a block");
	return parser_unexpected(&parser, "text or a tag");
}
