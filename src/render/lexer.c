/* SPDX-License-Identifier: MIT */
#include "render/lexer.h"

#include <string.h>

#include "base/mem.h"
#include "render/arena.h"

/* What ends a name and what ends a literal; whitespace does, too. */
#define LEXER_NAME_END "=~}/.)|"
#define LEXER_LITERAL_END "~})"
#define LEXER_NOT_IN_NAMES "!\"#%&'()*+,./;<=>@[\\]^`{|}~"

void lexer_init(struct lexer *lexer, const struct source *source, struct arena *arena)
{
	*lexer = (struct lexer){ .source = source, .arena = arena };
}

const char *lexer_token_name(enum token_type type)
{
	static const char *const names[] = {
		[TOKEN_END] = "the end of the template",
		[TOKEN_CONTENT] = "text",
		[TOKEN_COMMENT] = "a comment",
		[TOKEN_OPEN] = "{{",
		[TOKEN_OPEN_RAW] = "{{{ or {{&",
		[TOKEN_OPEN_BLOCK] = "{{#",
		[TOKEN_OPEN_END] = "{{/",
		[TOKEN_OPEN_INVERSE] = "{{^",
		[TOKEN_OPEN_ELSE] = "{{else ...}}",
		[TOKEN_ELSE] = "{{else}}",
		[TOKEN_OPEN_PARTIAL] = "{{>",
		[TOKEN_CLOSE] = "}}",
		[TOKEN_CLOSE_RAW] = "}}}",
		[TOKEN_OPEN_CALL] = "(",
		[TOKEN_CLOSE_CALL] = ")",
		[TOKEN_EQUALS] = "=",
		[TOKEN_ID] = "a name",
		[TOKEN_SEPARATOR] = ". or /",
		[TOKEN_STRING] = "a string",
		[TOKEN_NUMBER] = "a number",
		[TOKEN_TRUE] = "true",
		[TOKEN_FALSE] = "false",
		[TOKEN_UNDEFINED] = "undefined",
		[TOKEN_NULL] = "null",
		[TOKEN_DATA] = "@",
		[TOKEN_OPEN_PARAMS] = "as |",
		[TOKEN_CLOSE_PARAMS] = "|",
		[TOKEN_INVALID] = "a character that means nothing here",
	};

	return names[type];
}

static struct slice lexer_rest(const struct lexer *lexer, size_t skip)
{
	size_t at = lexer->at + skip;
	struct slice text = lexer->source->text;

	if (at > text.length)
		at = text.length;
	return (struct slice){ text.data + at, text.length - at };
}

static bool lexer_begins(struct slice text, const char *with)
{
	size_t length = strlen(with);

	return text.length >= length && memcmp(text.data, with, length) == 0;
}

static size_t lexer_skip_space(struct slice text)
{
	size_t at = 0, length;

	while ((length = slice_space_at((struct slice){ text.data + at, text.length - at })) > 0)
		at += length;
	return at;
}

static void lexer_take(struct lexer *lexer, enum token_type type, size_t length, struct token *ret_token)
{
	*ret_token = (struct token){
		.type = type,
		.text = { lexer->source->text.data + lexer->at, length },
		.offset = lexer->at,
	};
	lexer->at += length;
}

/* Offset of `needle` in text, or text.length. */
static size_t lexer_find(struct slice text, const char *needle)
{
	const char *found = text.length > 0 ? memmem(text.data, text.length, needle, strlen(needle)) : NULL;

	return found ? (size_t)(found - text.data) : text.length;
}

/* --- inside of mustaches --- */

/* "}}}}" belongs to raw blocks even where "}}}" could end a mustache; so Handlebars reads it. */
static bool lexer_close(struct lexer *lexer, struct token *ret_token)
{
	struct slice rest = lexer_rest(lexer, 0);

	if (lexer_begins(rest, "}}}}"))
		lexer_take(lexer, TOKEN_INVALID, 4, ret_token);
	else if (lexer_begins(rest, "}}}"))
		lexer_take(lexer, TOKEN_CLOSE_RAW, 3, ret_token);
	else if (lexer_begins(rest, "}~}}"))
		lexer_take(lexer, TOKEN_CLOSE_RAW, 4, ret_token);
	else if (lexer_begins(rest, "}}"))
		lexer_take(lexer, TOKEN_CLOSE, 2, ret_token);
	else if (lexer_begins(rest, "~}}"))
		lexer_take(lexer, TOKEN_CLOSE, 3, ret_token);
	else
		return false;
	ret_token->strip_right = memchr(ret_token->text.data, '~', ret_token->text.length) != NULL;
	if (ret_token->type != TOKEN_INVALID)
		lexer->mode = LEXER_CONTENT;
	return true;
}

/* Length of a text in quotes or brackets with `\end` as escape; 0 when it does not end. Where only escaped
 * ends follow, the last of them is taken for the end: a regular expression backtracks to it. */
static size_t lexer_enclosed(struct slice rest, char end)
{
	size_t fallback = 0;

	for (size_t i = 1; i < rest.length; i++) {
		if (rest.data[i] == end)
			return i + 1;
		if (rest.data[i] == '\\' && i + 1 < rest.length && rest.data[i + 1] == end)
			fallback = ++i + 1;
	}
	return fallback;
}

/* The token's text without the backslash in front of each of the two characters. */
static void lexer_unescape(struct lexer *lexer, struct token *token, char end, char other)
{
	struct slice text = token->text;
	char *plain;
	size_t length = 0;

	if (!memchr(text.data, '\\', text.length))
		return;
	plain = arena_text(lexer->arena, text.length);
	for (size_t i = 0; i < text.length; i++) {
		if (text.data[i] == '\\' && i + 1 < text.length &&
			(text.data[i + 1] == end || text.data[i + 1] == other))
			i++;
		plain[length++] = text.data[i];
	}
	token->text = (struct slice){ plain, length };
}

static bool lexer_quoted(struct lexer *lexer, struct token *ret_token)
{
	struct slice rest = lexer_rest(lexer, 0);
	char quote = rest.data[0];
	size_t length;

	if (quote == '[')
		quote = ']';
	length = lexer_enclosed(rest, quote);
	if (length == 0)
		return false;
	lexer_take(lexer, quote == ']' ? TOKEN_ID : TOKEN_STRING, length, ret_token);
	if (quote == ']') {
		lexer_unescape(lexer, ret_token, ']', '\\');
		return true;
	}
	ret_token->text = (struct slice){ ret_token->text.data + 1, length - 2 };
	lexer_unescape(lexer, ret_token, quote, quote);
	return true;
}

/* Does one of the characters, or whitespace, follow? The end of the template does not count. */
static bool lexer_followed(const struct lexer *lexer, size_t length, const char *by)
{
	struct slice rest = lexer_rest(lexer, length);

	return rest.length > 0 && (strchr(by, rest.data[0]) || slice_space_at(rest) > 0);
}

static size_t lexer_digits(struct slice text, size_t at)
{
	while (at < text.length && text.data[at] >= '0' && text.data[at] <= '9')
		at++;
	return at;
}

static size_t lexer_number_length(struct slice rest)
{
	size_t start = rest.data[0] == '-' ? 1 : 0;
	size_t end = lexer_digits(rest, start), fraction;

	if (end == start)
		return 0;
	if (end == rest.length || rest.data[end] != '.')
		return end;
	fraction = lexer_digits(rest, end + 1);
	return fraction > end + 1 ? fraction : end;
}

static bool lexer_literal(struct lexer *lexer, struct token *ret_token)
{
	static const struct {
		const char *word;
		enum token_type type;
	} words[] = { { "true", TOKEN_TRUE }, { "false", TOKEN_FALSE }, { "undefined", TOKEN_UNDEFINED },
		{ "null", TOKEN_NULL } };
	struct slice rest = lexer_rest(lexer, 0);
	size_t length = lexer_number_length(rest);

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (lexer_begins(rest, words[i].word) &&
			lexer_followed(lexer, strlen(words[i].word), LEXER_LITERAL_END)) {
			lexer_take(lexer, words[i].type, strlen(words[i].word), ret_token);
			return true;
		}
	}
	if (length == 0 || !lexer_followed(lexer, length, LEXER_LITERAL_END))
		return false;
	lexer_take(lexer, TOKEN_NUMBER, length, ret_token);
	return true;
}

static bool lexer_params(struct lexer *lexer, struct token *ret_token)
{
	size_t space;

	if (!lexer_begins(lexer_rest(lexer, 0), "as"))
		return false;
	space = lexer_skip_space(lexer_rest(lexer, 2));
	if (space == 0 || !lexer_begins(lexer_rest(lexer, 2 + space), "|"))
		return false;
	lexer_take(lexer, TOKEN_OPEN_PARAMS, 2 + space + 1, ret_token);
	return true;
}

static bool lexer_name(struct lexer *lexer, struct token *ret_token)
{
	struct slice rest = lexer_rest(lexer, 0);
	size_t length = 0;

	while (length < rest.length && !strchr(LEXER_NOT_IN_NAMES, rest.data[length]) &&
		slice_space_at((struct slice){ rest.data + length, rest.length - length }) == 0)
		length++;
	if (length == 0 || !lexer_followed(lexer, length, LEXER_NAME_END))
		return false;
	lexer_take(lexer, TOKEN_ID, length, ret_token);
	return true;
}

static void lexer_dot(struct lexer *lexer, struct token *ret_token)
{
	if (lexer_begins(lexer_rest(lexer, 0), ".."))
		lexer_take(lexer, TOKEN_ID, 2, ret_token);
	else if (lexer_followed(lexer, 1, LEXER_NAME_END))
		lexer_take(lexer, TOKEN_ID, 1, ret_token);
	else
		lexer_take(lexer, TOKEN_SEPARATOR, 1, ret_token);
}

static void lexer_inside(struct lexer *lexer, struct token *ret_token)
{
	static const struct {
		char character;
		enum token_type type;
	} signs[] = { { '(', TOKEN_OPEN_CALL }, { ')', TOKEN_CLOSE_CALL }, { '=', TOKEN_EQUALS },
		{ '/', TOKEN_SEPARATOR }, { '@', TOKEN_DATA }, { '|', TOKEN_CLOSE_PARAMS } };
	char first = lexer_rest(lexer, 0).data[0];

	for (size_t i = 0; i < ARRAY_SIZE(signs); i++) {
		if (signs[i].character == first) {
			lexer_take(lexer, signs[i].type, 1, ret_token);
			return;
		}
	}
	if (first == '.') {
		lexer_dot(lexer, ret_token);
		return;
	}
	if (lexer_close(lexer, ret_token))
		return;
	if ((first == '"' || first == '\'' || first == '[') && lexer_quoted(lexer, ret_token))
		return;
	if (!lexer_literal(lexer, ret_token) && !lexer_params(lexer, ret_token) &&
		!lexer_name(lexer, ret_token))
		lexer_take(lexer, TOKEN_INVALID, 1, ret_token);
}

/* --- outside of mustaches --- */

/* Behind "\{{": text up to the next mustache, escaped or not. The two braces themselves belong to it. */
static void lexer_escaped(struct lexer *lexer, struct token *ret_token)
{
	struct slice rest = lexer_rest(lexer, 0);
	size_t end = 2;

	while (end < rest.length) {
		struct slice from = { rest.data + end, rest.length - end };

		if (lexer_begins(from, "{{") || lexer_begins(from, "\\{{") || lexer_begins(from, "\\\\{{"))
			break;
		end++;
	}
	lexer->mode = LEXER_CONTENT;
	lexer_take(lexer, TOKEN_CONTENT, end, ret_token);
}

/* False: no text here, a mustache begins. */
static bool lexer_content(struct lexer *lexer, struct token *ret_token)
{
	struct slice rest = lexer_rest(lexer, 0);
	size_t end = lexer_find(rest, "{{");
	size_t backslashes = 0;

	if (end == rest.length) {
		lexer_take(lexer, end > 0 ? TOKEN_CONTENT : TOKEN_END, end, ret_token);
		return true;
	}
	while (backslashes < 2 && backslashes < end && rest.data[end - 1 - backslashes] == '\\')
		backslashes++;
	lexer->mode = backslashes == 1 ? LEXER_ESCAPED : LEXER_MUSTACHE;
	lexer_take(lexer, TOKEN_CONTENT, end, ret_token);
	if (backslashes > 0)
		ret_token->text.length--;
	return ret_token->text.length > 0;
}

/* --- "{{" and what stands right behind it --- */

/* Length of a comment that begins with dashes, up to "--}}" or "--~}}"; 0 when it does not end. "{{!--}}" is
 * complete: its own dashes may be those that end it. */
static size_t lexer_dashed_comment(struct slice rest)
{
	size_t at = 0;

	for (;;) {
		struct slice from = { rest.data + at, rest.length - at };
		size_t found = lexer_find(from, "--");

		if (found == from.length)
			return 0;
		at += found + 2;
		from = (struct slice){ rest.data + at, rest.length - at };
		if (lexer_begins(from, "}}") || lexer_begins(from, "~}}"))
			return at + (from.data[0] == '~') + 2;
		at--;
	}
}

static int lexer_comment(struct lexer *lexer, size_t mark, struct token *ret_token, struct error *err)
{
	struct slice rest = lexer_rest(lexer, mark + 1);
	bool dashes = lexer_begins(rest, "--");
	size_t end = dashes ? lexer_dashed_comment(rest) : lexer_find(rest, "}}") + 2;

	if (end == 0 || end > rest.length)
		return source_fail(lexer->source, lexer->at, err,
			"this comment is never closed; it ends with %s", dashes ? "--}}" : "}}");
	lexer_take(lexer, TOKEN_COMMENT, mark + 1 + end, ret_token);
	ret_token->strip_left = ret_token->text.data[2] == '~';
	ret_token->strip_right = ret_token->text.data[ret_token->text.length - 3] == '~';
	lexer->mode = LEXER_CONTENT;
	return 0;
}

bool lexer_is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* Is this "word}}" or "word~}}" with nothing but space in between? Then it is all of an else tag. */
static bool lexer_else(struct lexer *lexer, size_t after_word, struct token *ret_token)
{
	struct slice rest = lexer_rest(lexer, after_word);
	size_t end = lexer_skip_space(rest);
	bool strip = end < rest.length && rest.data[end] == '~';

	rest = lexer_rest(lexer, after_word + end + strip);
	if (!lexer_begins(rest, "}}"))
		return false;
	lexer_take(lexer, TOKEN_ELSE, after_word + end + strip + 2, ret_token);
	ret_token->strip_right = strip;
	lexer->mode = LEXER_CONTENT;
	return true;
}

static int lexer_refuse(struct lexer *lexer, struct error *err, const char *what)
{
	return source_fail(lexer->source, lexer->at, err, "%s are not supported", what);
}

static void lexer_open_plain(struct lexer *lexer, size_t mark, struct token *ret_token)
{
	struct slice rest = lexer_rest(lexer, mark);
	size_t space = lexer_skip_space(rest), word = mark + space + strlen("else");

	rest = lexer_rest(lexer, mark + space);
	if (!lexer_begins(rest, "else") || (rest.length > 4 && lexer_is_word(rest.data[4])))
		lexer_take(lexer, TOKEN_OPEN, mark, ret_token);
	else if (!lexer_else(lexer, word, ret_token))
		lexer_take(lexer, TOKEN_OPEN_ELSE, word, ret_token);
}

/* At "{{". `mark` is the number of bytes up to the character that says what it is. */
static int lexer_open(struct lexer *lexer, struct token *ret_token, struct error *err)
{
	bool strip = lexer_begins(lexer_rest(lexer, 2), "~");
	size_t mark = strip ? 3 : 2;
	struct slice rest = lexer_rest(lexer, mark);

	if (lexer_begins(lexer_rest(lexer, 0), "{{{{"))
		return lexer_refuse(lexer, err, "raw blocks ({{{{name}}}})");
	if (lexer_begins(rest, "#>"))
		return lexer_refuse(lexer, err, "partial blocks ({{#> name}})");
	if (lexer_begins(rest, "#*"))
		return lexer_refuse(lexer, err, "inline partials and other decorators ({{#*name}})");
	if (lexer_begins(rest, "*"))
		return lexer_refuse(lexer, err, "decorators ({{*name}})");
	if (lexer_begins(rest, "!"))
		return lexer_comment(lexer, mark, ret_token, err);

	if (lexer_begins(rest, ">"))
		lexer_take(lexer, TOKEN_OPEN_PARTIAL, mark + 1, ret_token);
	else if (lexer_begins(rest, "#"))
		lexer_take(lexer, TOKEN_OPEN_BLOCK, mark + 1, ret_token);
	else if (lexer_begins(rest, "/"))
		lexer_take(lexer, TOKEN_OPEN_END, mark + 1, ret_token);
	else if (lexer_begins(rest, "{") || lexer_begins(rest, "&"))
		lexer_take(lexer, TOKEN_OPEN_RAW, mark + 1, ret_token);
	else if (!lexer_begins(rest, "^"))
		lexer_open_plain(lexer, mark, ret_token);
	else if (!lexer_else(lexer, mark + 1, ret_token))
		lexer_take(lexer, TOKEN_OPEN_INVERSE, mark + 1, ret_token);
	if (ret_token->type == TOKEN_OPEN_RAW)
		ret_token->text = (struct slice){ ret_token->text.data + mark, 1 };
	ret_token->strip_left = strip;
	return 0;
}

int lexer_next(struct lexer *lexer, struct token *ret_token, struct error *err)
{
	if (lexer->mode == LEXER_CONTENT && lexer_content(lexer, ret_token))
		return 0;
	if (lexer->mode == LEXER_ESCAPED) {
		lexer_escaped(lexer, ret_token);
		return 0;
	}
	lexer->at += lexer_skip_space(lexer_rest(lexer, 0));
	if (lexer->at == lexer->source->text.length) {
		lexer_take(lexer, TOKEN_END, 0, ret_token);
		return 0;
	}
	if (lexer_begins(lexer_rest(lexer, 0), "{{"))
		return lexer_open(lexer, ret_token, err);
	lexer_inside(lexer, ret_token);
	return 0;
}
