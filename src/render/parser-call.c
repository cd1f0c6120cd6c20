/* SPDX-License-Identifier: MIT */
#include "render/parser-state.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "render/arena.h"
#include "render/number.h"
#include "render/syntax.h"

#define PARSER_NUMBER_MAX 400 /* digits; more do not change a double, but strtod needs a copy */

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

int parser_callee(struct parser *parser, struct operand **ret_operand)
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

int parser_arguments(struct parser *parser, struct call *call)
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

int parser_subexpression(struct parser *parser, struct operand **ret_operand)
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
