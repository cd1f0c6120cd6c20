/* SPDX-License-Identifier: MIT */
#include "render/lexer-state.h"

#include <string.h>

#include "base/mem.h"
#include "render/arena.h"

/* What ends a name and what ends a literal; whitespace does, too. */
#define LEXER_NAME_END "=~}/.)|"
#define LEXER_LITERAL_END "~})"
#define LEXER_NOT_IN_NAMES "!\"#%&'()*+,./;<=>@[\\]^`{|}~"

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

void lexer_inside(struct lexer *lexer, struct token *ret_token)
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
