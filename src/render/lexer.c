/* SPDX-License-Identifier: MIT */
#include "render/lexer.h"

#include <string.h>

#include "base/mem.h"
#include "render/arena.h"

/* Characters that end a name or a literal; whitespace does, too. */
#define LEXER_NAME_END "=~}/.)|"
#define LEXER_LITERAL_END "~})"
#define LEXER_NOT_IN_NAMES "!\"#%&'()*+,./;<=>@[\\]^`{|}~"

bool lexer_is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* The rest of the template, `skip` bytes further on. */
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

/* Does one of the characters, or whitespace, follow? The end of the template does not count. */
static bool lexer_followed(const struct lexer *lexer, size_t length, const char *by)
{
	struct slice rest = lexer_rest(lexer, length);

	return rest.length > 0 && (strchr(by, rest.data[0]) || slice_space_at(rest) > 0);
}

/* Offset of `needle` in text, or text.length. */
static size_t lexer_find(struct slice text, const char *needle)
{
	const char *found = text.length > 0 ? memmem(text.data, text.length, needle, strlen(needle)) : NULL;

	return found ? (size_t)(found - text.data) : text.length;
}

/* Takes `length` bytes as one token. */
static void lexer_take(struct lexer *lexer, enum token_type type, size_t length, struct token *ret_token)
{
	*ret_token = (struct token){
		.type = type,
		.text = { lexer->source->text.data + lexer->at, length },
		.offset = lexer->at,
	};
	lexer->at += length;
}

/* --- outside of mustaches --- */

/* Behind "\{{": text up to the next mustache, escaped or not. The two braces themselves belong to it. */
static void lexer_escaped(struct lexer *lexer, struct token *ret_token)
{
	struct slice rest = lexer_rest(lexer, 0);
	size_t end = 2 + lexer_find(lexer_rest(lexer, 2), "{{");

	for (int i = 0; i < 2 && end < rest.length && end > 2 && rest.data[end - 1] == '\\'; i++)
		end--;
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

/* `mark` is the number of bytes up to "!". With dashes, a comment ends with "--}}" or "--~}}"; "{{!--}}" is
 * complete: its own dashes may be those that end it. */
static int lexer_comment(struct lexer *lexer, size_t mark, struct token *ret_token, struct error *err)
{
	struct slice rest = lexer_rest(lexer, mark + 1);
	bool dashes = lexer_begins(rest, "--");
	size_t end = lexer_find(rest, dashes ? "--" : "}}");

	while (dashes && end < rest.length) {
		struct slice from = { rest.data + end + 2, rest.length - end - 2 };

		if (lexer_begins(from, "}}") || lexer_begins(from, "~}}")) {
			end += from.data[0] == '~' ? 3 : 2;
			break;
		}
		from = (struct slice){ from.data - 1, from.length + 1 };
		end += 1 + lexer_find(from, "--");
	}
	if (end == rest.length)
		return source_fail(lexer->source, lexer->at, err,
			"this comment is never closed; it ends with %s", dashes ? "--}}" : "}}");
	lexer_take(lexer, TOKEN_COMMENT, mark + 1 + end + 2, ret_token);
	ret_token->strip_left = ret_token->text.data[2] == '~';
	ret_token->strip_right = ret_token->text.data[ret_token->text.length - 3] == '~';
	lexer->mode = LEXER_CONTENT;
	return 0;
}

/* {{else or {{^ whose word ends at `end`: with nothing but space up to "}}" or "~}}", that is all of the tag.
 */
static void lexer_else(struct lexer *lexer, size_t end, enum token_type open, struct token *ret_token)
{
	size_t close = end + slice_space_begin(lexer_rest(lexer, end));
	bool strip = lexer_begins(lexer_rest(lexer, close), "~");

	if (!lexer_begins(lexer_rest(lexer, close + strip), "}}")) {
		lexer_take(lexer, open, end, ret_token);
		return;
	}
	lexer_take(lexer, TOKEN_ELSE, close + strip + 2, ret_token);
	ret_token->strip_right = strip;
	lexer->mode = LEXER_CONTENT;
}

/* At "{{". */
static int lexer_open(struct lexer *lexer, struct token *ret_token, struct error *err)
{
	static const struct {
		const char *sign;
		enum token_type type;
		const char *refused;
	} signs[] = {
		{ "#>", TOKEN_INVALID, "partial blocks ({{#> name}})" },
		{ "#*", TOKEN_INVALID, "inline partials and other decorators ({{#*name}})" },
		{ "*", TOKEN_INVALID, "decorators ({{*name}})" },
		{ ">", TOKEN_OPEN_PARTIAL, NULL },
		{ "#", TOKEN_OPEN_BLOCK, NULL },
		{ "/", TOKEN_OPEN_END, NULL },
		{ "{", TOKEN_OPEN_RAW, NULL },
		{ "&", TOKEN_OPEN_RAW, NULL },
	};
	bool strip = lexer_begins(lexer_rest(lexer, 2), "~");
	size_t mark = strip ? 3 : 2; /* bytes up to the sign */
	struct slice rest = lexer_rest(lexer, mark);

	if (lexer_begins(lexer_rest(lexer, 0), "{{{{"))
		return source_fail(
			lexer->source, lexer->at, err, "raw blocks ({{{{name}}}}) are not supported");
	if (lexer_begins(rest, "!"))
		return lexer_comment(lexer, mark, ret_token, err);
	for (size_t i = 0; i < ARRAY_SIZE(signs); i++) {
		if (!lexer_begins(rest, signs[i].sign))
			continue;
		if (signs[i].refused)
			return source_fail(
				lexer->source, lexer->at, err, "%s are not supported", signs[i].refused);
		lexer_take(lexer, signs[i].type, mark + 1, ret_token);
		ret_token->strip_left = strip;
		return 0;
	}
	if (lexer_begins(rest, "^")) {
		lexer_else(lexer, mark + 1, TOKEN_OPEN_INVERSE, ret_token);
	} else {
		size_t word = mark + slice_space_begin(rest);

		rest = lexer_rest(lexer, word);
		if (lexer_begins(rest, "else") && (rest.length == 4 || !lexer_is_word(rest.data[4])))
			lexer_else(lexer, word + strlen("else"), TOKEN_OPEN_ELSE, ret_token);
		else
			lexer_take(lexer, TOKEN_OPEN, mark, ret_token);
	}
	ret_token->strip_left = strip;
	return 0;
}

/* --- inside of mustaches --- */

/* The token's text without the backslash in front of each of the two characters. */
static void lexer_unescape(struct lexer *lexer, struct token *token, char end, char other)
{
	struct slice text = token->text;
	char *plain;
	size_t length = 0;

	if (!memchr(text.data, '\\', text.length))
		return;
	plain = arena_alloc(lexer->arena, text.length);
	for (size_t i = 0; i < text.length; i++) {
		if (text.data[i] == '\\' && i + 1 < text.length &&
			(text.data[i + 1] == end || text.data[i + 1] == other))
			i++;
		plain[length++] = text.data[i];
	}
	token->text = (struct slice){ plain, length };
}

/* A text in quotes or a name in brackets, with `\end` as escape. Where only escaped ends follow, the last of
 * them is taken for the end: a regular expression backtracks to it. */
static bool lexer_quoted(struct lexer *lexer, struct token *ret_token)
{
	struct slice rest = lexer_rest(lexer, 0);
	char quote = rest.data[0], end = quote;
	size_t length = 0, at = 1;

	if (quote == '[')
		end = ']';
	for (; at < rest.length && rest.data[at] != end; at++) {
		if (rest.data[at] == '\\' && at + 1 < rest.length && rest.data[at + 1] == end)
			length = ++at + 1;
	}
	if (at < rest.length)
		length = at + 1;
	if (length == 0)
		return false;
	lexer_take(lexer, quote == '[' ? TOKEN_ID : TOKEN_STRING, length, ret_token);
	if (quote == '[') {
		lexer_unescape(lexer, ret_token, end, '\\');
	} else {
		ret_token->text = (struct slice){ ret_token->text.data + 1, length - 2 };
		lexer_unescape(lexer, ret_token, end, end);
	}
	return true;
}

/* Length of a number as -1 or 0.25; 0: none begins here. */
static size_t lexer_number(struct slice rest)
{
	size_t digits = 0, end = 0;

	for (size_t at = lexer_begins(rest, "-"); at < rest.length; at++) {
		if (rest.data[at] >= '0' && rest.data[at] <= '9') {
			digits++;
			end = at + 1;
		} else if (rest.data[at] != '.' || digits == 0 || memchr(rest.data, '.', at)) {
			break;
		}
	}
	return end;
}

/* A name, or a word or number that is a value. */
static bool lexer_word(struct lexer *lexer, struct token *ret_token)
{
	static const struct {
		const char *word;
		enum token_type type;
	} words[] = { { "true", TOKEN_TRUE }, { "false", TOKEN_FALSE }, { "undefined", TOKEN_UNDEFINED },
		{ "null", TOKEN_NULL } };
	struct slice rest = lexer_rest(lexer, 0);
	size_t length = lexer_number(rest), space;

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (lexer_begins(rest, words[i].word) &&
			lexer_followed(lexer, strlen(words[i].word), LEXER_LITERAL_END)) {
			lexer_take(lexer, words[i].type, strlen(words[i].word), ret_token);
			return true;
		}
	}
	if (length > 0 && lexer_followed(lexer, length, LEXER_LITERAL_END)) {
		lexer_take(lexer, TOKEN_NUMBER, length, ret_token);
		return true;
	}
	space = lexer_begins(rest, "as") ? slice_space_begin(lexer_rest(lexer, 2)) : 0;
	if (space > 0 && lexer_begins(lexer_rest(lexer, 2 + space), "|")) {
		lexer_take(lexer, TOKEN_OPEN_PARAMS, 2 + space + 1, ret_token);
		return true;
	}
	length = 0;
	while (length < rest.length && !strchr(LEXER_NOT_IN_NAMES, rest.data[length]) &&
		slice_space_at((struct slice){ rest.data + length, rest.length - length }) == 0)
		length++;
	if (length == 0 || !lexer_followed(lexer, length, LEXER_NAME_END))
		return false;
	lexer_take(lexer, TOKEN_ID, length, ret_token);
	return true;
}

/* The next token inside of a tag, where something is left that is neither whitespace nor "{{". */
static void lexer_inside(struct lexer *lexer, struct token *ret_token)
{
	/* "}}}}" belongs to raw blocks even where "}}}" could end a mustache; so Handlebars reads it. */
	static const struct {
		const char *sign;
		enum token_type type;
	} signs[] = { { "(", TOKEN_OPEN_CALL }, { ")", TOKEN_CLOSE_CALL }, { "=", TOKEN_EQUALS },
		{ "/", TOKEN_SEPARATOR }, { "@", TOKEN_DATA }, { "|", TOKEN_CLOSE_PARAMS },
		{ "..", TOKEN_ID }, { "}}}}", TOKEN_INVALID }, { "}}}", TOKEN_CLOSE_RAW },
		{ "}~}}", TOKEN_CLOSE_RAW }, { "}}", TOKEN_CLOSE }, { "~}}", TOKEN_CLOSE } };
	struct slice rest = lexer_rest(lexer, 0);

	for (size_t i = 0; i < ARRAY_SIZE(signs); i++) {
		if (!lexer_begins(rest, signs[i].sign))
			continue;
		lexer_take(lexer, signs[i].type, strlen(signs[i].sign), ret_token);
		ret_token->strip_right = strchr(signs[i].sign, '~') != NULL;
		if (signs[i].type == TOKEN_CLOSE || signs[i].type == TOKEN_CLOSE_RAW)
			lexer->mode = LEXER_CONTENT;
		return;
	}
	if (rest.data[0] == '.') {
		lexer_take(lexer, lexer_followed(lexer, 1, LEXER_NAME_END) ? TOKEN_ID : TOKEN_SEPARATOR, 1,
			ret_token);
		return;
	}
	if (strchr("\"'[", rest.data[0]) && lexer_quoted(lexer, ret_token))
		return;
	if (!lexer_word(lexer, ret_token)) {
		size_t length = 1; /* of one character */

		while (length < rest.length && ((unsigned char)rest.data[length] & 0xc0) == 0x80)
			length++;
		lexer_take(lexer, TOKEN_INVALID, length, ret_token);
	}
}

int lexer_next(struct lexer *lexer, struct token *ret_token, struct error *err)
{
	if (lexer->mode == LEXER_CONTENT && lexer_content(lexer, ret_token))
		return 0;
	if (lexer->mode == LEXER_ESCAPED) {
		lexer_escaped(lexer, ret_token);
		return 0;
	}
	lexer->at += slice_space_begin(lexer_rest(lexer, 0));
	if (lexer->at == lexer->source->text.length)
		lexer_take(lexer, TOKEN_END, 0, ret_token);
	else if (lexer_begins(lexer_rest(lexer, 0), "{{"))
		return lexer_open(lexer, ret_token, err);
	else
		lexer_inside(lexer, ret_token);
	return 0;
}
