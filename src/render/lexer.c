/* SPDX-License-Identifier: MIT */
#include "render/lexer.h"

#include <string.h>

#include "base/mem.h"
#include "render/arena.h"

/* Characters that end a name or a literal, as whitespace does. */
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
	struct slice text = lexer->text;

	if (at > text.length)
		at = text.length;
	return (struct slice){ text.data + at, text.length - at };
}

static bool lexer_begins(struct slice text, const char *with)
{
	size_t length = strlen(with);

	return text.length >= length && memcmp(text.data, with, length) == 0;
}

/* Is the next character whitespace or one of `by`? The end of the template is neither. */
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
static struct token lexer_take(struct lexer *lexer, enum token_type type, size_t length)
{
	struct token token = {
		.type = type, .text = { lexer->text.data + lexer->at, length }, .offset = lexer->at
	};

	lexer->at += length;
	return token;
}

static struct token lexer_refuse(const struct lexer *lexer, const char *problem)
{
	return (struct token){ .type = TOKEN_INVALID, .offset = lexer->at, .problem = problem };
}

/* --- outside of mustaches --- */

/* Takes the text up to the next "{{"; it is empty where a mustache begins at once. */
static struct token lexer_content(struct lexer *lexer)
{
	struct slice rest = lexer_rest(lexer, 0);
	size_t end = lexer_find(rest, "{{");
	size_t backslashes = 0;
	struct token token;

	if (end == rest.length)
		return lexer_take(lexer, end > 0 ? TOKEN_CONTENT : TOKEN_END, end);
	while (backslashes < 2 && backslashes < end && rest.data[end - 1 - backslashes] == '\\')
		backslashes++;
	lexer->mode = backslashes == 1 ? LEXER_ESCAPED : LEXER_MUSTACHE;
	token = lexer_take(lexer, TOKEN_CONTENT, end);
	token.text.length -= backslashes > 0;
	return token;
}

/* Takes the text after "\{{" up to the next mustache, escaped or not. The two braces belong to the text. */
static struct token lexer_escaped(struct lexer *lexer)
{
	struct slice rest = lexer_rest(lexer, 0);
	size_t end = 2 + lexer_find(lexer_rest(lexer, 2), "{{");

	for (int i = 0; i < 2 && end < rest.length && end > 2 && rest.data[end - 1] == '\\'; i++)
		end--;
	lexer->mode = LEXER_CONTENT;
	return lexer_take(lexer, TOKEN_CONTENT, end);
}

/* --- "{{" and the sign that follows it: `mark` is the number of bytes up to the sign --- */

/* A comment with dashes ends with "--}}" or "--~}}". "{{!--}}" is complete: the dashes that begin it also end
 * it. */
static struct token lexer_comment(struct lexer *lexer, size_t mark)
{
	struct slice rest = lexer_rest(lexer, mark + 1);
	bool dashes = lexer_begins(rest, "--");
	size_t end = lexer_find(rest, dashes ? "--" : "}}");
	struct token token;

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
		return lexer_refuse(lexer, dashes ? "this comment is never closed; close it with --}}"
						  : "this comment is never closed; close it with }}");
	lexer->mode = LEXER_CONTENT;
	token = lexer_take(lexer, TOKEN_COMMENT, mark + 1 + end + 2);
	token.strip_right = token.text.data[token.text.length - 3] == '~';
	return token;
}

/* {{else or {{^, whose word ends at `end`. If only whitespace follows up to "}}" or "~}}", the tag is
 * complete. */
static struct token lexer_else(struct lexer *lexer, size_t end, enum token_type open)
{
	size_t close = end + slice_space_begin(lexer_rest(lexer, end));
	bool strip = lexer_begins(lexer_rest(lexer, close), "~");
	struct token token;

	if (!lexer_begins(lexer_rest(lexer, close + strip), "}}"))
		return lexer_take(lexer, open, end);
	lexer->mode = LEXER_CONTENT;
	token = lexer_take(lexer, TOKEN_ELSE, close + strip + 2);
	token.strip_right = strip;
	return token;
}

static struct token lexer_open(struct lexer *lexer, size_t mark)
{
	static const struct {
		const char *sign;
		enum token_type type;
		const char *problem;
	} signs[] = {
		{ "#>", TOKEN_INVALID, "partial blocks ({{#> name}}) are not supported" },
		{ "#*", TOKEN_INVALID,
			"inline partials and other decorators ({{#*name}}) are not supported" },
		{ "*", TOKEN_INVALID, "decorators ({{*name}}) are not supported" },
		{ ">", TOKEN_OPEN_PARTIAL, NULL },
		{ "#", TOKEN_OPEN_BLOCK, NULL },
		{ "/", TOKEN_OPEN_END, NULL },
		{ "{", TOKEN_OPEN_RAW, NULL },
		{ "&", TOKEN_OPEN_RAW, NULL },
	};
	struct slice rest = lexer_rest(lexer, mark);
	size_t word = mark + slice_space_begin(rest);

	if (lexer_begins(lexer_rest(lexer, 0), "{{{{"))
		return lexer_refuse(lexer, "raw blocks ({{{{name}}}}) are not supported");
	if (lexer_begins(rest, "!"))
		return lexer_comment(lexer, mark);
	for (size_t i = 0; i < ARRAY_SIZE(signs); i++) {
		if (lexer_begins(rest, signs[i].sign))
			return signs[i].problem ? lexer_refuse(lexer, signs[i].problem)
						: lexer_take(lexer, signs[i].type, mark + 1);
	}
	if (lexer_begins(rest, "^"))
		return lexer_else(lexer, mark + 1, TOKEN_OPEN_INVERSE);
	rest = lexer_rest(lexer, word);
	if (lexer_begins(rest, "else") && (rest.length == 4 || !lexer_is_word(rest.data[4])))
		return lexer_else(lexer, word + strlen("else"), TOKEN_OPEN_ELSE);
	return lexer_take(lexer, TOKEN_OPEN, mark);
}

/* --- inside of mustaches --- */

/* One character that begins no token. */
static struct token lexer_invalid(struct lexer *lexer)
{
	struct slice rest = lexer_rest(lexer, 0);
	size_t length = 1;

	while (length < rest.length && ((unsigned char)rest.data[length] & 0xc0) == 0x80)
		length++;
	return lexer_take(lexer, TOKEN_INVALID, length);
}

/* A text in quotes or a name in brackets, in which a backslash escapes the end. Where only escaped ends
 * follow, the last of them counts as the end, because Handlebars' regular expression backtracks to it. */
static struct token lexer_quoted(struct lexer *lexer)
{
	struct slice rest = lexer_rest(lexer, 0), text;
	bool brackets = rest.data[0] == '[';
	const char *escaped = brackets ? "]\\" : rest.data; /* the end, and for brackets the backslash */
	char end = escaped[0], other = escaped[brackets];
	size_t length = 0, at = 1;
	struct token token;
	char *plain;

	for (; at < rest.length && rest.data[at] != end; at++) {
		if (rest.data[at] == '\\' && at + 1 < rest.length && rest.data[at + 1] == end)
			length = ++at + 1;
	}
	if (at < rest.length)
		length = at + 1;
	if (length == 0)
		return lexer_invalid(lexer);
	token = lexer_take(lexer, brackets ? TOKEN_ID : TOKEN_STRING, length);
	if (!brackets)
		token.text = (struct slice){ token.text.data + 1, length - 2 };
	text = token.text;
	if (!memchr(text.data, '\\', text.length))
		return token;
	plain = arena_alloc(lexer->arena, text.length);
	token.text = (struct slice){ plain, 0 };
	for (at = 0; at < text.length; at++) {
		if (text.data[at] == '\\' && at + 1 < text.length &&
			(text.data[at + 1] == end || text.data[at + 1] == other))
			at++;
		plain[token.text.length++] = text.data[at];
	}
	return token;
}

/* The length of a number such as -1 or 0.25; 0: no number begins here. */
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

/* Takes a name, or a word or number that is a value. */
static struct token lexer_word(struct lexer *lexer)
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
			lexer_followed(lexer, strlen(words[i].word), LEXER_LITERAL_END))
			return lexer_take(lexer, words[i].type, strlen(words[i].word));
	}
	if (length > 0 && lexer_followed(lexer, length, LEXER_LITERAL_END))
		return lexer_take(lexer, TOKEN_NUMBER, length);
	space = lexer_begins(rest, "as") ? slice_space_begin(lexer_rest(lexer, 2)) : 0;
	if (space > 0 && lexer_begins(lexer_rest(lexer, 2 + space), "|"))
		return lexer_take(lexer, TOKEN_OPEN_PARAMS, 2 + space + 1);
	length = 0;
	while (length < rest.length && !strchr(LEXER_NOT_IN_NAMES, rest.data[length]) &&
		slice_space_at((struct slice){ rest.data + length, rest.length - length }) == 0)
		length++;
	if (length == 0 || !lexer_followed(lexer, length, LEXER_NAME_END))
		return lexer_invalid(lexer);
	return lexer_take(lexer, TOKEN_ID, length);
}

/* Takes the next token inside a tag. The text that is left begins neither with whitespace nor with "{{". */
static struct token lexer_inside(struct lexer *lexer)
{
	/* "}}}}" belongs to raw blocks even where "}}}" could end a mustache, as in Handlebars. */
	static const struct {
		const char *sign;
		enum token_type type;
	} signs[] = { { "(", TOKEN_OPEN_CALL }, { ")", TOKEN_CLOSE_CALL }, { "=", TOKEN_EQUALS },
		{ "/", TOKEN_SEPARATOR }, { "@", TOKEN_DATA }, { "|", TOKEN_CLOSE_PARAMS },
		{ "..", TOKEN_ID }, { "}}}}", TOKEN_INVALID }, { "}}}", TOKEN_CLOSE_RAW },
		{ "}~}}", TOKEN_CLOSE_RAW }, { "}}", TOKEN_CLOSE }, { "~}}", TOKEN_CLOSE } };
	struct slice rest = lexer_rest(lexer, 0);

	for (size_t i = 0; i < ARRAY_SIZE(signs); i++) {
		if (lexer_begins(rest, signs[i].sign)) {
			struct token token = lexer_take(lexer, signs[i].type, strlen(signs[i].sign));

			token.strip_right = strchr(signs[i].sign, '~') != NULL;
			if (token.type == TOKEN_CLOSE || token.type == TOKEN_CLOSE_RAW)
				lexer->mode = LEXER_CONTENT;
			return token;
		}
	}
	if (rest.data[0] == '.')
		return lexer_take(
			lexer, lexer_followed(lexer, 1, LEXER_NAME_END) ? TOKEN_ID : TOKEN_SEPARATOR, 1);
	return strchr("\"'[", rest.data[0]) ? lexer_quoted(lexer) : lexer_word(lexer);
}

struct token lexer_next(struct lexer *lexer)
{
	struct token token;
	bool strip;

	if (lexer->mode == LEXER_CONTENT) {
		token = lexer_content(lexer);
		if (token.text.length > 0 || token.type == TOKEN_END)
			return token;
	}
	if (lexer->mode == LEXER_ESCAPED)
		return lexer_escaped(lexer);
	lexer->at += slice_space_begin(lexer_rest(lexer, 0));
	if (lexer->at == lexer->text.length)
		return lexer_take(lexer, TOKEN_END, 0);
	if (!lexer_begins(lexer_rest(lexer, 0), "{{"))
		return lexer_inside(lexer);
	strip = lexer_begins(lexer_rest(lexer, 2), "~");
	token = lexer_open(lexer, strip ? 3 : 2);
	token.strip_left = strip;
	return token;
}
